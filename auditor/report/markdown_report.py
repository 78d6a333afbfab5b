"""The Markdown report, for issues, wikis and job summaries of pipelines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from auditor.evidence.scope import Level, Scope
from auditor.findings.at_risk import PeopleAtRisk, at_risk
from auditor.findings.exposure import Exposure, exposure
from auditor.findings.inventory import FeatureUse
from auditor.findings.model import Severity, Status
from auditor.findings.rollup import CauseRollup, ControlRollup, FindingGroup, Rollup, roll_up
from auditor.findings.run import Run
from auditor.report import (
    by_framework,
    changes,
    closing_wording,
    fix_wording,
    glossary,
    headline,
    inventory_wording,
    open_decisions,
    open_questions,
    summary_outline,
    summary_output,
    summary_wording,
    unknown_features,
    waiver_wording,
    wording,
)
from auditor.report.closing_wording import ClosingOutline
from auditor.report.diff_output import CHANGE_TEXT, example, setting_name
from auditor.report.facts import ControlFacts, detail, key, names_in, of_verdict
from auditor.report.group_wording import BY_API, IN_ADMIN_CENTRE
from auditor.report.interface import Format, Options
from auditor.report.inventory_wording import TopicSection
from auditor.report.json_report import title
from auditor.report.markdown_text import (
    LONGEST,
    LONGEST_LIST,
    LONGEST_SENTENCE,
    PagePart,
    code,
    fit_to_size,
    prose,
    table_head,
    table_row,
)

MOST_BYTES = 1_048_576
"""Of a job summary. Source: GitHub Docs, workflow commands, job summaries, November 2026."""
MOST_SCOPES = 10
MOST_NAMES = 5
"""Named scopes per row."""
MOST_GROUPS = 10
"""Rows per control: observed values, each with its scopes."""
MOST_IDS = 12

MOST_OFF = 60
"""Named settings of a topic that are off."""

_NO_LOCK_OR_KEY = "–: this is no single setting, so it has no lock, or no key, of its own."
_OFF = inventory_wording.USE[FeatureUse.OFF]
_LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)
"""The levels with a column of their own; all others share one."""


@dataclass(frozen=True, slots=True)
class MarkdownFormat(Format):
    """GitHub's Markdown, at most `most_bytes` long; omitted rows are counted.

    `auditor report --format markdown >> "$GITHUB_STEP_SUMMARY"` shows it with a job. Names are
    code, in which Markdown and GitHub interpret nothing: no link, no mention, no image.
    """

    name = "markdown"
    suffix = ".md"
    media_type = "text/markdown; charset=utf-8; variant=GFM"
    order = 6
    shows_changes = True
    is_text = True
    in_bundle = True
    most_bytes: int = MOST_BYTES

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` as UTF-8."""
        rollup = roll_up(run, names=MOST_NAMES, worst=MOST_SCOPES)
        out.write(_MarkdownPage(run, rollup, options).text(self.most_bytes).encode("utf-8"))


