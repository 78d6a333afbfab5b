"""Checks that an expectation fits its setting: type, operator and values.

An expectation that no value can meet is a mistake, and so is one that every value meets because it
names a value that Zoom does not have. If the catalogue lists documented values, other values are
rejected: the judge treats them as unknown, so such an expectation would decide nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditor.errors import nearest
from auditor.evidence.reading import JsonValue, is_integer
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.operators import OPERATORS, Expectation
from auditor.policy.catalogue.outcome import Context, Meets
from auditor.policy.catalogue.parameters import Parameter, known_parameters
from auditor.policy.catalogue.values import SHAPE_WORDS, Shape, is_documented, is_of, json_type
from auditor.policy.catalogue.yaml_source import Location, Source
from auditor.surfaces import SURFACES

_DERIVED_SHAPES: Mapping[str, Shape] = {
    "derived:lock": "boolean",
    "derived:compare": "comparison",
    "derived:unknown_keys": "new settings",
}
_PARAMETER_TYPES: Mapping[Shape, tuple[str, ...]] = {
    "boolean": ("boolean", "list"),
    "integer": ("integer", "list"),
    "string": ("string", "list"),
    "duration": ("duration", "list"),
    "array": ("list",),
}
"""Shape of a setting to the types of parameters it can be compared with."""
_SWITCH_WORDS = {
    **dict.fromkeys(("off", "no", "n", "false", "0"), "false"),
    **dict.fromkeys(("on", "yes", "y", "true", "1"), "true"),
}
_DIGITS = re.compile(r"[-+]?[0-9][0-9_]*\Z")


def problems(
    source: Source, at: Location, checks: Iterable[Check], expectation: Expectation
) -> Iterator[str]:
    """The problems of the expectation at location `at`, which covers all `checks`.

    If it does not fit several settings, the first one is reported.
    """
    place = (*at, "value") if (*at, "value") in source.lines else at
    for where, value in _numbers(place, expectation.value):
        text = source.rewritten.get(where)
        if text is not None:
            yield source.problem(where, _rewritten(text, value))
            return
    for check in checks:
        if (fault := _fault(check, expectation)) is not None:
            yield source.problem(place, fault)
            return


def parameter_problems(
    source: Source, at: Location, parameters: Mapping[str, JsonValue]
) -> Iterator[str]:
    """The problems of the organisation parameters at location `at`."""
    known = known_parameters() if parameters else {}
    for name, value in parameters.items():
        here: Location = (*at, name)
        parameter = known.get(name)
        if parameter is None:
            yield source.problem(here, f"no such parameter.{nearest(name, known)}")
            continue
        if value is None:
            continue
        if not parameter.accepts(value):
            article = "an" if parameter.type == "integer" else "a"
            expected = f"expected {article} {parameter.type}, for example {parameter.example!r}."
            yield source.problem(here, expected + _parameter_hint(parameter, value))
            continue
        for where, number in _numbers(here, value):
            text = source.rewritten.get(where)
            if text is not None:
                yield source.problem(where, _rewritten(text, number))
        for item in value if isinstance(value, list) else [value]:
            if parameter.values is not None and not is_documented(item, parameter.values):
                yield source.problem(here, _undocumented(item, name, parameter.values))


def shapes(check: Check, *, with_param: bool = False) -> tuple[Shape, ...]:
    """The shapes of the values that an expectation of `check` is compared with."""
    if check.counted:
        return ("integer",)
    if check.format == "duration":
        return ("duration",)
    if check.type:
        return check.type
    surface = SURFACES.get(check.surface)
    shape = surface.shape_of(with_param=with_param) if surface is not None else None
    if shape is not None:
        return (shape,)
    return tuple(
        shape for start, shape in _DERIVED_SHAPES.items() if check.setting.startswith(start)
    )


def documented(check: Check) -> tuple[JsonValue, ...] | None:
    """The possible values of the setting, or of each item of its list; None for any."""
    surface = SURFACES.get(check.surface)
    if surface is not None and surface.values is not None:
        return surface.values
    if check.setting.startswith("derived:lock"):
        return (True,)  # it counts locks that are off, whatever the expectation
    return check.values


def _fault(check: Check, expectation: Expectation) -> str | None:
    """Why the expectation does not fit `check`; None if it does."""
    operator = OPERATORS[expectation.op]
    if operator.judge is None:
        return None
    possible = shapes(check, with_param=expectation.param is not None)
    comparable = [shape for shape in possible if shape in operator.judges]
    if not comparable:
        return _no_operator(check, expectation.op, possible)
    fault = _groups_fault(expectation)
    if operator.takes == "value":
        fault = fault or _value_fault(check, expectation, comparable)
    elif operator.takes == "param":
        fault = fault or _parameter_fault(check, expectation, comparable)
    return fault


def _no_operator(check: Check, op: str, possible: tuple[Shape, ...]) -> str:
    suitable = [
        name
        for name, operator in OPERATORS.items()
        if operator.takes != "param"
        and operator.judge is not None
        and operator.judges.intersection(possible)
    ]
    what = " or ".join(SHAPE_WORDS[shape] for shape in possible)
    others = f" Operators for it: {', '.join(suitable)}." if suitable else ""
    return f'the operator "{op}" cannot judge {check.setting}, which is {what}.{others}'


def _value_fault(check: Check, expectation: Expectation, comparable: list[Shape]) -> str | None:
    value, operator = expectation.value, OPERATORS[expectation.op]
    members = value if operator.argument.is_list and isinstance(value, list) else [value]
    if not members:
        return "the list is empty, so nothing is expected."
    items = "array" in comparable and operator.compares_items
    for member in members:
        fits = (
            isinstance(member, str) if items else any(is_of(shape, member) for shape in comparable)
        )
        if not fits:
            return _wrong_type(check, member, ["string"] if items else comparable)
    if operator.meets_by_difference and (
        check.values_ignore_case or (isinstance(value, list) and value)
    ):
        how = "in upper and lower case" if check.values_ignore_case else "in any order"
        return (
            f"Zoom may return {check.setting} {how}, so a different value proves nothing. "
            f'Use "{"in_ci" if check.values_ignore_case else "eq"}" with the values that are right.'
        )
    known = documented(check)
    if known is None:
        return None
    ignore_case = check.values_ignore_case or operator.ignores_case
    for member in members if not operator.argument.is_bound else ():
        for item in member if isinstance(member, list) else [member]:
            if not is_documented(item, known, ignore_case=ignore_case):
                return _undocumented(item, check.setting, known)
    if (
        (operator.argument.is_bound or operator.meets_by_difference)
        and "array" not in comparable
        and not any(_meets(expectation, candidate) for candidate in known)
    ):
        return f"no documented value of {check.setting} meets it: {_listed(known)}."
    return None


def _meets(expectation: Expectation, value: JsonValue) -> bool:
    return isinstance(expectation.judge(value, Context({})), Meets)


def _parameter_fault(check: Check, expectation: Expectation, comparable: list[Shape]) -> str | None:
    parameter = known_parameters().get(str(expectation.param))
    if parameter is None:
        return None
    types = OPERATORS[expectation.op].parameter_types or tuple(
        type_ for shape in comparable for type_ in _PARAMETER_TYPES.get(shape, ())
    )
    if parameter.type in types:
        return None
    expected = " or ".join(types)
    return (
        f'the operator "{expectation.op}" needs a parameter of type {expected} for '
        f"{check.setting}; {parameter.name} is of type {parameter.type}."
    )


def _groups_fault(expectation: Expectation) -> str | None:
    """Why a parameter that must list groups does not."""
    names = {"group_exception_param": expectation.group_exception_param}
    if OPERATORS[expectation.op].lists_groups:
        names["param"] = expectation.param
    for key, name in names.items():
        parameter = known_parameters().get(str(name))
        if parameter is not None and parameter.names != "group":
            return f'"{key}" has to name a parameter that lists groups; {parameter.name} does not.'
    return None


def _wrong_type(check: Check, value: JsonValue, comparable: Iterable[Shape]) -> str:
    expected = " or ".join(SHAPE_WORDS[shape] for shape in comparable)
    known = documented(check)
    hint = next((hint for shape in comparable if (hint := _hint(shape, value))), "")
    if not hint and known is not None:
        hint = f" Its documented values: {_listed(known)}."
    if value is None:
        return f"there is no value, but {check.setting} is {expected}.{hint}"
    return f"{_shown(value)} is {json_type(value)}, but {check.setting} is {expected}.{hint}"


def _hint(shape: Shape, value: JsonValue) -> str:
    """A suggestion for the correct spelling; empty if there is none."""
    if value is None:
        return " YAML reads null, ~ and a missing value as null."
    if shape == "boolean":
        word = _SWITCH_WORDS.get(str(value).casefold()) if not isinstance(value, list) else None
        if word is None:
            return ""
        if isinstance(value, str) and value.casefold() not in ("true", "false", "0", "1"):
            return f' YAML reads {value} as the text "{value}"; write {word}.'
        quotes = ", without quotes" if isinstance(value, str) else ""
        return f" Write {word}{quotes}."
    if shape == "integer" and isinstance(value, str):
        return _as_number(value)
    if shape == "integer" and isinstance(value, float) and value.is_integer():
        return f" Write {int(value)}."
    if shape == "string" and isinstance(value, bool | int | float):
        return " Quote it if it is meant as text."
    if shape == "duration" and is_integer(value):
        return f" Write {value}d for days."
    return ""


def _as_number(text: str) -> str:
    """A suggestion for a string that is a number in another notation, or in quotes."""
    digits = text.replace("_", "")
    if len(digits) >= 19:  # such numbers stay texts
        return ""
    try:
        number = int(digits) if _DIGITS.match(text) else int(digits, 0)
    except ValueError:
        return ""
    if text == str(number):
        return f" Write {number}, without quotes."
    return f' YAML reads {text} as the text "{text}"; write {number}.'


def _parameter_hint(parameter: Parameter, value: JsonValue) -> str:
    types: Mapping[str, Shape] = {
        "boolean": "boolean",
        "integer": "integer",
        "string": "string",
        "duration": "duration",
    }
    shape = types.get(parameter.type)
    return _hint(shape, value) if shape is not None else ""


def _undocumented(value: JsonValue, name: str, known: Iterable[JsonValue]) -> str:
    texts = [candidate for candidate in known if isinstance(candidate, str)]
    hint = nearest(value, texts) if isinstance(value, str) else ""
    return f"{_shown(value)} is none of the documented values of {name}: {_listed(known)}.{hint}"


def _rewritten(text: str, value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f'YAML reads {text} as the number {value}. Write {value}, or "{text}" for the text.'


def _numbers(at: Location, value: JsonValue) -> Iterator[tuple[Location, JsonValue]]:
    """The numbers in a value, with their locations in the file."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from _numbers((*at, position), item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers((*at, key), item)
    elif isinstance(value, int | float):
        yield at, value


def _listed(values: Iterable[JsonValue]) -> str:
    return ", ".join(map(_shown, values))


def _shown(value: JsonValue) -> str:
    match value:
        case str():
            return f'"{value[:80]}"'
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case None:
            return "null"
    return json_type(value)
