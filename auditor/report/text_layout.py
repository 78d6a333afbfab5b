"""Paragraphs and tables for terminals, measured in columns."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from auditor.report.display import display_width, printable, shorten

GAP = "  "
"""Between two columns of a table."""


def wrap(text: str, width: int, first: str = "", hanging: str = "") -> list[str]:
    """Wrap `text` at spaces into lines of at most `width` columns; longer words are cut."""
    lines: list[str] = []
    line, empty = first, True
    for word in text.split():
        if not empty and display_width(line) + 1 + display_width(word) > width:
            lines.append(line)
            line, empty = hanging, True
        fitting = shorten(word, width - display_width(hanging))
        line, empty = (line + fitting, False) if empty else (f"{line} {fitting}", False)
    return [*lines, line]


def table(
    rows: Sequence[Sequence[str]],
    heads: Sequence[Sequence[str]],
    width: int,
    *,
    flexible: int,
    left: int,
) -> list[list[str]]:
    """The lines of each row, those of `heads` first, in at most `width` columns.

    The column `flexible` wraps to the width that the others leave. The first `left` columns are
    aligned left, the others right.
    """
    every = [[printable(cell) for cell in row] for row in (*heads, *rows)]
    widths = [max(display_width(row[at]) for row in every) for at in range(len(heads[0]))]
    others = sum(widths) - widths[flexible] + len(GAP) * (len(widths) - 1)
    least = max(display_width(head[flexible]) for head in heads)
    widths[flexible] = max(least, min(widths[flexible], width - others))
    return [_row(row, widths, flexible, left) for row in every]


def _row(row: Sequence[str], widths: Sequence[int], flexible: int, left: int) -> list[str]:
    folded = wrap(row[flexible], widths[flexible])
    lines = []
    for number, part in enumerate(folded):
        cells = [
            part if at == flexible else cell if number == 0 else "" for at, cell in enumerate(row)
        ]
        padded = []
        for at, (cell, column) in enumerate(zip(cells, widths, strict=True)):
            blanks = " " * (column - display_width(cell))
            padded.append(cell + blanks if at < left else blanks + cell)
        lines.append(GAP.join(padded).rstrip())
    return lines


def wrapped_row(cells: Sequence[str], sizes: Sequence[int], indent: str = "") -> list[str]:
    """The lines of a row whose cells all wrap, each in `sizes` columns with a gap to the next.

    The first cell is indented, its further lines two columns more.
    """
    first = textwrap.wrap(
        printable(cells[0]),
        sizes[0] - len(GAP),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
    )
    columns = [first or [""]]
    columns += [
        textwrap.wrap(printable(cell), size - len(GAP))
        for cell, size in zip(cells[1:], sizes[1:], strict=True)
    ]
    return [
        "".join(map(_padded, line, sizes)).rstrip() for line in zip_longest(*columns, fillvalue="")
    ]


def _padded(text: str, size: int) -> str:
    return text + " " * max(0, size - display_width(text))
