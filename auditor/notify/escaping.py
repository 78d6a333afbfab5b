"""Names from Zoom inside messages: chats and mail programs take marks in them for their own."""

import unicodedata

LONGEST = 60
"""Characters of a name before it is cut."""

_KEPT = frozenset(" .,'()-+_")
"""Marks that mean nothing to a chat in the middle of a line."""
_SPELLED = {"@": "(at)", "＠": "(at)", "。": ".", "．": ".", "｡": "."}
"""The signs of an address; browsers take the other full stops for the usual one."""
_ONE_DOT = "\u2024"
"""Looks like a full stop, and makes no link of `evil.example`."""
_MOST_MARKS = 2
"""Accents piled on one letter."""


def escape_markup(text: str, longest: int = LONGEST) -> str:
    """`text` without anything a chat, a mail program or a terminal would act on.

    Markup, mentions (`@channel`, `<!here>`), links and line breaks are replaced by signs that look
    like them; what cannot be seen or turns the reading direction becomes `?`.
    """
    kept: list[str] = []
    marks = 0
    words = " ".join(text[: 4 * longest].split())
    for at, char in enumerate(words):
        category = unicodedata.category(char)
        marks = marks + 1 if category[0] == "M" else 0
        if marks <= _MOST_MARKS:
            # Elsewhere a colon may open an emoji or end a scheme, and two slashes follow one.
            is_colon = char == ":" and words[at + 1 : at + 2] in ("", " ")
            is_slash = (
                char == "/" and "/" not in words[max(0, at - 1) : at] + words[at + 1 : at + 2]
            )
            kept.append(char if is_colon or is_slash else _replaced(char, category))
    clean = "".join(kept)
    for at in range(len(clean) - 2, 0, -1):
        if clean[at] == "." and clean[at - 1].isalnum() and clean[at + 1].isalnum():
            clean = f"{clean[:at]}{_ONE_DOT}{clean[at + 1 :]}"
    return clean if len(clean) <= longest else clean[: longest - 1].rstrip() + "…"


def _replaced(char: str, category: str) -> str:
    if char in _KEPT or (category[0] in "LNM" and char.isprintable()):
        return char
    if char in _SPELLED:
        return _SPELLED[char]
    if "!" <= char <= "~":
        return chr(ord(char) + 0xFEE0)  # the full-width form
    return "?" if category[0] in "CZ" else char
