"""Drift: the changes between two runs of one account, matched by natural keys, never by order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from auditor.evidence.diff import SettingChange, SnapshotDiff
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Actor, FindingKind, LifecycleState, RunInfo, Severity, Status


class ChangeKind(StrEnum):
    """What happened to a finding from one run to the next, in the order of a report."""

    REGRESSED = "regressed"
    """A deviation that did not exist before."""
    WAIVER_LAPSED = "waiver_lapsed"
    """A deviation that a waiver covered before and no longer covers."""
    NEWLY_UNKNOWN = "newly_unknown"
    """Could be judged before and cannot be judged now."""
    NEWLY_BLIND = "newly_blind"
    """Could be judged before, and is unknown in an accepted blind spot now."""
    NEWLY_VISIBLE = "newly_visible"
    """A setting that Zoom did not return before, and that no control covers."""
    IMPROVED = "improved"
    """A deviation that no longer exists."""
    WAIVED = "waived"
    """A deviation that a waiver covers now."""
    KNOWN_AGAIN = "known_again"
    """Could not be judged before, and meets the baseline now."""
    OTHER = "other"
    """Any other change of status."""
    SCOPE_ADDED = "scope_added"
    """Reported for a group, user or meeting that is new in the later run."""
    SCOPE_REMOVED = "scope_removed"
    """Reported before, for a group, user or meeting that no longer exists."""
    BASELINE_CHANGED = "baseline_changed"
    """Judged differently because the baseline, the organisation file or the selection changed: the
    earlier evidence gives the same result under the later run's policy."""


@dataclass(frozen=True, slots=True)
class FindingState:
    """The state of a finding in one run, as stored in the history."""

    fingerprint: str
    control: str
    kind: FindingKind
    scope: Scope
    setting: str
    status: Status
    severity: Severity
    cause: Cause | None = None
    observed: JsonValue = None
    first_seen: datetime | None = None
    """When the finding was first reported, whatever its status."""
    since: datetime | None = None
    """When the finding entered its present state."""


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding whose state differs from the earlier run."""

    move: ChangeKind
    before: FindingState | None
    """None if it had passed, or was not judged."""
    after: FindingState | None
    """None if it passes now, or is not judged."""
    lifecycle: LifecycleState | None = None
    changed_by: Actor | None = None
    """None if the operation log does not show it; `Drift.log` says why."""

    @property
    def state(self) -> FindingState:
        """The state now, or the earlier state if there is none now."""
        state = self.after or self.before
        assert state is not None
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts(RunInfo):
    """What the history records of a run beside its findings."""

    tool_version: str
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, int] = field(default_factory=dict)
    """Level to the number of scopes whose documents were requested."""
    controls: frozenset[str] = frozenset()
    """The controls that were assessed."""

    @property
    def deviations(self) -> int:
        """Number of failed checks."""
        return self.by_status.get(Status.FAIL, 0)

    @property
    def unknown(self) -> int:
        """Number of checks that could not be judged."""
        return self.by_status.get(Status.UNKNOWN, 0)

    @property
    def judged(self) -> int:
        """Number of checks, unknown ones included."""
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Changes of one kind to the same control and setting."""

    move: ChangeKind
    control: str
    kind: FindingKind
    setting: str
    severity: Severity
    by_level: Mapping[Level, int]
    """Number of changes; one level, unless levels were merged."""
    examples: tuple[FindingChange, ...]
    """The first few, by scope id; of merged levels the first of each."""

    @property
    def level(self) -> Level:
        """The level, or the first of those merged."""
        return next(iter(self.by_level))

    @property
    def count(self) -> int:
        """Number of changes."""
        return sum(self.by_level.values())

    @property
    def example(self) -> FindingChange:
        """One of the examples; one with a known author if there is any."""
        attributed = (change for change in self.examples if change.changed_by is not None)
        return next(attributed, self.examples[0])


EXAMPLES = 5
"""Number of changes of a group kept as examples."""


@dataclass(frozen=True, slots=True)
class Affected:
    """How many settings and scopes changed. Two changed settings of one person count as one
    person."""

    settings: int
    """Distinct settings; the lock of a setting counts separately."""
    by_level: Mapping[Level, int]
    """Distinct scopes, from the account down."""


