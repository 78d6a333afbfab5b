"""Overrides: different expectations for groups and users; the most specific one wins."""

from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Role, Severity, Status, Verdict
from auditor.policy.baseline.baselines import load
from auditor.policy.baseline.overrides import Override, Overrides
from auditor.policy.catalogue import files
from auditor.policy.evaluation.evaluate import Evaluation
from auditor.policy.judging import reads
from auditor.policy.judging.override_conflicts import VerdictInterner
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    LISTED,
    Bodies,
    baseline_of,
    catalogue_of,
    check,
    control,
    control_statuses,
    control_verdicts,
    evaluated_with,
    expected_attestation,
    expected_control,
    expected_derived,
    group,
    locks_body,
    override_entry,
    overrides_of,
    scope_verdicts,
    settings_body,
    snapshot_of,
    user,
    verdict,
)
from tests.names import same_everywhere
from tests.policy.samples import BASELINES

PASS, FAIL, DECIDE, UNKNOWN = Status.PASS, Status.FAIL, Status.NEEDS_DECISION, Status.UNKNOWN
LEGAL, SALES = group(1, "Legal EU"), group(2, "Sales")
ADA, BOB = user(1, "g1"), user(2, "g2")
EVE = user(3, "g1", "g2")
BASELINE = baseline_of(expected_control(check(), op=False))
ON = settings_body(True)
WORLD = [(ACCOUNT, settings_body(False)), *((scope, ON) for scope in (LEGAL, SALES, ADA, BOB, EVE))]
"""The account is off; below it everything is on, which the baseline does not want."""


def judged(*overrides: dict[str, Any], **fields: Any) -> Evaluation:
    return evaluated_with(
        snapshot_of(*WORLD), fields.pop("wanted", BASELINE), overrides=overrides, **fields
    )


def allowed(*overrides: dict[str, Any]) -> set[str]:
    """The scopes below the account at which the value may be on."""
    found = control_statuses(judged(*overrides))
    assert found.pop("acc") is PASS
    assert set(found.values()) <= {PASS, FAIL}
    return {scope for scope, status in found.items() if status is PASS}


@pytest.mark.parametrize(
    ("match", "scopes"),
    [
        ({"group": "Legal EU"}, {"g1", "u1", "u3"}),
        ({"group": "legal eu"}, {"g1", "u1", "u3"}),
        ({"group": "g1"}, {"g1", "u1", "u3"}),
        ({"group": "Legal*"}, {"g1", "u1", "u3"}),
        ({"group": "*"}, {"g1", "g2", "u1", "u2", "u3"}),
        ({"user": "u2"}, {"u2"}),
        ({"user": "U2@example.com"}, {"u2"}),
        ({"user": {"name": "user 2"}}, {"u2"}),
        ({"user": "user 2"}, set()),
        ({"user": "*@example.com"}, {"u1", "u2", "u3"}),
        ({"user": "u?@*"}, {"u1", "u2", "u3"}),
        ({"level": "group"}, {"g1", "g2"}),
        ({"level": "user"}, {"u1", "u2", "u3"}),
        ({"level": "user", "group": "Sales"}, {"u2", "u3"}),
        ({"user": "u*", "group": "Sales"}, {"u2", "u3"}),
        ({"group": "Legal"}, set()),
    ],
    ids=same_everywhere,
)
def test_an_override_reaches_what_it_names_and_a_groups_reaches_its_members(
    match: dict[str, dict[str, str] | str], scopes: set[str]
) -> None:
    assert allowed(override_entry(True, **match)) == scopes


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"user": "u3"}, {"group": "Sales"}),
        ({"user": "u*"}, {"group": "Sales", "level": "user"}),
        ({"user": "u3"}, {"user": "u*"}),
        ({"group": "Sales"}, {"group": "Legal*"}),
        ({"group": "Sales", "level": "user"}, {"group": "Sales"}),
        ({"group": "S*", "user": "u3"}, {"user": "u3"}),
    ],
    ids=same_everywhere,
)
def test_the_most_specific_override_wins_in_whatever_order_they_stand(
    more: dict[str, str], less: dict[str, str]
) -> None:
    for overrides in (
        [override_entry(True, **more), override_entry(False, **less)],
        [override_entry(False, **less), override_entry(True, **more)],
    ):
        found = control_verdicts(judged(*overrides))["u3"]
        assert found.status is PASS
        assert found.override == Override.model_validate(override_entry(True, **more)).label


