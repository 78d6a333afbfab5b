"""Renders a finished run to the destinations of the command line."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from auditor.app.audit import EvaluationConfig
from auditor.app.export import EvaluatedRun, ExportOptions
from auditor.app.signed_runs import bundle_signer
from auditor.cli import encoding, output
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.evidence.snapshot import Snapshot
from auditor.findings.run import Run
from auditor.report import (
    BUNDLE,
    BUNDLE_SUFFIX,
    Format,
    FormatError,
    Options,
    by_name,
    by_suffix,
)

if TYPE_CHECKING:
    from auditor.app.nightly import WrittenReports

STDOUT = Path("-")
_ANTICIPATED = (output.OutputError, FormatError, ConfigError)
"""Anticipated errors of a report, with a sentence for people; any other is a bug."""
METRICS_MODE = 0o644
"""Metrics name no one, and the node exporter that reads them runs as another user."""


@dataclass(frozen=True)
class Destinations:
    """The files to write, and the format for standard output."""

    files: tuple[tuple[Path, Format], ...]
    stdout: Format | None
    bundles: tuple[Path, ...] = ()
    primary: Path | None = None
    """The file that short reports refer to; None for the first written one."""

    @classmethod
    def chosen(cls, formats: Sequence[str], outputs: Sequence[Path]) -> "Destinations":
        """Pair `--format` with `--output`, and check that each file can be written.

        Without `--output` the one format goes to standard output. With it, standard output still
        gets the text report, unless `--output -` sends another one there.

        Raises:
            FormatError: a format does not exist, or formats and outputs do not pair.
            OutputError: a file cannot be written.
        """
        if formats and outputs and len(formats) != len(outputs):
            raise FormatError(
                f"{len(formats)} --format and {len(outputs)} --output: give one format for each "
                "file, or none and let the suffixes decide."
            )
        requested = list(formats) or [BUNDLE if _is_bundle(path) else "" for path in outputs]
        if BUNDLE in requested:
            return cls._with_bundles(requested, outputs)
        named = [by_name(name) for name in formats]
        if not outputs:
            if len(named) > 1:
                raise FormatError("Several formats need a file each: add one --output for each.")
            alone = named[0] if named else by_name("text")
            alone.check_installed()
            _refuse_terminal(alone)
            return cls((), alone)
        chosen = named or [
            by_name("text") if path == STDOUT else by_suffix(path) for path in outputs
        ]
        for format_ in chosen:
            format_.check_installed()
        files = [(p, f) for p, f in zip(outputs, chosen, strict=True) if p != STDOUT]
        for path, _ in files:
            output.check_writable(path)
        to_stdout = [f for p, f in zip(outputs, chosen, strict=True) if p == STDOUT]
        for format_ in to_stdout:
            _refuse_terminal(format_)
        return cls(tuple(files), to_stdout[0] if to_stdout else by_name("text"))

    @classmethod
    def _with_bundles(cls, requested: Sequence[str], outputs: Sequence[Path]) -> "Destinations":
        """The destinations if some of the outputs are bundles."""
        if not outputs or any(
            p == STDOUT for p, a in zip(outputs, requested, strict=True) if _is_bundle_name(a)
        ):
            raise FormatError("A bundle is a file: name it with --output run.zip.")
        bundles = tuple(p for p, a in zip(outputs, requested, strict=True) if _is_bundle_name(a))
        for path in bundles:
            output.check_writable(path)
        rest = [(p, a) for p, a in zip(outputs, requested, strict=True) if not _is_bundle_name(a)]
        others = cls.chosen([a for _, a in rest if a], [p for p, _ in rest])
        return replace(others, bundles=bundles)

    @property
    def needs_passes(self) -> bool:
        """True if a report shows passes."""
        return bool(self.bundles) or any(each.shows_passes for each in self._formats)

    @property
    def tell_changes(self) -> bool:
        """True if a report shows the changes since the previous run."""
        return any(each.shows_changes for each in self._formats)

    def split(self) -> list["Destinations"]:
        """Each file as its own destination, so that one that fails does not prevent the others."""
        written = [*(path for path, _ in self.files), *self.bundles]
        primary = written[0] if written else None
        alone = Destinations((), None, (), primary)
        return [
            *(replace(alone, files=(each,)) for each in self.files),
            *(replace(alone, bundles=(path,)) for path in self.bundles),
        ]

    @property
    def _formats(self) -> list[Format]:
        return [*(format_ for _, format_ in self.files), *([self.stdout] if self.stdout else [])]

    def emit(
        self, evaluated: EvaluatedRun, terminal: Terminal, view: Options, settings: Settings
    ) -> None:
        """Write every report that can be written: one that fails does not prevent the others.

        `view` says what they show; width, colours and the path of the full report are added.

        Raises:
            OutputError: a file cannot be written.
            ConfigError: the key that signs bundles is invalid.
            FormatError: the run is too large for a bundle.
        """
        errors: list[Exception] = []
        written: list[Path] = []
        planned = [*(path for path, _ in self.files), *self.bundles]

        def options(there: Sequence[Path]) -> Options:
            primary = self.primary or next(iter(there), None)
            return replace(
                view,
                width=terminal.width,
                color=terminal.color,
                report_path=None if primary is None else str(primary),
            )

        for path, format_ in self.files:
            mode = 0o600 if format_.names_people else 0o644
            try:
                render = partial(_render, format_, evaluated.run, options(planned))
                output.write(path, render, mode)
                written.append(path)
            except Exception as error:
                errors.append(error)
        for path in self.bundles:
            try:
                _write_bundle(path, evaluated, settings, options(planned))
                written.append(path)
            except Exception as error:
                errors.append(error)
        if self.stdout is not None and not (planned and terminal.verbosity < 0):
            with output.ignore_broken_pipe():
                out = _stdout(self.stdout)
                self.stdout.render(evaluated.run, out, options(written))
                out.flush()
        raise_first(errors, terminal)


def _refuse_terminal(format_: Format) -> None:
    """Refuse to pour a binary file onto a terminal.

    Raises:
        FormatError: standard output is a terminal.
    """
    if format_.is_binary and sys.stdout.isatty():
        raise FormatError(
            f"A terminal cannot show {format_.name}. Write it to a file: "
            f"--output report{format_.suffix}"
        )


def raise_first(
    errors: Sequence[Exception], terminal: Terminal, *, only_bugs: bool = False
) -> None:
    """Raise the first error, bugs before all others, and print the rest.

    If `only_bugs`, anticipated errors are all printed.
    """
    bugs = [error for error in errors if not isinstance(error, _ANTICIPATED)]
    raised = next(iter(bugs if only_bugs else [*bugs, *errors]), None)
    for error in errors:
        if error is not raised:
            terminal.complain(str(error) or type(error).__name__)
    if raised is not None:
        raise raised


@dataclass(frozen=True)
class NightlyReports:
    """The files that a nightly job writes."""

    destinations: Destinations
    export: ExportOptions
    metrics: Path | None
    settings: Settings
    terminal: Terminal
    fix_plan: Path | None = None
    """The file for the plan that closes the deviations; None for no plan."""

    def write(self, snapshot: Snapshot, config: EvaluationConfig, run: Run) -> "WrittenReports":
        """Write every file that can be written."""
        from auditor.app.nightly import WrittenReports  # its channels are slow to load

        written: list[Path] = []
        errors: list[Exception] = []
        try:
            with self.export.evaluate(snapshot, config, run) as evaluated:
                for part in self.destinations.split():
                    try:
                        part.emit(evaluated, self.terminal, Options(), self.settings)
                        written += [*(path for path, _ in part.files), *part.bundles]
                    except Exception as error:  # a failing renderer must not stop the job
                        errors.append(error)
        except Exception as error:
            errors.append(error)
        try:
            self._write_fix_plan(snapshot, config, run)
        except Exception as error:
            errors.append(error)
        try:
            self._write_metrics(run)
        except Exception as error:
            errors.append(error)
        return WrittenReports(written, errors)

    def _write_fix_plan(self, snapshot: Snapshot, config: EvaluationConfig, run: Run) -> None:
        if self.fix_plan is not None:
            from auditor.app.fix_plans import PlanOptions, plan_of_judged
            from auditor.cli.fix_plan import MAX_WIDTH, format_of, write_plan

            plan = plan_of_judged(snapshot, config, run, PlanOptions())
            output.write(
                self.fix_plan, partial(write_plan, plan, format_of(self.fix_plan), MAX_WIDTH)
            )

    def _write_metrics(self, run: Run) -> None:
        if self.metrics is not None:
            format_ = by_name("prometheus")
            render = partial(format_.render, run)
            output.write(self.metrics, lambda out: render(out, Options()), METRICS_MODE)


def _stdout(format_: Format) -> BinaryIO:
    """Standard output as a format needs it: texts for people in the encoding of the stream."""
    if format_.is_text:
        return encoding.stdout_for_text()
    return encoding.stdout_for_json() if "json" in format_.media_type else sys.stdout.buffer


def _is_bundle(path: Path) -> bool:
    return path.suffix.lower() == BUNDLE_SUFFIX


def _is_bundle_name(requested: str) -> bool:
    return requested == BUNDLE


def _write_bundle(
    path: Path, evaluated: EvaluatedRun, settings: Settings, options: Options
) -> None:
    from auditor.bundle.writing import write
    from auditor.bundle.zip_writer import BundleTooLarge

    signs = bundle_signer(settings)
    contents = evaluated.bundle_contents()
    try:
        output.write(path, lambda out: write(out, contents, signs, options))
    except BundleTooLarge as error:
        raise FormatError(str(error)) from error


def _render(format_: Format, run: Run, options: Options, out: BinaryIO) -> None:
    format_.render(run, out, options)
