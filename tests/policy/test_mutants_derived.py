"""The fields and counts of derived findings."""

from datetime import date
from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import FindingKind, Severity, Status, Verdict, WaiverTerms
from auditor.policy.catalogue.outcome import Context
from auditor.policy.judging import derived
from auditor.policy.judging.derived import SHOWN, DerivedInputs
from tests.builders import ACCOUNT, baseline_of, expected_derived


def of(control: str, tally: DerivedInputs, **parameters: Any) -> Verdict:
    """The first derived verdict of a control."""
    found = derived.verdicts(
        baseline_of(expected_derived(control)), tally, Context(parameters), Level.USER
    )
    return next(iter(found))


def locks(status: Status, count: int, **fields: Any) -> DerivedInputs:
    """A tally of so many locks of one status."""
    tally = DerivedInputs()
    verdicts = tuple(
        Verdict("AI-01", FindingKind.LOCK, status, Severity.HIGH, f"a.s{n:02}", **fields)
        for n in range(count)
    )
    tally.add(ACCOUNT.level, verdicts)
    return tally


def test_a_derived_finding_is_the_accounts_and_computed() -> None:
    found = of("CC-07", DerivedInputs(), known_keys=["a.b"])
    assert (found.decided_by, found.changeable_by) == ("account", ("account_admin",))
    assert (found.kind, found.source, found.observed) == (FindingKind.DERIVED, "computed", [])
    assert found.expected == {"op": "empty_or_triaged", "param": "known_keys", "value": ["a.b"]}


def test_documents_that_were_not_read_are_told() -> None:
    found = of("CC-07", DerivedInputs(unread={Cause.DENIED}))
    assert (found.status, found.cause) == (Status.UNKNOWN, Cause.DENIED)
    assert found.detail == "Not every settings document could be read."


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (1, "1 setting deviates, under a waiver."),
        (2, "2 settings deviate, each under a waiver."),
    ],
)
def test_waived_deviations_are_counted(count: int, sentence: str) -> None:
    found = of(
        "CC-01", locks(Status.WAIVED, count, waiver=WaiverTerms("", "", "", date(2027, 1, 1)))
    )
    assert (found.status, found.detail) == (Status.WAIVED, sentence)


def test_of_several_waivers_the_first_to_end_is_named() -> None:
    tally = DerivedInputs()
    ends = ("2027-05-01", "2026-12-01", "2028-01-01")
    for position, day in enumerate(ends):
        waiver = WaiverTerms("", str(position), "", date.fromisoformat(day))
        lock = Verdict(
            "AI-01", FindingKind.LOCK, Status.WAIVED, Severity.HIGH, f"a.{position}", waiver=waiver
        )
        tally.add(ACCOUNT.level, (lock,))
    assert of("CC-01", tally).waiver == WaiverTerms("", "1", "", date(2026, 12, 1))


@pytest.mark.parametrize("count", [SHOWN - 1, SHOWN, SHOWN + 1])
def test_up_to_twenty_settings_are_named(count: int) -> None:
    found = of("CC-01", locks(Status.FAIL, count))
    names = [f"a.s{n:02}" for n in range(min(count, SHOWN))]
    rest = [f"and {count - SHOWN} more"] if count > SHOWN else []
    assert found.observed == [*names, *rest]


def test_scopes_that_are_not_looser_are_not_counted() -> None:
    tally = DerivedInputs()

    def add(scope: Scope, status: Status) -> None:
        value = Verdict("AI-01", FindingKind.VALUE, status, Severity.HIGH, "a.b")
        tally.add(scope.level, (value,))

    add(ACCOUNT, Status.PASS)
    for name, status in (("g1", Status.FAIL), ("g2", Status.PASS), ("g3", Status.WAIVED)):
        add(Scope(Level.GROUP, name), status)
    found = of("CC-02", tally)
    assert (found.status, found.observed) == (Status.FAIL, ["a.b"])
    assert found.detail == "1 group is looser than the account."


def test_a_waiver_of_a_looser_group_is_named() -> None:
    tally = DerivedInputs()
    waiver = WaiverTerms("", "ciso@example.com", "", date(2027, 1, 1))
    for scope, status in ((ACCOUNT, Status.PASS), (Scope(Level.GROUP, "g1"), Status.WAIVED)):
        waived = waiver if status is Status.WAIVED else None
        value = Verdict("AI-01", FindingKind.VALUE, status, Severity.HIGH, "a.b", waiver=waived)
        tally.add(scope.level, (value,))
    found = of("CC-02", tally)
    assert (found.status, found.waiver) == (Status.WAIVED, waiver)
