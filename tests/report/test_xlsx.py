"""Workbooks: readable by another program, without formulas."""

import io
import re
import subprocess
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl import Workbook

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.frameworks import Framework, FrameworkPart
from auditor.findings.model import Status, WaiverResult, WaiverState
from auditor.findings.run import Run
from auditor.report import FORMATS, Options
from auditor.report.workbook import MOST_ROWS, create_workbook
from auditor.report.xlsx_report import XlsxFormat
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Report, every_run
from tests.report.golden_run import FOLDER, WAIVER, golden, rendered

NAMES = {
    **worlds.HOSTILE,
    "rich": "<r><t>x</t></r>",
    "escape": "_x0041_ _x000D_",
    "link": "https://a",
}
FIXED = ["Summary", "Broken", "No answer", "Waivers", "Attestations", "Coverage"]
GOLDEN = FOLDER / "run.xlsx.txt"


def written(run: Run, most_rows: int = MOST_ROWS, **options: Any) -> bytes:
    out = io.BytesIO()
    XlsxFormat(most_rows).render(run, out, Options(**options))
    return out.getvalue()


def opened(data: bytes) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(data))


def table(book: Workbook, sheet: str) -> list[dict[str, Any]]:
    head, *rows = ([cell.value for cell in row] for row in book[sheet].iter_rows())
    return [dict(zip(head, row, strict=True)) for row in rows]


def summary_rows(data: bytes) -> str:
    """Every cell of every sheet, as text that can be reviewed."""
    lines = []
    for sheet in opened(data):
        lines.append(f"== {sheet.title}")
        rows = sheet.iter_rows(values_only=True)
        lines += [" | ".join("" if v is None else str(v) for v in row).rstrip(" |") for row in rows]
    return "\n".join(lines) + "\n"


def named(names: Iterable[str]) -> Run:
    return worlds.run_of(
        [
            worlds.judged(worlds.group(at, name), [worlds.deviation("AI-01", Level.GROUP)])
            for at, name in enumerate(names)
        ]
    )


def test_the_sheets_are_there_in_order() -> None:
    assert opened(written(worlds.empty())).sheetnames == FIXED
    assert opened(written(worlds.everything(), include_passes=True)).sheetnames == [
        *FIXED[:3],
        "To decide",
        "Waivers",
        "Accepted",
        "Attestations",
        "Kept",
        "Coverage",
        "Read errors",
    ]


@every_case("any_run", every_run)
def test_every_finding_is_on_the_sheet_of_its_status_and_on_no_other(
    any_run: Run, report: Report
) -> None:
    book = opened(written(any_run))
    counts = Counter(
        (row["Fingerprint"], row["JSON: status"], row["Severity"], row["JSON: level"])
        for sheet in book
        if "Fingerprint" in [cell.value for cell in sheet[1]]
        for row in table(book, sheet.title)
    )
    assert counts == Counter(
        (f["fingerprint"], f["status"], f["severity"], f["scope"]["level"])
        for f in report(any_run)["findings"]
    )
    assert {row["JSON: status"] for row in table(book, "Broken")} <= {"fail"}
    assert {row["JSON: status"] for row in table(book, "No answer")} <= {"unknown"}


def test_heads_stay_in_view_and_filter_the_rows_below() -> None:
    for sheet in opened(written(worlds.everything())):
        assert sheet.freeze_panes == "A2"
        if sheet.title != "Summary":
            assert sheet.auto_filter.ref == sheet.dimensions
            assert sheet.print_title_rows == "$1:$1"
            assert all(sheet.column_dimensions[c.column_letter].width >= 8 for c in sheet[1])


def test_the_summary_opens_with_the_headline_and_the_answer() -> None:
    sheet = opened(written(worlds.everything()))["Summary"]
    assert sheet["A1"].value == "Meeting summary with AI Companion is on for 17 people."
    assert sheet["A2"].value.startswith("5 of 9 rules are broken (")
    assert sheet["A3"].value.startswith("Incomplete")


def test_the_summary_says_what_to_do_about_each_cause_and_what_it_does_not_say() -> None:
    rows = list(opened(written(worlds.all_unknown()))["Summary"].values)
    causes = {row[0]: row for row in rows}
    assert causes["Refused by Zoom"][1:4] == (1, 1, 1)
    assert "user:read:settings:admin" in causes["Refused by Zoom"][4]
    assert any("No setting shows" in str(row[0]) for row in rows)


