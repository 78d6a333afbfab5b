"""Errors become one sentence and an exit code; options that work everywhere stand anywhere."""

import errno
import fcntl
import importlib
import io
import json
import logging
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from auditor.cli.reporting import Destinations
from auditor.cli.terminal import LogFormat, Terminal, wrapped
from auditor.errors import AuditorError, ExitCode
from auditor.report import FormatError
from auditor.store.errors import RunAltered, StoreError

cli = importlib.import_module("auditor.cli.main")
"""The module: `auditor.cli.main` by import statement is the function of that name."""

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command in this process; `raising` is raised where the catalogue is loaded."""

    def _invoke(*arguments: str, raising: BaseException | None = None) -> Result:
        def broken() -> None:
            assert raising is not None
            raise raising

        if raising is not None:
            monkeypatch.setattr("auditor.policy.catalogue.files.shipped_catalogue", broken)
        return CliRunner().invoke(
            cli.app, cli.move_global_options_first(arguments), prog_name="auditor"
        )

    return _invoke


def test_an_error_nobody_expected_is_an_internal_one(invoke: Invoke) -> None:
    result = invoke("control", "list", raising=ZeroDivisionError("by zero"))
    assert result.exit_code == 5
    assert "internal error (ZeroDivisionError: by zero)" in result.stderr
    assert "-vv" in result.stderr
    assert "Traceback" not in result.stderr


def test_with_vv_an_internal_error_shows_where(invoke: Invoke) -> None:
    result = invoke("control", "list", "-vv", raising=ZeroDivisionError("by zero"))
    assert result.exit_code == 5
    assert "Traceback (most recent call last)" in result.stderr
    assert "ZeroDivisionError: by zero" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreError("No room for it."), 2),
        (RunAltered("No room for it."), 4),
        (OSError(errno.EIO, "No room for it."), 5),
        (AuditorError("No room for it."), 5),
    ],
)
def test_an_error_becomes_its_sentence_and_its_exit_code(
    invoke: Invoke, error: Exception, code: int
) -> None:
    result = invoke("control", "list", raising=error)
    assert result.exit_code == code
    assert "No room for it." in result.stderr
    assert ("internal error" in result.stderr) is (code == ExitCode.INTERNAL)
    assert result.stderr.count("\n") == 1


def test_an_interrupt_is_130_and_one_line(invoke: Invoke) -> None:
    result = invoke("control", "list", raising=KeyboardInterrupt())
    assert result.exit_code == 130
    assert result.stderr.count("\n") == 1


def test_a_broken_pipe_is_no_error(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(cli, "_close_stdout", lambda: closed.append(True))
    result = invoke("control", "list", raising=BrokenPipeError())
    assert (result.exit_code, result.stderr) == (0, "")
    assert closed == [True]


def test_standard_output_on_a_full_disk_is_told_and_no_internal_error() -> None:
    command = [sys.executable, "-m", "auditor", "control", "list"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == ExitCode.NOTHING_EVALUATED
    assert "a disk is full" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("audit -q", "-q audit"),
        ("audit -o x --no-color", "--no-color audit -o x"),
        ("audit --log-format json -vv", "--log-format json -vv audit"),
        ("audit --log-format=json", "--log-format=json audit"),
        ("audit --log-format", "--log-format audit"),
        ("report -- -q", "report -- -q"),
        ("audit", "audit"),
    ],
)
def test_options_for_every_command_move_to_the_front(arguments: str, expected: str) -> None:
    assert cli.move_global_options_first(arguments.split()) == expected.split()


@pytest.mark.parametrize("position", [0, 2])
def test_an_empty_profile_is_an_error_and_no_command_is_taken_for_one(
    invoke: Invoke, position: int
) -> None:
    words = ["control", "list"]
    words[position:position] = ["--profile", ""]
    result = invoke(*words)
    assert result.exit_code == ExitCode.USAGE
    assert "--profile is empty" in result.stderr


@pytest.mark.parametrize(
    ("verbosity", "level", "shown"),
    [
        (-1, "warning", False),
        (0, "warning", True),
        (0, "info", False),
        (1, "info", True),
        (1, "debug", False),
        (2, "debug", True),
        (9, "debug", True),
    ],
)
def test_how_much_is_logged(
    monkeypatch: pytest.MonkeyPatch, verbosity: int, level: str, shown: bool
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    Terminal(verbosity).set_up_logging()
    getattr(logging.getLogger("auditor.zoom"), level)("Bearer abcdefghijklmnopqrstuvwxyz012345")
    assert bool(stream.getvalue()) is shown
    assert "abcdefghijklmnop" not in stream.getvalue()


def test_log_records_are_json_lines_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    Terminal(0, log_format=LogFormat.JSON).set_up_logging()
    logging.getLogger("auditor.zoom").warning("slow — %s", "again")
    row = json.loads(stream.getvalue())
    assert (row["level"], row["logger"], row["message"]) == (
        "warning",
        "auditor.zoom",
        "slow — again",
    )
    assert row["time"].endswith("Z")


def test_quiet_silences_remarks_and_not_complaints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal(-1).say("a remark")
    Terminal(-1).complain("a complaint")
    assert capsys.readouterr().err == "Error: a complaint\n"
    Terminal(0).say("a remark")
    assert capsys.readouterr().err == "a remark\n"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_messages_break_between_words_at_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with os.fdopen(writer, "w") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        Terminal(colors=False).complain("the run 20261128T231456-000Z-a1b2c3 is older than 26h.")
        screen.flush()
        lines = os.read(reader, 1000).decode().splitlines()
    os.close(reader)
    assert lines == ["Error: the run", "20261128T231456-000Z-a1b2c3 is older", "than 26h."]


def test_a_block_to_copy_is_not_wrapped() -> None:
    block = "Add these:\n  user:read:settings:admin group:read:settings:admin"
    assert wrapped(block, 20) == block


@pytest.mark.parametrize("name", ["pdf", "xlsx"])
@pytest.mark.parametrize("outputs", [[], [Path("-")]])
def test_a_binary_format_is_not_poured_onto_a_terminal(
    monkeypatch: pytest.MonkeyPatch, name: str, outputs: list[Path]
) -> None:
    monkeypatch.setattr(sys, "stdout", Screen())
    with pytest.raises(FormatError, match=rf"--output report\.{name}$"):
        Destinations.chosen([name], outputs)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Destinations.chosen([name], outputs).stdout is not None


@pytest.mark.parametrize(
    ("terminal", "no_color", "colored"),
    [
        (Terminal(), "", True),
        (Terminal(colors=False), "", False),
        (Terminal(), "1", False),
    ],
)
def test_colours_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: Terminal, no_color: str, colored: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stdout", Screen())
    assert terminal.color is colored
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    terminal.complain("a complaint")
    assert ("\x1b[" in screen.getvalue()) is colored


@pytest.mark.parametrize(
    ("terminal", "shown"),
    [
        (Terminal(), True),
        (Terminal(-1), False),
        (Terminal(log_format=LogFormat.JSON), False),
    ],
)
def test_a_progress_bar_is_for_people_who_watch(
    monkeypatch: pytest.MonkeyPatch, terminal: Terminal, shown: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", Screen())
    assert terminal.shows_progress is shown
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert terminal.shows_progress is False


def test_the_width_is_that_of_the_terminal_or_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.delenv("COLUMNS", raising=False)
    assert Terminal().width == 100
    monkeypatch.setenv("COLUMNS", "71")
    assert Terminal().width == 71
