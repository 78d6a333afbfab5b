"""The interface of report formats: each renders one finished run for one kind of reader."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

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
    controls: tuple[str, ...] = ()
    """Controls that the terminal report shows with their people and fixes, instead of the whole
    run."""
    summary: bool = False
    """Only what fits on three pages: the answer, what is on, what is broken, what is open."""
    annex: bool = True
    """False leaves the long lists out."""


class Format(ABC):
    """Renders a run. Implementations are stateless and stream: a run may hold 100,000 scopes.

    A subclass in a module of this package called `NAME_report` is found by `auditor.report`. All
    that other packages need to know of a format, its class attributes say.
    """

    name: ClassVar[str]
    """The value of `--format`."""
    suffix: ClassVar[str]
    """File name suffix, with the leading dot."""
    media_type: ClassVar[str]
    """Media type, as in `Content-Type`."""
    order: ClassVar[int] = 100
    """The place in lists of formats; formats with equal places are sorted by name."""
    shows_passes: ClassVar[bool] = False
    """Whether it answers questions, or counts passed tests and satisfied controls."""
    shows_changes: ClassVar[bool] = False
    """Whether it shows the changes since the previous run."""
    names_people: ClassVar[bool] = True
    """False if it names nobody; other users of the machine may then read the file."""
    is_binary: ClassVar[bool] = False
    """Whether a terminal cannot show it at all."""
    is_text: ClassVar[bool] = False
    """Whether it is text to read on a terminal, in the encoding of the terminal."""
    in_bundle: ClassVar[bool] = False
    """Whether a bundle contains it: one that is quick to write for each kind of reader."""

    @classmethod
    def check_installed(cls) -> None:
        """Check that optional libraries of the format are installed. Most formats need none.

        Raises:
            FormatError: they are not.
        """
        return

    @abstractmethod
    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`.

        Raises:
            FormatError: the run cannot be expressed in this format.
            OSError: `out` cannot be written.
        """
