"""The roll-up: what is counted, in which order, and that no account is left out."""

from datetime import timedelta

import pytest

from auditor.findings.model import Status
from auditor.fleet.attempts import Attempt
from auditor.fleet.rollup import AccountSummary, FindingCounts, FleetVerdict
from tests.fleet.samples import NOW, account, facts, failed, fleet, sample, state

UNKNOWN = Status.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ([], [state(1)], (1, 0, 0)),
        ([state(1)], [state(1)], (0, 0, 0)),
        ([state(1)], [], (0, 1, 0)),
        ([state(1)], [state(1, status=Status.WAIVED)], (0, 1, 0)),
        ([state(1)], [state(1, status=UNKNOWN)], (0, 1, 1)),
        ([state(1, status=UNKNOWN)], [state(1)], (1, 0, 0)),
        ([state(1, status=UNKNOWN)], [state(1, status=UNKNOWN)], (0, 0, 0)),
    ],
)
def test_what_is_new_and_what_is_gone(
    before: list[object], after: list[object], moved: tuple[int, int, int]
) -> None:
    counts = FindingCounts.of(after, before, policy_changed=False)  # type: ignore[arg-type]
    assert (counts.new, counts.gone, counts.newly_unknown) == moved


def test_accounts_are_ordered_by_what_needs_attention_first() -> None:
    assert [(each.name, each.verdict.value) for each in sample().accounts] == [
        ("apac", "failed"),
        ("emea", "deviates"),
        ("us-east-with-a-rather-long-name", "deviates"),
        ("older", "deviates"),
        ("partial", "incomplete"),
        ("clean", "meets"),
        ("new", "never audited"),
    ]


def test_each_control_has_its_accounts_worst_first() -> None:
    rows = [
        (each.control, each.title, dict(each.accounts))
        for each in fleet(account("a", critical=1, medium=2), account("b", medium=5)).controls
    ]
    assert rows == [
        ("AI-01", "Meeting summary is off", {"a": 1}),
        ("RC-02", "Local recording is off", {"b": 5, "a": 2}),
    ]


@pytest.mark.parametrize(
    ("minutes", "verdict"), [(-1, FleetVerdict.MEETS), (1, FleetVerdict.FAILED)]
)
def test_a_failure_counts_until_a_later_run(minutes: int, verdict: FleetVerdict) -> None:
    run = facts("a")
    ended = (run.finished_at + timedelta(minutes=minutes)).isoformat()
    attempt = Attempt(ended, 4, failure="Refused.")
    assert AccountSummary("a", (), "", run, attempt=attempt).verdict is verdict


def test_a_night_counts_the_newest_run_of_each_account_by_then() -> None:
    missed = account("missed", critical=2)
    missed = account("missed", critical=2, trend=missed.trend[:1])
    nights = fleet(account("a", medium=1), missed, failed("b")).nights
    assert [(night.day, night.audited, night.accounts, night.deviations) for night in nights] == [
        ((NOW - timedelta(days=1)).date(), 2, 2, 2),
        (NOW.date(), 1, 2, 3),
    ]
