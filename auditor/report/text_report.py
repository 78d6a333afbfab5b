"""The terminal report: the most important facts first."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from auditor.evidence.scope import Level, Scope
from auditor.findings.at_risk import PeopleAtRisk, at_risk
from auditor.findings.exposure import exposure
from auditor.findings.model import Severity, Status
from auditor.findings.rollup import CauseRollup, ControlRollup, FindingGroup, Rollup, roll_up
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import (
    by_framework,
    changes,
    closing_wording,
    control_text,
    headline,
    inventory_wording,
    open_decisions,
    open_questions,
    summary_wording,
    unknown_features,
    waiver_wording,
    wording,
)
from auditor.report.display import display_width, printable, shorten
from auditor.report.facts import ControlFacts
from auditor.report.interface import Format, Options
from auditor.report.summary_outline import outline
from auditor.report.summary_output import text_lines
from auditor.report.text_layout import table, wrap

MIN_WIDTH = 72
MOST_CONTROLS = 25
MOST_SCOPES = 10
MOST_IDS = 8
MOST_ERRORS = 5
MOST_FEATURES = 12

_LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)
"""The levels with a column of their own; all others share one."""

_SGR = {
    "heading": "1",
    "headline": "1;31",
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    "unknown": "35",
    "good": "32",
}
"""Critical is white on red: two reds cannot be told apart on most terminals."""


class TextFormat(Format):
    """A report for terminals of at least 72 columns; no line is wider than the terminal.

    The only exception is the path of the full report, which is useless if cut.
    """

    name = "text"
    suffix = ".txt"
    media_type = "text/plain; charset=utf-8"
    order = 0
    shows_changes = True
    is_text = True
    in_bundle = True

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` as UTF-8."""
        names = control_text.MOST_NAMES if options.controls else 1
        page = _TextPage(run, roll_up(run, names=names, worst=MOST_SCOPES), options)
        for line in page.lines():
            out.write(line.encode("utf-8", "replace") + b"\n")


