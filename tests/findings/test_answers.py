"""Answers: what a run says about a question, never more than its evidence shows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.answers import (
    AffectedScopes,
    Answer,
    AnswerState,
    ControlEffect,
    Gap,
    answers,
    with_features,
)
from auditor.findings.inventory import Feature, PeopleStates, SettingState, ValueCount
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.questions import (
    DEVIATES,
    DISABLED,
    ENABLED,
    CheckedSetting,
    Question,
    RelatedControl,
)
from auditor.findings.run import Run
from auditor.findings.verdict_store import VerdictStore
from tests import builders
from tests.builders import assessment, control_info, run_of, summary_of

ACCOUNT = Scope(Level.ACCOUNT, "acc", "Example")
GROUP = Scope(Level.GROUP, "g1", "Sales")
ADA = Scope(Level.USER, "u1", "Ada")
BOB = Scope(Level.USER, "u2", "Bob")
EVERYONE = (ACCOUNT, GROUP, ADA, BOB)
LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)
COVERAGE = {Level.ACCOUNT: 1, Level.GROUP: 1, Level.USER: 2}
EXCEPT = {"op": "eq", "value": False, "group_exception_param": "ai_allowed_groups"}


def related(control: str = "AI-01", **fields: Any) -> RelatedControl:
    looked = (CheckedSetting((control.lower(),), LEVELS),)
    return replace(RelatedControl(control, f"Title of {control}", looked), **fields)


SUMMARY = related(shows={"ai-01": ENABLED})
NOTICE = related("CN-04")


def verdict(status: Status = Status.PASS, control: str = "AI-01", **fields: Any) -> Verdict:
    """On a pass the value is off, on a deviation it is on."""
    observed = {Status.PASS: False, Status.FAIL: True, Status.WAIVED: True}.get(status)
    fields = {"setting": control.lower(), "observed": observed, "cause": None, **fields}
    fields = {"expected": {"op": "eq", "value": False}, **fields}
    return builders.verdict(status, control, **fields)


def question(*controls: RelatedControl) -> Question:
    return Question("summary", "Can a summary be made?", "employee", controls, (1,))


Row = tuple[Scope, Verdict]


def everywhere(*verdicts: Verdict, but: Sequence[Row] = ()) -> list[Row]:
    """`verdicts` at every scope, with those of `but` in place of the same control's there."""
    instead = {(scope, v.control) for scope, v in but}
    found = [(s, v) for s in EVERYONE for v in verdicts if (s, v.control) not in instead]
    return [*found, *but]


def run(rows: Sequence[Row], **fields: Any) -> Run:
    assessments = [assessment(scope, verdict) for scope, verdict in rows]
    summary = summary_of(assessments, coverage=COVERAGE)
    summary = replace(summary, **{k: v for k, v in fields.items() if hasattr(summary, k)})
    ids = fields.get("assessed", {"AI-01", "CN-04", "TR-01"})
    assert isinstance(ids, set)
    return run_of(*assessments, summary=summary, controls={i: control_info(i) for i in ids})


def answer(rows: Sequence[Row], *controls: RelatedControl, **fields: Any) -> Answer:
    (found,) = answers(run(rows, **fields), [question(*(controls or (SUMMARY, NOTICE)))])
    return found


RIGHT = verdict()
RIGHT_NOTICE = verdict(control="CN-04", observed=True)
ON = verdict(Status.FAIL)


def test_no_takes_every_control_seen_and_right_at_every_scope() -> None:
    found = answer(everywhere(RIGHT, RIGHT_NOTICE))
    assert found.state is AnswerState.NO
    assert found.effects == {
        ControlEffect.AS_EXPECTED: AffectedScopes({Level.ACCOUNT: 1, Level.GROUP: 1, Level.USER: 2})
    }


@pytest.mark.parametrize("left_out", range(8))
def test_taking_away_any_single_verdict_takes_away_the_no(left_out: int) -> None:
    rows = everywhere(RIGHT, RIGHT_NOTICE)
    assert len(rows) == 8
    del rows[left_out]
    found = answer(rows)
    assert found.state is AnswerState.CANNOT_SAY
    assert Gap.LEVELS in {gap for part in found.parts for gap in part.gaps}


