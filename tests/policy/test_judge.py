"""Judging one check at one scope: exceptions, conditions, older settings, licences and locks."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.evidence.read_plan import PHONE
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.policy.baseline.baselines import ControlExpectation
from auditor.policy.catalogue.controls import AttestationQuestion, Check
from auditor.policy.catalogue.outcome import Context
from auditor.policy.judging import judge
from auditor.policy.judging.judge import CheckContext
from auditor.policy.reading.locks import LockDocuments
from tests.builders import (
    ACCOUNT,
    GROUP,
    SETTING_LEVELS,
    USER,
    Bodies,
    Json,
    Parameters,
    baseline_of,
    check,
    control,
    document,
    evaluated,
    expected_control,
    locks_body,
    nested,
    only_verdict,
    read_failure,
    scope_verdicts,
    settings_body,
    snapshot_of,
    statuses,
)
from tests.policy.samples import BASELINES

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
NOT_APPLICABLE, NEEDS_DECISION = Status.NOT_APPLICABLE, Status.NEEDS_DECISION


def everywhere(value: Any) -> list[Any]:
    return [(scope, settings_body(value)) for scope in (ACCOUNT, GROUP, USER)]


def value_at_account(
    expectation: ControlExpectation,
    body: Json,
    parameters: Parameters | None = None,
) -> Verdict:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: body}))
    return only_verdict(
        evaluated(snapshot, baseline_of(expectation), parameters, Level.ACCOUNT), "value"
    )


def test_a_verdict_says_what_was_seen_expected_and_where() -> None:
    snapshot = snapshot_of((ACCOUNT, {**settings_body(True), **locks_body(False)}))
    verdict = only_verdict(
        evaluated(snapshot, baseline_of(expected_control(check())), depth=Level.ACCOUNT), "value"
    )
    assert verdict.control == "AI-01"
    assert (verdict.status, verdict.severity, verdict.cause) == (FAIL, Severity.HIGH, None)
    assert (verdict.setting, verdict.observed) == ("in_meeting.thing", True)
    assert verdict.expected == {"op": "eq", "value": False}
    assert (verdict.locked, verdict.decided_by) == (False, "account")
    assert verdict.changeable_by == ("user", "group_admin", "account_admin")
    assert (verdict.source, verdict.detail) == ("GET /accounts/me/settings", "")


def test_a_group_is_not_fine_because_the_account_is() -> None:
    snapshot = snapshot_of(
        (ACCOUNT, settings_body(False)), (GROUP, {SETTINGS: {}}), (USER, {SETTINGS: {}})
    )
    found = evaluated(snapshot, baseline_of(expected_control(check())))
    assert statuses(found) == {"acc": PASS, "g1": UNKNOWN, "u1": UNKNOWN}
    assert only_verdict(found, "value", "u1").cause is Cause.ABSENT


def test_locked_but_wrong_is_a_deviation_not_a_pass() -> None:
    snapshot = snapshot_of((ACCOUNT, {**settings_body(True), **locks_body(True)}))
    found = evaluated(
        snapshot, baseline_of(expected_control(check(), lock=True)), depth=Level.ACCOUNT
    )
    assert only_verdict(found, "value").status is FAIL
    assert only_verdict(found, "lock").status is PASS


def test_right_but_unlocked_is_a_finding_of_its_own() -> None:
    snapshot = snapshot_of((ACCOUNT, {**settings_body(False), **locks_body(False)}))
    found = evaluated(
        snapshot, baseline_of(expected_control(check(), lock=True)), depth=Level.ACCOUNT
    )
    assert only_verdict(found, "value").status is PASS
    lock = only_verdict(found, "lock")
    assert (lock.status, lock.observed, lock.locked) == (FAIL, False, False)
    assert lock.expected == {"op": "eq", "value": True}
    assert lock.detail == (
        "The lock in_meeting.thing is off: people and group admins can change the value."
    )


def test_the_meaning_of_a_number_is_told_where_it_deviates() -> None:
    one = check(type="integer", meaning={"2": "whole company"})
    verdict = value_at_account(expected_control(one, op=1), {"in_meeting": {"thing": 2}})
    assert (verdict.status, verdict.detail) == (FAIL, "whole company")


def test_an_operators_own_words_go_before_the_meaning() -> None:
    one = check(type="array", meaning={"['DE']": "never"})
    wish = {"op": "disjoint_from", "value": ["DE"]}
    verdict = value_at_account(expected_control(one, op=wish), {"in_meeting": {"thing": ["DE"]}})
    assert verdict.detail == "on the list: de"


def test_a_value_that_cannot_be_compared_is_unknown_with_its_cause() -> None:
    one = check(type="string")
    wish = {"op": "duration_lte", "value": "90d"}
    verdict = value_at_account(expected_control(one, op=wish), {"in_meeting": {"thing": "forever"}})
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.UNDOCUMENTED_VALUE)
    assert verdict.observed == "forever"
    assert '"forever"' in verdict.detail


def test_sentences_that_are_joined_end_once() -> None:
    assert judge.joined("One.", "", "Two", "three.") == "One. Two. three."


def test_keys_that_another_control_judges_are_left_out() -> None:
    one = check("ai", type="object", leave_out=["model", "kept"])
    wish = {"op": "no_true_leaf_except_param", "param": "flags"}
    body: Json = {"ai": {"model": "x", "a": [{"kept": True, "b": False}], "c": False}}
    verdict = value_at_account(expected_control(one, op=wish), body)
    assert verdict.status is PASS
    assert verdict.observed == {"a": [{"b": False}], "c": False}


def test_an_object_with_nothing_left_in_it_is_unknown() -> None:
    one = check("ai", type="object", leave_out=["model"])
    wish = {"op": "no_true_leaf_except_param", "param": "flags"}
    verdict = value_at_account(expected_control(one, op=wish), {"ai": {"model": "x"}})
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.ABSENT)


# Parameters


def test_an_unset_parameter_asks_for_a_decision_and_names_itself() -> None:
    one = expected_control(check(), op={"op": "org_param", "param": "policy"})
    verdict = value_at_account(one, {"in_meeting": {"thing": True}})
    assert (verdict.status, verdict.cause) == (NEEDS_DECISION, None)
    assert verdict.detail == "Set the parameter policy in the organisation file."
    assert value_at_account(one, {"in_meeting": {"thing": True}}, {"policy": True}).status is PASS


def test_the_baselines_parameters_hold_where_the_organisation_sets_none() -> None:
    one = expected_control(check(), op={"op": "org_param", "param": "policy"})
    expectation = baseline_of(one, parameters={"policy": True})
    snapshot = snapshot_of((ACCOUNT, settings_body(True)))
    assert (
        only_verdict(evaluated(snapshot, expectation, depth=Level.ACCOUNT), "value").status is PASS
    )
    found = evaluated(snapshot, expectation, {"policy": False}, Level.ACCOUNT)
    assert only_verdict(found, "value").status is FAIL
    assert only_verdict(found, "value").expected == {
        "op": "org_param",
        "param": "policy",
        "value": False,
    }


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.NOT_COLLECTED, NEEDS_DECISION),
        (Cause.DENIED, UNKNOWN),
        (Cause.ERROR, UNKNOWN),
    ],
)
def test_what_was_not_collected_waits_for_the_decision_first(cause: Cause, status: Status) -> None:
    one = expected_control(check(), op={"op": "org_param", "param": "policy"})
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: cause}))
    verdict = only_verdict(evaluated(snapshot, baseline_of(one), depth=Level.ACCOUNT), "value")
    assert (verdict.status, verdict.cause) == (status, None if status is NEEDS_DECISION else cause)


# Group exceptions

EXCEPT = {"op": "eq", "value": False, "group_exception_param": "ai_groups"}


@pytest.mark.parametrize("listed", [["Clinical"], ["CLINICAL", "x"], ["g1"], "clinical"])
def test_a_listed_group_and_its_members_may_differ_and_the_account_may_not(
    listed: list[str] | str,
) -> None:
    found = evaluated(
        snapshot_of(*everywhere(True)),
        baseline_of(expected_control(check(), op=EXCEPT)),
        {"ai_groups": listed},
    )
    assert statuses(found) == {"acc": FAIL, "g1": NOT_APPLICABLE, "u1": NOT_APPLICABLE}
    excused = only_verdict(found, "value", "u1")
    assert (excused.observed, excused.allowed_by) == (True, "ai_groups")
    assert excused.source == "GET /users/{userId}/settings"
    assert excused.detail == (
        "On, allowed by ai_groups. One of its groups is listed under ai_groups, so it may differ."
    )
    assert only_verdict(found, "value", "g1").detail == (
        "On, allowed by ai_groups. The group is listed under ai_groups, so it may differ."
    )


@pytest.mark.parametrize(
    ("kind", "expected", "value", "stated"),
    [
        ("boolean", True, False, "Off"),
        ("object", {"a": False}, {"a": True}, "On"),
        ("array", ["US"], ["CN"], "On"),
        ("string", "none", "all" * 30, ("all" * 30)[:80]),
    ],
)
def test_what_a_listed_group_has_instead_is_said(
    kind: str, expected: Json, value: Json, stated: str
) -> None:
    found = evaluated(
        snapshot_of((ACCOUNT, settings_body(expected)), (GROUP, settings_body(value))),
        baseline_of(expected_control(check(type=(kind,)), op={**EXCEPT, "value": expected})),
        {"ai_groups": ["g1"]},
    )
    assert only_verdict(found, "value", "g1").detail.startswith(f"{stated}, allowed by ai_groups")


def test_what_a_parameter_of_the_organisation_allows_passes_and_names_it() -> None:
    allowed = expected_control(check(), op={"op": "off_unless_param", "param": "ai_ok"})
    verdict = value_at_account(allowed, {"in_meeting": {"thing": True}}, {"ai_ok": True})
    assert (verdict.status, verdict.allowed_by) == (PASS, "ai_ok")
    assert verdict.detail.startswith("On, allowed by ai_ok")
    off = value_at_account(allowed, {"in_meeting": {"thing": False}}, {"ai_ok": True})
    assert (off.status, off.allowed_by) == (PASS, "")


@pytest.mark.parametrize("value", [False, None])
def test_only_what_is_on_is_called_allowed(value: bool | None) -> None:
    bodies = [
        (ACCOUNT, settings_body(False)),
        (GROUP, settings_body(value) if value is False else {}),
    ]
    bodies.append((USER, settings_body(value) if value is False else {SETTINGS: {}}))
    found = evaluated(
        snapshot_of(*bodies),
        baseline_of(expected_control(check(), op=EXCEPT)),
        {"ai_groups": ["Clinical"]},
    )
    excused = only_verdict(found, "value", "u1")
    assert (excused.status, excused.observed, excused.allowed_by) == (NOT_APPLICABLE, value, "")
    assert excused.detail == "One of its groups is listed under ai_groups, so it may differ."


@pytest.mark.parametrize(
    "parameters", [{}, {"ai_groups": None}, {"ai_groups": []}, {"ai_groups": ["Sales", 1]}]
)
def test_no_group_may_differ_unless_it_is_listed(parameters: Any) -> None:
    expectation = baseline_of(expected_control(check(), op=EXCEPT))
    found = evaluated(snapshot_of(*everywhere(True)), expectation, parameters)
    assert set(statuses(found).values()) == {FAIL}


def test_a_user_outside_the_listed_groups_may_not_differ() -> None:
    alone = Scope(Level.USER, "u2", "Bo", group_ids=("g2",), licence=2, status="active")
    snapshot = snapshot_of(*everywhere(True), (alone, settings_body(True)))
    found = evaluated(
        snapshot, baseline_of(expected_control(check(), op=EXCEPT)), {"ai_groups": ["Clinical"]}
    )
    assert statuses(found)["u2"] is FAIL


def test_a_group_that_was_not_listed_by_zoom_is_known_by_its_id() -> None:
    member = Scope(Level.USER, "u2", "Bo", group_ids=("g9",), licence=2, status="active")
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (member, settings_body(True)))
    found = evaluated(
        snapshot, baseline_of(expected_control(check(), op=EXCEPT)), {"ai_groups": ["g9"]}
    )
    assert statuses(found)["u2"] is NOT_APPLICABLE


def test_an_excused_scope_needs_no_evidence_and_is_no_pass() -> None:
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (GROUP, {SETTINGS: Cause.DENIED}))
    found = evaluated(
        snapshot, baseline_of(expected_control(check(), op=EXCEPT)), {"ai_groups": ["g1"]}
    )
    verdict = only_verdict(found, "value", "g1")
    assert (verdict.status, verdict.observed) == (NOT_APPLICABLE, None)


# Conditions

WHEN = check(
    "in_meeting.summary.who",
    type="integer",
    only_when={"setting": "in_meeting.summary.enable", "is": True},
)


@pytest.mark.parametrize(
    ("switch", "status", "cause", "detail"),
    [
        (True, FAIL, None, ""),
        (False, NOT_APPLICABLE, None, "in_meeting.summary.enable is false."),
        (None, UNKNOWN, Cause.WRONG_TYPE, None),
        ("false", UNKNOWN, Cause.WRONG_TYPE, None),
        (0, UNKNOWN, Cause.WRONG_TYPE, None),
        ([], UNKNOWN, Cause.WRONG_TYPE, None),
        ("gone", UNKNOWN, Cause.ABSENT, None),
    ],
)
def test_a_check_applies_only_where_its_switch_says_so(
    switch: str | int | bool | None, status: Status, cause: Cause | None, detail: str | None
) -> None:
    body = {"who": 2} if switch == "gone" else {"who": 2, "enable": switch}
    verdict = value_at_account(expected_control(WHEN, op=1), {"in_meeting": {"summary": body}})
    assert (verdict.status, verdict.cause) == (status, cause)
    if detail is not None:
        assert verdict.detail == detail


@pytest.mark.parametrize(
    ("mode", "status", "cause"),
    [
        ("loud", FAIL, None),
        ("quiet", NOT_APPLICABLE, None),
        ("new", UNKNOWN, Cause.UNDOCUMENTED_VALUE),
        ({"loud": False}, UNKNOWN, Cause.WRONG_TYPE),
        (None, UNKNOWN, Cause.WRONG_TYPE),
    ],
)
def test_a_condition_may_be_a_text(mode: JsonValue, status: Status, cause: Cause | None) -> None:
    """A value that Zoom does not document does not make the check inapplicable."""
    setting = "in_meeting.mode"
    one = check(only_when={"setting": setting, "is": "loud"})
    other = check(setting, type=["string"], values=["loud", "quiet"])
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {"in_meeting": {"thing": True, "mode": mode}}}))
    expected = expected_control(one, other)
    found = scope_verdicts(evaluated(snapshot, baseline_of(expected), depth=Level.ACCOUNT))
    (verdict,) = [each for _, each in found if each.setting == one.setting]
    assert (verdict.status, verdict.cause) == (status, cause)


def test_a_condition_on_a_text_that_no_check_documents_needs_a_text() -> None:
    one = check(only_when={"setting": "in_meeting.mode", "is": "loud"})
    for mode, status in (("loud", FAIL), ("quiet", NOT_APPLICABLE), (["loud"], UNKNOWN)):
        body: Json = {"in_meeting": {"thing": True, "mode": mode}}
        assert value_at_account(expected_control(one), body).status is status


@pytest.mark.parametrize(
    ("switch", "status"),
    [("recording.notice.on", NOT_APPLICABLE), ("recording.on", UNKNOWN)],
)
def test_a_switch_is_sought_wherever_its_key_is_only_if_that_is_the_key_of_the_check(
    switch: str, status: Status
) -> None:
    one = check(
        "recording.notice.who",
        find_key="notice",
        type=("string",),
        only_when={"setting": switch, "is": True},
    )
    moved: Json = {"elsewhere": {"notice": {"who": "all", "on": False}}}
    assert value_at_account(expected_control(one, op="none"), moved).status is status


LONG = "é" * 39


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([False, True], "The key occurs in 2 places: a.thing (false), b.thing (true)."),
        (
            ["é" * 50, {}],
            f'The key occurs in 2 places: a.thing ("{LONG}), b.thing (wrong type).',
        ),
        (
            [True] * 5,
            "The key occurs in 5 places: a.thing (true), b.thing (true), c.thing (true), "
            "d.thing (true), e.thing (true).",
        ),
        (
            [True] * 7,
            "The key occurs in 7 places: a.thing (true), b.thing (true), c.thing (true), "
            "d.thing (true), e.thing (true) and 2 more.",
        ),
    ],
    ids=["two", "long", "five", "seven"],
)
def test_where_a_key_is_in_several_places_they_are_named_with_their_values(
    values: list[Any], says: str
) -> None:
    sought = check("in_meeting.thing", find_key="thing", type=("boolean", "string"))
    body: Json = {name: {"thing": value} for name, value in zip("abcdefg", values, strict=False)}
    assert value_at_account(expected_control(sought), body).detail.endswith(says)


def test_a_condition_that_does_not_hold_hides_no_refusal() -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: Cause.DENIED}))
    found = evaluated(snapshot, baseline_of(expected_control(WHEN, op=1)), depth=Level.ACCOUNT)
    verdict = only_verdict(found, "value")
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.DENIED)


def test_if_the_value_does_not_apply_neither_does_the_lock() -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {"in_meeting": {"summary": {"enable": False}}}}))
    found = evaluated(
        snapshot, baseline_of(expected_control(WHEN, op=1, lock=True)), depth=Level.ACCOUNT
    )
    lock = only_verdict(found, "lock")
    assert (lock.status, lock.detail) == (NOT_APPLICABLE, "in_meeting.summary.enable is false.")


# Older settings beside the ones that replaced them

NEW = check("recording.new", find_key="new")
OLD = check("recording.old", legacy_of="recording.new", lock=None, lock_levels=())
TWINS = expected_control(NEW, OLD)
NEWER, OLDER = NEW.setting, OLD.setting


def twins(
    body: Mapping[str, Json], expectation: ControlExpectation = TWINS, scope: Scope = ACCOUNT
) -> dict[str, tuple[Status, Cause | None]]:
    snapshot = snapshot_of((ACCOUNT, {}), (scope, {SETTINGS: {"recording": body}}))
    found = scope_verdicts(evaluated(snapshot, baseline_of(expectation), depth=Level.USER))
    return {v.setting: (v.status, v.cause) for s, v in found if s == scope and v.kind == "value"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"new": False}, {NEWER: (PASS, None)}),
        ({"new": True}, {NEWER: (FAIL, None)}),
        ({"old": False}, {OLDER: (PASS, None)}),
        ({"old": True}, {OLDER: (FAIL, None)}),
        ({"new": False, "old": False}, {NEWER: (PASS, None)}),
        ({"new": True, "old": True}, {NEWER: (FAIL, None)}),
        ({"new": False, "old": True}, {NEWER: (PASS, None), OLDER: (FAIL, None)}),
        ({"new": True, "old": False}, {NEWER: (FAIL, None)}),
        ({}, {NEWER: (UNKNOWN, Cause.ABSENT)}),
        ({"old": "false"}, {NEWER: (UNKNOWN, Cause.ABSENT)}),
        ({"new": "false"}, {NEWER: (UNKNOWN, Cause.WRONG_TYPE)}),
        ({"new": "false", "old": False}, {NEWER: (UNKNOWN, Cause.WRONG_TYPE)}),
        ({"new": "false", "old": True}, {NEWER: (UNKNOWN, Cause.WRONG_TYPE), OLDER: (FAIL, None)}),
        ({"new": "false", "old": "x"}, {NEWER: (UNKNOWN, Cause.WRONG_TYPE)}),
        (
            {"new": False, "old": "false"},
            {NEWER: (PASS, None), OLDER: (UNKNOWN, Cause.WRONG_TYPE)},
        ),
        ({"new": True, "old": "false"}, {NEWER: (FAIL, None)}),
    ],
)
def test_of_an_older_and_a_newer_key_both_are_read_and_either_deviates(
    body: Mapping[str, Json],
    expected: dict[str, tuple[Status, Cause | None]],
) -> None:
    assert twins(body) == expected


@pytest.mark.parametrize("newest", [True, False])
def test_a_disagreement_is_told_at_both_keys(newest: bool) -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {"recording": {"new": newest, "old": not newest}}}))
    found = scope_verdicts(evaluated(snapshot, baseline_of(TWINS), depth=Level.ACCOUNT))
    details = {v.setting: v.detail for _, v in found}
    assert details.pop(NEWER) == "The older recording.old says otherwise."
    replaced = "It disagrees with recording.new, which replaced it."
    assert details == ({} if newest else {OLDER: replaced})


def test_a_refused_document_is_told_once_for_both() -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: Cause.DENIED}))
    found = [
        v for _, v in scope_verdicts(evaluated(snapshot, baseline_of(TWINS), depth=Level.ACCOUNT))
    ]
    assert [(v.setting, v.cause) for v in found] == [("recording.new", Cause.DENIED)]


def test_an_older_setting_stands_alone_where_the_newer_does_not_exist() -> None:
    new = NEW.model_copy(update={"levels": (Level.ACCOUNT,)})
    expectation = expected_control(new, OLD)
    assert twins({"old": True}, expectation, USER) == {OLD.setting: (FAIL, None)}
    assert twins({}, expectation, USER) == {OLD.setting: (UNKNOWN, Cause.ABSENT)}


def test_an_older_setting_does_not_stand_in_where_it_does_not_exist() -> None:
    old = OLD.model_copy(update={"levels": (Level.ACCOUNT,)})
    assert twins({"old": False}, expected_control(NEW, old), USER) == {
        NEW.setting: (UNKNOWN, Cause.ABSENT)
    }


def test_an_older_setting_is_judged_by_itself_where_the_baseline_ignores_the_newer() -> None:
    expectation = expected_control(NEW, OLD)
    assert isinstance(expectation.expectations, dict)
    expectation.expectations.pop(NEW.setting)
    assert twins({"new": True, "old": False}, expectation) == {OLD.setting: (PASS, None)}


def test_an_older_setting_has_no_lock_of_its_own() -> None:
    expectation = expected_control(NEW, OLD, lock=True)
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {"recording": {"old": False}}, LOCKS: {}}))
    found = scope_verdicts(evaluated(snapshot, baseline_of(expectation), depth=Level.ACCOUNT))
    assert [v.setting for _, v in found if v.kind is not FindingKind.VALUE] == ["recording.new"]


# Licences

PAID = expected_control(check(), when_absent="not_applicable")


@pytest.mark.parametrize(
    ("licence", "status"),
    [(1, NOT_APPLICABLE), (4, NOT_APPLICABLE), (99, NOT_APPLICABLE), (2, UNKNOWN), (None, UNKNOWN)],
)
def test_an_absent_value_does_not_apply_to_a_user_without_a_licence(
    licence: int | None, status: Status
) -> None:
    user = Scope(Level.USER, "u2", "Bo", licence=licence, status="active")
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (user, {SETTINGS: {}}))
    assert only_verdict(evaluated(snapshot, baseline_of(PAID)), "value", "u2").status is status


@pytest.mark.parametrize("expectation", [expected_control(check()), PAID])
def test_a_basic_user_with_the_value_is_judged_like_any_other(
    expectation: ControlExpectation,
) -> None:
    user = Scope(Level.USER, "u2", "Bo", licence=1, status="active")
    for value, status in ((True, FAIL), (False, PASS), ("no", UNKNOWN)):
        snapshot = snapshot_of((ACCOUNT, settings_body(False)), (user, settings_body(value)))
        assert (
            only_verdict(evaluated(snapshot, baseline_of(expectation)), "value", "u2").status
            is status
        )


def test_without_leave_of_the_catalogue_a_basic_user_is_unknown() -> None:
    user = Scope(Level.USER, "u2", "Bo", licence=1, status="active")
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (user, {SETTINGS: {}}))
    assert (
        only_verdict(
            evaluated(snapshot, baseline_of(expected_control(check()))), "value", "u2"
        ).status
        is UNKNOWN
    )


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.NOT_LICENSED])
def test_only_a_missing_licence_makes_a_refused_document_not_applicable(
    cause: Cause,
) -> None:
    user = Scope(Level.USER, "u2", "Bo", licence=1, status="active")
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: Cause.NOT_LICENSED}), (user, {SETTINGS: cause}))
    found = statuses(evaluated(snapshot, baseline_of(PAID)))
    assert found["acc"] is NOT_APPLICABLE
    assert found["u2"] is (NOT_APPLICABLE if cause is Cause.ABSENT else UNKNOWN)


# Locks


def lock_of(
    one: Check,
    account: Bodies,
    group: Bodies | None = None,
    locked_control: bool = True,
) -> list[tuple[str, Verdict]]:
    snapshot = snapshot_of((ACCOUNT, {**settings_body(False), **account}), (GROUP, group or {}))
    found = scope_verdicts(
        evaluated(
            snapshot, baseline_of(expected_control(one, lock=locked_control)), depth=Level.GROUP
        )
    )
    return [(s.id, v) for s, v in found if v.kind in (FindingKind.LOCK, FindingKind.ATTESTATION)]


def test_no_lock_is_due_where_the_baseline_wants_none() -> None:
    assert lock_of(check(), locks_body(False), locked_control=False) == []


def test_a_lock_is_due_once_at_the_highest_level_that_has_it() -> None:
    assert [where for where, _ in lock_of(check(), locks_body(True), locks_body(False))] == ["acc"]
    group_only = check(lock_levels=[Level.GROUP])
    ((where, verdict),) = lock_of(group_only, locks_body(True), locks_body(False))
    assert (where, verdict.status) == ("g1", FAIL)


def test_if_no_user_has_the_setting_only_group_admins_can_change_it() -> None:
    one = check(levels=[Level.ACCOUNT, Level.GROUP])
    ((_, verdict),) = lock_of(one, locks_body(False))
    assert verdict.detail.endswith("is off: group admins can change the value.")


def test_a_lock_zoom_does_not_publish_has_to_be_attested() -> None:
    ((where, verdict),) = lock_of(check(lock=None, lock_levels=()), {})
    assert (where, verdict.kind, verdict.status) == ("acc", FindingKind.ATTESTATION, NEEDS_DECISION)
    assert verdict.detail.startswith("Zoom publishes no lock flag for it")


@pytest.mark.parametrize(("flag", "state"), [(True, "on"), (False, "off")])
def test_a_lock_that_is_only_inferred_is_never_a_hard_verdict(flag: bool, state: str) -> None:
    ((_, verdict),) = lock_of(check(lock_inferred=True), locks_body(flag))
    assert (verdict.kind, verdict.status) == (FindingKind.ATTESTATION, NEEDS_DECISION)
    assert f"is {state}, but whether it covers this setting is only inferred" in verdict.detail


@pytest.mark.parametrize("cause", Cause)
def test_locks_that_could_not_be_read_are_unknown(cause: Cause) -> None:
    ((_, verdict),) = lock_of(check(), {LOCKS: cause})
    assert (verdict.status, verdict.cause, verdict.locked) == (UNKNOWN, cause, None)


def test_locks_of_groups_that_could_not_be_listed_are_unknown() -> None:
    group_only = check(lock_levels=[Level.GROUP])
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), listings={View("groups"): Cause.DENIED})
    found = evaluated(
        snapshot, baseline_of(expected_control(group_only, lock=True)), depth=Level.GROUP
    )
    verdict = only_verdict(found, "lock", "*")
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.NOT_COLLECTED)


PHONE_LEVELS = (Level.PHONE_ACCOUNT, Level.PHONE_SITE)
PHONE_SCOPE = Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone")


def phone_lock(
    body: Json | Cause,
) -> Verdict:
    one = check(
        "call.enable",
        surface="phone_account_settings",
        levels=PHONE_LEVELS,
        lock="call.locked",
        lock_levels=PHONE_LEVELS,
    )
    expectation = baseline_of(expected_control(one, lock=True, when_absent="not_applicable"))
    found = scope_verdicts(evaluated(snapshot_of((PHONE_SCOPE, {PHONE: body})), expectation))
    (verdict,) = [v for _, v in found if v.kind is FindingKind.LOCK]
    return verdict


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        ({"call": {"enable": False, "locked": True}}, PASS, None),
        ({"call": {"enable": False, "locked": False}}, FAIL, None),
        ({"call": {"enable": False}}, UNKNOWN, Cause.ABSENT),
        ({"call": {"enable": False, "locked": "true"}}, UNKNOWN, Cause.WRONG_TYPE),
        (Cause.DENIED, UNKNOWN, Cause.DENIED),
        (Cause.NOT_LICENSED, NOT_APPLICABLE, None),
    ],
)
def test_zoom_phone_keeps_its_locks_beside_the_values(
    body: Json | Cause,
    status: Status,
    cause: Cause | None,
) -> None:
    verdict = phone_lock(body)
    assert (verdict.status, verdict.cause) == (status, cause)


def test_an_unlocked_phone_setting_says_who_can_change_it() -> None:
    verdict = phone_lock({"call": {"enable": False, "locked": False}})
    assert verdict.detail == "The lock call.locked is off."


# Attestations


def test_what_no_api_shows_asks_for_somebody_to_look() -> None:
    question = AttestationQuestion(question="Is it on?", evidence="A screenshot.", renew_days=90)
    made = control(id="CN-01", observed_by="attestation", attestation=question)
    expectation = expected_control(check())
    attested = type(expectation)(made, made.severity, False, {}, "on and locked")
    snapshot = snapshot_of(*everywhere(False))
    (scope, verdict), *others = scope_verdicts(evaluated(snapshot, baseline_of(attested)))
    assert others == []
    assert (scope, verdict.kind, verdict.status) == (
        ACCOUNT,
        FindingKind.ATTESTATION,
        NEEDS_DECISION,
    )
    assert (verdict.setting, verdict.detail) == ("attestation", "Is it on?")
    assert verdict.expected == {"op": "attest", "value": "on and locked"}


def test_usage_is_told_apart_from_settings() -> None:
    one = check("used", surface="meeting_summaries", levels=[Level.ACCOUNT], type=[], lock=None)
    expectation = baseline_of(expected_control(one, op=0))
    made: Json = {"hosts": [{"host": "ada@example.com", "meetings": 3}]}
    snapshot = snapshot_of((ACCOUNT, {View("meeting_summaries"): made}))
    found = only_verdict(evaluated(snapshot, expectation, depth=Level.ACCOUNT), "usage")
    assert (found.status, found.observed) == (FAIL, 3)


def test_all_levels_are_judged_by_the_same_rule() -> None:
    found = evaluated(snapshot_of(*everywhere(True)), baseline_of(expected_control(check())))
    assert statuses(found) == dict.fromkeys(("acc", "g1", "u1"), FAIL)
    assert {s.level for s, _ in scope_verdicts(found)} == set(SETTING_LEVELS)


# One check alone


def judged_alone(
    one: Any, body: Any, scope: Scope = ACCOUNT, /, parameters: Any = None, **fields: Any
) -> Verdict:
    """The verdict on the only check of a control whose document is `body`, or why there is none."""
    expected = expected_control(one, **fields)
    outcome = read_failure(body) if isinstance(body, Cause) else document(body)
    case = CheckContext(
        expected,
        scope,
        {one.document: outcome} if body is not None else {},
        LockDocuments({}, {}),
        Context(parameters or {}),
    )
    found = judge.value(case, one)
    assert found is not None
    return found


SUMMARIES = View("meeting_summaries")


def summaries(rows: list[dict[str, Any]]) -> Verdict:
    """The verdict on a control that allows no summary, from the list of those that were made."""
    used = check(
        "summaries_listed",
        surface=SUMMARIES.surface,
        levels=(Level.ACCOUNT,),
        type=("integer",),
        lock=None,
        lock_levels=(),
    )
    return judged_alone(used, {"hosts": rows}, op=0)


def test_a_count_that_may_be_too_low_is_no_pass() -> None:
    found = summaries([{"host": "a@example.com", "meetings": 0, "unclear": 2}])
    assert (found.status, found.cause) == (Status.UNKNOWN, Cause.ABSENT)
    assert found.observed == 0
    assert found.detail.startswith("2 meetings were listed that do not say")


def test_a_count_that_is_too_high_already_deviates_whatever_else_was_unclear() -> None:
    found = summaries([{"host": "a@example.com", "meetings": 1, "unclear": 2}])
    assert (found.status, found.kind) == (Status.FAIL, FindingKind.USAGE)


def test_a_count_that_is_certain_passes() -> None:
    assert summaries([]).status is Status.PASS


SINCE = {Level.ACCOUNT: "2025-12-22"}


@pytest.mark.parametrize(
    ("body", "scope", "named"),
    [({}, ACCOUNT, True), ({}, USER, False), (Cause.DENIED, ACCOUNT, False)],
)
def test_an_absent_field_says_since_when_zoom_has_it(body: Any, scope: Scope, named: bool) -> None:
    detail = judged_alone(check(since=SINCE), body, scope).detail
    assert ("for the account since 2025-12-22" in detail) is named


def test_an_operator_knows_the_setting_it_judges() -> None:
    one = check("recording.places.US")
    wish = {"op": "org_param", "param": "places"}
    found = judged_alone(
        one, nested("recording.places.US", True), op=wish, parameters={"places": ["US"]}
    )
    assert found.status is Status.PASS
    found = judged_alone(
        one, nested("recording.places.US", True), op=wish, parameters={"places": ["CA"]}
    )
    assert found.status is Status.FAIL


def test_a_pass_has_nothing_to_add() -> None:
    found = judged_alone(check(), {SETTINGS.surface: 1, **nested("in_meeting.thing", False)})
    assert (found.status, found.detail) == (Status.PASS, "")


def test_a_question_for_a_person_has_its_severity_and_no_layer() -> None:
    found = judge.attestation(BASELINES["strict"].assessed["TR-01"])
    assert (found.severity, found.decided_by) == (Severity.CRITICAL, None)


def lock_alone(body: Any) -> Verdict:
    """The verdict on the account's lock of a setting, whose lock document is `body`."""
    outcome = (
        read_failure(body, "GET /locks")
        if isinstance(body, Cause)
        else document(body, "GET /locks")
    )
    case = CheckContext(
        expected_control(check(), lock=True),
        ACCOUNT,
        {},
        LockDocuments({LOCKS: outcome}, {}),
        Context({}),
    )
    found = judge.lock(case, check(), None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "status"),
    [(nested("in_meeting.thing", False), Status.FAIL), (Cause.DENIED, Status.UNKNOWN)],
)
def test_a_verdict_on_a_lock_names_its_request_its_layer_and_who_may_change_it(
    body: Any, status: Status
) -> None:
    found = lock_alone(body)
    assert (found.status, found.source, found.decided_by) == (status, "GET /locks", "account")
    assert found.changeable_by == ("user", "group_admin", "account_admin")


def test_the_lock_of_a_phone_setting_without_a_flag_is_asked_for_at_its_highest_level() -> None:
    one = check(
        "light.enable",
        surface=PHONE.surface,
        levels=(Level.PHONE_USER, Level.PHONE_ACCOUNT),
        lock=None,
        lock_levels=(),
    )
    for scope, is_due in (
        (Scope(Level.PHONE_ACCOUNT, "acc"), True),
        (Scope(Level.PHONE_USER, "u1"), False),
    ):
        case = CheckContext(
            expected_control(one, lock=True), scope, {}, LockDocuments({}, {}), Context({})
        )
        assert (judge.lock(case, one, None) is not None) is is_due
