"""The formats of a roll-up: the same accounts and counts in each, and nothing that can act."""

import io
import json
import os
from pathlib import Path

import jsonschema
import pytest
from openpyxl import load_workbook

from auditor.findings.model import Severity
from auditor.fleet import html_output, json_output, text_output, xlsx_output
from tests.fleet.samples import account, failed, fleet, sample

GOLDEN = Path(__file__).parent / "golden"
UPDATING = bool(os.environ.get("AUDITOR_UPDATE_GOLDEN"))


@pytest.mark.parametrize("width", [80, 120])
def test_the_text_is_as_before(width: int) -> None:
    text = text_output.as_text(sample(), width)
    golden = GOLDEN / f"fleet-{width}.txt"
    if UPDATING:
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()
    assert max(map(len, text.splitlines())) <= width


def test_the_json_fits_its_schema_and_counts_every_account() -> None:
    document = json.loads(json_output.as_json(sample()))
    schema = json_output.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert len(document["accounts"]) == document["summary"]["accounts"] == 7
    assert sum(document["summary"]["by_verdict"].values()) == 7
    assert document["summary"]["by_severity"]["medium"] == 1202
    emea = next(each for each in document["accounts"] if each["name"] == "emea")
    assert emea["changes"] == {"new": 2, "gone": 0, "newly_unknown": 0, "policy_changed": False}
    assert emea["report"] == "auditor fleet report --account emea"


def test_a_fleet_without_runs_has_every_format() -> None:
    empty = fleet(failed("a"))
    jsonschema.validate(json.loads(json_output.as_json(empty)), json_output.schema())
    assert "1 not audited" in text_output.as_text(empty, 80)
    assert "not audited" in html_output.as_html(empty, {})
    xlsx_output.write_xlsx(empty, io.BytesIO())


def test_the_page_links_to_the_reports_that_exist_and_escapes_what_others_wrote(
    tmp_path: Path,
) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "emea.html").touch()
    found = fleet(account("emea", critical=1, tags=("<b>",)), failed("us", "<script>x</script>"))
    links = html_output.links_to(tmp_path / "reports", found, tmp_path / "index.html")
    page = html_output.as_html(found, links)
    assert links == {"emea": "reports/emea.html"}
    assert 'href="reports/emea.html"' in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "default-src &#39;none&#39;" in page


def test_the_workbook_has_a_row_for_each_account_and_each_pair_of_control_and_account() -> None:
    out = io.BytesIO()
    xlsx_output.write_xlsx(sample(), out)
    book = load_workbook(out)
    assert book.sheetnames == ["Summary", "Accounts", "Controls", "Nights"]
    assert [row[0] for row in book["Accounts"].iter_rows(min_row=2, values_only=True)] == [
        each.name for each in sample().accounts
    ]
    pairs = [row[:4] for row in book["Controls"].iter_rows(min_row=2, values_only=True)]
    assert pairs == [
        (str(Severity.CRITICAL), "AI-01", "emea", 3),
        ("medium", "RC-02", "us-east-with-a-rather-long-name", 1200),
        ("medium", "RC-02", "emea", 1),
        ("medium", "RC-02", "older", 1),
    ]