DOUBTS = {
    "unknown": verdict(Status.UNKNOWN, "CN-04", cause=Cause.ABSENT),
    "denied": verdict(Status.UNKNOWN, "CN-04", cause=Cause.DENIED),
    "without a cause": verdict(Status.UNKNOWN, "CN-04"),
    "attestation due": verdict(Status.NEEDS_DECISION, "CN-04", kind=FindingKind.ATTESTATION),
    "attestation unknown": verdict(Status.UNKNOWN, "CN-04", kind=FindingKind.ATTESTATION),
    "attestation expired": verdict(Status.ATTESTATION_EXPIRED, "CN-04"),
    "undecided": verdict(Status.NEEDS_DECISION, "CN-04", expected={"param": "regions"}),
    "excepted": verdict(Status.NOT_APPLICABLE, "CN-04", expected=EXCEPT, observed=True),
    "excepted and unseen": verdict(
        Status.NOT_APPLICABLE, "CN-04", expected=EXCEPT, detail="listed under ai_allowed_groups"
    ),
}
HOLES = {
    "deviation": verdict(Status.FAIL, "CN-04"),
    "waived": verdict(Status.WAIVED, "CN-04"),
    "not locked": verdict(Status.FAIL, "CN-04", kind=FindingKind.LOCK),
    "new setting": verdict(Status.FAIL, "CN-04", kind=FindingKind.UNCOVERED, setting="ai.new"),
}


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
def test_one_unknown_at_one_person_is_never_a_no(doubt: Verdict) -> None:
    found = answer([*everywhere(RIGHT, RIGHT_NOTICE), (ADA, doubt)])
    assert found.state is AnswerState.CANNOT_SAY


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES.keys())
def test_one_hole_at_one_person_leaves_the_answer_open(hole: Verdict) -> None:
    found = answer([*everywhere(RIGHT, RIGHT_NOTICE), (ADA, hole)])
    assert found.state is AnswerState.NOT_RULED_OUT


@pytest.mark.parametrize("doubt", [*DOUBTS.values(), *HOLES.values()])
def test_an_attestation_does_not_outweigh_an_unknown(doubt: Verdict) -> None:
    attested = (ACCOUNT, verdict(Status.ATTESTED, "TR-01", kind=FindingKind.ATTESTATION))
    found = answer(
        [*everywhere(RIGHT, RIGHT_NOTICE), (ADA, doubt), attested],
        SUMMARY,
        NOTICE,
        RelatedControl("TR-01", ""),
    )
    assert found.state in (AnswerState.CANNOT_SAY, AnswerState.NOT_RULED_OUT)


def test_evidence_of_a_deciding_control_makes_it_yes_and_counts_people() -> None:
    found = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(GROUP, ON), (ADA, ON)]))
    assert found.state is AnswerState.YES
    assert found.effects[ControlEffect.SHOWN] == AffectedScopes({Level.GROUP: 1, Level.USER: 1})
    assert not found.is_lower_bound


def test_a_yes_is_a_lower_bound_while_a_deciding_control_is_unknown_somewhere() -> None:
    blind = verdict(Status.UNKNOWN, cause=Cause.DENIED)
    found = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, ON), (BOB, blind)]))
    assert (found.state, found.is_lower_bound) == (AnswerState.YES, True)
    assert found.causes == {Cause.DENIED: (("AI-01",), AffectedScopes({Level.USER: 1}))}


def test_a_scope_counts_once_however_many_controls_deviate_there() -> None:
    wrong_notice = verdict(Status.FAIL, "CN-04")
    found = answer(
        everywhere(ON, wrong_notice),
        related(shows={"ai-01": ENABLED}),
        related("CN-04", shows={"cn-04": ENABLED}),
    )
    assert found.effects[ControlEffect.SHOWN].by_level == COVERAGE


def test_a_value_that_the_baseline_allows_still_answers_yes() -> None:
    allowed = verdict(observed=True)
    found = answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, allowed)]))
    assert found.state is AnswerState.ALLOWED
    assert found.effects[ControlEffect.ALLOWED] == AffectedScopes({Level.USER: 1})


