"""Names and values from Zoom as people may see them: made harmless, and measured in columns."""

import json
import unicodedata

from wcwidth import wcswidth, wcwidth

from auditor.evidence.reading import JsonValue

ELLIPSIS = "…"
_JOINERS = "\u200c\u200d"
"""Needed inside words of some languages and inside emoji, so kept."""
_MOST_MARKS = 4
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, turn the reading direction or cannot be seen."""


def plain(text: str) -> str:
    """`text` with control, escape, direction and invisible characters spelled out (`\\u202e`).

    Of marks piled on one letter, only the first few are kept.
    """
    if text.isascii() and text.isprintable():
        return text
    kept, marks = [], 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in _HARMFUL and char not in _JOINERS:
            kept.append(_spelled(char))
        elif marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def columns(text: str) -> int:
    """How many terminal columns `text` takes; wide characters take two."""
    return max(0, wcswidth(text))


def shorten(text: str, width: int) -> str:
    """`plain(text)`, cut to `width` columns with an ellipsis where it is longer."""
    clean = plain(text[: 4 * width + 4])
    if len(text) <= 4 * width + 4 and columns(clean) <= width:
        return clean
    kept, room = [], width - 1
    for char in clean:
        room -= max(0, wcwidth(char))
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ELLIPSIS


def value_text(value: JsonValue, width: int) -> str:
    """A value as JSON spells it, harmless and at most `width` columns wide."""
    return shorten(json.dumps(value, ensure_ascii=False, sort_keys=True), width)