class _MarkdownPage:
    def __init__(self, run: Run, rollup: Rollup, options: Options) -> None:
        self.run, self.rollup, self.options = run, rollup, options
        self.inventory = inventory_wording.of_run(run)
        in_annex = options.annex and not options.summary
        self.others = inventory_wording.others_of_run(run) if in_annex else []

    def text(self, most_bytes: int) -> str:
        if self.options.summary:
            summary = summary_output.markdown(summary_outline.outline(self.run, self.rollup))
            return wording.with_sandbox(self.run, f"{self._top().head}\n{summary}")
        parts = (
            self._top(),
            self._changes(),
            *self._inventory(self.inventory, summary_output.ON),
            PagePart(f"{prose(inventory_wording.see_others(self.others))}\n")
            if self.others and self.inventory
            else None,
            *(self._by_framework() or (self._controls(),)),
            self._closing(),
            self._unknowns(),
            *self._unknown_features(),
            self._decisions(),
            self._due(),
            self._accepted(),
            self._worst(),
            self._details() if self.options.annex else None,
            self._questions() if self.options.annex else None,
            *self._inventory(self.others, inventory_wording.others_heading(self.others)),
            self._errors(),
            self._limits(),
            self._glossary(),
        )
        return fit_to_size([self._complete(part) for part in parts if part], most_bytes)

    def _complete(self, part: PagePart) -> PagePart:
        """The part with commands that find the run."""
        head, *rows = (wording.with_sandbox(self.run, text) for text in (part.head, *part.rows))
        return replace(part, head=head, rows=rows)

    def _top(self) -> PagePart:
        info = self.run.info
        paragraphs = [
            "# Zoom privacy audit",
            *([f"**{prose(simulated)}**"] if (simulated := wording.simulated(self.run)) else []),
            f"**{prose(headline.worst_fact(self.run, self.rollup))}**",
            *map(prose, headline.rest(self.run, self.rollup)),
        ]
        if incomplete := wording.incomplete(self.run, self.rollup):
            paragraphs.append(f"**{prose(incomplete)}**")
        facts = (
            f"Account {code(info.account_id)}",
            f"baseline {prose(f'{info.baseline.id} {info.baseline.version}'.rstrip())}",
            prose(wording.when(info.finished_at)),
        )
        paragraphs.append(" · ".join(facts))
        if limits := wording.limits(self.run):
            paragraphs.append(prose(" ".join(limits)))
        return PagePart("\n\n".join(paragraphs) + "\n")

    def _changes(self) -> PagePart | None:
        """Changes since the previous run, by kind, with an example per control."""
        tables = changes.outline(self.run, self.rollup)
        if tables is None:
            return None
        head = f"## Changes since the previous run\n\n**{prose(tables.headline)}** "
        head += f"{prose(tables.between)}\n\n" + "".join(f"> {prose(n)}\n\n" for n in tables.notes)
        if not tables.moves:
            return PagePart(head.rstrip("\n") + "\n")
        columns = ["Result", "Rule", "Setting", "Where", "Example"]
        rows = [
            table_row(
                wording.sentence_case(CHANGE_TEXT[section.move][0]),
                f"{code(row.control)} {prose(title(self.run, row.control))}",
                prose(setting_name(row)),
                wording.levels(row.by_level),
                prose(example(row.example)),
            )
            for section in tables.moves
            for row in section.rows
        ]
        hidden = sum(section.hidden for section in tables.moves)
        if hidden:
            rows[-1] += f"\nand {wording.number(hidden)} more: `auditor diff`\n"
        return PagePart(head + table_head(columns, left=5), rows, "change")

    def _inventory(self, sections: Sequence[TopicSection], title: str) -> Iterator[PagePart]:
        """What is on, set to a value or not known, topic by topic; what is off in one line."""
        for index, section in enumerate(sections):
            head = "" if index else f"## {title}\n\n{prose(section.legend)}\n\n"
            summary = " ".join(f"{section.summary}. {section.judged} {section.caveat}".split())
            head += f"### {prose(section.heading)}\n\n{prose(summary)}\n\n"
            rows = [
                table_row(heading, *map(prose, (row.feature.title, *row.cells)))
                for heading, features in section.parts
                if heading != _OFF
                for row in features
            ]
            columns = ["State", *inventory_wording.columns(sections)]
            yield PagePart(
                head + (table_head(columns, left=len(columns)) if rows else ""), rows, "setting"
            )
            if off := dict(section.parts).get(_OFF):
                names = wording.listed([*map(inventory_wording.off_where_known, off)], MOST_OFF)
                yield PagePart(f"{_OFF}: {prose(names, LONGEST_LIST)}.\n")

    def _controls(self) -> PagePart | None:
        deviating = self.rollup.deviating_controls
        controls = self.rollup.controls if self.options.include_passes else deviating
        if not controls:
            return None
        has_other_levels = any(set(control.deviating) - set(_LEVELS) for control in controls)
        coverage = self.run.summary.coverage
        head = ["Severity", "What is the case", "Rule"]
        head += [
            f"{wording.sentence_case(wording.level_name(level, 2))} "
            f"(of {wording.number(coverage.get(level, 0))})"
            for level in _LEVELS
        ]
        head += ["Other"] * has_other_levels + ["No answer"]
        facts = ControlFacts(self.run, self.rollup)
        rows = [_control_row(control, facts, has_other_levels) for control in controls]
        title = f"## Broken rules, and for whom\n\n{prose(wording.LEGEND)}\n\n"
        return PagePart(title + table_head(head, left=3), rows, "rule")

    def _by_framework(self) -> Sequence[PagePart]:
        """The controls by reference of a framework; empty without one."""
        outline = by_framework.outline(self.run, self.rollup)
        if outline is None:
            return ()
        head = f"## {prose(outline.heading)}\n\n{prose(outline.summary)}\n\n"
        columns = [wording.sentence_case(name) for name in by_framework.HEAD]
        rows = [table_row(*map(prose, row)) for row in outline.rows]
        sentences = [f"- {prose(sentence, LONGEST_LIST)}\n" for sentence in outline.open]
        return (
            PagePart(head + table_head(columns, left=len(columns)), rows, "row"),
            PagePart(f"## {prose(outline.closing)}\n\n", sentences, "part"),
        )

    def _closing(self) -> PagePart | None:
        closing = closing_wording.outline(self.run)
        if closing is None:
            return None
        lines = [
            f"{number}. **{prose(step.title)}**: {closing_wording.closes(step)}. "
            f"{prose(' '.join([closing_wording.how(step), *step.details]), LONGEST_LIST)}\n"
            for number, step in enumerate(closing.steps, 1)
        ]
        text = f"{closing_wording.ORDER}\n\n{''.join(lines)}\n" if lines else ""
        reasons = [f"- {prose(reason, LONGEST_LIST)}\n" for reason in closing.reasons]
        texts = (closing.note, closing.sentence, closing.remaining)
        rest = "".join(f"{prose(each)}\n\n" for each in texts if each)
        listed = f"{''.join(reasons)}\n" if reasons else ""
        return PagePart(
            f"## {closing_wording.HEADING}\n\n{text}{rest}{listed}{prose(closing.whole)}: "
            f"{code(closing.command)}\n"
        )

    def _unknowns(self) -> PagePart | None:
        causes = self.rollup.causes
        if not causes:
            return None
        accepted = wording.in_blind_spots(self.run)
        head = ["Cause", "What to do", "Rules", "Places"]
        exposed = at_risk(self.run)
        return PagePart(
            f"## No answer: {wording.unanswered(self.rollup)}{accepted}\n\n"
            + table_head(head, left=3),
            [self._cause_row(cause, exposed) for cause in causes],
            "cause",
        )

    def _unknown_features(self) -> Iterator[PagePart]:
        """The features that are not known, which no rule may ask for."""
        found = unknown_features.of_sections(self.run, self.inventory)
        for index, each in enumerate(found):
            head = "" if index or self.rollup.causes else "## No answer\n\n"
            head += f"### {prose(each.heading)}\n\n{prose(each.what_to_do)}\n\n"
            yield PagePart(head, [f"- {prose(line)}\n" for line in each.features], "feature")

    def _cause_row(self, cause: CauseRollup, exposed: Sequence[PeopleAtRisk]) -> str:
        return table_row(
            wording.sentence_case(wording.cause_name(cause.cause)),
            prose(wording.remedy_for(cause, self.run.errors, exposed)),
            "; ".join(prose(rule) for rule in wording.titled(cause.controls, self.run, MOST_IDS)),
            wording.number(cause.scopes),
        )

    def _decisions(self) -> PagePart | None:
        """What the organisation has to decide, as questions."""
        decisions = open_decisions.of_run(self.run, self.rollup)
        if not decisions:
            return None
        rows = [
            f"- **{prose(each.question)}** "
            + (f"Today: {prose(each.now)} " if each.now else "")
            + f"({_ids(each.controls)}: {code(each.command)})\n"
            for each in decisions
        ]
        summary = f"{open_decisions.summary(decisions)} {code(open_decisions.COMMAND)} asks them."
        return PagePart(f"## {open_decisions.HEADING}\n\n{summary}\n\n", rows, "question")

    def _due(self) -> PagePart | None:
        rows = []
        if attestations := self.rollup.attestations:
            where = (
                f"All of them, with the place to look: see “{open_questions.HEADING}” below"
                if self.options.annex
                else f"Only their rules: {_ids(wording.rules(attestations))}"
            )
            rows.append(
                f"- **{open_questions.HEADING}:** {open_questions.counted(self.rollup)}. "
                f"{open_questions.WHY} {where}. How: {code(open_questions.COMMAND)}\n"
            )
        if uncovered := self.rollup.uncovered:
            ids = wording.rules(uncovered)
            count = wording.number(len({group.verdict.setting for group in uncovered}))
            rows.append(
                f"- **New settings:** {count} ({_ids(ids)}). No rule covers them yet. "
                f"How: {code(f'auditor control show {ids[0]}')}\n"
            )
        return PagePart("## What is due\n\n", rows) if rows else None

    def _accepted(self) -> PagePart | None:
        rows = []
        for what, status in (("Waived", Status.WAIVED), ("Attested", Status.ATTESTED)):
            if groups := self.rollup.of_status(status):
                rows.append(f"- {what}: {wording.counted_rules(groups)}, {_ids_of(groups)}\n")
        allowed = waiver_wording.allowed_lines(self.run, self.rollup)
        rows += [f"- {prose(line)}\n" for line in allowed]
        for line, needs_care in waiver_wording.entry_lines(self.run):
            text = prose(line)
            rows.append(f"- **Needs care:** {text}\n" if needs_care else f"- {text}\n")
        for reference in self.run.references:
            line = prose(waiver_wording.reference_line(reference))
            rows.append(f"- **Needs care:** {line}\n" if reference.is_stale else f"- {line}\n")
        return PagePart("## Waivers and attestations\n\n", rows, "waiver") if rows else None

    def _worst(self) -> PagePart | None:
        worst = self.rollup.worst
        if not worst:
            return None
        present = [s for s in Severity if any(row.by_severity.get(s) for row in worst)]
        head = [
            "Where",
            "Level",
            "Rules",
            *(wording.sentence_case(severity) for severity in present),
        ]
        rows = [
            table_row(
                _scope_name(row.scope),
                wording.level_name(row.scope.level),
                prose(summary_wording.worst_rules(row)),
                *(wording.number(row.by_severity.get(severity, 0)) for severity in present),
            )
            for row in worst
        ]
        if rest := self.rollup.deviating_scopes - len(worst):
            rows[-1] += f"\nand {wording.number(rest)} more\n"
        return PagePart(
            f"## Where most rules are broken\n\n{prose(summary_wording.one_person(self.run))}\n\n"
            + table_head(head, left=3),
            rows,
            "place",
        )

    def _details(self) -> PagePart | None:
        exposed = exposure(self.run)
        facts = ControlFacts(self.run, self.rollup)
        closing = closing_wording.outline(self.run)
        rows = [
            row
            for control in self.rollup.deviating_controls
            for row in _detail_rows(control, facts, self.rollup, exposed, closing)
        ]
        if not rows:
            return None
        head = f"## What is broken, and how to fix it\n\n{prose(_NO_LOCK_OR_KEY)}\n"
        if any(group.unnamed for group in self.rollup.of_status(Status.FAIL)):
            command = code(f"auditor report {self.run.info.id} --format csv --output findings.csv")
            head += "\nRows of many people do not name all of them. "
            head += f"Everybody is named by: {command}\n"
        return PagePart(head, rows, "row", last=True)

    def _questions(self) -> PagePart | None:
        """What a person has to look up, with the place."""
        questions = open_questions.of_run(self.run, self.rollup, self.inventory)
        if not questions:
            return None
        rows = [
            table_row(
                f"{code(each.control, 20)} {prose(each.title)}",
                prose(f"{each.question} {each.seen}".rstrip(), LONGEST_LIST),
                prose(each.place) or "–",
            )
            for each in questions
        ]
        head = f"## {open_questions.HEADING}: {open_questions.counted(self.rollup)}\n\n"
        columns = ["Rule", "Question", "Where to look"]
        return PagePart(
            f"{head}{prose(open_questions.WHY)}\n\n" + table_head(columns, left=3),
            rows,
            "question",
        )

    def _errors(self) -> PagePart | None:
        if not self.run.errors:
            return None
        rows = [
            table_row(
                code(error.source),
                wording.sentence_case(wording.cause_name(error.cause)),
                prose(error.message),
                wording.number(error.scopes),
            )
            for error in self.run.errors
        ]
        head = ["Request", "Cause", "Response", "Places"]
        title = "## Failed reads\n\n"
        return PagePart(title + table_head(head, left=3), rows, "read")

    def _limits(self) -> PagePart:
        lines = [
            wording.checked(self.run),
            wording.by_outcome(self.run, self.rollup),
            *wording.not_covered(self.run),
        ]
        lines = [prose(line) for line in [*lines, wording.reads(self.run, self.rollup)]]
        info = self.run.info
        lines.append(
            f"Run {code(info.id)}, read {wording.depth(info.depth)}. "
            f"{prose(wording.exit_code(self.run))}"
        )
        if self.options.report_path is not None:
            lines.append(f"Full report: {code(self.options.report_path, LONGEST_SENTENCE)}")
        lines.append(f"Answers to common questions from this run: {code('auditor ask')}")
        return PagePart("## About this run\n\n" + "".join(f"- {line}\n" for line in lines))

    def _glossary(self) -> PagePart:
        rows = [f"- **{prose(term)}:** {prose(means)}\n" for term, means in glossary.entries()]
        return PagePart(f"## {glossary.HEADING}\n\n", rows, "word")


