"""The workbook: sheets to filter and sort."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from auditor.evidence.scope import Level
from auditor.findings.at_risk import at_risk
from auditor.findings.model import (
    BlindSpotResult,
    FindingKind,
    Severity,
    Status,
    Verdict,
    WaiverResult,
)
from auditor.findings.rollup import ControlRollup, Rollup, roll_up
from auditor.findings.run import Run
from auditor.report import by_framework, headline, waiver_wording, wording
from auditor.report.cells import Rows
from auditor.report.facts import ControlFacts
from auditor.report.interface import Format, Options
from auditor.report.json_report import reported_findings
from auditor.report.workbook import MOST_ROWS, Block, Book, Cell, Table, create_workbook

_SHEETS: Mapping[str, bool] = {
    "Broken": True,
    "No answer": True,
    "To decide": False,
    "Accepted": False,
    "Attestations": True,
    "Not applicable": False,
    "Kept": False,
}
"""The sheets of findings in order, and whether they exist even if they are empty."""

_BY_STATUS: Mapping[Status, str] = {
    Status.FAIL: "Broken",
    Status.UNKNOWN: "No answer",
    Status.NEEDS_DECISION: "To decide",
    Status.WAIVED: "Accepted",
    Status.ATTESTED: "Attestations",
    Status.ATTESTATION_EXPIRED: "Attestations",
    Status.NOT_APPLICABLE: "Not applicable",
    Status.PASS: "Kept",
}

_FINDINGS: Mapping[str, tuple[str, int]] = {
    "status_words": ("Result", 16),
    "severity": ("Severity", 10),
    "control": ("Rule", 10),
    "title": ("What should be", 60),
    "fact": ("What is the case", 60),
    "level_words": ("For", 10),
    "scope_name": ("Where", 28),
    "scope_email": ("E-mail", 28),
    "setting_name": ("Setting", 44),
    "found": ("Found", 18),
    "asks": ("Expected", 22),
    "lock_words": ("Lock", 13),
    "who_can_change": ("Who can change it", 38),
    "cause_words": ("Cause", 22),
    "detail_words": ("Why", 100),
    "where_to_look": ("Where to look", 60),
    "override": ("Override", 20),
    "waiver_owner": ("Waiver: owner", 22),
    "waiver_expires": ("Waiver: until", 13),
    "waiver_ticket": ("Waiver: ticket", 13),
    "waiver_reason": ("Waiver: reason", 40),
    "waiver_approved_by": ("Waiver: approved by", 22),
    "blind_spot_owner": ("Blind spot: owner", 22),
    "blind_spot_approved_by": ("Blind spot: approved by", 22),
    "blind_spot_expires": ("Blind spot: until", 16),
    "blind_spot_ticket": ("Blind spot: ticket", 16),
    "blind_spot_reason": ("Blind spot: reason", 40),
    "decided_by_words": ("Decided by", 11),
    "observed_at": ("Seen at", 26),
    "status": ("JSON: status", 15),
    "kind": ("JSON: kind", 11),
    "level": ("JSON: level", 11),
    "scope_id": ("JSON: id", 24),
    "setting": ("JSON: setting", 54),
    "observed": ("JSON: observed", 18),
    "expected": ("JSON: expected", 30),
    "cause": ("JSON: cause", 14),
    "proved_by": ("JSON: proved_by", 14),
    "changeable_by": ("JSON: changeable_by", 38),
    "source": ("Request", 34),
    "fingerprint": ("Fingerprint", 20),
}
"""The columns of a finding: heading and width in characters. The words for people come first, the
words of the JSON report last."""
_ONLY_ON: Mapping[str, str] = {
    "cause_words": "No answer",
    "cause": "No answer",
    "waiver_owner": "Accepted",
    "waiver_expires": "Accepted",
    "waiver_ticket": "Accepted",
    "waiver_reason": "Accepted",
    "waiver_approved_by": "Accepted",
    "where_to_look": "Attestations",
    "blind_spot_owner": "No answer",
    "blind_spot_approved_by": "No answer",
    "blind_spot_expires": "No answer",
    "blind_spot_ticket": "No answer",
    "blind_spot_reason": "No answer",
}
"""Columns that would be empty on any other sheet."""
_SEVERITY = list(_FINDINGS).index("severity")
"""Its index is the same on every sheet, because the optional columns follow it."""

_WAIVERS: Mapping[str, int] = {
    "Rule": 10,
    "For": 30,
    "State": 12,
    "Until": 13,
    "Covers": 12,
    "Owner": 26,
    "Approved by": 26,
    "Ticket": 13,
    "Reason": 50,
    "Result": 90,
}
_BLIND_SPOTS: Mapping[str, int] = {
    "What": 44,
    "Cause": 22,
    "State": 12,
    "Until": 13,
    "Checks": 12,
    "Owner": 26,
    "Approved by": 26,
    "Ticket": 13,
    "Reason": 50,
    "Result": 90,
}
_NAMES: Mapping[str, int] = {
    "Entry": 44,
    "Name of a": 12,
    "Name": 40,
    "State": 12,
    "Nearest name": 40,
    "What is wrong": 110,
}
_ERRORS: Mapping[str, int] = {
    "Request": 44,
    "Cause": 18,
    "Places": 10,
    "Rules": 40,
    "Response": 110,
}


@dataclass(frozen=True, slots=True)
class XlsxFormat(Format):
    """An Office Open XML workbook, written row by row; the same run gives the same bytes.

    Every text is a text cell, never a formula or a link.
    """

    name = "xlsx"
    suffix = ".xlsx"
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    is_binary = True
    order = 5
    most_rows: int = MOST_ROWS
    """Rows per sheet; further findings continue on another sheet."""

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`; the sheets are built in a temporary folder."""
        with TemporaryDirectory(prefix="auditor-") as folder:
            path = Path(folder) / "report.xlsx"
            with create_workbook(path, "Zoom privacy audit", run.info.finished_at) as book:
                _Report(run, book, self.most_rows, options).fill()
            with path.open("rb") as written:
                shutil.copyfileobj(written, out)


