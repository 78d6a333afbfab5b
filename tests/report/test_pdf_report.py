import io
import itertools
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from auditor.evidence.scope import Level
from auditor.findings.model import Status
from auditor.findings.run import Run
from auditor.report import FormatError, Options, pdf_report
from auditor.report.pdf_report import LIMITS, PdfFormat
from tests.report import worlds
from tests.report.conftest import whole_world

needs_poppler = pytest.mark.needs("pdftotext")


def paper(run: Run, **options: Any) -> bytes:
    return worlds.report_of(run, "pdf", **options)


def read(program: str, pdf: bytes, tmp_path: Path) -> str:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf)
    command = [program, str(file)] if program == "pdfinfo" else [program, "-layout", str(file), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def rich() -> bytes:
    return paper(worlds.rich(), include_passes=True)


@pytest.mark.slow
@needs_poppler
def test_it_says_what_the_html_report_says(rich: bytes, tmp_path: Path) -> None:
    words = " ".join(read("pdftotext", rich, tmp_path).split())
    for text in (
        "Gate: FAIL (exit code 1, --fail-on high) – 50 deviations, 53 unknown",
        "57 of 115 checks (one question of a rule at one place) are judged (53 without an answer, "
        "5 to decide or attest)",
        "What people ask",
        "Since 2026-11-20 22:00 UTC",
        "Where the value comes from, from the account down",
        "this value decides",
        "the app lacks user:read:settings:admin",
        "Accepted by dpo@example.com until 2026-11-27, SEC-12: Trains surgeons",
        "Groups that relax the account",
        "What this report does not cover",
    ):
        assert text in words, text
    assert "Find a rule" not in words


@needs_poppler
def test_a_simulated_run_says_so(tmp_path: Path) -> None:
    run = worlds.clean()
    pdf = paper(replace(run, info=replace(run.info, simulated=True)))
    assert "It says nothing about a real account." in " ".join(
        read("pdftotext", pdf, tmp_path).split()
    )


@pytest.mark.slow
@needs_poppler
def test_every_page_has_its_number_and_the_run(rich: bytes, tmp_path: Path) -> None:
    pages = read("pdftotext", rich, tmp_path).removesuffix("\f").split("\f")
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "20261121T215800Z-7f3a" in page


@pytest.mark.slow
@needs_poppler
def test_the_contents_page_names_the_page_of_each_section(rich: bytes, tmp_path: Path) -> None:
    pages = read("pdftotext", rich, tmp_path).split("\f")
    contents = next(page for page in pages if "Contents" in page)
    for title in ("What people ask", "Broken rules", "No answer", "Method and limits"):
        line = next(row for row in contents.splitlines() if row.strip().startswith(title))
        (number,) = re.findall(r"(\d+)\s*$", line)
        assert title in pages[int(number) - 1]


@pytest.fixture(scope="module")
def clean() -> bytes:
    return paper(worlds.clean())


def test_the_same_run_gives_the_same_bytes(clean: bytes) -> None:
    assert paper(worlds.clean()) == clean


@needs_poppler
def test_it_is_dated_by_the_run_not_by_the_clock(clean: bytes, tmp_path: Path) -> None:
    facts = read("pdfinfo", clean, tmp_path)
    assert re.search(r"CreationDate:\s+Sat Nov 21 22:04:30 2026", facts)


@pytest.mark.slow
@needs_poppler
def test_hostile_names_stay_text(tmp_path: Path) -> None:
    words = " ".join(read("pdftotext", paper(worlds.hostile()), tmp_path).split())
    assert "<script>alert(1)</script>" in words
    assert "{{ 7*7 }}" in words


def test_a_run_without_anything_is_a_report_as_well() -> None:
    assert paper(worlds.empty()).startswith(b"%PDF-")


@pytest.mark.slow
@needs_poppler
def test_users_no_two_of_whom_are_alike_do_not_make_an_endless_document(tmp_path: Path) -> None:
    pdf = paper(worlds.scattered())
    (pages,) = re.findall(r"Pages:\s+(\d+)", read("pdfinfo", pdf, tmp_path))
    assert int(pages) < 30
    words = " ".join(read("pdftotext", pdf, tmp_path).split())
    assert f"and {6000 - LIMITS.rows:,} more rows" in words


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            ImportError("No module named 'weasyprint'"),
            "which is not installed. Install the auditor",
        ),
        (OSError("cannot load library 'libpango-1.0-0'"), "Pango is missing: cannot load library"),
    ],
)
def test_what_is_missing_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, message: str
) -> None:
    def refuse(name: str) -> NoReturn:
        raise failure

    monkeypatch.setattr("auditor.report.pdf_report.import_module", refuse)
    out = io.BytesIO()
    with pytest.raises(FormatError, match="with its extra \\[pdf\\]") as caught:
        PdfFormat().render(worlds.clean(), out, Options())
    assert message in str(caught.value)
    assert out.getvalue() == b""


