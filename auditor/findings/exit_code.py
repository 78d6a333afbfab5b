"""The exit code of a finished evaluation (contract 2.4)."""

from collections.abc import Mapping

from auditor.errors import ExitCode
from auditor.findings.model import Severity, Summary


def of_run(
    summary: Summary,
    *,
    complete: bool,
    fail_on: Severity | None,
    allow_unknown: bool = False,
    strict: bool = False,
    stale: bool = False,
) -> ExitCode:
    """The exit code for `summary`.

    `complete` is false if something selected could not be read and is no accepted blind spot.
    `fail_on` is the least severe deviation that fails the run, None for none. `strict` counts
    undecided checks as incomplete evidence. `stale` (a waiver, a blind spot, an override or a name
    that has expired or matches nothing) fails whenever any deviation would.
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