def _control_row(control: ControlRollup, facts: ControlFacts, others: bool) -> str:
    counts = [wording.deviating(control, level) for level in _LEVELS]
    if others:
        counts.append(wording.deviating(control, *(each for each in Level if each not in _LEVELS)))
    counts.append(wording.number(control.unknown))
    rule = f"{code(control.info.id)} {prose(control.info.title)}"
    note = facts.note(control)
    fact = f"{facts.of(control)}. {note}" if note else facts.of(control)
    return table_row(control.severity, prose(fact), rule, *counts)


def _detail_rows(
    control: ControlRollup,
    facts: ControlFacts,
    rollup: Rollup,
    exposed: Exposure,
    closing: ClosingOutline | None,
) -> list[str]:
    """The rows of a control, one per observed value; the first includes the heading."""
    info = control.info
    groups = [g for g in rollup.of_status(Status.FAIL) if g.verdict.control == info.id]
    opening = [
        f"### {prose(facts.of(control))}",
        f"{wording.sentence_case(control.severity)}. The rule: {prose(info.title)} "
        f"({code(info.id)})." + (f" {prose(info.why)}" if info.why else ""),
    ]
    opening += filter(None, [prose(facts.note(control)), prose(facts.shared(control))])
    ways = [
        prose(way, LONGEST_LIST)
        for way in fix_wording.in_admin_centre(
            control, rollup, exposed, closing, first_are_above=True
        )
    ]
    if ways:
        listed = f" {ways[0]}" if len(ways) == 1 else "\n\n" + "\n".join(f"- {way}" for way in ways)
        opening.append(f"{IN_ADMIN_CENTRE}:{listed}")
    if info.fix_api:
        api = f"{BY_API}: {code(info.fix_api, LONGEST_SENTENCE)}"
        opening.append(f"{api} {prose(info.fix_note)}".rstrip())
    head = table_head(
        ["What is the case", "Should be", "Lock", "Where", "Who can change it", "Key"], left=6
    )
    rows = [_group_row(group, exposed) for group in groups[:MOST_GROUPS]]
    if rest := groups[MOST_GROUPS:]:
        rows[-1] += f"\nand {wording.number(len(rest))} more\n"
    rows[0] = "\n" + "\n\n".join([*opening, head]) + rows[0]
    return rows


