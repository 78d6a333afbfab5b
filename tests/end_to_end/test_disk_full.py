"""A disk that is full: one clear sentence, nothing corrupt, and the run goes on once there is room.

A file that may not grow (RLIMIT_FSIZE) stands for the disk: it breaks the same writes.
"""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from auditor.store.runs import SNAPSHOT, Runs
from tests.end_to_end.broken_off import USER_SETTINGS, after, ended, killed, started, timeless
from tests.end_to_end.conftest import COMMAND, Auditor, Installed, Ran, served

STRICT = ("--baseline", "strict", "--format", "json")
IN_THE_MIDDLE = 1_200_000
"""Bytes the write-ahead log may have: some requests for users fit in, and never all of them,
however many of them a busy machine writes in one go."""
UNMEASURED = {
    "PYTHONDONTWRITEBYTECODE": "1",
    **dict.fromkeys((name for name in os.environ if name.startswith("COV")), ""),
}
"""Compiled modules would be stored cut off at the limit, and coverage could not write its data."""


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("drifted", users=150) as account:
        yield account


@pytest.fixture
def auditor(tmp_path: Path, account: Sandbox) -> Auditor:
    account.requests.by_template.clear()
    return Auditor(tmp_path, account)


def growing_to(size: int) -> Callable[[], None]:
    """Lets no file of the process grow beyond so many bytes."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limited


def audit(auditor: Auditor, size: int, *arguments: str) -> Ran:
    return ended(started(auditor, *arguments, first=growing_to(size), env=UNMEASURED))


@pytest.mark.slow
def test_a_disk_that_fills_up_breaks_the_run_off_and_it_goes_on(auditor: Auditor) -> None:
    ran = audit(auditor, IN_THE_MIDDLE, *STRICT)
    asked = auditor.account.requests.template(USER_SETTINGS)
    assert ran.code == 4
    assert ran.out == ""
    assert "no more could be written" in ran.err
    assert "then continue with: auditor audit --resume" in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.splitlines()) == 1
    assert asked > 20
    (path,) = auditor.data.glob(f"runs/*/{SNAPSHOT}")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    again = audit(auditor, 300_000, "--resume")
    assert again.code == 4
    assert "Free some space" in again.err
    before = auditor.account.requests.template(USER_SETTINGS)
    resumed = auditor.audit("--resume", "--format", "json")
    read = auditor.account.requests.template(USER_SETTINGS) - before
    assert f"Resuming run {path.parent.name}" in resumed.err
    before = auditor.account.requests.template(USER_SETTINGS)
    calm = Auditor(auditor.folder / "calm", auditor.account)
    calm.folder.mkdir()
    undisturbed = calm.audit(*STRICT).report
    needed = auditor.account.requests.template(USER_SETTINGS) - before
    assert resumed.report["run"]["id"] == path.parent.name
    assert timeless(resumed.report) == timeless(undisturbed)
    assert resumed.report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]
    assert read < needed


def test_a_disk_that_is_full_from_the_start_is_told(auditor: Auditor) -> None:
    ran = audit(auditor, 4096, *STRICT)
    assert ran.code == 4
    assert "could be written" in ran.err
    assert "Free some space there." in ran.err
    assert "Traceback" not in ran.err
    assert auditor.account.requests.total == 0
    assert list(auditor.data.glob("runs/*")) == []


@pytest.mark.slow
def test_a_report_that_does_not_fit_leaves_the_run_to_report_from(auditor: Auditor) -> None:
    assert auditor.audit("--baseline", "strict").code == 0
    (auditor.folder / "night.json").write_text("yesterday")
    done = subprocess.run(
        [COMMAND, "report", "--output", "night.json"],
        cwd=auditor.folder,
        env=auditor.environment(UNMEASURED),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=growing_to(1_000_000),
    )
    assert done.returncode == 2
    assert "night.json cannot be written: File too large" in done.stderr
    assert (auditor.folder / "night.json").read_text() == "yesterday"
    assert {path.name for path in auditor.folder.iterdir()} == {"night.json", "data"}
    assert auditor("report").code == 0


def damaged(content: bytes) -> bytes:
    return content[:20_000] + b"\x55" * (len(content) - 40_000) + content[-20_000:]


@contextmanager
def large_log(history: Path, size: int) -> Iterator[None]:
    """The history has a log of so many bytes, which cannot be merged as long as the block lasts."""
    with (
        closing(sqlite3.connect(history, isolation_level=None)) as reading,
        closing(sqlite3.connect(history)) as writing,
    ):
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM runs").fetchone()
        with writing:
            writing.execute("UPDATE series SET selection = selection || hex(zeroblob(?))", (size,))
        with writing:
            writing.execute("UPDATE series SET selection = ''")
        yield


@pytest.mark.slow
def test_a_history_that_cannot_grow_costs_no_run(auditor: Auditor) -> None:
    few = ("--baseline", "strict", "--only", "RC-02", "--format", "json")
    assert auditor.audit("--baseline", "strict").code == 0
    with large_log(auditor.data / "history.sqlite", 2_500_000):
        ran = audit(auditor, 4_000_000, *few)
    run_id = ran.report["run"]["id"]
    assert ran.code == 0
    assert "Free some space there" in ran.err
    assert f"Run {run_id} is not in the history yet" in ran.err
    assert "the next audit stores it" in ran.err
    assert "Traceback" not in ran.err
    assert run_id in Runs(auditor.data).unarchived()
    later = auditor.audit(*few)
    assert later.code == 0
    assert f"Since run {run_id}" in later.err
    history = Runs(auditor.data).history
    assert [entry.facts.id for entry in history.runs()][1:] == [run_id, later.report["run"]["id"]]
    history.database.close()
    assert list((auditor.data / "runs").iterdir()) == []


def test_a_damaged_history_is_told_and_the_next_audit_begins_a_new_one(
    tmp_path: Path, drifted: Sandbox
) -> None:
    auditor, few = Auditor(tmp_path, drifted), ("--baseline", "strict", "--depth", "group")
    assert Installed(tmp_path, drifted).audit(*few).code == 0  # its end closes the database
    path = auditor.data / "history.sqlite"
    content = damaged(path.read_bytes())
    path.write_bytes(content)
    ran = auditor("report")
    assert (ran.code, ran.out) == (4, "")
    assert "history.sqlite is damaged" in ran.err
    assert "Traceback" not in ran.err
    assert path.read_bytes() == content
    ran = auditor.audit(*few, "--format", "json")
    assert ran.code == 0
    assert "was damaged. It is kept as" in ran.err
    assert "a new one was started" in ran.err
    (aside,) = auditor.data.glob("history.sqlite.damaged-????????T??????")
    assert aside.read_bytes() == content
    assert auditor("report", "--format", "json").out == ran.out


@pytest.mark.slow
def test_a_damaged_run_that_waits_is_told(auditor: Auditor) -> None:
    killed(auditor, after(20), "--baseline", "strict")
    (path,) = auditor.data.glob(f"runs/*/{SNAPSHOT}")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    path.write_bytes(damaged(path.read_bytes()))
    ran = auditor("report", path)
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be read to its end: database disk image is malformed" in ran.err
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err