@dataclass(frozen=True)
class Drift:
    """The changes between two runs of one account."""

    earlier: RunFacts
    later: RunFacts
    changes: Iterable[FindingChange]
    """Ordered by fingerprint. A stream that can be iterated more than once."""
    settings: Sequence[SettingChange] = ()
    """Every setting whose value changed, whether a control covers it or not."""
    scopes_added: Mapping[Level, int] = field(default_factory=dict)
    scopes_removed: Mapping[Level, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    """What limits the comparison, in sentences: another program version, another baseline, deleted
    evidence."""
    log: str = ""
    """What the operation log shows of the time between the runs, as a sentence."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """The organisation's own controls by id, with their titles."""

    @cached_property
    def groups(self) -> tuple[ChangeGroup, ...]:
        """The changes grouped by kind, severity, control, setting and level, in this order."""
        counts: dict[_Key, list[FindingChange]] = {}
        totals: dict[_Key, int] = {}
        for change in self.changes:
            state = change.state
            level = state.scope.level.rank
            key = (
                change.move,
                state.severity.rank,
                state.control,
                state.setting,
                level,
                state.kind,
            )
            examples = counts.setdefault(key, [])
            totals[key] = totals.get(key, 0) + 1
            examples.append(change)
            if len(examples) > EXAMPLES:
                examples.sort(key=lambda change: change.state.scope.id)
                examples.pop()
        moves = list(ChangeKind)
        return tuple(
            _group(key, totals[key], counts[key])
            for key in sorted(counts, key=lambda key: (moves.index(key[0]), *key[1:]))
        )

    def affected(self, *moves: ChangeKind) -> Affected:
        """How many settings and how many scopes have a change of one of these kinds."""
        settings: set[tuple[str, bool]] = set()
        scopes: set[tuple[Level, str]] = set()
        for move in moves:
            changed, changed_at = self._affected_by_kind.get(move, (set(), set()))
            settings |= changed
            scopes |= changed_at
        counts = Counter(level for level, _ in scopes)
        by_level = dict(sorted(counts.items(), key=lambda item: item[0].rank))
        return Affected(len(settings), by_level)

    @cached_property
    def _affected_by_kind(
        self,
    ) -> dict[ChangeKind, tuple[set[tuple[str, bool]], set[tuple[Level, str]]]]:
        """By kind of change: settings (or controls without one), each with whether it is a lock;
        and scopes."""
        affected: dict[ChangeKind, tuple[set[tuple[str, bool]], set[tuple[Level, str]]]] = {}
        for change in self.changes:
            state = change.state
            settings, scopes = affected.setdefault(change.move, (set(), set()))
            settings.add((state.setting or state.control, state.kind is FindingKind.LOCK))
            scopes.add((state.scope.level, state.scope.id))
        return affected

    def of(self, *moves: ChangeKind) -> Iterator[FindingChange]:
        """The changes of these kinds."""
        return (change for change in self.changes if change.move in moves)


_Key = tuple[ChangeKind, int, str, str, int, FindingKind]
"""Kind of change, rank of the severity, control, setting, rank of the level, kind of finding."""


def not_compared(diff: SnapshotDiff) -> tuple[str, ...]:
    """What could not be compared, in sentences."""
    sentences = [
        f"Settings of {level.counted(count)} were read in one run only, so they could not "
        "be compared."
        for level, count in diff.unread.items()
    ]
    sentences += [
        f"Which {level.plural} came or went cannot be told: one run did not look for all of them."
        for level in diff.unlisted
    ]
    return tuple(sentences)


def _group(key: _Key, count: int, examples: list[FindingChange]) -> ChangeGroup:
    move, _, control, setting, _, kind = key
    examples.sort(key=lambda change: change.state.scope.id)
    state = examples[0].state
    return ChangeGroup(
        move, control, kind, setting, state.severity, {state.scope.level: count}, tuple(examples)
    )


def merge_levels(groups: Iterable[ChangeGroup]) -> list[ChangeGroup]:
    """One group for all levels of a setting; in the order of the first of them."""
    merged: dict[tuple[object, ...], ChangeGroup] = {}
    for group in groups:
        key = group.move, group.control, group.kind, group.setting, group.severity
        first = replace(group, examples=group.examples[:1])
        known = merged.setdefault(key, first)
        if known is not first:
            merged[key] = replace(
                known,
                by_level={**known.by_level, **group.by_level},
                examples=known.examples + first.examples,
            )
    return list(merged.values())
