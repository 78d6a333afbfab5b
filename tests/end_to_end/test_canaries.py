"""No secret is in anything the program writes, wherever the account's answers had one.

`planting` says where. Everything is looked through: what is said, every file of the data directory
with its log, every report, and what is packed in any of them.
"""

import hashlib
import re
import signal
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end import broken_off, unpacked
from tests.end_to_end.between import Between, between
from tests.end_to_end.conftest import Auditor, Ran, served, slow
from tests.end_to_end.planting import Canaries, Planting, secrets

SUFFIXES = (
    *("txt", "json", "html", "ndjson", "csv", "xlsx", "md", "sarif", "xml", "ocsf.json"),
    *("oscal.json", "prom", "zip"),
)
"""Of all formats but PDF, which is the HTML report on paper."""
PAIRS = ("name and value", "old", "new")
"""Secrets that are told by another value beside them, which a text does not show."""
EVERYTHING = ("-vv", "--baseline", "strict", "--include-passes")


def own_secrets(account: Sandbox) -> list[bytes]:
    """Of the account's credentials, in each form in which they travel; tokens all begin alike."""
    secret = account.client_secret
    basic = b64encode(f"{account.client_id}:{secret}".encode()).rstrip(b"=")
    return [secret.encode(), basic, b"eyJhbGciOi"]


def leaks(auditor: Auditor, ran: Ran | None, canaries: Canaries, account: Sandbox) -> set[str]:
    said = [("said", (ran.out + ran.err).encode())] if ran is not None else []
    found = set()
    for name, content in (*said, *unpacked.files(auditor.folder)):
        found |= {f"{name} holds {place}" for place in canaries.found(content)}
        found |= {f"{name} holds a credential" for own in own_secrets(account) if own in content}
    return found


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("drifted", users=4) as account:
        yield account


@pytest.fixture
def planting() -> Planting:
    return Planting()


@pytest.fixture
def planted(account: Sandbox, planting: Planting) -> Iterator[Between]:
    with between(account, planting) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "log_format", "suffixes"),
    [
        ("group", "text", ("json", "html", "zip")),
        slow("meeting", "text", SUFFIXES),
        slow("meeting", "json", ("json",)),
    ],
)
def test_no_secret_of_any_answer_is_in_anything_that_is_written(
    tmp_path: Path,
    planted: Between,
    planting: Planting,
    depth: str,
    log_format: str,
    suffixes: tuple[str, ...],
) -> None:
    auditor = Auditor(tmp_path, planted)
    files = [word for suffix in suffixes for word in ("--output", f"night.{suffix}")]
    ran = auditor.audit(*EVERYTHING, "--depth", depth, "--log-format", log_format, *files)
    assert ran.code in (0, 3), ran.err
    assert len(planting.canaries.places) > (3000 if depth == "meeting" else 1000)
    assert all((tmp_path / f"night.{suffix}").stat().st_size for suffix in suffixes)
    assert "GET /accounts/me/settings: HTTP 200" in ran.err
    assert leaks(auditor, ran, planting.canaries, planted.account) == set()


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["account", slow("user")])
def test_no_secret_is_in_what_is_made_of_a_stored_run(
    tmp_path: Path, planted: Between, planting: Planting, depth: str
) -> None:
    auditor = Auditor(tmp_path, planted)
    assert auditor.audit("--baseline", "strict", "--depth", depth).code in (0, 3)
    said = [
        auditor(*words, "-vv")
        for words in (
            ("report", "--format", "json"),
            ("report", "--output", "run.zip" if depth == "user" else "run.html"),
            ("ask",),
            ("audit", "--from", "latest", "--baseline", "consent-first", "--include-passes"),
        )
    ]
    assert {ran.code for ran in said} <= {0, 3}
    every = Ran(0, "".join(ran.out for ran in said), "".join(ran.err for ran in said))
    assert leaks(auditor, every, planting.canaries, planted.account) == set()


ERRORS = {
    "/accounts/me/lock_settings": "400",
    "/groups": "500",
    "/roles": "403",
    "/phone/account_settings": "404",
    "/marketplace/apps": "page",
    "/report/operationlogs": "redirect",
    "/meetings/meeting_summaries": "odd kind",
    "/report/history_meetings": "half",
}


@pytest.mark.slow
def test_no_secret_of_an_error_or_of_a_broken_answer_is_shown(
    tmp_path: Path, account: Sandbox
) -> None:
    planting = Planting(errors=ERRORS)
    with between(account, planting) as planted:
        auditor = Auditor(tmp_path, planted)
        ran = auditor.audit(*EVERYTHING, "--depth", "group", "-o", "night.json", "-o", "night.html")
    assert ran.code == 3, ran.err
    assert re.search(r"HTTP 400, code 300", ran.err + (tmp_path / "night.json").read_text())
    assert leaks(auditor, ran, planting.canaries, account) == set()


