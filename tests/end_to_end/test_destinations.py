"""Where reports go is tried before an audit, and one that cannot be written costs no other."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import output
from tests.end_to_end.conftest import Auditor

QUICK = ("audit", "--depth", "account", "--max-rate", "5000", "--rate-share", "1")


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "--output", "nowhere/night.json"),
        ("nightly", "--report", "nowhere/night.json"),
        ("nightly", "--metrics", "nowhere/night.prom"),
        ("nightly", "--fix-plan", "nowhere/plan.json"),
    ],
    ids=" ".join,
)
def test_a_destination_that_cannot_be_written_is_found_out_before_zoom_is_asked(
    auditor: Auditor, words: tuple[str, ...]
) -> None:
    auditor.account.requests.by_template.clear()
    ran = auditor(*words)
    assert ran.code == 2
    assert "cannot be written" in ran.err
    assert not auditor.account.requests.by_template


def test_a_destination_that_fails_at_the_end_costs_no_other(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = output.write

    def failing(path: Path, *words: Any) -> None:
        if path.parent.name == "gone":
            shutil.rmtree(path.parent, ignore_errors=True)  # somebody removes it meanwhile
        write(path, *words)

    monkeypatch.setattr(output, "write", failing)
    (auditor.folder / "gone").mkdir()
    names = ("gone/one.json", "two.json", "gone/three.zip", "four.csv")
    outputs = [word for name in names for word in ("--output", name)]
    ran = auditor(*QUICK, *outputs)
    assert ran.code == 2
    assert "gone/one.json cannot be written" in ran.err
    assert "gone/three.zip cannot be written" in ran.err
    assert (auditor.folder / "two.json").is_file()
    assert (auditor.folder / "four.csv").is_file()
    assert "Full report: two.json" in ran.out
    assert len(auditor("history", "--format", "json").out) > 2


def test_a_format_whose_library_is_missing_is_found_out_before_zoom_is_asked(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    auditor.account.requests.by_template.clear()
    for words in (("--output", "night.pdf"), ("--format", "pdf")):
        ran = auditor("audit", *words)
        assert ran.code == 2
        assert "WeasyPrint" in ran.err
    assert not auditor.account.requests.by_template
    assert list(auditor.folder.iterdir()) == []
