"""One meaning for each exit code, whatever is audited and however it is reported."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import FAST, Accounts, Auditor, Installed, slow

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
    org.write_text("parameters: {allowed_regions: [CN]}\n")
    only = ("--only", "DR-01", "--only", "RC-02", "--org", org)
    ran = auditor.audit("--fail-on", "low", *only)
    assert ran.code == 1
    assert ran.out.startswith("SIMULATED")
    assert "DR-01" in ran.out
    assert "Incomplete" in ran.out


def test_an_unknown_that_was_allowed_is_said_in_the_report(
    tmp_path: Path, accounts: Accounts
) -> None:
    auditor = Auditor(tmp_path, accounts("denied"))
    arguments = ("--allow-unknown", "--only", "RC-02", *NO_USERS)
    assert auditor.audit("--format", "json", *arguments).report["run"]["allow_unknown"] is True
    assert "--allow-unknown" in auditor.audit(*arguments).out


@pytest.mark.slow
def test_the_exit_code_is_the_same_for_every_format(stored: tuple[Auditor, object]) -> None:
    auditor, _ = stored
    for format_ in ("text", "json", "html"):
        ran = auditor("audit", "--from", "latest", "--fail-on", "high", "--format", format_)
        assert ran.code == 1, format_


@pytest.mark.parametrize(
    ("scenario", "arguments", "code"),
    [
        slow("clean", options("AI-02", at="low"), 0),
        ("drifted", options("AI-02", at="critical"), 1),
        slow("denied", options("RC-02", at="critical"), 3),
    ],
)
def test_the_installed_command_ends_with_the_same_code(
    tmp_path: Path, accounts: Accounts, scenario: str, arguments: list[str], code: int
) -> None:
    ran = Installed(tmp_path, accounts(scenario)).audit("-q", *arguments)
    assert (ran.code, ran.err) == (code, "")


NIGHT = {
    0: ("clean", options("AI-02", "RC-02", at="low")),
    1: ("drifted", options("AI-02", "AI-04", at="critical")),
    2: ("clean", [*options("RC-02", at="low"), "--baseline", "nowhere.yaml"]),
    3: ("denied", options("RC-02", at="critical")),
    4: ("clean", options("RC-02", at="low")),
}
"""Situations by their code; in that of 4, the credentials are wrong."""


def arranged(tmp_path: Path, accounts: Accounts, code: int) -> tuple[Auditor, dict[str, str]]:
    scenario, _ = NIGHT[code]
    auditor = Auditor(tmp_path, accounts(scenario))
    return auditor, {"ZOOM_CLIENT_SECRET": "wrong"} if code == 4 else {}


@pytest.mark.parametrize("code", NIGHT)
def test_a_night_has_the_same_codes(tmp_path: Path, accounts: Accounts, code: int) -> None:
    auditor, env = arranged(tmp_path, accounts, code)
    for log_format in ("text", "json"):
        words = ("nightly", *FAST, *NIGHT[code][1], "--log-format", log_format)
        ran = auditor(*words, env=env)
        assert (ran.code, ran.out) == (code, ""), log_format
        assert ran.err


FORMATS = ("text", "json", "markdown")


@pytest.mark.parametrize("code", NIGHT)
def test_a_gate_has_the_same_codes_live(tmp_path: Path, accounts: Accounts, code: int) -> None:
    auditor, env = arranged(tmp_path, accounts, code)
    words = [word for word in NIGHT[code][1] if word not in NO_USERS]
    for format_ in FORMATS:
        ran = auditor("gate", "--live", *words, "--format", format_, env=env)
        assert ran.code == code, format_
        assert bool(ran.out) == (code != 2), "an answer, or a sentence about what went wrong"
        assert bool(ran.err) == (code == 2 or (code == 4 and format_ != "text"))


@pytest.mark.parametrize("code", [0, 1, 4])
def test_a_gate_has_the_same_codes_for_what_is_stored(
    tmp_path: Path, accounts: Accounts, code: int
) -> None:
    auditor, _ = arranged(tmp_path, accounts, code)
    words = NIGHT[code][1]
    if code != 4:
        auditor("nightly", *FAST, *words)
    for format_ in FORMATS:
        ran = auditor("gate", *words, "--format", format_)
        assert (ran.code, ran.err) == (code, ""), format_


def test_nonsense_is_2_for_every_command(tmp_path: Path, accounts: Accounts) -> None:
    auditor = Auditor(tmp_path, accounts("clean"))
    for command in (["gate"], ["gate", "--live"], ["nightly"]):
        assert auditor(*command, "--fail-on", "sometimes").code == 2, command


@pytest.mark.parametrize("command", [["gate", "--live"], ["nightly"]])
@pytest.mark.parametrize(
    ("raised", "code"), [(ZeroDivisionError("x"), 5), (KeyboardInterrupt, 130)]
)
def test_what_breaks_or_is_interrupted_is_no_pass(
    tmp_path: Path,
    accounts: Accounts,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    raised: BaseException,
    code: int,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("auditor.app.audit.evaluate", broken)
    ran = Auditor(tmp_path, accounts("clean"))(*command, *options("RC-02", at="low")[2:])
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.splitlines()[-1].startswith("Error: ")
