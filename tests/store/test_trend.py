"""The trend: results of earlier runs of the same series."""

import pytest

from auditor.findings.model import Status
from auditor.store import history
from tests.store.nights import Nights

FAIL, UNKNOWN = Status.FAIL, Status.UNKNOWN


def test_earlier_runs_come_oldest_first_and_without_the_run_itself(nights: Nights) -> None:
    first = nights.night({"u1": FAIL, "u2": FAIL, "u3": UNKNOWN})
    second = nights.night({"u1": FAIL})
    third = nights.night()
    found = nights.history.trend(third)
    facts = first.facts
    assert found[0] == history.point(facts)
    assert (found[0].run, found[0].finished_at) == (facts.id, facts.finished_at)
    assert (found[0].deviations, found[0].unknown, found[0].judged) == (2, 1, 3)
    assert [point.run for point in found] == [first.facts.id, second.facts.id]
    assert nights.history.trend(first) == []


def test_runs_of_another_account_baseline_depth_or_selection_are_no_points(nights: Nights) -> None:
    nights.night(account_id="other")
    nights.night(depth="account")
    nights.night(selected=frozenset({"AI-01"}))
    assert nights.history.trend(nights.night()) == []


def test_of_many_runs_the_newest_are_reported(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "TREND", 2)
    entries = [nights.night() for _ in range(5)]
    found = [point.run for point in nights.history.trend(entries[-1])]
    assert found == [entry.facts.id for entry in entries[2:4]]