def _group_row(group: FindingGroup, exposed: Exposure) -> str:
    verdict = group.verdict
    fact = of_verdict(verdict) or detail(verdict)
    found = names_in(verdict)
    return table_row(
        prose(f"{fact}: {', '.join(found)}" if found else fact),
        prose(wording.expectation(verdict, LONGEST), LONGEST_LIST),
        wording.lock_state(verdict),
        _where(group, exposed),
        prose(wording.changeable(verdict, group.level)) or "–",
        code(key(verdict.setting)) if key(verdict.setting) else "–",
    )


def _where(group: FindingGroup, exposed: Exposure) -> str:
    names = ", ".join(map(_scope_name, group.scopes))
    more = f" and {wording.number(group.unnamed)} more" if group.unnamed else ""
    cause = summary_wording.group_cause(group, exposed)
    kin = summary_wording.in_groups(group, exposed)
    below = f"; {prose(cause)}" if cause else f"; {kin}" if kin else ""
    return f"{wording.levels(group.by_level)}: {names}{more}{below}"


def _scope_name(scope: Scope) -> str:
    name = code(scope.label)
    return f"{name} {code(scope.email)}" if scope.email and scope.email != scope.label else name


def _ids(controls: Sequence[str]) -> str:
    return wording.listed([code(control, 20) for control in controls], MOST_IDS)


def _ids_of(groups: Iterable[FindingGroup]) -> str:
    return _ids(wording.rules(groups))
