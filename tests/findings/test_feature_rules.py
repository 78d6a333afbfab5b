"""What a baseline says on a feature: the worst of all places, never a pass without evidence."""

from typing import Any

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.feature_rules import FeatureRule, FeatureRules, RuleState
from auditor.findings.inventory import Feature, SettingState
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from tests.builders import ACCOUNT, assessment, control_info, group, run_of, verdict

LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)


def _feature(setting: str = "a.b", value: JsonValue = True, *controls: str) -> Feature:
    return Feature(setting, "A feature", "ai", LEVELS, SettingState(value), controls=controls)


def _rules(
    *verdicts: Verdict, elsewhere: Verdict | None = None, passed: tuple[str, ...] = ()
) -> FeatureRules:
    places = [assessment(ACCOUNT, *verdicts)]
    if elsewhere is not None:
        places.append(assessment(group(1, "Sales"), elsewhere))
    return FeatureRules(
        run_of(
            *places,
            controls={name: control_info(name) for name in ("AI-01", "AI-11")},
            passed=frozenset(("AI-01", setting) for setting in passed),
        )
    )


def _states(rules: FeatureRules, feature: Feature) -> list[str]:
    return [rule.state for rule in rules.of(feature)]


@pytest.mark.parametrize(
    ("status", "fields", "state"),
    [
        (Status.FAIL, {}, RuleState.BROKEN),
        (Status.FAIL, {"kind": FindingKind.LOCK}, RuleState.UNLOCKED),
        (Status.UNKNOWN, {}, RuleState.UNKNOWN),
        (Status.FAIL, {"kind": FindingKind.UNCOVERED}, RuleState.NEW),
        (Status.NEEDS_DECISION, {"kind": FindingKind.UNCOVERED}, RuleState.NEW),
        (Status.NEEDS_DECISION, {}, RuleState.TO_DECIDE),
        (Status.NEEDS_DECISION, {"kind": FindingKind.ATTESTATION}, RuleState.LOCK_TO_ATTEST),
        (Status.WAIVED, {}, RuleState.ACCEPTED),
        (Status.NOT_APPLICABLE, {"allowed_by": "ai_allowed_groups"}, RuleState.ALLOWED),
        (Status.NOT_APPLICABLE, {}, RuleState.NOT_APPLICABLE),
    ],
)
def test_a_verdict_on_the_setting_is_the_state_of_its_rule(
    status: Status, fields: dict[str, Any], state: RuleState
) -> None:
    assert _states(_rules(verdict(status, **fields)), _feature()) == [state]


def test_the_worst_place_decides_and_says_that_others_are_allowed() -> None:
    allowed = verdict(Status.NOT_APPLICABLE, allowed_by="ai_allowed_groups")
    rules = _rules(allowed, elsewhere=verdict(Status.FAIL), passed=("a.b",))
    assert rules.of(_feature()) == [FeatureRule("AI-01", RuleState.BROKEN, Severity.HIGH, True)]


def test_the_worst_rule_comes_first_by_state_and_then_by_severity() -> None:
    low, critical = (
        verdict(Status.FAIL, control, severity=severity)
        for control, severity in (("AI-01", Severity.LOW), ("AI-11", Severity.CRITICAL))
    )
    found = _rules(low, critical).of(_feature())
    assert [(rule.control, rule.severity) for rule in found] == [
        ("AI-11", Severity.CRITICAL),
        ("AI-01", Severity.LOW),
    ]
    unlocked = verdict(Status.FAIL, "AI-11", kind=FindingKind.LOCK, severity=Severity.CRITICAL)
    assert [rule.control for rule in _rules(low, unlocked).of(_feature())] == ["AI-01", "AI-11"]


def test_only_a_value_that_passed_somewhere_is_kept() -> None:
    assert _states(_rules(passed=("a.b",)), _feature()) == [RuleState.OBEYED]
    assert not _states(_rules(), _feature("a.b", True, "AI-01"))


def test_of_an_object_only_the_switch_that_is_on_breaks_the_rule() -> None:
    broken = verdict(Status.FAIL, "AI-11", "ai", observed={"on": True, "off": False})
    assert _states(_rules(broken), _feature("ai.on")) == [RuleState.BROKEN]
    assert _states(_rules(broken), _feature("ai.off", False)) == [RuleState.OBEYED]
    assert not _states(_rules(broken), _feature("ai.absent"))


def test_what_only_a_person_can_answer_waits_for_them() -> None:
    due = verdict(Status.NEEDS_DECISION, "AI-11", "attestation", kind=FindingKind.ATTESTATION)
    rules = _rules(due)
    assert _states(rules, _feature("a.b", True, "AI-11")) == [RuleState.TO_ATTEST]
    assert not _states(rules, _feature("a.b", True, "AI-01"))


def test_a_rule_that_the_baseline_does_not_have_says_nothing() -> None:
    assert not _states(_rules(verdict(Status.FAIL, "TP-07")), _feature())
