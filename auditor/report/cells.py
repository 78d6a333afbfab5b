"""Findings as table rows and text as table cells, for CSV and workbooks."""

from collections.abc import Callable, Mapping, Sequence

from auditor.evidence.reading import JsonValue
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import Finding, FindingKind, Verdict, WaiverTerms
from auditor.findings.run import Run
from auditor.report import facts, open_questions, wording
from auditor.report.display import ELLIPSIS, printable
from auditor.report.json_report import encode_json, finite, title

LONGEST_CELL = 32_767
"""UTF-16 code units in a cell of Excel, which cannot open longer ones.
Source: Excel specifications and limits, learned November 2026."""

_WIDEST = 200
"""Columns of a value inside a sentence."""


def cell(text: str, max_units: int = LONGEST_CELL) -> str:
    """`text` as a cell: line breaks stay, other control characters are escaped.

    Longer text is cut to `max_units` UTF-16 code units, with an ellipsis.
    """
    if text.isascii() and text.isprintable() and len(text) <= max_units:
        return text
    lines = text[: max_units + 1].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    clean = "\n".join(map(printable, lines))
    if len(text) <= max_units and _units(clean) <= max_units:
        return clean
    cut = clean.encode("utf-16-le")[: 2 * (max_units - 1)]
    return cut.decode("utf-16-le", "ignore") + ELLIPSIS


def _units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


_NOTE = "note"
"""The column for what a reader should know besides, which depends on the whole run."""

COLUMNS = (
    "control",
    "title",
    "kind",
    "status",
    "severity",
    "level",
    "scope_id",
    "scope_name",
    "scope_email",
    "setting",
    "observed",
    "found",
    "expected",
    "asks",
    "cause",
    "locked",
    "proved_by",
    "decided_by",
    "changeable_by",
    "changeable",
    "source",
    "observed_at",
    "waiver_owner",
    "waiver_expires",
    "waiver_ticket",
    "waiver_reason",
    "override",
    "detail",
    "fingerprint",
    "run_id",
    "account_id",
    "baseline",
    "baseline_version",
    "finished_at",
    "simulated",
    "waiver_approved_by",
    "blind_spot_owner",
    "blind_spot_approved_by",
    "blind_spot_expires",
    "blind_spot_ticket",
    "blind_spot_reason",
    "status_words",
    "level_words",
    "setting_name",
    "fact",
    "lock_words",
    "who_can_change",
    "cause_words",
    "decided_by_words",
    "detail_words",
    _NOTE,
    "where_to_look",
)
"""The columns of a finding, in order. Names never change; new ones are appended.

`observed`, `expected` and `locked` are JSON as in the JSON report, empty for null; `found` and
`asks` are `observed` and `expected` in words.
"""

_FINDING_COLUMNS: Mapping[str, Callable[[Finding], str]] = {
    "level": lambda f: f.scope.level,
    "scope_id": lambda f: f.scope.id,
    "scope_name": lambda f: f.scope.label,
    "scope_email": lambda f: f.scope.email,
    "level_words": lambda f: wording.level_name(f.scope.level),
    "observed_at": lambda f: f.observed_at or "",
    "fingerprint": lambda f: f.fingerprint,
    "who_can_change": lambda f: wording.changeable(f.verdict, f.scope.level),
}
"""Columns that differ between findings with the same verdict."""

