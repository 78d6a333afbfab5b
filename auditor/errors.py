"""The root of the program's errors, and the exit codes they end it with."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process returns to the shell: one meaning each, whatever the report's format."""

    OK = 0
    """Evaluated completely, nothing at or above the threshold."""
    DEVIATIONS = 1
    """Deviations at or above the threshold. Wins over INCOMPLETE."""
    USAGE = 2
    """Usage, configuration, baseline or organisation file invalid."""
    INCOMPLETE = 3
    """Something selected could not be read, or is unknown at or above the threshold."""
    NOTHING_EVALUATED = 4
    """Authentication failed, the API could not be reached, or nothing was selected."""
    INTERNAL = 5
    INTERRUPTED = 130


class AuditorError(Exception):
    """Something went wrong that the program knows of.

    `str()` is written for people: what happened, to what, and what to do next. `advice` is that
    last part where a caller shows it apart, else empty.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    """How the program ends if nothing handles the error. INTERNAL marks a class that has to be
    handled or wrapped by its caller: that nobody did is a fault of the program."""

    def __init__(self, message: str = "", advice: str = "") -> None:
        super().__init__(" ".join(part for part in (message, advice) if part))
        self.advice = advice
