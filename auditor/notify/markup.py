"""Formats the parts of a message: names and paths are quoted; numbers and times are readable."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from auditor.notify.escaping import escape_markup

LONGEST_SETTING = 80
"""Characters."""

_CATALOGUE_SETTING = re.compile(r"(?:derived:)?[\w.(), ]+", re.ASCII)
"""Settings without characters that a chat interprets. They stay unescaped, so that they can be
copied."""


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


def pluralize(number: int, noun: str) -> str:
    """`1 waiver`, `2 waivers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(time: str) -> str:
    """An RFC 3339 time to the minute, in UTC."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
