"""Unlisted scopes, and the number of users in explanations."""

from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.read_plan import TOKEN
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import View
from auditor.findings.model import Status, Verdict
from auditor.policy.baseline.waivers import Waiver, WaiversAndAttestations
from auditor.policy.judging.assess import Assessor
from auditor.policy.reading.locks import LockDocuments
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    LISTED,
    TODAY,
    USER,
    baseline_of,
    catalogue_of,
    check,
    evaluated,
    evaluated_with,
    expected_attestation,
    expected_control,
    locks_body,
    outcomes,
    override_entry,
    scope_verdicts,
    settings_body,
    snapshot_of,
    waiver_entry,
)

BASELINE = baseline_of(expected_control(check()))
GROUPS = View("groups")


def test_a_list_nobody_asked_for_is_told_without_a_request() -> None:
    listings = {view: body for view, body in LISTED.items() if view != GROUPS}
    found = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, settings_body(False)), listings=listings), BASELINE)
    )
    (verdict,) = [v for scope, v in found if scope.id == "*"]
    assert (verdict.status, verdict.cause) == (Status.UNKNOWN, Cause.NOT_COLLECTED)
    assert verdict.source == ""


def test_a_control_only_an_override_asks_for_is_unknown_where_nobody_was_listed() -> None:
    (expected_control,) = BASELINE.assessed.values()
    snapshot = snapshot_of(
        (ACCOUNT, settings_body(False)), listings={**LISTED, GROUPS: Cause.DENIED}
    )
    found = evaluated_with(
        snapshot,
        baseline_of(),
        overrides=[override_entry(level="group")],
        catalogue=catalogue_of(expected_control.control),
        depth=Level.GROUP,
    )
    assert [(s.id, v.cause) for s, v in scope_verdicts(found)] == [("*", Cause.DENIED)]


def test_a_level_a_check_does_not_have_is_not_unknown_there() -> None:
    only_users = baseline_of(
        expected_control(check(levels=(Level.USER,), lock=None, lock_levels=()))
    )
    found = scope_verdicts(
        evaluated(snapshot_of(listings={**LISTED, GROUPS: Cause.DENIED}), only_users)
    )
    assert [scope.level for scope, _ in found if scope.id == "*"] == []


def test_who_can_change_a_value_is_counted_without_invited_users() -> None:
    users = [replace(USER, id=f"u{n}") for n in range(3)]
    invited = replace(USER, id="u9", status="pending", licence=None)
    scopes = [(scope, settings_body(False)) for scope in users]
    account = {**settings_body(True), **locks_body(False)}
    found = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, account), *scopes, (invited, {})), BASELINE)
    )
    (verdict,) = [v for scope, v in found if scope == ACCOUNT]
    assert verdict.changeable.startswith(
        "People for themselves, unless their group locks it; group"
    )


def test_a_singleton_scope_is_named_even_if_it_was_not_read() -> None:
    token = check("token.scopes", surface=TOKEN.surface, levels=(Level.APP,), type=("array",))
    expected = baseline_of(expected_control(token, op={"op": "no_write_scopes"}))
    ((scope, verdict),) = scope_verdicts(evaluated(snapshot_of(), expected))
    assert scope == Scope(Level.APP, ACCOUNT.id, "the auditor's own app")
    assert verdict.cause is Cause.NOT_COLLECTED


# Groups that may differ, by names that nobody saw

EXCEPTED = {"op": "eq", "value": False, "group_exception_param": "excepted"}
MEMBERS_ONLY = {"op": "user_in_group_param", "param": "excepted"}
UNLISTED = {**LISTED, GROUPS: Cause.DENIED}


def of_user(
    op: Any,
    *groups: Scope,
    user: Scope = USER,
    value: bool = True,
    listings: Any = UNLISTED,
    **parameters: Any,
) -> Verdict:
    """The verdict on a user's value, with the groups that were listed before the list broke off."""
    scopes = [(user, settings_body(value)), *((group, {}) for group in groups)]
    expected = baseline_of(expected_control(check(levels=(Level.USER,)), op=op))
    found = scope_verdicts(evaluated(snapshot_of(*scopes, listings=listings), expected, parameters))
    (verdict,) = [v for scope, v in found if scope == user]
    return verdict


@pytest.mark.parametrize("op", [EXCEPTED, MEMBERS_ONLY])
def test_a_deviation_is_unknown_where_its_group_may_be_one_that_may_differ(op: Any) -> None:
    found = of_user(op, excepted=["Anybody"])
    assert (found.status, found.cause) == (Status.UNKNOWN, Cause.DENIED)
    assert "excepted" in found.detail
    assert found.observed is True


@pytest.mark.parametrize("op", [EXCEPTED, MEMBERS_ONLY])
def test_one_group_without_a_name_is_enough_for_doubt(op: Any) -> None:
    both = replace(USER, group_ids=("g1", "g2"))
    assert of_user(op, GROUP, user=both, excepted=["Anybody"]).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "fields",
    [
        {"op": {"op": "eq", "value": False}, "excepted": ["Anybody"]},
        {"op": EXCEPTED},
        {"op": EXCEPTED, "excepted": ["Anybody"], "listings": LISTED},
        {"op": EXCEPTED, "excepted": ["Anybody"], "user": replace(USER, group_ids=())},
        {"op": MEMBERS_ONLY, "excepted": ["Anybody"], "listings": LISTED},
    ],
)
def test_a_deviation_stays_one_where_no_name_could_excuse_it(fields: dict[str, Any]) -> None:
    assert of_user(**fields).status is Status.FAIL


