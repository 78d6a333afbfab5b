"""Reports: valid, the same for the same evidence, as wide as the terminal, where they were sent."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len

from tests.end_to_end.conftest import Accounts, Auditor, Ran, keys, slow
from tests.taken_out import taken_out

Stored = tuple[Auditor, Ran]

OF_THE_RUN = ("id", "started_at", "finished_at", "oldest_evidence_at")
"""What two runs of one account differ in, beside the times of findings and the cost."""


@pytest.fixture(scope="module")
def schema(stored: Stored) -> dict[str, Any]:
    published: dict[str, Any] = json.loads(stored[0]("report", "--schema").out)
    jsonschema.Draft202012Validator.check_schema(published)
    return published


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    run = {key: value for key, value in report["run"].items() if key not in OF_THE_RUN}
    summary = {key: value for key, value in report["summary"].items() if key != "api"}
    times = {"observed_at": None, "first_seen": None}
    findings = [{**finding, **times} for finding in report["findings"]]
    return {"run": run, "summary": summary, "findings": findings, "errors": report["errors"]}


@pytest.mark.parametrize("scenario", ["clean", "drifted", "unlocked", "denied", "partial"])
def test_every_json_report_is_valid(
    tmp_path: Path, accounts: Accounts, schema: dict[str, Any], scenario: str
) -> None:
    auditor = Auditor(tmp_path, accounts(scenario))
    report = auditor.report("--depth", "group", "--include-passes")
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    assert [error.message for error in validator.iter_errors(report)] == []


def test_two_audits_of_one_account_give_equal_findings_and_digests(stored: Stored) -> None:
    auditor, first = stored
    second = Auditor(auditor.folder / "again", auditor.account)
    second.folder.mkdir(exist_ok=True)
    assert timeless(second.report()) == timeless(first.report)


@pytest.mark.parametrize(
    "command", [("audit", "--from", "latest"), ("report", "latest"), ("report",)]
)
def test_a_stored_run_gives_the_same_file_again(stored: Stored, command: tuple[str, ...]) -> None:
    auditor, first = stored
    again = auditor(*command, "--format", "json")
    assert (again.out, again.err) == (first.out, "")


def test_a_stored_run_says_to_people_what_the_audit_said(
    tmp_path: Path, accounts: Accounts
) -> None:
    """The store keeps no pass: nothing in a report may rest on whether passes are listed."""
    auditor = Auditor(tmp_path, accounts("drifted"))
    first, again = ([tmp_path / f"{name}.{suffix}" for suffix in ("md", "html")] for name in "ab")
    auditor("audit", *(word for file in first for word in ("--output", str(file))))
    for file in again:
        auditor("report", "latest", "--output", str(file))
    for one, other in zip(first, again, strict=True):
        lines = [
            [
                line
                for line in file.read_text(encoding="utf-8").splitlines()
                if "Full report" not in line
            ]
            for file in (one, other)
        ]
        assert lines[0] == lines[1], one.suffix


def test_a_stored_run_is_found_by_its_id_and_by_its_path(stored: Stored) -> None:
    auditor, first = stored
    run = first.report["run"]["id"]
    by_id = auditor("audit", "--from", run, "--format", "json")
    path = taken_out(auditor.data, auditor.folder / "night.sqlite", run)
    by_path = auditor("audit", "--from", path, "--format", "json")
    assert first.out == by_id.out == by_path.out


def test_stored_evidence_can_be_judged_with_another_baseline(stored: Stored) -> None:
    auditor, first = stored
    ran = auditor("audit", "--from", "latest", "--baseline", "strict", "--format", "json")
    assert ran.report["run"]["baseline"]["id"] == "strict"
    assert ran.report["run"]["evidence_digest"] == first.report["run"]["evidence_digest"]
    assert keys(ran.report) > {key for key in keys(first.report) if key[4] == "lock"}


def test_findings_stand_in_the_order_of_the_contract(stored: Stored) -> None:
    worst_first = ["critical", "high", "medium", "low"]
    levels = ["account", "group", "user", "phone_account"]
    report = stored[1].report
    rows = [
        (
            worst_first.index(f["severity"]),
            f["control"],
            f["scope"]["level"],
            f["scope"]["id"],
            f["setting"],
        )
        for f in report["findings"]
        if f["scope"]["level"] in levels[:3]
    ]
    rank = {level: place for place, level in enumerate(levels)}
    ordered = [(s, c, rank[level], scope, setting) for s, c, level, scope, setting in rows]
    assert ordered == sorted(ordered)
    prints = [finding["fingerprint"] for finding in report["findings"]]
    assert len(prints) == len(set(prints))


def test_passes_are_listed_only_when_asked_for_and_always_counted(stored: Stored) -> None:
    auditor, first = stored
    ran = auditor("audit", "--from", "latest", "--format", "json", "--include-passes")
    listed = [finding for finding in ran.report["findings"] if finding["status"] == "pass"]
    assert len(listed) == first.report["summary"]["by_status"]["pass"] > 0
    assert "pass" not in {finding["status"] for finding in first.report["findings"]}


@pytest.mark.parametrize("scenario", [slow("drifted"), "denied"])
def test_no_line_is_wider_than_the_terminal(
    tmp_path: Path, accounts: Accounts, scenario: str
) -> None:
    auditor = Auditor(tmp_path, accounts(scenario))
    audited = auditor.audit("--baseline", "strict", env={"COLUMNS": "80"})
    stored = auditor("report", env={"COLUMNS": "200"})
    for width, ran in ((80, audited), (200, stored)):
        widths = [cell_len(line) for line in ran.out.splitlines()]
        assert width * 0.6 < max(widths) <= width


def test_several_outputs_are_written_and_the_terminal_still_gets_a_report(
    stored: Stored, tmp_path: Path
) -> None:
    auditor, first = stored
    files = [tmp_path / name for name in ("night.json", "night.html", "night.txt")]
    outputs = [word for path in files for word in ("--output", path)]
    ran = auditor("audit", "--from", "latest", *outputs)
    assert files[0].read_text() == first.out
    assert files[1].read_text().lstrip().startswith("<!doctype html>")
    assert files[2].read_text().splitlines()[0] == ran.out.splitlines()[0]
    assert str(files[0]) in ran.out
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_metrics_can_be_read_by_the_node_exporter_and_name_nobody(
    stored: Stored, tmp_path: Path
) -> None:
    auditor, _ = stored
    file = tmp_path / "auditor.prom"
    auditor("report", "--output", file)
    assert file.stat().st_mode & 0o777 == 0o644
    assert "@" not in file.read_text()
    assert list(tmp_path.glob("*.prom")) == [file]


def test_formats_given_for_outputs_beat_their_suffixes(stored: Stored, tmp_path: Path) -> None:
    auditor, first = stored
    path = tmp_path / "night.report"
    auditor("report", "--format", "json", "--output", path)
    assert path.read_text() == first.out


def test_a_report_sent_to_standard_output_replaces_the_one_for_people(stored: Stored) -> None:
    auditor, first = stored
    ran = auditor("report", "--format", "json", "--output", "-")
    assert ran.out == first.out


def test_a_report_that_stood_there_before_is_replaced(stored: Stored, tmp_path: Path) -> None:
    auditor, first = stored
    path = tmp_path / "night.json"
    path.write_text("yesterday")
    auditor("report", "--output", path)
    assert path.read_text() == first.out
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_terminal_there_are_no_colours_and_no_progress_bar(auditor: Auditor) -> None:
    ran = auditor.audit("--depth", "account")
    assert "\x1b" not in ran.out + ran.err
    assert ran.err == ""


@pytest.mark.parametrize("quiet", ["-q", "--quiet"])
def test_quiet_says_nothing_where_a_file_was_asked_for(
    stored: Stored, tmp_path: Path, quiet: str
) -> None:
    auditor, _ = stored
    ran = auditor("report", quiet, "--output", tmp_path / "night.json")
    assert (ran.out, ran.err) == ("", "")
    assert (tmp_path / "night.json").exists()
