"""The operators of expectations: each compares one observed value with the expected one.

An operator is a pure function. It never guesses: a value it cannot compare is `Unclear`, an
organisation parameter that is not set is `Undecided`, and neither is ever a pass. A parameter that
lists exceptions allows none while it is not set.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, le
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from auditor.evidence.reading import Cause, JsonValue
from auditor.policy.catalogue.duration import days, is_duration
from auditor.policy.catalogue.errors import nearest
from auditor.policy.catalogue.outcome import (
    Context,
    Deviates,
    Meets,
    Outcome,
    Unclear,
    Undecided,
    wrong_type,
)
from auditor.policy.catalogue.values import (
    casefold_set,
    is_list,
    is_number,
    is_range,
    iter_leaves,
    json_equal,
    json_type,
    strings,
)

UNLIMITED = -1
"""An unlimited retention period in Zoom Phone. Source: its reference of 2026-02."""

PASSIVE = "passive agree"
"""An implicit answer to a notice: the person stayed. Source: `GET /report/disclaimer`."""


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
        if not operator.accepts(self.value):
            raise ValueError(f'the operator "{self.op}" needs {operator.argument} as "value".')
        return self

    def judge(self, observed: JsonValue, context: Context) -> Outcome:
        """Compare `observed` with this expectation."""
        return OPERATORS[self.op].judge(observed, self, context)

    def shown(self, parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The expectation as shown in reports; a parameter is shown with its value."""
        shown = self.model_dump(exclude_unset=True)
        if self.param is not None:
            shown["value"] = parameters.get(self.param)
        return shown

    def is_decided(self, parameters: Mapping[str, JsonValue]) -> bool:
        """True if the organisation has set every parameter that the operator requires."""
        unset = self.param is not None and parameters.get(self.param) is None
        return not unset or OPERATORS[self.op].without_param


Shape = Literal[
    "boolean",
    "integer",
    "string",
    "duration",
    "array",
    "object",
    "answers",
    "scopes",
    "log",
    "comparison",
    "new settings",
]
"""The shape of an observed value: a type that Zoom documents, or a result of `usage`."""
_SWITCH: frozenset[Shape] = frozenset({"boolean", "object"})
_ORDERLESS: frozenset[Shape] = frozenset({"boolean", "integer", "string", "array"})
"""Shapes in which unequal values differ in meaning; durations have several notations."""
_VALUES: frozenset[Shape] = _ORDERLESS | {"duration", "object"}
_LIST: frozenset[Shape] = frozenset({"array"})
_TEXT: frozenset[Shape] = frozenset({"string"})
_NUMBER: frozenset[Shape] = frozenset({"integer"})
_NOTICE: frozenset[Shape] = frozenset({"answers"})

Judge = Callable[[JsonValue, Expectation, Context], Outcome]


