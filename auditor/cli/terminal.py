"""The terminal: its width, its colours, and the destination of messages."""

import json
import logging
import os
import shutil
import sys
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

import typer

from auditor.cli.encoding import json_for_stderr
from auditor.evidence.timestamps import format_rfc3339
from auditor.plain_text import printable
from auditor.redaction.text import RedactingFilter, redact_text

WIDTH_ELSEWHERE = 100
"""Columns if standard output is not a terminal."""


class LogFormat(StrEnum):
    """The values of `--log-format`."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Terminal:
    """The output options of the command line."""

    verbosity: int = 0
    """Negative for quiet, 1 for -v, 2 for -vv."""
    colors: bool = True
    log_format: LogFormat = LogFormat.TEXT

    @property
    def width(self) -> int:
        """Columns of standard output."""
        if self.wraps:
            return shutil.get_terminal_size().columns
        return WIDTH_ELSEWHERE

    @property
    def text_width(self) -> int:
        """Columns of sentences: longer lines are hard to read."""
        return min(self.width, 100)

    @property
    def color(self) -> bool:
        """True if standard output is a terminal that may be coloured. See no-color.org."""
        return self.may_color and sys.stdout.isatty()

    @property
    def may_color(self) -> bool:
        """False with `--no-color` or if NO_COLOR is set."""
        return self.colors and not os.environ.get("NO_COLOR")

    @property
    def shows_progress(self) -> bool:
        """True if a progress bar can be drawn on standard error."""
        return sys.stderr.isatty() and self.verbosity >= 0 and self.log_format is LogFormat.TEXT

    @property
    def is_interactive(self) -> bool:
        """True if a person can be asked: standard input is a terminal."""
        return sys.stdin is not None and sys.stdin.isatty()

    def say(self, message: str) -> None:
        """Print a message for people to standard error, unless quiet."""
        if self.verbosity >= 0:
            self._write(message, "info")

    def complain(self, message: str) -> None:
        """Print an error to standard error."""
        self._write(message, "error")

    def _write(self, message: str, level: str) -> None:
        message = _lines(redact_text(message))
        if self.log_format is LogFormat.JSON:
            message = json_for_stderr(_json_line(level, "auditor", message))
        else:
            prefix = "Error: " if level == "error" else ""
            message = wrapped(prefix + message, _width_of(sys.stderr))
            if prefix:
                message = typer.style(prefix, fg="red", bold=True) + message.removeprefix(prefix)
        typer.echo(message, err=True, color=None if self.may_color else False)

    def print(self, text: str) -> None:
        """Print sentences to standard output, wrapped on a terminal.

        Elsewhere a program may read the lines, whatever COLUMNS says.
        """
        typer.echo(wrapped(text, self.line_width))

    @property
    def line_width(self) -> int:
        """Columns at which sentences on standard output are wrapped; 0 to keep lines whole."""
        return self.width if sys.stdout.isatty() else 0

    @property
    def wraps(self) -> bool:
        """True if standard output is read on a screen of a known width, not by a program."""
        return sys.stdout.isatty() or "COLUMNS" in os.environ

    def set_up_logging(self) -> None:
        """Send log records to standard error: warnings, with -v information, with -vv all."""
        levels = {0: logging.WARNING, 1: logging.INFO}
        level = logging.ERROR if self.verbosity < 0 else levels.get(self.verbosity, logging.DEBUG)
        logger = logging.getLogger("auditor")
        logger.handlers = [self._handler(level)]
        logger.setLevel(level)
        logger.propagate = False
        # Python prints warnings of libraries unredacted: urllib3 quotes broken headers.
        logging.lastResort = self._handler(max(level, logging.WARNING))

    def _handler(self, level: int) -> logging.Handler:
        handler = logging.StreamHandler(_Stderr())
        handler.setLevel(level)
        handler.addFilter(RedactingFilter())
        is_json = self.log_format is LogFormat.JSON
        handler.setFormatter(_JsonFormatter() if is_json else _TextFormatter("%(message)s"))
        return handler


def wrapped(text: str, width: int) -> str:
    """`text` with lines of at most `width` columns that break between words; 0: as it is.

    A word that is longer stays whole, and so does an indented line: both are there to be copied.
    """
    if width <= 0:
        return text
    return "\n".join(
        line
        if len(line) <= width or line.startswith(" ")
        else textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def _width_of(stream: TextIO) -> int:
    """Columns of a terminal; 0 if the stream is none, so that programs get whole lines."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError, AttributeError):
        return 0


class _Stderr:
    """Standard error at the time of writing."""

    def write(self, text: str) -> int:
        return _stderr().write(text)

    def flush(self) -> None:
        _stderr().flush()


def _stderr() -> TextIO:
    return sys.stderr


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _lines(super().format(record))


def _lines(text: str) -> str:
    """`text` with everything escaped that could control a terminal, except new lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _json_line(record.levelname.lower(), record.name, _lines(record.getMessage()))
        return json_for_stderr(line)


def _json_line(level: str, logger: str, message: str) -> str:
    now = format_rfc3339(datetime.now(UTC))
    row = {"time": now, "level": level, "logger": logger, "message": message}
    return json.dumps(row, ensure_ascii=False)
