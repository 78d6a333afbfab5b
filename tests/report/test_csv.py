"""CSV: one finding per row, and no formula in it."""

import csv
import io
import re
import subprocess
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.findings.model import FindingKind, Status, Verdict, WaiverTerms
from auditor.findings.run import Run
from auditor.report.cells import COLUMNS, LONGEST_CELL, Rows, cell
from auditor.report.csv_report import BOM, escape_formula
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Report, every_run, rendered
from tests.report.golden_run import WAIVER

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "  =1+1",
    "\u00a0=1+1",
    "\u3000＝1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tx",
    "\rx",
    "＋1",
    "－1",
    "＠SUM(1)",
    "﹣1",
    "−1",
    "\u200d=1+1",
    '"=1+1"',
    "'=1+1",
]


def written(run: Run, **options: Any) -> bytes:
    return rendered(run, "csv", **options)


def rows(run: Run, **options: Any) -> list[dict[str, str]]:
    text = written(run, **options).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def one(verdict: Verdict, scope: Scope | None = None) -> Run:
    return worlds.run_of([worlds.judged(scope or worlds.user(1), [verdict])])


def test_the_columns_keep_their_names_and_order() -> None:
    head = next(csv.reader(io.StringIO(written(worlds.empty()).decode("utf-8-sig"))))
    assert head == list(COLUMNS)
    first = "control,title,kind,status,severity,level,scope_id,scope_name,scope_email"
    assert ",".join(head[:9]) == first
    assert {"waiver_owner", "fingerprint", "run_id", "account_id", "baseline"} <= set(head)


def test_a_byte_order_mark_tells_excel_that_the_file_is_utf8() -> None:
    assert written(worlds.clean()).startswith(BOM)


@pytest.mark.slow
@every_case("any_run", every_run)
def test_every_row_is_a_finding_of_the_json_report(any_run: Run, report: Report) -> None:
    table, findings = rows(any_run), report(any_run)["findings"]
    assert [row["fingerprint"] for row in table] == [f["fingerprint"] for f in findings]
    assert [row["status"] for row in table] == [f["status"] for f in findings]
    assert [row["severity"] for row in table] == [f["severity"] for f in findings]
    assert [row["level"] for row in table] == [f["scope"]["level"] for f in findings]


def test_passes_are_rows_only_where_asked_for() -> None:
    run = worlds.everything()
    assert len(rows(run, include_passes=True)) == len(rows(run)) + 6


def test_a_row_says_what_was_found_as_json_and_in_words() -> None:
    verdict = worlds.deviation(observed=[1, "a"], expected={"op": "lte", "value": 90})
    (row,) = rows(one(verdict))
    assert row["observed"] == '[1, "a"]'
    assert row["expected"] == '{"op": "lte", "value": 90}'
    assert row["asks"] == "at most 90"
    assert row["locked"] == "false"
    assert row["changeable_by"] == "user, group_admin, account_admin"
    assert row["scope_name"] == "User 1"
    assert row["scope_email"] == "user1@example.com"


def test_a_lock_has_words_and_a_value() -> None:
    verdict = worlds.deviation(
        kind=FindingKind.LOCK, observed=False, expected={"op": "eq", "value": True}
    )
    (row,) = rows(one(verdict))
    assert (row["observed"], row["found"], row["asks"]) == ("false", "not locked", "locked")


def test_what_is_not_there_is_an_empty_cell() -> None:
    verdict = worlds.deviation(observed=None, expected=None, locked=None, decided_by=None)
    (row,) = rows(one(verdict))
    for column in ("observed", "found", "expected", "asks", "locked", "decided_by", "cause"):
        assert row[column] == ""


def test_a_waived_row_says_who_answers_for_it() -> None:
    (row,) = rows(one(worlds.deviation(status=Status.WAIVED, waiver=WaiverTerms(**WAIVER))))
    assert all(row[f"waiver_{key}"] == str(value) for key, value in WAIVER.items())


