"""The totals of a finished run per control, scope and cause, with equal findings grouped.

All reports for people take their numbers and lists from here, so that they always agree.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.aggregation import Aggregator, ControlTally, GroupTally, identity
from auditor.findings.model import ControlInfo, FindingKind, Severity, Status, Verdict
from auditor.findings.run import Run

WEIGHT: Mapping[Severity, int] = {
    Severity.CRITICAL: 27,
    Severity.HIGH: 9,
    Severity.MEDIUM: 3,
    Severity.LOW: 1,
}
"""The weight of a deviation in the ranking of the worst scopes: one outweighs two of the next
severity."""


@dataclass(frozen=True, slots=True)
class Group:
    """Scopes with the same verdict."""

    verdict: Verdict
    scopes: tuple[Scope, ...]
    """The first scopes by level, name and id, at most the requested number."""
    count: int
    """Number of all scopes."""
    by_level: Mapping[Level, int]
    observed_from: str | None
    observed_to: str | None
    """The evidence dates from between these times (RFC 3339, UTC); None if it has no time."""

    @property
    def unnamed(self) -> int:
        """Number of scopes that `scopes` omits."""
        return self.count - len(self.scopes)


@dataclass(frozen=True, slots=True)
class ControlRollup:
    """The results of one control. Scopes are distinct; `by_status` counts checks."""

    info: ControlInfo
    severity: Severity
    """The worst severity among its deviations, else the control's own."""
    by_status: Mapping[Status, int]
    deviating: Mapping[Level, int]
    unknown: int

    @property
    def deviating_scopes(self) -> int:
        """Distinct deviating scopes, over all levels."""
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
    """The unknown checks with one cause."""

    cause: Cause | None
    """None for verdicts without a cause."""
    checks: int
    scopes: int
    """Distinct scopes."""
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollup:
    """The totals of one run. Sequences are in report order."""

    controls: Sequence[ControlRollup]
    """Controls with deviations first, by severity, then by id."""
    groups: Sequence[Group]
    """Equal findings grouped: by severity, control, setting, kind, status, then level."""
    worst: Sequence[ScopeRollup]
    """The scopes with the heaviest deviations, at most the requested number."""
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
        """Groups with one of `statuses`."""
        return [group for group in self.groups if group.verdict.status in statuses]

    @property
    def deviations(self) -> Sequence[Group]:
        """Deviations, except those of locks."""
        return [g for g in self.of_status(Status.FAIL) if g.verdict.kind is not FindingKind.LOCK]

    @property
    def locks(self) -> Sequence[Group]:
        """Deviations of locks: the value is not locked."""
        return [g for g in self.of_status(Status.FAIL) if g.verdict.kind is FindingKind.LOCK]

    @property
    def unknowns(self) -> Sequence[Group]:
        """Checks that could not be judged."""
        return self.of_status(Status.UNKNOWN)

    @property
    def undecided(self) -> Sequence[Group]:
        """Checks that wait for the organisation: decisions and attestations of any kind."""
        return [g for g in self.groups if g.verdict.is_undecided]

    @property
    def decisions(self) -> Sequence[Group]:
        """Decisions that the organisation has not made, except on new settings."""
        apart = (FindingKind.ATTESTATION, FindingKind.UNCOVERED)
        return [g for g in self.of_status(Status.NEEDS_DECISION) if g.verdict.kind not in apart]

    @property
    def attestations(self) -> Sequence[Group]:
        """Missing or expired attestations: a person has to check."""
        return [g for g in self.groups if is_attestation_due(g.verdict)]

    @property
    def attestations_due(self) -> int:
        """Number of questions that wait for a person: a control, or the lock of one setting."""
        return len({(g.verdict.control, g.verdict.setting) for g in self.attestations})

    @property
    def uncovered(self) -> Sequence[Group]:
        """Settings Zoom returned that no control covers."""
        return [g for g in self.groups if g.verdict.kind is FindingKind.UNCOVERED]


def is_attestation_due(verdict: Verdict) -> bool:
    """True if a person has to check: an attestation is missing or has expired."""
    if verdict.status is Status.ATTESTATION_EXPIRED:
        return True
    return verdict.kind is FindingKind.ATTESTATION and verdict.status in (
        Status.NEEDS_DECISION,
        Status.UNKNOWN,
    )


def roll_up(run: Run, *, names: int = 1000, worst: int = 10) -> Rollup:
    """Roll `run` up in one pass over its scopes.

    Lists at most `names` scopes in each group and `worst` scopes among the worst. The work grows
    with the number of scopes plus the number of distinct verdicts, as long as scopes share
    verdicts.
    """
    tally = Aggregator(names, worst)
    for shared in run.assessments.shares():
        if shared.verdicts:
            tally.count(shared)
    for assessment in run.assessments.by_name():
        if not tally.add_example(assessment):
            break
    for number, source, first, last in run.assessments.time_ranges():
        tally.add_times(number, source, first, last)
    tally.finish()
    groups = sorted((_group(g) for g in tally.groups.values()), key=_group_order)
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


def _name_order(scope: Scope) -> tuple[int, str, str]:
    return scope.level.rank, scope.label.casefold(), scope.id


def _group(tally: GroupTally) -> Group:
    return Group(
        tally.verdict,
        tuple(tally.scopes),
        tally.by_level.total(),
        _by_rank(tally.by_level),
        tally.first,
        tally.last,
    )


def _group_order(group: Group) -> tuple[int, str, str, str, str, int, str]:
    v = group.verdict
    level = min(level.rank for level in group.by_level)
    return v.severity.rank, v.control, v.setting, v.kind, v.status, level, repr(identity(v))


def _controls(
    infos: Mapping[str, ControlInfo], tallies: Mapping[str, ControlTally]
) -> list[ControlRollup]:
    rows = []
    for control in {*infos, *tallies}:
        tally = tallies.get(control, ControlTally())
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
