"""What people really answered, over real HTTP: numbers in the report, nobody in what is stored."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from auditor.sandbox.api import SCOPES
from tests.end_to_end import unpacked
from tests.end_to_end.conftest import Auditor, served

CONTROLS = ("CN-02", "CN-03", "CN-04", "CN-05", "CN-10", "TP-01")
ONLY = [word for control in CONTROLS for word in ("--only", control)]
PERSONAL = re.compile(rb"CANARY-(guest|host)|\b900000000\d\d\b|Visitor|Windows")
"""What stands in the rows of the report: names, meeting numbers, clients."""


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("drifted", users=20) as account:
        yield account


def test_a_report_says_what_people_answered_and_stores_none_of_them(
    tmp_path: Path, account: Sandbox
) -> None:
    auditor = Auditor(tmp_path, account)
    report = auditor.report(*ONLY, "--depth", "account", "--include-passes")
    told = {
        f["control"]: (f["status"], f["observed"])
        for f in report["findings"]
        if f["setting"].startswith("answered_notices:")
    }
    ai = {
        "agree": 3,
        "agree (guests)": 6,
        "decline attend (guests)": 3,
        "passive agree": 3,
    }
    recordings = {"agree": 4, "cancel (guests)": 4, "passive agree (guests)": 4}
    assert told == {
        "CN-02": ("needs_decision", ai),
        "CN-03": ("needs_decision", ai),
        "CN-04": ("pass", recordings),
        "CN-05": ("needs_decision", recordings),
        "CN-10": ("not_applicable", None),
        "TP-01": ("fail", {"agree (guests)": 3}),
    }
    leaks = [name for name, content in unpacked.files(tmp_path) if PERSONAL.search(content)]
    assert leaks == []


def test_each_report_is_asked_for_once_and_only_for_its_controls(
    tmp_path: Path, account: Sandbox
) -> None:
    auditor = Auditor(tmp_path, account)
    before = account.requests.by_template.copy()
    auditor.report("--only", "CN-10", "--depth", "account")
    asked = account.requests.by_template - before
    assert asked["/report/disclaimer", 200] == 1
    assert not [path for path, _ in asked if "history" in path]
    before = account.requests.by_template.copy()
    auditor.report("--only", "AI-02", "--depth", "account")
    assert ("/report/disclaimer", 200) not in account.requests.by_template - before


def test_without_the_scope_the_answers_are_unknown_and_the_run_is_incomplete(
    tmp_path: Path,
) -> None:
    held = [scope for scope in SCOPES if scope != "report:read:disclaimer:admin"]
    with served("clean", users=8, scopes=held) as account:
        auditor = Auditor(tmp_path, account)
        report = auditor.report(*ONLY, "--depth", "account")
    found = [f for f in report["findings"] if f["setting"].startswith("answered_notices:")]
    assert {(f["status"], f["cause"]) for f in found} == {("unknown", "denied")}
    assert "report:read:disclaimer:admin" in found[0]["detail"]
    assert (report["run"]["complete"], report["run"]["exit_code"]) == (False, 3)