@pytest.mark.parametrize(
    "allowed",
    [verdict(Status.WAIVED), verdict(Status.NOT_APPLICABLE, observed=True, expected=EXCEPT)],
    ids=["waived", "excepted"],
)
def test_a_waiver_or_an_exception_does_not_turn_a_yes_into_a_no(allowed: Verdict) -> None:
    assert (
        answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, allowed)])).state is AnswerState.ALLOWED
    )


def test_an_undecided_value_that_is_on_is_a_yes() -> None:
    open_ = verdict(Status.NEEDS_DECISION, observed=True, expected={"param": "policy"})
    assert answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, open_)])).state is AnswerState.YES


def test_an_excepted_scope_whose_deciding_value_was_seen_off_leaves_nothing_unknown() -> None:
    off = verdict(Status.NOT_APPLICABLE, observed=False, expected=EXCEPT)
    assert answer(everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, off)])).state is AnswerState.NO


def test_an_excepted_scope_that_only_a_baseline_could_judge_stays_unknown() -> None:
    excepted = verdict(Status.NOT_APPLICABLE, observed=[1], expected=EXCEPT)
    found = answer(
        everywhere(RIGHT, RIGHT_NOTICE, but=[(ADA, excepted)]),
        related(shows={"ai-01": DEVIATES}),
        NOTICE,
    )
    assert found.controls(ControlEffect.EXCEPTED) == ("AI-01",)
    assert found.state is AnswerState.CANNOT_SAY


SHOWING: list[tuple[object, JsonValue, bool]] = [
    (ENABLED, True, True),
    (ENABLED, False, False),
    (ENABLED, "none", False),
    (ENABLED, "OFF", False),
    (ENABLED, "cloud", True),
    (ENABLED, 0, False),
    (ENABLED, 2, True),
    (ENABLED, [], False),
    (ENABLED, ["facebook"], True),
    (ENABLED, {"enable": False, "options": True}, False),
    (ENABLED, {"enabled": True}, True),
    (ENABLED, {"anything": {"inside": True}}, True),
    (ENABLED, {}, False),
    (ENABLED, None, False),
    (DISABLED, False, True),
    (DISABLED, True, False),
    (DISABLED, None, False),
    ((4,), 4, True),
    ((4,), 1, False),
    ((1,), True, False),
    (DEVIATES, True, False),
]


@pytest.mark.parametrize(("when", "observed", "shown"), SHOWING)
def test_what_a_passing_value_shows_depends_on_the_value_alone(
    when: str | tuple[JsonValue, ...], observed: JsonValue, shown: bool
) -> None:
    found = answer(everywhere(verdict(observed=observed)), related(shows={"ai-01": when}))
    assert found.state is (AnswerState.ALLOWED if shown else AnswerState.NO)


def test_deviating_shows_it_where_the_question_is_about_the_rules() -> None:
    found = answer(
        everywhere(verdict(Status.FAIL, observed=400)), related(shows={"ai-01": DEVIATES})
    )
    assert found.state is AnswerState.YES


def test_a_deviation_to_the_safe_side_is_not_a_yes() -> None:
    """A baseline may ask for recordings to be on; that they are off then deviates."""
    found = answer(everywhere(verdict(Status.FAIL, observed=False)), SUMMARY)
    assert found.state is AnswerState.NOT_RULED_OUT


def test_an_unknown_value_shows_nothing_even_where_something_was_observed() -> None:
    odd = verdict(Status.UNKNOWN, cause=Cause.UNDOCUMENTED_VALUE, observed="perhaps")
    assert answer(everywhere(odd), SUMMARY).state is AnswerState.CANNOT_SAY


def test_a_lock_that_is_on_says_nothing_about_the_value() -> None:
    locked = verdict(kind=FindingKind.LOCK, observed=True)
    found = answer([*everywhere(RIGHT, RIGHT_NOTICE), (ACCOUNT, locked)])
    assert found.state is AnswerState.NO