_VERDICT_COLUMNS: Mapping[str, Callable[[Run, Verdict], str]] = {
    "control": lambda _, v: v.control,
    "title": lambda run, v: title(run, v.control),
    "kind": lambda _, v: v.kind,
    "status": lambda _, v: v.status,
    "severity": lambda _, v: v.severity,
    "setting": lambda _, v: v.setting,
    "observed": lambda _, v: _json(v.observed),
    "found": lambda _, v: "" if v.observed is None else wording.observation(v, _WIDEST),
    "expected": lambda _, v: _json(None if v.expected is None else dict(v.expected)),
    "asks": lambda _, v: wording.expectation(v, _WIDEST),
    "cause": lambda _, v: v.cause or "",
    "locked": lambda _, v: _json(v.locked),
    "proved_by": lambda _, v: v.proved_by or "",
    "decided_by": lambda _, v: v.decided_by or "",
    "changeable_by": lambda _, v: ", ".join(v.changeable_by),
    "changeable": lambda _, v: v.changeable,
    "source": lambda _, v: v.source,
    "waiver_owner": lambda _, v: _term(v.waiver, "owner"),
    "waiver_expires": lambda _, v: _term(v.waiver, "expires"),
    "waiver_ticket": lambda _, v: _term(v.waiver, "ticket"),
    "waiver_reason": lambda _, v: _term(v.waiver, "reason"),
    "waiver_approved_by": lambda _, v: _term(v.waiver, "approved_by"),
    "blind_spot_owner": lambda _, v: _term(v.blind_spot, "owner"),
    "blind_spot_approved_by": lambda _, v: _term(v.blind_spot, "approved_by"),
    "blind_spot_expires": lambda _, v: _term(v.blind_spot, "expires"),
    "blind_spot_ticket": lambda _, v: _term(v.blind_spot, "ticket"),
    "blind_spot_reason": lambda _, v: _term(v.blind_spot, "reason"),
    "override": lambda _, v: v.override,
    "detail": lambda _, v: v.detail,
    "run_id": lambda run, _: run.info.id,
    "account_id": lambda run, _: run.info.account_id,
    "baseline": lambda run, _: run.info.baseline.id,
    "baseline_version": lambda run, _: run.info.baseline.version,
    "finished_at": lambda run, _: format_rfc3339(run.info.finished_at),
    "simulated": lambda run, _: _json(run.info.simulated),
    "status_words": lambda _, v: wording.verdict_name(v),
    "setting_name": lambda _, v: facts.name(v.setting) if v.setting else "",
    "fact": lambda _, v: facts.of_verdict(v),
    "lock_words": lambda _, v: wording.lock_state(v),
    "cause_words": lambda _, v: "" if v.cause is None else wording.cause_name(v.cause),
    "detail_words": lambda _, v: facts.detail(v),
    "decided_by_words": lambda _, v: "" if v.decided_by is None else v.decided_by.noun,
    "where_to_look": lambda run, v: (
        open_questions.place(v, run.controls.get(v.control))
        if v.kind is FindingKind.ATTESTATION
        else ""
    ),
}


class Rows:
    """The findings of one run as rows with some of `COLUMNS`.

    The cells of a verdict are computed once: 100,000 users share few different verdicts.
    """

    def __init__(self, run: Run, columns: Sequence[str], escape: Callable[[str], str]) -> None:
        """Rows of `run`; `escape` makes each text a cell."""
        self._run, self._columns, self._escape = run, columns, escape
        self._finding_columns = [
            (index, _FINDING_COLUMNS[c]) for index, c in enumerate(columns) if c in _FINDING_COLUMNS
        ]
        self._shared_cells: dict[tuple[int, int], list[str]] = {}
        self._notes = facts.notes_of(run) if _NOTE in columns else {}

    def of(self, finding: Finding) -> list[str]:
        """The cells of `finding`."""
        cells = self._shared_cells.get(finding.shared)
        if cells is None:
            if len(self._shared_cells) == _MAX_SHARED_CELLS:
                self._shared_cells.clear()
            cells = self._shared_cells[finding.shared] = self._cells(finding.verdict)
        row = cells.copy()
        for index, column in self._finding_columns:
            row[index] = self._escape(column(finding))
        return row

    def _cells(self, verdict: Verdict) -> list[str]:
        texts = (
            self._notes.get(verdict.control, "")
            if column == _NOTE
            else ""
            if column in _FINDING_COLUMNS
            else _VERDICT_COLUMNS[column](self._run, verdict)
            for column in self._columns
        )
        return [self._escape(text) for text in texts]


_MAX_SHARED_CELLS = 1000
"""Number of verdicts whose cells are held. Without them, a table of 100,000 findings takes four
seconds more."""


def _json(value: JsonValue) -> str:
    return "" if value is None else encode_json(finite(value))


def _term(terms: WaiverTerms | None, key: str) -> str:
    return "" if terms is None else str(getattr(terms, key))
