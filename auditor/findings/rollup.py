"""What a finished run amounts to: per control, per scope, per cause, and equal findings together.

Every report for people takes its numbers and lists from here, so no two of them can disagree.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import ControlInfo, Kind, Severity, Status, Verdict
from auditor.findings.run import Assessment, Run

WEIGHT: Mapping[Severity, int] = {
    Severity.CRITICAL: 27,
    Severity.HIGH: 9,
    Severity.MEDIUM: 3,
    Severity.LOW: 1,
}
"""What a deviation adds to its scope's place among the worst: one outweighs two of the next."""


@dataclass(frozen=True, slots=True)
class Group:
    """Scopes at which one verdict came out, in every field the same."""

    verdict: Verdict
    scopes: tuple[Scope, ...]
    """The first of them by level, name and id; at most as many as were asked for."""
    count: int
    """All of them."""
    by_level: Mapping[Level, int]
    observed_from: str | None
    observed_to: str | None
    """Between these times (RFC 3339, UTC) the evidence came; None where it has no time."""

    @property
    def unnamed(self) -> int:
        """How many scopes `scopes` leaves out."""
        return self.count - len(self.scopes)


@dataclass(frozen=True, slots=True)
class ControlRollup:
    """What came of one control. Scopes are distinct; `by_status` counts checks."""

    info: ControlInfo
    severity: Severity
    """The worst severity among its deviations, else the control's own."""
    by_status: Mapping[Status, int]
    deviating: Mapping[Level, int]
    unknown: int

    @property
    def deviating_scopes(self) -> int:
        """Distinct scopes that deviate, over all levels."""
        return sum(self.deviating.values())


@dataclass(frozen=True, slots=True)
class ScopeRollup:
    """The deviations of one scope."""

    scope: Scope
    by_severity: Mapping[Severity, int]

    @property
    def weight(self) -> int:
        """Severity-weighted number of deviations (`WEIGHT`)."""
        return sum(WEIGHT[severity] * count for severity, count in self.by_severity.items())


@dataclass(frozen=True, slots=True)
class CauseRollup:
    """The unknowns that have one cause."""

    cause: Cause | None
    """None where a verdict gave no cause."""
    checks: int
    scopes: int
    """Distinct scopes."""
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollup:
    """One run, rolled up. Sequences are in report order."""

    controls: Sequence[ControlRollup]
    """Those with deviations first, the worst severity before the next, then by id."""
    groups: Sequence[Group]
    """Equal findings together: by severity, control, setting, kind, then size."""
    worst: Sequence[ScopeRollup]
    """The scopes with the heaviest deviations; at most as many as were asked for."""
    deviating: Mapping[Level, int]
    """Distinct scopes with a deviation."""
    causes: Sequence[CauseRollup]

    @property
    def deviating_scopes(self) -> int:
        """Distinct scopes with a deviation, over all levels."""
        return sum(self.deviating.values())

    @property
    def deviating_controls(self) -> Sequence[ControlRollup]:
        """Controls with at least one deviation."""
        return [control for control in self.controls if control.deviating_scopes]

    def of_status(self, *statuses: Status) -> Sequence[Group]:
        """Groups that came out as one of `statuses`."""
        return [group for group in self.groups if group.verdict.status in statuses]

    @property
    def deviations(self) -> Sequence[Group]:
        """Deviations, locks aside."""
        return [g for g in self.of_status(Status.FAIL) if g.verdict.kind is not Kind.LOCK]

    @property
    def locks(self) -> Sequence[Group]:
        """Deviations of locks: nothing holds the value in place."""
        return [g for g in self.of_status(Status.FAIL) if g.verdict.kind is Kind.LOCK]

    @property
    def unknowns(self) -> Sequence[Group]:
        """Everything that could not be judged."""
        return self.of_status(Status.UNKNOWN)

    @property
    def decisions(self) -> Sequence[Group]:
        """Decisions the organisation has not made, new settings aside."""
        apart = (Kind.ATTESTATION, Kind.UNCOVERED)
        return [g for g in self.of_status(Status.NEEDS_DECISION) if g.verdict.kind not in apart]

    @property
    def attestations(self) -> Sequence[Group]:
        """Attestations that are missing or expired: a person has to look."""
        return [g for g in self.groups if _is_attestation_due(g.verdict)]

    @property
    def uncovered(self) -> Sequence[Group]:
        """Settings Zoom returned that no control covers."""
        return [g for g in self.groups if g.verdict.kind is Kind.UNCOVERED]


