"""The progress of a fleet: a bar for each account on a terminal, lines elsewhere."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Self, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from auditor.app.fleet_audit import AccountResult
from auditor.cli.encoding import Drawing
from auditor.cli.progress import ProgressLines, scopes_of
from auditor.cli.terminal import Terminal
from auditor.evidence.scope import Level


class AccountMessages:
    """Messages about one account, which begin with its name."""

    def __init__(self, display: "FleetTerminal", name: str) -> None:
        self._display, self._name = display, name

    def say(self, message: str) -> None:
        """Print a message for people."""
        self._display.say(f"{self._name}: {message}")

    def complain(self, message: str) -> None:
        """Print an error."""
        self._display.complain(f"{self._name}: {message}")


class AccountBar:
    """The bar of one account, which shows one level after the other."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars, self._name = bars, name
        self._task: TaskID | None = None

    def level_started(self, level: Level, scopes: int) -> None:
        """Start a level."""
        shown = f"{self._name} {scopes_of(level)}"
        if self._task is None:
            self._task = self._bars.add_task(shown, total=scopes)
        else:
            self._bars.reset(self._task, total=scopes, description=shown)

    def read(self, level: Level) -> None:  # noqa: ARG002 - there is one bar for all levels
        """Advance the bar by one."""
        if self._task is not None:
            self._bars.advance(self._task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)


class FleetTerminal:
    """What the person who started a fleet sees on standard error. Threads may share it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        if terminal.shows_progress:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                console=Console(file=cast("IO[str]", Drawing()), no_color=not terminal.may_color),
                transient=True,
            )

    def progress(self, name: str) -> AbstractContextManager[AccountBar | ProgressLines]:
        """The progress of one account."""
        if self._bars is not None:
            return AccountBar(self._bars, name)
        return ProgressLines(self.messages(name))

    def messages(self, name: str) -> AccountMessages:
        """What is said about one account."""
        return AccountMessages(self, name)

    def ended(self, result: AccountResult, done: int, of: int) -> None:
        """An account is done."""
        if result.failure:
            self.complain(f"{result.name}: {result.failure} ({done} of {of})")
            return
        for error in result.errors:
            self.complain(f"{result.name}: {error}")
        self.say(f"{result.name}: done ({done} of {of})")

    def say(self, message: str) -> None:
        """Print a message above the bars."""
        with self._lock, self._without_bars():
            self._terminal.say(message)

    def complain(self, message: str) -> None:
        """Print an error above the bars."""
        with self._lock, self._without_bars():
            self._terminal.complain(message)

    def _without_bars(self) -> AbstractContextManager[object]:
        return nullcontext() if self._bars is None else _Paused(self._bars)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()


class _Paused:
    """Removes the bars while a line is printed."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    def __enter__(self) -> None:
        self._bars.stop()

    def __exit__(self, *_: object) -> None:
        self._bars.start()