def test_the_finding_names_the_override_and_others_name_none() -> None:
    found = control_verdicts(judged(override_entry("no", group="Legal*")))
    assert found["u1"].override == "override for group Legal*"
    assert found["u1"].expected == {"op": "eq", "value": "no"}
    assert found["u2"].override == ""
    assert found["u2"].status is FAIL


# Several groups


def test_equally_specific_overrides_that_disagree_ask_for_a_decision_and_name_both() -> None:
    found = judged(override_entry(True, group="Legal EU"), override_entry(False, group="Sales"))
    assert control_statuses(found) == {
        "acc": PASS, "g1": PASS, "g2": FAIL, "u1": PASS, "u2": FAIL, "u3": DECIDE,
    }  # fmt: skip
    open_one = control_verdicts(found)["u3"]
    for name in ("override for group Legal EU", "override for group Sales"):
        assert name in open_one.detail
    assert (open_one.cause, open_one.override) == (None, "")
    assert found.summary.by_status[DECIDE] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"control": "AI-02"},
        {"kind": FindingKind.LOCK},
        {"setting": "a.c"},
        {"severity": Severity.LOW},
        {"source": "GET /groups"},
        {"observed": 0},
        {"expected": {"op": "off"}},
        {"detail": "More."},
        {"locked": True},
        {"decided_by": Level.GROUP},
        {"changeable_by": (Role.USER,)},
        {"proved_by": "lock"},
        {"override": "override for group Sales"},
        {"allowed_by": "ai_groups"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_only_a_pass_that_is_equal_in_everything_stands_for_another(other: dict[str, Any]) -> None:
    interner, first = VerdictInterner(), verdict(PASS, observed=False)
    assert interner.shared(first) is first
    assert interner.shared(replace(first)) is first
    assert interner.shared(replace(first, **other)) == replace(first, **other)


def test_if_the_verdicts_agree_there_is_nothing_to_decide() -> None:
    found = judged(
        override_entry("never", group="Legal EU"),
        override_entry({"AI-01": {"expect": "no"}}, group="Sales"),
    )
    assert control_verdicts(found)["u3"].status is FAIL


def test_of_verdicts_that_agree_the_worst_severity_counts() -> None:
    found = judged(
        override_entry({"AI-01": {"severity": "low"}}, group="Legal EU"),
        override_entry({"AI-01": {"severity": "critical"}}, group="Sales"),
    )
    assert control_verdicts(found)["u3"].severity is Severity.CRITICAL
    assert control_verdicts(found)["u3"].override == "override for group Sales"


def test_equal_wishes_are_no_conflict() -> None:
    found = control_verdicts(
        judged(override_entry(True, group="Legal EU"), override_entry(True, group="Sales"))
    )
    assert found["u3"].status is PASS
    assert found["u3"].override == "override for group Legal EU"


def test_a_control_that_one_drops_and_the_other_keeps_waits_for_a_decision() -> None:
    found = judged(
        override_entry({"AI-01": {"assess": False}}, group="Legal EU"),
        override_entry(False, group="Sales"),
    )
    assert "u1" not in control_statuses(found)
    assert control_statuses(found)["u3"] is DECIDE


def test_unknown_stays_unknown_whichever_override_holds() -> None:
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (LEGAL, {}), (SALES, {}), (EVE, {}))
    wishes = [override_entry(True, group="Legal EU"), override_entry(False, group="Sales")]
    assert control_statuses(evaluated_with(snapshot, BASELINE, overrides=wishes))["u3"] is UNKNOWN


# What they may say


def test_severity_lock_and_expectation_can_be_overridden_one_by_one() -> None:
    expectation = baseline_of(
        expected_control(check(lock_levels=[Level.GROUP]), op=False, lock=True)
    )
    snapshot = snapshot_of(
        (LEGAL, {**ON, **locks_body(False)}), (SALES, {**ON, **locks_body(False)})
    )
    found = evaluated_with(
        snapshot,
        expectation,
        overrides=[
            override_entry({"AI-01": {"severity": "critical"}}, group="g1"),
            override_entry({"AI-01": {"lock": False}}, group="g2"),
        ],
    )
    seen = {(s.id, v.kind): v.severity for s, v in scope_verdicts(found) if s.level is Level.GROUP}
    assert seen == {
        ("g1", FindingKind.VALUE): Severity.CRITICAL,
        ("g1", FindingKind.LOCK): Severity.CRITICAL,
        ("g2", FindingKind.VALUE): Severity.HIGH,
    }
    assert found.summary.overridden == len(seen)


