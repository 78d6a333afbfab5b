"""Parses untrusted JSON. Its size is bounded before any object is created."""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

from auditor.errors import AuditorError
from auditor.evidence.reading import JsonValue

_NESTING = frozenset((dict, list))

LONGEST_NAME = 256
"""Characters of a name that are stored."""


class NotJson(AuditorError, ValueError):
    """The text is not valid JSON although Python accepts it, or it is too large."""


def parse(
    text: str,
    *,
    values: int,
    depth: int,
    pairs: Callable[[list[tuple[str, JsonValue]]], JsonValue] | None = None,
) -> Any:
    """The value of the JSON in `text`: at most `values` values, at most `depth` levels deep.

    Raises:
        NotJson: it exceeds a limit, or contains a number that JSON does not allow.
        ValueError: it is not JSON.
    """
    if count(text) > values:
        raise NotJson(f"it holds more than {values:,} values")
    try:
        document = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=pairs
        )
    except RecursionError as error:
        raise NotJson("it is nested too deeply") from error
    # With fewer brackets than levels, the nesting cannot be too deep. This is the usual case.
    if text.count("{") + text.count("[") > depth and _depth_exceeds(document, depth):
        raise NotJson(f"it is nested more than {depth} levels deep")
    return document


def count(text: str) -> int:
    """An upper bound of the values in JSON, from its commas and brackets.

    Counted before parsing, because a byte or two can become a whole object.
    """
    return text.count("{") + text.count("[") + text.count(",")


def as_text(value: JsonValue) -> str:
    """A string or number as storable text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:LONGEST_NAME].encode("utf-8", "replace").decode("utf-8").strip()


def _refuse(constant: str) -> NoReturn:
    raise NotJson(f"it holds {constant}, which is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise NotJson("it holds a number that is too large")
    return number


def _depth_exceeds(document: JsonValue, limit: int) -> bool:
    level: list[JsonValue] = [document]
    for _ in range(limit):
        below: list[JsonValue] = []
        for node in level:
            children = node.values() if isinstance(node, dict) else _items(node)
            below += [child for child in children if type(child) in _NESTING]
        if not below:
            return False
        level = below
    return True


def _items(node: JsonValue) -> list[JsonValue]:
    return node if isinstance(node, list) else []


def equal(left: JsonValue, right: JsonValue) -> bool:
    """True if two JSON values are the same. True is not 1, and the order of a list is free."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        remaining = list(right)
        for item in left:
            place = next((n for n, other in enumerate(remaining) if equal(item, other)), None)
            if place is None:
                return False
            del remaining[place]
        return not remaining
    if isinstance(left, dict) and isinstance(right, dict):
        same_keys = left.keys() == right.keys()
        return same_keys and all(equal(value, right[key]) for key, value in left.items())
    return left == right