def test_an_address_that_slipped_in_is_refused() -> None:
    with pytest.raises(ValueError, match="fetches nothing, not even http://evil"):
        pdf_report._nothing_outside("http://evil.example/x.png")


@pytest.mark.slow
def test_no_address_slips_in(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[str] = []
    monkeypatch.setattr("auditor.report.pdf_report._nothing_outside", requests.append)
    paper(replace(worlds.hostile(), trend=worlds.TREND))
    assert requests == []


WORD = re.compile(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)<')


@pytest.mark.slow
@needs_poppler
@pytest.mark.parametrize("world", [worlds.rich, worlds.every_level])
def test_no_two_words_overlap(world: Callable[[], Run], tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(paper(world()))
    subprocess.run(
        ["pdftotext", "-bbox", tmp_path / "report.pdf", tmp_path / "words.html"], check=True
    )
    overlapping = []
    for page in (tmp_path / "words.html").read_text().split("<page ")[1:]:
        words = [([float(edge) for edge in w.groups()[:4]], w[5]) for w in WORD.finditer(page)]
        for (one, first), (other, second) in itertools.combinations(words, 2):
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            if across > 1 and down > 0.5 * min(one[3] - one[1], other[3] - other[1]):
                overlapping.append((first, second))
    assert overlapping == []


@pytest.mark.slow
@needs_poppler
def test_the_annex_holds_the_names_and_can_be_left_out(tmp_path: Path) -> None:
    run = worlds.rich()
    whole, short = (read("pdftotext", paper(run, annex=annex), tmp_path) for annex in (True, False))
    before, annex = whole.split("Annex: names and evidence\n", 1)
    deviating = next(a.scope.label for a in run.assessments if a.scope.level is Level.USER)
    assert deviating in annex
    assert "Where the value comes from" in annex
    assert "Where the value comes from" not in before
    assert "Annex" not in short
    assert short.count("\f") <= before.count("\f") + 1


@pytest.mark.slow
@needs_poppler
def test_the_summary_has_three_pages_however_much_is_broken(tmp_path: Path) -> None:
    info = replace(worlds.CONTROLS["CN-05"], fix_portal="Account Settings > Recording > " * 3)
    controls = {f"C-{at:02}": replace(info, id=f"C-{at:02}") for at in range(60)}
    verdicts = [replace(worlds.deviation(), control=control) for control in controls]
    verdicts += [
        replace(worlds.deviation(), control=control, status=Status.NEEDS_DECISION, setting="x")
        for control in controls
    ]
    run = worlds.run_of([worlds.judged(worlds.account(), verdicts)], controls=controls)
    pdf = paper(run, summary=True)
    assert "Pages:           3" in read("pdfinfo", pdf, tmp_path)
    assert "and 42 more rules" in read("pdftotext", pdf, tmp_path)


@pytest.mark.slow
@needs_poppler
def test_the_summary_of_a_whole_account_has_three_pages(tmp_path: Path) -> None:
    pdf = paper(whole_world("drifted"), summary=True)
    assert "Pages:           3" in read("pdfinfo", pdf, tmp_path)
