"""The plan for a terminal."""

import textwrap
from collections.abc import Iterator

from auditor.fix import wording
from auditor.fix.model import FixPlan
from auditor.fix.wording import StepRow

_INDENT = "      "
NEXT = (
    "Make the automatic steps: auditor fix apply PLAN. Change the plan and see what it then leads "
    "to: auditor fix plan --what-if PLAN."
)


def as_text(plan: FixPlan, width: int) -> Iterator[str]:
    """The lines of the plan; none is wider than `width`."""
    yield from _wrapped(wording.origin(plan), width)
    yield from _wrapped(wording.headline(plan), width)
    for sentence in wording.summary(plan):
        yield from _wrapped(sentence, width)
    rows = wording.rows(plan.steps)
    for heading, is_manual in (
        ("Automatic steps, in order", False),
        ("Steps for a person, in Zoom's web portal", True),
    ):
        found = [row for row in rows if row.is_manual is is_manual]
        if found:
            yield ""
            yield heading
            for row in found:
                yield from _row(row, width)
    sections = wording.unfixable(plan)
    if sections:
        yield ""
        yield "What no step closes"
        for section in sections:
            yield from _wrapped(f"{section.heading}: {section.count:,}", width, "  ")
            yield from _wrapped(section.controls, width, _INDENT)
            for why in section.why:
                yield from _wrapped(why, width, _INDENT)
    if plan.steps:
        yield ""
        yield from _wrapped(NEXT, width)


def _row(row: StepRow, width: int) -> Iterator[str]:
    closes = f"closes {row.resolves:,}"
    room = width - len(closes) - 2
    label = f"{row.numbers:>4}  "
    first, *rest = textwrap.wrap(
        label + row.title, room, subsequent_indent=_INDENT, break_on_hyphens=False
    )
    yield f"{first.ljust(room)}  {closes}"
    yield from rest
    if row.is_manual:
        yield from _wrapped(f"Where: {row.place or 'not known'}. {row.reason}", width, _INDENT)
    if row.details:
        yield from _wrapped(" ".join(row.details), width, _INDENT)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
