"""Every planted departure that a baseline is against is found where it is, and none is invented."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Planted, Sandbox
from tests.end_to_end.conftest import Accounts, Auditor, keys, served, slow
from tests.end_to_end.expected import Documents, Rule, deviations, rules

BASELINES = ("strict", slow("consent-first"))
LISTED = {"workflows[]"}
"""What is judged by lists, which are not planted."""


@pytest.fixture(scope="module")
def accounts(accounts: Accounts) -> Iterator[Accounts]:
    """The shared accounts, and a larger one that drifted: some deviations need 28 users."""
    with served("drifted", users=30) as drifted:
        yield lambda scenario: drifted if scenario == "drifted" else accounts(scenario)


@pytest.fixture
def documents(accounts: Accounts, scenario: str) -> Iterator[Documents]:
    found = Documents(accounts(scenario))
    yield found
    found.close()


def audited(folder: Path, account: Sandbox, baseline: str) -> dict[str, Any]:
    return Auditor(folder, account).report("--baseline", baseline, "--include-passes")


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("scenario", ["clean", "drifted", "unlocked", "denied"])
def test_planted_deviations_are_found_and_none_invented(
    tmp_path: Path, accounts: Accounts, documents: Documents, scenario: str, baseline: str
) -> None:
    world = accounts(scenario).world
    report = audited(tmp_path, accounts(scenario), baseline)
    found = {key for key in keys(report) if key[4] != "usage" and key[3] not in LISTED}
    assert found == deviations(rules(baseline), world.planted(), documents)
    assert bool(found) is (scenario in ("drifted", "unlocked"))
    assert observed_elsewhere(report, world.planted()) == []


@pytest.mark.parametrize(("scenario", "used"), [("clean", False), ("drifted", True)])
def test_that_ai_was_used_is_found_where_it_was(
    tmp_path: Path, accounts: Accounts, scenario: str, used: bool
) -> None:
    auditor = Auditor(tmp_path, accounts(scenario))
    report = auditor.report("--baseline", "strict", "--only", "AI-23")
    found = {key[3] for key in keys(report) if key[4] == "usage"}
    assert bool(found) is used


def observed_elsewhere(report: Mapping[str, Any], planted: Iterator[Planted]) -> list[Any]:
    """Failed values that differ from what was planted at that very path."""
    truth = {(row.level, row.scope_id, row.setting): row.value for row in planted}
    wrong = []
    for finding in report["findings"]:
        place = (finding["scope"]["level"], finding["scope"]["id"], finding["setting"])
        failed = finding["status"] == "fail" and finding["kind"] == "value"
        if failed and place in truth and finding["observed"] != truth[place]:
            wrong.append(finding)
    return wrong


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("scenario", ["partial"])
def test_what_zoom_does_not_return_is_unknown_and_never_a_pass(
    tmp_path: Path, accounts: Accounts, documents: Documents, scenario: str, baseline: str
) -> None:
    planted = list(accounts(scenario).world.planted())
    report = audited(tmp_path, accounts(scenario), baseline)
    assert keys(report) == deviations(rules(baseline), planted, documents) == set()
    absent = {
        (row.level, row.scope_id, rule.control, rule.setting)
        for row in planted
        if row.kind == "absent"
        for rule in rules(baseline)
        if _is_blinded(rule, row)
    }
    came_out = {
        (f["scope"]["level"], f["scope"]["id"], f["control"], f["setting"]): f["status"]
        for f in report["findings"]
        if f["kind"] == "value"
    }
    assert absent
    assert {came_out.get(place) for place in absent} <= {"unknown", "needs_decision"}
    for row in planted:
        if row.kind == "unreadable":
            assert _causes(report, row.scope_id) == {("unknown", "error")}


def _is_blinded(rule: Rule, row: Planted) -> bool:
    return (
        row.level in rule.levels
        and rule.surface == "settings"
        and rule.setting == row.setting
        and "legacy_of" not in rule.check
        and not any(other.get("legacy_of") == rule.setting for other in rule.others)
    )


def _causes(report: Mapping[str, Any], user: str) -> set[tuple[str, str]]:
    """How the values of a user came out that nothing but the user's documents can tell."""
    return {
        (f["status"], f["cause"])
        for f in report["findings"]
        if f["scope"]["id"] == user and f["kind"] == "value" and f["proved_by"] != "lock"
    }


@pytest.mark.parametrize("scenario", ["denied"])
def test_refused_documents_are_unknown_as_denied_and_listed_as_errors(
    tmp_path: Path, accounts: Accounts, scenario: str
) -> None:
    report = audited(tmp_path, accounts(scenario), "consent-first")
    below = [
        f
        for f in report["findings"]
        if f["scope"]["level"] in ("group", "user") and f["kind"] in ("value", "lock")
    ]
    assert {f["status"] for f in below} == {"unknown"}
    assert {f["cause"] for f in below} == {"denied"}
    assert {error["cause"] for error in report["errors"]} == {"denied"}
    assert any("user:read:settings:admin" in error["message"] for error in report["errors"])
    assert report["run"]["complete"] is False


def test_the_expectation_itself_knows_a_deviation_in_every_kind_of_place() -> None:
    """Guards the oracle: one that expects nothing would agree with a report that finds nothing."""
    levels = {level for rule in rules("strict") for level in rule.levels}
    assert {"account", "group", "user", "phone_account"} <= levels
    assert sum(rule.lock for rule in rules("strict")) > 40
