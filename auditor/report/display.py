"""Names and values from Zoom for display: escaped, and measured in terminal columns.

`json_text` is for other programs, some of which reject valid JSON.
"""

import json
import math
import re

from wcwidth import wcswidth, wcwidth

from auditor.evidence.reading import JsonValue
from auditor.plain_text import printable

__all__ = [
    "ELLIPSIS",
    "Object",
    "display_width",
    "json_text",
    "printable",
    "readable",
    "shorten",
    "value_text",
]

ELLIPSIS = "…"
Object = dict[str, JsonValue]

_ESCAPED = re.compile(r"\\[utrbf]")
"""Control characters as `json.dumps` writes them."""


def display_width(text: str) -> int:
    """How many terminal columns `text` takes; wide characters take two."""
    return max(0, wcswidth(text))


def shorten(text: str, width: int) -> str:
    """`printable(text)`, cut to `width` columns with an ellipsis if it is longer."""
    clean = printable(text[: 4 * width + 4])
    if len(text) <= 4 * width + 4 and display_width(clean) <= width:
        return clean
    chars, columns_left = [], width - 1
    for char in clean:
        columns_left -= max(0, wcwidth(char))
        if columns_left < 0:
            break
        chars.append(char)
    return "".join(chars).rstrip() + ELLIPSIS


def value_text(value: JsonValue, width: int) -> str:
    """A value as JSON, escaped and at most `width` columns wide."""
    return shorten(json.dumps(value, ensure_ascii=False, sort_keys=True), width)


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
