"""Progress of a collection: a bar on a terminal, lines elsewhere."""

import time
from typing import IO, Self, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from auditor.app.messages import Messages
from auditor.cli.encoding import Drawing
from auditor.cli.terminal import Terminal
from auditor.evidence.scope import Level

_SINGLE = (Level.ACCOUNT, Level.APP, Level.PHONE_ACCOUNT)
"""Levels with one scope."""
LINE_EVERY = 15.0
"""Seconds between two lines."""


class ProgressBar:
    """Draws one bar per level on standard error."""

    def __init__(self, terminal: Terminal) -> None:
        console = Console(file=cast("IO[str]", Drawing()), no_color=not terminal.may_color)
        self._progress = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._tasks: dict[Level, TaskID] = {}

    def level_started(self, level: Level, scopes: int) -> None:
        """Start the bar of a level."""
        self._tasks[level] = self._progress.add_task(scopes_of(level), total=scopes)

    def read(self, level: Level) -> None:
        """Advance the bar of a level by one."""
        self._progress.advance(self._tasks[level])

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class ProgressLines:
    """Prints the progress at intervals, for logs."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._total: dict[Level, int] = {}
        self._done: dict[Level, int] = {}
        self._last_line_at = time.monotonic()

    def level_started(self, level: Level, scopes: int) -> None:
        """Start a level."""
        self._total[level], self._done[level] = scopes, 0

    def read(self, level: Level) -> None:
        """Count one more scope; print a line if the last one was long enough ago."""
        self._done[level] += 1
        if time.monotonic() - self._last_line_at >= LINE_EVERY:
            self._last_line_at = time.monotonic()
            done, total = self._done[level], self._total[level]
            self._messages.say(f"reading {scopes_of(level)}: {done:,} of {total:,}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to clean up."""


def progress(terminal: Terminal) -> ProgressBar | ProgressLines:
    """The progress display that suits the terminal."""
    return ProgressBar(terminal) if terminal.shows_progress else ProgressLines(terminal)


def scopes_of(level: Level) -> str:
    """What a level consists of: `people`."""
    return level.noun if level in _SINGLE else level.plural
