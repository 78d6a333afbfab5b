"""Rendering a finished run to where the command line wants it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from auditor.cli import output
from auditor.cli.terminal import Terminal
from auditor.findings.run import Run
from auditor.report import Format, FormatError, Options, by_name, by_suffix

STDOUT = Path("-")


@dataclass(frozen=True)
class Destinations:
    """The files to write, and what standard output gets."""

    files: tuple[tuple[Path, Format], ...]
    stdout: Format | None

    @classmethod
    def chosen(cls, formats: Sequence[str], outputs: Sequence[Path]) -> "Destinations":
        """Pair `--format` with `--output`, and check that each file can be written.

        Without `--output` the one format goes to standard output. With it, the terminal report
        still goes there, unless a report was sent there by `--output -`.

        Raises:
            FormatError: a format does not exist, or it is not clear which goes where.
            OutputError: a file cannot be written.
        """
        named = [by_name(name) for name in formats]
        if not outputs:
            if len(named) > 1:
                raise FormatError("Several formats need a file each: add one --output for each.")
            return cls((), named[0] if named else by_name("text"))
        if named and len(named) != len(outputs):
            raise FormatError(
                f"{len(named)} --format and {len(outputs)} --output: give one format for each "
                "file, or none and let the suffixes decide."
            )
        chosen = named or [
            by_name("text") if path == STDOUT else by_suffix(path) for path in outputs
        ]
        files = [(p, f) for p, f in zip(outputs, chosen, strict=True) if p != STDOUT]
        for path, _ in files:
            output.check_writable(path)
        to_stdout = [f for p, f in zip(outputs, chosen, strict=True) if p == STDOUT]
        return cls(tuple(files), to_stdout[0] if to_stdout else by_name("text"))

    @property
    def needs_passes(self) -> bool:
        """True where a report answers questions, which takes the passes as well."""
        formats = [format_ for _, format_ in self.files] + [self.stdout]
        return any(format_ is not None and format_.name == "html" for format_ in formats)

    def emit(self, run: Run, terminal: Terminal, include_passes: bool) -> None:
        """Write every report.

        Raises:
            OutputError: a file cannot be written.
        """
        first = str(self.files[0][0]) if self.files else None
        options = Options(
            include_passes=include_passes,
            width=terminal.width,
            color=terminal.color,
            report_path=first,
        )
        for path, format_ in self.files:
            output.write(path, partial(_render, format_, run, options))
        if self.stdout is None or (self.files and terminal.verbosity < 0):
            return
        out: BinaryIO = sys.stdout.buffer
        self.stdout.render(run, out, options)
        out.flush()


def _render(format_: Format, run: Run, options: Options, out: BinaryIO) -> None:
    format_.render(run, out, options)
