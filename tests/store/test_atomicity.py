"""A run is stored as a whole or not at all, even if processes are killed or write concurrently."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.evidence.snapshot import DiskFull, Snapshot
from auditor.findings.model import FindingHistory, LifecycleState, Status
from auditor.findings.run import Run
from auditor.store import tables
from auditor.store.database import Database
from auditor.store.runs import SNAPSHOT
from tests.store.adding import LAST, STEPS
from tests.store.nights import Nights

ROOT = Path(__file__).parents[2]
FAIL = Status.FAIL


def adding(nights: Nights, *words: object) -> "subprocess.Popen[str]":
    """Another process that stores nights in the same history."""
    home, url = nights.runs.home, nights.runs.url or ""
    command = [sys.executable, "-m", "tests.store.adding", str(home), url, *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_is_killed_leaves_the_history_as_it_was(nights: Nights, step: str) -> None:
    first = nights.night({"u1": FAIL})
    with adding(nights, 0, step) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "inside\n"
        other.kill()
    assert nights.history.runs() == [first]
    assert nights.statuses(first) == {"u1": FAIL}
    assert nights.past(first, "u2") is None
    assert nights.history.evidence(LAST) is None
    assert (nights.folder(LAST) / SNAPSHOT).is_file()
    nights.runs.discard(LAST)
    entry = nights.night({"u2": FAIL}, run_id=LAST)
    assert entry.number == 2
    assert nights.past(entry) == FindingHistory(nights.at(1), nights.at(2), LifecycleState.RESOLVED)
    assert nights.past(entry, "u2") == FindingHistory(
        nights.at(2), nights.at(2), LifecycleState.NEW
    )


def test_an_error_in_the_middle_leaves_the_history_as_it_was(nights: Nights) -> None:
    first = nights.night({"u1": FAIL})
    snapshot, run = nights.read({"u2": FAIL})
    with closing(snapshot), pytest.raises(sqlite3.OperationalError):
        nights.history.add(run, snapshot, Path("nowhere") / SNAPSHOT, None, "")
    assert nights.history.runs() == [first]
    assert nights.statuses(first) == {"u1": FAIL}


@pytest.mark.slow
def test_processes_that_store_at_once_all_get_through(nights: Nights) -> None:
    others = [adding(nights, 8) for _ in range(3)]
    for other in others:
        other.communicate(timeout=60)
    assert [other.returncode for other in others] == [0, 0, 0]
    entries = nights.history.runs()
    assert sorted(entry.number for entry in entries) == list(range(1, 25))
    assert len({entry.series for entry in entries}) == 1
    newest = max(entries, key=lambda entry: entry.number)
    past = nights.past(newest)
    assert past is not None
    assert past.lifecycle is LifecycleState.PERSISTING
    for entry in entries:
        with closing(nights.runs.open(entry.facts.id)) as evidence:
            assert evidence.digest() == entry.facts.evidence_digest


def test_a_run_that_two_processes_store_is_stored_once(
    nights: Nights, again: Callable[[], Nights]
) -> None:
    snapshot, run = nights.read({"u1": FAIL})
    file = nights.folder(run.info.id) / SNAPSHOT
    snapshot.close()
    for each in (nights, again()):
        stored(each, run, file)
    assert len(nights.history.runs()) == 1


def stored(nights: Nights, run: Run, file: Path) -> None:
    with Snapshot.open(file) as snapshot:
        nights.history.add(run, snapshot, file, None, "")


def test_a_reader_sees_one_state_while_others_write(nights: Nights) -> None:
    first = nights.night({"u1": FAIL})
    stored_runs = sa.select(tables.runs.c.id)
    with nights.history.database.reading() as connection:
        assert connection.execute(stored_runs).scalars().all() == [first.facts.id]
        nights.history.remove([nights.night({"u2": FAIL}), first])
        assert connection.execute(stored_runs).scalars().all() == [first.facts.id]
    assert nights.history.runs() == []


def test_no_room_in_the_history_is_reported_as_such(nights: Nights) -> None:
    nights.night()
    with pytest.raises(DiskFull, match="Free some space there"):
        write_too_much(nights.history.database)
    assert len(nights.history.runs()) == 1


def write_too_much(database: Database) -> None:
    too_much = "INSERT INTO evidence SELECT id, 9, zeroblob(999999) FROM runs"
    with database.writing() as connection:
        if database.file is None:  # as it says where its disk is full
            too_much = "DO $$ BEGIN RAISE 'no space left' USING ERRCODE = '53100'; END $$"
        else:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql(too_much)
