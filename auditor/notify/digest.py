"""The content of a message: the changes of a run, sorted and grouped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from auditor.evidence.scope import Level
from auditor.findings.drift import ChangeGroup, ChangeKind, Drift, FindingChange
from auditor.findings.model import Severity, WaiverResult
from auditor.notify.triggers import BETTER, WORSE, RunEvent, due_waivers, is_new_scope_deviation


@dataclass(frozen=True, slots=True)
class ReportedChange:
    """The same kind of change to the same control and setting, at one or more levels."""

    clusters: tuple[ChangeGroup, ...]
    """One per level, from the account down."""

    @property
    def first(self) -> ChangeGroup:
        """The changes at the highest level."""
        return self.clusters[0]

    @property
    def severity(self) -> Severity:
        """Severity of the changes."""
        return self.first.severity

    @property
    def count(self) -> int:
        """Number of changes."""
        return sum(group.count for group in self.clusters)


@dataclass(frozen=True)
class Digest:
    """The changes of a run by their meaning for people, worst first."""

    event: RunEvent
    names: bool
    """True if the message names people."""
    worse: Sequence[ReportedChange]
    unknown: Sequence[ReportedChange]
    better: Sequence[ReportedChange]
    waivers: Sequence[WaiverResult]
    people_worse: int = 0
    """Number of users affected by changes for the worse."""

    @classmethod
    def of(cls, event: RunEvent, names: bool) -> "Digest":
        """The content of the message about `event`."""
        drift = event.drift
        worth = None if drift is None else replace(drift, changes=_ReportedChanges(drift))
        clusters = [] if worth is None else worth.clusters()
        affected = {} if worth is None else worth.affected(*WORSE, ChangeKind.SCOPE_ADDED).by_level
        return cls(
            event,
            names,
            _grouped(clusters, *WORSE, ChangeKind.SCOPE_ADDED),
            _grouped(clusters, ChangeKind.NEWLY_UNKNOWN),
            _grouped(clusters, *BETTER),
            due_waivers(event),
            affected.get(Level.USER, 0),
        )

    @property
    def stopped(self) -> bool:
        """True if there is no stored run to report."""
        return self.event.later is None or bool(self.event.stopped)

    @property
    def incomplete(self) -> bool:
        """True if the run was evaluated on incomplete evidence."""
        return self.event.later is not None and not self.event.later.complete


@dataclass(frozen=True, slots=True)
class _ReportedChanges:
    """The changes to report. Of new scopes, only deviations are reported."""

    drift: Drift

    def __iter__(self) -> Iterator[FindingChange]:
        for change in self.drift.changes:
            if change.move is not ChangeKind.SCOPE_ADDED or is_new_scope_deviation(change):
                yield change


def _grouped(clusters: Sequence[ChangeGroup], *moves: ChangeKind) -> list[ReportedChange]:
    groups: dict[tuple[int, int, str, str], list[ChangeGroup]] = {}
    for group in clusters:
        if group.move in moves:
            key = (group.severity.rank, moves.index(group.move), group.control, group.setting)
            groups.setdefault(key, []).append(group)
    return [
        ReportedChange(tuple(sorted(groups[key], key=lambda group: group.level.rank)))
        for key in sorted(groups)
    ]
