"""A fleet on a Dask cluster and PostgreSQL, while workers, scheduler and database come and go."""

import json
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.app import fleet_cluster
from auditor.sandbox import Faults
from auditor.store.runs import Runs
from tests.end_to_end.clusters import Cluster, cluster_of, free_port
from tests.end_to_end.conftest import COMMAND, FAST, Auditor
from tests.end_to_end.fleets import FleetAuditor, fleet_of
from tests.end_to_end.test_fleet import judged
from tests.notify.receivers import webhook
from tests.store.conftest import PASSWORD, Server

SCENARIOS = ("drifted", "clean", "unlocked", "denied", "drifted")
GOOD = 47
FAILING: Mapping[str, tuple[Faults, str]] = {
    "refused": (Faults(token_life=0), "Zoom"),
    "limited": (Faults(rate_429=1.0), "too many requests a second"),
    "hanging": (Faults(slow=1.0, slow_seconds=600), "did not answer"),
}
ONLY = ("--topic", "ai")


@dataclass(frozen=True)
class Fleet:
    """Accounts, a cluster that has their credentials, and a client that has none."""

    auditor: FleetAuditor
    cluster: Cluster
    store: str

    @property
    def environment(self) -> dict[str, str]:
        """That of the client."""
        of_workers = self.auditor.environment()
        secret = ("_ZOOM_CLIENT_ID", "_ZOOM_CLIENT_SECRET", "_ZOOM_OAUTH_URL", "_ZOOM_API_URL")
        kept = {name: value for name, value in of_workers.items() if not name.endswith(secret)}
        # Every address of this machine is one place.
        own = {"AUDITOR_STORE": self.store, "ZOOM_API_URL": "http://127.0.0.1:9/v2"}
        return {**kept, **own, **self.cluster.of_a_client}

    def begun(self, *words: object) -> "subprocess.Popen[str]":
        command = [str(COMMAND), "fleet", *map(str, words), "--engine", "dask"]
        return subprocess.Popen(
            [*command, "--scheduler", self.cluster.address],
            cwd=self.auditor.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shown(self, *words: object) -> str:
        """What a command prints, with the environment of the client."""
        client = Auditor(self.auditor.folder)
        ran = client(*words, env=self.environment)
        assert ran.code == 0, ran.err
        return ran.out


@contextmanager
def fleet_on_a_cluster(folder: Path, server: Server, **accounts: str | Faults) -> Iterator[Fleet]:
    store = server.database()
    with fleet_of(folder, **accounts) as auditor:
        auditor.write(
            **{name: {"account_id": each.account_id} for name, each in auditor.sandboxes.items()}
        )
        environment = auditor.environment({"AUDITOR_STORE": store})
        with cluster_of(folder, environment, workers=3) as cluster:
            yield Fleet(auditor, cluster, store)


@pytest.mark.longest
def test_a_fleet_survives_what_happens_to_a_cluster(server: Server, tmp_path: Path) -> None:
    good = {f"a{number:02}": SCENARIOS[number % len(SCENARIOS)] for number in range(GOOD)}
    failing = {name: faults for name, (faults, _) in FAILING.items()}
    with webhook() as hook, fleet_on_a_cluster(tmp_path, server, **failing, **good) as fleet:
        disturbances: dict[int, Callable[[], object]] = {
            5: lambda: fleet.cluster.kill("worker0"),
            15: lambda: fleet.cluster.kill("scheduler"),
            30: lambda: server.control("-m", "immediate", "restart"),
        }
        news = (
            "--notify",
            f"json://me:CANARY-hook@{hook.host}",
            "--notify-on",
            "always,incomplete",
        )
        words = (*FAST, *ONLY, *news, "--reports", "reports", "--report", "night.html")
        client = fleet.begun("nightly", *words, "--fail-on", "high", "-vv")
        shown = disturbed(client, disturbances)
        assert disturbances == {}, shown
        assert client.returncode == 1, shown

        report = json.loads(fleet.shown("fleet", "report", *ONLY, "--format", "json"))
        why = {each["name"]: each["failure"] for each in report["accounts"] if each["failure"]}
        assert set(why) == set(FAILING), why
        for name, (_, part) in FAILING.items():
            assert part in why[name]
        runs = {each["name"]: each["run"]["id"] for each in report["accounts"] if each["run"]}
        assert set(runs) == set(good)

        for name, run in runs.items():
            (tmp_path / "single" / name).mkdir(parents=True)
            single = Auditor(tmp_path / "single" / name, fleet.auditor.sandboxes[name])
            alone = single.audit(*ONLY, "--format", "json").report
            on_cluster = json.loads(fleet.shown("report", run, "--format", "json"))
            assert json.dumps(judged(on_cluster)) == json.dumps(judged(alone)), name

        (message,) = hook.documents
        assert "3 not audited" in message["title"]
        assert {each.stem for each in (tmp_path / "reports").iterdir()} == set(good)
        no_secret(fleet, server, shown + json.dumps(message))


def disturbed(
    client: "subprocess.Popen[str]", disturbances: dict[int, Callable[[], object]]
) -> str:
    """Runs a client to its end, and disturbs the cluster after so many accounts."""
    assert client.stderr is not None
    lines = []
    for line in client.stderr:
        lines.append(line)
        ended = re.search(r"\((\d+) of \d+\)$", line.strip())
        for count in [each for each in disturbances if ended and int(ended[1]) >= each]:
            disturbances.pop(count)()
    out, _ = client.communicate(timeout=60)
    return "".join([*lines, out])


def no_secret(fleet: Fleet, server: Server, shown: str) -> None:
    """No client secret and no password is in a report, a log, a file or the database."""
    for suffix in ("txt", "json", "html", "xlsx"):
        fleet.shown("fleet", "report", *ONLY, "--output", f"roll-up.{suffix}")
    files = {
        str(path): path.read_bytes()
        for path in fleet.auditor.folder.rglob("*")
        if path.is_file() and path.suffix not in (".sqlite", ".pem")
    }
    assert any(name.endswith("scheduler.log") for name in files)
    places = {**files, "output": shown.encode(), "database": b"".join(stored(server, fleet.store))}
    secrets = [each.client_secret for each in fleet.auditor.sandboxes.values()]
    secrets += [each.client_id for each in fleet.auditor.sandboxes.values()]
    for place, content in places.items():
        for secret in (*secrets, PASSWORD, "CANARY"):
            assert secret.encode() not in content, place


def stored(server: Server, url: str) -> Iterator[bytes]:
    """Every cell of the database, the evidence unpacked."""
    import psycopg

    with closing(psycopg.connect(url)) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (name,) in names:
            for row in connection.execute(f'SELECT * FROM "{name}"'):
                for cell in row:
                    yield zlib.decompress(cell) if isinstance(cell, bytes) else str(cell).encode()


def test_a_database_that_restarts_ends_no_audit_and_locks_nothing(
    server: Server, tmp_path: Path
) -> None:
    url = server.database()
    first, second = (Runs(tmp_path / name, url) for name in ("one", "other"))
    with first.lock_account("a", "https://api.zoom.us/v2"):
        server.control("-m", "immediate", "restart")
    with second.lock_account("a", "https://api.zoom.us/v2"):
        pass


def test_a_scheduler_that_does_not_answer_is_one_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_cluster, "_CONNECT", 1)
    with fleet_of(tmp_path, a="clean") as auditor:
        words = ("--engine", "dask", "--scheduler", f"tcp://127.0.0.1:{free_port()}")
        ran = auditor.fleet("audit", *words, env={"AUDITOR_STORE": server.database()})
        assert ran.code == 4
        assert "Start it with: dask scheduler" in " ".join(ran.err.split())
        assert auditor.sandboxes["a"].requests.total == 0
