"""Payloads: parses the body of a response into a JSON object."""

import json
import re

from auditor.evidence import json_values
from auditor.evidence.json_values import NotJson
from auditor.evidence.reading import JsonValue
from auditor.redaction.text import redact_text
from auditor.zoom.errors import Malformed, TooMuch, Transient

DEEPEST = 100
"""Levels of nesting. The deepest documented response has fewer than ten."""
MOST_VALUES = 400_000
"""Values in one response, counted by commas and brackets before parsing: a byte or two can become
an object of 64 bytes. A page of 2,000 users has fewer than 100,000."""

_KIND = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,40}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(
    body: bytes, content_type: str, request: str, *, status: int | None = None
) -> dict[str, JsonValue]:
    """The JSON object in `body`.

    A missing content type is tolerated if the body is a JSON object.

    Raises:
        Malformed: another content type, an empty body, not an object, not UTF-8, too deep, a
            number that JSON does not allow, or the same key twice with different values.
        TooMuch: more values than any response has.
        Transient: truncated JSON, or no JSON at all.
    """
    if not body.strip():
        raise Malformed(request, "it is empty", worth_retrying=True, status=status)
    kind = content_type.split(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        named = kind if _KIND.fullmatch(kind) else "of an unknown kind"
        raise Malformed(request, f"it is {named}, not JSON", worth_retrying=True, status=status)
    if sum(map(body.count, (b"{", b"[", b","))) > MOST_VALUES:
        raise TooMuch(request, f"it holds more than {MOST_VALUES:,} values", status=status)
    document = _parsed(body, request, status)
    if not isinstance(document, dict):
        raise Malformed(request, "it is JSON, but not an object", status=status)
    return _whole_object(document) if _SURROGATE.search(body) else document


def _parsed(body: bytes, request: str, status: int | None) -> JsonValue:
    try:
        document: JsonValue = json_values.parse(
            body.decode("utf-8-sig"), values=MOST_VALUES, depth=DEEPEST, pairs=_unambiguous
        )
        return document
    except UnicodeDecodeError as error:
        raise Malformed(request, f"byte {error.start} is not valid UTF-8", status=status) from error
    except json.JSONDecodeError as error:
        raise Transient(request, f"invalid JSON: {error.msg}", status=status) from error
    except NotJson as error:
        raise Malformed(request, str(error), status=status) from error
    except ValueError as error:
        raise Malformed(request, "it holds a number of too many digits", status=status) from error


def _unambiguous(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """The object of `pairs`. A setting that is both on and off proves neither."""
    document = dict(pairs)
    if len(document) != len(pairs):
        for key, value in pairs:
            if type(document[key]) is not type(value) or document[key] != value:
                raise NotJson(f"it holds {redact_text(key)[:60]!r} twice, with different values")
    return document


def _whole_object(document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """`document` with lone surrogates replaced, which truncated names can contain."""
    return {str(_whole(key)): _whole(item) for key, item in document.items()}


def _whole(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return _whole_object(value)
    return value