def _is_attestation_due(verdict: Verdict) -> bool:
    if verdict.status is Status.ATTESTATION_EXPIRED:
        return True
    return verdict.kind is Kind.ATTESTATION and verdict.status in (
        Status.NEEDS_DECISION,
        Status.UNKNOWN,
    )


@dataclass(slots=True)
class _GroupTally:
    verdict: Verdict
    scopes: list[Scope] = field(default_factory=list)
    by_level: Counter[Level] = field(default_factory=Counter)
    first: str | None = None
    last: str | None = None

    def add(self, scope: Scope, names: int, observed_at: str | None) -> None:
        self.by_level[scope.level] += 1
        if len(self.scopes) < names:
            self.scopes.append(scope)
        if observed_at is not None:
            if self.first is None or observed_at < self.first:
                self.first = observed_at
            if self.last is None or observed_at > self.last:
                self.last = observed_at

    def group(self) -> Group:
        by_level = dict(sorted(self.by_level.items(), key=lambda item: item[0].rank))
        count = self.by_level.total()
        return Group(self.verdict, tuple(self.scopes), count, by_level, self.first, self.last)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one tuple of verdicts adds for every scope that has it; worked out once."""

    groups: tuple[_GroupTally, ...]
    statuses: Mapping[tuple[str, Status], int]
    deviating: Mapping[str, Severity]
    unknown: frozenset[str]
    causes: Mapping[Cause | None, int]
    by_severity: Mapping[Severity, int]


@dataclass(slots=True)
class _ControlTally:
    by_status: Counter[Status] = field(default_factory=Counter)
    deviating: Counter[Level] = field(default_factory=Counter)
    unknown: int = 0
    severity: Severity | None = None


@dataclass(slots=True)
class _CauseTally:
    checks: int = 0
    scopes: int = 0
    controls: set[str] = field(default_factory=set)


class _Tally:
    def __init__(self) -> None:
        self.groups: dict[tuple[object, ...], _GroupTally] = {}
        self.plans: dict[tuple[int, ...], _Plan] = {}
        self.controls: dict[str, _ControlTally] = {}
        self.causes: dict[Cause | None, _CauseTally] = {}
        self.deviating: Counter[Level] = Counter()
        self.profiles: list[tuple[Scope, Mapping[Severity, int]]] = []

    def add(self, scope: Scope, assessments: Sequence[Assessment], names: int) -> None:
        plan = self._plan(assessments)
        observed_at: dict[str, str] = {}
        for assessment in assessments:
            observed_at.update(assessment.observed_at)
        for group in plan.groups:
            group.add(scope, names, observed_at.get(group.verdict.source))
        for (control, status), count in plan.statuses.items():
            self._control(control).by_status[status] += count
        for control, severity in plan.deviating.items():
            tally = self._control(control)
            tally.deviating[scope.level] += 1
            if tally.severity is None or severity.rank < tally.severity.rank:
                tally.severity = severity
        for control in plan.unknown:
            self._control(control).unknown += 1
        for cause, count in plan.causes.items():
            self.causes[cause].checks += count
            self.causes[cause].scopes += 1
        if plan.by_severity:
            self.deviating[scope.level] += 1
            self.profiles.append((scope, plan.by_severity))

    def _control(self, control: str) -> _ControlTally:
        tally = self.controls.get(control)
        if tally is None:
            tally = self.controls[control] = _ControlTally()
        return tally

    def _plan(self, assessments: Sequence[Assessment]) -> _Plan:
        key = tuple(id(assessment.verdicts) for assessment in assessments)
        plan = self.plans.get(key)
        if plan is None:
            verdicts = [verdict for a in assessments for verdict in a.verdicts]
            plan = self.plans[key] = self._plan_of(verdicts)
        return plan

    def _plan_of(self, verdicts: Sequence[Verdict]) -> _Plan:
        groups: dict[int, _GroupTally] = {}
        statuses: Counter[tuple[str, Status]] = Counter()
        deviating: dict[str, Severity] = {}
        unknown: set[str] = set()
        causes: Counter[Cause | None] = Counter()
        by_severity: Counter[Severity] = Counter()
        for verdict in verdicts:
            group = self.groups.setdefault(_identity(verdict), _GroupTally(verdict))
            groups[id(group)] = group
            statuses[verdict.control, verdict.status] += 1
            if verdict.status is Status.FAIL:
                by_severity[verdict.severity] += 1
                worst = deviating.get(verdict.control, verdict.severity)
                deviating[verdict.control] = min(worst, verdict.severity, key=lambda s: s.rank)
            elif verdict.status is Status.UNKNOWN:
                unknown.add(verdict.control)
                causes[verdict.cause] += 1
                self.causes.setdefault(verdict.cause, _CauseTally()).controls.add(verdict.control)
        return _Plan(
            tuple(groups.values()), statuses, deviating, frozenset(unknown), causes, by_severity
        )


def roll_up(run: Run, *, names: int = 1000, worst: int = 10) -> Rollup:
    """Roll `run` up in one pass over its scopes.

    Names at most `names` scopes in each group and `worst` scopes among the worst. Work grows
    with scopes and with distinct verdicts, not with their product where scopes share verdicts.
    """
    tally = _Tally()
    for scope, assessments in _scopes(run.assessments):
        tally.add(scope, assessments, names)
    groups = sorted((g.group() for g in tally.groups.values()), key=_group_order)
    return Rollup(
        controls=_controls(run.controls, tally.controls),
        groups=groups,
        worst=_worst(tally.profiles, worst),
        deviating=_by_rank(tally.deviating),
        causes=[
            CauseRollup(cause, t.checks, t.scopes, tuple(sorted(t.controls)))
            for cause, t in sorted(
                tally.causes.items(), key=lambda item: (-item[1].checks, item[0] or "")
            )
        ],
    )


def _scopes(assessments: Iterable[Assessment]) -> list[tuple[Scope, list[Assessment]]]:
    """Each scope once, with all that was judged of it; by level, name and id."""
    by_scope: dict[tuple[Level, str], list[Assessment]] = {}
    for assessment in assessments:
        key = assessment.scope.level, assessment.scope.id
        by_scope.setdefault(key, []).append(assessment)
    rows = [(same[0].scope, same) for same in by_scope.values()]
    rows.sort(key=lambda row: _name_order(row[0]))
    return rows


def _name_order(scope: Scope) -> tuple[int, str, str]:
    return scope.level.rank, scope.label.casefold(), scope.id


def _identity(verdict: Verdict) -> tuple[object, ...]:
    """Equal for verdicts that are in every field the same, values of other types kept apart."""
    return (
        verdict.control,
        verdict.kind,
        verdict.status,
        verdict.severity,
        verdict.setting,
        _canonical(verdict.observed),
        _canonical(None if verdict.expected is None else dict(verdict.expected)),
        verdict.cause,
        verdict.detail,
        verdict.locked,
        verdict.proved_by,
        verdict.decided_by,
        verdict.changeable_by,
        verdict.source,
        _canonical(None if verdict.waiver is None else dict(verdict.waiver)),
        verdict.override,
    )


def _canonical(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True)


def _group_order(group: Group) -> tuple[int, str, str, str, str, int, str]:
    v = group.verdict
    level = min(level.rank for level in group.by_level)
    return v.severity.rank, v.control, v.setting, v.kind, v.status, level, repr(_identity(v))


def _controls(
    infos: Mapping[str, ControlInfo], tallies: Mapping[str, _ControlTally]
) -> list[ControlRollup]:
    rows = []
    for control in {*infos, *tallies}:
        tally = tallies.get(control, _ControlTally())
        info = infos.get(control) or ControlInfo(
            control, control, "", tally.severity or Severity.MEDIUM
        )
        rows.append(
            ControlRollup(
                info=info,
                severity=tally.severity or info.severity,
                by_status=dict(sorted(tally.by_status.items())),
                deviating=_by_rank(tally.deviating),
                unknown=tally.unknown,
            )
        )
    rows.sort(key=lambda row: (not row.deviating, row.severity.rank, row.info.id))
    return rows


def _by_rank(counts: Counter[Level]) -> dict[Level, int]:
    return dict(sorted(counts.items(), key=lambda item: item[0].rank))


def _worst(
    profiles: Iterable[tuple[Scope, Mapping[Severity, int]]], most: int
) -> list[ScopeRollup]:
    rows = [ScopeRollup(scope, by_severity) for scope, by_severity in profiles]
    rows.sort(key=lambda row: (-row.weight, *_name_order(row.scope)))
    return rows[:most]