def test_a_lock_can_be_asked_for_where_the_baseline_asks_for_none() -> None:
    snapshot = snapshot_of(
        (ACCOUNT, {**settings_body(False), LOCKS: {"in_meeting": {"thing": False}}})
    )
    found = evaluated_with(
        snapshot, BASELINE, overrides=[override_entry({"AI-01": {"lock": True}}, level="account")]
    )
    (lock,) = [v for _, v in scope_verdicts(found) if v.kind is FindingKind.LOCK]
    assert lock.status is FAIL
    assert lock.override == "override for level account"


def test_one_setting_of_a_control_can_be_overridden_alone() -> None:
    one, other = check("in_meeting.a"), check("in_meeting.b")
    expectation = baseline_of(expected_control(one, other, op=False))
    body = {SETTINGS: {"in_meeting": {"a": True, "b": True}}}
    wish = {"AI-01": {"settings": {"in_meeting.b": True}}}
    found = evaluated_with(
        snapshot_of((ADA, body)), expectation, overrides=[override_entry(wish, user="u1")]
    )
    by_setting = {v.setting: v.status for s, v in scope_verdicts(found) if s.id == "u1"}
    assert by_setting == {"in_meeting.a": FAIL, "in_meeting.b": PASS}


def test_a_control_can_be_dropped_for_a_group() -> None:
    assert set(
        control_statuses(judged(override_entry({"AI-01": {"assess": False}}, group="Legal EU")))
    ) == {
        "acc",
        "g2",
        "u2",
    }


def test_an_attestation_can_be_dropped_for_the_account() -> None:
    expectation = baseline_of(expected_attestation(CATALOGUE.controls["TR-01"]))
    drop = override_entry({"TR-01": {"assess": False}}, level="account")
    assert len(scope_verdicts(evaluated_with(snapshot_of(), expectation, catalogue=CATALOGUE))) == 1
    assert (
        scope_verdicts(
            evaluated_with(snapshot_of(), expectation, catalogue=CATALOGUE, overrides=[drop])
        )
        == []
    )


def test_an_attestation_can_be_asked_for_where_the_baseline_is_silent() -> None:
    wish = override_entry({"TR-01": {"attest": "read and saved"}}, level="account")
    found = evaluated_with(snapshot_of(), BASELINE, catalogue=CATALOGUE, overrides=[wish])
    (attestation,) = [v for _, v in scope_verdicts(found) if v.control == "TR-01"]
    assert attestation.expected == {"op": "attest", "value": "read and saved"}


def test_computed_controls_follow_the_override_for_the_account() -> None:
    expectation = baseline_of(expected_control(check(), op=False), expected_derived("CC-02"))
    louder = override_entry({"CC-02": {"severity": "critical"}}, level="account")
    found = evaluated_with(snapshot_of(*WORLD), expectation, overrides=[louder])
    computed = [v for _, v in scope_verdicts(found) if v.control == "CC-02"]
    assert {v.severity for v in computed} == {Severity.CRITICAL}
    assert {v.override for v in computed} == {"override for level account"}
    silent = override_entry({"CC-02": {"assess": False}}, level="account")
    found = evaluated_with(snapshot_of(*WORLD), expectation, overrides=[silent])
    assert [v for _, v in scope_verdicts(found) if v.control == "CC-02"] == []


def test_new_settings_follow_the_override_for_the_account() -> None:
    expectation = baseline_of(expected_derived("CC-07"))
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {"in_meeting": {"ai_brand_new": True}}}))
    quieter = override_entry({"CC-07": {"severity": "low"}}, level="account")
    found = evaluated_with(snapshot, expectation, catalogue=CATALOGUE, overrides=[quieter])
    (new,) = [v for _, v in scope_verdicts(found) if v.kind is FindingKind.UNCOVERED]
    assert (new.severity, new.override) == (Severity.LOW, "override for level account")
    dropped = override_entry({"CC-07": {"assess": False}}, level="account")
    assert (
        scope_verdicts(
            evaluated_with(snapshot, expectation, catalogue=CATALOGUE, overrides=[dropped])
        )
        == []
    )


# Controls the baseline is silent about

SILENT = control(check("in_meeting.chat", view=""), id="AI-02")
BOTH = catalogue_of(BASELINE.assessed["AI-01"].control, SILENT)
NO_CHAT = override_entry({"AI-02": {"expect": False}}, group="Legal EU")


