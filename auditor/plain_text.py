"""Escapes characters in foreign text that could control a terminal or mislead its reader."""

import unicodedata

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


def clipped(text: object, length: int = 200) -> str:
    """The text of an error or a foreign value, at most `length` characters and an ellipsis."""
    whole = str(text)
    return whole if len(whole) <= length else f"{whole[:length]}…"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
