"""JSON for third-party programs, some of which reject valid JSON."""

import json
import math
import re

from auditor.evidence.reading import JsonValue
from auditor.report.display import printable

Object = dict[str, JsonValue]

_ESCAPED = re.compile(r"\\[utrbf]")
"""Control characters as `json.dumps` writes them."""


def json_text(value: JsonValue) -> str:
    """`value` on one line, with everything that a strict parser rejects escaped as text.

    Many reject NUL and lone surrogates, and some display direction marks unescaped.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:  # NaN or infinity
        text = ""
    if text.isascii() and text.isprintable() and text and not _ESCAPED.search(text):
        return text  # fast path for nearly every value
    return json.dumps(readable(value), ensure_ascii=False, allow_nan=False)


def readable(value: JsonValue) -> JsonValue:
    """`value`, keys included, with unsafe characters, NaN and infinity as plain text.

    Line breaks stay, because JSON escapes them and longer texts need them.
    """
    match value:
        case str():
            return (
                printable(value)
                if "\n" not in value
                else "\n".join(map(printable, value.split("\n")))
            )
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [readable(item) for item in value]
        case dict():
            return {printable(key): readable(item) for key, item in value.items()}
        case _:
            return value
