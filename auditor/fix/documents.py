"""Reads and changes single settings and locks in the documents of a scope, without copying more
than the way to them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from auditor.evidence.reading import JsonValue, Unseen, at_path
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, View


class Absent:
    """The type of `ABSENT`: not a value, and not null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
"""The scope's documents do not contain the setting, or were not read."""

Value = JsonValue | Absent
Outcomes = Mapping[View, Outcome]


def positions(outcomes: Outcomes, view: View, path: str) -> Iterator[tuple[View, str]]:
    """Where `path` stands in the documents: its own view first, in each shape that Zoom returns."""
    declared = outcomes.get(view)
    if isinstance(declared, Document):
        for shape in _shapes(view, path):
            if not isinstance(at_path(declared.body, shape), Unseen):
                yield view, shape
                break
    for other, outcome in outcomes.items():
        if other.surface != view.surface or other == view or not isinstance(outcome, Document):
            continue
        if not isinstance(at_path(outcome.body, path), Unseen):
            yield other, path


def value_at(outcomes: Outcomes, view: View, path: str) -> Value:
    """The value at `path`, from its own view if that has it."""
    for found, shape in positions(outcomes, view, path):
        outcome = outcomes[found]
        assert isinstance(outcome, Document)
        value = at_path(outcome.body, shape)
        if not isinstance(value, Unseen):
            return value
    return ABSENT


def with_values(outcomes: Outcomes, values: Mapping[tuple[View, str], JsonValue]) -> Outcomes:
    """The documents with other values, wherever the settings stand in them."""
    changed = dict(outcomes)
    for (view, path), value in values.items():
        for found, shape in positions(outcomes, view, path):
            outcome = changed[found]
            assert isinstance(outcome, Document)
            changed[found] = replace(outcome, body=_with(outcome.body, shape.split("."), value))
    return changed


def leaf_edits(before: JsonValue, after: JsonValue, path: str) -> Iterator[tuple[str, JsonValue]]:
    """The leaves that make `before` equal to `after`; a list is one leaf."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            if key in before:
                yield from leaf_edits(before[key], value, f"{path}.{key}")
    elif before != after or type(before) is not type(after):
        yield path, after


def leaves(body: JsonValue, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every leaf of a document with its path; lists and empty objects are leaves."""
    if isinstance(body, dict) and (body or not path):
        for key, value in body.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, body


def _shapes(view: View, path: str) -> Iterator[str]:
    """The paths that a setting may have in its view: see `lookup.paths`."""
    yield path
    option = view.option
    if option and path.startswith(f"{option}."):
        yield path.removeprefix(f"{option}.")
    if view.surface == SETTINGS.surface and option.endswith("_authentication"):
        yield f"authentication_options.{option}.{path}"
        yield f"{option}.{path}"


def _with(body: JsonValue, parts: list[str], value: JsonValue) -> JsonValue:
    if not parts:
        return value
    assert isinstance(body, dict)
    return {**body, parts[0]: _with(body[parts[0]], parts[1:], value)}


SURFACES = (SETTINGS.surface, LOCKS.surface)
"""The documents that a plan changes."""


def text(value: Value) -> str:
    """A text that is equal for equal values."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if isinstance(value, Absent) else json.dumps(value, sort_keys=True)


def same(one: Value, other: Value) -> bool:
    """Equality of values: unlike in Python, true is not 1."""
    if one is other:
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    return text(one) == text(other)


def below(value: Value, path: str) -> Value:
    """The value at a path below another; the value itself for an empty path."""
    if not path or isinstance(value, Absent):
        return value
    found = at_path(value, path)
    return ABSENT if isinstance(found, Unseen) else found


def replaced(value: JsonValue, path: str, new: JsonValue) -> JsonValue:
    """A value with another at a path below it; `new` itself for an empty path."""
    if not path:
        return new
    key, _, rest = path.partition(".")
    inner = value if isinstance(value, dict) else {}
    return {**inner, key: replaced(inner.get(key), rest, new)}
