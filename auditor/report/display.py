"""Names and values from Zoom for display: escaped, and measured in terminal columns."""

import json

from wcwidth import wcswidth, wcwidth

from auditor.evidence.reading import JsonValue
from auditor.plain_text import printable

__all__ = ["ELLIPSIS", "display_width", "printable", "shorten", "value_text"]

ELLIPSIS = "…"


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
