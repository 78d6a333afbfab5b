"""Progress: a bar on a terminal, a line now and then elsewhere."""

import io
import sys
import time

import pytest

from auditor.cli import progress
from auditor.cli.progress import ProgressBar, ProgressLines
from auditor.cli.terminal import Terminal
from auditor.evidence.scope import Level


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, to be moved by hand."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_quarter_minute(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress(Terminal()) as shown:
        assert isinstance(shown, ProgressLines)
        shown.level_started(Level.USER, 2000)
        for _ in range(1500):
            clock[0] += 0.02
            shown.read(Level.USER)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) in (1, 2)
    assert lines[0].startswith("reading people: 7")
    assert lines[0].endswith(" of 2,000")


def test_a_quick_run_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress(Terminal()) as shown:
        shown.level_started(Level.GROUP, 1)
        shown.read(Level.GROUP)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    with progress.progress(Terminal()) as shown:
        assert isinstance(shown, ProgressBar)
        shown.level_started(Level.ACCOUNT, 1)
        shown.read(Level.ACCOUNT)
        shown.level_started(Level.USER, 3)
        shown.read(Level.USER)
    assert "1/1" in screen.getvalue()
    assert "1/3" in screen.getvalue()
    assert screen.getvalue().rstrip().endswith("\x1b[2K")
