"""Errors in policy files, reported with file, line and key."""

from collections.abc import Iterable

from auditor.errors import AuditorError, ExitCode


class PolicyError(AuditorError):
    """A policy file cannot be used. `str()` lists the problems, one per line."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class BaselineNotFound(PolicyError):
    """No baseline has this name, and no file this path."""
