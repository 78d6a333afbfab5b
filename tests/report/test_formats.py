import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import auditor
from auditor.findings.closing_steps import ClosingSteps
from auditor.report import FORMATS, FormatError, Options, UnknownFormat, by_name, by_suffix
from tests.every_case import every_case
from tests.report import worlds

NEW_FORMAT = '''
"""One line for each finding, its columns separated by tabs."""

from auditor.report.interface import Format


class TsvFormat(Format):
    """Tabs."""

    name = "tsv"
    suffix = ".tsv"
    media_type = "text/tab-separated-values"
    names_people = False

    def render(self, run, out, options):
        """Write `run` to `out`."""
        for finding in run.findings():
            out.write(f"{finding.verdict.control}\\t{finding.verdict.status}\\n".encode())
'''


def test_every_format_is_registered_under_its_own_name_and_suffix() -> None:
    assert list(FORMATS)[:3] == ["text", "json", "html"]
    others = "ndjson csv xlsx markdown sarif junit ocsf oscal prometheus pdf"
    assert set(FORMATS) >= {"text", "json", "html", *others.split()}
    assert all(by_name(name).name == name for name in FORMATS)
    assert len({f.suffix for f in FORMATS.values()}) == len(FORMATS)
    assert all("/" in f.media_type for f in FORMATS.values())


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"text", "html", "markdown", "pdf"}))
def test_formats_for_programs_do_not_pay_for_a_plan(name: str) -> None:
    def closing_steps() -> ClosingSteps:
        raise AssertionError(name)

    worlds.report_of(replace(worlds.everything(), closing_steps=closing_steps), name)


@pytest.mark.slow
def test_a_new_format_is_one_new_module(tmp_path: Path) -> None:
    package = tmp_path / "auditor"
    shutil.copytree(Path(auditor.__file__).parent, package)
    (package / "report" / "tsv_report.py").write_text(NEW_FORMAT, encoding="utf-8")
    (tmp_path / "policies").symlink_to(Path(auditor.__file__).parent.parent / "policies")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "auditor", *words],
            cwd=tmp_path,
            env={**os.environ, "AUDITOR_HOME": str(tmp_path / "home"), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert ", tsv," in run("audit", "--help").stdout
    only = ("audit", "--sandbox", "--users", "2", "--baseline", "strict", "--only", "AI-01")
    done = run(*only, "--format", "tsv", "--output", "night.tsv")
    assert done.returncode in (0, 1), done.stderr
    report = tmp_path / "night.tsv"
    assert report.read_text(encoding="utf-8").startswith("AI-01\t")
    assert report.stat().st_mode & 0o777 == 0o644


@every_case("name", sorted(FORMATS.keys() - {"bundle", "pdf"}))
def test_the_same_run_gives_the_same_bytes(name: str) -> None:
    first, second = (worlds.report_of(worlds.everything(), name) for _ in range(2))
    assert first == second


@every_case("name", ["json", "ndjson", "csv", "ocsf"])
def test_findings_are_written_one_by_one(name: str) -> None:
    class Counting(io.BytesIO):
        largest = 0

        def write(self, data: Any) -> int:
            self.largest = max(self.largest, len(data))
            return super().write(data)

    out = Counting()
    FORMATS[name].render(worlds.large(600), out, Options())
    assert out.largest < 10_000 < len(out.getvalue())


def test_the_suffix_of_a_path_chooses_the_format() -> None:
    assert by_suffix("demo/report.HTML").name == "html"
    assert by_suffix("night.json").name == "json"
    assert by_suffix("night.txt").name == "text"


def test_an_unknown_format_says_which_there_are() -> None:
    with pytest.raises(UnknownFormat, match=r"'yaml'.*text, json, html.*bundle\.$"):
        by_name("yaml")


@pytest.mark.parametrize("path", ["report.docx", "report", ""])
def test_a_name_without_a_known_suffix_says_what_to_do(path: str) -> None:
    with pytest.raises(FormatError, match=r"--format.*\.json \(json\).*\.zip \(bundle\)"):
        by_suffix(path)
