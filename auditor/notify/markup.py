"""Names, paths and times in a message, so that no chat or mail client interprets them as markup."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

LONGEST_NAME = 60
"""Characters of a name before it is truncated."""
LONGEST_SETTING = 80
"""Characters."""

_CATALOGUE_SETTING = re.compile(r"(?:derived:)?[\w.(), ]+", re.ASCII)
"""Settings without characters that a chat interprets. They stay unescaped, so that they can be
copied."""

_SAFE = frozenset(" .,'()-+_")
"""Characters that no chat interprets within a line."""
_SUBSTITUTES = {"@": "(at)", "＠": "(at)", "。": ".", "．": ".", "｡": "."}
"""Characters of addresses; browsers treat the other full stops like the ASCII one."""
_DOT_LEADER = "\u2024"
"""Looks like a full stop, but does not turn `evil.example` into a link."""
_MAX_ACCENTS = 2
"""Combining characters per letter."""


@dataclass(frozen=True, slots=True)
class Markup:
    """The characters that mark names, paths and headings."""

    quote: str
    """Put on both sides of a name or path. No name contains it."""
    strong: str
    """Put on both sides of a heading."""

    def name(self, text: str) -> str:
        """A name from Zoom or from the organisation file."""
        return self.literal(escape_markup(text))

    def literal(self, text: str) -> str:
        """Text of the program itself, quoted unescaped so that it works when copied."""
        return f"{self.quote}{text}{self.quote}"

    def setting(self, path: str) -> str:
        """The path of a setting."""
        is_plain = _CATALOGUE_SETTING.fullmatch(path) and len(path) <= LONGEST_SETTING
        return self.literal(path if is_plain else escape_markup(path, LONGEST_SETTING))

    def place(self, report: str) -> str:
        """The location of a report: a link unquoted, so that it can be clicked; a path quoted."""
        if re.fullmatch(r"https?://[!-;=?-~]{1,200}", report):
            return report
        return self.literal(
            "".join(c for c in report[:300] if c.isprintable() and c not in '`"<>@')
        )

    def heading(self, text: str) -> str:
        """A heading."""
        return f"{self.strong}{text}{self.strong}"


PLAIN = Markup('"', "")
MARKDOWN = Markup("`", "**")


def moment(time: datetime) -> str:
    """A time to the minute, in UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def escape_markup(text: str, longest: int = LONGEST_NAME) -> str:
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
