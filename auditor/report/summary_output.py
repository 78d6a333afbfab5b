"""The summary of three pages for the terminal and as Markdown."""

from collections.abc import Iterator

from auditor.plain_text import pluralize
from auditor.report import inventory_wording
from auditor.report.markdown_text import prose, table_head, table_row
from auditor.report.summary_outline import SummaryOutline
from auditor.report.text_layout import wrap, wrapped_row

ON = "What is on, and for whom"
BROKEN = "What is broken, and how to fix it"
OPEN = "What nobody has answered"

_CELLS = (13, 14, 15, 16)
"""Columns of the account, groups, people and rule, with the gap after them."""
_LONGEST_TITLE = 60


def text_lines(outline: SummaryOutline, width: int) -> Iterator[tuple[str, str | None]]:
    """Lines of at most `width` columns, each with its style."""
    if outline.others:
        yield "", None
        yield ON, "heading"
        yield from ((line, None) for line in wrap(outline.others, width))
        rows = [(row.feature.title, *row.cells) for row in outline.on]
        cells = _CELLS[: len(outline.columns) - 1]
        sizes = (max(20, min(_LONGEST_TITLE, width - sum(cells))), *cells)
        for cells_of_row in (outline.columns, *rows) if rows else ():
            yield from ((line, None) for line in wrapped_row(cells_of_row, sizes))
        yield from _more(outline.more_on, "setting")
        if outline.on:
            yield from ((line, None) for line in wrap(inventory_wording.LEGEND, width))
    yield "", None
    yield BROKEN, "heading"
    for row in outline.broken:
        text = f"{row.severity}: {row.fact} ({row.control})"
        yield from ((line, None) for line in wrap(text, width, "", "  "))
        if row.fix:
            yield from ((line, None) for line in wrap(row.fix, width, "  ", "  "))
    if not outline.broken:
        yield outline.none_broken, None
    yield from _more(outline.more_broken, "rule")
    yield "", None
    yield OPEN, "heading"
    for part in outline.open:
        text = f"{part.heading}. {part.what_to_do}"
        yield from ((line, None) for line in wrap(text, width, "", "  "))
        for item in part.rows:
            yield from ((line, None) for line in wrap(item, width, "  - ", "    "))
        yield from _more(part.more, part.noun)
    if not outline.open:
        yield outline.none_open, None


def _more(count: int, noun: str) -> Iterator[tuple[str, None]]:
    if count:
        yield f"  and {pluralize(count, f'more {noun}')}", None


def markdown(outline: SummaryOutline) -> str:
    """The three parts as sections."""
    pieces = []
    if outline.others:
        legend = f"{prose(inventory_wording.LEGEND)}\n\n" if outline.on else ""
        pieces.append(f"## {ON}\n\n{prose(outline.others)}\n\n{legend}")
        pieces.append(table_head(outline.columns, left=len(outline.columns)) if outline.on else "")
        pieces += [table_row(*map(prose, (row.feature.title, *row.cells))) for row in outline.on]
        pieces.append(_and_more(outline.more_on, "setting"))
    pieces.append(f"\n## {BROKEN}\n\n")
    head = table_head(("Severity", "What is the case", "How to fix it"), 3)
    pieces.append(head if outline.broken else f"{outline.none_broken}\n")
    pieces += [
        table_row(row.severity, prose(f"{row.fact} ({row.control})"), prose(row.fix))
        for row in outline.broken
    ]
    pieces.append(_and_more(outline.more_broken, "rule"))
    pieces.append(f"\n## {OPEN}\n")
    if not outline.open:
        pieces.append(f"\n{outline.none_open}\n")
    for part in outline.open:
        pieces.append(f"\n### {prose(part.heading)}\n\n{prose(part.what_to_do)}\n\n")
        pieces += [f"- {prose(item)}\n" for item in part.rows]
        pieces.append(_and_more(part.more, part.noun))
    return "".join(pieces)


def _and_more(count: int, noun: str) -> str:
    return f"\nand {pluralize(count, f'more {noun}')}\n" if count else ""
