"""Keeping runs: a history that cannot be used for a night costs no run, and no later one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from auditor.app.audit import EvaluationConfig, judge
from auditor.app.storing import store_run
from auditor.cli.terminal import Terminal
from auditor.evidence.view import SETTINGS
from auditor.store.database import FILE, Database
from auditor.store.history import History
from auditor.store.runs import SNAPSHOT, Runs
from tests.app.stored import judgement
from tests.builders import ACCOUNT, nested
from tests.cli.commands import store

ON = {SETTINGS: nested("recording.local_recording", True)}
ONE = judgement("RC-02")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """A data directory whose history waits for others a moment only."""
    runs = Runs(tmp_path / "data")
    database = Database(None, runs.home, wait=0.1)
    runs.__dict__["history"] = History(database, runs.home)
    with closing(database):
        yield runs


def night(runs: Runs, judged_with: EvaluationConfig = ONE) -> tuple[str, bool]:
    """An audit whose run is to be kept: its id, and whether it was."""
    run_id = store(runs.home, judged_with, (ACCOUNT, ON))
    with runs.open(run_id) as snapshot:
        run = judge(snapshot, judged_with)
        done = store_run(runs, snapshot, run, judged_with, Terminal())
    if done:
        runs.discard(run_id)
    return run_id, done


def stored(runs: Runs) -> list[str]:
    return [entry.facts.id for entry in runs.history.runs()]


def test_a_run_is_kept_without_a_word(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    run_id, done = night(runs)
    assert done
    assert stored(runs) == [run_id]
    assert capsys.readouterr() == ("", "")


def test_a_run_that_cannot_be_stored_now_is_stored_with_the_next(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = night(runs)
    with closing(sqlite3.connect(runs.home / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        second, done = night(runs)
    message = " ".join(capsys.readouterr().err.split())
    assert not done
    assert "has been locked by another process for 0.1 seconds" in message
    assert f"Run {second} is not in the history yet" in message
    assert f"{runs.home / 'runs' / second}, and the next audit stores it." in message
    third, _ = night(runs)
    assert stored(runs) == [first, second, third]
    assert runs.folders() == []
    numbers = {entry.facts.id: entry.number for entry in runs.history.runs()}
    assert numbers == {first: 1, second: 2, third: 3}


def broken(runs: Runs, run_id: str, statement: str) -> None:
    with closing(sqlite3.connect(runs.home / "runs" / run_id / SNAPSHOT)) as snapshot, snapshot:
        snapshot.execute(statement)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("UPDATE meta SET value = '{}' WHERE key = 'judgement'", "This version cannot read"),
        ("UPDATE meta SET value = '{' WHERE key = 'judgement'", "cannot be read. It is damaged"),
        ("DELETE FROM scopes", "contains no account"),
        ("UPDATE documents SET body = x'00'", "is not as it was recorded: it is truncated"),
    ],
)
def test_a_run_that_waits_and_cannot_be_judged_keeps_no_other_out(
    runs: Runs, capsys: pytest.CaptureFixture[str], fault: str, message: str
) -> None:
    waiting = store(runs.home, ONE, (ACCOUNT, ON))
    broken(runs, waiting, fault)
    run_id, done = night(runs)
    assert done
    assert stored(runs) == [run_id]
    output = " ".join(capsys.readouterr().err.split())
    assert f"Run {waiting} is not stored in the history:" in output
    assert message in output
    assert runs.folders() == [waiting]


def test_a_damaged_history_is_kept_aside_and_told(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    night(runs)
    runs.history.database.close()
    (runs.home / FILE).write_bytes(b"no database, but long enough to look at" * 40)
    run_id, done = night(runs)
    assert done
    assert stored(runs) == [run_id]
    message = " ".join(capsys.readouterr().err.split())
    (aside,) = runs.home.glob(f"{FILE}.damaged-????????T??????")
    assert f"{FILE} was damaged. It is kept as {aside}, and a new one was started." in message
