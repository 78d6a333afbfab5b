"""One meaning for each exit code, whatever is audited and however it is reported."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Accounts, Auditor

NO_USERS = ("--depth", "group")


def options(*controls: str, at: str) -> list[str]:
    return [*NO_USERS, "--fail-on", at, *(word for c in controls for word in ("--only", c))]


@pytest.mark.parametrize(
    ("scenario", "arguments", "code"),
    [
        ("clean", options("AI-02", "RC-02", at="low"), 0),
        ("drifted", options("AI-02", "AI-04", at="never"), 0),
        ("drifted", options("AI-02", "AI-04", at="critical"), 1),
        ("drifted", options("AI-04", at="critical"), 0),
        ("drifted", options("AI-04", at="high"), 0),
        ("drifted", options("AI-04", at="medium"), 1),
        ("drifted", options("AI-04", at="low"), 1),
        ("unlocked", options("RC-02", at="critical"), 0),
        ("unlocked", options("RC-02", at="high"), 1),
        ("denied", options("RC-02", at="never"), 3),
        ("denied", options("RC-02", at="critical"), 3),
        ("denied", [*options("RC-02", at="critical"), "--allow-unknown"], 0),
        ("partial", options("RC-09", at="never"), 0),
        ("partial", options("RC-09", at="critical"), 0),
        ("partial", options("RC-09", at="low"), 3),
        ("partial", [*options("RC-09", at="low"), "--allow-unknown"], 0),
        ("clean", options("TR-01", at="low"), 0),
        ("clean", [*options("TR-01", at="low"), "--strict"], 3),
        ("clean", [*options("DR-01", at="low"), "--strict"], 3),
    ],
)
def test_exit_code(
    tmp_path: Path, accounts: Accounts, scenario: str, arguments: list[str], code: int
) -> None:
    ran = Auditor(tmp_path, accounts(scenario)).audit("--format", "json", *arguments)
    assert (ran.code, ran.err) == (code, "")
    assert ran.report["run"]["exit_code"] == code


def test_deviations_win_over_missing_evidence_and_the_report_tells_both(
    tmp_path: Path, accounts: Accounts
) -> None:
    auditor = Auditor(tmp_path, accounts("denied"))
    org = tmp_path / "org.yaml"
    org.write_text("parameters: {allowed_regions: [XX]}\n")
    only = ("--only", "DR-01", "--only", "RC-02", "--org", org)
    ran = auditor.audit("--fail-on", "low", *only)
    assert ran.code == 1
    assert "deviation" in ran.out.splitlines()[0]
    assert "Incomplete" in ran.out


def test_an_unknown_that_was_allowed_is_said_in_the_report(
    tmp_path: Path, accounts: Accounts
) -> None:
    auditor = Auditor(tmp_path, accounts("denied"))
    arguments = ("--allow-unknown", "--only", "RC-02", *NO_USERS)
    assert auditor.audit("--format", "json", *arguments).report["run"]["allow_unknown"] is True
    assert "--allow-unknown" in auditor.audit(*arguments).out


@pytest.mark.parametrize("format_", ["text", "json", "html"])
def test_the_exit_code_is_the_same_for_every_format(
    stored: tuple[Auditor, object], format_: str
) -> None:
    auditor, _ = stored
    ran = auditor("audit", "--from", "latest", "--fail-on", "high", "--format", format_)
    assert ran.code == 1
