"""CC-01, CC-02 and CC-07: verdicts derived from the other verdicts of a run."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Role, Severity, Status, Verdict, WaiverTerms
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue.outcome import Context
from auditor.policy.judging.derived import SHOWN, DerivedInputs, is_more_permissive, verdicts
from auditor.policy.judging.reads import ACCOUNT_VIEWS
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    LISTED,
    USER,
    Bodies,
    Json,
    Parameters,
    baseline_of,
    check,
    evaluated,
    expected_control,
    expected_derived,
    locks_body,
    scope_verdicts,
    settings_body,
    snapshot_of,
)
from tests.builders import verdict as judged

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
GROUPS, USERS = (each.setting for each in CATALOGUE.controls["CC-02"].checks)


def of(
    snapshot: Snapshot,
    *expectation: ControlExpectation,
    depth: Level = Level.USER,
    parameters: Parameters | None = None,
) -> dict[str, Verdict]:
    """The derived verdicts, by setting."""
    found = evaluated(snapshot, baseline_of(*expectation), parameters, depth)
    for scope, verdict in scope_verdicts(found):
        if verdict.kind is FindingKind.DERIVED:
            assert scope == ACCOUNT
            assert verdict.source == "computed"
    return {v.setting: v for _, v in scope_verdicts(found) if v.kind is FindingKind.DERIVED}


# CC-01: locks


def locks(*each: bool | None, value: Json = False) -> Verdict:
    names = [f"in_meeting.s{n}" for n in range(len(each))]
    checks = [check(name) for name in names]
    body = {LOCKS: {"in_meeting": {f"s{n}": v for n, v in enumerate(each) if v is not None}}}
    settings = {SETTINGS: {"in_meeting": {f"s{n}": value for n in range(len(each))}}}
    expectation = expected_control(*checks, lock=True)
    (found,) = of(
        snapshot_of((ACCOUNT, {**settings, **body})),
        expectation,
        expected_derived("CC-01"),
        depth=Level.ACCOUNT,
    ).values()
    return found


def test_all_locks_on_is_a_pass_even_where_values_deviate() -> None:
    found = locks(True, True, value=True)
    assert (found.status, found.observed) == (PASS, True)


def test_one_lock_off_is_a_deviation_that_names_it() -> None:
    found = locks(True, False, None)
    assert (found.status, found.observed) == (FAIL, ["in_meeting.s1"])
    assert found.detail == "1 setting not locked."
    assert locks(False, False).detail == "2 settings not locked."


def test_a_long_list_is_cut_off_with_its_rest_counted() -> None:
    found = locks(*[False] * (SHOWN + 3))
    assert isinstance(found.observed, list)
    assert len(found.observed) == SHOWN + 1
    assert found.observed[-1] == "and 3 more"


def test_locks_that_no_api_shows_are_never_taken_for_locked() -> None:
    read, unread = check("in_meeting.s0"), check("in_meeting.s1", lock=None)
    body = {SETTINGS: {"in_meeting": {"s0": False, "s1": False}}}
    body[LOCKS] = {"in_meeting": {"s0": True}}
    expectation = baseline_of(expected_control(read, unread, lock=True), expected_derived("CC-01"))
    found = scope_verdicts(
        evaluated(snapshot_of((ACCOUNT, body)), expectation, depth=Level.ACCOUNT)
    )
    (verdict,) = [v for _, v in found if v.control == "CC-01"]
    assert (verdict.kind, verdict.status) == (FindingKind.ATTESTATION, Status.NEEDS_DECISION)
    assert verdict.observed == ["in_meeting.s1"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.NEEDS_DECISION, Status.NEEDS_DECISION),
        (Status.ATTESTATION_EXPIRED, Status.NEEDS_DECISION),
        (Status.ATTESTED, Status.ATTESTED),
    ],
)
def test_what_was_attested_about_locks_is_attested_and_no_pass(
    status: Status, expected: Status
) -> None:
    for settings in (["a.b"], ["a.b", "a.c"]):
        tally = DerivedInputs(lock_passes=1)
        tally.add(ACCOUNT.level, [lock_attestation(status, each) for each in settings])
        (found,) = verdicts(assessed_derived("CC-01"), tally, Context({}), Level.ACCOUNT)
        assert (found.kind, found.status) == (FindingKind.ATTESTATION, expected)
        assert found.detail == LOCK_SENTENCES[expected, len(settings)]
        assert found.observed == (settings if expected is Status.NEEDS_DECISION else None)


LOCK_SENTENCES = {
    (Status.NEEDS_DECISION, 1): "The locks of 1 setting are not shown by any API and not attested; "
    "the locks that can be read are on.",
    (Status.NEEDS_DECISION, 2): "The locks of 2 settings are not shown by any API and not attested;"
    " the locks that can be read are on.",
    (Status.ATTESTED, 1): "The locks of 1 setting are confirmed by attestations only.",
    (Status.ATTESTED, 2): "The locks of 2 settings are confirmed by attestations only.",
}


def test_who_can_change_a_computed_rule_are_those_who_can_change_what_it_sums_up() -> None:
    tally = DerivedInputs()
    roles = (Role.ACCOUNT_ADMIN, Role.USER)
    lock = judged(FAIL, kind=FindingKind.LOCK, setting="a.b", changeable_by=roles)
    tally.add(Level.ACCOUNT, [lock])
    (found,) = verdicts(assessed_derived("CC-01"), tally, Context({}), Level.ACCOUNT)
    assert found.changeable_by == (Role.USER, Role.ACCOUNT_ADMIN)
    tally.lock_fails = {"a.b": ()}
    (found,) = verdicts(assessed_derived("CC-01"), tally, Context({}), Level.ACCOUNT)
    assert found.changeable_by == (Role.ACCOUNT_ADMIN,)


def test_of_the_blind_spots_that_cover_it_a_computed_rule_shows_the_first_to_expire() -> None:
    tally = DerivedInputs()
    for setting, expires in (("a.b", date(2027, 3, 1)), ("a.c", date(2027, 2, 1))):
        terms = WaiverTerms("Why", "dpo@example.com", "", expires)
        lock = judged(
            UNKNOWN,
            kind=FindingKind.LOCK,
            setting=setting,
            cause=Cause.DENIED,
            blind_spot=terms,
        )
        tally.add(Level.ACCOUNT, [lock])
    (found,) = verdicts(assessed_derived("CC-01"), tally, Context({}), Level.ACCOUNT)
    assert found.blind_spot is not None
    assert found.blind_spot.expires == date(2027, 2, 1)


def test_an_attestation_control_says_nothing_about_locks() -> None:
    tally = DerivedInputs(lock_passes=1)
    tally.add(ACCOUNT.level, (lock_attestation(Status.NEEDS_DECISION, "attestation"),))
    (found,) = verdicts(assessed_derived("CC-01"), tally, Context({}), Level.ACCOUNT)
    assert found.status is PASS


def lock_attestation(status: Status, setting: str = "in_meeting.s1") -> Verdict:
    return Verdict("CN-05", FindingKind.ATTESTATION, status, Severity.CRITICAL, setting)


def assessed_derived(control: str) -> Baseline:
    return baseline_of(expected_derived(control))


def test_a_lock_that_was_not_seen_leaves_it_unknown() -> None:
    found = locks(True, None)
    assert (found.status, found.cause) == (UNKNOWN, Cause.ABSENT)
    assert found.detail == "1 lock could not be read."


def test_without_any_lock_nothing_is_known() -> None:
    (found,) = of(snapshot_of(), expected_derived("CC-01"), depth=Level.ACCOUNT).values()
    assert (found.status, found.cause, found.detail) == (UNKNOWN, Cause.ABSENT, "No lock was read.")


def test_the_worst_cause_is_told() -> None:
    one = check(lock_levels=[Level.GROUP])
    other = check("in_meeting.other")
    snapshot = snapshot_of((ACCOUNT, {LOCKS: {}}), (GROUP, {LOCKS: Cause.DENIED}))
    (found,) = of(
        snapshot, expected_control(one, other, lock=True), expected_derived("CC-01")
    ).values()
    assert found.cause is Cause.DENIED


# What is counted


def tallied(*below: Iterable[Verdict], scopes: int = 1) -> DerivedInputs:
    """An account with two settings as expected, and what users have, each so many times."""
    tally = DerivedInputs()
    tally.add(Level.ACCOUNT, [judged(PASS, setting="a.b"), judged(PASS, setting="a.c")])
    for verdicts_ in below:
        tally.add(Level.USER, verdicts_, scopes)
    return tally


def test_users_who_share_verdicts_are_counted_each_time_they_are_met() -> None:
    loose, fine = judged(FAIL, setting="a.b"), judged(PASS, setting="a.c")
    tally = tallied([loose, fine], [loose], [fine], scopes=3)
    assert tally.loose_scopes == {Level.USER: 6, Level.ACCOUNT: 0}
    assert tally.looser[Level.USER] == {"a.b": 6}
    assert tally.compared == {Level.USER: 12}


@pytest.mark.parametrize("status", [Status.NEEDS_DECISION, UNKNOWN])
def test_a_user_who_cannot_be_compared_is_not_counted_as_looser(status: Status) -> None:
    tally = tallied([judged(status, setting="a.b")], [judged(FAIL, setting="a.c")])
    assert tally.loose_scopes[Level.USER] == 1
    assert tally.compared == {Level.USER: 1}


def test_every_cause_for_which_users_could_not_be_compared_counts() -> None:
    causes = (Cause.DENIED, Cause.ABSENT)
    tally = tallied(*([judged(UNKNOWN, setting="a.b", cause=each)] for each in causes))
    assert tally.uncompared[Level.USER] == set(causes)


def test_locks_that_are_on_are_counted_and_new_settings_are_named_with_their_waivers() -> None:
    tally, terms = DerivedInputs(), WaiverTerms("Why", "ciso@example.com", "", date(2027, 1, 31))
    tally.add(Level.GROUP, [judged(PASS, kind=FindingKind.LOCK)], scopes=2)
    tally.add(Level.GROUP, [judged(PASS, kind=FindingKind.LOCK)])
    assert tally.lock_passes == 3
    tally.add_new([judged(FAIL, setting="a.b"), judged(Status.WAIVED, waiver=terms)])
    assert tally.new_settings == {FAIL: {"a.b"}, Status.WAIVED: {"a.b"}}
    assert tally.new_waivers == {"a.b": terms}


@pytest.mark.parametrize("status", [FAIL, Status.NEEDS_DECISION, Status.WAIVED])
def test_new_settings_are_counted_and_named_unless_all_are_waived(status: Status) -> None:
    terms = WaiverTerms("Why", "ciso@example.com", "", date(2027, 1, 31))
    for names in (["a.b"], ["a.b", "a.c"]):
        is_waived = status is Status.WAIVED
        waiver = terms if is_waived else None
        tally = DerivedInputs()
        tally.add_new([judged(status, setting=each, waiver=waiver) for each in names])
        (found,) = verdicts(assessed_derived("CC-07"), tally, Context({}), Level.ACCOUNT)
        assert (found.status, found.waiver) == (status, waiver)
        assert found.observed == names
        assert found.detail == NEW_SENTENCES[status, len(names)]
        assert found.changeable_by == (Role.ACCOUNT_ADMIN,)


NEW_SENTENCES = {
    (FAIL, 1): "1 new setting mentions AI, consent or data sharing, and no decision was made.",
    (FAIL, 2): "2 new settings mention AI, consent or data sharing, and no decision was made.",
    (Status.NEEDS_DECISION, 1): "1 new setting waits for a decision.",
    (Status.NEEDS_DECISION, 2): "2 new settings wait for a decision.",
    (Status.WAIVED, 1): "1 setting deviates, under a waiver.",
    (Status.WAIVED, 2): "2 settings deviate, each under a waiver.",
}


def test_documents_that_were_not_read_may_hold_new_settings() -> None:
    tally = DerivedInputs(unread={Cause.DENIED})
    (found,) = verdicts(assessed_derived("CC-07"), tally, Context({}), Level.ACCOUNT)
    assert (found.status, found.cause) == (UNKNOWN, Cause.DENIED)
    assert found.detail


# CC-02: lower levels looser than the account


def looser(
    account: Bodies,
    group: Bodies | None,
    user: Bodies | None,
    expectation: ControlExpectation | None = None,
    depth: Level = Level.USER,
    **more: Any,
) -> dict[str, Verdict]:
    scopes = [(ACCOUNT, account), (GROUP, group), (USER, user)]
    snapshot = snapshot_of(*((s, b) for s, b in scopes if b is not None), **more)
    return of(
        snapshot, expectation or expected_control(check()), expected_derived("CC-02"), depth=depth
    )


def test_levels_as_strict_as_the_account_pass() -> None:
    found = looser(settings_body(False), settings_body(False), settings_body(False))
    assert {name: (v.status, v.observed) for name, v in found.items()} == {
        GROUPS: (PASS, []),
        USERS: (PASS, []),
    }


def test_a_looser_level_is_a_deviation_with_its_settings_and_scopes() -> None:
    found = looser(settings_body(False), settings_body(False), settings_body(True))
    assert found[GROUPS].status is PASS
    assert (found[USERS].status, found[USERS].observed) == (FAIL, ["in_meeting.thing"])
    assert found[USERS].detail == "1 person is looser than the account."


def test_what_nobody_has_decided_is_not_taken_for_as_strict() -> None:
    on = settings_body(True)
    expectation = expected_control(check(), op={"op": "org_param", "param": "nobody_set_it"})
    found = looser(on, on, on, expectation)
    for verdict in (found[GROUPS], found[USERS]):
        assert verdict.status is Status.NEEDS_DECISION
        assert verdict.observed == [check().setting]
        assert verdict.detail == "The expected values of 1 setting have not been decided."


def test_scopes_are_counted_once_however_many_settings_are_looser() -> None:
    two = expected_control(check("in_meeting.a"), check("in_meeting.b"))
    strict, loose = ({SETTINGS: {"in_meeting": {"a": v, "b": v}}} for v in (False, True))
    other = Scope(Level.GROUP, "g2", "Sales")
    snapshot = snapshot_of((ACCOUNT, strict), (GROUP, loose), (other, loose))
    found = of(snapshot, two, expected_derived("CC-02"))
    assert found[GROUPS].detail == "2 groups are looser than the account."
    assert found[GROUPS].observed == ["in_meeting.a", "in_meeting.b"]


def test_a_level_that_deviates_like_the_account_is_not_looser() -> None:
    found = looser(settings_body(True), settings_body(True), settings_body(False))
    assert {v.status for v in found.values()} == {PASS}


LTE: dict[str, JsonValue] = {"op": "lte", "value": 30}
GTE: dict[str, JsonValue] = {"op": "gte", "value": 8}
YEAR = {"op": "duration_lte", "value": "90d"}
BARRED, ALLOWED = {"op": "disjoint_from", "value": ["CN", "RU"]}, {"op": "subset_of_param"}
NEEDED, NO_LEAF = {"op": "superset_of_param"}, {"op": "no_true_leaf_except_param"}


@pytest.mark.parametrize(
    ("wish", "account", "lower", "status"),
    [
        (LTE, 60, 60, PASS),
        (LTE, 60, 45, PASS),
        (LTE, 60, 120, FAIL),
        (GTE, 6, 7, PASS),
        (GTE, 6, 4, FAIL),
        (YEAR, "2y", "1y", PASS),
        (YEAR, "1y", "2y", FAIL),
        (BARRED, ["CN", "RU"], ["CN", "DE"], PASS),
        (BARRED, ["CN"], ["RU"], FAIL),
        ({**ALLOWED, "param": "listed"}, ["A", "X"], ["X"], PASS),
        ({**ALLOWED, "param": "listed"}, ["X"], ["X", "Y"], FAIL),
        ({**NEEDED, "param": "listed"}, ["A"], ["A", "X"], PASS),
        ({**NEEDED, "param": "listed"}, ["A"], [], FAIL),
        ({**NO_LEAF, "param": "listed"}, {"q": True}, {"a": True, "q": True}, PASS),
        ({**NO_LEAF, "param": "listed"}, {"q": True}, {"p": True, "q": True}, FAIL),
        ({"op": "off"}, {"enable": True}, {"enable": True, "type": 1}, PASS),
        ({"op": "eq", "value": 1}, 3, 4, UNKNOWN),
        ({"op": "in", "value": ["none"]}, "local", "cloud", UNKNOWN),
        ({"op": "in", "value": ["none"]}, "cloud", "cloud", PASS),
    ],
)
def test_if_both_deviate_the_one_that_goes_further_is_looser(
    wish: dict[str, Any], account: JsonValue, lower: JsonValue, status: Status
) -> None:
    any_type = check(type=("integer", "string", "array", "object"))
    expectation = baseline_of(expected_control(any_type, op=wish), expected_derived("CC-02"))
    snapshot = snapshot_of((ACCOUNT, settings_body(account)), (GROUP, settings_body(lower)))
    found = scope_verdicts(evaluated(snapshot, expectation, {"listed": ["A", "B"]}, Level.GROUP))
    values = [v.status for _, v in found if v.control != "CC-02"]
    assert values == [FAIL, FAIL]
    (verdict,) = [v for _, v in found if v.setting == GROUPS]
    assert verdict.status is status
    if status is UNKNOWN:
        assert verdict.cause is Cause.UNDOCUMENTED_VALUE
        assert check().setting in verdict.detail
    else:
        assert verdict.observed == ([check().setting] if status is FAIL else [])


def test_values_judged_by_different_expectations_have_no_order() -> None:
    below = Verdict(
        "AI-01", FindingKind.VALUE, FAIL, Severity.HIGH, "a.b", expected=LTE, observed=40
    )
    above = Verdict(
        "AI-01", FindingKind.VALUE, FAIL, Severity.HIGH, "a.b", expected=GTE, observed=5
    )
    assert is_more_permissive(below, above) is None


@pytest.mark.parametrize("cause", [Cause.DENIED, Cause.ERROR, Cause.NOT_LICENSED])
def test_what_the_account_would_not_say_is_the_cause(cause: Cause) -> None:
    found = looser({SETTINGS: cause}, settings_body(False), settings_body(False))
    assert {(v.status, v.cause) for v in found.values()} == {(UNKNOWN, cause)}


@pytest.mark.parametrize(
    ("account", "lower"),
    [({SETTINGS: {}}, settings_body(False)), (settings_body(False), {SETTINGS: {}})],
)
def test_a_value_that_cannot_be_compared_leaves_it_unknown(
    account: Bodies,
    lower: Bodies,
) -> None:
    found = looser(account, lower, lower)
    assert {(v.status, v.cause) for v in found.values()} == {(UNKNOWN, Cause.ABSENT)}
    assert found[GROUPS].detail == (
        "Not every value of a group could be compared with the account's."
    )


def test_if_the_feature_is_off_above_a_user_with_it_is_looser() -> None:
    one = check(only_when={"setting": "in_meeting.on", "is": True})
    off = {SETTINGS: {"in_meeting": {"on": False}}}
    on = {SETTINGS: {"in_meeting": {"on": True, "thing": True}}}
    found = looser(off, off, on, expected_control(one))
    assert (found[GROUPS].status, found[USERS].status) == (PASS, FAIL)


def test_a_group_that_may_differ_is_not_looser() -> None:
    wish = {"op": "eq", "value": False, "group_exception_param": "ai"}
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (GROUP, settings_body(True)))
    found = of(
        snapshot,
        expected_control(check(), op=wish),
        expected_derived("CC-02"),
        parameters={"ai": ["g1"]},
    )
    assert found[GROUPS].status is PASS


def test_without_lower_scopes_there_is_nothing_to_compare() -> None:
    found = looser(settings_body(False), None, None)
    assert {v.status for v in found.values()} == {Status.NOT_APPLICABLE}
    assert found[USERS].detail == "There is no person to compare with the account."


def test_users_that_could_not_be_listed_leave_it_unknown() -> None:
    listings = {**LISTED, View("users", "active"): Cause.DENIED}
    found = looser(
        settings_body(False), settings_body(False), settings_body(False), listings=listings
    )
    assert found[GROUPS].status is PASS
    assert (found[USERS].status, found[USERS].cause) == (UNKNOWN, Cause.DENIED)


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(Level.ACCOUNT, set()), (Level.GROUP, {GROUPS}), (Level.USER, {GROUPS, USERS})],
)
def test_only_levels_that_are_reached_are_compared(depth: Level, expected: set[str]) -> None:
    found = looser(settings_body(False), settings_body(False), settings_body(False), depth=depth)
    assert set(found) == expected


def test_a_setting_the_account_does_not_have_is_not_compared() -> None:
    one = check(levels=[Level.GROUP, Level.USER], lock_levels=[Level.GROUP])
    found = looser({SETTINGS: {}}, settings_body(True), settings_body(True), expected_control(one))
    assert {v.status for v in found.values()} == {Status.NOT_APPLICABLE}


# CC-07: new settings


def new_settings(
    key: str, *, parameters: Parameters | None = None, everything: bool = True
) -> dict[FindingKind, Status]:
    """What CC-07 says of itself and of a new key, where all documents or only one were read."""
    views = ACCOUNT_VIEWS if everything else (SETTINGS,)
    bodies: Bodies = {**{view: {} for view in views}, **settings_body(True, key)}
    found = scope_verdicts(
        evaluated(
            snapshot_of((ACCOUNT, bodies)),
            baseline_of(expected_derived("CC-07")),
            parameters,
            Level.ACCOUNT,
        )
    )
    return {v.kind: v.status for _, v in found}


@pytest.mark.parametrize("key", ["brand_new_ai_companion", "zoommate.enable", "new_consent_text"])
def test_a_new_setting_about_ai_consent_or_sharing_makes_the_control_deviate(key: str) -> None:
    found = {FindingKind.UNCOVERED: FAIL, FindingKind.DERIVED: FAIL}
    assert new_settings(f"in_meeting.{key}") == found
    assert new_settings(f"in_meeting.{key}", everything=False) == found


def test_beside_any_other_new_setting_the_control_waits_for_a_decision_and_never_passes() -> None:
    waits = Status.NEEDS_DECISION
    key = "in_meeting.brand_new_thing"
    assert new_settings(key) == {FindingKind.UNCOVERED: waits, FindingKind.DERIVED: waits}
    unread = new_settings(key, everything=False)
    assert unread == {FindingKind.UNCOVERED: waits, FindingKind.DERIVED: UNKNOWN}


def test_a_new_setting_that_somebody_has_triaged_stands_in_no_ones_way() -> None:
    key = "in_meeting.brand_new_ai"
    assert new_settings(key, parameters={"known_keys": [key]}) == {FindingKind.DERIVED: PASS}


def test_a_baseline_without_derived_controls_has_none() -> None:
    assert of(snapshot_of((ACCOUNT, locks_body(True))), expected_control(check())) == {}


# The fields and counts of derived findings


def derived_verdict(control: str, tally: DerivedInputs, **parameters: Any) -> Verdict:
    """The first derived verdict of a control."""
    found = verdicts(baseline_of(expected_derived(control)), tally, Context(parameters), Level.USER)
    return next(iter(found))


def lock_inputs(status: Status, count: int, **fields: Any) -> DerivedInputs:
    """A tally of so many locks of one status."""
    tally = DerivedInputs()
    verdicts = tuple(
        Verdict("AI-01", FindingKind.LOCK, status, Severity.HIGH, f"a.s{n:02}", **fields)
        for n in range(count)
    )
    tally.add(ACCOUNT.level, verdicts)
    return tally


def test_a_derived_finding_is_the_accounts_and_computed() -> None:
    found = derived_verdict("CC-07", DerivedInputs(), known_keys=["a.b"])
    assert (found.decided_by, found.changeable_by) == ("account", ("account_admin",))
    assert (found.kind, found.source, found.observed) == (FindingKind.DERIVED, "computed", [])
    assert found.expected == {"op": "empty_or_triaged", "param": "known_keys", "value": ["a.b"]}


def test_documents_that_were_not_read_leave_new_settings_unknown() -> None:
    found = derived_verdict("CC-07", DerivedInputs(unread={Cause.DENIED}))
    assert (found.status, found.cause) == (Status.UNKNOWN, Cause.DENIED)


@pytest.mark.parametrize("count", [1, 2])
def test_waived_deviations_are_counted(count: int) -> None:
    found = derived_verdict(
        "CC-01", lock_inputs(Status.WAIVED, count, waiver=WaiverTerms("", "", "", date(2027, 1, 1)))
    )
    assert found.status is Status.WAIVED
    assert found.detail.startswith(f"{count} setting")


def test_of_several_waivers_the_first_to_end_is_named() -> None:
    tally = DerivedInputs()
    ends = ("2027-05-01", "2026-12-01", "2028-01-01")
    for position, day in enumerate(ends):
        waiver = WaiverTerms("", str(position), "", date.fromisoformat(day))
        lock = Verdict(
            "AI-01", FindingKind.LOCK, Status.WAIVED, Severity.HIGH, f"a.{position}", waiver=waiver
        )
        tally.add(ACCOUNT.level, (lock,))
    assert derived_verdict("CC-01", tally).waiver == WaiverTerms("", "1", "", date(2026, 12, 1))


@pytest.mark.parametrize("count", [SHOWN - 1, SHOWN, SHOWN + 1])
def test_up_to_twenty_settings_are_named(count: int) -> None:
    found = derived_verdict("CC-01", lock_inputs(Status.FAIL, count))
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
    found = derived_verdict("CC-02", tally)
    assert (found.status, found.observed) == (Status.FAIL, ["a.b"])
    assert found.detail.startswith("1 group ")


def test_a_waiver_of_a_looser_group_is_named() -> None:
    tally = DerivedInputs()
    waiver = WaiverTerms("", "ciso@example.com", "", date(2027, 1, 1))
    for scope, status in ((ACCOUNT, Status.PASS), (Scope(Level.GROUP, "g1"), Status.WAIVED)):
        waived = waiver if status is Status.WAIVED else None
        value = Verdict("AI-01", FindingKind.VALUE, status, Severity.HIGH, "a.b", waiver=waived)
        tally.add(scope.level, (value,))
    found = derived_verdict("CC-02", tally)
    assert (found.status, found.waiver) == (Status.WAIVED, waiver)
