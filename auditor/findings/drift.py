"""Drift: what changed between two runs of one account, told by natural keys, never by order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.finding_history import Actor, LifecycleState
from auditor.findings.model import FindingKind, Severity, Status


class ChangeKind(StrEnum):
    """What became of a finding from one run to the next. In the order a reader wants them."""

    REGRESSED = "regressed"
    """A deviation now that was none before."""
    WAIVER_LAPSED = "waiver_lapsed"
    """A deviation that a waiver covered before and covers no longer."""
    NEWLY_UNKNOWN = "newly_unknown"
    """Could be judged before, and cannot now."""
    NEWLY_VISIBLE = "newly_visible"
    """A setting that Zoom returns now and did not before, and that no control covers."""
    IMPROVED = "improved"
    """A deviation before that is none now."""
    WAIVED = "waived"
    """A deviation before that a waiver covers now."""
    KNOWN_AGAIN = "known_again"
    """Could not be judged before, and is right now."""
    OTHER = "other"
    """Any other change of status."""
    SCOPE_ADDED = "scope_added"
    """Reported now, of a group, user or meeting that the earlier run did not have."""
    SCOPE_REMOVED = "scope_removed"
    """Reported before, of a group, user or meeting that is gone."""
    BASELINE_CHANGED = "baseline_changed"
    """Judged otherwise because the baseline, the organisation file or the selection changed: the
    earlier evidence comes out the same way by what the later run was judged with."""


@dataclass(frozen=True, slots=True)
class FindingState:
    """How a finding stood in one run, as the history keeps it."""

    fingerprint: str
    control: str
    kind: FindingKind
    scope: Scope
    setting: str
    status: Status
    severity: Severity
    cause: Cause | None = None
    observed: JsonValue = None
    first_seen: str = ""
    """When the finding was first reported, whatever its status: RFC 3339, UTC."""
    since: str = ""
    """Since when it stands as it does: RFC 3339, UTC."""


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding that stands otherwise than in the earlier run."""

    move: ChangeKind
    before: FindingState | None
    """None where it had passed, or was not judged."""
    after: FindingState | None
    """None where it passes now, or is not judged."""
    life: LifecycleState | None = None
    changed_by: Actor | None = None
    """None where the operation log tells nobody; `Drift.log` says why."""

    @property
    def state(self) -> FindingState:
        """How it stands now, or stood before where it stands no more."""
        state = self.after or self.before
        assert state is not None
        return state


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting of one scope that has another value than in the earlier run."""

    scope: Scope
    source: str
    """The request that returned it: `GET /accounts/{accountId}/settings`."""
    setting: str
    """The path in the document, dotted."""
    before: JsonValue
    after: JsonValue
    appeared: bool = False
    """True where the earlier document did not have it."""
    vanished: bool = False
    """True where the later document does not have it."""
    scopes: int = 1
    """How many scopes of the level had the very same change; `scope` is the first of them."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts of a stored run that a comparison rests on. Times are RFC 3339, UTC."""

    id: str
    account_id: str
    api_url: str
    started_at: str
    finished_at: str
    depth: str
    baseline_id: str
    baseline_version: str
    baseline_digest: str
    evidence_digest: str
    tool_version: str
    complete: bool
    exit_code: int
    fail_on: str = "never"
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, int] = field(default_factory=dict)
    """Level to how many scopes were asked for."""
    controls: frozenset[str] = frozenset()
    """The controls that were assessed."""
    simulated: bool = False
    organisation_digest: str | None = ""
    """As in `RunInfo`; None for a run of an earlier version, which did not keep it."""
    oldest_evidence_at: str = ""
    """As in `RunInfo`; empty for a run of an earlier version."""

    @property
    def deviations(self) -> int:
        """How many checks failed."""
        return self.by_status.get(Status.FAIL, 0)

    @property
    def unknown(self) -> int:
        """How many checks could not be judged."""
        return self.by_status.get(Status.UNKNOWN, 0)

    @property
    def judged(self) -> int:
        """Checks made, unknown ones included."""
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Changes of one kind: the same move of the same control and setting, at one level."""

    move: ChangeKind
    control: str
    kind: FindingKind
    setting: str
    level: Level
    severity: Severity
    count: int
    examples: tuple[FindingChange, ...]
    """The first few, by scope id."""


EXAMPLES = 5
"""How many changes of a cluster are kept as examples."""


@dataclass(frozen=True, slots=True)
class Affected:
    """How far changes reach. Two settings that changed for one person are one person."""

    settings: int
    """Distinct settings; the lock of a setting counts by itself."""
    by_level: Mapping[Level, int]
    """Distinct scopes, from the account down."""


@dataclass(frozen=True)
class Drift:
    """What changed between two runs of one account."""

    earlier: RunFacts
    later: RunFacts
    changes: Iterable[FindingChange]
    """In the order of their fingerprints; can be gone through as often as needed, and streams."""
    settings: Sequence[SettingChange] = ()
    """Every setting that changed its value, whether a control looks at it or not."""
    scopes_added: Mapping[Level, int] = field(default_factory=dict)
    scopes_removed: Mapping[Level, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    """What limits the comparison, in sentences: other program version, other baseline, evidence
    that is kept no longer."""
    log: str = ""
    """What the operation log could tell of the time between the runs, as a sentence."""

    def clusters(self) -> list[ChangeGroup]:
        """The changes by move, severity and control, with their number and a few examples."""
        return list(self._clustered)

    @cached_property
    def _clustered(self) -> tuple[ChangeGroup, ...]:
        """Gone through once: every report of a run tells the same drift."""
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
            _cluster(key, totals[key], counts[key])
            for key in sorted(counts, key=lambda key: (moves.index(key[0]), *key[1:]))
        )

    def affected(self, *moves: ChangeKind) -> Affected:
        """How many settings and how many scopes changed in one of these ways."""
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
        """By move: settings, or controls without one, each with whether it is a lock; scopes."""
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
"""Move, rank of the severity, control, setting, rank of the level, kind."""


def _cluster(key: _Key, count: int, examples: list[FindingChange]) -> ChangeGroup:
    move, _, control, setting, _, kind = key
    examples.sort(key=lambda change: change.state.scope.id)
    state = examples[0].state
    return ChangeGroup(
        move, control, kind, setting, state.scope.level, state.severity, count, tuple(examples)
    )