def test_a_control_the_baseline_is_silent_about_is_judged_where_an_override_asks() -> None:
    body = {SETTINGS: {"in_meeting": {"thing": False, "chat": True}}}
    snapshot = snapshot_of((ACCOUNT, body), (LEGAL, body), (SALES, body), (ADA, body), (BOB, body))
    found = evaluated_with(snapshot, BASELINE, overrides=[NO_CHAT], catalogue=BOTH)
    assert control_statuses(found, "AI-02") == {"g1": FAIL, "u1": FAIL}


def test_its_documents_are_read_and_missed() -> None:
    special = control(check("security.chat", view="security", levels=[Level.USER], lock=None))
    special = special.model_copy(update={"id": "AI-02"})
    catalogue = catalogue_of(BASELINE.assessed["AI-01"].control, special)
    over = overrides_of(
        BASELINE, override_entry({"AI-02": {"expect": False}}, user="u1"), catalogue=catalogue
    )
    assert View("settings", "security") in reads.needed(over.union(), Level.USER).user
    assert View("settings", "security") not in reads.needed(BASELINE, Level.USER).user
    snapshot = snapshot_of((ADA, {View("settings", "security"): Cause.DENIED}))
    found = evaluated_with(
        snapshot, BASELINE, overrides=list(map(_dumped, over.overrides)), catalogue=catalogue
    )
    assert ("AI-02",) in [error.controls for error in found.errors]
    assert control_statuses(found, "AI-02") == {"u1": UNKNOWN}
    assert not found.complete


def _dumped(one: Override) -> dict[str, Any]:
    return one.model_dump(exclude_unset=True)


def test_it_is_unknown_for_everybody_who_could_not_be_listed() -> None:
    listings = {**LISTED, View("groups"): Cause.DENIED, View("users", "active"): Cause.ERROR}
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), listings=listings)
    found = evaluated_with(snapshot, BASELINE, overrides=[NO_CHAT], catalogue=BOTH)
    assert control_statuses(found, "AI-02") == {"*": UNKNOWN, "*active": UNKNOWN}


def test_what_is_read_for_is_the_union_of_all_wishes() -> None:
    lock = override_entry({"AI-01": {"lock": True}}, level="account")
    empty = override_entry({"AI-02": {"severity": "low"}}, user="u1")
    widest = overrides_of(BASELINE, lock, empty, catalogue=BOTH).union()
    assert widest.assessed["AI-01"].lock
    assert widest.assessed["AI-01"].expectations == BASELINE.assessed["AI-01"].expectations
    assert "AI-02" not in widest.assessed
    assert overrides_of(BASELINE, NO_CHAT, catalogue=BOTH).union().assessed.keys() == {
        "AI-01",
        "AI-02",
    }


def test_only_the_selected_controls_are_judged_whatever_an_override_asks() -> None:
    selected = frozenset({"AI-01"})
    body = {SETTINGS: {"in_meeting": {"thing": False, "chat": True}}}
    found = evaluated_with(
        snapshot_of((LEGAL, body)), BASELINE, overrides=[NO_CHAT], catalogue=BOTH, selected=selected
    )
    assert control_statuses(found, "AI-02") == {}
    over = overrides_of(BASELINE, NO_CHAT, catalogue=BOTH, selected=selected)
    assert set(over.union().assessed) == {"AI-01"}


# Groups that could not be listed

UNLISTED = {**LISTED, View("groups"): Cause.DENIED}


def members(
    *overrides: dict[str, Any], listings: Bodies = UNLISTED, value: JsonValue = True
) -> Verdict:
    snapshot = snapshot_of(
        (ACCOUNT, settings_body(False)), (ADA, settings_body(value)), listings=listings
    )
    return control_verdicts(evaluated_with(snapshot, BASELINE, overrides=overrides))["u1"]


@pytest.mark.parametrize("wish", [True, {"AI-01": {"assess": False}}], ids=same_everywhere)
def test_a_user_in_groups_without_names_is_unknown_where_an_override_could_hold(
    wish: bool | dict[str, dict[str, bool]],
) -> None:
    found = members(override_entry(wish, group="Legal*"))
    assert (found.status, found.cause) == (UNKNOWN, Cause.DENIED)
    assert "names of the groups could not be read" in found.detail


