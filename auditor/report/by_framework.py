"""The statement of applicability in words, shared by the reports for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.findings.applicability import (
    ReferencedControl,
    ReferenceResult,
    StatementOfApplicability,
    UncoveredPart,
    by_reference,
)
from auditor.findings.model import Status
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import wording
from auditor.report.display import printable

HEAD = ("provision", "rule", "result")

_RELATION = {
    "differs": "asks for something else",
    "opposite": "asks for the opposite",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """The statement of applicability as every report for people presents it."""

    heading: str
    summary: str
    """One sentence on how many provisions the rules bear on."""
    rows: tuple[tuple[str, str, str], ...]
    """Columns as in `HEAD`, one row per provision and rule; a repeated provision is empty."""
    closing: str
    """The heading above `open`."""
    open: tuple[str, ...]
    """What the run does not claim, one sentence per part of the framework."""


def outline(run: Run, rollup: Rollup) -> Outline | None:
    """The statement of applicability of a run in words; None without a framework."""
    if run.framework is None:
        return None
    statement = by_reference(run.framework, rollup.controls)
    framework = statement.framework
    return Outline(
        heading=f"By the provisions of {framework.name}",
        summary=summary(statement),
        rows=tuple(row for entry in statement.entries for row in _rows(entry)),
        closing=f"What this run does not claim about {framework.title}",
        open=(
            framework.not_claimed,
            *(describe_part(part) for part in statement.open),
            *([f"The text: {framework.source}"] if framework.source else []),
        ),
    )


def summary(statement: StatementOfApplicability) -> str:
    """How many provisions the framework has, and on how many of them the run bears."""
    covered, references = len(statement.entries), pluralize(statement.references, "provision")
    omissions = [
        f"{wording.number(count)} {what}"
        for count, what in (
            (statement.unassessed, "have rules that this run did not check"),
            (statement.unclaimed, "are outside what settings can show"),
        )
        if count
    ]
    tail = f"; {', '.join(omissions)}" if omissions else ""
    if not covered:
        return f"No rule of this run bears on any of {references}{tail}."
    return f"Rules of this run bear on {wording.number(covered)} of {references}{tail}."


def result(referenced: ReferencedControl) -> str:
    """The result of a control, the most severe first: `broken at 3 people, 2 without an answer`."""
    parts = []
    if referenced.deviating:
        parts.append(f"broken at {wording.levels(referenced.deviating)}")
    for status in Status:
        count = referenced.count(status)
        if count and status not in (Status.FAIL, Status.PASS):
            parts.append(wording.outcome(status, count))
    if parts:
        return ", ".join(parts)
    return "kept" if referenced.count(Status.PASS) else "nothing broken"


def title(referenced: ReferencedControl) -> str:
    """The control's id and title, and how the reference differs from the baseline."""
    info = referenced.control.info
    relation = _RELATION.get(referenced.relation)
    text = f"{printable(info.id)} {printable(info.title)}"
    return f"{text} (the provision {relation})" if relation else text


def describe_part(part: UncoveredPart) -> str:
    """What the run does not claim about a part of a framework, and why."""
    clauses = []
    if part.unassessed:
        ids = sorted({control for controls in part.unassessed.values() for control in controls})
        references = ", ".join(part.unassessed)
        clauses.append(f"not checked in this run: {references} (by {wording.listed(ids, 8)})")
    if part.unclaimed:
        why = f" {part.outside}" if part.outside else ""
        outside = ", ".join(collapse_ranges(part.unclaimed))
        clauses.append(f"outside what settings can show: {outside}.{why}")
    return f"{part.title}: {'; '.join(clauses)}"


def collapse_ranges(references: Sequence[str]) -> list[str]:
    """`references`, with three or more consecutive numbers as a range: `Art 15 to 22`."""
    ranges: list[list[str]] = []
    for reference in references:
        if ranges and _is_next(ranges[-1][-1], reference):
            ranges[-1].append(reference)
        else:
            ranges.append([reference])
    return [text for one_range in ranges for text in _range_text(one_range)]


def _rows(entry: ReferenceResult) -> Iterator[tuple[str, str, str]]:
    provision = f"{entry.reference} {entry.title}"
    for referenced in entry.controls:
        yield provision, title(referenced), result(referenced)
        provision = ""


def _is_next(reference: str, following: str) -> bool:
    head, digits = _split(reference)
    return bool(digits) and _split(following) == (head, str(int(digits) + 1))


def _split(reference: str) -> tuple[str, str]:
    head = reference.rstrip("0123456789")
    return head, reference[len(head) :]


def _range_text(references: list[str]) -> list[str]:
    return (
        references if len(references) < 3 else [f"{references[0]} to {_split(references[-1])[1]}"]
    )
