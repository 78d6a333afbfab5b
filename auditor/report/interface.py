"""The interface of report formats: each renders one finished run for one kind of reader."""

from dataclasses import dataclass
from typing import BinaryIO, Protocol

from auditor.errors import AuditorError, ExitCode
from auditor.findings.run import Run


class FormatError(AuditorError):
    """A run cannot be rendered in the requested format. The message is for the user."""

    exit_code = ExitCode.USAGE


class UnknownFormat(FormatError):
    """No format has this name, or none writes files with this suffix."""


@dataclass(frozen=True, slots=True)
class Options:
    """Rendering options. Formats ignore those that do not apply to them."""

    include_passes: bool = False
    """Also list passes, if the run stored them."""
    width: int = 80
    """Columns of the terminal; less than 72 counts as 72."""
    color: bool = False
    """Whether ANSI colours may be used."""
    report_path: str | None = None
    """Path of the full report, which the terminal report mentions."""


class Format(Protocol):
    """Renders a run. Implementations are stateless and stream: a run may hold 100,000 scopes."""

    @property
    def name(self) -> str:
        """The value of `--format`."""

    @property
    def suffix(self) -> str:
        """File name suffix, with the leading dot."""

    @property
    def media_type(self) -> str:
        """Media type, as in `Content-Type`."""

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`.

        Raises:
            FormatError: the run cannot be expressed in this format.
            OSError: `out` cannot be written.
        """
