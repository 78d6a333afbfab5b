"""Inherited values: they pass only if a lock is known to enforce them."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.evidence.read_plan import ReadPlan, lock_sample_view
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import Status, Verdict
from auditor.findings.verdict_store import Assessment
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue.controls import Condition
from auditor.policy.judging.assess import Assessor
from auditor.policy.judging.lock_verifier import SnapshotLockVerifier
from auditor.policy.judging.reads import NEW_SETTINGS_CONTROL
from tests.builders import (
    ACCOUNT,
    GROUP,
    LISTED,
    Bodies,
    baseline_of,
    check,
    control_verdicts,
    evaluated,
    evaluated_with,
    expected_control,
    expected_derived,
    override_entry,
    overrides_of,
    set_at,
    settings_body,
    snapshot_of,
    user,
)

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
THING, SWITCH, OTHER = "in_meeting.thing", "in_meeting.switch", "in_meeting.other"
SECURITY = View("settings", "meeting_security")
BASELINE = baseline_of(expected_control(check()))
CONFIRMED = {"users": 40, "sampled": 25, "confirmed": 25}
UNREAD, READ = user(1, "g1"), user(2, "g1")


def body(**values: JsonValue) -> dict[str, JsonValue]:
    """A document of `in_meeting` settings."""
    made: dict[str, JsonValue] = {}
    for name, value in values.items():
        set_at(made, f"in_meeting.{name}", value)
    return made


def account(
    values: Mapping[str, JsonValue] | Cause,
    locks: Mapping[str, JsonValue] | Cause,
    confirmed: Any = CONFIRMED,
) -> Bodies:
    documents = {
        SETTINGS: values if isinstance(values, Cause) else body(**values),
        LOCKS: locks if isinstance(locks, Cause) else body(**locks),
    }
    return documents if confirmed is None else {**documents, lock_sample_view(SETTINGS): confirmed}


HELD = account({"thing": False}, {"thing": True})
"""The account is as wanted and locked, and a sample confirmed it."""


def of_unread(
    account_is: Bodies,
    expectation: Baseline = BASELINE,
    own: Bodies | None = None,
    scope: Scope = UNREAD,
    **fields: Any,
) -> Verdict:
    """The verdict on AI-01 of a user of whom only `own` was read."""
    found = evaluated_with(
        snapshot_of((ACCOUNT, account_is), (GROUP, {}), (scope, own or {})), expectation, **fields
    )
    return control_verdicts(found)[scope.id]


def test_a_value_that_is_right_and_locked_is_proved_for_who_was_not_read() -> None:
    verdict = of_unread(HELD)
    assert (verdict.status, verdict.proved_by, verdict.observed) == (PASS, "lock", False)
    assert (verdict.locked, verdict.decided_by) == (True, "account")


def test_a_user_whose_own_document_was_read_is_proved_by_it() -> None:
    found = evaluated_with(snapshot_of((ACCOUNT, HELD), (READ, settings_body(False))), BASELINE)
    assert control_verdicts(found)["u2"].status is PASS
    assert control_verdicts(found)["u2"].proved_by is None
    assert found.summary.proved_by_lock == 0


@pytest.mark.parametrize(
    ("confirmed", "enough"),
    [
        (CONFIRMED, True),
        ({"users": 2, "sampled": 1, "confirmed": 1}, True),
        ({"users": 40, "sampled": 25, "confirmed": 24}, False),
        ({"users": 40, "sampled": 25, "confirmed": 0}, False),
        ({"users": 40, "sampled": 0, "confirmed": 0}, False),
        ({"users": 40, "sampled": -1, "confirmed": -1}, False),
        ({"users": 40, "sampled": 25, "confirmed": 26}, False),
        ({"users": 40, "sampled": 25}, False),
        ({"users": 40, "confirmed": 25}, False),
        ({"sampled": "25", "confirmed": "25"}, False),
        ({"sampled": None, "confirmed": None}, False),
        ({}, False),
        ([], False),
        (Cause.DENIED, False),
        (None, False),
    ],
    ids=repr,
)
def test_only_a_full_sample_confirms(confirmed: Any, enough: bool) -> None:
    verdict = of_unread(account({"thing": False}, {"thing": True}, confirmed))
    assert verdict.status is (PASS if enough else UNKNOWN)
    assert verdict.cause is (None if enough else Cause.NOT_COLLECTED)


@pytest.mark.parametrize(
    "locks", [{"thing": False}, {}, {"thing": None}, {"other": True}], ids=repr
)
@pytest.mark.parametrize("values", [{"thing": False}, {"thing": True}, {}], ids=repr)
def test_without_the_lock_nothing_is_known(values: dict[str, Any], locks: dict[str, Any]) -> None:
    verdict = of_unread(account(values, locks))
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.NOT_COLLECTED)
    assert verdict.observed is None
    assert verdict.proved_by is None


@pytest.mark.parametrize("locks", [{"thing": True}, Cause.DENIED, Cause.ERROR], ids=repr)
@pytest.mark.parametrize(
    "values", [{"thing": True}, {}, {"thing": "no"}, Cause.DENIED, Cause.NOT_LICENSED], ids=repr
)
def test_a_value_that_is_not_right_at_the_account_proves_nothing(values: Any, locks: Any) -> None:
    verdict = of_unread(account(values, locks))
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.NOT_COLLECTED)


@pytest.mark.parametrize("refused", [Cause.DENIED, Cause.ERROR])
def test_a_right_value_whose_lock_could_not_be_read_proves_nothing(refused: Cause) -> None:
    assert of_unread(account({"thing": False}, refused)).status is UNKNOWN


@pytest.mark.parametrize(
    "fields",
    [
        {"lock": None, "lock_levels": ()},
        {"lock_inferred": True},
        {"lock_levels": (Level.GROUP,)},
    ],
    ids=repr,
)
def test_a_setting_that_no_lock_of_the_account_is_known_to_hold_is_not_proved(fields: Any) -> None:
    assert of_unread(HELD, baseline_of(expected_control(check(**fields)))).status is UNKNOWN


def test_a_locked_setting_does_not_vouch_for_another_of_the_same_document() -> None:
    expectation = baseline_of(
        expected_control(check(THING)), expected_control(check(OTHER), id="AI-02")
    )
    lending = account({"thing": False, "other": False}, {"thing": True, "other": False})
    found = evaluated_with(snapshot_of((ACCOUNT, lending), (UNREAD, {})), expectation)
    assert control_verdicts(found, "AI-01")["u1"].status is PASS
    other = control_verdicts(found, "AI-02")["u1"]
    assert (other.status, other.cause) == (UNKNOWN, Cause.NOT_COLLECTED)
    assert "as proof for other settings" in other.detail


SWITCHED = baseline_of(
    expected_control(
        check(THING, only_when=Condition.model_validate({"setting": SWITCH, "is": True})),
        check(SWITCH),
    )
)


@pytest.mark.parametrize(
    ("locks", "status"),
    [
        ({"switch": True}, Status.NOT_APPLICABLE),
        ({"switch": True, "thing": True}, Status.NOT_APPLICABLE),
        ({"thing": True}, UNKNOWN),
        ({"switch": False, "thing": True}, UNKNOWN),
        ({}, UNKNOWN),
    ],
    ids=repr,
)
def test_what_hangs_on_a_switch_is_settled_by_the_lock_of_the_switch(
    locks: dict[str, Any], status: Status
) -> None:
    lending = account({"switch": False, "thing": True}, locks)
    found = evaluated_with(snapshot_of((ACCOUNT, lending), (UNREAD, {})), SWITCHED)
    (verdict,) = [
        each
        for assessment in found.assessments
        for each in assessment.verdicts
        if assessment.scope.id == "u1" and each.setting == THING
    ]
    assert verdict.status is status


@pytest.mark.parametrize(
    ("lock", "locks", "status"),
    [
        ("in_meeting.ai", {"ai": True}, Status.NOT_APPLICABLE),
        ("in_meeting.ai", {"ai": False}, UNKNOWN),
        ("in_meeting.a", {"a": True}, UNKNOWN),
        ("in_meeting.ai.who", {"ai": {"who": True}}, UNKNOWN),
    ],
)
def test_one_lock_may_hold_a_switch_with_what_it_switches(
    lock: str, locks: dict[str, Any], status: Status
) -> None:
    condition = Condition.model_validate({"setting": "in_meeting.ai.enable", "is": True})
    expectation = baseline_of(
        expected_control(check("in_meeting.ai.who", lock=lock, only_when=condition))
    )
    lending = account({"ai": {"enable": False, "who": True}}, locks)
    assert of_unread(lending, expectation).status is status


UNLICENSED = Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 1, "active")
WHERE_LICENSED = baseline_of(expected_control(check(), when_absent="not_applicable"))


def test_a_field_that_the_account_lacks_says_nothing_of_users_without_a_licence() -> None:
    """Their own document might have had it."""
    lending = account({}, {"thing": True})
    assert of_unread(lending, WHERE_LICENSED, scope=UNLICENSED).status is UNKNOWN
    own = of_unread(lending, WHERE_LICENSED, {SETTINGS: {}}, scope=UNLICENSED)
    assert own.status is Status.NOT_APPLICABLE


def test_a_document_that_the_account_is_not_licensed_for_is_not_lent() -> None:
    lending = account(Cause.NOT_LICENSED, {"thing": True})
    assert of_unread(lending, WHERE_LICENSED).status is UNKNOWN


@pytest.mark.parametrize("cause", Cause)
def test_a_refusal_of_the_user_is_not_papered_over(cause: Cause) -> None:
    verdict = of_unread(HELD, own={SETTINGS: cause})
    assert (verdict.status, verdict.cause) == (UNKNOWN, cause)
    assert verdict.proved_by is None


def test_a_value_of_the_user_is_not_papered_over() -> None:
    assert of_unread(HELD, own=settings_body(True)).status is FAIL


def test_an_unread_document_beside_one_that_was_read_is_lent_alone() -> None:
    lending = {**HELD, SECURITY: body(thing=False), lock_sample_view(SECURITY): CONFIRMED}
    lending = {key: value for key, value in lending.items() if key != lock_sample_view(SETTINGS)}
    assert of_unread(lending, own=settings_body(True)).status is FAIL


def test_what_is_lent_for_one_document_says_nothing_in_place_of_one_that_was_read() -> None:
    """The sample confirmed the one that is lent, and nobody asked it about this setting."""
    lending = account({}, {"thing": True}, None)
    lending = {**lending, SECURITY: body(thing=False), lock_sample_view(SECURITY): CONFIRMED}
    absent = of_unread(lending, own={SETTINGS: {}})
    assert (absent.status, absent.cause) == (UNKNOWN, Cause.ABSENT)
    refused = of_unread(lending, own={SETTINGS: Cause.DENIED})
    assert (refused.status, refused.cause) == (UNKNOWN, Cause.DENIED)


def test_users_who_could_not_be_listed_are_lent_nothing() -> None:
    listings = {**LISTED, View("users", "inactive"): Cause.DENIED}
    elsewhere = baseline_of(expected_control(check(view="meeting_security")))
    found = evaluated_with(snapshot_of((ACCOUNT, HELD), listings=listings), elsewhere)
    assert control_verdicts(found)["*inactive"].status is UNKNOWN
    assert found.summary.proved_by_lock == 0


# Users who were read and say otherwise


@pytest.mark.parametrize(
    "own",
    [settings_body(True), {SETTINGS: {}}, {SETTINGS: Cause.DENIED}],
    ids=["otherwise", "absent", "denied"],
)
def test_one_user_who_was_read_and_does_not_confirm_leaves_the_others_unknown(own: Bodies) -> None:
    found = evaluated_with(snapshot_of((ACCOUNT, HELD), (UNREAD, {}), (READ, own)), BASELINE)
    assert control_verdicts(found)["u1"].status is UNKNOWN
    assert control_verdicts(found)["u1"].cause is Cause.NOT_COLLECTED


def test_a_user_who_says_otherwise_of_one_setting_leaves_the_others_proved() -> None:
    lending = account({"thing": False, "other": False}, {"thing": True, "other": True})
    own = {SETTINGS: body(thing=False, other=True)}
    found = evaluated_with(snapshot_of((ACCOUNT, lending), (UNREAD, {}), (READ, own)), two())
    assert control_verdicts(found, "AI-01")["u1"].proved_by == "lock"
    assert control_verdicts(found, "AI-02")["u1"].status is UNKNOWN


def test_what_a_user_was_not_read_for_contradicts_nobody() -> None:
    held = {**HELD, SECURITY: body(other=False), lock_sample_view(SECURITY): CONFIRMED}
    held[LOCKS] = body(thing=True, other=True)
    snapshot = snapshot_of((ACCOUNT, held), (UNREAD, {}), (READ, {SETTINGS: body(thing=False)}))
    found = evaluated_with(snapshot, two(view="meeting_security"))
    assert control_verdicts(found, "AI-02")["u1"].proved_by == "lock"


def test_an_invited_user_contradicts_nobody() -> None:
    invited = Scope(Level.USER, "u9", status="pending")
    snapshot = snapshot_of((ACCOUNT, HELD), (UNREAD, {}), (invited, settings_body(True)))
    assert control_verdicts(evaluated_with(snapshot, BASELINE))["u1"].status is PASS


def two(**other: Any) -> Baseline:
    """Two controls that look at the same document."""
    return baseline_of(
        expected_control(check(THING)), expected_control(check(OTHER, **other), id="AI-02")
    )


def test_an_override_that_wants_it_otherwise_is_judged_by_the_locked_value() -> None:
    against = of_unread(HELD, overrides=[override_entry(True, group="Clinical")])
    assert (against.status, against.cause) == (UNKNOWN, Cause.NOT_COLLECTED)
    alike = of_unread(HELD, overrides=[override_entry(False, group="Clinical")])
    assert (alike.status, alike.proved_by) == (PASS, "lock")


EXCEPTED = {"op": "eq", "value": False, "group_exception_param": "ai_allowed_groups"}


@pytest.mark.parametrize(
    ("locked", "groups", "status"),
    [
        (True, ["Clinical"], Status.NOT_APPLICABLE),
        (True, ["Sales"], PASS),
        (False, ["Clinical"], UNKNOWN),
        (False, ["Sales"], UNKNOWN),
    ],
)
def test_a_group_that_may_differ_is_no_proof_without_the_lock(
    locked: bool, groups: list[str], status: Status
) -> None:
    lending = account({"thing": False}, {"thing": locked})
    verdict = of_unread(
        lending,
        baseline_of(expected_control(check(), op=EXCEPTED)),
        parameters={"ai_allowed_groups": groups},
    )
    assert verdict.status is status


def test_who_was_not_read_is_counted_once_and_not_the_unlisted() -> None:
    listings = {**LISTED, View("users", "inactive"): Cause.DENIED}
    snapshot = snapshot_of(
        (ACCOUNT, HELD), (UNREAD, {}), (READ, settings_body(False)), listings=listings
    )
    assert evaluated(snapshot, BASELINE).summary.proved_by_lock == 1


@pytest.mark.parametrize("own", [settings_body(False), settings_body(True)], ids=repr)
@pytest.mark.parametrize("wish", [None, override_entry(True, group="Clinical")], ids=repr)
def test_a_scope_that_is_judged_alone_gets_what_the_run_gives_it(own: Bodies, wish: Any) -> None:
    snapshot = snapshot_of((ACCOUNT, HELD), (GROUP, {}), (UNREAD, {}), (READ, own))
    wishes = [wish] if wish else []
    found = evaluated_with(snapshot, BASELINE, overrides=wishes)
    for judged in found.assessments:
        alone = Assessor(BASELINE, {}, Level.USER, overrides_of(BASELINE, *wishes))
        assert results(alone.assess_scope(snapshot, judged.scope)) == results(judged)


def results(judged: Assessment) -> list[tuple[object, ...]]:
    return [(v.control, v.setting, v.kind, v.status, v.proved_by) for v in judged.verdicts]


# What the prover finds


def prover(
    snapshot: Snapshot,
    expectation: Baseline = BASELINE,
    *overrides: Any,
    reads: ReadPlan | None = None,
) -> SnapshotLockVerifier:
    made = SnapshotLockVerifier(
        overrides_of(expectation, *overrides), {}, reads or ReadPlan(user=(SETTINGS,))
    )
    made.prepare(snapshot)
    return made


def provable(
    account_is: Bodies, expectation: Baseline = BASELINE, *overrides: Any, **fields: Any
) -> bool:
    snapshot = snapshot_of((ACCOUNT, account_is), (GROUP, {}), (READ, settings_body(False)))
    found = prover(snapshot, expectation, *overrides, **fields).provable((SETTINGS,))
    assert found in ((), (SETTINGS,))
    return found == (SETTINGS,)


BARE = account({"thing": False}, {"thing": True}, None)


def test_a_document_in_which_all_that_is_wanted_is_right_and_locked_is_provable() -> None:
    assert provable(BARE)


@pytest.mark.parametrize(
    "account_is",
    [
        account({"thing": True}, {"thing": True}, None),
        account({"thing": False}, {"thing": False}, None),
        account({"thing": False}, {}, None),
        account({"thing": False}, Cause.DENIED, None),
        account({}, {"thing": True}, None),
        account(Cause.DENIED, {"thing": True}, None),
        account({"thing": 3}, {"thing": True}, None),
    ],
    ids=repr,
)
def test_a_document_is_not_provable_where_the_account_is_not_right_and_locked(
    account_is: Bodies,
) -> None:
    assert not provable(account_is)


BOTH = account({"thing": False, "other": False}, {"thing": True, "other": True}, None)


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (two(), True),
        (two(lock_inferred=True), False),
        (two(lock=None, lock_levels=()), False),
        (two(lock_levels=(Level.GROUP,)), False),
        (two(levels=(Level.USER,)), False),
        (two(levels=(Level.ACCOUNT,)), True),
        (two(view="meeting_security"), True),
    ],
    ids=[
        "locked",
        "inferred",
        "no lock",
        "group lock",
        "users alone",
        "account alone",
        "elsewhere",
    ],
)
def test_every_setting_of_the_document_has_to_be_held(
    expectation: Baseline, expected: bool
) -> None:
    assert provable(BOTH, expectation) is expected


def test_nothing_is_provable_in_a_document_that_nothing_looks_at() -> None:
    elsewhere = baseline_of(expected_control(check(levels=(Level.ACCOUNT,))))
    assert not provable(BARE, elsewhere)


def test_a_document_that_the_account_is_not_licensed_for_is_read_of_users() -> None:
    assert not provable(account(Cause.NOT_LICENSED, {"thing": True}, None), WHERE_LICENSED)


@pytest.mark.parametrize(
    "overridden",
    [
        override_entry(False, user="u1"),
        override_entry({"AI-01": {"severity": "low"}}, group="Sales"),
    ],
)
def test_a_document_of_which_some_want_something_else_is_read_of_everybody(overridden: Any) -> None:
    assert not provable(BARE, BASELINE, overridden)


@pytest.mark.parametrize(
    "reads",
    [
        ReadPlan(user=(SETTINGS,), phone_user=("call_live_transcription",)),
        ReadPlan(user=(SETTINGS,), webinar=("auto_recording",)),
    ],
    ids=["phone", "webinars"],
)
def test_a_document_that_tells_licences_is_read_of_everybody(reads: ReadPlan) -> None:
    assert not provable(BARE, reads=reads)


def test_a_document_that_is_looked_through_for_new_settings_is_read_of_everybody() -> None:
    assert not provable(
        BARE, baseline_of(expected_control(check()), expected_derived(NEW_SETTINGS_CONTROL))
    )


def legacy(**newer: Any) -> ControlExpectation:
    return expected_control(
        check("in_meeting.old", legacy_of="in_meeting.thing"), check("in_meeting.thing", **newer)
    )


def test_an_older_setting_for_which_a_newer_speaks_needs_no_proof_of_its_own() -> None:
    both = account({"thing": False, "old": False}, {"thing": True}, None)
    assert provable(both, baseline_of(legacy()))


def test_an_older_setting_that_says_otherwise_has_to_be_read() -> None:
    both = account({"thing": False, "old": True}, {"thing": True, "old": True}, None)
    assert not provable(both, baseline_of(legacy()))


def test_an_older_setting_that_speaks_alone_leaves_the_newer_unproved() -> None:
    alone = account({"old": False}, {"thing": True, "old": True}, None)
    assert not provable(alone, baseline_of(legacy()))


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (settings_body(False), True),
        (settings_body(True), False),
        ({SETTINGS: {}}, False),
        ({SETTINGS: Cause.DENIED}, False),
        ({}, False),
    ],
    ids=["as wanted", "otherwise", "absent", "denied", "not read"],
)
def test_a_user_confirms_with_an_own_document_that_is_as_wanted(
    own: Bodies, expected: bool
) -> None:
    snapshot = snapshot_of((ACCOUNT, BARE), (GROUP, {}), (READ, own))
    (evidence,) = snapshot.evidence(Level.USER)
    assert prover(snapshot).confirms(evidence, SETTINGS) is expected


def test_a_user_confirms_what_an_override_wants_of_the_user() -> None:
    otherwise = override_entry(True, user=UNREAD.id)
    for own, expected in ((True, True), (False, False)):
        snapshot = snapshot_of((ACCOUNT, BARE), (GROUP, {}), (UNREAD, settings_body(own)))
        (evidence,) = snapshot.evidence(Level.USER)
        assert prover(snapshot, BASELINE, otherwise).confirms(evidence, SETTINGS) is expected


def test_a_user_confirms_one_document_whatever_another_holds() -> None:
    own = {SETTINGS: body(thing=False), SECURITY: body(other=True)}
    snapshot = snapshot_of((ACCOUNT, BARE), (READ, own))
    (evidence,) = snapshot.evidence(Level.USER)
    found = prover(snapshot, two(view="meeting_security"))
    assert found.confirms(evidence, SETTINGS)
    assert not found.confirms(evidence, SECURITY)


@pytest.mark.parametrize("own", [{SETTINGS: Cause.ERROR}, {}], ids=["error", "not read"])
def test_what_a_sample_confirmed_before_does_not_confirm_itself(own: Bodies) -> None:
    """A run that is resumed has the record of the sample already."""
    snapshot = snapshot_of((ACCOUNT, HELD), (GROUP, {}), (READ, own))
    (evidence,) = snapshot.evidence(Level.USER)
    assert not prover(snapshot).confirms(evidence, SETTINGS)


def test_a_user_confirms_nothing_where_nothing_is_asked_of_the_document() -> None:
    snapshot = snapshot_of((ACCOUNT, BARE), (READ, {SECURITY: {}}))
    (evidence,) = snapshot.evidence(Level.USER)
    assert not prover(snapshot).confirms(evidence, SECURITY)
