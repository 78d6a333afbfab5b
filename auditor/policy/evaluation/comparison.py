"""Compares two baselines: finds the settings for which no value meets both."""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.evidence.reading import JsonValue
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.operators import OPERATORS, Expectation
from auditor.policy.catalogue.outcome import Context, Meets
from auditor.policy.catalogue.values import json_equal
from auditor.policy.judging.reads import checks


@dataclass(frozen=True, slots=True)
class Requirement:
    """The expectation of one control for a setting."""

    control: str
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Conflict:
    """A setting for which no value meets both requirements."""

    setting: str
    one: Requirement
    other: Requirement


def conflicts(one: Baseline, other: Baseline) -> Iterator[Conflict]:
    """The settings for which no value meets both baselines, sorted by setting.

    Controls with different ids are compared if they read the same setting. Expectations that
    depend on a parameter that neither baseline sets are omitted: the result is unknown.
    """
    theirs: dict[str, list[tuple[Requirement, Check]]] = {}
    for requirement, check in _requirements(other):
        theirs.setdefault(check.setting, []).append((requirement, check))
    conflicting = [
        Conflict(check.setting, requirement, other_requirement)
        for requirement, check in _requirements(one)
        for other_requirement, _ in theirs.get(check.setting, ())
        if _excludes(check, requirement.expectation, other_requirement.expectation, one, other)
    ]
    yield from sorted(conflicting, key=lambda c: (c.setting, c.one.control, c.other.control))


def _requirements(baseline: Baseline) -> Iterator[tuple[Requirement, Check]]:
    for assessed in baseline.assessed.values():
        for check in checks(assessed):
            expectation = assessed.expectations[check.setting]
            yield Requirement(assessed.control.id, expectation), check


def _excludes(
    check: Check, one: Expectation, other: Expectation, first: Baseline, second: Baseline
) -> bool:
    """True if each expectation can be met, but not both together."""
    candidates = _candidates(
        check, [(one, _expected_value(one, first)), (other, _expected_value(other, second))]
    )
    meets_one = [v for v in candidates if _meets(one, v, check, first)]
    meets_other = [v for v in candidates if _meets(other, v, check, second)]
    both = [v for v in meets_one if any(json_equal(v, w) for w in meets_other)]
    return bool(meets_one) and bool(meets_other) and not both


def _meets(expectation: Expectation, value: JsonValue, check: Check, baseline: Baseline) -> bool:
    context = Context(baseline.parameters, setting=check.setting)
    return isinstance(expectation.judge(value, context), Meets)


def _expected_value(expectation: Expectation, baseline: Baseline) -> JsonValue:
    """The expected value; for a parameter, the value that the baseline sets."""
    if expectation.param is not None:
        return baseline.parameters.get(expectation.param)
    return expectation.value


def _candidates(check: Check, expectations: list[tuple[Expectation, JsonValue]]) -> list[JsonValue]:
    """Values that distinguish expectations: documented ones, or values around the expected ones."""
    if "array" in check.type:
        lists: list[list[JsonValue]] = [
            values for _, values in expectations if isinstance(values, list)
        ]
        every: list[JsonValue] = [
            *(check.values or ()),
            *(item for values in lists for item in values),
        ]
        others = [[item for item in every if item not in values] for values in lists]
        return [[], every, *lists, *others]
    if check.values is not None:
        return list(check.values)
    candidates: list[JsonValue] = [True, False] if "boolean" in check.type else []
    for expectation, value in expectations:
        candidates += OPERATORS[expectation.op].candidates(value)
    return candidates
