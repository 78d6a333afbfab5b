"""The summary of a run on three pages: what is on, what is broken, and what has no answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from auditor.findings.at_risk import PeopleAtRisk, at_risk
from auditor.findings.exposure import exposure
from auditor.findings.inventory import FeatureUse
from auditor.findings.model import Severity
from auditor.findings.rollup import CauseRollup, FindingGroup, Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import (
    closing_wording,
    fix_wording,
    inventory_wording,
    open_questions,
    unknown_features,
    wording,
)
from auditor.report.display import printable
from auditor.report.facts import ControlFacts
from auditor.report.inventory_wording import USE, FeatureRow, TopicSection

MOST_ON = 12
MOST_BROKEN = 18
MOST_OPEN = 10
"""Rows that fill a page each."""


NOTHING_JUDGED = "Nothing was judged."


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A control with deviations."""

    severity: Severity
    control: str
    fact: str
    """What is the case, and for whom."""
    fix: str
    """The place in Zoom's portal; empty if there is none."""


@dataclass(frozen=True, slots=True)
class OpenPart:
    """One kind of what nobody has answered, with what to do about it."""

    heading: str
    what_to_do: str
    rows: Sequence[str]
    more: int
    noun: str = "rule"
    """What a row is."""


@dataclass(frozen=True, slots=True)
class SummaryOutline:
    """What the three pages show."""

    on: Sequence[FeatureRow]
    more_on: int
    others: str
    """The features that are not on, in a sentence; empty if the run has no inventory."""
    columns: Sequence[str]
    """The head of the table of what is on."""
    broken: Sequence[BrokenRow]
    more_broken: int
    open: Sequence[OpenPart]
    none_broken: str
    """What is said where no rule is broken."""
    none_open: str
    """What is said where everything has an answer."""


def outline(run: Run, rollup: Rollup) -> SummaryOutline:
    """The rows of the summary, the most important first."""
    sections = inventory_wording.of_run(run)
    parts = [part for section in sections for part in section.parts]
    on = [row for heading, rows in parts if heading == USE[FeatureUse.ON] for row in rows]
    controls, facts = rollup.deviating_controls, ControlFacts(run, rollup)
    exposed, closing = exposure(run), closing_wording.outline(run)
    broken = [
        BrokenRow(
            control.severity,
            printable(control.info.id),
            facts.of(control),
            fix_wording.in_short(control, rollup, exposed, closing),
        )
        for control in controls[:MOST_BROKEN]
    ]
    return SummaryOutline(
        on[:MOST_ON],
        max(0, len(on) - MOST_ON),
        " ".join(
            f"{section.heading}: {section.summary}. {section.judged}".rstrip()
            for section in sections
        ),
        inventory_wording.columns(sections),
        broken,
        len(controls) - len(broken),
        tuple(_with_commands(run, part) for part in _open(run, rollup, sections)),
        "No rule was found to be broken." if wording.judged(run) else NOTHING_JUDGED,
        "Everything has an answer." if wording.judged(run) else NOTHING_JUDGED,
    )


def _with_commands(run: Run, part: OpenPart) -> OpenPart:
    return replace(part, what_to_do=wording.with_sandbox(run, part.what_to_do))


def _open(run: Run, rollup: Rollup, sections: Sequence[TopicSection]) -> Iterator[OpenPart]:
    exposed = at_risk(run)
    for cause in rollup.causes:
        yield _unknown(run, cause, exposed)
    for each in unknown_features.of_sections(run, sections):
        if not each.is_partial:
            yield _part(each.heading, each.what_to_do, each.features, "feature")
    waiting = (
        ("To decide", "Your organisation decides: auditor decide", rollup.decisions),
        (open_questions.HEADING, "A person looks in Zoom: auditor attest", rollup.attestations),
    )
    for heading, what_to_do, groups in waiting:
        if titles := _titles(run, groups):
            is_attested = groups is waiting[1][2]
            rules = pluralize(len(titles), "rule")
            count = open_questions.counted(rollup) if is_attested else rules
            yield _part(f"{heading}: {count}", what_to_do, titles)


def _unknown(run: Run, cause: CauseRollup, exposed: Sequence[PeopleAtRisk]) -> OpenPart:
    name = wording.sentence_case(wording.cause_name(cause.cause))
    heading = f"{name}: {wording.at_places(cause)}"
    titles = [_title(run, control) for control in cause.controls]
    return _part(heading, wording.remedy_for(cause, run.errors, exposed), titles)


def _titles(run: Run, groups: Sequence[FindingGroup]) -> list[str]:
    """The controls of `groups`, the most severe first."""
    return list(dict.fromkeys(_title(run, group.verdict.control) for group in groups))


def _title(run: Run, control: str) -> str:
    info = run.controls.get(control)
    return f"{printable(control)} {printable(info.title) if info else ''}".rstrip()


def _part(heading: str, what_to_do: str, rows: Sequence[str], noun: str = "rule") -> OpenPart:
    return OpenPart(heading, what_to_do, rows[:MOST_OPEN], max(0, len(rows) - MOST_OPEN), noun)
