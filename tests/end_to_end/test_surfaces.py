"""What lies beside settings, on a whole account: phone, meetings, use, apps, roles and the log."""

from contextlib import closing
from pathlib import Path

import pytest

from auditor.evidence.scope import Level
from auditor.sandbox.api import SCOPES
from auditor.sandbox.identity import opaque_id
from auditor.store.runs import Runs
from tests.end_to_end.conftest import Accounts, Auditor, keys, served, slow

ORGANISATION = f"""
baseline: consent-first
parameters:
  ai_allowed_groups: [Clinical Ops]
  allowed_apps: [{opaque_id(1, "Quick Notetaker", 0)}]
  change_records: [CHG-1]
  max_ai_admins: 2
"""
BESIDE = ("AI-16", "AI-23", "CC-03", "CC-04", "CC-06", "CN-03", "CN-11", "EN-04", "RT-05", "TP-04")
ONLY = [word for control in BESIDE for word in ("--only", control)]

NO_DEVIATION = {"settings.meeting_invitees", "settings.support_participants_receive_summary"}
"""Who is invited, and a switch whose meaning Zoom has not published."""


@pytest.fixture
def organisation(tmp_path: Path) -> Path:
    path = tmp_path / "organisation.yaml"
    path.write_text(ORGANISATION)
    return path


@pytest.mark.parametrize("depth", ["account", slow("user"), "meeting"])
@pytest.mark.parametrize("scenario", ["clean", "drifted"])
def test_an_account_that_answers_everything_gives_a_complete_run(
    tmp_path: Path, accounts: Accounts, organisation: Path, scenario: str, depth: str
) -> None:
    auditor = Auditor(tmp_path, accounts(scenario))
    ran = auditor.audit("--org", organisation, "--depth", depth, "--format", "json")
    assert ran.code == 0, ran.err
    assert ran.report["run"]["complete"] is True
    assert ran.report["errors"] == []
    unknown = {f["control"] for f in ran.report["findings"] if f["status"] == "unknown"}
    assert unknown.isdisjoint(BESIDE)


def test_meetings_that_override_the_baseline_are_found_and_no_others(
    tmp_path: Path, accounts: Accounts
) -> None:
    account = accounts("drifted")
    auditor = Auditor(tmp_path, account)
    report = auditor.report("--baseline", "strict", "--depth", "meeting", "--only", "CC-06")
    found = {(key[1], key[3]) for key in keys(report)}
    planted = {
        (row.scope_id, row.setting)
        for row in account.world.planted()
        if row.level == "meeting" and row.setting not in NO_DEVIATION
    }
    assert found == planted
    assert found
    scheduled = sum(len(account.world.meeting_ids(user)) for user in range(account.world.users))
    assert report["summary"]["coverage"]["meeting"] == scheduled


def test_use_against_the_policy_is_found_where_it_was(
    tmp_path: Path, accounts: Accounts, organisation: Path
) -> None:
    auditor = Auditor(tmp_path, accounts("drifted"))
    report = auditor.report("--org", organisation, "--depth", "meeting", *ONLY)
    failed = {control for _, _, control, _, _ in keys(report)}
    assert failed == {"AI-16", "AI-23", "CC-03", "CC-04", "CC-06", "CN-03", "CN-11", "TP-04"}
    (apps,) = [f for f in report["findings"] if f["control"] == "TP-04" and f["status"] == "fail"]
    assert "Call text pipeline" in apps["detail"]
    assert "Quick Notetaker" not in apps["detail"]


def test_verdicts_on_use_can_be_computed_again_from_what_was_stored(
    tmp_path: Path, accounts: Accounts, organisation: Path
) -> None:
    auditor = Auditor(tmp_path, accounts("drifted"))
    first = auditor.audit("--org", organisation, "--depth", "meeting", "--format", "json", *ONLY)
    again = auditor("audit", "--from", "latest", "--org", organisation, "--format", "json", *ONLY)
    assert again.out == first.out


def test_each_surface_that_is_refused_is_unknown_by_itself_and_once(
    tmp_path: Path, organisation: Path
) -> None:
    kept = (
        "user:read:list_users:admin",
        "group:read:list_groups:admin",
        "user:read:settings:admin",
    )
    scopes = tuple(scope for scope in SCOPES if scope in kept)
    with served("drifted", users=60, scopes=scopes) as account:
        ran = Auditor(tmp_path, account).audit(
            "--org", organisation, "--depth", "meeting", "--format", "json", *ONLY
        )
    assert ran.code == 3
    report = ran.report
    beside = [f for f in report["findings"] if f["scope"]["level"] != "app"]
    assert {f["status"] for f in beside if f["control"] != "CC-01"} == {"unknown"}
    assert {f["cause"] for f in beside} == {"denied"}
    assert {error["scopes"] for error in report["errors"]} == {1}
    assert {control for error in report["errors"] for control in error["controls"]} == set(BESIDE)
    assert account.service.requests.template("/users/{userId}/meetings") < 60


def test_no_secret_and_no_topic_of_a_past_meeting_is_stored(
    tmp_path: Path, accounts: Accounts, organisation: Path
) -> None:
    auditor = Auditor(tmp_path, accounts("drifted"))
    report = auditor.audit(
        "--org", organisation, "--depth", "meeting", "--include-passes", "--format", "json", *ONLY
    )
    assert "CANARY" not in report.out
    with closing(Runs(auditor.data).open("latest")) as snapshot:
        stored = repr([each for level in Level for each in snapshot.evidence(level)])
    assert "report_history_meetings" in stored
    assert "CANARY" not in stored
    assert "Review" not in stored