class _Report:
    def __init__(self, run: Run, book: Book, most_rows: int, options: Options) -> None:
        self.run, self.book, self.most_rows, self.options = run, book, most_rows, options
        self.rollup = roll_up(run, names=0, worst=0)
        self.facts = ControlFacts(run, self.rollup)

    def fill(self) -> None:
        self.book.page(
            "Summary",
            (34, 18, 18, 20, 100),
            [
                headline.worst_fact(self.run, self.rollup),
                " ".join(headline.rest(self.run, self.rollup)),
                wording.incomplete(self.run, self.rollup),
            ],
            _blocks(self.run, self.rollup),
        )
        counts = self._counts()
        tables = {}
        for name, always in _SHEETS.items():
            if name == "Accepted":
                self._waivers()
                self._blind_spots()
                self._names()
            if always or counts[name]:
                tables[name] = self._findings_table(name, counts[name])
        self._coverage()
        self._framework()
        if self.run.errors:
            self._errors()
        rows = {name: Rows(self.run, _columns(name), str) for name in tables}
        for finding in reported_findings(self.run, self.options):
            name = _sheet(finding.verdict)
            cells: list[Cell] = [*rows[name].of(finding)]
            cells[_SEVERITY] = finding.verdict.severity
            tables[name].add(cells)

    def _counts(self) -> Counter[str]:
        """The number of findings per sheet; passes only if requested."""
        counts: Counter[str] = Counter()
        for share in self.run.assessments.shares():
            for verdict in share.verdicts:
                if verdict.status is not Status.PASS or self.options.include_passes:
                    counts[_sheet(verdict)] += share.count
        return counts

    def _findings_table(self, name: str, count: int) -> Table:
        columns = dict(_FINDINGS[column] for column in _columns(name))
        return self.book.table(name, columns, count, most_rows=self.most_rows)

    def _waivers(self) -> None:
        table = self.book.table("Waivers", _WAIVERS, len(self.run.waivers))
        for waiver in sorted(self.run.waivers, key=waiver_wording.waiver_order):
            table.add(_waiver_row(waiver))

    def _blind_spots(self) -> None:
        """The accepted blind spots, if any."""
        if not self.run.blind_spots:
            return
        table = self.book.table("Blind spots", _BLIND_SPOTS, len(self.run.blind_spots))
        for blind_spot in self.run.blind_spots:
            table.add(_blind_spot_row(blind_spot))

    def _names(self) -> None:
        """Names in the organisation file that do not match the account, if any."""
        if not self.run.references:
            return
        table = self.book.table("Names", _NAMES, len(self.run.references))
        for reference in self.run.references:
            state = reference.state.replace("_", " ")
            table.add(
                [
                    reference.entry,
                    reference.what,
                    reference.name,
                    state,
                    reference.suggestion,
                    reference.detail,
                ]
            )

    def _coverage(self) -> None:
        controls = self.rollup.controls
        has_passes = any(Status.PASS in control.by_status for control in controls)
        statuses = [s for s in Status if s is not Status.PASS or has_passes]
        columns = {"Rule": 10, "What should be": 72, "Topic": 22, "Severity": 10}
        columns |= {wording.sentence_case(wording.status_name(s)): 18 for s in statuses}
        columns |= {"Broken at": 30, "Good to know": 30, "Reached": 30, "Provisions": 80}
        table = self.book.table("Coverage", columns, len(controls))
        for control in controls:
            table.add(self._coverage_row(control, statuses))

    def _coverage_row(self, control: ControlRollup, statuses: Sequence[Status]) -> list[Cell]:
        info = control.info
        reached = info.id not in self.run.summary.not_reached
        return [
            info.id,
            info.title,
            info.family,
            control.severity,
            *(control.by_status.get(status, 0) for status in statuses),
            wording.levels(control.deviating),
            self.facts.note(control),
            "yes" if reached else "no, this depth does not show it",
            "; ".join(
                f"{wording.framework(key)}: {', '.join(wording.provisions(info, key))}"
                for key, references in info.mappings.items()
                if references
            ),
        ]

    def _framework(self) -> None:
        """The controls by reference of the requested framework, if any."""
        outline = by_framework.outline(self.run, self.rollup)
        if outline is None:
            return
        heads = map(wording.sentence_case, by_framework.HEAD)
        columns = dict(zip(heads, (60, 80, 60), strict=True))
        table = self.book.table("Provisions", columns, len(outline.rows))
        for row in outline.rows:
            table.add(row)
        table = self.book.table("Not claimed", {outline.closing: 140}, len(outline.open))
        for sentence in outline.open:
            table.add([sentence])

    def _errors(self) -> None:
        table = self.book.table("Read errors", _ERRORS, len(self.run.errors))
        for error in self.run.errors:
            cause = wording.cause_name(error.cause)
            table.add([error.source, cause, error.scopes, ", ".join(error.controls), error.message])


