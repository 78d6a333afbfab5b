"""The conditions for a message."""

from dataclasses import replace

import pytest

from auditor.findings.drift import ChangeKind, FindingChange
from auditor.findings.model import FindingKind, Status
from auditor.notify.triggers import (
    DEFAULT,
    RunEvent,
    Trigger,
    active_triggers,
    due_waivers,
    matching,
)
from tests.notify.news import TODAY, YESTERDAY, change, facts, group, news, waiver


def test_nothing_changed_is_nothing_to_tell() -> None:
    assert active_triggers(news()) == frozenset()
    assert matching(news(), DEFAULT) == frozenset()


def test_always_is_reported_only_where_it_was_requested() -> None:
    assert matching(news(), {Trigger.ALWAYS}) == {Trigger.ALWAYS}
    assert Trigger.ALWAYS not in matching(news(change()), DEFAULT)


@pytest.mark.parametrize(
    ("made", "occasion"),
    [
        (change(ChangeKind.REGRESSED), Trigger.REGRESSIONS),
        (change(ChangeKind.WAIVER_LAPSED), Trigger.REGRESSIONS),
        (change(ChangeKind.SCOPE_ADDED, group()), Trigger.REGRESSIONS),
        (change(ChangeKind.NEWLY_UNKNOWN), Trigger.INCOMPLETE),
        (change(ChangeKind.IMPROVED), Trigger.RECOVERY),
        (change(ChangeKind.KNOWN_AGAIN), Trigger.RECOVERY),
    ],
)
def test_a_change_is_reported_for_what_it_is(made: FindingChange, occasion: Trigger) -> None:
    assert active_triggers(news(made)) == {occasion}


@pytest.mark.parametrize(
    "made",
    [
        change(ChangeKind.SCOPE_ADDED, group(), status=Status.UNKNOWN),
        change(ChangeKind.SCOPE_REMOVED),
        change(ChangeKind.BASELINE_CHANGED),
        change(ChangeKind.NEWLY_VISIBLE),
        change(ChangeKind.WAIVED),
    ],
)
def test_what_neither_got_worse_nor_better_is_not_reported(made: FindingChange) -> None:
    assert active_triggers(news(made)) == frozenset()


def test_what_channels_know_is_no_news() -> None:
    known, computed = change(), change(kind=FindingKind.DERIVED)
    announced = frozenset({known.state.fingerprint})
    assert active_triggers(replace(news(known), announced=announced)) == frozenset()
    for another in (computed, change(control="AI-02")):
        both = replace(news(known, another), announced=announced)
        assert active_triggers(both) == {Trigger.REGRESSIONS}


def test_only_requested_triggers_are_reported() -> None:
    assert matching(news(change(ChangeKind.IMPROVED)), {Trigger.REGRESSIONS}) == frozenset()


def test_no_run_at_all_is_reported_every_night() -> None:
    stopped = RunEvent(
        None, facts(finished_at=YESTERDAY), failure="No answer.", stopped_before=True
    )
    assert active_triggers(stopped) == {Trigger.INCOMPLETE}


def test_an_incomplete_run_is_reported_once() -> None:
    lacking = facts(complete=False)
    assert active_triggers(news(later=lacking)) == {Trigger.INCOMPLETE}
    before = facts("before", YESTERDAY, complete=False)
    assert active_triggers(news(later=lacking, earlier=before)) == frozenset()


def test_accepted_blind_spots_are_no_news_and_hide_no_new_gap() -> None:
    accepted = facts("before", YESTERDAY, complete=False, gaps_accepted=True)
    tonight = facts(complete=False, gaps_accepted=True)
    assert active_triggers(RunEvent(tonight)) == frozenset()
    assert active_triggers(news(later=tonight, earlier=accepted)) == frozenset()
    outage = facts(complete=False)
    assert active_triggers(news(later=outage, earlier=accepted)) == {Trigger.INCOMPLETE}
    before = facts("before", YESTERDAY, complete=False)
    assert active_triggers(news(later=tonight, earlier=before)) == {Trigger.RECOVERY}


def test_complete_evidence_after_incomplete_is_a_recovery() -> None:
    before = facts("before", YESTERDAY, complete=False)
    assert active_triggers(news(earlier=before)) == {Trigger.RECOVERY}
    assert active_triggers(news(stopped_before=True)) == {Trigger.RECOVERY}
    undone = news(stopped_before=True, failed_steps=["a.html cannot be written."])
    assert active_triggers(undone) == {Trigger.INCOMPLETE}


def test_a_first_run_has_nothing_to_be_compared_with() -> None:
    assert active_triggers(RunEvent(facts())) == frozenset()
    assert active_triggers(RunEvent(facts(complete=False))) == {Trigger.INCOMPLETE}


@pytest.mark.parametrize(
    ("expires", "due"),
    [
        ("2026-12-06", False),  # 15 days left
        ("2026-12-05", True),  # 14
        ("2026-12-04", False),
        ("2026-11-28", True),  # 7
        ("2026-11-27", False),
        ("2026-11-22", True),  # 1
        ("2026-11-21", False),  # its last day
        ("2026-11-20", True),  # ended
        ("2026-11-19", False),  # ended the night before
    ],
)
def test_a_waiver_is_reported_14_7_and_1_days_before_and_when_it_has_ended(
    expires: str, due: bool
) -> None:
    assert (Trigger.WAIVERS in active_triggers(news(waivers=[waiver(expires)]))) is due


def test_a_night_without_a_run_loses_no_reminder() -> None:
    earlier = facts("before", "2026-11-18T02:14:00Z")
    assert due_waivers(news(earlier=earlier, waivers=[waiver("2026-12-04")]))  # 16 days, then 13


def test_two_runs_on_one_day_remind_once() -> None:
    earlier = facts("before", "2026-11-21T01:00:00Z")
    assert not due_waivers(news(earlier=earlier, waivers=[waiver("2026-11-28")]))


def test_days_are_counted_in_utc() -> None:
    later = facts(finished_at="2026-11-21T23:30:00-02:00")  # the 22nd in UTC
    assert due_waivers(news(later=later, waivers=[waiver("2026-11-29")]))


def test_a_first_run_tells_every_waiver_that_ends_soon() -> None:
    first = replace(news(waivers=[waiver("2026-11-27")]), earlier=None, drift=None)
    assert active_triggers(first) == {Trigger.WAIVERS}


def test_the_end_of_a_waiver_that_covers_nothing_is_no_news() -> None:
    assert not due_waivers(news(waivers=[waiver("2026-11-28", "unmatched")]))


def test_the_waiver_that_ends_first_is_reported_first() -> None:
    found = due_waivers(news(waivers=[waiver("2026-12-05"), waiver("2026-11-22")]))
    assert [str(each.expires) for each in found] == ["2026-11-22", "2026-12-05"]
    assert TODAY < "2026-11-22"
