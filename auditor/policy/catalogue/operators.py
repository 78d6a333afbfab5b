"""The operators of expectations: each compares one observed value with the expected one.

An operator is a pure function. It never guesses: a value it cannot compare is `Unclear`, an
organisation parameter that is not set is `Undecided`, and neither is ever a pass. A parameter that
lists exceptions allows none while it is not set.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import ge, le
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from auditor.errors import nearest
from auditor.evidence.reading import Cause, JsonValue, is_integer, is_number
from auditor.findings.model import Verdict
from auditor.policy.catalogue import permissiveness
from auditor.policy.catalogue.outcome import (
    Context,
    Deviates,
    Meets,
    Outcome,
    Unclear,
    Undecided,
    wrong_type,
)
from auditor.policy.catalogue.permissiveness import Deviations, IsMorePermissive
from auditor.policy.catalogue.values import (
    ANYTHING,
    DURATION,
    LIST,
    NUMBER,
    RANGE,
    Argument,
    Shape,
    casefold_set,
    days,
    is_duration,
    iter_leaves,
    json_equal,
    json_type,
    strings,
    values_around,
)
from auditor.surfaces.notices import PASSIVE

UNLIMITED = -1
"""An unlimited retention period in Zoom Phone. Source: its reference of 2026-02."""


class Expectation(BaseModel):
    """The expectation for one setting: an operator and its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    op: str
    value: JsonValue = None
    param: str | None = None
    group_exception_param: str | None = None
    """Groups listed under this parameter may differ; the account may not."""
    exceptions_param: str | None = None
    when: str | None = None

    @model_validator(mode="after")
    def _has_its_arguments(self) -> "Expectation":
        operator = OPERATORS.get(self.op)
        if operator is None:
            raise ValueError(f'no operator is called "{self.op}".{nearest(self.op, OPERATORS)}')
        has_value = "value" in self.model_fields_set
        if operator.takes == "value" and not has_value:
            raise ValueError(f'the operator "{self.op}" needs "value".')
        if operator.takes == "param" and self.param is None:
            raise ValueError(f'the operator "{self.op}" needs "param".')
        if operator.takes != "value" and has_value:
            raise ValueError(f'the operator "{self.op}" takes no "value".')
        if operator.takes != "param" and self.param is not None:
            raise ValueError(f'the operator "{self.op}" takes no "param".')
        if not operator.argument.accepts(self.value):
            raise ValueError(f'the operator "{self.op}" needs {operator.argument.name} as "value".')
        return self

    def judge(self, observed: JsonValue, context: Context) -> Outcome:
        """Compare `observed` with this expectation."""
        judge = OPERATORS[self.op].judge
        assert judge is not None, "a check that is not assessed is never judged"
        return judge(observed, self, context)

    def shown(self, parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The expectation as shown in reports; a parameter is shown with its value."""
        shown = self.model_dump(exclude_unset=True)
        if self.param is not None:
            shown["value"] = parameters.get(self.param)
        return shown

    @property
    def groups_param(self) -> str | None:
        """The parameter that lists the groups that may differ."""
        listed = self.param if OPERATORS[self.op].lists_groups else None
        return self.group_exception_param or listed

    def is_decided(self, parameters: Mapping[str, JsonValue]) -> bool:
        """True if the organisation has set every parameter that the operator requires."""
        unset = self.param is not None and parameters.get(self.param) is None
        return not unset or OPERATORS[self.op].without_param


_SWITCH: frozenset[Shape] = frozenset({"boolean", "object"})
_ORDERLESS: frozenset[Shape] = frozenset({"boolean", "integer", "string", "array"})
"""Shapes in which unequal values differ in meaning; durations have several notations."""
_VALUES: frozenset[Shape] = _ORDERLESS | {"duration", "object"}
_LIST: frozenset[Shape] = frozenset({"array"})
_TEXT: frozenset[Shape] = frozenset({"string"})
_NUMBER: frozenset[Shape] = frozenset({"integer"})
_NOTICE: frozenset[Shape] = frozenset({"answers"})

Judge = Callable[[JsonValue, Expectation, Context], Outcome]


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator, and all that the program knows of it."""

    name: str
    takes: Literal["value", "param", "nothing"]
    judge: Judge | None
    """None if the setting is not judged."""
    judges: frozenset[Shape]
    """The shapes of values that it can compare."""
    meaning: str
    """Its words in the listing of a baseline; empty if the value says all."""
    words: str
    """Its words in reports. `{value}` is the expected value, or the value of the parameter.

    With `without_param`, the state that is expected unless the parameter allows another.
    """
    argument: Argument = ANYTHING
    compares_items: bool = False
    """Whether it compares each item of a list with the value, instead of the list."""
    ignores_case: bool = False
    meets_by_difference: bool = False
    """Whether any other value meets it, so that each notation of a value has to be known."""
    parameter_types: tuple[str, ...] = ()
    """The types that its parameter may have; empty if the setting decides."""
    without_param: bool = False
    """Whether it works without its parameter; a list then counts as empty."""
    lists_groups: bool = False
    """Whether its parameter lists groups."""
    is_more_permissive: IsMorePermissive | None = None
    """None if Zoom documents no order of the values."""
    candidates: Callable[[JsonValue], list[JsonValue]] = values_around
    """Values that tell the expected value from others, to find conflicts between baselines."""


def _verdict(meets: bool, detail: str = "") -> Outcome:
    return Meets() if meets else Deviates(detail)


def _switches(observed: JsonValue, state: str) -> list[bool] | Unclear:
    """The value of a switch, or the switches of an object: Zoom returns both shapes."""
    if isinstance(observed, bool):
        return [observed]
    if isinstance(observed, dict):
        switches = [observed[key] for key in ("enable", "enabled") if key in observed]
        booleans = [switch for switch in switches if isinstance(switch, bool)]
        if booleans and len(booleans) == len(switches):
            return booleans
        detail = f"the object has no boolean enable, so it is unknown whether it is {state}"
        return Unclear(Cause.UNDOCUMENTED_VALUE, detail)
    return wrong_type("a boolean or an object", observed)


def _off(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    switches = _switches(observed, "off")
    return switches if isinstance(switches, Unclear) else _verdict(not any(switches))


def _on(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    switches = _switches(observed, "on")
    return switches if isinstance(switches, Unclear) else _verdict(all(switches))


def _off_unless_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    switches = _switches(observed, "off")
    if isinstance(switches, Unclear):
        return switches
    return Meets() if not any(switches) else _allowed(expectation, context)


def _allowed(expectation: Expectation, context: Context, detail: str = "") -> Outcome:
    """The outcome if a boolean parameter decides whether the value is allowed."""
    allowed = context.parameter(expectation.param)
    if not isinstance(allowed, bool):
        return Undecided(str(expectation.param))
    return Meets(str(expectation.param)) if allowed else Deviates(detail)


def _eq(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    return _verdict(json_equal(observed, expectation.value))


def _neq(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if json_type(observed) != json_type(expectation.value):
        return wrong_type(json_type(expectation.value), observed)
    return _verdict(not json_equal(observed, expectation.value))


def _listed(expectation: Expectation) -> list[JsonValue]:
    assert isinstance(expectation.value, list)
    return expectation.value


def _in(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    return _verdict(any(json_equal(observed, item) for item in _listed(expectation)))


def _in_ci(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, str):
        return wrong_type("a string", observed)
    allowed = {item.casefold() for item in _listed(expectation) if isinstance(item, str)}
    return _verdict(observed.strip().casefold() in allowed)


def _compare(
    compares: Callable[[float, float], bool],
    observed: JsonValue,
    expectation: Expectation,
    context: Context,
) -> Outcome:
    if not is_number(observed):
        return wrong_type("a number", observed)
    assert is_number(expectation.value)
    return _verdict(compares(observed, expectation.value))


def _between(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not is_number(observed):
        return wrong_type("a number", observed)
    low, high = _listed(expectation)
    assert is_number(low)
    assert is_number(high)
    return _verdict(low <= observed <= high)


def _duration_lte(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, str):
        return wrong_type("a duration such as 90d or 1y", observed)
    length, limit = days(observed), days(str(expectation.value))
    if length is None or limit is None:
        return _no_duration(observed)
    return _verdict(length <= limit)


def _no_duration(observed: str) -> Unclear:
    """The outcome for a string that is not a duration: its meaning is not documented."""
    return Unclear(Cause.UNDOCUMENTED_VALUE, f'"{observed[:80]}" is not a duration such as 90d')


def _subset_of_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    allowed = context.texts(expectation.param)
    if isinstance(allowed, Undecided):
        return allowed
    return _no_item(observed, expectation, context)


def _no_item(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    texts = strings(observed)
    if texts is None:
        return wrong_type("a list of strings", observed)
    allowed = context.exceptions(expectation.param)
    outside = sorted({text for text in texts if text.casefold() not in allowed})
    return _verdict(not outside, f"not on the list {expectation.param}: {', '.join(outside)}")


def _superset_of_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    required = context.texts(expectation.param)
    if isinstance(required, Undecided):
        return required
    texts = strings(observed)
    if texts is None:
        return wrong_type("a list of strings", observed)
    missing = sorted(required - casefold_set(texts))
    return _verdict(not missing, f"missing from the list: {', '.join(missing)}")


def _in_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    allowed = context.texts(expectation.param)
    if isinstance(allowed, Undecided):
        return allowed
    if not isinstance(observed, str):
        return wrong_type("a string", observed)
    return _verdict(observed.casefold() in allowed)


def _org_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    expected = context.parameter(expectation.param)
    if isinstance(expected, Undecided):
        return expected
    if isinstance(expected, list):
        if isinstance(observed, bool):  # a switch named like an item may be on only if listed
            leaf = context.setting.rsplit(".", 1)[-1]
            if observed and leaf in expected:
                return Meets(str(expectation.param))
            return _verdict(not observed)
        if isinstance(observed, list):
            sides = (observed, expected), (expected, observed)
            return _verdict(
                all(any(json_equal(a, b) for b in bs) for as_, bs in sides for a in as_)
            )
        return _verdict(any(json_equal(observed, item) for item in expected))
    if json_type(observed) != json_type(expected):
        return wrong_type(json_type(expected), observed)
    if isinstance(observed, str) and is_duration(expected):
        length = days(observed)
        if length is None:
            return _no_duration(observed)
        return _verdict(length == days(str(expected)))
    return _verdict(json_equal(observed, expected))


def _disjoint_from(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    texts = strings(observed)
    if texts is None:
        return wrong_type("a list of strings", observed)
    shared = sorted(
        casefold_set(texts) & casefold_set([str(item) for item in _listed(expectation)])
    )
    return _verdict(not shared, f"on the list: {', '.join(shared)}")


def _none_equal(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, list):
        return wrong_type("a list", observed)
    if not observed:
        return Unclear(Cause.ABSENT, "the list is empty, so there is no evidence")
    hits = sum(json_equal(item, expectation.value) for item in observed)
    return _verdict(hits == 0, f"{hits} of {len(observed)} are {expectation.value!r}")


def _no_true_leaf(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, dict):
        return wrong_type("an object", observed)
    leaves = list(iter_leaves(observed))
    if not leaves:
        return Unclear(Cause.ABSENT, "the object is empty, so there is no evidence")
    listed = context.exceptions(expectation.param)

    def is_listed(path: str) -> bool:
        return path.casefold() in listed or f"{context.setting}.{path}".casefold() in listed

    on = sorted({path for path, value in leaves if value is True and not is_listed(path)})
    if on:
        return Deviates(f"on and not on the list {expectation.param}: {', '.join(on)}")
    strange = sorted(
        {path for path, value in leaves if not isinstance(value, bool) and not is_listed(path)}
    )
    if strange:
        detail = f"not a switch, so it is unknown whether it is on: {', '.join(strange)}"
        return Unclear(Cause.UNDOCUMENTED_VALUE, detail)
    return Meets(str(expectation.param) if any(value is True for _, value in leaves) else "")


def _answers(observed: JsonValue) -> Mapping[str, int] | Unclear:
    """The number of people per answer to a notice."""
    if not isinstance(observed, dict):
        return wrong_type("numbers of answers", observed)
    counts = {answer: count for answer, count in observed.items() if is_integer(count)}
    if len(counts) != len(observed):
        return wrong_type("numbers of answers", observed)
    if not sum(counts.values()):
        return Unclear(Cause.ABSENT, "nobody answered, so there is no evidence")
    return counts


def _agreed(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    counts = _answers(observed)
    if isinstance(counts, Unclear):
        return counts
    passive, total = counts.get(PASSIVE, 0), sum(counts.values())
    detail = f"{passive} of {total} agreed passively, without taking any action"
    return _allowed(expectation, context, detail) if passive else Meets()


def _notified(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    counts = _answers(observed)
    return counts if isinstance(counts, Unclear) else Meets()


def _unanswered(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    counts = _answers(observed)
    if isinstance(counts, Unclear):
        return counts
    if expectation.param is not None:
        return _allowed(expectation, context)
    return Deviates()


def _user_in_group(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, bool):
        return wrong_type("a boolean", observed)
    if not observed:
        return Meets()
    groups = context.parameter(expectation.param)
    if isinstance(groups, Undecided):
        return groups
    if context.in_any(groups):
        return Meets(str(expectation.param))
    return Deviates(f"on, but not a member of {expectation.param}")


def _count_members(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    limit = context.parameter(expectation.param)
    if isinstance(limit, Undecided):
        return limit
    if not is_integer(observed):
        return wrong_type("a number of people", observed)
    if not is_number(limit):
        return Undecided(str(expectation.param))
    return _verdict(observed <= limit)


def writes(scope: str) -> bool:
    """True if a Zoom scope allows an app to change anything.

    Granular scopes read `area:verb:what[:level]`, classic ones `area:verb[:level]`; only the
    verb `read` does not allow changes. Source: Zoom's granular and classic scope lists.
    """
    return "read" not in scope.casefold().split(":")[1:]


def _no_write_scopes(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    scopes = strings(observed)
    if scopes is None:
        return wrong_type("a list of scopes", observed)
    if not scopes:
        return Unclear(Cause.ABSENT, "the token response named no scopes")
    writing = sorted(scope for scope in scopes if writes(scope))
    return _verdict(not writing, f"may write: {', '.join(writing)}")


def _no_looser(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, list):
        return wrong_type("a list", observed)
    return _verdict(not observed)


def _all_matched(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    entries = strings(observed)
    if entries is None:
        return wrong_type("a list of log entries", observed)
    if not entries:
        return Meets()
    records = context.texts(expectation.param)
    if isinstance(records, Undecided):
        return records
    names_a_record = _token(records)
    unmatched = sum(names_a_record.search(entry) is None for entry in entries)
    return _verdict(unmatched == 0, f"{unmatched} of {len(entries)} changes match no record")


def _token(texts: set[str]) -> re.Pattern[str]:
    """A pattern for any of `texts` as a whole word: CHG-1 matches neither CHG-104 nor CHG-1.2."""
    alternatives = (
        "|".join(re.escape(text.strip()) for text in sorted(texts) if text.strip()) or "(?!)"
    )
    return re.compile(rf"(?<![\w.@-])(?:{alternatives})(?![\w@-]|[./]\w)", re.IGNORECASE)


def _none_unlimited(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    """Every item of a list has a period; Zoom returns -1 for an unlimited one."""
    if not isinstance(observed, list):
        return wrong_type("a list", observed)
    if not observed:
        return Unclear(Cause.ABSENT, "the list is empty, so there is no evidence")
    unlimited, strange = [], []
    for item in observed:
        kind = str(item.get("type") or "an item without a type") if isinstance(item, dict) else ""
        length = item.get("duration") if isinstance(item, dict) else None
        if length == UNLIMITED:
            unlimited.append(kind)
        elif not is_integer(length) or length <= 0:
            strange.append(kind or json_type(item))
    if unlimited:
        return Deviates(f"kept without limit: {', '.join(sorted(unlimited))}")
    if strange:
        detail = f"not a period that Zoom documents: {', '.join(sorted(strange))}"
        return Unclear(Cause.UNDOCUMENTED_VALUE, detail)
    return Meets()


def _empty_or_triaged(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    paths = strings(observed)
    if paths is None:
        return wrong_type("a list of settings", observed)
    triaged = context.exceptions(expectation.param)
    new = sorted(path for path in paths if path.casefold() not in triaged)
    return _verdict(not new, f"not decided: {', '.join(new)}")


OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator(
            "off",
            "nothing",
            _off,
            _SWITCH,
            "false, or an object whose enable is false",
            "off",
            is_more_permissive=permissiveness.never,
        ),
        Operator(
            "on",
            "nothing",
            _on,
            _SWITCH,
            "true, or an object whose enable is true",
            "on",
            is_more_permissive=permissiveness.never,
        ),
        Operator(
            "off_unless_param",
            "param",
            _off_unless_param,
            _SWITCH,
            "off, unless the parameter allows it",
            "off",
            parameter_types=("boolean",),
            without_param=True,
            is_more_permissive=permissiveness.never,
        ),
        Operator("eq", "value", _eq, _VALUES, "", "{value}"),
        Operator(
            "neq",
            "value",
            _neq,
            _ORDERLESS,
            "differs from the value",
            "anything but {value}",
            meets_by_difference=True,
        ),
        Operator(
            "in", "value", _in, _VALUES, "is one of the values", "one of {value}", argument=LIST
        ),
        Operator(
            "in_ci",
            "value",
            _in_ci,
            _TEXT,
            "is one of the texts, in any case",
            "one of {value}",
            argument=LIST,
            ignores_case=True,
        ),
        Operator(
            "lte",
            "value",
            partial(_compare, le),
            _NUMBER,
            "is not above",
            "at most {value}",
            argument=NUMBER,
            is_more_permissive=permissiveness.if_longer,
        ),
        Operator(
            "gte",
            "value",
            partial(_compare, ge),
            _NUMBER,
            "is not below",
            "at least {value}",
            argument=NUMBER,
            is_more_permissive=permissiveness.if_shorter,
        ),
        Operator(
            "between",
            "value",
            _between,
            _NUMBER,
            "lies in the range",
            "between {value}",
            argument=RANGE,
        ),
        Operator(
            "duration_lte",
            "value",
            _duration_lte,
            frozenset({"duration"}),
            "is not longer than",
            "at most {value}",
            argument=DURATION,
            is_more_permissive=permissiveness.if_longer,
        ),
        Operator(
            "subset_of_param",
            "param",
            _subset_of_param,
            _LIST,
            "lies within the parameter",
            "nothing but {value}",
            parameter_types=("list",),
            is_more_permissive=permissiveness.if_more_beyond,
        ),
        Operator(
            "superset_of_param",
            "param",
            _superset_of_param,
            _LIST,
            "contains the parameter",
            "at least {value}",
            parameter_types=("list",),
            is_more_permissive=permissiveness.if_less_of,
        ),
        Operator(
            "in_param",
            "param",
            _in_param,
            _TEXT,
            "is on the parameter's list",
            "one of {value}",
            parameter_types=("list", "string"),
        ),
        Operator(
            "org_param",
            "param",
            _org_param,
            _VALUES - {"object"},
            "equals the parameter",
            "{value}",
        ),
        Operator(
            "disjoint_from",
            "value",
            _disjoint_from,
            _LIST,
            "shares nothing with",
            "none of {value}",
            argument=LIST,
            compares_items=True,
            is_more_permissive=permissiveness.if_more_of,
        ),
        Operator(
            "none_equal",
            "value",
            _none_equal,
            _LIST,
            "no item equals",
            "anything but {value}",
            compares_items=True,
        ),
        Operator(
            "no_true_leaf_except_param",
            "param",
            _no_true_leaf,
            frozenset({"object"}),
            "every switch that is on is on the parameter's list",
            "on only for {value}",
            parameter_types=("list",),
            is_more_permissive=permissiveness.if_more_on,
        ),
        Operator(
            "no_item_except_param",
            "param",
            _no_item,
            _LIST,
            "nothing but what is on the parameter's list",
            "nothing",
            parameter_types=("list",),
            without_param=True,
            is_more_permissive=permissiveness.if_more_beyond,
        ),
        Operator(
            "agreed",
            "param",
            _agreed,
            _NOTICE,
            "nobody agreed passively, unless the parameter says that it counts",
            "no passive agreement",
            parameter_types=("boolean",),
            without_param=True,
            is_more_permissive=permissiveness.never,
        ),
        Operator(
            "notified",
            "nothing",
            _notified,
            _NOTICE,
            "somebody answered, so the notice was shown",
            "at least one answer",
        ),
        Operator(
            "unanswered",
            "nothing",
            _unanswered,
            _NOTICE,
            "nobody was shown the notice",
            "no call that needs this notice",
            is_more_permissive=permissiveness.never,
        ),
        Operator(
            "unanswered_unless_param",
            "param",
            _unanswered,
            _NOTICE,
            "nobody was shown the notice, unless the parameter allows it",
            "no call that needs this notice",
            parameter_types=("boolean",),
            without_param=True,
            is_more_permissive=permissiveness.never,
        ),
        Operator(
            "user_in_group_param",
            "param",
            _user_in_group,
            frozenset({"boolean"}),
            "on only for members of the parameter's groups",
            "on only in groups {value}",
            parameter_types=("list",),
            lists_groups=True,
        ),
        Operator(
            "count_members_lte_param",
            "param",
            _count_members,
            _NUMBER,
            "no more people than the parameter",
            "at most {value} people",
            parameter_types=("integer",),
            is_more_permissive=permissiveness.if_longer,
        ),
        Operator(
            "none_unlimited",
            "nothing",
            _none_unlimited,
            _LIST,
            "every item has a period",
            "a period for each kind",
        ),
        Operator(
            "no_write_scopes",
            "nothing",
            _no_write_scopes,
            frozenset({"scopes"}),
            "holds read scopes only",
            "rights to read, and no others",
        ),
        Operator(
            "no_looser",
            "nothing",
            _no_looser,
            frozenset({"comparison"}),
            "no lower level is looser",
            "no looser than the account",
        ),
        Operator(
            "all_matched_to_change_record",
            "param",
            _all_matched,
            frozenset({"log"}),
            "every entry matches an approved change",
            "each matched to an approved change",
            parameter_types=("list",),
            is_more_permissive=permissiveness.if_more_beyond,
        ),
        Operator(
            "empty_or_triaged",
            "param",
            _empty_or_triaged,
            frozenset({"new settings"}),
            "nothing, or all of it decided",
            "each decided on",
            parameter_types=("list",),
        ),
        Operator(
            "not_assessed", "nothing", None, _VALUES, "the baseline is silent", "not assessed"
        ),
    )
}


def goes_further(deviation: Verdict, accepted: JsonValue) -> bool | None:
    """True if a deviating value is more permissive than an accepted one; None if unknown."""
    if json_equal(deviation.observed, accepted):
        return False
    expected = deviation.expected or {}
    operator = OPERATORS.get(str(expected.get("op")))
    if operator is None or operator.is_more_permissive is None:
        return None
    values = Deviations(deviation.observed, accepted, expected.get("value"), deviation.setting)
    return operator.is_more_permissive(values)
