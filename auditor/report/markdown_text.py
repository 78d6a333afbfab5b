"""Building blocks of Markdown: escaped text, tables, and pages of limited size."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.plain_text import pluralize
from auditor.report.display import shorten

LONGEST = 80
"""Columns of a name or value before it is cut."""
LONGEST_SENTENCE = 600
"""The same for a sentence."""
LONGEST_LIST = 5000
"""The same for a list of references."""

_MARKUP = re.compile(r"[\\`*_\[\]<>|~&!]")
"""Markup characters anywhere in a line."""
_OPENING = re.compile(r"\A(\d+(?=[.)]))?([.)+=-])")
"""Characters that start a list or underline a heading at the beginning of a line."""
_REFERENCE = re.compile(
    r"[@$#]|://|www\.|:[\w+-]+:|\bGH-\d|\b[0-9a-f]{7,40}\b"
    r"|[`*_<>\[\]|~&\\].*[`*_<>\[\]|~&\\]",
    re.IGNORECASE,
)
"""Text that GitHub turns into a link, mention, formula or image even if escaped, and text that is
hard to read when escaped."""
_EDGES = re.compile(r"\A([(“]*)(.*?)([)”.,:;!?]*)\Z", re.DOTALL)


def code(text: str, width: int = LONGEST) -> str:
    """`text` as code: escaped, cut to `width` columns, and safe in a table."""
    clean = shorten(text, width).replace("\\|", "\\ |")
    if not clean:
        return "–"
    longest = max(map(len, re.findall("`+", clean)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if clean.startswith("`") or clean.endswith("`") else ""
    return f"{fence}{pad}{clean}{pad}{fence}"


def prose(text: str, width: int = LONGEST_SENTENCE) -> str:
    """A sentence as Markdown: markup is escaped, or set as code if escaping is not enough."""
    words = " ".join(map(_word, shorten(" ".join(text.split()), width).split(" ")))
    return _OPENING.sub(r"\1\\\2", words)


def _word(word: str) -> str:
    edges = _EDGES.match(word)
    if edges is not None and edges[2] and _REFERENCE.search(word):
        return f"{edges[1]}{code(edges[2])}{edges[3]}"
    return _MARKUP.sub(lambda match: "\\" + match[0], word)


@dataclass(frozen=True, slots=True)
class PagePart:
    """A part of the page. Only `rows` are cut; each consists of complete lines."""

    head: str
    rows: Sequence[str] = ()
    what: str = "row"
    """The noun for a row, in the line that counts omitted rows."""
    last: bool = False
    """Whether this part gets space after all others."""

    @property
    def least(self) -> int:
        """Size in bytes without rows, including the line that counts them."""
        return _size(self.head) + _size(self.more(len(self.rows))) + 2

    def more(self, left_out: int) -> str:
        """The line that counts omitted rows; empty if there are none."""
        if not left_out:
            return ""
        return f"\nand {pluralize(left_out, f'more {self.what}', f'more {self.what}s')}\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def fit_to_size(parts: Sequence[PagePart], most_bytes: int) -> str:
    """The page, with as many rows of each part as fit into `most_bytes`."""
    room = most_bytes - sum(part.least for part in parts)
    row_counts: dict[int, int] = {}
    for index in sorted(range(len(parts)), key=lambda index: (parts[index].last, index)):
        row_counts[index] = 0
        for row in parts[index].rows:
            room -= _size(row)
            if room < 0:
                room += _size(row)
                break
            row_counts[index] += 1
    pieces = []
    for index, part in enumerate(parts):
        more = part.more(len(part.rows) - row_counts[index])
        pieces.append(part.head + "".join(part.rows[: row_counts[index]]) + more)
    return "\n".join(pieces)


def table_head(head: Sequence[str], left: int) -> str:
    """The head of a table whose first `left` columns are aligned left, the rest right."""
    lines = [":---"] * left + ["---:"] * (len(head) - left)
    return table_row(*head) + table_row(*lines)


def table_row(*cells: str) -> str:
    """A row of a table. A pipe must be escaped here, even inside code."""
    return "".join(f"| {_BARE_PIPE.sub(_ESCAPED_PIPE, cell)} " for cell in cells) + "|\n"


_BARE_PIPE = re.compile(r"(?<!\\)\|")
_ESCAPED_PIPE = r"\\|"