def test_a_lock_alone_is_no_look_at_the_setting() -> None:
    found = answer([(ACCOUNT, verdict(kind=FindingKind.LOCK, observed=True))], SUMMARY)
    assert found.parts[0].gaps == (Gap.SETTINGS,)
    assert found.state is AnswerState.CANNOT_SAY


@pytest.mark.parametrize(
    ("fields", "gap"),
    [
        ({"assessed": {"AI-01"}}, Gap.NOT_ASSESSED),
        ({"not_reached": ("CN-04",)}, Gap.NOT_REACHED),
        ({}, Gap.NO_RESULT),
    ],
)
def test_silence_about_a_control_is_not_a_pass(fields: dict[str, object], gap: Gap) -> None:
    found = answer(everywhere(RIGHT), **fields)
    assert found.missing(gap) == ("CN-04",) == found.not_looked_at
    assert found.state is AnswerState.CANNOT_SAY


def test_a_question_none_of_whose_controls_was_judged_was_not_looked_at() -> None:
    assert answer([], assessed=set()).state is AnswerState.NOT_LOOKED_AT


def test_users_that_were_not_read_are_a_gap() -> None:
    rows = [(scope, RIGHT) for scope in (ACCOUNT, GROUP)]
    shallow = answer(rows, SUMMARY, coverage={Level.ACCOUNT: 1, Level.GROUP: 1})
    assert shallow.in_part == ("AI-01",)
    assert shallow.state is AnswerState.CANNOT_SAY


def test_a_level_that_was_listed_and_is_empty_is_no_gap() -> None:
    rows = [(ACCOUNT, RIGHT)]
    assert (
        answer(rows, SUMMARY, coverage={**COVERAGE, Level.GROUP: 0, Level.USER: 0}).state
        is AnswerState.NO
    )


def test_an_older_name_of_a_setting_stands_for_the_newer_one() -> None:
    older = related(looks_at=(CheckedSetting(("new", "ai-01"), LEVELS),))
    assert (
        answer(everywhere(RIGHT), replace(older, shows={"ai-01": ENABLED})).state is AnswerState.NO
    )


def test_a_setting_that_the_baseline_leaves_out_is_a_gap() -> None:
    both = related(
        looks_at=(CheckedSetting(("ai-01",), LEVELS), CheckedSetting(("other",), LEVELS))
    )
    found = answer(everywhere(RIGHT), both)
    assert found.missing(Gap.SETTINGS) == ("AI-01",)


def test_a_derived_control_is_reported_at_the_account_for_everyone() -> None:
    computed = related(looks_at=(CheckedSetting(("ai-01",), LEVELS, derived=True),))
    assert answer([(ACCOUNT, verdict(kind=FindingKind.DERIVED))], computed).state is AnswerState.NO


def test_listed_new_settings_are_a_look_at_the_control_of_new_settings() -> None:
    computed = related(looks_at=(CheckedSetting(("derived:new",), LEVELS, derived=True),))
    new = verdict(Status.NEEDS_DECISION, kind=FindingKind.UNCOVERED, setting="a.b")
    found = answer([(ACCOUNT, new)], computed)
    assert found.parts[0].gaps == ()
    assert found.controls(ControlEffect.UNDECIDED) == ("AI-01",)


def test_what_only_a_person_can_answer_rests_on_the_attestation_and_quotes_it() -> None:
    attested = verdict(
        Status.ATTESTED,
        "TR-01",
        kind=FindingKind.ATTESTATION,
        detail="None found (dpo, until 2027)",
    )
    found = answer([(ACCOUNT, attested)], RelatedControl("TR-01", "Training", asks="Is it so?"))
    assert found.state is AnswerState.RESTS_ON_ATTESTATIONS
    assert found.parts[0].statements == ("None found (dpo, until 2027)",)


def test_what_is_not_licensed_does_not_apply() -> None:
    absent = verdict(Status.NOT_APPLICABLE)
    assert answer(everywhere(absent), SUMMARY).state is AnswerState.NOT_APPLICABLE


