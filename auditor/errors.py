"""The root of the program's errors, the exit codes, and "did you mean"."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The process's exit codes: one meaning each, whatever the report's format."""

    OK = 0
    """Evaluated completely, nothing at or above the threshold."""
    DEVIATIONS = 1
    """Deviations at or above the threshold. Wins over INCOMPLETE."""
    USAGE = 2
    """Invalid usage, configuration, baseline or organisation file."""
    INCOMPLETE = 3
    """Something selected could not be read, or is unknown at or above the threshold."""
    NOTHING_EVALUATED = 4
    """Authentication failed, the API could not be reached, or nothing was selected."""
    INTERNAL = 5
    INTERRUPTED = 130


class AuditorError(Exception):
    """An error that the program anticipates.

    `str()` is written for people: what happened, to what, and what to do next. `advice` is that
    last part if a caller shows it separately, otherwise empty.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    """The exit code if nothing handles the error. INTERNAL marks a class that its caller must
    handle or wrap: if it reaches the top, that is a bug."""

    def __init__(self, message: str = "", advice: str = "") -> None:
        super().__init__(" ".join(part for part in (message, advice) if part))
        self.advice = advice


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean "X"?` for the nearest of `known`, or an empty string."""
    match = nearest_of(name, known)
    return f' Did you mean "{match}"?' if match is not None else ""


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """The nearest of `known`; None if none is near."""
    folded = {choice.casefold(): choice for choice in known}
    matches = get_close_matches(name.casefold(), folded, n=50, cutoff=0.6)
    if not matches:
        return None

    def likeness(match: str) -> float:
        return SequenceMatcher(None, match, name.casefold()).ratio()

    best = likeness(matches[0])
    # Of equally near ids the first: AI-01 for AI-1, not AI-21.
    return folded[min(match for match in matches if likeness(match) == best)]
