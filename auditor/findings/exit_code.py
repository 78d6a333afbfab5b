"""Exit codes: one meaning each, the same for every format (contract 2.4)."""

from collections.abc import Mapping
from enum import IntEnum

from auditor.findings.model import Severity, Summary


class ExitCode(IntEnum):
    """What the process tells the shell."""

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


def of_run(
    summary: Summary,
    *,
    complete: bool,
    fail_on: Severity | None,
    allow_unknown: bool = False,
    strict: bool = False,
    stale: bool = False,
) -> ExitCode:
    """The exit code of a finished evaluation.

    `fail_on` is the least severe deviation that fails the run, None for none. `strict` makes what
    is undecided count as incomplete evidence. `stale` (a waiver, an override or a name has expired
    or matches nothing) fails wherever any deviation would.
    """
    if (stale and fail_on is not None) or _at_or_above(summary.by_severity, fail_on):
        return ExitCode.DEVIATIONS
    unknown = not complete or _at_or_above(summary.unknown_by_severity, fail_on)
    if unknown and not allow_unknown:
        return ExitCode.INCOMPLETE
    if strict and summary.undecided:
        return ExitCode.INCOMPLETE
    return ExitCode.OK


def _at_or_above(counts: Mapping[Severity, int], fail_on: Severity | None) -> bool:
    return fail_on is not None and any(
        count and severity.rank <= fail_on.rank for severity, count in counts.items()
    )
