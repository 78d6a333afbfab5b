"""How a message is written: names and paths marked, numbers and times as people read them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from auditor.notify.escaping import escape_markup

LONGEST_SETTING = 80
"""Characters."""

_CATALOGUE_SETTING = re.compile(r"(?:derived:)?[\w.(), ]+", re.ASCII)
"""Settings in which there is nothing that a chat could act on. Copied, they have to be found."""


@dataclass(frozen=True, slots=True)
class Markup:
    """How a spelling marks names, paths and headings."""

    quote: str
    """Stands on both sides of a name or path. No name has it in itself."""
    strong: str
    """Stands on both sides of a heading."""

    def name(self, text: str) -> str:
        """A name from Zoom or from the organisation file."""
        return self.literal(escape_markup(text))

    def literal(self, text: str) -> str:
        """What we have written ourselves: copied out of the message, it has to work."""
        return f"{self.quote}{text}{self.quote}"

    def setting(self, path: str) -> str:
        """The path of a setting."""
        is_plain = _CATALOGUE_SETTING.fullmatch(path) and len(path) <= LONGEST_SETTING
        return self.literal(path if is_plain else escape_markup(path, LONGEST_SETTING))

    def place(self, report: str) -> str:
        """Where a report is: a link as it stands, so that it can be clicked; a path as a name."""
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
