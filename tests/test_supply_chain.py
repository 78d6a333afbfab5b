"""What the program is made of: bounded, locked with hashes, listed, and asked about."""

import json
import re
import shutil
import threading
import tomllib
import venv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from auditor import __version__
from tests import bill_of_materials, vulnerabilities
from tests.vulnerabilities import LOCK

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
AT_RUN_TIME = ("sandbox", "watch", "pdf", "postgresql", "notify", "dask")
"""The extras that people install; the others are for whoever works on the program."""

CORE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
EVERY = sorted({*CORE, *PROJECT["build-system"]["requires"], *chain(*EXTRAS.values())})
NEEDED = sorted({*CORE, *chain(*(EXTRAS[name] for name in AT_RUN_TIME))})

_PIN = re.compile(r"(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
_COMMENT = re.compile(r" *#.*")


def locked() -> dict[str, list[str]]:
    """The versions of each package in the lock: one, or one for each marker."""
    found: dict[str, list[str]] = {}
    for line in LOCK.read_text().splitlines():
        pin = _PIN.fullmatch(line)
        if pin:
            found.setdefault(canonicalize_name(pin["name"]), []).append(pin["version"])
    return found


@pytest.mark.parametrize("line", EVERY)
def test_every_dependency_is_bounded_below_and_above(line: str) -> None:
    operators = {each.operator for each in Requirement(line).specifier}
    assert operators >= {">=", "<"}, line


def test_extras_are_either_for_running_or_for_working_on_it() -> None:
    assert set(EXTRAS) == {*AT_RUN_TIME, "dev", "test", "ci", "mutation"}


@pytest.mark.parametrize("line", NEEDED)
def test_the_lock_holds_what_pyproject_asks_for_and_nothing_out_of_its_bounds(line: str) -> None:
    requirement = Requirement(line)
    versions = locked().get(canonicalize_name(requirement.name), [])
    assert versions, f"{requirement.name} is not locked: make lock"
    assert all(version in requirement.specifier for version in versions), "make lock"


def test_every_line_of_the_lock_is_a_pin_a_hash_or_a_comment() -> None:
    """No option, no address: where packages come from is for whoever installs them to say."""
    lines = LOCK.read_text().splitlines()
    for line in lines:
        assert any(kind.fullmatch(line) for kind in (_PIN, _HASH, _COMMENT)), line
        assert "://" not in line
        assert not re.search(r"\(/|[A-Z]:\\", line), "a path of one machine"
    for line, following in pairwise(lines):
        if _PIN.fullmatch(line):
            assert _HASH.fullmatch(following), f"no hash: {line}"


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of an environment that says it holds what the core of the program needs."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in (Requirement(line).name for line in CORE):
        (file,) = [f for f in distribution(name).files or () if f.match("*.dist-info/METADATA")]
        location = Path(str(distribution(name).locate_file(file))).parent
        shutil.copytree(location, packages / location.name)
    return bill_of_materials.bill(folder / "bin" / "python")


@pytest.mark.slow
def test_a_bill_of_materials_names_the_program_its_packages_and_their_licences(bill: str) -> None:
    made = json.loads(bill)
    root = made["metadata"]["component"]
    assert (root["name"], root["version"]) == ("zoom-privacy-auditor", __version__)
    components: dict[str, Any] = {
        canonicalize_name(each["name"]): each for each in made["components"]
    }
    assert {canonicalize_name(Requirement(line).name) for line in CORE} <= set(components)
    assert components["requests"]["licenses"]
    assert components["requests"]["purl"].startswith("pkg:pypi/requests@")
    edges = {each["ref"]: each.get("dependsOn", []) for each in made["dependencies"]}
    assert any(ref.startswith("requests==") for ref in edges[root["bom-ref"]])


@pytest.mark.slow
@pytest.mark.slow
def test_a_bill_that_is_not_valid_is_seen_to_be_so(bill: str) -> None:
    made = json.loads(bill)
    assert bill_of_materials.faults(bill) == ""
    del made["components"][0]["name"]
    assert "name" in bill_of_materials.faults(json.dumps(made))


Service = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def service() -> Service:
    """Serves OSV's answers: what is known of these packages by name, and nothing of others."""

    @contextmanager
    def serving(*vulnerable: str, status: int = 200) -> Iterator[str]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name, version = query["package"]["name"], query["version"]
                affected = {
                    "package": {"name": name, "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "99.1"}]}],
                    "versions": [version],
                }
                known = {
                    "id": "PYSEC-2026-1",
                    "summary": "bad",
                    "modified": "2026-01-01T00:00:00Z",
                    "published": "2026-01-01T00:00:00Z",
                    "affected": [affected],
                }
                body = json.dumps({"vulns": [known]} if name in vulnerable else {}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Silence."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        server.server_close()
        thread.join()

    return serving


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "some.lock"
    path.write_text("requests==2.32.3\nrich==14.0.0\n")
    return path


def exit_code_of(url: str, lock: Path) -> int:
    return vulnerabilities.main(["--osv-url", url, "--lock", str(lock)])


def test_a_vulnerable_package_fails_and_is_named_with_its_remedy(
    service: Service, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service("jinja2", "requests") as url:
        assert exit_code_of(url, lock) == 1
    assert "requests 2.32.3: PYSEC-2026-1 (fixed in 99.1)" in capsys.readouterr().out


def test_packages_without_a_known_vulnerability_pass_and_are_counted(
    service: Service, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service("jinja2") as url:
        assert exit_code_of(url, lock) == 0
        assert capsys.readouterr().out == (
            f"2 packages of some.lock: {url} knows of no vulnerability.\n"
        )


def test_a_service_that_knows_nothing_proves_nothing(
    service: Service, lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service() as url:
        assert exit_code_of(url, lock) == 0
    output = capsys.readouterr().out
    assert output.startswith("NOT CHECKED for vulnerabilities: some.lock.")
    assert "it knows nothing of jinja2==2.10" in output
    assert "knows of no vulnerability" not in output


@pytest.mark.parametrize("broken", ["error", "gone"])
def test_a_service_that_cannot_be_asked_is_no_silent_pass(
    service: Service, lock: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    with service(status=500) as url:
        if broken == "error":
            assert exit_code_of(url, lock) == 0
    if broken == "gone":
        assert exit_code_of(url, lock) == 0
    output = capsys.readouterr().out
    assert output.startswith("NOT CHECKED for vulnerabilities: some.lock.")
    assert "knows of no vulnerability" not in output
