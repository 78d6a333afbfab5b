from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Any

import jsonschema
import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.findings.model import FindingKind, Severity, Status
from auditor.findings.run import Run
from auditor.report import schema
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Render, Report, Spoil, every_run

VALIDATOR = jsonschema.Draft202012Validator(
    schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
RUN_KEYS = (
    "id account_id api_url started_at finished_at depth baseline evidence_digest tool "
    "complete exit_code"
)
FINDING_KEYS = (
    "control title kind status severity scope setting observed expected cause locked proved_by "
    "decided_by changeable_by source observed_at first_seen changed_by waiver fingerprint"
)


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_property_of_the_schema_is_explained() -> None:
    def unexplained(node: dict[str, Any], path: str) -> Iterator[str]:
        for name, child in node.get("properties", {}).items():
            if "$ref" not in child and not {"title", "description"} <= set(child):
                yield f"{path}.{name}"
            yield from unexplained(child, f"{path}.{name}")

    nodes = {"report": schema(), **schema()["$defs"]}
    assert [name for path, node in nodes.items() for name in unexplained(node, path)] == []


@pytest.mark.parametrize("enum", [Status, Severity, FindingKind, Cause])
def test_the_schema_knows_every_word_of_the_model(enum: type[StrEnum]) -> None:
    defs = schema()["$defs"]
    finding = defs["finding"]["properties"]
    known = {
        Status: finding["status"]["enum"],
        Severity: defs["severity"]["enum"],
        FindingKind: finding["kind"]["enum"],
        Cause: defs["cause"]["enum"],
    }
    assert set(known[enum]) == set(enum)


@every_case("any_run", every_run)
def test_every_report_fits_the_published_schema(any_run: Run, report: Report) -> None:
    document = report(any_run, include_passes=True)
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(extra=1),
        lambda d: d["run"].update(started_at="yesterday"),
        lambda d: d["run"].update(exit_code=7),
        lambda d: d["summary"]["by_status"].pop("unknown"),
        lambda d: d["findings"][0].update(status="ok"),
        lambda d: d["findings"][0].pop("observed"),
        lambda d: d["findings"][0].update(fingerprint="abc"),
        lambda d: d["errors"][0].update(cause="because"),
    ],
)
def test_the_schema_refuses_a_spoiled_report(spoil: Spoil, report: Report) -> None:
    document = report(worlds.everything())
    spoil(document)
    assert not VALIDATOR.is_valid(document)


def test_keys_come_in_the_order_of_the_contract(report: Report) -> None:
    document = report(worlds.everything())
    assert list(document) == [
        "schema",
        "run",
        "summary",
        "findings",
        "errors",
        "waivers",
        "blind_spots",
        "names",
    ]
    assert list(document["run"])[:11] == RUN_KEYS.split()
    assert list(document["run"]["baseline"]) == ["id", "version", "digest"]
    assert list(document["summary"])[:5] == [
        "by_status",
        "by_severity",
        "by_level",
        "coverage",
        "api",
    ]
    assert list(document["findings"][0])[:20] == FINDING_KEYS.split()
    assert list(document["errors"][0])[:4] == ["source", "cause", "message", "controls"]


def test_every_status_severity_and_read_level_has_its_number_zeros_included(
    report: Report,
) -> None:
    summary = report(worlds.clean())["summary"]
    assert set(summary["by_status"]) == set(Status)
    assert summary["by_status"]["fail"] == summary["by_status"]["unknown"] == 0
    assert summary["by_severity"] == {"critical": 0, "high": 0, "medium": 0, "low": 0}
    assert summary["by_level"] == {"account": 0, "group": 0, "user": 0}
    assert summary["coverage"] == {"account": 1, "group": 1, "user": 20}


def test_findings_keep_the_order_of_the_run(report: Report) -> None:
    run = worlds.everything()
    written = [finding["fingerprint"] for finding in report(run)["findings"]]
    assert written == [f.fingerprint for f in run.findings() if f.verdict.status is not Status.PASS]


def test_passes_are_listed_only_when_asked_for(report: Report) -> None:
    run = worlds.everything()
    assert "pass" not in {f["status"] for f in report(run)["findings"]}
    assert sum(f["status"] == "pass" for f in report(run, include_passes=True)["findings"]) == 6


def test_the_report_ends_in_one_newline_and_has_one_finding_a_line(render: Render) -> None:
    text = render(worlds.everything(), "json")
    assert text.endswith("]}\n")
    lines = [line for line in text.splitlines() if line.startswith('  {"control"')]
    assert len(lines) == sum(
        1 for f in worlds.everything().findings() if f.verdict.status != "pass"
    )


def test_hostile_names_come_back_as_they_were(report: Report) -> None:
    names = {f["scope"]["name"] for f in report(worlds.hostile())["findings"]}
    wanted = {name for name in worlds.HOSTILE.values() if name}
    assert wanted <= names


def test_nothing_in_the_bytes_can_steer_a_terminal_or_hide(render: Render) -> None:
    text = render(worlds.hostile(), "json")
    assert not set(text) & set("\x1b\x9b\x07\u202e\u200f\u2028")


@pytest.mark.parametrize(
    "odd", [float("nan"), float("inf"), [float("-inf"), {"deep": float("nan")}]]
)
def test_numbers_json_cannot_say_become_strings(odd: JsonValue, report: Report) -> None:
    run = worlds.run_of([worlds.judged(worlds.user(1), [worlds.deviation(observed=odd)])])
    document = report(run)
    assert VALIDATOR.is_valid(document)
    assert str(document["findings"][0]["observed"]).strip("'[")[:3].lower() in {"nan", "inf", "-in"}


def test_a_control_without_facts_is_titled_by_its_id(report: Report) -> None:
    run = replace(worlds.all_unknown(), controls={})
    assert all(f["title"] == f["control"] for f in report(run)["findings"])
