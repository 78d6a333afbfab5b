"""Plain text: counts and lists in words; foreign text without characters that could control a
terminal or mislead its reader."""

import unicodedata
from collections.abc import Sequence

_JOINERS = "\u200c\u200d"
"""Kept: words of some languages and emoji need them."""
_MAX_COMBINING = 4
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, reverse the reading direction or are invisible."""


def printable(text: str) -> str:
    """`text` with control, escape, direction and invisible characters spelled out (`\\u202e`).

    Of marks piled on one letter, only the first few are kept.
    """
    if text.isascii() and text.isprintable():
        return text
    output, combining = [], 0
    for char in text:
        category = unicodedata.category(char)
        combining = combining + 1 if category in ("Mn", "Me") else 0
        if category in _HARMFUL and char not in _JOINERS:
            output.append(_escaped(char))
        elif combining <= _MAX_COMBINING:
            output.append(char)
    return "".join(output)


def pluralize(count: int, noun: str, plural: str = "") -> str:
    """`1 group`, `12,345 groups`; `plural` is for nouns that take more than an `s`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def join_and(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if items[1:] else items)


def clipped(text: object, length: int = 200) -> str:
    """The text of an error or a foreign value, at most `length` characters and an ellipsis."""
    whole = str(text)
    return whole if len(whole) <= length else f"{whole[:length]}…"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
