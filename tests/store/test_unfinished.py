"""Interrupted runs: kept, found and resumed; and never two runs of one account at once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.view import SETTINGS, Document
from auditor.store.errors import AlreadyRunning, StoreError
from auditor.store.runs import SNAPSHOT, Runs
from tests.store.conftest import Server

ZOOM = "https://api.zoom.us/v2"
ACCOUNT = Scope(Level.ACCOUNT, "acc", "account")
DOCUMENT = Document({"a": 1}, "GET /accounts/me/settings", "2026-11-21T20:00:00.000Z")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "data")


def run_id(day: int) -> str:
    return f"202611{day:02}T000000-000Z-aaaaaa"


def stored(
    runs: Runs,
    day: int,
    account: str = "acc",
    api_url: str = ZOOM,
    finished: bool = False,
    stopped: str = "",
) -> str:
    """A run of a day as it was left."""
    with runs.create(run_id(day)) as snapshot:
        facts = {"account_id": account, "api_url": api_url, "stopped": stopped}
        facts["finished_at"] = "2026-11-21T22:00:00Z" if finished else ""
        for key, value in facts.items():
            snapshot.set_metadata(key, value)
    return run_id(day)


def broken_off(runs: Runs, problem: BaseException, *, read: bool) -> None:
    with runs.new(run_id(1)) as snapshot:
        snapshot.add_scope(ACCOUNT)
        if read:
            snapshot.record(ACCOUNT, SETTINGS, DOCUMENT)
        raise problem


PROBLEMS = pytest.mark.parametrize("problem", [KeyboardInterrupt(), RuntimeError("a bug")])


@PROBLEMS
def test_a_run_that_has_read_something_stays_when_it_breaks_off(
    runs: Runs, problem: BaseException
) -> None:
    with pytest.raises(type(problem)):
        broken_off(runs, problem, read=True)
    with Snapshot.open(runs.home / "runs" / run_id(1) / SNAPSHOT) as snapshot:
        assert snapshot.account().outcomes[SETTINGS] == DOCUMENT


@PROBLEMS
def test_a_run_that_has_read_nothing_leaves_nothing(runs: Runs, problem: BaseException) -> None:
    with pytest.raises(type(problem)):
        broken_off(runs, problem, read=False)
    assert list((runs.home / "runs").iterdir()) == []


def test_a_run_that_goes_on_writes_where_it_was_and_stays_open(runs: Runs) -> None:
    stored(runs, 1)
    with runs.reopen(run_id(1)) as snapshot:
        snapshot.add_scope(ACCOUNT)
        snapshot.record(ACCOUNT, SETTINGS, DOCUMENT)
    assert snapshot.account().outcomes[SETTINGS] == DOCUMENT
    snapshot.close()


@PROBLEMS
def test_a_run_that_breaks_off_again_keeps_everything(runs: Runs, problem: BaseException) -> None:
    stored(runs, 1)

    def again() -> None:
        with runs.reopen(run_id(1)) as snapshot:
            snapshot.add_scope(ACCOUNT)
            raise problem

    with pytest.raises(type(problem)):
        again()
    with Snapshot.open(runs.home / "runs" / run_id(1) / SNAPSHOT) as snapshot:
        assert snapshot.has(ACCOUNT)


def test_a_run_that_is_not_there_cannot_be_gone_on_with(runs: Runs) -> None:
    with pytest.raises(SnapshotError, match="no such snapshot"), runs.reopen(run_id(1)):
        pass


# Which run is gone on with


def unfinished(runs: Runs, account: str = "acc", api_url: str = ZOOM) -> str | None:
    return runs.unfinished(account, api_url)


def test_without_runs_there_is_none_to_go_on_with(runs: Runs) -> None:
    assert unfinished(runs) is None


@pytest.mark.parametrize(
    ("finished", "stopped", "goes_on"),
    [
        (False, "", True),
        (True, "", False),
        (True, "the daily limit is used up", True),
        (False, "the daily limit is used up", True),
    ],
)
def test_a_run_goes_on_that_broke_off_or_was_stopped(
    runs: Runs, finished: bool, stopped: str, goes_on: bool
) -> None:
    stored(runs, 1, finished=finished, stopped=stopped)
    assert unfinished(runs) == (run_id(1) if goes_on else None)


def test_the_newest_of_several_goes_on(runs: Runs) -> None:
    for day in (2, 3, 1):
        stored(runs, day)
    assert unfinished(runs) == run_id(3)


def test_a_finished_run_makes_older_ones_matter_no_more(runs: Runs) -> None:
    stored(runs, 1)
    stored(runs, 2, finished=True)
    assert unfinished(runs) is None


def test_runs_of_other_accounts_and_other_clouds_are_left_alone(runs: Runs) -> None:
    mine = stored(runs, 1)
    stored(runs, 2, account="other")
    stored(runs, 3, api_url="https://api.zoomgov.com/v2", finished=True)
    assert unfinished(runs) == mine
    assert unfinished(runs, account="nobody") is None


def test_a_local_api_may_have_come_back_on_another_port(runs: Runs) -> None:
    stored(runs, 1, api_url="http://127.0.0.1:4001/v2")
    assert unfinished(runs, api_url="http://127.0.0.1:4002/v2") == run_id(1)
    assert unfinished(runs) is None


def test_a_damaged_file_is_passed_over(runs: Runs) -> None:
    mine = stored(runs, 1)
    damaged = runs.home / "runs" / run_id(2) / SNAPSHOT
    damaged.parent.mkdir()
    damaged.write_text("not a database, but long enough to look at: " + "x" * 200)
    assert unfinished(runs) == mine


# One at a time


def test_a_second_run_of_an_account_is_refused_while_the_first_lasts(runs: Runs) -> None:
    with (
        runs.lock_account("acc", ZOOM),
        pytest.raises(AlreadyRunning, match="is reading account acc"),
        runs.lock_account("acc", ZOOM),
    ):
        pass


def test_machines_that_share_a_database_server_take_turns_at_an_account(
    server: Server, tmp_path: Path
) -> None:
    url = server.database()
    first, second = Runs(tmp_path / "a", url), Runs(tmp_path / "b", url)
    with first.lock_account("acc", ZOOM):
        with pytest.raises(AlreadyRunning), second.lock_account("acc", ZOOM):
            pass
        with second.lock_account("other", ZOOM), first.lock_changes("acc", ZOOM):
            pass
    with second.lock_account("acc", ZOOM):
        pass


def test_another_account_and_another_cloud_can_be_read_meanwhile(runs: Runs) -> None:
    with (
        runs.lock_account("acc", ZOOM),
        runs.lock_account("other", ZOOM),
        runs.lock_account("acc", "https://api.zoomgov.com/v2"),
    ):
        pass


def test_when_the_first_has_ended_the_next_may_begin_whoever_still_holds_on_to_it(
    runs: Runs,
) -> None:
    block = runs.lock_account("acc", ZOOM)
    with block:
        pass
    with runs.lock_account("acc", ZOOM):
        assert block is not None


def test_the_lock_is_let_go_when_the_block_breaks_off(runs: Runs) -> None:
    def broken() -> None:
        with runs.lock_account("acc", ZOOM):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    with runs.lock_account("acc", ZOOM):
        pass


def test_the_lock_goes_with_a_process_that_is_killed(runs: Runs, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = (
        "import sys, time; from pathlib import Path; from auditor.store.runs import Runs\n"
        "with Runs(Path(sys.argv[1])).lock_account('acc', sys.argv[2]):\n"
        "    Path(sys.argv[3]).touch(); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(runs.home), ZOOM, str(ready)]
    with subprocess.Popen(command) as other:
        try:
            until = time.monotonic() + 30
            while not ready.exists() and time.monotonic() < until:
                time.sleep(0.02)
            with pytest.raises(AlreadyRunning), runs.lock_account("acc", ZOOM):
                pass
        finally:
            other.kill()
    with runs.lock_account("acc", ZOOM):
        pass


def test_a_data_directory_in_which_no_lock_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    runs = Runs(tmp_path / "file" / "data")
    with pytest.raises(StoreError, match="AUDITOR_HOME"), runs.lock_account("acc", ZOOM):
        pass


def test_locks_are_for_their_owner_alone(runs: Runs) -> None:
    with runs.lock_account("acc", ZOOM):
        (lock,) = (runs.home / "locks").iterdir()
        for place in (runs.home, lock.parent, lock):
            assert place.stat().st_mode & 0o077 == 0
        assert "acc" not in lock.name
