"""`auditor diff`: what changed between two runs, for people and for programs."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from auditor.findings.model import Status
from auditor.report.display import display_width, printable
from auditor.store.runs import Runs
from tests.cli.commands import output_text, ran
from tests.report.worlds import HOSTILE, deviation
from tests.store.nights import Nights

STORED = {kind: name for kind, name in HOSTILE.items() if kind != "surrogate"}
"""Half a character never gets as far as a snapshot."""


@pytest.fixture
def nights(home: Path) -> Iterator[Nights]:
    with closing(Nights(Runs(home))) as nights:
        yield nights


def changes(*words: str) -> dict[str, Any]:
    result = ran("diff", *words, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_by_default_it_compares_the_newest_run_with_the_one_before(nights: Nights) -> None:
    nights.night({"u1": Status.FAIL})
    one = nights.night({"u1": Status.FAIL, "u2": Status.FAIL})
    other = nights.night({"u1": Status.FAIL})
    document = changes()
    assert (document["earlier"]["id"], document["later"]["id"]) == (one.facts.id, other.facts.id)
    assert document["summary"] == {"improved": 1}
    assert document["schema"] == "auditor/drift/v1"
    assert document["changes"][0]["scope"]["id"] == "u2"


def test_runs_can_be_named_one_or_both_and_by_latest(nights: Nights) -> None:
    first, second, third = (
        nights.night({"u1": Status.FAIL} if at == 1 else {}).facts.id for at in range(3)
    )
    assert changes(first, third)["summary"] == {}
    assert changes(first, "latest")["later"]["id"] == third
    assert changes(second)["summary"] == {"regressed": 1}
    assert changes(third, second)["summary"] == {"regressed": 1}


def test_the_first_run_has_nothing_before_it(nights: Nights) -> None:
    result = ran("diff")
    assert (result.exit_code, "Start with: auditor audit" in output_text(result)) == (2, True)
    nights.night()
    result = ran("diff")
    assert result.exit_code == 2
    assert "is the first with its baseline and depth" in output_text(result)
    assert "auditor diff A B" in output_text(result)


def test_a_run_that_does_not_exist_is_said(nights: Nights) -> None:
    nights.night()
    result = ran("diff", "20260101T000000-000Z-aaaaaa", "latest")
    assert result.exit_code == 2
    assert 'No stored run is called "20260101T000000-000Z-aaaaaa"' in output_text(result)


def test_two_accounts_are_not_compared(nights: Nights) -> None:
    one = nights.night()
    other = nights.night(account_id="acc-2")
    result = ran("diff", one.facts.id, other.facts.id)
    assert result.exit_code == 2
    assert "there is nothing to compare" in output_text(result)
    assert "acc-1" in output_text(result)
    assert "acc-2" in output_text(result)


def test_a_file_gets_the_format_of_its_suffix(nights: Nights, home: Path) -> None:
    nights.night()
    nights.night({"u1": Status.FAIL})
    for name, begins in (("a.json", "{"), ("a.md", "## "), ("a.txt", "1 setting newly broken")):
        result = ran("diff", "--output", name)
        assert (result.exit_code, result.stdout) == (0, "")
        assert Path(name).read_text().startswith(begins)
        assert Path(name).stat().st_mode & 0o777 == 0o600
    assert ran("diff", "--output", "nowhere/a.json").exit_code == 2


@pytest.mark.parametrize("name", STORED.values(), ids=STORED)
def test_hostile_names_break_no_format(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    nights.night({"u2": deviation("AI-01", setting=f"in.{name}")}, names={"u2": name})
    nights.night(
        {"u1": deviation("AI-01", observed=name), "u2": Status.FAIL},
        names={"u1": name, "u2": name},
    )
    for width in (40, 80, 100, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        text = ran("diff")
        assert text.exit_code == 0, text.output
        lines = text.stdout.splitlines()
        assert max(map(display_width, lines)) <= min(width, 120)
        assert all(printable(line) == line for line in lines)
        assert "newly broken" in lines[0]
    assert changes()["summary"]["regressed"] == 2
    page = ran("diff", "--format", "markdown").stdout
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    assert sum(token.type == "tr_open" for token in tokens) == 2 + 2  # heads and rows
    shown = MarkdownIt("commonmark").enable("table").render(page)
    assert "<script" not in shown
    assert "<img" not in shown


def test_very_many_changes_are_told_in_few_lines_and_all_to_programs(nights: Nights) -> None:
    users = [f"u{n:04}" for n in range(1500)]
    nights.night({}, users=users)
    nights.night(dict.fromkeys(users, Status.FAIL), users=users)
    assert len(ran("diff").stdout.splitlines()) < 20
    found = changes()
    assert found["summary"] == {"regressed": 1500}
    assert len({change["fingerprint"] for change in found["changes"]}) == 1500