def _anything(value: JsonValue) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: its meaning, its arguments and its function."""

    name: str
    meaning: str
    takes: Literal["value", "param", "nothing"]
    judge: Judge
    judges: frozenset[Shape]
    """The shapes of values that it can compare."""
    argument: str = "a value"
    accepts: Callable[[JsonValue], bool] = _anything
    parameter_types: tuple[str, ...] = ()
    """The types that its parameter may have; empty if the setting decides."""
    without_param: bool = False
    """Whether it works without its parameter; a list then counts as empty."""


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
        detail = f"the object has no boolean enable, so nothing says that it is {state}"
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
    allowed = _parameter(expectation, context)
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


def _compare(compares: Callable[[float, float], bool]) -> Judge:
    def judge(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
        if not isinstance(observed, int | float) or isinstance(observed, bool):
            return wrong_type("a number", observed)
        assert isinstance(expectation.value, int | float)
        return _verdict(compares(observed, expectation.value))

    return judge


def _between(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    if not isinstance(observed, int | float) or isinstance(observed, bool):
        return wrong_type("a number", observed)
    low, high = _listed(expectation)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
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


def _parameter(expectation: Expectation, context: Context) -> JsonValue | Undecided:
    assert expectation.param is not None
    value = context.parameters.get(expectation.param)
    return Undecided(expectation.param) if value is None else value


def _parameter_texts(expectation: Expectation, context: Context) -> set[str] | Undecided:
    value = _parameter(expectation, context)
    if isinstance(value, Undecided):
        return value
    return casefold_set([str(item) for item in (value if isinstance(value, list) else [value])])


def _subset_of_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    allowed = _parameter_texts(expectation, context)
    if isinstance(allowed, Undecided):
        return allowed
    texts = strings(observed)
    if texts is None:
        return wrong_type("a list of strings", observed)
    outside = sorted({text for text in texts if text.casefold() not in allowed})
    return _verdict(not outside, f"not on the list {expectation.param}: {', '.join(outside)}")


def _superset_of_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    required = _parameter_texts(expectation, context)
    if isinstance(required, Undecided):
        return required
    texts = strings(observed)
    if texts is None:
        return wrong_type("a list of strings", observed)
    missing = sorted(required - casefold_set(texts))
    return _verdict(not missing, f"missing from the list: {', '.join(missing)}")


def _in_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    allowed = _parameter_texts(expectation, context)
    if isinstance(allowed, Undecided):
        return allowed
    if not isinstance(observed, str):
        return wrong_type("a string", observed)
    return _verdict(observed.casefold() in allowed)


def _org_param(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    expected = _parameter(expectation, context)
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
        return Unclear(Cause.ABSENT, "the list is empty, so nothing was seen")
    hits = sum(json_equal(item, expectation.value) for item in observed)
    return _verdict(hits == 0, f"{hits} of {len(observed)} are {expectation.value!r}")


def _no_true_leaf_except_param(
    observed: JsonValue, expectation: Expectation, context: Context
) -> Outcome:
    if not isinstance(observed, dict):
        return wrong_type("an object", observed)
    leaves = list(iter_leaves(observed))
    if not leaves:
        return Unclear(Cause.ABSENT, "the object is empty, so nothing was seen")
    allowed = _parameter_texts(expectation, context)
    listed = set() if isinstance(allowed, Undecided) else allowed

    def is_listed(path: str) -> bool:
        return path.casefold() in listed or f"{context.setting}.{path}".casefold() in listed

    on = sorted({path for path, value in leaves if value is True and not is_listed(path)})
    if on:
        return Deviates(f"on and not on the list {expectation.param}: {', '.join(on)}")
    strange = sorted(
        {path for path, value in leaves if not isinstance(value, bool) and not is_listed(path)}
    )
    if strange:
        detail = f"not a switch, so nobody can say whether it is on: {', '.join(strange)}"
        return Unclear(Cause.UNDOCUMENTED_VALUE, detail)
    return Meets(str(expectation.param) if any(value is True for _, value in leaves) else "")


def _no_item_except_param(
    observed: JsonValue, expectation: Expectation, context: Context
) -> Outcome:
    texts = strings(observed)
    if texts is None:
        return wrong_type("a list of strings", observed)
    listed = _parameter_texts(expectation, context)
    allowed = set() if isinstance(listed, Undecided) else listed
    outside = sorted({text for text in texts if text.casefold() not in allowed})
    return _verdict(not outside, f"not on the list {expectation.param}: {', '.join(outside)}")


def _answers(observed: JsonValue) -> Mapping[str, int] | Unclear:
    """The number of people per answer to a notice."""
    if not isinstance(observed, dict):
        return wrong_type("numbers of answers", observed)
    counts = {
        answer: count
        for answer, count in observed.items()
        if isinstance(count, int) and not isinstance(count, bool)
    }
    if len(counts) != len(observed):
        return wrong_type("numbers of answers", observed)
    if not sum(counts.values()):
        return Unclear(Cause.ABSENT, "nobody answered, so nothing was seen")
    return counts


def _agreed(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    counts = _answers(observed)
    if isinstance(counts, Unclear):
        return counts
    passive, total = counts.get(PASSIVE, 0), sum(counts.values())
    detail = f"{passive} of {total} agreed passively, without an act of their own"
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


def _user_in_group_param(
    observed: JsonValue, expectation: Expectation, context: Context
) -> Outcome:
    if not isinstance(observed, bool):
        return wrong_type("a boolean", observed)
    if not observed:
        return Meets()
    groups = _parameter(expectation, context)
    if isinstance(groups, Undecided):
        return groups
    if context.in_any(groups):
        return Meets(str(expectation.param))
    return Deviates(f"on, but not a member of {expectation.param}")


def _count_members_lte_param(
    observed: JsonValue, expectation: Expectation, context: Context
) -> Outcome:
    limit = _parameter(expectation, context)
    if isinstance(limit, Undecided):
        return limit
    if not isinstance(observed, int) or isinstance(observed, bool):
        return wrong_type("a number of people", observed)
    if not isinstance(limit, int | float) or isinstance(limit, bool):
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


def _all_matched_to_change_record(
    observed: JsonValue, expectation: Expectation, context: Context
) -> Outcome:
    entries = strings(observed)
    if entries is None:
        return wrong_type("a list of log entries", observed)
    if not entries:
        return Meets()
    records = _parameter_texts(expectation, context)
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
        return Unclear(Cause.ABSENT, "the list is empty, so nothing was seen")
    unlimited, strange = [], []
    for item in observed:
        kind = str(item.get("type") or "an item without a type") if isinstance(item, dict) else ""
        length = item.get("duration") if isinstance(item, dict) else None
        if length == UNLIMITED:
            unlimited.append(kind)
        elif not isinstance(length, int) or isinstance(length, bool) or length <= 0:
            strange.append(kind or json_type(item))
    if unlimited:
        return Deviates(f"kept without limit: {', '.join(sorted(unlimited))}")
    if strange:
        detail = f"no period that Zoom documents: {', '.join(sorted(strange))}"
        return Unclear(Cause.UNDOCUMENTED_VALUE, detail)
    return Meets()


def _empty_or_triaged(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    paths = strings(observed)
    if paths is None:
        return wrong_type("a list of settings", observed)
    triaged = _parameter_texts(expectation, context)
    accepted = set() if isinstance(triaged, Undecided) else triaged
    new = sorted(path for path in paths if path.casefold() not in accepted)
    return _verdict(not new, f"nobody has decided about: {', '.join(new)}")


def _not_assessed(observed: JsonValue, expectation: Expectation, context: Context) -> Outcome:
    raise AssertionError("a check that is not assessed is never judged")


OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("off", "false, or an object whose enable is false", "nothing", _off, _SWITCH),
        Operator("on", "true, or an object whose enable is true", "nothing", _on, _SWITCH),
        Operator(
            "off_unless_param",
            "off, unless the parameter allows it",
            "param",
            _off_unless_param,
            _SWITCH,
            parameter_types=("boolean",),
            without_param=True,
        ),
        Operator("eq", "equals the value", "value", _eq, _VALUES),
        Operator("neq", "differs from the value", "value", _neq, _ORDERLESS),
        Operator("in", "is one of the values", "value", _in, _VALUES, "a list", is_list),
        Operator(
            "in_ci", "is one of the texts, in any case", "value", _in_ci, _TEXT, "a list", is_list
        ),
        Operator("lte", "is not above", "value", _compare(le), _NUMBER, "a number", is_number),
        Operator("gte", "is not below", "value", _compare(ge), _NUMBER, "a number", is_number),
        Operator(
            "between",
            "lies in the range",
            "value",
            _between,
            _NUMBER,
            "two numbers, the lower one first,",
            is_range,
        ),
        Operator(
            "duration_lte",
            "is not longer than",
            "value",
            _duration_lte,
            frozenset({"duration"}),
            "a duration such as 90d",
            is_duration,
        ),
        Operator(
            "subset_of_param",
            "lies within the parameter",
            "param",
            _subset_of_param,
            _LIST,
            parameter_types=("list",),
        ),
        Operator(
            "superset_of_param",
            "contains the parameter",
            "param",
            _superset_of_param,
            _LIST,
            parameter_types=("list",),
        ),
        Operator(
            "in_param",
            "is on the parameter's list",
            "param",
            _in_param,
            _TEXT,
            parameter_types=("list", "string"),
        ),
        Operator("org_param", "equals the parameter", "param", _org_param, _VALUES - {"object"}),
        Operator(
            "disjoint_from",
            "shares nothing with",
            "value",
            _disjoint_from,
            _LIST,
            "a list",
            is_list,
        ),
        Operator("none_equal", "no item equals", "value", _none_equal, _LIST),
        Operator(
            "no_true_leaf_except_param",
            "every switch that is on is on the parameter's list",
            "param",
            _no_true_leaf_except_param,
            frozenset({"object"}),
            parameter_types=("list",),
        ),
        Operator(
            "no_item_except_param",
            "nothing but what is on the parameter's list",
            "param",
            _no_item_except_param,
            _LIST,
            parameter_types=("list",),
            without_param=True,
        ),
        Operator(
            "agreed",
            "nobody agreed passively, unless the parameter says that it counts",
            "param",
            _agreed,
            _NOTICE,
            parameter_types=("boolean",),
            without_param=True,
        ),
        Operator(
            "notified", "somebody answered, so the notice was shown", "nothing", _notified, _NOTICE
        ),
        Operator("unanswered", "nobody was shown the notice", "nothing", _unanswered, _NOTICE),
        Operator(
            "unanswered_unless_param",
            "nobody was shown the notice, unless the parameter allows it",
            "param",
            _unanswered,
            _NOTICE,
            parameter_types=("boolean",),
            without_param=True,
        ),
        Operator(
            "user_in_group_param",
            "on only for members of the parameter's groups",
            "param",
            _user_in_group_param,
            frozenset({"boolean"}),
            parameter_types=("list",),
        ),
        Operator(
            "count_members_lte_param",
            "no more people than the parameter",
            "param",
            _count_members_lte_param,
            _NUMBER,
            parameter_types=("integer",),
        ),
        Operator("none_unlimited", "every item has a period", "nothing", _none_unlimited, _LIST),
        Operator(
            "no_write_scopes",
            "holds read scopes only",
            "nothing",
            _no_write_scopes,
            frozenset({"scopes"}),
        ),
        Operator(
            "no_looser",
            "no lower level is looser",
            "nothing",
            _no_looser,
            frozenset({"comparison"}),
        ),
        Operator(
            "all_matched_to_change_record",
            "every entry matches an approved change",
            "param",
            _all_matched_to_change_record,
            frozenset({"log"}),
            parameter_types=("list",),
        ),
        Operator(
            "empty_or_triaged",
            "nothing, or all of it decided",
            "param",
            _empty_or_triaged,
            frozenset({"new settings"}),
            parameter_types=("list",),
        ),
        Operator("not_assessed", "the baseline is silent", "nothing", _not_assessed, _VALUES),
    )
}
