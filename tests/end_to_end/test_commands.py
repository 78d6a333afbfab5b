"""The commands beside `audit`, and the options that work everywhere."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import COMMAND, FAST, Auditor, environment

COMMANDS = (
    ("audit",),
    ("report",),
    ("baseline", "list"),
    ("baseline", "show"),
    ("baseline", "check"),
    ("control", "list"),
    ("control", "show"),
    ("sandbox",),
)


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """The command in an empty folder, pointed nowhere."""
    return Auditor(tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(auditor: Auditor, command: tuple[str, ...]) -> None:
    ran = auditor(*command, "--help", env={"COLUMNS": "120", "TERM": "dumb"})
    assert ran.code == 0
    assert f"auditor {' '.join(command)} " in ran.out.split("Example", 1)[1].replace("\n", " ")


def test_help_names_every_command_and_every_exit_code(auditor: Auditor) -> None:
    ran = auditor("--help", env={"COLUMNS": "120"})
    assert all(command[0] in ran.out for command in COMMANDS)
    assert all(f"{code} " in ran.out for code in (0, 1, 2, 3, 4, 5, 130))


def test_the_command_also_runs_as_a_module(tmp_path: Path) -> None:
    ran = subprocess.run(
        [COMMAND.parent / "python", "-m", "auditor", "--version"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == Auditor(tmp_path)("--version").out
    assert ran.stdout.startswith("auditor ")


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize(
    "command",
    [
        ("control", "list"),
        ("control", "show", "AI-02"),
        ("baseline", "list"),
        ("baseline", "show", "strict"),
        ("baseline", "show", "cis-zoom-1.0"),
    ],
    ids=" ".join,
)
def test_lists_fit_the_terminal(auditor: Auditor, command: tuple[str, ...], width: int) -> None:
    ran = auditor(*command, env={"COLUMNS": str(width)})
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= width


def test_all_controls_are_listed_and_a_topic_lists_its_own(auditor: Auditor) -> None:
    every = auditor("control", "list").out
    ai = auditor("control", "list", "--topic", "ai").out
    assert "AI-01" in every
    assert "RC-02" in every
    assert "AI-01" in ai
    assert "RC-02" not in ai


def test_a_control_is_explained_from_why_to_fix(auditor: Auditor) -> None:
    ran = auditor("control", "show", "ai-02")
    parts = ("Why", "Reads", "How to fix it in the admin centre", "Maps to", "Sources")
    assert all(f"\n{part}\n" in ran.out for part in parts)
    key = "in_meeting.meeting_summary_with_ai_companion.auto_enable"
    assert f"Automatic start of the AI meeting summary ({key})" in " ".join(ran.out.split())


def test_documented_values_are_listed_with_their_meaning(auditor: Auditor) -> None:
    shown = " ".join(auditor("control", "show", "AI-04").out.split())
    assert "3 (the host only)" in shown
    assert "lock: in_meeting.ai_companion_questions (account, group)" in shown


def test_a_setting_without_a_lock_is_said_so(auditor: Auditor) -> None:
    assert "lock: Zoom publishes none" in auditor("control", "show", "AI-06").out


def test_an_attestation_says_what_to_look_at(auditor: Auditor) -> None:
    ran = auditor("control", "show", "TR-01")
    assert "\nTo attest\n" in ran.out
    assert all(f"\n  {part}: " in ran.out for part in ("Where", "Expected", "Evidence", "Renew"))


def test_the_shipped_baselines_are_listed_and_shown(auditor: Auditor) -> None:
    listed = auditor("baseline", "list").out
    for name in ("strict", "consent-first", "regulated", "education", "cis-zoom-1.0"):
        assert name in listed
    shown = auditor("baseline", "show", "cis-zoom-1.0", env={"COLUMNS": "160"}).out
    assert "sha256:" in shown


def test_a_baseline_of_ones_own_is_checked_and_used(auditor: Auditor) -> None:
    (auditor.folder / "ours.yaml").write_text(
        'id: ours\nversion: "2"\ntitle: Ours\nextends: strict\n'
        "controls:\n  RC-02: {expect: true, severity: low}\n  AI-01: {assess: false}\n"
    )
    ran = auditor("baseline", "check", "ours.yaml")
    assert ran.code == 0
    assert "valid" in ran.out
    shown = auditor("baseline", "show", "ours.yaml", env={"COLUMNS": "160"}).out
    assert "AI-01" not in shown
    assert re.search(r"^RC-02 .*\n +low", shown, re.MULTILINE)


def test_a_sandbox_is_started_audited_and_stopped(auditor: Auditor) -> None:
    serving = subprocess.Popen(
        [COMMAND, "sandbox", "--users", "10", "--scenario", "unlocked", "--plan", "none"],
        cwd=auditor.folder,
        env=auditor.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert serving.stdout is not None
    printed = [serving.stdout.readline().strip() for _ in range(5)]
    env = dict(line.split("=", 1) for line in printed)
    assert set(env) == {
        "ZOOM_API_URL",
        "ZOOM_OAUTH_URL",
        "ZOOM_ACCOUNT_ID",
        "ZOOM_CLIENT_ID",
        "ZOOM_CLIENT_SECRET",
    }
    ran = auditor("audit", *FAST, "--only", "RC-02", "--fail-on", "high", env=env)
    serving.send_signal(signal.SIGINT)
    _, err = serving.communicate(timeout=60)
    assert ran.code == 1
    assert "10 users" in err
    assert "Traceback" not in err
    assert serving.returncode in (0, 130)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--host", "0.0.0.0"), "loopback"), (("--host", "zoom.example"), "loopback")],
)
def test_a_sandbox_serves_this_machine_alone(
    auditor: Auditor, arguments: tuple[str, ...], said: str
) -> None:
    ran = auditor("sandbox", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_a_port_that_is_taken_is_said_so(auditor: Auditor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = auditor("sandbox", "--port", port)
    assert ran.code == 2
    assert f"Port {port} on 127.0.0.1 cannot be used" in ran.err


@pytest.mark.parametrize("command", [("sandbox",), ("audit", "--sandbox")], ids=" ".join)
def test_without_the_extra_the_sandbox_says_how_to_install_it(
    auditor: Auditor, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for name in [name for name in sys.modules if name.startswith("auditor.sandbox")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ran = auditor(*command)
    assert ran.code == 2
    assert "with its extra [sandbox]" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--log-format", "json", "control", "show", "X"),
        ("control", "show", "X", "--log-format", "json"),
        ("control", "show", "--log-format=json", "X"),
        ("-q", "control", "show", "X", "--log-format", "json", "--no-color"),
    ],
)
def test_messages_are_json_wherever_that_is_asked_for(
    auditor: Auditor, arguments: tuple[str, ...]
) -> None:
    ran = auditor(*arguments)
    assert ran.code == 2
    rows = [json.loads(line) for line in ran.err.splitlines()]
    assert [row["level"] for row in rows] == ["error"]
    assert set(rows[0]) == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("place", ["before", "after"])
def test_more_is_said_with_v_on_standard_error_only(auditor: Auditor, place: str) -> None:
    audit = ("audit", "--sandbox", "--users", "2", "--only", "RC-02", "--format", "json")
    flags = ("-vv", "--log-format", "json")
    ran = auditor(*flags, *audit) if place == "before" else auditor(*audit, *flags)
    assert ran.report["run"]["depth"] == "user"
    assert {json.loads(line)["level"] for line in ran.err.splitlines()} >= {"debug"}


def in_a_terminal(auditor: Auditor, *arguments: str, **env: str) -> tuple[int, str]:
    """Run the command with a terminal as its standard output and error."""
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=auditor.folder,
        env=auditor.environment({"TERM": "xterm-256color", "COLUMNS": "100", **env}),
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(leader)
    return running.wait(10), shown.decode()


AUDIT = ("audit", "--sandbox", "--users", "20", "--depth", "user", "--only", "RC-02")
COLOUR = "\x1b[3"
"""How the sequences for foreground colours begin."""


def test_a_terminal_gets_colours_and_a_progress_bar(auditor: Auditor) -> None:
    code, shown = in_a_terminal(auditor, *AUDIT)
    assert code in (0, 3)
    assert COLOUR in shown
    assert "people" in shown
    assert "━" in shown


def test_colours_and_the_progress_bar_can_be_refused(auditor: Auditor) -> None:
    _, shown = in_a_terminal(auditor, "-q", *AUDIT, NO_COLOR="1")
    assert COLOUR not in shown
    assert "━" not in shown
    assert "RC-02" in shown


@pytest.mark.slow
def test_colours_can_be_refused_by_an_option(auditor: Auditor) -> None:
    _, shown = in_a_terminal(auditor, *AUDIT, "--no-color")
    assert COLOUR not in shown
    assert "━" in shown


def test_a_reader_that_goes_away_is_no_error(auditor: Auditor) -> None:
    running = subprocess.Popen(
        [COMMAND, "report", "--schema"],
        cwd=auditor.folder,
        env=auditor.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    err = running.stderr.read().decode()
    running.stderr.close()
    assert running.wait(10) == 0
    assert err == ""