def _columns(sheet: str) -> list[str]:
    return [column for column in _FINDINGS if _ONLY_ON.get(column, sheet) == sheet]


def _sheet(verdict: Verdict) -> str:
    """The sheet of a finding; each finding is on exactly one."""
    if verdict.kind is FindingKind.ATTESTATION and verdict.status is Status.NEEDS_DECISION:
        return "Attestations"
    return _BY_STATUS[verdict.status]


def _waiver_row(waiver: WaiverResult) -> list[Cell]:
    return [
        waiver.control,
        waiver.scope,
        waiver.state,
        str(waiver.expires),
        waiver.matched,
        waiver.owner,
        waiver.approved_by,
        waiver.ticket,
        waiver.reason,
        waiver_wording.waiver_text(waiver),
    ]


def _blind_spot_row(blind_spot: BlindSpotResult) -> list[Cell]:
    return [
        blind_spot.label,
        wording.cause_name(blind_spot.cause),
        blind_spot.state.replace("_", " "),
        str(blind_spot.expires),
        blind_spot.matched,
        blind_spot.owner,
        blind_spot.approved_by,
        blind_spot.ticket,
        blind_spot.reason,
        waiver_wording.blind_spot_text(blind_spot),
    ]


def _blocks(run: Run, rollup: Rollup) -> Iterator[Block]:
    """The tables of the summary."""
    yield _facts(run, rollup)
    yield from _count_tables(run, rollup)
    if rollup.causes:
        yield _causes(run, rollup)
    limits = (wording.checked(run), wording.by_outcome(run, rollup), *wording.not_covered(run))
    yield [*map(_single_cell, ("Limits", *limits))]


def _single_cell(text: str) -> list[Cell]:
    return [text]


def _facts(run: Run, rollup: Rollup) -> Block:
    info = run.info
    warning: Block = [["Simulated", wording.simulated(run)]] if info.simulated else []
    return [
        ["The run"],
        *warning,
        ["Run", info.id],
        ["Account", info.account_id],
        ["API", info.api_url],
        ["Baseline", f"{info.baseline.id} {info.baseline.version}".rstrip()],
        ["Digest of the baseline", info.baseline.digest],
        ["Digest of the evidence", info.evidence_digest],
        ["Depth", wording.depth(info.depth)],
        ["Started", wording.when(info.started_at)],
        ["Finished", wording.when(info.finished_at)],
        ["Auditor", run.tool_version],
        ["Exit code", info.exit_code],
        ["How it ended", f"{wording.exit_code(run)} {wording.reads(run, rollup)}"],
    ]


def _count_tables(run: Run, rollup: Rollup) -> Iterator[Block]:
    counts = run.summary
    statuses: Block = [["By result", "Checks (a rule at a place)"]]
    for status in Status:
        name = wording.sentence_case(wording.status_name(status))
        statuses.append([name, counts.by_status.get(status, 0)])
    yield statuses
    severities: Block = [["Broken, by severity", "Checks"]]
    for severity in Severity:
        severities.append([severity, counts.by_severity.get(severity, 0)])
    yield severities
    levels: Block = [
        ["By level", "Places requested", "Broken checks", "Places where a rule is broken"]
    ]
    requested = wording.requested(run)
    for level in Level:
        if level in requested or level in counts.by_level:
            read, checks = requested.get(level, 0), counts.by_level.get(level, 0)
            name = wording.sentence_case(wording.level_name(level))
            levels.append([name, read, checks, rollup.deviating.get(level, 0)])
    yield levels


def _causes(run: Run, rollup: Rollup) -> Block:
    block: Block = [["No answer, by cause", "Checks", "Places", "Rules", "What to do"]]
    exposed = at_risk(run)
    for cause in rollup.causes:
        name = wording.sentence_case(wording.cause_name(cause.cause))
        remedy = wording.remedy_for(cause, run.errors, exposed)
        block.append([name, cause.checks, cause.scopes, len(cause.controls), remedy])
    return block
