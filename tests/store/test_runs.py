"""Stored runs: found by id and as the newest; private; a failed run leaves nothing behind."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.store.errors import RunNotFound, StoreError
from auditor.store.runs import SNAPSHOT, Runs
from tests.store.nights import Nights

NIGHT = datetime(2026, 11, 21, 22, 5, 1, tzinfo=UTC)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "data")


def finished(runs: Runs, run_id: str) -> Path:
    with runs.new(run_id) as snapshot:
        snapshot.add_scope(Scope(Level.ACCOUNT, "a", "account"))
        snapshot.set_metadata("finished_at", "2026-11-21T22:06:00Z")
    snapshot.close()
    return runs.home / "runs" / run_id / SNAPSHOT


def opened(runs: Runs, run: str) -> Path:
    """The file that a run is opened from."""
    with runs.open(run) as snapshot:
        return Path(snapshot._name)


def test_ids_sort_by_time_and_do_not_repeat(runs: Runs) -> None:
    later = NIGHT.replace(hour=23)
    assert runs.new_id(NIGHT).startswith("20261121T220501-000Z-")
    assert runs.new_id(NIGHT) < runs.new_id(later)
    assert len({runs.new_id(NIGHT) for _ in range(50)}) == 50


def test_without_a_time_the_id_tells_now(runs: Runs) -> None:
    assert runs.new_id() > runs.new_id(NIGHT)[:16] or datetime.now(UTC) < NIGHT


def test_the_newest_finished_run_is_latest(runs: Runs) -> None:
    finished(runs, "20261120T000000Z-aaaaaa")
    newest = finished(runs, "20261121T000000Z-aaaaaa")
    runs.create("20261122T000000Z-aaaaaa").close()
    assert runs.ids() == ["20261120T000000Z-aaaaaa", "20261121T000000Z-aaaaaa"]
    assert opened(runs, "latest") == newest


def test_a_run_is_found_by_its_id_and_nothing_else_is(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = finished(runs, "20261121T000000Z-aaaaaa")
    assert opened(runs, "20261121T000000Z-aaaaaa") == path
    monkeypatch.chdir(path.parent)
    outside = tmp_path / "data" / SNAPSHOT
    shutil.copy(path, outside)
    for name in (SNAPSHOT, str(path), "..", ".", "", "../runs/20261121T000000Z-aaaaaa", "a\0b"):
        with pytest.raises(RunNotFound):
            runs.open(name)


def test_the_newest_is_latest_whether_it_is_stored_or_waits(nights: Nights) -> None:
    stored = nights.night()
    snapshot, waiting = nights.read()
    snapshot.close()
    assert nights.runs.ids() == [stored.facts.id, waiting.info.id]
    assert nights.runs.unarchived() == [waiting.info.id]
    with nights.runs.open("latest") as latest:
        assert latest.digest() == waiting.info.evidence_digest
    newest = nights.night()
    with nights.runs.open("latest") as latest:
        assert latest.digest() == newest.facts.evidence_digest


def test_a_run_that_was_stopped_goes_on_until_a_later_one_is_stored(nights: Nights) -> None:
    stopped = nights.night(stopped="the daily limit is used up").facts
    place = stopped.account_id, stopped.api_url
    assert nights.runs.unfinished(*place) == stopped.id
    nights.night(account_id="other")
    nights.night(api_url="https://api.zoomgov.com/v2")
    assert nights.runs.unfinished(*place) == stopped.id
    nights.night()
    assert nights.runs.unfinished(*place) is None
    assert nights.runs.unarchived() == []


@pytest.mark.parametrize("name", ["latest", "20261121T000000Z-aaaaaa", "nowhere.sqlite"])
def test_a_run_that_is_not_there_is_reported(runs: Runs, name: str) -> None:
    with pytest.raises(RunNotFound, match="auditor audit" if name == "latest" else name):
        runs.open(name)


def test_a_file_that_is_no_snapshot_is_passed_over(runs: Runs) -> None:
    path = finished(runs, "20261121T000000Z-aaaaaa")
    noise = runs.home / "runs" / "20261122T000000Z-aaaaaa" / SNAPSHOT
    noise.parent.mkdir()
    noise.write_text("not a database, but long enough to look at: " + "x" * 200)
    assert opened(runs, "latest") == path


def test_a_run_that_fails_leaves_nothing(runs: Runs) -> None:
    def broken_off() -> None:
        with runs.new("20261121T000000Z-aaaaaa"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list((runs.home / "runs").iterdir()) == []


def test_runs_are_for_their_owner_alone(runs: Runs) -> None:
    path = finished(runs, "20261121T000000Z-aaaaaa")
    for place in (runs.home, runs.home / "runs", path.parent):
        assert place.stat().st_mode & 0o077 == 0


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/data .*AUDITOR_HOME"):
        Runs(tmp_path / "file" / "data").create("20261121T000000Z-aaaaaa")


def test_a_run_is_never_written_over(runs: Runs) -> None:
    finished(runs, "20261121T000000Z-aaaaaa")
    with pytest.raises(StoreError, match="cannot be written"):
        runs.create("20261121T000000Z-aaaaaa")