def test_a_list_of_groups_that_is_missing_never_makes_a_pass() -> None:
    stricter = override_entry(True, group="Legal*")
    with_list = snapshot_of(
        (ACCOUNT, settings_body(False)), (LEGAL, {}), (ADA, settings_body(False))
    )
    assert control_statuses(evaluated_with(with_list, BASELINE, overrides=[stricter]))["u1"] is FAIL
    assert members(stricter, value=False).status is UNKNOWN


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (override_entry(True, group="g1"), PASS),
        (override_entry("no", group="Legal*"), FAIL),
        (override_entry(True, group="Legal*", level="group"), FAIL),
        (override_entry(True, group="Legal*", user="bob"), FAIL),
    ],
    ids=same_everywhere,
)
def test_if_it_makes_no_difference_the_missing_names_do_no_harm(
    one: dict[str, Any], status: Status
) -> None:
    assert members(one).status is status


def test_the_names_of_groups_listed_before_the_list_broke_off_count() -> None:
    snapshot = snapshot_of((LEGAL, ON), (ADA, ON), (BOB, ON), listings=UNLISTED)
    found = control_statuses(
        evaluated_with(snapshot, BASELINE, overrides=[override_entry(True, group="Legal*")])
    )
    assert (found["u1"], found["u2"]) == (PASS, UNKNOWN)


def test_a_control_of_an_override_that_may_hold_is_not_silent() -> None:
    snapshot = snapshot_of(
        (ADA, {SETTINGS: {"in_meeting": {"thing": False, "chat": True}}}), listings=UNLISTED
    )
    found = evaluated_with(snapshot, BASELINE, overrides=[NO_CHAT], catalogue=BOTH)
    assert control_statuses(found, "AI-02")["u1"] is UNKNOWN
    assert control_statuses(found)["u1"] is PASS


# The shipped data


def test_the_example_file_makes_legal_stricter_than_its_baseline() -> None:
    from auditor.policy.baseline import organisation

    path = files.folder() / "examples" / "organisation.yaml"
    example = organisation.load(path, CATALOGUE)
    over = Overrides(load("regulated", CATALOGUE), CATALOGUE, example.overrides)
    legal = frozenset({"name:legal - apac", "named:legal - apac"})
    (summary,) = over.expected_controls(over.matching(group(9, "Legal - APAC"), legal))["AI-01"]
    assert summary.assessed.severity is Severity.CRITICAL
    assert {wish.value for wish in summary.assessed.expectations.values()} == {False}
    assert over.matching(group(9, "Sales"), frozenset({"name:sales", "named:sales"})) == ()


# Controls that the baseline omits, or expects an answer for


def overrides_for(controls: dict[str, Any], silent: bool = True) -> Overrides:
    expected = baseline_of() if silent else BASELINES["strict"].only(frozenset(controls))
    one = {"match": {"level": "account"}, "controls": controls}
    return overrides_of(expected, one, catalogue=CATALOGUE)


def test_an_answer_that_only_an_override_asks_for_is_asked_for() -> None:
    assert overrides_for({"TR-01": {"attest": "copies kept"}}).union().assessed["TR-01"].attest == (
        "copies kept"
    )


def test_the_baselines_answer_stands_until_the_override_holds() -> None:
    overrides = overrides_for({"TR-01": {"attest": "copies kept"}}, silent=False)
    known = BASELINES["strict"].assessed["TR-01"].attest
    assert known not in (None, "copies kept")
    assert overrides.union().assessed["TR-01"].attest == known
    (wish,) = overrides.expected_controls((0,))["TR-01"]
    assert wish.assessed.attest == "copies kept"


def test_no_answer_is_asked_for_where_nobody_does() -> None:
    assert overrides_for({"AI-01": {"expect": False}}).union().assessed["AI-01"].attest is None


@pytest.mark.parametrize("locked", [True, False])
def test_a_lock_is_wanted_only_where_the_override_asks_for_it(locked: bool) -> None:
    choice = {"expect": False, **({"lock": True} if locked else {})}
    overrides = overrides_for({"AI-01": choice})
    assert overrides.union().assessed["AI-01"].lock is locked
    (wish,) = overrides.expected_controls((0,))["AI-01"]
    assert wish.assessed.lock is locked


def test_several_overrides_of_one_control_add_up() -> None:
    one, other = check("a.one"), check("a.other")
    known = expected_control(one, other)
    silent = replace(known, expectations={"a.one": known.expectations["a.one"]})
    overrides = overrides_of(
        baseline_of(silent),
        {"match": {"group": "A"}, "controls": {"AI-01": {"settings": {"a.other": True}}}},
        {"match": {"group": "B"}, "controls": {"AI-01": {"lock": True}}},
    )
    found = overrides.union().assessed["AI-01"]
    assert set(found.expectations) == {"a.one", "a.other"}
    assert found.lock is True
