"""NDJSON: the JSON report as lines; truncation is detectable."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from auditor.findings.run import Run
from auditor.report import schema
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Render, Report, every_run
from tests.report.golden_run import golden

PARTS = {"run": "run", "finding": "findings", "error": "errors", "waiver": "waivers"}


Lines = Callable[..., list[dict[str, Any]]]
"""Renders a run: `lines(run, include_passes=True)`."""


@pytest.fixture
def lines(render: Render) -> Lines:
    def parsed(run: Run, **options: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in render(run, "ndjson", **options).split("\n")[:-1]]

    return parsed


def bare(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "type"}


@every_case("any_run", every_run)
def test_the_lines_put_together_are_the_json_report(
    any_run: Run, lines: Lines, report: Report
) -> None:
    document = report(any_run, include_passes=True)
    records = lines(any_run, include_passes=True)
    assert bare(records[0]) == {key: document[key] for key in ("schema", "run", "summary")}
    for kind in ("finding", "error", "waiver"):
        assert [bare(line) for line in records if line["type"] == kind] == document[PARTS[kind]]


def test_waivers_are_lines_of_their_own_and_counted(lines: Lines, report: Report) -> None:
    records, document = lines(golden()), report(golden())
    assert [bare(line) for line in records if line["type"] == "waiver"] == document["waivers"]
    assert records[-1]["waivers"] == 1


@every_case("any_run", every_run)
def test_every_line_fits_its_part_of_the_published_schema(any_run: Run, lines: Lines) -> None:
    parts = {
        kind: jsonschema.Draft202012Validator(
            {"$ref": f"#/$defs/{kind}", "$defs": schema()["$defs"]}
        )
        for kind in ("finding", "error")
    }
    for line in lines(any_run)[:500]:
        if line["type"] in parts:
            parts[line["type"]].validate(bare(line))


def test_kinds_of_lines_come_in_one_order(lines: Lines) -> None:
    kinds = list(dict.fromkeys(line["type"] for line in lines(worlds.everything())))
    assert kinds == ["run", "finding", "error", "end"]


@every_case("any_run", every_run)
def test_the_last_line_counts_those_before_it_so_that_a_cut_file_shows(
    any_run: Run, lines: Lines
) -> None:
    *before, last = lines(any_run)
    assert last["type"] == "end"
    for kind in ("finding", "error", "waiver"):
        assert last[f"{kind}s"] == sum(line["type"] == kind for line in before)


def test_passes_are_lines_only_where_asked_for(lines: Lines) -> None:
    run = worlds.everything()
    assert lines(run, include_passes=True)[-1]["findings"] == lines(run)[-1]["findings"] + 6


def test_no_name_breaks_a_line_or_steers_a_terminal(render: Render, lines: Lines) -> None:
    text = render(worlds.hostile(), "ndjson")
    assert not set(text) & set("\x1b\x9b\x07\u202e\u200f\u2028\r")
    names = {f["scope"]["name"] for f in lines(worlds.hostile()) if f["type"] == "finding"}
    assert {name for name in worlds.HOSTILE.values() if name} <= names
