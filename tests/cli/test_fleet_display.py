"""The progress of a fleet: a bar for each account on a terminal, lines elsewhere."""

import io
import sys

import pytest

from auditor.app.fleet_audit import AccountResult
from auditor.cli.fleet_display import FleetTerminal
from auditor.cli.terminal import Terminal
from auditor.errors import ExitCode
from auditor.evidence.scope import Level


class Screen(io.StringIO):
    """Standard error that says whether it is a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def shown(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> str:
    """What a person sees of a fleet of which one account is read and one fails."""
    screen = Screen(is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with FleetTerminal(Terminal(colors=False)) as fleet:
        with fleet.progress("EMEA") as progress:
            if is_terminal:
                progress.read(Level.USER)  # no level has begun, so there is nothing to advance
            for level in (Level.GROUP, Level.USER):
                progress.level_started(level, 2)
                progress.read(level)
        with fleet.progress("APAC"):
            fleet.messages("APAC").complain("the secret is wrong")
        fleet.messages("EMEA").say("reading everybody")
        written = AccountResult("EMEA", ExitCode.OK, errors=[OSError("the disk is full")])
        fleet.ended(written, 1, 2)
        fleet.ended(AccountResult("APAC", ExitCode.NOTHING_EVALUATED, failure="No."), 2, 2)
    return screen.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_each_account_is_named_with_what_came_of_it(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(monkeypatch, is_terminal=is_terminal)
    for line in (
        "APAC: the secret is wrong",
        "EMEA: reading everybody",
        "EMEA: the disk is full",
        "EMEA: done (1 of 2)",
        "APAC: No. (2 of 2)",
    ):
        assert line in text
    assert ("\x1b[" in text) is is_terminal