def test_all_users_that_could_not_be_listed_are_named_and_not_counted() -> None:
    everyone = Scope(Level.USER, "*active", "active people that could not be listed")
    blind = verdict(Status.UNKNOWN, cause=Cause.DENIED)
    found = answer([(ACCOUNT, RIGHT), (GROUP, RIGHT), (everyone, blind)], SUMMARY)
    assert (
        found.effects[ControlEffect.UNKNOWN].text(COVERAGE)
        == "active people that could not be listed"
    )


def test_whoever_stands_for_the_unlisted_fills_no_gap_among_the_listed() -> None:
    rest = Scope(Level.USER, "*inactive", "inactive people that could not be listed")
    rows = everywhere(RIGHT)[:-1]
    found = answer([*rows, (rest, RIGHT)], SUMMARY)
    assert found.parts[0].gaps == (Gap.LEVELS,)


def test_an_open_decision_names_its_parameter() -> None:
    waiting = verdict(Status.NEEDS_DECISION, "CN-04", expected={"param": "allowed_regions"})
    found = answer(everywhere(RIGHT, waiting))
    assert found.parameters == ("allowed_regions",)


def test_a_run_without_its_passes_is_refused() -> None:
    complete = run(everywhere(RIGHT, RIGHT_NOTICE))
    without_passes = replace(complete, assessments=VerdictStore())
    with pytest.raises(ValueError, match="passes kept"):
        answers(without_passes, [question(SUMMARY)])


@pytest.mark.parametrize(
    ("reach", "text"),
    [
        (AffectedScopes({Level.USER: 42, Level.ACCOUNT: 1, Level.GROUP: 1}),
         "the account, 1 of 6 groups and 42 of 1,293 people"),
        (AffectedScopes({Level.USER: 1}), "1 of 1,293 people"),
        (AffectedScopes({Level.PHONE_SITE: 1}), "1 phone site"),
        (AffectedScopes({Level.PHONE_SITE: 2}), "2 phone sites"),
        (AffectedScopes({Level.ACCOUNT: 1}, ("phone users",)), "the account and phone users"),
        (AffectedScopes(), ""),
    ],
)  # fmt: skip
def test_reach_counts_with_its_denominator_where_there_is_one(
    reach: AffectedScopes, text: str
) -> None:
    assert reach.text({Level.ACCOUNT: 1, Level.GROUP: 6, Level.USER: 1293}) == text


def test_a_reach_of_nothing_is_false() -> None:
    assert not AffectedScopes()
    assert not AffectedScopes({Level.USER: 0})
    assert AffectedScopes(unlisted=("phone users",))


def feature(setting: str = "ai-01", **fields: Any) -> Feature:
    state = SettingState(fields.pop("account", False), fields.pop("cause", None))
    people = PeopleStates((ValueCount(fields.pop("people", False), 2),))
    return Feature(setting, "Meeting summary", "ai", LEVELS, state, people=people, **fields)


BLIND = verdict(Status.UNKNOWN, cause=Cause.NOT_COLLECTED)


def test_a_feature_that_is_on_makes_the_answer_yes_whatever_the_baseline_looks_at() -> None:
    not_assessed = answer(everywhere(RIGHT_NOTICE), assessed={"CN-04"})
    assert not_assessed.state is AnswerState.CANNOT_SAY
    found = with_features(not_assessed, [feature(people=True), feature("other", account=True)])
    assert found.state is AnswerState.YES
    assert [each.setting for each in found.features] == ["ai-01", "other"]
    assert not found.is_lower_bound


def test_what_is_on_but_no_switch_of_the_question_makes_no_answer_yes() -> None:
    unknown = answer(everywhere(BLIND, RIGHT_NOTICE))
    assert with_features(unknown, [feature(), feature("other", account=True)]) == unknown


def test_more_features_may_be_on_where_one_was_not_read() -> None:
    unread = feature("ai.new", account=None, cause=Cause.DENIED, is_documented=False)
    found = with_features(answer(everywhere(RIGHT)), [feature(account=True), unread])
    assert found.is_lower_bound


def test_no_feature_on_never_makes_an_answer_no() -> None:
    unknown = answer(everywhere(BLIND, RIGHT_NOTICE))
    assert with_features(unknown, [feature()]) == unknown
