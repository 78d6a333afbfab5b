"""A run by a framework's references, in words: one outline for every report for people."""

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
from auditor.report import wording
from auditor.report.display import printable

HEAD = ("reference", "what it is about", "control", "how it came out")

_RELATION = {
    "differs": "asks for something else",
    "opposite": "asks for the opposite",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """What every report for people says about a framework."""

    heading: str
    summary: str
    """How many references are met by controls, in a sentence."""
    rows: tuple[tuple[str, str, str, str], ...]
    """Under `HEAD`: one row for each reference and control; repeated references are empty."""
    closing: str
    """The heading of what is not claimed."""
    open: tuple[str, ...]
    """What is not claimed, one sentence for each part."""


def outline(run: Run, rollup: Rollup) -> Outline | None:
    """The statement of applicability of a run in words; None where it names no framework."""
    if run.framework is None:
        return None
    found = by_reference(run.framework, rollup.controls)
    framework = found.framework
    return Outline(
        heading=f"By the references of {framework.name}",
        summary=summary(found),
        rows=tuple(row for entry in found.entries for row in _rows(entry)),
        closing=f"What this run does not claim about {framework.title}",
        open=(framework.not_claimed, *(spoken(part) for part in found.open)),
    )


def summary(found: StatementOfApplicability) -> str:
    """How many references there are, and how many of them the run says something about."""
    borne, references = len(found.entries), wording.counted(found.references, "reference")
    rest = [
        f"{wording.number(count)} {what}"
        for count, what in (
            (found.unassessed, "have controls that this run did not assess"),
            (found.unclaimed, "are claimed by no control"),
        )
        if count
    ]
    tail = f"; {', '.join(rest)}" if rest else ""
    if not borne:
        return f"No control of this run bears on any of {references}{tail}."
    return f"Controls of this run bear on {wording.number(borne)} of {references}{tail}."


def result(bearing: ReferencedControl) -> str:
    """What came of a control, the most worrying first: `deviates at 3 users, 2 unknown`."""
    parts = []
    if bearing.deviating:
        parts.append(f"deviates at {wording.levels(bearing.deviating)}")
    for status in Status:
        count = bearing.count(status)
        if count and status not in (Status.FAIL, Status.PASS):
            parts.append(wording.outcome(status, count))
    if parts:
        return ", ".join(parts)
    return "as expected" if bearing.count(Status.PASS) else "no deviation"


def title(bearing: ReferencedControl) -> str:
    """The control's id and title, and how the reference differs from what the baseline asks."""
    info = bearing.control.info
    relation = _RELATION.get(bearing.relation)
    named = f"{printable(info.id)} {printable(info.title)}"
    return f"{named} (the reference {relation})" if relation else named


def spoken(part: UncoveredPart) -> str:
    """What is not claimed of one part of a framework, and why."""
    said = []
    if part.unassessed:
        ids = sorted({each for controls in part.unassessed.values() for each in controls})
        references = ", ".join(part.unassessed)
        said.append(f"not assessed in this run: {references} (by {wording.listed(ids, 8)})")
    if part.unclaimed:
        why = f" {part.outside}" if part.outside else ""
        said.append(f"not claimed: {', '.join(spans(part.unclaimed))}.{why}")
    return f"{part.title}: {'; '.join(said)}"


def spans(references: Sequence[str]) -> list[str]:
    """`references` with runs of three or more numbers put together: `Art 15 to 22`."""
    runs: list[list[str]] = []
    for reference in references:
        if runs and _follows(runs[-1][-1], reference):
            runs[-1].append(reference)
        else:
            runs.append([reference])
    return [text for run in runs for text in _span(run)]


def _rows(entry: ReferenceResult) -> Iterator[tuple[str, str, str, str]]:
    reference, part = entry.reference, entry.part
    for bearing in entry.bearings:
        yield reference, part, title(bearing), result(bearing)
        reference = part = ""


def _follows(one: str, other: str) -> bool:
    head, digits = _split(one)
    return bool(digits) and _split(other) == (head, str(int(digits) + 1))


def _split(reference: str) -> tuple[str, str]:
    head = reference.rstrip("0123456789")
    return head, reference[len(head) :]


def _span(run: list[str]) -> list[str]:
    return run if len(run) < 3 else [f"{run[0]} to {_split(run[-1])[1]}"]