@pytest.mark.parametrize("kind", ["401", "page", *map(slow, ("400", "500", "redirect", "half"))])
def test_no_secret_is_shown_when_there_is_no_token(
    tmp_path: Path, account: Sandbox, kind: str
) -> None:
    """Also where the endpoint repeats the credentials it was sent."""
    planting = Planting(errors={"/oauth/token": kind})
    with between(account, planting) as planted:
        auditor = Auditor(tmp_path, planted)
        ran = auditor.audit("-vv", "--depth", "account", "--max-rate", "5000")
    assert ran.code == 4
    assert leaks(auditor, ran, planting.canaries, account) == set()


@pytest.mark.slow
def test_no_secret_is_in_the_files_of_a_run_that_was_killed(
    tmp_path: Path, planted: Between, planting: Planting
) -> None:
    """The database is open then, and what was written last is in its log."""
    auditor = Auditor(tmp_path, planted)
    running = broken_off.started(auditor, "--baseline", "strict", "--verify-locks", "0")
    broken_off.until(lambda: any("/users/" in request.path for request in planted.requests))
    broken_off.until(lambda: any(tmp_path.glob("data/runs/*/*-wal")))
    running.send_signal(signal.SIGKILL)
    running.communicate()
    (log,) = tmp_path.glob("data/runs/*/*-wal")
    assert log.stat().st_size > 10_000
    assert leaks(auditor, None, planting.canaries, planted.account) == set()


def test_no_secret_is_in_an_internal_error_and_its_traceback(
    tmp_path: Path, account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries()

    def broken(*_: object) -> None:
        cause = ValueError(f"could not parse {secrets(canaries, 'cause')}")
        raise RuntimeError(f"{account.client_secret}: {secrets(canaries, 'error')}") from cause

    in_pairs = {f"{where}: {place}" for where in ("error", "cause") for place in PAIRS}

    monkeypatch.setattr("auditor.app.audit.evaluate", broken)
    auditor = Auditor(tmp_path, account)
    for flags in ((), ("-vv",), ("-vv", "--log-format", "json")):
        ran = auditor.audit(*flags, "--depth", "account")
        assert ran.code == 5
        assert "RuntimeError" in ran.err
        assert ("Traceback" in ran.err) is ("-vv" in flags)
        found = {each.split(" holds ")[1] for each in leaks(auditor, ran, canaries, account)}
        assert found <= in_pairs


def test_no_secret_of_the_configuration_is_in_an_internal_error(
    tmp_path: Path, account: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries()
    env = {
        "AUDITOR_PSEUDONYM_KEY": f"{canaries.text('pseudonyms')}-{'x' * 16}",
        "AUDITOR_SIGNING_KEY": hashlib.sha256(canaries.text("signatures").encode()).hexdigest(),
        "AUDITOR_NOTIFY": f"slack://{canaries.text('channel')}/a/b",
        "AUDITOR_HEARTBEAT": f"https://example.com/{canaries.text('heartbeat')}",
        "AUDITOR_STORE": f"postgresql://user:{canaries.text('store')}@127.0.0.1:1/x",
    }

    def broken(*_: object) -> None:
        raise RuntimeError(" ".join(env.values()))

    monkeypatch.setattr("auditor.app.connection.Credentials", broken)
    ran = Auditor(tmp_path, account)("audit", "-vv", "--sandbox", "--users", "3", env=env)
    assert ran.code == 5, ran.err
    assert "RuntimeError: [redacted]" in ran.err
    assert canaries.found((ran.out + ran.err).encode()) == set()
    assert env["AUDITOR_SIGNING_KEY"] not in ran.out + ran.err


def test_a_secret_that_stays_would_be_found(tmp_path: Path, account: Sandbox) -> None:
    """In a file, in a compressed value of a database, and in an archive in an archive."""
    import io
    import sqlite3
    import zipfile
    import zlib

    canaries = Canaries()
    file, row, entry, number = (canaries.text(place) for place in "abcd")
    number = str(canaries.number("d"))
    (tmp_path / "plain").write_text(f"x{file}x")
    with sqlite3.connect(tmp_path / "db") as db:
        db.execute("CREATE TABLE t (v BLOB)")
        db.execute("INSERT INTO t VALUES (?)", (zlib.compress(row.encode()),))
    db.close()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", f"{entry} {number}")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("book.xlsx", inner.getvalue())
    found = leaks(Auditor(tmp_path, account), None, canaries, account)
    assert {each.split(" holds ")[1] for each in found} == {"a", "b", "c", "d"}
    assert leaks(Auditor(tmp_path), Ran(1, account.client_secret, ""), canaries, account) > found
