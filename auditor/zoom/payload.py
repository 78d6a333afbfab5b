"""Payloads: from the bytes of an answer to a JSON object, or the reason why not."""

import json
import math
import re
from typing import NoReturn

from auditor.evidence.reading import JsonValue
from auditor.zoom.errors import Malformed, TooMuch, Transient
from auditor.zoom.secrets import redact_text

DEEPEST = 100
"""Levels of nesting. The deepest documented answer has fewer than ten."""
MOST_VALUES = 400_000
"""Values in one answer, told by the commas and brackets before anything is made of them: a byte or
two can become an object of 64. A page of 2,000 users has fewer than 100,000."""

_KIND = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}")
_NESTING = frozenset((dict, list))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Unusable(ValueError):
    """Valid JSON as Python reads it, but not what a settings document may hold."""


def parse_object(
    body: bytes, content_type: str, request: str, *, status: int | None = None
) -> dict[str, JsonValue]:
    """The JSON object in `body`.

    A missing content type is tolerated where the body is a JSON object all the same.

    Raises:
        Malformed: another content type, nothing, not an object, not UTF-8, too deep, a number
            JSON does not have, or the same key twice with different values.
        TooMuch: more values than any answer has.
        Transient: JSON that breaks off or is not JSON at all.
    """
    if not body.strip():
        raise Malformed(request, "it is empty", worth_retrying=True, status=status)
    kind = content_type.split(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        named = kind if _KIND.fullmatch(kind) else "of an unknown kind"
        raise Malformed(request, f"it is {named}, not JSON", worth_retrying=True, status=status)
    brackets = body.count(b"{") + body.count(b"[")
    if brackets + body.count(b",") > MOST_VALUES:
        raise TooMuch(request, f"it holds more than {MOST_VALUES:,} values", status=status)
    document = _parsed(body, request, status)
    if not isinstance(document, dict):
        raise Malformed(request, "it is JSON, but not an object", status=status)
    # Fewer brackets than levels cannot be nested too deeply: the usual case, told at once.
    if brackets > DEEPEST and _depth_exceeds(document, DEEPEST):
        raise Malformed(request, f"it is nested more than {DEEPEST} levels deep", status=status)
    return _whole_object(document) if _SURROGATE.search(body) else document


def _parsed(body: bytes, request: str, status: int | None) -> JsonValue:
    try:
        text = body.decode("utf-8-sig")
        document: JsonValue = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unambiguous
        )
        return document
    except UnicodeDecodeError as error:
        raise Malformed(request, f"byte {error.start} is not valid UTF-8", status=status) from error
    except RecursionError as error:
        raise Malformed(request, "it is nested too deeply", status=status) from error
    except json.JSONDecodeError as error:
        raise Transient(request, f"invalid JSON: {error.msg}", status=status) from error
    except _Unusable as error:
        raise Malformed(request, str(error), status=status) from error
    except ValueError as error:
        raise Malformed(request, "it holds a number of too many digits", status=status) from error


def _refuse(constant: str) -> NoReturn:
    raise _Unusable(f"it holds {constant}, which is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Unusable("it holds a number that is too large")
    return number


def _unambiguous(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """The object of `pairs`. A setting that is both on and off is not evidence of either."""
    found = dict(pairs)
    if len(found) != len(pairs):
        for key, value in pairs:
            if type(found[key]) is not type(value) or found[key] != value:
                raise _Unusable(f"it holds {redact_text(key)[:60]!r} twice, with different values")
    return found


def _whole_object(document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """`document` with halves of characters (lone surrogates, as from cut-off names) replaced."""
    return {str(_whole(key)): _whole(item) for key, item in document.items()}


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return _whole_object(value)
    return value


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
