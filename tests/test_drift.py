"""Comparing two stored runs: every change by its right name, and laid to whoever made it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from auditor import drift as comparing
from auditor import run as runs
from auditor.drift import NotComparable
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.drift import Change, Drift, Move
from auditor.findings.model import BaselineInfo, Kind, Status, Verdict
from auditor.findings.past import Actor, Life
from auditor.run import Judgement
from auditor.store.errors import RunNotFound
from auditor.store.history import Entry
from tests.cli.commands import fill
from tests.policy.builders import ACCOUNT, CATALOGUE, at
from tests.policy.decisions import override
from tests.report.worlds import deviation, judged
from tests.run.stored import finished, judgement, organisation
from tests.store import conftest as histories
from tests.store.nights import Nights, mark_of, user

server, url, nights = histories.server, histories.url, histories.nights

FAIL, UNKNOWN, WAIVED = Status.FAIL, Status.UNKNOWN, Status.WAIVED
PASS = Status.PASS
MANY = 20_000
WITHIN = 30.0
"""Seconds of processor time: it takes about five on one core."""


def compared(nights: Nights, one: Entry, other: Entry, tell: Callable[[Drift], Any] = list) -> Any:
    with comparing.compared(nights.history, one, other, CATALOGUE) as drift:
        return tell(drift)


def changes(nights: Nights, one: Entry, other: Entry) -> list[Change]:
    found: list[Change] = compared(nights, one, other, lambda drift: list(drift.changes))
    return found


def moves(nights: Nights, one: Entry, other: Entry) -> dict[str, Move]:
    """Scope id to what became of its only finding."""
    return {change.standing.scope.id: change.move for change in changes(nights, one, other)}


# What changes are called


@pytest.mark.parametrize(
    ("before", "after", "move"),
    [
        (PASS, FAIL, Move.REGRESSED),
        (Status.ATTESTED, FAIL, Move.REGRESSED),
        (Status.NOT_APPLICABLE, FAIL, Move.REGRESSED),
        (UNKNOWN, FAIL, Move.REGRESSED),
        (Status.NEEDS_DECISION, FAIL, Move.REGRESSED),
        (WAIVED, FAIL, Move.WAIVER_LAPSED),
        (PASS, UNKNOWN, Move.NEWLY_UNKNOWN),
        (FAIL, UNKNOWN, Move.NEWLY_UNKNOWN),
        (WAIVED, UNKNOWN, Move.NEWLY_UNKNOWN),
        (FAIL, PASS, Move.IMPROVED),
        (FAIL, Status.ATTESTED, Move.IMPROVED),
        (FAIL, Status.NOT_APPLICABLE, Move.IMPROVED),
        (FAIL, WAIVED, Move.WAIVED),
        (UNKNOWN, PASS, Move.KNOWN_AGAIN),
        (UNKNOWN, Status.ATTESTED, Move.KNOWN_AGAIN),
        (WAIVED, PASS, Move.OTHER),
        (PASS, WAIVED, Move.OTHER),
        (PASS, Status.NEEDS_DECISION, Move.OTHER),
        (Status.ATTESTED, Status.ATTESTATION_EXPIRED, Move.OTHER),
        (FAIL, FAIL, None),
        (UNKNOWN, UNKNOWN, None),
        (PASS, PASS, None),
        (PASS, Status.NOT_APPLICABLE, None),
        (Status.ATTESTED, PASS, None),
    ],
)
def test_a_change_of_status_has_its_name(
    nights: Nights, before: Status, after: Status, move: Move | None
) -> None:
    one, other = nights.night({"u1": before}), nights.night({"u1": after})
    assert moves(nights, one, other) == ({"u1": move} if move else {})


def test_a_change_tells_how_it_stood_and_stands(nights: Nights) -> None:
    one = nights.night({"u1": FAIL, "u2": FAIL})
    other = nights.night({"u1": UNKNOWN, "u3": FAIL})
    found = {change.standing.scope.id: change for change in changes(nights, one, other)}
    assert found.keys() == {"u1", "u2", "u3"}
    before, after = found["u1"].before, found["u1"].after
    assert before is not None
    assert after is not None
    assert (before.status, after.status) == (FAIL, UNKNOWN)
    assert found["u2"].after is None
    assert found["u3"].before is None
    assert [found[each].life for each in ("u1", "u2", "u3")] == [None, Life.RESOLVED, Life.NEW]


def test_changes_come_by_fingerprint_as_often_as_they_are_wanted(nights: Nights) -> None:
    one = nights.night({f"u{at}": FAIL for at in range(0, 60, 2)})
    other = nights.night({f"u{at}": FAIL for at in range(0, 60, 3)})

    def twice(drift: Drift) -> tuple[list[str], ...]:
        return tuple([each.standing.fingerprint for each in drift.changes] for _ in range(2))

    first, second = compared(nights, one, other, twice)
    assert first == second == sorted(first)
    assert len(first) == 30


def test_a_user_who_is_new_did_not_regress(nights: Nights) -> None:
    one = nights.night(users=["u1"])
    other = nights.night({"u1": FAIL, "u2": FAIL}, users=["u1", "u2"])
    assert moves(nights, one, other) == {"u1": Move.REGRESSED, "u2": Move.SCOPE_ADDED}


def test_a_user_who_is_gone_did_not_improve(nights: Nights) -> None:
    one = nights.night({"u1": FAIL, "u2": FAIL, "u3": UNKNOWN})
    other = nights.night(users=["u1"])
    expected = {"u1": Move.IMPROVED, "u2": Move.SCOPE_REMOVED, "u3": Move.SCOPE_REMOVED}
    assert moves(nights, one, other) == expected


def test_users_who_could_not_be_listed_are_unknown_and_then_known_again(nights: Nights) -> None:
    one = nights.night({"u1": FAIL, "u2": FAIL})
    blind = nights.night(refused=True)
    seen = nights.night({"u1": FAIL})
    assert set(moves(nights, one, blind).values()) == {Move.NEWLY_UNKNOWN}
    assert moves(nights, blind, seen) == {"u1": Move.KNOWN_AGAIN, "u2": Move.KNOWN_AGAIN}
    assert moves(nights, one, seen) == {"u2": Move.IMPROVED}


def test_a_setting_that_no_control_covers_is_newly_visible(nights: Nights) -> None:
    new = deviation("TP-01", Level.ACCOUNT, kind=Kind.UNCOVERED, status=Status.NEEDS_DECISION)
    one = nights.night()
    other = nights.night(more=[judged(Scope(Level.ACCOUNT, "acc-1"), [new])])
    assert moves(nights, one, other) == {"acc-1": Move.NEWLY_VISIBLE}


def test_what_waited_for_a_person_and_deviates_now_is_one_change(nights: Nights) -> None:
    account = Scope(Level.ACCOUNT, "acc-1")
    waits = deviation("TP-01", Level.ACCOUNT, kind=Kind.ATTESTATION, status=Status.NEEDS_DECISION)
    other_setting = replace(waits, setting="in_meeting.other")
    fails = replace(waits, kind=Kind.DERIVED, status=FAIL)
    value = replace(waits, kind=Kind.VALUE, status=FAIL, setting="in_meeting.third")
    lock = replace(value, kind=Kind.LOCK)
    one = nights.night(more=[judged(account, [waits, other_setting])])
    other = nights.night(more=[judged(account, [fails, lock, value])])
    found = {
        (change.before and change.before.kind, change.after and change.after.kind): change.move
        for change in changes(nights, one, other)
    }
    assert found == {
        (Kind.ATTESTATION, Kind.DERIVED): Move.REGRESSED,
        (Kind.ATTESTATION, None): Move.OTHER,
        (None, Kind.LOCK): Move.REGRESSED,
        (None, Kind.VALUE): Move.REGRESSED,
    }


def test_the_same_answer_by_another_way_is_no_change(nights: Nights) -> None:
    account = Scope(Level.ACCOUNT, "acc-1")
    told = deviation("TP-01", Level.ACCOUNT, kind=Kind.ATTESTATION, status=UNKNOWN)
    one = nights.night(more=[judged(account, [replace(told, cause=Cause.ABSENT)])])
    computed = replace(told, kind=Kind.DERIVED, cause=Cause.DENIED)
    other = nights.night(more=[judged(account, [computed])])
    assert changes(nights, one, other) == []


def test_another_value_of_the_same_status_is_no_change(nights: Nights) -> None:
    one = nights.night({"u1": deviation("AI-01", observed="all")})
    other = nights.night({"u1": deviation("AI-01", observed="some")})
    assert changes(nights, one, other) == []


def test_who_made_it_so_is_told_with_the_change(nights: Nights) -> None:
    actor = Actor("ada@example.com", "2026-11-03T20:00:00Z", "Summary: On")
    one, other = nights.night(), nights.night({"u1": FAIL, "u2": FAIL})
    nights.history.attribute(other, {mark_of("u1"): actor})
    found = {each.standing.scope.id: each.changed_by for each in changes(nights, one, other)}
    assert found == {"u1": actor, "u2": None}


def test_runs_that_are_not_neighbours_can_be_compared(nights: Nights) -> None:
    one = nights.night({"u1": FAIL})
    nights.night({"u2": FAIL})
    other = nights.night({"u1": FAIL, "u3": FAIL})
    assert moves(nights, one, other) == {"u3": Move.REGRESSED}
    assert moves(nights, other, one) == {"u3": Move.IMPROVED}


# What the baseline did


def night(nights: Nights, judged_with: Judgement, *, recording: bool, locked: bool = True) -> Entry:
    """A night that was really judged: local recording of the account, on or off."""
    run_id = nights.runs.new_id()
    path = "recording.local_recording"
    with nights.runs.new(run_id) as snapshot:
        bodies = {SETTINGS: at(path, recording), LOCKS: at(path, locked)}
        fill(snapshot, (ACCOUNT, bodies))
        finished(snapshot, judged_with, run_id).finish()
        return nights.keep(snapshot, runs.judge(snapshot, judged_with), judged_with.narrowed)


def decided(expect: bool) -> Judgement:
    rows = [override({"RC-02": {"expect": expect}}, level="account")]
    return judgement("RC-02", organisation=organisation(overrides=rows))


def kinds(nights: Nights, one: Entry, other: Entry) -> dict[str, Move]:
    return {change.standing.kind: change.move for change in changes(nights, one, other)}


def test_what_the_account_did_is_not_laid_to_the_baseline(nights: Nights) -> None:
    one = night(nights, decided(False), recording=False)
    other = night(nights, decided(False), recording=True, locked=False)
    assert kinds(nights, one, other) == {"value": Move.REGRESSED, "lock": Move.REGRESSED}


def test_what_the_baseline_did_is_not_laid_to_the_account(nights: Nights) -> None:
    one = night(nights, decided(True), recording=True)
    other = night(nights, decided(False), recording=True, locked=False)
    assert kinds(nights, one, other) == {"value": Move.BASELINE_CHANGED, "lock": Move.REGRESSED}
    assert kinds(nights, other, one) == {"value": Move.BASELINE_CHANGED, "lock": Move.IMPROVED}


def test_a_waiver_that_ran_out_is_not_laid_to_the_baseline(nights: Nights) -> None:
    one, other = nights.night({"u1": WAIVED}), nights.night({"u1": FAIL})
    assert moves(nights, one, other) == {"u1": Move.WAIVER_LAPSED}


def test_a_selection_that_leaves_a_control_out_improves_nothing(nights: Nights) -> None:
    one = night(nights, judgement("RC-02", "RC-03"), recording=True)
    other = night(nights, judgement("RC-03"), recording=True)
    assert {each.move for each in changes(nights, one, other)} == {Move.BASELINE_CHANGED}


# What limits a comparison


def notes(nights: Nights, one: Entry, other: Entry) -> str:
    return " ".join(compared(nights, one, other, lambda drift: drift.notes))


def test_two_runs_alike_need_no_note(nights: Nights) -> None:
    assert "run" not in notes(nights, nights.night(), nights.night())


BASELINE = BaselineInfo("strict", "1.0.0", "sha256:" + "ab" * 32)


@pytest.mark.parametrize(
    ("other", "said"),
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
    nights: Nights, other: Mapping[str, Any], said: str
) -> None:
    assert said in notes(nights, nights.night(), nights.night(**other))


def test_another_version_of_the_program_is_noted(nights: Nights) -> None:
    one = nights.night()
    snapshot, run = nights.read()
    other = nights.keep(snapshot, replace(run, tool_version="9.9.9"))
    assert "by version 0.1.0 of the auditor, the later by 9.9.9" in notes(nights, one, other)


def test_an_earlier_run_that_is_incomplete_is_noted(nights: Nights) -> None:
    found = notes(nights, nights.night(complete=False), nights.night())
    assert "The earlier run is incomplete: what it did not see is unknown." in found


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"account_id": "other"}, r"account acc-1, run .* of account other: there is nothing"),
        ({"api_url": "https://api.zoomgov.com/v2"}, r"api\.zoom\.us.*api\.zoomgov\.com"),
    ],
    ids=repr,
)
def test_runs_of_two_accounts_are_not_compared(
    nights: Nights, other: dict[str, str], said: str
) -> None:
    one, another = nights.night(), nights.night(**other)
    with pytest.raises(NotComparable, match=said):
        changes(nights, one, another)


def test_a_run_whose_evidence_is_gone_is_told(nights: Nights) -> None:
    one, other = nights.night(), nights.night()
    nights.history.remove([one])
    with pytest.raises(RunNotFound, match=f"run {one.facts.id} is kept no longer"):
        changes(nights, one, other)


# Size


def test_thousands_of_changes_stream(nights: Nights) -> None:
    fail: tuple[Verdict, ...] = (deviation("AI-01"),)
    users = [f"u{at:05}" for at in range(MANY)]
    one = nights.night(users=users)
    other = nights.night(users=users, more=[judged(user(each), fail) for each in users])

    def told(drift: Drift) -> tuple[int, int, list[Any]]:
        first = sum(1 for _ in drift.changes)
        return first, sum(1 for _ in drift.of(Move.REGRESSED)), drift.clusters()

    began = time.process_time()
    all_, regressed, (cluster,) = compared(nights, one, other, told)
    assert time.process_time() - began < WITHIN
    assert all_ == regressed == cluster.count == MANY
    assert [each.standing.scope.id for each in cluster.examples] == users[:5]
