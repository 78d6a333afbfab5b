"""What a report format is: it renders one finished run for one kind of reader."""

from dataclasses import dataclass
from typing import BinaryIO, Protocol

from auditor.errors import AuditorError, ExitCode
from auditor.findings.run import Run


class FormatError(AuditorError):
    """A run cannot be rendered as asked. The message is for the person who asked."""

    exit_code = ExitCode.USAGE


class UnknownFormat(FormatError):
    """No format has this name, or none writes files with this suffix."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a reader may choose. Formats ignore what does not apply to them."""

    include_passes: bool = False
    """List what passed as well, where the run kept it."""
    width: int = 80
    """Columns of the terminal; less than 72 counts as 72."""
    color: bool = False
    """Whether ANSI colours may be used."""
    report_path: str | None = None
    """Where the full report was written, named in the terminal report."""


class Format(Protocol):
    """Renders a run. Implementations are stateless and stream: a run may hold 100,000 scopes."""

    @property
    def name(self) -> str:
        """The value of `--format`."""

    @property
    def suffix(self) -> str:
        """The end of the names of its files, with the dot."""

    @property
    def media_type(self) -> str:
        """The type of its bytes, as in `Content-Type`."""

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`.

        Raises:
            FormatError: the run cannot be expressed in this format.
            OSError: `out` cannot be written.
        """
