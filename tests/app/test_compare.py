"""Comparing two stored runs: every change by its right name, and laid to whoever made it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from auditor.app.audit import EvaluationConfig, judge
from auditor.app.compare import NotComparable, open_comparison
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.drift import ChangeKind, Drift, FindingChange
from auditor.findings.model import Actor, BaselineInfo, FindingKind, LifecycleState, Status, Verdict
from auditor.store.errors import RunNotFound
from auditor.store.history import StoredRun
from tests.app.stored import finished, judgement, organisation
from tests.builders import ACCOUNT, CATALOGUE, nested, override_entry
from tests.cli.commands import fill
from tests.every_case import every_case
from tests.report.worlds import deviation, judged
from tests.store import conftest as histories
from tests.store.nights import Nights, fingerprint_of, user

server, url, nights = histories.server, histories.url, histories.nights

FAIL, UNKNOWN, WAIVED = Status.FAIL, Status.UNKNOWN, Status.WAIVED
PASS = Status.PASS
MANY = 20_000
WITHIN = 30.0
"""Seconds of processor time: it takes about five on one core."""


T = TypeVar("T")


def with_comparison(
    nights: Nights, one: StoredRun, other: StoredRun, tell: Callable[[Drift], T]
) -> T:
    with open_comparison(nights.history, one, other, CATALOGUE) as drift:
        return tell(drift)


def changes(nights: Nights, one: StoredRun, other: StoredRun) -> list[FindingChange]:
    return with_comparison(nights, one, other, lambda drift: list(drift.changes))


def moves(nights: Nights, one: StoredRun, other: StoredRun) -> dict[str, ChangeKind]:
    """Scope id to what became of its only finding."""
    return {change.state.scope.id: change.move for change in changes(nights, one, other)}


# What changes are called


@every_case(
    "before, after, move",
    [
        (PASS, FAIL, ChangeKind.REGRESSED),
        (Status.ATTESTED, FAIL, ChangeKind.REGRESSED),
        (Status.NOT_APPLICABLE, FAIL, ChangeKind.REGRESSED),
        (UNKNOWN, FAIL, ChangeKind.REGRESSED),
        (Status.NEEDS_DECISION, FAIL, ChangeKind.REGRESSED),
        (WAIVED, FAIL, ChangeKind.WAIVER_LAPSED),
        (PASS, UNKNOWN, ChangeKind.NEWLY_UNKNOWN),
        (FAIL, UNKNOWN, ChangeKind.NEWLY_UNKNOWN),
        (WAIVED, UNKNOWN, ChangeKind.NEWLY_UNKNOWN),
        (FAIL, PASS, ChangeKind.IMPROVED),
        (FAIL, Status.ATTESTED, ChangeKind.IMPROVED),
        (FAIL, Status.NOT_APPLICABLE, ChangeKind.IMPROVED),
        (FAIL, WAIVED, ChangeKind.WAIVED),
        (UNKNOWN, PASS, ChangeKind.KNOWN_AGAIN),
        (UNKNOWN, Status.ATTESTED, ChangeKind.KNOWN_AGAIN),
        (WAIVED, PASS, ChangeKind.OTHER),
        (PASS, WAIVED, ChangeKind.OTHER),
        (PASS, Status.NEEDS_DECISION, ChangeKind.OTHER),
        (Status.ATTESTED, Status.ATTESTATION_EXPIRED, ChangeKind.OTHER),
        (FAIL, FAIL, None),
        (UNKNOWN, UNKNOWN, None),
        (PASS, PASS, None),
        (PASS, Status.NOT_APPLICABLE, None),
        (Status.ATTESTED, PASS, None),
    ],
)
def test_a_change_of_status_has_its_name(
    nights: Nights, before: Status, after: Status, move: ChangeKind | None
) -> None:
    account = f"from {before} to {after}"
    one = nights.night({"u1": before}, account_id=account)
    other = nights.night({"u1": after}, account_id=account)
    assert moves(nights, one, other) == ({"u1": move} if move else {})


def test_a_change_tells_how_it_stood_and_stands(nights: Nights) -> None:
    one = nights.night({"u1": FAIL, "u2": FAIL})
    other = nights.night({"u1": UNKNOWN, "u3": FAIL})
    found = {change.state.scope.id: change for change in changes(nights, one, other)}
    assert found.keys() == {"u1", "u2", "u3"}
    before, after = found["u1"].before, found["u1"].after
    assert before is not None
    assert after is not None
    assert (before.status, after.status) == (FAIL, UNKNOWN)
    assert found["u2"].after is None
    assert found["u3"].before is None
    assert [found[each].lifecycle for each in ("u1", "u2", "u3")] == [
        None,
        LifecycleState.RESOLVED,
        LifecycleState.NEW,
    ]


def test_changes_come_by_fingerprint_as_often_as_they_are_wanted(nights: Nights) -> None:
    one = nights.night({f"u{at}": FAIL for at in range(0, 60, 2)})
    other = nights.night({f"u{at}": FAIL for at in range(0, 60, 3)})

    def twice(drift: Drift) -> tuple[list[str], ...]:
        return tuple([each.state.fingerprint for each in drift.changes] for _ in range(2))

    first, second = with_comparison(nights, one, other, twice)
    assert first == second == sorted(first)
    assert len(first) == 30


def test_a_user_who_is_new_did_not_regress(nights: Nights) -> None:
    one = nights.night(users=["u1"])
    other = nights.night({"u1": FAIL, "u2": FAIL}, users=["u1", "u2"])
    assert moves(nights, one, other) == {"u1": ChangeKind.REGRESSED, "u2": ChangeKind.SCOPE_ADDED}


def test_a_user_who_is_gone_did_not_improve(nights: Nights) -> None:
    one = nights.night({"u1": FAIL, "u2": FAIL, "u3": UNKNOWN})
    other = nights.night(users=["u1"])
    expected = {
        "u1": ChangeKind.IMPROVED,
        "u2": ChangeKind.SCOPE_REMOVED,
        "u3": ChangeKind.SCOPE_REMOVED,
    }
    assert moves(nights, one, other) == expected


def test_users_who_could_not_be_listed_are_unknown_and_then_known_again(nights: Nights) -> None:
    one = nights.night({"u1": FAIL, "u2": FAIL})
    blind = nights.night(refused=True)
    seen = nights.night({"u1": FAIL})
    assert set(moves(nights, one, blind).values()) == {ChangeKind.NEWLY_UNKNOWN}
    assert moves(nights, blind, seen) == {
        "u1": ChangeKind.KNOWN_AGAIN,
        "u2": ChangeKind.KNOWN_AGAIN,
    }
    assert moves(nights, one, seen) == {"u2": ChangeKind.IMPROVED}


def test_a_setting_that_no_control_covers_is_newly_visible(nights: Nights) -> None:
    new = deviation(
        "TP-01", Level.ACCOUNT, kind=FindingKind.UNCOVERED, status=Status.NEEDS_DECISION
    )
    one = nights.night()
    other = nights.night(more=[judged(Scope(Level.ACCOUNT, "acc-1"), [new])])
    assert moves(nights, one, other) == {"acc-1": ChangeKind.NEWLY_VISIBLE}


def test_what_waited_for_a_person_and_deviates_now_is_one_change(nights: Nights) -> None:
    account = Scope(Level.ACCOUNT, "acc-1")
    waits = deviation(
        "TP-01", Level.ACCOUNT, kind=FindingKind.ATTESTATION, status=Status.NEEDS_DECISION
    )
    other_setting = replace(waits, setting="in_meeting.other")
    fails = replace(waits, kind=FindingKind.DERIVED, status=FAIL)
    value = replace(waits, kind=FindingKind.VALUE, status=FAIL, setting="in_meeting.third")
    lock = replace(value, kind=FindingKind.LOCK)
    one = nights.night(more=[judged(account, [waits, other_setting])])
    other = nights.night(more=[judged(account, [fails, lock, value])])
    found = {
        (change.before and change.before.kind, change.after and change.after.kind): change.move
        for change in changes(nights, one, other)
    }
    assert found == {
        (FindingKind.ATTESTATION, FindingKind.DERIVED): ChangeKind.REGRESSED,
        (FindingKind.ATTESTATION, None): ChangeKind.OTHER,
        (None, FindingKind.LOCK): ChangeKind.REGRESSED,
        (None, FindingKind.VALUE): ChangeKind.REGRESSED,
    }


def test_the_same_answer_by_another_way_is_no_change(nights: Nights) -> None:
    account = Scope(Level.ACCOUNT, "acc-1")
    attestation = deviation("TP-01", Level.ACCOUNT, kind=FindingKind.ATTESTATION, status=UNKNOWN)
    one = nights.night(more=[judged(account, [replace(attestation, cause=Cause.ABSENT)])])
    computed = replace(attestation, kind=FindingKind.DERIVED, cause=Cause.DENIED)
    other = nights.night(more=[judged(account, [computed])])
    assert changes(nights, one, other) == []


def test_another_value_of_the_same_status_is_no_change(nights: Nights) -> None:
    one = nights.night({"u1": deviation("AI-01", observed="all")})
    other = nights.night({"u1": deviation("AI-01", observed="some")})
    assert changes(nights, one, other) == []


def test_who_made_it_so_is_told_with_the_change(nights: Nights) -> None:
    actor = Actor("ada@example.com", parse_rfc3339("2026-11-03T20:00:00Z"), "Summary: On")
    one, other = nights.night(), nights.night({"u1": FAIL, "u2": FAIL})
    nights.history.attribute(other, {fingerprint_of("u1"): actor})
    found = {each.state.scope.id: each.changed_by for each in changes(nights, one, other)}
    assert found == {"u1": actor, "u2": None}


def test_runs_that_are_not_neighbours_can_be_compared(nights: Nights) -> None:
    one = nights.night({"u1": FAIL})
    nights.night({"u2": FAIL})
    other = nights.night({"u1": FAIL, "u3": FAIL})
    assert moves(nights, one, other) == {"u3": ChangeKind.REGRESSED}
    assert moves(nights, other, one) == {"u3": ChangeKind.IMPROVED}


# What the baseline did


def night(
    nights: Nights, judged_with: EvaluationConfig, *, recording: bool, locked: bool = True
) -> StoredRun:
    """A night that was really judged: local recording of the account, on or off."""
    run_id = nights.runs.new_id()
    path = "recording.local_recording"
    with nights.runs.new(run_id) as snapshot:
        bodies = {SETTINGS: nested(path, recording), LOCKS: nested(path, locked)}
        fill(snapshot, (ACCOUNT, bodies))
        finished(snapshot, judged_with, run_id).finish()
        return nights.keep(snapshot, judge(snapshot, judged_with), judged_with.selected_subset)


def decided(expect: bool) -> EvaluationConfig:
    rows = [override_entry({"RC-02": {"expect": expect}}, level="account")]
    return judgement("RC-02", organisation=organisation(overrides=rows))


def kinds(nights: Nights, one: StoredRun, other: StoredRun) -> dict[str, ChangeKind]:
    return {change.state.kind: change.move for change in changes(nights, one, other)}


def test_what_the_account_did_is_not_laid_to_the_baseline(nights: Nights) -> None:
    one = night(nights, decided(False), recording=False)
    other = night(nights, decided(False), recording=True, locked=False)
    assert kinds(nights, one, other) == {
        "value": ChangeKind.REGRESSED,
        "lock": ChangeKind.REGRESSED,
    }


def test_what_the_baseline_did_is_not_laid_to_the_account(nights: Nights) -> None:
    one = night(nights, decided(True), recording=True)
    other = night(nights, decided(False), recording=True, locked=False)
    assert kinds(nights, one, other) == {
        "value": ChangeKind.BASELINE_CHANGED,
        "lock": ChangeKind.REGRESSED,
    }
    assert kinds(nights, other, one) == {
        "value": ChangeKind.BASELINE_CHANGED,
        "lock": ChangeKind.IMPROVED,
    }


def test_a_selection_that_leaves_a_control_out_improves_nothing(nights: Nights) -> None:
    one = night(nights, judgement("RC-02", "RC-03"), recording=True)
    other = night(nights, judgement("RC-03"), recording=True)
    assert {each.move for each in changes(nights, one, other)} == {ChangeKind.BASELINE_CHANGED}


# What limits a comparison


def notes(nights: Nights, one: StoredRun, other: StoredRun) -> str:
    return " ".join(with_comparison(nights, one, other, lambda drift: drift.notes))


def test_two_runs_alike_need_no_note(nights: Nights) -> None:
    assert "run" not in notes(nights, nights.night(), nights.night())


BASELINE = BaselineInfo("strict", "1.0.0", "sha256:" + "ab" * 32)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"baseline": replace(BASELINE, id="own")}, "baseline strict, the later by own."),
        ({"baseline": replace(BASELINE, digest="sha256:0")}, "The baseline strict changed"),
        ({"depth": "meeting"}, "at depth user, the later at meeting."),
        ({"selected": frozenset({"AI-01"})}, "different selections of controls."),
        ({"complete": False}, "The later run is incomplete"),
    ],
    ids=repr,
)
def test_what_limits_a_comparison_is_noted(
    nights: Nights, other: Mapping[str, Any], message: str
) -> None:
    assert message in notes(nights, nights.night(), nights.night(**other))


def test_another_version_of_the_program_is_noted(nights: Nights) -> None:
    one = nights.night()
    snapshot, run = nights.read()
    other = nights.keep(snapshot, replace(run, tool_version="9.9.9"))
    assert "by version 0.1.0 of the auditor, the later by 9.9.9" in notes(nights, one, other)


def test_an_earlier_run_that_is_incomplete_is_noted(nights: Nights) -> None:
    found = notes(nights, nights.night(complete=False), nights.night())
    assert "The earlier run is incomplete: what it did not see is unknown." in found


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"account_id": "other"}, r"account acc-1, run .* of account other: there is nothing"),
        ({"api_url": "https://api.zoomgov.com/v2"}, r"api\.zoom\.us.*api\.zoomgov\.com"),
    ],
    ids=repr,
)
def test_runs_of_two_accounts_are_not_compared(
    nights: Nights, other: dict[str, Any], message: str
) -> None:
    one, another = nights.night(), nights.night(**other)
    with pytest.raises(NotComparable, match=message):
        changes(nights, one, another)


def test_a_run_whose_evidence_is_gone_is_told(nights: Nights) -> None:
    one, other = nights.night(), nights.night()
    nights.history.remove([one])
    with pytest.raises(RunNotFound, match=f"run {one.facts.id} was removed"):
        changes(nights, one, other)


# Size


@pytest.mark.slow
def test_thousands_of_changes_stream(nights: Nights) -> None:
    fail: tuple[Verdict, ...] = (deviation("AI-01"),)
    users = [f"u{at:05}" for at in range(MANY)]
    one = nights.night(users=users)
    other = nights.night(users=users, more=[judged(user(each), fail) for each in users])

    def summary(drift: Drift) -> tuple[int, int, tuple[Any, ...]]:
        first = sum(1 for _ in drift.changes)
        return first, sum(1 for _ in drift.of(ChangeKind.REGRESSED)), drift.groups

    began = time.process_time()
    all_, regressed, (cluster,) = with_comparison(nights, one, other, summary)
    assert time.process_time() - began < WITHIN
    assert all_ == regressed == cluster.count == MANY
    assert [each.state.scope.id for each in cluster.examples] == users[:5]
