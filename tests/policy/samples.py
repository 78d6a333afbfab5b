"""Samples: for each check of each shipped baseline a value that satisfies it and one that does not.

They are made from the expectation and from the values Zoom documents, never from the code that
judges them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import View
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.operators import Expectation
from tests.builders import ACCOUNT, CATALOGUE, EXAMPLES, GROUP, USER, set_at

BASELINES = {name: baseline.load(name, CATALOGUE) for name in baseline.names()}
EACH_BASELINE = pytest.mark.parametrize("name", BASELINES)
STRICT_FIRST = pytest.mark.parametrize(
    "name",
    [
        name if name == "strict" else pytest.param(name, marks=pytest.mark.slow)
        for name in BASELINES
    ],
)
"""Searches that take seconds: the baseline strict always, the others in the slow run."""
PARAMETERS: dict[str, JsonValue] = {**EXAMPLES, "allowed_integrations": ["none_of_them"]}
SCOPES = {
    Level.ACCOUNT: ACCOUNT,
    Level.GROUP: GROUP,
    Level.USER: USER,
    Level.APP: Scope(Level.APP, "acc", "the auditor's own app"),
    Level.PHONE_ACCOUNT: Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone"),
}
READ_SETTINGS = (Level.ACCOUNT, Level.GROUP, Level.USER)
READ = {
    "settings": set(READ_SETTINGS),
    "phone_account_settings": {Level.PHONE_ACCOUNT},
    "token": {Level.APP},
}
"""Surface to the levels at which it is sampled here: what Zoom returns as it is judged."""


class NoSample(Exception):
    """No documented value satisfies, or none violates, the expectation."""


@dataclass(frozen=True)
class SampleCheck:
    """One check with the expectation of one baseline."""

    baseline: str
    assessed: ControlExpectation
    check: Check

    @property
    def expectation(self) -> Expectation:
        return self.assessed.expectations[self.check.setting]

    @property
    def name(self) -> str:
        return f"{self.baseline}/{self.assessed.control.id}/{self.check.setting}"

    @property
    def read_levels(self) -> list[Level]:
        """The levels at which it is sampled here."""
        known = READ.get(self.check.surface, set())
        return [level for level in self.check.levels if level in known]


def every_check() -> Iterator[SampleCheck]:
    for name, expected in BASELINES.items():
        yield from checks_of(name, expected)


def checks_of(name: str, expected: Baseline) -> Iterator[SampleCheck]:
    for each in expected.assessed.values():
        for check in each.control.checks:
            if check.setting in each.expectations:
                yield SampleCheck(name, each, check)


def distinct_checks(name: str) -> Iterator[SampleCheck]:
    """The checks of a baseline whose control no baseline before it expects in the same way.

    Strict is the first; severity and attestation make no difference to what is sampled.
    """
    order = sorted(BASELINES, key=lambda each: (each != "strict", each))
    before = [BASELINES[each].assessed for each in order[: order.index(name)]]
    for sample in checks_of(name, BASELINES[name]):
        expected = sample.assessed
        same = (known.get(expected.control.id) for known in before)
        if not any(
            other and (other.lock, other.expectations) == (expected.lock, expected.expectations)
            for other in same
        ):
            yield sample


def passing(check: Check, wish: Expectation) -> JsonValue:
    """A value that satisfies `wish`."""
    match wish.op:
        case "off" | "off_unless_param" | "user_in_group_param":
            return False
        case "on":
            return True
        case "eq" | "lte" | "gte" | "duration_lte":
            return wish.value
        case "neq":
            return _other(check, [wish.value])
        case "in":
            return _list(wish.value)[0]
        case "in_ci":
            allowed = {str(each).casefold() for each in _list(wish.value)}
            return _first(each for each in check.values or () if str(each).casefold() in allowed)
        case "between":
            return _list(wish.value)[0]
        case "subset_of_param" | "all_matched_to_change_record":
            return _param(wish)[:1]
        case "superset_of_param":
            return _param(wish)
        case "in_param":
            return _param(wish)[0]
        case "org_param":
            return _org(check, wish)
        case "disjoint_from":
            return [_other(check, _list(wish.value))]
        case "none_equal":
            return ["accepted"]
        case "no_true_leaf_except_param":
            return {"meeting": {"new_feature": False}}
        case "count_members_lte_param":
            return _people(check, PARAMETERS[str(wish.param)])
        case "none_unlimited":
            return [{"type": "voicemail", "duration": 1, "time_unit": "year"}]
        case "no_write_scopes":
            return ["user:read:list_users:admin"]
    raise AssertionError(wish.op)


def failing(check: Check, wish: Expectation) -> JsonValue:
    """A value that violates `wish`."""
    value: Any = wish.value
    match wish.op:
        case "off" | "off_unless_param" | "user_in_group_param":
            return True
        case "on":
            return False
        case "eq":
            return _other(check, [value])
        case "neq":
            return wish.value
        case "in":
            return _other(check, value)
        case "in_ci":
            allowed = {str(each).casefold() for each in value}
            return _first(x for x in check.values or () if str(x).casefold() not in allowed)
        case "lte":
            return _other(check, [value], lambda each: each > value)
        case "gte":
            return _other(check, [value - 2], lambda each: each < value)
        case "between":
            above: float = value[1] + 1
            return above
        case "duration_lte":
            return f"{value}1d"
        case "subset_of_param":
            return [_other(check, _param(wish))]
        case "superset_of_param":
            return []
        case "in_param":
            return _other(check, _param(wish))
        case "org_param":
            return _other(check, [_org(check, wish)])
        case "disjoint_from" | "none_equal":
            return value[:1] if isinstance(value, list) else [value]
        case "no_true_leaf_except_param":
            return {"meeting": {"new_feature": True}}
        case "count_members_lte_param":
            most = PARAMETERS[str(wish.param)]
            assert isinstance(most, int)
            return _people(check, most + 1)
        case "none_unlimited":
            return [{"type": "callLog", "duration": -1, "time_unit": "year"}]
        case "no_write_scopes":
            return ["user:write:user:admin"]
        case "all_matched_to_change_record":
            return ["somebody changed something"]
    raise AssertionError(wish.op)


def _people(check: Check, count: JsonValue) -> JsonValue:
    """A number of people: a number, or a list whose length is judged."""
    assert isinstance(count, int)
    return [{"id": f"u{n}"} for n in range(count)] if check.counted else count


def observed(check: Check, value: JsonValue) -> JsonValue:
    """A value as shown in reports."""
    return len(value) if check.counted and isinstance(value, list) else value


def _org(check: Check, wish: Expectation) -> JsonValue:
    value = PARAMETERS[str(wish.param)]
    if isinstance(value, list):  # switches named like an item, or one of the listed texts
        return False if check.type == ("boolean",) else value[0]
    return value


def _param(wish: Expectation) -> list[JsonValue]:
    value = PARAMETERS[str(wish.param)]
    return value if isinstance(value, list) else [value]


def _list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


def _other(
    check: Check, excluded: list[JsonValue], fits: Callable[[Any], bool] = lambda each: True
) -> JsonValue:
    """A documented value, or one of the right type where none is, that is not `excluded`."""
    if check.values is not None:
        return _first(each for each in check.values if each not in excluded and fits(each))
    one = excluded[0]
    if isinstance(one, bool):
        return not one
    if isinstance(one, int):
        return max(each for each in excluded if isinstance(each, int)) + 1
    return "99y" if str(one)[:1].isdigit() else "something else"


def _first(values: Iterator[JsonValue]) -> JsonValue:
    for value in values:
        return value
    raise NoSample


Documents = dict[Level, dict[View, Any]]


def documents(expected: SampleCheck, value_at: dict[Level, JsonValue]) -> Documents:
    """Documents with `value_at` for the check, its condition met, and the rest of its control fine.

    A legacy setting and the one that replaced it never stand side by side.
    """
    found: Documents = {level: {} for level in value_at}
    for level, value in value_at.items():
        place(found[level], expected.check, value)
        for other in expected.assessed.control.checks:
            wish = expected.assessed.expectations.get(other.setting)
            if wish is None or other is expected.check or level not in other.levels:
                continue
            twins = other.legacy_of is not None or other.setting == expected.check.legacy_of
            if not twins and other.surface in READ and level in READ[other.surface]:
                place(found[level], other, passing(other, wish))
    return found


def place(bodies: dict[View, Any], check: Check, value: JsonValue) -> bool:
    """Put a value and the switch it depends on where they belong; False where that is taken."""
    body = bodies.setdefault(check.document, {})
    if is_occupied(body, check.setting):
        return False
    set_at(body, check.setting, value)
    condition = check.only_when
    if condition is not None and not is_occupied(body, condition.setting):
        set_at(body, condition.setting, condition.is_)
    return True


def is_occupied(body: dict[str, Any], path: str) -> bool:
    """True if `path` exists already, or one of its parents is not an object."""
    *parents, leaf = path.split(".")
    here: Any = body
    for part in parents:
        if part not in here:
            return False
        here = here[part]
        if not isinstance(here, dict):
            return True
    return leaf in here