def test_coverage_has_the_result_of_each_control_and_what_the_depth_omits() -> None:
    run = worlds.everything()
    run = replace(run, summary=replace(run.summary, not_reached=("IA-04",)))
    rows = {row["Rule"]: row for row in table(opened(written(run)), "Coverage")}
    assert rows["AI-01"]["Broken"] == 19
    assert rows["AI-01"]["Broken at"] == "1 account, 1 group, 17 people"
    assert rows["AI-01"]["Provisions"] == "GDPR: Art 5(1)(b), Art 25(2); NIST 800-53r5: CM-7, PT-2"
    assert rows["AI-06"]["No answer"] == 32
    assert rows["IA-04"]["Reached"] == "no, this depth does not show it"
    assert rows["RC-02"]["Reached"] == "yes"


def test_passes_are_counted_per_control_only_if_the_run_stored_them() -> None:
    coverage = opened(written(worlds.everything()))["Coverage"]
    slim = opened(written(worlds.all_unknown()))["Coverage"]
    assert "Kept" in [cell.value for cell in coverage[1]]
    assert "Kept" not in [cell.value for cell in slim[1]]


def test_a_waiver_has_its_result_and_those_that_need_attention_come_first() -> None:
    active = WaiverResult("RC-02", "group Studio", **WAIVER, state=WaiverState.ACTIVE, matched=2)
    run = replace(golden(), waivers=[active, *golden().waivers])
    rows = table(opened(written(run)), "Waivers")
    assert [row["State"] for row in rows] == ["expired", "active"]
    assert rows[0]["Owner"] == "ciso@example.com"
    assert rows[0]["Result"].startswith("AI-01 for user Ada: EXPIRED on 2027-01-31")


def test_names_that_do_not_fit_the_account_have_a_sheet_of_their_own() -> None:
    rows = table(opened(written(golden())), "Names")
    assert [row["State"] for row in rows] == ["unmatched", "look alike"]
    assert rows[0]["Name"] == "Büro Kölm"
    assert rows[0]["Nearest name"] == "Büro Köln"
    assert rows[0]["What is wrong"].startswith("No group of the account is called")


def test_a_waived_finding_stands_with_its_waiver() -> None:
    (row,) = table(opened(written(golden())), "Accepted")
    assert row["Waiver: owner"] == "ciso@example.com"
    assert row["Waiver: ticket"] == "SEC-12"


def test_attestations_that_are_due_expired_and_made_are_on_one_sheet() -> None:
    rows = table(opened(written(worlds.everything())), "Attestations")
    assert Counter(row["JSON: status"] for row in rows) == {
        "attested": 1,
        "attestation_expired": 1,
        "needs_decision": 1,
    }


def test_only_unknowns_have_a_column_of_causes() -> None:
    book = opened(written(worlds.everything()))
    assert {row["JSON: cause"] for row in table(book, "No answer")} == set(Cause)
    assert "JSON: cause" not in table(book, "Broken")[0]


def test_a_framework_that_was_asked_for_has_its_sheets() -> None:
    framework = Framework(
        id="gdpr",
        key="gdpr",
        title="GDPR",
        version="2016/679",
        not_claimed="Nothing about contracts.",
        parts=(FrameworkPart("Chapter II", ("Art 7", "Art 8")),),
        controls={"Art 7": ("CN-05",)},
    )
    book = opened(written(replace(worlds.everything(), framework=framework)))
    (row,) = table(book, "Provisions")
    assert row["Provision"] == "Art 7 Chapter II"
    assert row["Rule"].startswith("CN-05")
    assert book["Not claimed"]["A2"].value == "Nothing about contracts."


def test_a_full_sheet_says_where_it_goes_on_and_nothing_is_lost() -> None:
    run = worlds.everything()
    book = opened(written(run, most_rows=20))
    sheets = [name for name in book.sheetnames if name.startswith("Broken")]
    assert sheets == ["Broken", "Broken 2", "Broken 3"]
    assert book["Broken"].max_row == book["Broken 2"].max_row == 20
    assert book["Broken"]["A20"].value.endswith("It continues in the sheet “Broken 2”.")
    assert book["Broken"].auto_filter.ref.endswith("19")
    prints = [
        row["Fingerprint"] for name in sheets for row in table(book, name) if row["Fingerprint"]
    ]
    expected = [f.fingerprint for f in run.findings() if f.verdict.status is Status.FAIL]
    assert prints == expected


