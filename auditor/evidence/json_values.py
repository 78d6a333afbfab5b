"""JSON from elsewhere: what becomes of it is bounded before anything is made of it."""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

from auditor.errors import AuditorError
from auditor.evidence.reading import JsonValue

_NESTING = frozenset((dict, list))


class NotJson(AuditorError, ValueError):
    """Python reads it, and JSON does not have it, or it is more than anybody writes."""


def parsed(
    text: str,
    *,
    values: int,
    depth: int,
    pairs: Callable[[list[tuple[str, JsonValue]]], JsonValue] | None = None,
) -> Any:
    """What `text` holds: at most so many values, at most so many levels deep.

    Raises:
        NotJson: it holds more, or a number that JSON does not have.
        ValueError: it is no JSON.
    """
    if count(text) > values:
        raise NotJson(f"it holds more than {values:,} values")
    try:
        document = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=pairs
        )
    except RecursionError as error:
        raise NotJson("it is nested too deeply") from error
    # Fewer brackets than levels cannot be nested too deeply: the usual case, decided at once.
    if text.count("{") + text.count("[") > depth and _depth_exceeds(document, depth):
        raise NotJson(f"it is nested more than {depth} levels deep")
    return document


def count(text: str) -> int:
    """How many values JSON holds, by its commas and brackets: a byte or two become an object."""
    return text.count("{") + text.count("[") + text.count(",")


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
