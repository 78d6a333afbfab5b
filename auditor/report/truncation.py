"""Limits on rows and names in the reports for people, however large the account.

Equal findings are one row, so the limits cut only very long tables. Every cut is noted at its
table, and the JSON report is complete.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from auditor.findings.rollup import FindingGroup


@dataclass(frozen=True, slots=True)
class FormatLimits:
    """The limits of a format."""

    names: int
    """Scopes named in one row."""
    all_names: int
    """Scopes named in the whole report."""
    rows: int
    """Rows of one table, or of one control."""
    all_rows: int
    """Rows of the whole report."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The limits for one run."""

    names: int
    rows: int

    def shown(self, groups: Sequence[FindingGroup]) -> Sequence[FindingGroup]:
        """The rows of a table that are shown."""
        return groups[: self.rows]

    def cut(self, groups: Sequence[FindingGroup]) -> int:
        """The number of omitted rows of a table."""
        return max(0, len(groups) - self.rows)

    def unnamed(self, group: FindingGroup) -> int:
        """The number of scopes of a row that are not named."""
        return group.count - min(len(group.scopes), self.names)


_STEPS = (1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
"""Round numbers, because reports show them."""


def fit(tables: Collection[Sequence[FindingGroup]], limits: FormatLimits) -> RunLimits:
    """The most rows per table, then names per row, with which `tables` stay within `limits`."""
    rows = _largest_fitting(limits.rows, limits.all_rows, [len(groups) for groups in tables])
    named = [len(group.scopes) for groups in tables for group in groups[:rows]]
    return RunLimits(names=_largest_fitting(limits.names, limits.all_names, named), rows=rows)


def _largest_fitting(limit: int, total_limit: int, sizes: Sequence[int]) -> int:
    for step in (limit, *(step for step in _STEPS if step < limit)):
        if sum(min(size, step) for size in sizes) <= total_limit:
            return step
    return 1