def test_a_group_that_was_named_and_is_not_excepted_leaves_no_doubt() -> None:
    assert of_user(EXCEPTED, GROUP, excepted=["Anybody"]).status is Status.FAIL


def test_a_value_that_is_fine_without_an_exception_is_fine() -> None:
    assert of_user(EXCEPTED, value=False, excepted=["Anybody"]).status is Status.PASS


# Many users with equal evidence


def user(name: str, **fields: Any) -> Scope:
    return replace(USER, id=name, **fields)


def test_users_with_equal_documents_are_judged_by_what_was_decided_for_each() -> None:
    scopes = [(user(name), settings_body(True)) for name in ("u1", "u2", "u3")]
    found = evaluated_with(
        snapshot_of((ACCOUNT, settings_body(False)), *scopes),
        BASELINE,
        overrides=[override_entry(True, user="u2")],
        waivers=[waiver_entry(scope={"user": "u3"})],
    )
    statuses = {
        scope.id: v.status for scope, v in scope_verdicts(found) if scope.level is Level.USER
    }
    assert statuses == {"u1": Status.FAIL, "u2": Status.PASS, "u3": Status.WAIVED}


def test_an_invited_user_hides_nobody_behind() -> None:
    scopes = [(user("u1", status="pending"), {}), (user("u2"), settings_body(True))]
    found = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, settings_body(False)), *scopes), BASELINE)
    )
    assert [scope.id for scope, _ in found if scope.level is Level.USER] == ["u2"]


def test_of_what_passes_nobody_is_named_who_could_change_it() -> None:
    account = {**settings_body(False), **locks_body(False)}
    ((_, verdict),) = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, account)), BASELINE, depth=Level.ACCOUNT)
    )
    assert (verdict.status, verdict.changeable) == (Status.PASS, "")


def test_below_the_depth_of_the_users_nobody_was_counted() -> None:
    account = {**settings_body(True), **locks_body(False)}
    snapshot = snapshot_of((ACCOUNT, account), (USER, settings_body(False)))
    ((_, verdict),) = scope_verdicts(evaluated(snapshot, BASELINE, depth=Level.ACCOUNT))
    assert verdict.changeable.startswith("People for themselves; group admins for their group")


# Evidence that was changed in memory


def prepared(exceptions: WaiversAndAttestations | None = None) -> tuple[Assessor, Snapshot]:
    """An assessor that is ready for the account, a group and its person."""
    expected = baseline_of(
        expected_control(check(), lock=True), expected_attestation(CATALOGUE.controls["TR-01"])
    )
    snapshot = snapshot_of(
        (ACCOUNT, {**settings_body(False), **locks_body(False)}),
        (GROUP, settings_body(True)),
        (USER, settings_body(True)),
    )
    assessor = Assessor(expected, {}, Level.USER, exceptions=exceptions)
    assessor.prepare(snapshot)
    for each in snapshot.evidence(Level.GROUP):
        assessor.groups.add(each)
    return assessor, snapshot


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("is_locked", [True, False])
def test_changed_evidence_is_judged_as_if_it_had_been_read(value: bool, is_locked: bool) -> None:
    assessor, snapshot = prepared()
    bodies = {**settings_body(value), **locks_body(is_locked)}
    account = replace(snapshot.account(), outcomes=outcomes(bodies))
    locks = LockDocuments(outcomes(locks_body(is_locked)), {})
    found = assessor.would_be(account, locks, {"AI-01"})
    expected = evaluated(snapshot_of((ACCOUNT, bodies)), assessor.baseline, depth=Level.ACCOUNT)
    assert {(v.kind, v.status) for v in found} == {
        (v.kind, v.status) for _, v in scope_verdicts(expected) if v.control == "AI-01"
    }
    assert assessor.would_be(account, locks, set()) == ()


def test_changed_evidence_is_judged_with_waivers_that_are_not_counted() -> None:
    exceptions = WaiversAndAttestations([Waiver.model_validate(waiver_entry())], [], TODAY)
    assessor, snapshot = prepared(exceptions)
    (group,) = snapshot.evidence(Level.GROUP)
    (value,) = assessor.would_be(group, LockDocuments({}, {}), {"AI-01"})
    assert value.status is Status.WAIVED
    assert [each.matched for each in exceptions.waiver_results(["AI-01"])] == [0]


def test_people_are_alike_only_with_the_same_licence_and_under_the_same_entries() -> None:
    exceptions = WaiversAndAttestations(
        [Waiver.model_validate(waiver_entry(scope={"user": "ada@example.com"}))], [], TODAY
    )
    assessor, snapshot = prepared(exceptions)
    (ada,) = snapshot.evidence(Level.USER)
    bob = replace(ada, scope=replace(USER, id="u2", name="Bob", email="bob@example.com"))
    eve = replace(ada, scope=replace(bob.scope, id="u3", name="Eve", email="eve@example.com"))
    assert assessor.equivalence_key(bob) == assessor.equivalence_key(eve)
    assert assessor.equivalence_key(ada) != assessor.equivalence_key(bob)
    basic = replace(bob, scope=replace(bob.scope, licence=1), membership=None)
    assert assessor.equivalence_key(basic) != assessor.equivalence_key(bob)