@every_case("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert escape_formula(text).startswith("'")
    assert escape_formula(text).replace("'", "") == cell(text).replace("'", "")


@pytest.mark.parametrize("text", ["in_meeting.x", "a-b", "a@b.example", "1+1=2", "", "true"])
def test_what_no_spreadsheet_runs_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text


@pytest.mark.parametrize(
    "text", ["a;=1+1", "a; =1+1", 'a;"=1+1', "a\n=1+1", "a;＝1", "a\r\n@x", "a\r=1+1"]
)
def test_a_cell_cut_in_two_at_a_semicolon_or_a_line_is_escaped_in_both_parts(text: str) -> None:
    parts = re.split("[;\n]", escape_formula(text))
    assert re.match(r"[\s\"']*'", parts[1])


def test_a_name_of_nothing_but_line_breaks_takes_no_time() -> None:
    began = time.process_time()
    escape_formula("\n" * LONGEST_CELL)
    assert time.process_time() - began < 1


def test_no_form_of_the_signs_is_forgotten() -> None:
    every = (chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000)
    alike = [c for c in every if unicodedata.normalize("NFKC", c) in tuple("=+-@")]
    assert len(alike) > 4
    assert [c for c in alike if not escape_formula(f"{c}1").startswith("'")] == []


def test_no_cell_of_a_hostile_run_starts_a_formula() -> None:
    for row in rows(worlds.hostile()):
        for text in row.values():
            assert not re.match(r"[\s\"]*[=+@＝＋＠－-]", text)


def test_control_characters_are_spelled_out_and_line_breaks_kept() -> None:
    assert cell("a\r\nb\rc\nd") == "a\nb\nc\nd"
    assert cell("\x1b[31m\x00\u202e\ud83d") == "\\x1b[31m\\x00\\u202e\\ud83d"
    text = written(worlds.hostile()).decode("utf-8-sig")
    assert not set(text) & set("\x00\x1b\x9b\x07\u202e\u200f\u2028\t")
    assert text.count("\r") == text.count("\r\n")


def test_every_row_has_every_column_whatever_its_names_hold() -> None:
    table = list(csv.reader(io.StringIO(written(worlds.hostile()).decode("utf-8-sig"), newline="")))
    assert {len(row) for row in table} == {len(COLUMNS)}
    assert len(table) == 1 + sum(1 for _ in worlds.hostile().findings())


@pytest.mark.parametrize("text", ["x" * 40_000, "👩" * 20_000, "\x00" * 20_000, "=" * 32_767])
def test_no_cell_is_longer_than_excel_can_open(text: str) -> None:
    units = len(escape_formula(text).encode("utf-16-le")) // 2
    assert units <= LONGEST_CELL
    assert escape_formula(text).endswith("…")


def test_a_cell_just_as_long_as_excel_can_open_is_whole() -> None:
    assert cell("x" * LONGEST_CELL) == "x" * LONGEST_CELL
    assert cell("ü" * LONGEST_CELL) == "ü" * LONGEST_CELL


def test_different_verdicts_have_different_cells() -> None:
    verdicts = [worlds.deviation(observed=at, setting=f"s{at}") for at in range(2_500)]
    run = worlds.run_of([worlds.judged(worlds.user(1), verdicts)])
    cells = Rows(run, ("observed", "setting", "scope_id"), str)
    for _ in range(2):
        for finding in run.findings():
            at = finding.verdict.observed
            assert cells.of(finding) == [str(at), f"s{at}", "u00001"]


@pytest.mark.slow
@pytest.mark.needs("soffice")
@pytest.mark.parametrize("separator", ["44", "59"])
def test_a_spreadsheet_opens_it_and_runs_nothing(tmp_path: Path, separator: str) -> None:
    """Comma, and the semicolon of countries where Excel splits lists there."""
    groups = [
        worlds.judged(worlds.group(at, text), [worlds.deviation("AI-01", Level.GROUP)])
        for at, text in enumerate([*FORMULAS, "a;=1+1", 'b;"=1+1', "c\n=1+1"])
    ]
    (tmp_path / "report.csv").write_bytes(written(worlds.run_of(groups)))
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
            "--headless",
            f"--infilter=CSV:{separator},34,76,1,,0,false,true,false,false,false,-1,true",
            "--convert-to",
            "fods",
            "--outdir",
            str(tmp_path),
            str(tmp_path / "report.csv"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sheet = (tmp_path / "report.fods").read_text(encoding="utf-8")
    assert "Meeting summary is off" in sheet
    assert "table:formula" not in sheet
