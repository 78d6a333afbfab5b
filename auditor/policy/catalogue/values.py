"""JSON values: their types and shapes, equality and leaves; durations."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from auditor.evidence.reading import JsonValue, is_number

_DURATION = re.compile(r"(?:(\d{1,6})y)?(?:(\d{1,6})m)?(?:(\d{1,6})d)?\Z", re.IGNORECASE | re.ASCII)
_DAYS_A_YEAR = 365
_MONTHS_A_YEAR = 12


JSON_TYPES: Mapping[str, type] = {
    "boolean": bool,
    "integer": int,
    "string": str,
    "array": list,
    "object": dict,
}
"""Zoom's names for types of values."""


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
"""The shape of an observed value: a type that Zoom documents, or what a surface reduces rows to."""
SHAPE_WORDS: Mapping[Shape, str] = {
    "boolean": "true or false",
    "integer": "a whole number",
    "string": "a text",
    "duration": "a duration such as 90d",
    "array": "a list",
    "object": "an object",
    "answers": "numbers of answers to a notice",
    "scopes": "the scopes of the app",
    "log": "entries of the operation log",
    "comparison": "a comparison of two levels",
    "new settings": "settings that no control covers",
}


def json_equal(one: JsonValue, other: JsonValue) -> bool:
    """Equality of JSON values: unlike in Python, true is not 1 and 1 is not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(json_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(json_equal(one[key], other[key]) for key in one)
    return one == other


def is_list(value: JsonValue) -> bool:
    """True for lists."""
    return isinstance(value, list)


def is_range(value: JsonValue) -> bool:
    """True for a list of two numbers in ascending order."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    numbers = [number for number in value if is_number(number)]
    return len(numbers) == 2 and numbers[0] <= numbers[1]


def is_of(type_: str, value: JsonValue) -> bool:
    """True if a value is of a type in `JSON_TYPES`, or a duration."""
    if type_ == "duration":
        return is_duration(value)
    if type_ != "boolean" and isinstance(value, bool):
        return False
    return type_ in JSON_TYPES and isinstance(value, JSON_TYPES[type_])


def is_documented(
    value: JsonValue, documented: Iterable[JsonValue], *, ignore_case: bool = False
) -> bool:
    """True if a value is one of the documented ones."""
    if ignore_case and isinstance(value, str):
        known = {item.casefold() for item in documented if isinstance(item, str)}
        return value.strip().casefold() in known
    return any(json_equal(value, item) for item in documented)


def json_type(value: JsonValue) -> str:
    """The JSON type of `value`, with an article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"


def strings(value: JsonValue) -> list[str] | None:
    """The items of a list of strings, else None."""
    if not isinstance(value, list):
        return None
    texts = [item for item in value if isinstance(item, str)]
    return texts if len(texts) == len(value) else None


def casefold_set(texts: list[str]) -> set[str]:
    """The case-folded texts."""
    return {text.casefold() for text in texts}


def iter_leaves(value: JsonValue, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every leaf of a document with its dotted path; items of lists share the path `name[]`."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from iter_leaves(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for child in value:
            yield from iter_leaves(child, f"{path}[]")
    else:
        yield path, value


def days(text: str) -> float | None:
    """The length of `text` in days (a year is 365 days, a month 1/12 of it), or None.

    Zero gives None: whether it means "at once" or "never" is not documented.
    """
    match = _DURATION.match(text.strip())
    if match is None or not any(match.groups()):
        return None
    years, months, rest = (int(group or 0) for group in match.groups())
    length = (years + months / _MONTHS_A_YEAR) * _DAYS_A_YEAR + rest
    return length or None


def is_duration(value: object) -> bool:
    """True for a string such as 90d or 1y."""
    return isinstance(value, str) and days(value) is not None


@dataclass(frozen=True, slots=True)
class Argument:
    """What the value of an expectation may be."""

    name: str
    accepts: Callable[[JsonValue], bool]
    is_list: bool = False
    """Whether it is a list, compared item by item."""
    is_bound: bool = False
    """Whether it need not be a possible value of the setting."""


ANYTHING = Argument("a value", lambda _: True)
LIST = Argument("a list", is_list, is_list=True)
NUMBER = Argument("a number", is_number, is_bound=True)
RANGE = Argument("two numbers, the lower one first,", is_range, is_list=True, is_bound=True)
DURATION = Argument("a duration such as 90d", is_duration, is_bound=True)


def values_around(expected: JsonValue) -> list[JsonValue]:
    """The expected value, or each item of a list, and values beside it."""
    candidates: list[JsonValue] = []
    for each in expected if isinstance(expected, list) else [expected]:
        candidates.append(each)
        if is_number(each):
            candidates += [each - 1, each + 1]
        elif isinstance(each, str):
            candidates += ["1d", "100y"] if is_duration(each) else ["another value"]
    return candidates
