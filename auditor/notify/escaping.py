"""Escapes names from Zoom so that chat and mail clients do not interpret them as markup."""

import unicodedata

LONGEST = 60
"""Characters of a name before it is truncated."""

_SAFE = frozenset(" .,'()-+_")
"""Characters that no chat interprets within a line."""
_SUBSTITUTES = {"@": "(at)", "＠": "(at)", "。": ".", "．": ".", "｡": "."}
"""Characters of addresses; browsers treat the other full stops like the ASCII one."""
_DOT_LEADER = "\u2024"
"""Looks like a full stop, but does not turn `evil.example` into a link."""
_MAX_ACCENTS = 2
"""Combining characters per letter."""


def escape_markup(text: str, longest: int = LONGEST) -> str:
    """`text` without anything that a chat, a mail client or a terminal interprets.

    Markup, mentions (`@channel`, `<!here>`), links and line breaks are replaced by similar-looking
    characters; invisible characters and those that change the writing direction become `?`.
    """
    chars: list[str] = []
    accents = 0
    words = " ".join(text[: 4 * longest].split())
    for index, char in enumerate(words):
        category = unicodedata.category(char)
        accents = accents + 1 if category[0] == "M" else 0
        if accents <= _MAX_ACCENTS:
            # Elsewhere a colon may start an emoji or end a scheme, and two slashes may follow it.
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