class _TextPage:
    def __init__(self, run: Run, rollup: Rollup, options: Options) -> None:
        self.run = run
        self.rollup = rollup
        self.options = options
        self.width = max(MIN_WIDTH, options.width)

    def lines(self) -> Iterator[str]:
        if self.options.summary:
            yield from self._top()
            for line, style in text_lines(outline(self.run, self.rollup), self.width):
                yield self._paint(line, style)
            return
        blocks = self._blocks_of_controls() if self.options.controls else self._blocks()
        first = True
        for block in blocks:
            written = list(block)
            if written and not first:
                yield ""
            yield from written
            first = first and not written

    def _blocks_of_controls(self) -> Iterator[Iterator[str]]:
        yield self._top()
        exposed, facts = exposure(self.run), ControlFacts(self.run, self.rollup)
        chosen = [row for row in self.rollup.controls if row.info.id in self.options.controls]
        for control in sorted(chosen, key=lambda row: row.info.id):
            yield control_text.lines(self.run, control, self.rollup, facts, exposed, self.width)
        yield self._errors()

    def _blocks(self) -> Sequence[Iterator[str]]:
        return (
            self._top(),
            self._by_framework() if self.run.framework else self._controls(),
            self._worst(),
            self._closing(),
            self._unknowns(),
            self._decisions(),
            self._due(),
            self._accepted(),
            self._errors(),
            self._not_claimed(),
            self._about(),
            self._where(),
        )

    def _top(self) -> Iterator[str]:
        if simulated := wording.simulated(self.run):
            yield from self._wrapped(simulated, style="unknown")
        worst = headline.worst_fact(self.run, self.rollup)
        yield from self._wrapped(worst, style=self._headline_style())
        if why := headline.why_worst(self.run, self.rollup):
            yield from self._wrapped(why)
        for sentence in headline.rest(self.run, self.rollup):
            yield from self._wrapped(sentence)
        if incomplete := wording.incomplete(self.run, self.rollup):
            yield from self._wrapped(incomplete, style="unknown")
        info = self.run.info
        facts = [
            f"Account {info.account_id}",
            f"baseline {info.baseline.id} {info.baseline.version}".rstrip(),
            wording.when(info.finished_at),
        ]
        yield from self._joined([shorten(fact, self.width) for fact in facts], ())
        for sentence in wording.limits(self.run):
            yield from self._wrapped(sentence)
        if self.run.drift is not None:
            yield ""
            yield from self._wrapped(changes.line(self.run.drift))

    def _headline_style(self) -> str:
        for severity in Severity:
            if self.run.summary.by_severity.get(severity):
                return "headline" if severity is Severity.CRITICAL else severity
        unknown = self.run.summary.by_status.get(Status.UNKNOWN, 0)
        return "good" if wording.judged(self.run) and not unknown else "unknown"

    def _controls(self) -> Iterator[str]:
        deviating = self.rollup.deviating_controls
        controls = self.rollup.controls if self.options.include_passes else deviating
        if not controls:
            return
        yield self._heading("Broken rules, and for whom")
        yield from self._table_of_controls(controls[:MOST_CONTROLS])
        rest = controls[MOST_CONTROLS:]
        if rest:
            worst = {s: sum(c.severity is s for c in rest) for s in Severity}
            yield from self._wrapped(
                f"and {pluralize(len(rest), 'more rule')} ({wording.severities(worst)})"
            )

    def _table_of_controls(self, controls: Sequence[ControlRollup]) -> Iterator[str]:
        """By severity, without columns in which every number is zero."""
        coverage = self.run.summary.coverage

        columns: list[tuple[str, str, list[str]]] = [
            (
                wording.level_name(level),
                f"of {wording.number(coverage.get(level, 0))}",
                [wording.deviating(control, level) for control in controls],
            )
            for level in _LEVELS
        ]
        others = [level for level in Level if level not in _LEVELS]
        columns.append(("other", "", [wording.deviating(row, *others) for row in controls]))
        columns.append(("no", "answer", [wording.number(row.unknown) for row in controls]))
        shown = [column for column in columns if {*column[2]} - {"0", wording.NOT_JUDGED}]
        heads = [["", "", *(name for name, _, _ in shown)], ["", "", *(of for _, of, _ in shown)]]
        facts = ControlFacts(self.run, self.rollup)
        rows = [
            [f"  {shorten(control.info.id, 12)}", facts.of(control)]
            + [counts[at] for _, _, counts in shown]
            for at, control in enumerate(controls)
        ]
        first, second, *lines = table(rows, heads, self.width, flexible=1, left=2)
        yield from (*first, *second)
        severity = None
        for control, folded in zip(controls, lines, strict=True):
            if control.severity is not severity:
                severity = control.severity
                yield self._paint(severity, severity)
            yield from folded
        for mark, meaning in (
            ("0", wording.ZERO_MEANS),
            (wording.NOT_JUDGED, wording.NOT_JUDGED_MEANS),
        ):
            if any(mark in counts for _, _, counts in shown):
                yield from self._wrapped(meaning)
        for note, ids in facts.notes(controls).items():
            yield from self._wrapped(f"{wording.listed(ids, MOST_IDS)}: {note}")

    def _by_framework(self) -> Iterator[str]:
        """The controls by reference of the requested framework."""
        outline = by_framework.outline(self.run, self.rollup)
        assert outline is not None
        yield self._heading(outline.heading)
        yield from self._wrapped(outline.summary)
        for provision, control, result in outline.rows:
            if provision:
                yield from self._wrapped(provision, hanging="  ")
            yield from self._wrapped(f"- {control}: {result}", first="  ", hanging="    ")

    def _not_claimed(self) -> Iterator[str]:
        applicability = by_framework.outline(self.run, self.rollup)
        if applicability is None:
            return
        yield self._heading(applicability.closing)
        for sentence in applicability.open:
            yield from self._wrapped(f"- {sentence}", hanging="  ")

    def _worst(self) -> Iterator[str]:
        if not self.rollup.worst:
            return
        yield self._heading("Where most rules are broken")
        present = [s for s in Severity if any(w.by_severity.get(s) for w in self.rollup.worst)]
        rows = [
            [_scope_name(row.scope), wording.level_name(row.scope.level)]
            + [wording.number(row.by_severity.get(severity, 0)) for severity in present]
            for row in self.rollup.worst
        ]
        header = ["name", "level", *map(str, present)]
        head, *tables = table(rows, [header], self.width, flexible=0, left=2)
        yield from head
        for folded, row in zip(tables, self.rollup.worst, strict=True):
            yield from folded
            yield from self._wrapped(summary_wording.worst_rules(row), "  ", "  ")
        rest = self.rollup.deviating_scopes - len(self.rollup.worst)
        if rest:
            yield f"and {wording.number(rest)} more"
        yield from self._wrapped(summary_wording.one_person(self.run))

    def _closing(self) -> Iterator[str]:
        closing = closing_wording.outline(self.run)
        if closing is None:
            return
        yield self._heading(closing_wording.HEADING)
        if closing.steps:
            yield from self._wrapped(closing_wording.ORDER)
        for number, step in enumerate(closing.steps, 1):
            line = f"{number}. {shorten(step.title, 200)}: {closing_wording.closes(step)}. "
            way = shorten(closing_wording.how(step), closing_wording.LONGEST_DETAILS)
            yield from self._wrapped(line + way, hanging="   ")
            if step.details:
                details = shorten(" ".join(step.details), closing_wording.LONGEST_DETAILS)
                yield from self._wrapped(details, first="   ", hanging="   ")
        for text in filter(None, (closing.note, closing.sentence, closing.remaining)):
            yield from self._wrapped(text)
        for reason in closing.reasons:
            yield from self._wrapped(f"- {reason}", hanging="  ")
        yield from self._wrapped(f"{closing.whole}: {closing.command}")

    def _unknowns(self) -> Iterator[str]:
        causes = self.rollup.causes
        features = unknown_features.of_sections(self.run, inventory_wording.of_run(self.run))
        if not causes and not features:
            return
        accepted = wording.in_blind_spots(self.run)
        counted = f": {wording.unanswered(self.rollup)}{accepted}" if causes else ""
        yield self._heading(f"No answer{counted}")
        exposed = at_risk(self.run)
        for cause in causes:
            yield from self._cause(cause, exposed)
        for each in features:
            yield from self._wrapped(f"? {each.heading}", hanging="  ", style="unknown")
            yield from self._wrapped(each.what_to_do, first="  ", hanging="  ")
            for line in each.features[:MOST_FEATURES]:
                yield from self._wrapped(f"- {line}", first="  ", hanging="    ")
            rest = len(each.features) - MOST_FEATURES
            if rest > 0:
                yield f"  and {wording.number(rest)} more: auditor inventory"

    def _cause(self, cause: CauseRollup, exposed: Sequence[PeopleAtRisk]) -> Iterator[str]:
        yield from self._wrapped(
            f"? {wording.cause_name(cause.cause)}: {wording.at_places(cause)}",
            hanging="  ",
            style="unknown",
        )
        remedy = wording.remedy_for(cause, self.run.errors, exposed)
        yield from self._wrapped(remedy, first="  ", hanging="  ")
        for rule in wording.titled(cause.controls, self.run, MOST_IDS):
            yield from self._wrapped(f"- {rule}", first="  ", hanging="    ")

    def _decisions(self) -> Iterator[str]:
        decisions = open_decisions.of_run(self.run, self.rollup)
        if not decisions:
            return
        yield self._heading(open_decisions.HEADING)
        summary = open_decisions.summary(decisions)
        yield from self._wrapped(f"{summary} {open_decisions.COMMAND} asks them one by one.")
        for decision in decisions:
            line = f"- {decision.question} ({', '.join(decision.controls)})"
            yield from self._wrapped(line, hanging="  ")
            if decision.now:
                yield from self._wrapped(f"Today: {decision.now}", first="  ", hanging="  ")

    def _due(self) -> Iterator[str]:
        if self.rollup.attestations:
            yield from self._wrapped(
                f"{open_questions.HEADING}: {open_questions.counted(self.rollup)}. "
                f"{open_questions.WHY} {open_questions.COMMAND} --list shows all of them, with "
                f"the place to look; {open_questions.COMMAND} asks them one by one.",
                hanging="  ",
            )
        if uncovered := self.rollup.uncovered:
            settings = len({group.verdict.setting for group in uncovered})
            yield from self._wrapped(
                f"New settings: {wording.number(settings)} that no rule covers and no reference "
                f"explains. How to decide: auditor control show {_first_id(uncovered)}",
                hanging="  ",
            )

    def _accepted(self) -> Iterator[str]:
        waived = self.rollup.of_status(Status.WAIVED)
        attested = self.rollup.of_status(Status.ATTESTED)
        entries = waiver_wording.entry_lines(self.run)
        allowed = waiver_wording.allowed_lines(self.run, self.rollup)
        if not (waived or attested or entries or allowed or self.run.references):
            return
        yield self._heading("Accepted")
        for what, groups in (("Waived", waived), ("Attested", attested)):
            if groups:
                undecided = {g.verdict.control for g in groups if g.verdict.is_undecided}
                compared = (
                    f", {wording.number(len(undecided))} of them not compared with what is expected"
                    if undecided
                    else ""
                )
                ids = self._ids(wording.rules(groups))
                yield from self._wrapped(
                    f"{what}: {wording.counted_rules(groups)}, {ids}{compared}",
                    hanging="  ",
                )
        for line in allowed:
            yield from self._wrapped(line, hanging="  ")
        for line, needs_care in entries:
            bullet, style = ("!", "unknown") if needs_care else ("-", None)
            yield from self._wrapped(f"{bullet} {shorten(line, 400)}", hanging="  ", style=style)
        for reference in self.run.references:
            bullet, style = ("!", "unknown") if reference.is_stale else ("-", None)
            line = shorten(waiver_wording.reference_line(reference), 400)
            yield from self._wrapped(f"{bullet} {line}", hanging="  ", style=style)

    def _errors(self) -> Iterator[str]:
        errors = self.run.errors
        if not errors:
            return
        yield self._heading("Failed reads")
        for error in errors[:MOST_ERRORS]:
            message = shorten(" ".join(error.message.split()), 300)
            scopes = pluralize(error.scopes, "place")
            yield from self._wrapped(
                f"- {printable(error.source)}, {scopes}: {message}", hanging="  "
            )
        if len(errors) > MOST_ERRORS:
            yield f"and {wording.number(len(errors) - MOST_ERRORS)} more"

    def _about(self) -> Iterator[str]:
        yield self._heading("About this run")
        info = self.run.info
        yield from self._wrapped(
            f"Run {info.id}, read {wording.depth(info.depth)}. {wording.exit_code(self.run)}"
        )
        yield from self._wrapped(wording.checked(self.run))
        yield from self._wrapped(wording.by_outcome(self.run, self.rollup))
        yield from self._wrapped(wording.reads(self.run, self.rollup))
        if not self.rollup.deviating_scopes:
            yield from self._wrapped(
                "Not covered: " + " ".join(wording.not_covered(self.run)), hanging="  "
            )

    def _where(self) -> Iterator[str]:
        yield from self._wrapped("Answers to common questions from this run: auditor ask")
        path = self.options.report_path
        if path is None:
            yield from self._wrapped("Full report: auditor report --output report.html")
        else:
            line = f"Full report: {printable(path)}"
            yield from (
                [line] if display_width(line) <= self.width else ["Full report:", printable(path)]
            )

    def _ids(self, ids: Sequence[str]) -> str:
        return wording.listed([shorten(id_, 20) for id_ in ids], MOST_IDS)

    def _heading(self, text: str) -> str:
        return self._paint(shorten(text, self.width), "heading")

    def _paint(self, text: str, style: str | None) -> str:
        if style is None or not self.options.color:
            return text
        return f"\x1b[{_SGR[style]}m{text}\x1b[0m"

    def _joined(self, parts: Sequence[str], styles: Sequence[str | None]) -> Iterator[str]:
        """`parts` joined with dots; lines break only between parts."""
        line: list[str] = []
        used = 0
        for part, style in zip(parts, [*styles, *[None] * len(parts)], strict=False):
            for number, piece in enumerate(wrap(part, self.width, "", "  ")):
                columns = used + 3 + display_width(piece)
                if line and (number or columns > self.width):
                    yield " · ".join(line)
                    line, columns = [], display_width(piece)
                line.append(self._paint(piece, style))
                used = columns if len(line) > 1 else display_width(piece)
        yield " · ".join(line)

    def _wrapped(
        self, text: str, first: str = "", hanging: str = "", style: str | None = None
    ) -> Iterator[str]:
        for line in wrap(wording.with_sandbox(self.run, text), self.width, first, hanging):
            yield self._paint(line, style)


def _scope_name(scope: Scope) -> str:
    name = scope.label
    return f"{name} <{scope.email}>" if scope.email and scope.email != name else name


def _first_id(groups: Sequence[FindingGroup]) -> str:
    return min(shorten(group.verdict.control, 20) for group in groups)
