"""Waivers and attestations: what they cover, what they never cover, and their states."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from auditor.errors import ExitCode
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.exit_code import of_run
from auditor.findings.model import FindingKind, Severity, Status, Verdict, WaiverResult, WaiverState
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.waivers import WARN_DAYS, Attestation, Waiver, WaiversAndAttestations
from auditor.policy.catalogue.controls import Catalogue, Check
from auditor.policy.evaluation.evaluate import Evaluation
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    LISTED,
    TODAY,
    Json,
    attestation_entry,
    baseline_of,
    catalogue_of,
    check,
    control_statuses,
    control_verdicts,
    evaluated_with,
    expected_attestation,
    expected_control,
    expected_derived,
    group,
    locks_body,
    only_waiver,
    override_entry,
    scope_verdicts,
    settings_body,
    snapshot_of,
    user,
    waiver_entry,
    waiver_states,
)
from tests.names import same_everywhere

PASS, FAIL, WAIVED, UNKNOWN = Status.PASS, Status.FAIL, Status.WAIVED, Status.UNKNOWN
ATTESTED, EXPIRED, DECIDE = Status.ATTESTED, Status.ATTESTATION_EXPIRED, Status.NEEDS_DECISION
CLINICAL, STUDIO = group(1, "Clinical"), group(2, "Studio")
ADA, BOB = user(1, "g1"), user(2, "g2")
BASELINE = baseline_of(expected_control(check(), op=False, severity=Severity.LOW))
ON = settings_body(True)
ALL_ON = [(scope, ON) for scope in (ACCOUNT, CLINICAL, STUDIO, ADA, BOB)]


def judged(
    *waivers: dict[str, Any],
    world_: Snapshot | None = None,
    expected: Baseline = BASELINE,
    **fields: Any,
) -> Evaluation:
    return evaluated_with(world_ or snapshot_of(*ALL_ON), expected, waivers=waivers, **fields)


def code(
    found: Evaluation, fail_on: Severity | None = Severity.CRITICAL, strict: bool = False
) -> ExitCode:
    """The exit code of a run, at a threshold that its deviations do not reach."""
    return of_run(
        found.summary,
        complete=found.complete,
        fail_on=fail_on,
        stale=found.stale,
        strict=strict,
    )


# Waivers: what they cover


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"group": "Clinical"}, {"g1", "u1"}),
        ({"group": "clin*", "level": "group"}, {"g1"}),
        ({"level": "account"}, {"acc"}),
        ({"user": "u2@example.com"}, {"u2"}),
        ({"level": "user"}, {"u1", "u2"}),
    ],
    ids=same_everywhere,
)
def test_a_waiver_covers_the_deviations_at_its_scope_and_no_others(
    scope: dict[str, str], covered: set[str]
) -> None:
    found = judged(waiver_entry(scope=scope))
    assert {s for s, status in control_statuses(found).items() if status is WAIVED} == covered
    assert {s for s, status in control_statuses(found).items() if status is FAIL} == {
        "acc", "g1", "g2", "u1", "u2",
    } - covered  # fmt: skip
    assert only_waiver(found).matched == len(covered)
    assert only_waiver(found).state == "active"


def test_a_waived_finding_carries_its_waiver_and_stays_what_it_is() -> None:
    found = control_verdicts(judged(waiver_entry()))["u1"]
    assert found.waiver is not None
    assert found.waiver.as_dict() == {
        "reason": "The studio needs it.",
        "owner": "ciso@example.com",
        "ticket": "SEC-12",
        "expires": "2027-01-31",
    }
    assert (found.observed, found.severity) == (True, Severity.LOW)


def test_a_waived_deviation_is_counted_as_waived_and_fails_nothing() -> None:
    found = judged(waiver_entry(scope={"group": "*"}), waiver_entry(scope={"level": "account"}))
    assert found.summary.by_status[WAIVED] == 5
    assert found.summary.by_status[FAIL] == 0
    assert code(found, Severity.LOW) is ExitCode.OK


def test_a_waiver_of_one_setting_leaves_the_others_of_its_control() -> None:
    expected = baseline_of(expected_control(check("in_meeting.a"), check("in_meeting.b"), op=False))
    body = {SETTINGS: {"in_meeting": {"a": True, "b": True}}}
    found = judged(
        waiver_entry(scope={"user": "u1"}, setting="in_meeting.b"),
        world_=snapshot_of((ADA, body)),
        expected=expected,
    )
    by_setting = {v.setting: v.status for s, v in scope_verdicts(found) if s.id == "u1"}
    assert by_setting == {"in_meeting.a": FAIL, "in_meeting.b": WAIVED}


def test_a_waiver_of_one_control_leaves_the_others() -> None:
    both = baseline_of(
        expected_control(check()),
        expected_control(check("in_meeting.b"), id="AI-02", severity=Severity.LOW),
    )
    body = {SETTINGS: {"in_meeting": {"thing": True, "b": True}}}
    found = judged(
        waiver_entry(scope={"user": "u1"}), world_=snapshot_of((ADA, body)), expected=both
    )
    assert (control_statuses(found)["u1"], control_statuses(found, "AI-02")["u1"]) == (WAIVED, FAIL)


def test_a_waiver_covers_a_missing_lock_too() -> None:
    expected = baseline_of(expected_control(check(), op=True, lock=True))
    snapshot = snapshot_of((ACCOUNT, {**ON, **locks_body(False)}))
    found = judged(waiver_entry(scope={"level": "account"}), world_=snapshot, expected=expected)
    seen = {v.kind: v.status for s, v in scope_verdicts(found) if s.id == "acc"}
    assert seen == {FindingKind.VALUE: PASS, FindingKind.LOCK: WAIVED}


@pytest.mark.parametrize(
    ("kind", "covered"),
    [(None, {"value", "lock"}), ("lock", {"lock"}), ("value", {"value"})],
)
def test_a_waiver_of_a_lock_does_not_hide_a_value_that_turns_wrong(
    kind: str | None, covered: set[str]
) -> None:
    expected = baseline_of(expected_control(check(), op=False, lock=True))
    snapshot = snapshot_of((ACCOUNT, {**ON, **locks_body(False)}))
    entry = waiver_entry(scope={"level": "account"}, kind=kind)
    found = judged(entry, world_=snapshot, expected=expected)
    by_kind = {v.kind: v.status for s, v in scope_verdicts(found) if s.id == "acc"}
    assert {str(each) for each, status in by_kind.items() if status is WAIVED} == covered
    assert only_waiver(found).kind == kind
    assert set(by_kind.values()) - {WAIVED} == ({FAIL} if kind else set())


@pytest.mark.parametrize(
    ("op", "observed", "accepted", "state"),
    [
        ({"op": "in", "value": [1]}, 2, 2, "active"),
        ({"op": "in", "value": [1]}, 3, 2, "unmatched"),
        ({"op": "lte", "value": 30}, 60, 90, "active"),
        ({"op": "lte", "value": 30}, 120, 90, "unmatched"),
        ({"op": "disjoint_from", "value": ["RU", "CN"]}, ["RU"], ["RU", "CN"], "active"),
        ({"op": "disjoint_from", "value": ["RU", "CN"]}, ["RU", "CN"], ["RU"], "unmatched"),
    ],
)
def test_a_waiver_of_a_value_covers_none_that_goes_further(
    op: Json, observed: Any, accepted: Any, state: str
) -> None:
    expected = baseline_of(expected_control(check(type=()), op=op))
    found = judged(
        waiver_entry(scope={"level": "account"}, observed=accepted),
        world_=snapshot_of((ACCOUNT, settings_body(observed))),
        expected=expected,
    )
    verdict = control_verdicts(found)["acc"]
    assert verdict.status is (WAIVED if state == "active" else FAIL)
    assert waiver_states(found) == [state]
    is_explained = "goes beyond what the waiver of ciso@example.com accepts" in verdict.detail
    assert is_explained is (state == "unmatched")
    assert bool(only_waiver(found).detail) is is_explained


@pytest.mark.parametrize("cause", Cause)
def test_a_waiver_never_covers_an_unknown(cause: Cause) -> None:
    found = judged(
        waiver_entry(), world_=snapshot_of((CLINICAL, {SETTINGS: cause}), (ADA, {SETTINGS: cause}))
    )
    assert {v.status for v in control_verdicts(found).values()} == {UNKNOWN}
    assert all(v.waiver is None for v in control_verdicts(found).values())
    assert waiver_states(found) == ["unknown"]


def test_a_waiver_never_covers_an_open_decision() -> None:
    wish = {"op": "org_param", "param": "record_chat"}
    found = judged(waiver_entry(), expected=baseline_of(expected_control(check(), op=wish)))
    assert control_statuses(found)["g1"] is DECIDE
    disagree = [
        override_entry(True, level="user", group="Cli*"),
        override_entry(False, level="user", group="C*"),
    ]
    found = judged(waiver_entry(), overrides=disagree)
    assert control_statuses(found)["u1"] is DECIDE
    assert control_verdicts(found)["u1"].waiver is None


def test_a_waiver_never_covers_what_a_person_has_to_look_at() -> None:
    expected = baseline_of(expected_attestation(CATALOGUE.controls["TR-01"]))
    found = judged(
        waiver_entry("TR-01", scope={"level": "account"}), expected=expected, catalogue=CATALOGUE
    )
    assert [v.status for _, v in scope_verdicts(found)] == [DECIDE]
    assert waiver_states(found) == ["unmatched"]


# Waivers: their end


@pytest.mark.parametrize(
    ("days", "status", "became"),
    [
        (-1, FAIL, "expired"),
        (0, WAIVED, "expiring"),
        (WARN_DAYS, WAIVED, "expiring"),
        (WARN_DAYS + 1, WAIVED, "active"),
    ],
)
def test_the_day_of_expiry_still_counts_and_the_last_14_days_are_warned_about(
    days: int, status: Status, became: str
) -> None:
    expires = (TODAY + timedelta(days=days)).isoformat()
    found = judged(waiver_entry(expires=expires))
    assert (control_statuses(found)["u1"], only_waiver(found).state) == (status, became)
    assert only_waiver(found).needs_care is (became != "active")


def test_an_expired_waiver_says_so_on_the_deviation_it_covered() -> None:
    found = judged(waiver_entry(expires="2026-11-20"))
    assert control_verdicts(found)["u1"].waiver is None
    assert control_verdicts(found)["u1"].detail == (
        "The waiver of ciso@example.com expired on 2026-11-20."
    )
    assert only_waiver(found) == WaiverResult(
        control="AI-01",
        scope="group Clinical",
        reason="The studio needs it.",
        owner="ciso@example.com",
        ticket="SEC-12",
        expires=date(2026, 11, 20),
        state=WaiverState.EXPIRED,
        matched=2,
    )


@pytest.mark.parametrize("fields", [{"expires": "2026-11-20"}, {"scope": {"group": "Clinicl"}}])
def test_a_stale_waiver_fails_at_any_threshold_but_never(
    fields: dict[str, Any],
) -> None:
    found = judged(waiver_entry(**fields))
    assert only_waiver(found).is_stale
    for severity in Severity:
        assert code(found, severity) is ExitCode.DEVIATIONS
    assert code(found, None) is ExitCode.OK


def test_a_renewed_waiver_beside_an_expired_one_covers_again() -> None:
    found = judged(waiver_entry(expires="2026-11-20"), waiver_entry())
    assert control_statuses(found)["u1"] is WAIVED
    waived = control_verdicts(found)["u1"].waiver
    assert waived is not None
    assert waived.expires == date(2027, 1, 31)
    assert waiver_states(found) == ["expired", "active"]


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": {"group": "Nobody"}},
        {"scope": {"user": "nobody@example.com"}},
        {"scope": {"level": "webinar", "group": "Clinical"}},
    ],
    ids=same_everywhere,
)
def test_a_waiver_that_meets_nothing_is_unmatched(fields: dict[str, Any]) -> None:
    assert waiver_states(judged(waiver_entry(**fields), depth=Level.MEETING)) == ["unmatched"]


def test_a_waiver_of_what_is_as_it_should_be_is_unmatched() -> None:
    found = judged(waiver_entry(), world_=snapshot_of((CLINICAL, settings_body(False))))
    assert control_statuses(found)["g1"] is PASS
    assert waiver_states(found) == ["unmatched"]


@pytest.mark.parametrize("value", [False, "on"])
def test_a_waiver_of_a_pass_or_an_unknown_covers_no_deviation(value: bool | str) -> None:
    twice = [waiver_entry(scope={"level": "account"})] * 2
    found = judged(*twice, world_=snapshot_of((ACCOUNT, settings_body(value))))
    assert [each.matched for each in found.waivers] == [0, 0]


def test_a_waiver_of_a_control_that_was_not_assessed_is_left_out() -> None:
    assert waiver_states(judged(waiver_entry("AI-02", expires="2020-01-01"))) == []


def test_a_waiver_of_a_control_that_only_an_override_asks_about_is_not_left_out() -> None:
    other = expected_control(check("in_meeting.chat"), id="AI-02")
    known = decided_catalogue(other)
    ask = override_entry({"AI-02": {"expect": False}}, group="Clinical")
    body = {SETTINGS: {"in_meeting": {"thing": False, "chat": True}}}
    snapshot = snapshot_of((CLINICAL, body))
    for expires, became in (("2027-01-31", "active"), ("2026-11-20", "expired")):
        one = waiver_entry("AI-02", expires=expires)
        found = judged(one, world_=snapshot, overrides=[ask], catalogue=known)
        assert waiver_states(found) == [became]


def decided_catalogue(*more: ControlExpectation) -> Catalogue:
    return catalogue_of(BASELINE.assessed["AI-01"].control, *(each.control for each in more))


@pytest.mark.parametrize(
    ("scope", "depth", "became"),
    [
        ({"group": "Clinical"}, Level.ACCOUNT, "unknown"),
        ({"level": "group"}, Level.ACCOUNT, "unknown"),
        ({"user": "u1"}, Level.GROUP, "unknown"),
        ({"level": "phone_user"}, Level.GROUP, "unknown"),
        ({"level": "phone_user"}, Level.USER, "unmatched"),
        ({"user": "nobody"}, Level.USER, "unmatched"),
        ({"meeting": "none"}, Level.USER, "unknown"),
    ],
    ids=same_everywhere,
)
def test_a_waiver_below_the_depth_is_not_held_against_anybody(
    scope: dict[str, str], depth: Level, became: str
) -> None:
    assert waiver_states(judged(waiver_entry(scope=scope), depth=depth)) == [became]


@pytest.mark.parametrize(
    ("listing", "scope", "became"),
    [
        (View("groups"), {"group": "Nobody"}, "unknown"),
        (View("groups"), {"user": "nobody"}, "unmatched"),
        (View("users", "inactive"), {"user": "nobody"}, "unknown"),
        (View("users", "active"), {"group": "Nobody"}, "unmatched"),
        (View("users", "pending"), {"user": "nobody"}, "unmatched"),
        (View("users", "active"), {"group": "Nobody", "level": "group"}, "unmatched"),
    ],
    ids=same_everywhere,
)
def test_a_waiver_for_somebody_who_could_not_be_listed_is_not_unmatched(
    listing: View, scope: dict[str, str], became: str
) -> None:
    snapshot = snapshot_of(*ALL_ON, listings={**LISTED, listing: Cause.DENIED})
    assert waiver_states(judged(waiver_entry(scope=scope), world_=snapshot)) == [became]


def test_scopes_with_equal_evidence_count_one_by_one() -> None:
    crowd = [(user(n, "g1"), ON) for n in range(10, 20)]
    assert (
        only_waiver(
            judged(waiver_entry(scope={"level": "user"}), world_=snapshot_of(*crowd))
        ).matched
        == 10
    )


@pytest.mark.parametrize(("expires", "named"), [(f"{TODAY}", True), ("2026-11-20", False)])
@pytest.mark.parametrize("setting", ["in_meeting.thing", "in_meeting.other"])
def test_only_a_valid_waiver_of_the_same_setting_is_named_beside_a_worse_value(
    expires: str, named: bool, setting: str
) -> None:
    entry = waiver_entry(scope={"level": "account"}, setting=setting, observed=90, expires=expires)
    found = judged(
        entry,
        world_=snapshot_of((ACCOUNT, settings_body(120))),
        expected=baseline_of(expected_control(check(type=()), op={"op": "lte", "value": 30})),
    )
    detail = control_verdicts(found)["acc"].detail
    assert ("goes beyond" in detail) is (named and setting == "in_meeting.thing")


# Waivers and what is computed from other findings


def test_a_lock_that_is_waived_does_not_fail_the_count_of_locks() -> None:
    expected = baseline_of(
        expected_control(check("in_meeting.a"), check("in_meeting.b"), op=True, lock=True),
        expected_derived("CC-01"),
    )
    bodies = {
        SETTINGS: {"in_meeting": {"a": True, "b": True}},
        LOCKS: {"in_meeting": {"a": False, "b": True}},
    }
    snapshot = snapshot_of((ACCOUNT, bodies))
    (failing,) = computed(judged(world_=snapshot, expected=expected), "CC-01")
    assert (failing.status, failing.observed) == (FAIL, ["in_meeting.a"])
    found = judged(waiver_entry(scope={"level": "account"}), world_=snapshot, expected=expected)
    (counted,) = computed(found, "CC-01")
    assert (counted.status, counted.observed) == (WAIVED, ["in_meeting.a"])
    assert counted.waiver is not None
    assert counted.waiver.owner == "ciso@example.com"


def test_of_several_waivers_the_one_that_ends_first_is_told() -> None:
    expected = baseline_of(
        expected_control(check("in_meeting.a"), check("in_meeting.b"), op=True, lock=True),
        expected_derived("CC-01"),
    )
    snapshot = snapshot_of(
        (ACCOUNT, {LOCKS: {"in_meeting": {"a": False, "b": False}}, SETTINGS: {}})
    )
    scope = {"level": "account"}
    found = judged(
        waiver_entry(scope=scope, setting="in_meeting.a", expires="2027-03-01"),
        waiver_entry(scope=scope, setting="in_meeting.b", expires="2027-02-01"),
        world_=snapshot,
        expected=expected,
    )
    (counted,) = computed(found, "CC-01")
    assert counted.waiver is not None
    assert counted.waiver.expires == date(2027, 2, 1)
    assert counted.detail == "2 settings deviate, each under a waiver."


def test_a_looser_group_or_user_that_is_waived_does_not_fail_the_comparison() -> None:
    expected = baseline_of(expected_control(check(), op=False), expected_derived("CC-02"))
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (CLINICAL, ON), (ADA, ON))
    found = judged(world_=snapshot, expected=expected)
    assert [v.status for v in computed(found, "CC-02")] == [FAIL, FAIL]
    found = judged(waiver_entry(), world_=snapshot, expected=expected)
    assert [v.status for v in computed(found, "CC-02")] == [WAIVED, WAIVED]
    worse = snapshot_of(
        (ACCOUNT, settings_body(False)), (CLINICAL, ON), (ADA, ON), (STUDIO, ON), (BOB, ON)
    )
    found = judged(waiver_entry(), world_=worse, expected=expected)
    assert [v.status for v in computed(found, "CC-02")] == [FAIL, FAIL]


def computed(found: Evaluation, control: str) -> list[Verdict]:
    return [v for _, v in scope_verdicts(found) if v.control == control]


@pytest.mark.parametrize(("depth", "became"), [(Level.GROUP, "unknown"), (Level.USER, "unmatched")])
def test_a_waiver_of_the_comparison_with_people_is_stale_only_where_people_are_judged(
    depth: Level, became: str
) -> None:
    expected = baseline_of(expected_derived("CC-02"), expected_control(check(), op=False))
    off = settings_body(False)
    found = judged(
        waiver_entry("CC-02", scope={"level": "account"}),
        world_=snapshot_of((ACCOUNT, off), (CLINICAL, off), (ADA, off)),
        expected=expected,
        depth=depth,
    )
    assert waiver_states(found) == [became]


def test_a_new_setting_can_be_waived() -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {"in_meeting": {"ai_brand_new": True}}}))
    found = judged(
        waiver_entry("CC-07", scope={"level": "account"}),
        world_=snapshot,
        expected=baseline_of(expected_derived("CC-07")),
        catalogue=CATALOGUE,
    )
    (new,) = [v for _, v in scope_verdicts(found) if v.kind is FindingKind.UNCOVERED]
    assert new.status is WAIVED
    assert only_waiver(found).matched == 1


# Attestations

TR_01 = CATALOGUE.controls["TR-01"]
TRAINING = baseline_of(
    expected_attestation(TR_01), expected_attestation(CATALOGUE.controls["TR-02"])
)


def looked(
    *attestations: dict[str, Any],
    world_: Snapshot | None = None,
    expected: Baseline = TRAINING,
    **fields: Any,
) -> Evaluation:
    fields.setdefault("catalogue", CATALOGUE if expected is TRAINING else None)
    return evaluated_with(world_ or snapshot_of(), expected, attestations=attestations, **fields)


@pytest.mark.parametrize("control", ["TR-01", "TR-02"])
def test_what_is_known_about_training_is_only_what_somebody_attests(control: str) -> None:
    (open_one,) = computed(looked(), control)
    assert (open_one.status, open_one.kind) == (DECIDE, FindingKind.ATTESTATION)
    asked = CATALOGUE.controls[control].attestation
    assert asked is not None
    assert open_one.detail == asked.question
    (answered,) = computed(looked(attestation_entry(control, as_expected=True)), control)
    assert answered.status is ATTESTED
    assert answered.detail == "It is off. (dpo@example.com on 2026-11-02, until 2027-05-02)"
    with_settings = snapshot_of((ACCOUNT, {SETTINGS: {"feature": {"training": False}}}))
    found = looked(attestation_entry(control), world_=with_settings)
    assert PASS not in {v.status for _, v in scope_verdicts(found)}


@pytest.mark.parametrize(
    ("on", "expires", "status"),
    [
        ("2026-11-21", "2026-11-21", ATTESTED),
        ("2026-11-01", "2026-11-20", EXPIRED),
        ("2026-11-22", "2027-11-22", DECIDE),
    ],
)
def test_an_attestation_holds_from_its_day_to_its_expiry_and_no_longer(
    on: str, expires: str, status: Status
) -> None:
    (found,) = computed(looked(attestation_entry("TR-01", on=on, expires=expires)), "TR-01")
    assert found.status is status


def test_an_expired_attestation_says_whose_it_was() -> None:
    (found,) = computed(looked(attestation_entry("TR-01", expires="2026-11-20")), "TR-01")
    assert found.detail.startswith(
        "Attested by dpo@example.com on 2026-11-02; it expired on 2026-11-20. "
    )


def test_a_newer_attestation_counts_beside_an_expired_one() -> None:
    for order in (1, -1):
        both = [attestation_entry("TR-01", expires="2026-11-20"), attestation_entry("TR-01")][
            ::order
        ]
        assert [v.status for v in computed(looked(*both), "TR-01")] == [ATTESTED]


def test_an_attestation_of_the_future_has_not_been_made() -> None:
    (found,) = computed(looked(attestation_entry("TR-01", on="2026-12-01")), "TR-01")
    assert found.detail.startswith("The attestation by dpo@example.com on 2026-12-01 is dated in")


def test_missing_and_expired_attestations_fail_only_when_strict() -> None:
    for found in (
        looked(),
        looked(*[attestation_entry(c, expires="2026-11-20") for c in TRAINING.assessed]),
    ):
        assert code(found) is ExitCode.OK
        assert code(found, strict=True) is ExitCode.INCOMPLETE
    answered = looked(*[attestation_entry(c, as_expected=True) for c in TRAINING.assessed])
    assert code(answered, strict=True) is ExitCode.OK


# What an attestation answers

BAD = "No. We run emotion analysis on all students."


def test_an_attestation_of_the_future_counts_as_answering_and_one_of_today_does_not() -> None:
    """Only an attestation that may still answer something is not called useless."""
    entries = WaiversAndAttestations(
        [Waiver.model_validate(waiver_entry())],
        [
            Attestation.model_validate(attestation_entry("TR-01", on=on))
            for on in ("2026-11-22", f"{TODAY}")
        ],
        TODAY,
    )
    assert [entries.is_answering(position) for position in (0, 1)] == [True, False]
    (question,) = computed(looked(), "TR-01")
    entries.apply((question,), (2,))
    assert entries.is_answering(1)


def test_an_attestation_that_is_not_as_expected_is_a_deviation_with_its_evidence() -> None:
    answer = attestation_entry("TR-01", as_expected=False, statement=BAD)
    (found,) = computed(looked(answer), "TR-01")
    assert (found.status, found.severity, found.observed) == (FAIL, TR_01.severity, BAD)
    assert BAD in found.detail
    assert "Evidence: DPO-2026-31" in found.detail
    assert found.as_expected is False
    assert code(looked(answer), TR_01.severity) is ExitCode.DEVIATIONS


def test_an_attestation_that_is_as_expected_is_attested_and_decided() -> None:
    (found,) = computed(looked(attestation_entry("TR-01", as_expected=True)), "TR-01")
    assert (found.status, found.as_expected, found.is_undecided) == (ATTESTED, True, False)


def test_an_answer_that_nobody_compared_is_attested_and_undecided() -> None:
    found = looked(*map(attestation_entry, TRAINING.assessed))
    (verdict,) = computed(found, "TR-01")
    assert (verdict.status, verdict.as_expected) == (ATTESTED, None)
    assert verdict.detail.startswith("Attested, answer not compared with what is expected: It is")
    assert (found.summary.undecided, found.summary.not_compared) == (2, 2)
    assert code(found) is ExitCode.OK
    assert code(found, strict=True) is ExitCode.INCOMPLETE


def test_undecided_is_one_total_of_decisions_missing_expired_and_uncompared_answers() -> None:
    wish = {"op": "org_param", "param": "record_chat"}
    expected = baseline_of(
        expected_control(check(), op=wish),
        *(
            expected_attestation(CATALOGUE.controls[each])
            for each in ("TR-01", "TR-02", "TR-03", "TR-04")
        ),
    )
    found = looked(
        attestation_entry("TR-01"),
        attestation_entry("TR-02", expires="2026-11-20"),
        attestation_entry("TR-03", as_expected=True),
        world_=snapshot_of((ACCOUNT, ON)),
        expected=expected,
        depth=Level.ACCOUNT,
        catalogue=CATALOGUE,
    )
    assert found.summary.by_status[DECIDE] == 2  # the parameter, and TR-04
    assert found.summary.by_status[EXPIRED] == 1
    assert found.summary.undecided == 4
    assert found.summary.not_compared == 1


def test_not_as_expected_stays_a_deviation_when_its_date_has_passed() -> None:
    answer = attestation_entry("TR-01", as_expected=False, expires="2026-11-20")
    (found,) = computed(looked(answer), "TR-01")
    assert found.status is FAIL
    assert found.detail.endswith("The answer has expired: look again.")


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_answer_counts_and_of_one_day_the_worst(order: int) -> None:
    def seen(*answers: dict[str, Any]) -> list[Status]:
        both = [attestation_entry("TR-01", **each) for each in answers][::order]
        return [v.status for v in computed(looked(*both), "TR-01")]

    old, new = {"on": "2026-06-02"}, {"on": "2026-11-02"}
    yes, no = {"as_expected": True}, {"as_expected": False}
    assert seen({**old, **yes}, {**new, **no}) == [FAIL]
    assert seen({**old, **no}, {**new, **yes}) == [ATTESTED]
    assert seen({**new, **no}, {**new, **yes}) == [FAIL]
    assert seen({**old, **no}, {**new, **yes, "expires": "2026-11-20"}) == [FAIL]


def test_an_unknown_that_somebody_saw_to_be_wrong_is_a_deviation() -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {}}))
    answer = attestation_entry(as_expected=False)
    found = looked(answer, world_=snapshot, expected=BASELINE, depth=Level.ACCOUNT)
    (verdict,) = control_verdicts(found).values()
    assert (verdict.status, verdict.cause, verdict.observed) == (FAIL, None, None)


def test_a_waiver_covers_the_deviation_that_an_attestation_shows() -> None:
    found = evaluated_with(
        snapshot_of(),
        TRAINING,
        attestations=[attestation_entry("TR-01", as_expected=False)],
        waivers=[waiver_entry("TR-01", scope={"level": "account"})],
        catalogue=CATALOGUE,
    )
    (verdict,) = computed(found, "TR-01")
    assert verdict.waiver is not None
    assert (verdict.status, verdict.waiver.ticket) == (WAIVED, "SEC-12")
    assert waiver_states(found) == ["active"]


SETTLED = {Cause.ABSENT, Cause.NOT_LICENSED, Cause.UNDOCUMENTED_VALUE}


@pytest.mark.parametrize("cause", Cause)
def test_an_attestation_settles_what_zoom_does_not_return_and_no_read_that_failed(
    cause: Cause,
) -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: cause}))
    found = looked(attestation_entry(), world_=snapshot, expected=BASELINE, depth=Level.ACCOUNT)
    (verdict,) = control_verdicts(found).values()
    assert verdict.status is (ATTESTED if cause in SETTLED else UNKNOWN)
    assert verdict.cause is cause
    assert code(found, Severity.LOW) is (ExitCode.OK if cause in SETTLED else ExitCode.INCOMPLETE)


@pytest.mark.parametrize("value", [True, False])
def test_an_attestation_changes_nothing_about_a_value_that_was_seen(value: bool) -> None:
    found = looked(
        attestation_entry(), world_=snapshot_of((ACCOUNT, settings_body(value))), expected=BASELINE
    )
    assert control_statuses(found)["acc"] is (FAIL if value else PASS)


def test_an_attestation_is_for_the_account_unless_it_names_another_scope() -> None:
    snapshot = snapshot_of(
        (ACCOUNT, {SETTINGS: {}}), (CLINICAL, {SETTINGS: {}}), (ADA, {SETTINGS: {}})
    )
    assert control_statuses(looked(attestation_entry(), world_=snapshot, expected=BASELINE)) == {
        "acc": ATTESTED,
        "g1": UNKNOWN,
        "u1": UNKNOWN,
    }
    for_group = attestation_entry(scope={"group": "Clin*"})
    assert control_statuses(looked(for_group, world_=snapshot, expected=BASELINE)) == {
        "acc": UNKNOWN,
        "g1": ATTESTED,
        "u1": ATTESTED,
    }


def test_an_attestation_of_one_setting_leaves_the_others_unknown() -> None:
    expected = baseline_of(expected_control(check("in_meeting.a"), check("in_meeting.b")))
    found = looked(
        attestation_entry(setting="in_meeting.a"),
        world_=snapshot_of((ACCOUNT, {SETTINGS: {}})),
        expected=expected,
    )
    by_setting = {v.setting: v.status for _, v in scope_verdicts(found)}
    assert by_setting == {"in_meeting.a": ATTESTED, "in_meeting.b": UNKNOWN}


def test_an_unknown_is_as_unknown_as_before_when_its_attestation_expires() -> None:
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {}}))
    fields: dict[str, Any] = {"world_": snapshot, "expected": BASELINE, "depth": Level.ACCOUNT}
    found = looked(attestation_entry(expires="2026-11-20"), **fields)
    assert control_statuses(found) == {"acc": EXPIRED}
    assert code(found, Severity.LOW) is ExitCode.INCOMPLETE
    assert code(found, None) is ExitCode.OK
    assert code(looked(attestation_entry(), **fields), Severity.LOW) is ExitCode.OK


@pytest.mark.parametrize(
    "one",
    [check(lock=None, lock_levels=()), check(lock_inferred=True)],
    ids=["unpublished", "inferred"],
)
def test_a_lock_that_zoom_does_not_show_can_be_attested(one: Check) -> None:
    expected = baseline_of(expected_control(one, op=True, lock=True))
    snapshot = snapshot_of((ACCOUNT, {**ON, **locks_body(True)}))

    def lock(*attestations: dict[str, Any]) -> list[Status]:
        found = looked(*attestations, world_=snapshot, expected=expected)
        return [v.status for _, v in scope_verdicts(found) if v.kind is FindingKind.ATTESTATION]

    assert lock() == [DECIDE]
    assert lock(attestation_entry()) == [ATTESTED]
    assert lock(attestation_entry(setting="in_meeting.thing")) == [ATTESTED]
    assert lock(attestation_entry(expires="2026-11-20")) == [EXPIRED]
    assert lock(attestation_entry(scope={"level": "user"})) == [DECIDE]


def test_a_lock_that_is_off_cannot_be_attested_away() -> None:
    expected = baseline_of(expected_control(check(), op=True, lock=True))
    found = looked(
        attestation_entry(),
        world_=snapshot_of((ACCOUNT, {**ON, **locks_body(False)})),
        expected=expected,
    )
    assert [v.status for _, v in scope_verdicts(found) if v.kind is FindingKind.LOCK] == [FAIL]


def test_a_computed_control_never_passes_on_what_was_only_attested() -> None:
    locks = baseline_of(
        expected_control(check("in_meeting.a"), check("in_meeting.b"), op=True, lock=True),
        expected_derived("CC-01"),
    )
    snapshot = snapshot_of((ACCOUNT, {LOCKS: {"in_meeting": {"a": True}}, SETTINGS: {}}))
    (counted,) = computed(looked(attestation_entry(), world_=snapshot, expected=locks), "CC-01")
    assert (counted.status, counted.cause) == (UNKNOWN, Cause.ABSENT)
    compared = baseline_of(expected_control(check(), op=False), expected_derived("CC-02"))
    for bodies in (
        [(ACCOUNT, {SETTINGS: {}}), (CLINICAL, settings_body(False)), (ADA, ON)],
        [(ACCOUNT, settings_body(False)), (CLINICAL, {SETTINGS: {}}), (ADA, {SETTINGS: {}})],
    ):
        looks = [attestation_entry(), attestation_entry(scope={"group": "*"})]
        found = looked(*looks, world_=snapshot_of(*bodies), expected=compared)
        assert [v.status for v in computed(found, "CC-02")] == [UNKNOWN, UNKNOWN]


def test_no_attestation_and_no_waiver_ever_makes_a_pass() -> None:
    bodies: list[Json] = [True, False, None, "off", {}]
    for value in bodies:
        snapshot = snapshot_of(*((s, settings_body(value)) for s in (ACCOUNT, CLINICAL, ADA)))
        plain = evaluated_with(snapshot, BASELINE)
        scope = {"level": "account"}
        everything = evaluated_with(
            snapshot,
            BASELINE,
            waivers=[waiver_entry(scope={"group": "*"}), waiver_entry(scope=scope)],
            attestations=[attestation_entry(scope={"group": "*"}), attestation_entry()],
        )
        passes = {s for s, status in control_statuses(plain).items() if status is PASS}
        assert {s for s, status in control_statuses(everything).items() if status is PASS} == passes


# What they have to say


@pytest.mark.parametrize("field", ["control", "scope", "reason", "owner", "expires"])
def test_a_waiver_without_one_of_its_parts_is_none(field: str) -> None:
    fields = waiver_entry()
    del fields[field]
    with pytest.raises(ValidationError, match=field):
        Waiver.model_validate(fields)


@pytest.mark.parametrize("field", ["reason", "owner"])
def test_a_waiver_that_says_nothing_is_none(field: str) -> None:
    with pytest.raises(ValidationError, match="may not be empty"):
        Waiver.model_validate(waiver_entry(**{field: " "}))


@pytest.mark.parametrize("field", ["control", "statement", "evidence", "by", "on", "expires"])
def test_an_attestation_without_one_of_its_parts_is_none(field: str) -> None:
    fields = attestation_entry()
    del fields[field]
    with pytest.raises(ValidationError, match=field):
        Attestation.model_validate(fields)


def test_an_attestation_cannot_end_before_it_was_made() -> None:
    with pytest.raises(ValidationError, match="expires on 2026-11-01, before it was made"):
        Attestation.model_validate(attestation_entry(expires="2026-11-01"))


def test_dates_are_days() -> None:
    one = Waiver.model_validate(waiver_entry(expires="2027-01-31"))
    assert one.expires == date(2027, 1, 31)
    with pytest.raises(ValidationError):
        Waiver.model_validate(waiver_entry(expires="2027-02-30"))


def test_the_scope_of_all_groups_that_could_not_be_listed_is_settled_by_nobody() -> None:
    listings = {**LISTED, View("groups"): Cause.DENIED}
    found = looked(
        attestation_entry(scope={"group": "*"}),
        world_=snapshot_of(listings=listings),
        expected=BASELINE,
    )
    assert control_statuses(found)["*"] is UNKNOWN


def test_an_entry_for_a_licence_holds_for_the_people_who_have_it() -> None:
    people = {
        "u1": replace(user(1, "g1"), licence=1),
        "u2": user(2, "g1"),
        "u3": replace(user(3, "g1"), licence=4),
        "u4": replace(user(4, "g1"), licence=None),
    }
    snapshot = snapshot_of(
        (group(1, "Sales"), {}), *((each, {SETTINGS: {}}) for each in people.values())
    )
    expected = baseline_of(expected_control(check(levels=(Level.USER,), lock=None)))
    entry = attestation_entry(scope={"licence": ["basic", "unassigned"]})
    found = control_statuses(evaluated_with(snapshot, expected, attestations=[entry]))
    attested, unknown = Status.ATTESTED, Status.UNKNOWN
    assert found == {"u1": attested, "u2": unknown, "u3": attested, "u4": unknown}
    on = {each: settings_body(True) for each in people.values()}
    waived = control_statuses(
        evaluated_with(
            snapshot_of(*on.items()),
            expected,
            waivers=[waiver_entry(scope={"licence": "licensed"})],
        )
    )
    assert [scope for scope, status in waived.items() if status is Status.WAIVED] == ["u2"]


def test_an_attested_result_names_who_answered_and_who_approved() -> None:
    entry = attestation_entry(approved_by="ciso@example.com", scope={"level": "account"})
    snapshot = snapshot_of((ACCOUNT, {SETTINGS: {}}))
    found = control_verdicts(evaluated_with(snapshot, BASELINE, attestations=[entry]))["acc"]
    assert "dpo@example.com on 2026-11-02, approved by ciso@example.com" in found.detail
