"""Names from Zoom inside messages: chats and mail programs take marks in them for their own."""

import unicodedata

LONGEST = 60
"""Characters of a name before it is cut."""

_SAFE = frozenset(" .,'()-+_")
"""Marks that mean nothing to a chat in the middle of a line."""
_SUBSTITUTES = {"@": "(at)", "＠": "(at)", "。": ".", "．": ".", "｡": "."}
"""The signs of an address; browsers take the other full stops for the usual one."""
_DOT_LEADER = "\u2024"
"""Looks like a full stop, and makes no link of `evil.example`."""
_MAX_ACCENTS = 2
"""Accents piled on one letter."""


def escape_markup(text: str, longest: int = LONGEST) -> str:
    """`text` without anything a chat, a mail program or a terminal would act on.

    Markup, mentions (`@channel`, `<!here>`), links and line breaks are replaced by signs that look
    like them; what cannot be seen or turns the reading direction becomes `?`.
    """
    chars: list[str] = []
    accents = 0
    words = " ".join(text[: 4 * longest].split())
    for index, char in enumerate(words):
        category = unicodedata.category(char)
        accents = accents + 1 if category[0] == "M" else 0
        if accents <= _MAX_ACCENTS:
            # Elsewhere a colon may open an emoji or end a scheme, and two slashes follow one.
            is_colon = char == ":" and words[index + 1 : index + 2] in ("", " ")
            is_slash = (
                char == "/"
                and "/" not in words[max(0, index - 1) : index] + words[index + 1 : index + 2]
            )
            chars.append(char if is_colon or is_slash else _replacement(char, category))
    clean = "".join(chars)
    for index in range(len(clean) - 2, 0, -1):
        if clean[index] == "." and clean[index - 1].isalnum() and clean[index + 1].isalnum():
            clean = f"{clean[:index]}{_DOT_LEADER}{clean[index + 1 :]}"
    return clean if len(clean) <= longest else clean[: longest - 1].rstrip() + "…"


def _replacement(char: str, category: str) -> str:
    if char in _SAFE or (category[0] in "LNM" and char.isprintable()):
        return char
    if char in _SUBSTITUTES:
        return _SUBSTITUTES[char]
    if "!" <= char <= "~":
        return chr(ord(char) + 0xFEE0)  # the full-width form
    return "?" if category[0] in "CZ" else char
