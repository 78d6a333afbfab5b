"""The trend: what earlier runs of the same kind came to."""

from dataclasses import replace
from pathlib import Path

from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Point, Status
from auditor.findings.run import Run
from auditor.store.runs import SNAPSHOT, Runs
from tests.report import worlds


def night(runs: Runs, run_id: str, **info: str) -> Run:
    run = worlds.everything()
    run = replace(run, info=replace(run.info, id=run_id, finished_at=f"at {run_id}", **info))
    with runs.new(run_id) as snapshot:
        snapshot.add_scope(Scope(Level.ACCOUNT, "a", "account"))
        runs.remember(snapshot, run)
    snapshot.close()
    return run


def test_earlier_runs_come_oldest_first_and_without_the_run_itself(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    nights = [night(runs, f"2026112{day}T000000-000Z-aaaaaa") for day in (1, 2, 3)]
    by_status = nights[0].summary.by_status
    first = Point(
        run=nights[0].info.id,
        finished_at=nights[0].info.finished_at,
        deviations=by_status[Status.FAIL],
        unknown=by_status[Status.UNKNOWN],
        judged=sum(by_status.values()),
    )
    found = runs.trend(nights[2])
    assert found[0] == first
    assert [point.run for point in found] == [each.info.id for each in nights[:2]]
    assert runs.trend(nights[0]) == []


def test_runs_of_another_account_baseline_depth_or_selection_are_no_points(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    night(runs, "20261120T000000-000Z-aaaaaa", account_id="other")
    night(runs, "20261121T000000-000Z-aaaaaa", depth="account")
    last = night(runs, "20261122T000000-000Z-aaaaaa")
    assert runs.trend(last) == []
    assert runs.trend(replace(last, info=replace(last.info, id="3"), controls={})) == []


def test_a_run_that_noted_nothing_and_a_broken_file_are_passed_over(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.create("20261120T000000-000Z-aaaaaa").close()
    runs.create("20261121T000000-000Z-aaaaaa").close()
    (runs.home / "runs" / "20261121T000000-000Z-aaaaaa" / SNAPSHOT).write_bytes(b"noise")
    assert runs.trend(night(runs, "20261122T000000-000Z-aaaaaa")) == []