@pytest.mark.parametrize(("most_rows", "sheets"), [(4, 1), (3, 3)])
def test_a_sheet_that_is_just_full_needs_no_second(most_rows: int, sheets: int) -> None:
    book = opened(written(named(["a", "b", "c"]), most_rows=most_rows))
    assert sum(name.startswith("Broken") for name in book.sheetnames) == sheets


def test_no_cell_is_a_formula_or_a_link_whatever_its_name() -> None:
    data = written(named(NAMES.values()))
    for sheet in opened(data):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n", "inlineStr")
                assert cell.hyperlink is None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            assert not re.search(rb"<f[ >]|<hyperlink", archive.read(name))


def test_a_text_stays_text_when_somebody_edits_its_cell() -> None:
    sheet = opened(written(named(["=1+1"])))["Broken"]
    (cell,) = [cell for cell in sheet[2] if cell.value == "=1+1"]
    assert cell.quotePrefix
    assert cell.data_type == "s"


@every_case("name", NAMES)
def test_a_hostile_name_is_read_back_as_a_name(name: str) -> None:
    (row,) = table(opened(written(named([name]))), "Broken")
    visible = row["Where"].rstrip("…")
    if name.isascii() and name.isprintable() and name and "_x" not in name:
        assert name.startswith(visible.rstrip())
    assert not set(visible) & set("\x00\x1b\x9b\x07\r\t\u202e\u200f\u2028\ud83d")


def test_hostile_values_and_messages_are_read_back() -> None:
    book = opened(written(worlds.hostile()))
    assert len(table(book, "Broken")) == 2 * len(worlds.HOSTILE)
    assert len(table(book, "Read errors")) == len(worlds.HOSTILE)


def test_the_same_run_gives_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = written(worlds.everything())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert written(worlds.everything()) == first


def test_the_workbook_was_made_when_the_run_ended() -> None:
    with zipfile.ZipFile(io.BytesIO(written(worlds.clean()))) as archive:
        assert "2026-11-21T22:04:30Z" in archive.read("docProps/core.xml").decode()


def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    with (
        pytest.raises(IsADirectoryError),
        create_workbook(path, "", datetime(2026, 11, 21, tzinfo=UTC)),
    ):
        path.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "users", "most"),
    [
        ("ndjson", 20_000, 4e6),
        ("csv", 20_000, 4e6),
        ("markdown", 20_000, 4e6),
        ("xlsx", 5_000, 2e6),
    ],
)
def test_writing_needs_memory_that_does_not_grow_with_the_findings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, users: int, most: float
) -> None:
    """Fewer users in a workbook: a cell takes long to write while memory is traced."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = worlds.large(users)

    class Nowhere(io.BytesIO):
        def write(self, data: Any) -> int:
            return len(data)

    # The words of the catalogue are read once, and are as large for 10 users.
    FORMATS[name].render(worlds.large(10), Nowhere(), Options())
    tracemalloc.start()
    FORMATS[name].render(run, Nowhere(), Options())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most
    assert list(tmp_path.iterdir()) == []


def test_the_report_is_the_one_that_was_reviewed() -> None:
    assert summary_rows(rendered("xlsx")) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.needs("soffice")
def test_another_program_opens_every_sheet_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.xlsx").write_bytes(written(named(NAMES.values())))
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
            "--headless",
            "--convert-to",
            "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,true,false,-1",
            "--outdir",
            str(tmp_path),
            str(tmp_path / "report.xlsx"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sheets = {path.stem.partition("-")[2]: path for path in tmp_path.glob("*.csv")}
    assert set(sheets) == set(FIXED)
    rows = Path(sheets["Broken"]).read_text(encoding="utf-8")
    assert '=HYPERLINK(""http://evil.example"")' in rows
    assert NAMES["escape"] in rows
    assert rows.count("AI-01") == len(NAMES)


if __name__ == "__main__":
    GOLDEN.write_text(summary_rows(rendered("xlsx")), encoding="utf-8")
