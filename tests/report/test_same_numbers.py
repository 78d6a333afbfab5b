"""The numbers of every format equal those of the run."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import openpyxl
import pytest

from auditor.evidence.scope import Level
from auditor.findings.model import Severity, Status
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import wording
from tests.report import worlds

Row = tuple[str, str, str]
"""Status, severity, level."""


def rendered(run: Run, name: str) -> bytes:
    return worlds.report_of(run, name, width=400)


def counted(rows: Iterable[Row]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """`rows` of (status, severity, level): counts of statuses, and of deviations by both others."""
    listed = list(rows)
    failed = [row for row in listed if row[0] == "fail"]
    statuses = Counter(status for status, _, _ in listed if status != "pass")
    return statuses, Counter(row[1] for row in failed), Counter(row[2] for row in failed)


def from_json(run: Run) -> Iterator[Row]:
    for f in json.loads(rendered(run, "json"))["findings"]:
        yield f["status"], f["severity"], f["scope"]["level"]


def from_ndjson(run: Run) -> Iterator[Row]:
    for line in rendered(run, "ndjson").decode().split("\n")[:-1]:
        f = json.loads(line)
        if f["type"] == "finding":
            yield f["status"], f["severity"], f["scope"]["level"]


def from_csv(run: Run) -> Iterator[Row]:
    text = io.StringIO(rendered(run, "csv").decode("utf-8-sig"), newline="")
    for row in csv.DictReader(text):
        yield row["status"], row["severity"], row["level"]


def from_xlsx(run: Run) -> Iterator[Row]:
    for sheet in openpyxl.load_workbook(io.BytesIO(rendered(run, "xlsx"))):
        head, *rows = sheet.values
        if "Fingerprint" in head:
            at = [head.index(name) for name in ("Status", "Severity", "Level")]
            yield from (tuple(row[column] for column in at) for row in rows)


def from_rollup(run: Run) -> Iterator[Row]:
    """What the reports for people list: text, HTML, Markdown."""
    for group in roll_up(run).groups:
        v = group.verdict
        for level, count in group.by_level.items():
            yield from [(v.status, v.severity, level)] * count


ROWS = {
    "json": from_json,
    "ndjson": from_ndjson,
    "csv": from_csv,
    "xlsx": from_xlsx,
    "rollup": from_rollup,
}


@pytest.mark.parametrize("format_", ROWS)
def test_what_a_format_lists_is_what_the_run_counts(any_run: Run, format_: str) -> None:
    statuses, severities, levels = counted(ROWS[format_](any_run))
    summary = any_run.summary
    assert statuses == Counter({s: summary.by_status.get(s, 0) for s in Status if s != "pass"})
    assert severities == Counter({s: summary.by_severity.get(s, 0) for s in Severity})
    assert levels == Counter({level: summary.by_level.get(level, 0) for level in Level})


@pytest.mark.parametrize("format_", ["json", "ndjson"])
def test_the_summary_for_programs_is_what_the_run_counts(any_run: Run, format_: str) -> None:
    first = rendered(any_run, format_).decode()
    counts = json.loads(first if format_ == "json" else first.split("\n")[0])["summary"]
    assert counts["by_status"] == {s: any_run.summary.by_status.get(s, 0) for s in Status}
    assert counts["by_severity"] == {s: any_run.summary.by_severity.get(s, 0) for s in Severity}


def test_the_summary_of_a_workbook_is_what_the_run_counts(any_run: Run) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(rendered(any_run, "xlsx")))["Summary"]
    counts = {row[0]: row[1:] for row in sheet.values if row[0]}
    summary = any_run.summary
    for status in Status:
        name = wording.sentence_case(wording.status_name(status))
        assert counts[name][0] == summary.by_status.get(status, 0)
    for severity in Severity:
        assert counts[severity][0] == summary.by_severity.get(severity, 0)
    for level, count in summary.by_level.items():
        assert counts[wording.sentence_case(wording.level_name(level))][1] == count


@pytest.mark.parametrize("format_", ["text", "markdown", "html", "xlsx"])
def test_every_report_for_people_opens_with_the_same_numbers(any_run: Run, format_: str) -> None:
    data = rendered(any_run, format_)
    if format_ == "xlsx":
        opening = openpyxl.load_workbook(io.BytesIO(data))["Summary"]["A1"].value
    else:
        opening = data.decode()
    summary = any_run.summary
    failed, unknown = (summary.by_status.get(s, 0) for s in (Status.FAIL, Status.UNKNOWN))
    if not wording.judged(any_run):
        assert "Nothing judged" in opening
        return
    match = re.search(r"([\d,]+) deviations? (?:\(([^)]*)\) )?· ([\d,]+) unknown", opening)
    assert match, opening[:500]
    assert int(match[1].replace(",", "")) == failed
    assert int(match[3].replace(",", "")) == unknown
    parts = [part.split() for part in (match[2] or "").split(", ") if part]
    by_severity = {severity: number for number, severity in parts}
    assert {s: int(n.replace(",", "")) for s, n in by_severity.items()} == {
        s: n for s, n in summary.by_severity.items() if n
    }


@pytest.mark.parametrize("format_", ["text", "markdown"])
def test_the_table_of_controls_counts_the_same_scopes(any_run: Run, format_: str) -> None:
    text = rendered(any_run, format_).decode()
    for control in roll_up(any_run).deviating_controls:
        line = next(
            line
            for line in text.splitlines()
            if re.match(rf"\|? ?{control.severity} [| `]*{control.info.id}", line)
        )
        numbers = [int(n.replace(",", "")) for n in re.findall(r"(?<=[ |])[\d,]+(?=[ |]|$)", line)]
        expected = [
            control.deviating.get(level, 0) for level in (Level.ACCOUNT, Level.GROUP, Level.USER)
        ]
        assert expected in [numbers[at : at + 3] for at in range(len(numbers))], line
