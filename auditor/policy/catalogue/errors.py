"""Errors in policy files, reported with file, line and key."""

from collections.abc import Iterable
from difflib import get_close_matches

from auditor.errors import AuditorError, ExitCode


class PolicyError(AuditorError):
    """A policy file cannot be used. `str()` lists the problems, one per line."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class BaselineNotFound(PolicyError):
    """No baseline has this name, and no file this path."""


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean X?` for the nearest of `known`, or an empty string."""
    choices = list(known)
    folded = {choice.casefold(): choice for choice in choices}
    matches = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f' Did you mean "{folded[matches[0]]}"?' if matches else ""
