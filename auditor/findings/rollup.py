"""The totals of a finished run per control, scope and cause, with equal findings grouped.

All reports for people take their numbers and lists from here, so that they always agree. The work
grows with the number of distinct verdicts, not of scopes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Licence, Scope
from auditor.findings.model import ControlInfo, FindingKind, Severity, Status, Verdict
from auditor.findings.run import Run
from auditor.findings.verdict_store import Assessment, VerdictGroup

WEIGHT: Mapping[Severity, int] = {
    Severity.CRITICAL: 27,
    Severity.HIGH: 9,
    Severity.MEDIUM: 3,
    Severity.LOW: 1,
}
"""The weight of a deviation in the ranking of the worst scopes: one outweighs two of the next
severity."""
_PERSONAL = (Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR)


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings with the same verdict, or with verdicts that differ only in the observed value."""

    verdicts: tuple[tuple[Verdict, int], ...]
    """Each verdict with its number of scopes."""
    members: tuple[tuple[Verdict, Scope], ...]
    """The first findings by level, name and id, at most the requested number."""
    by_level: Mapping[Level, int]
    observed_from: str | None = None
    observed_to: str | None = None
    """The evidence dates from between these times (RFC 3339, UTC); None if it has no time."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of all its findings, or the first of several."""
        return self.verdicts[0][0]

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of `members`."""
        return tuple(scope for _, scope in self.members)

    @property
    def level(self) -> Level:
        """The highest level of its scopes."""
        return min(self.by_level, key=lambda level: level.rank)

    @property
    def count(self) -> int:
        """Number of all scopes."""
        return sum(self.by_level.values())

    @property
    def unnamed(self) -> int:
        """Number of scopes that `members` omits."""
        return self.count - len(self.members)

    @property
    def fingerprint(self) -> str:
        """Identifies a group of `merge_values` by its key, without the account and without
        names."""
        v = self.verdict
        key = v.control, v.kind, v.status, v.severity, v.setting, self.level, v.cause or ""
        text = "\x1f".join((*key, _waiver_key(v))).encode("utf-8", "surrogatepass")
        return f"sha256:{hashlib.sha256(text).hexdigest()}"


@dataclass(frozen=True, slots=True)
class ControlRollup:
    """The results of one control. Scopes are distinct; `by_status` counts checks."""

    info: ControlInfo
    severity: Severity
    """The worst severity among its deviations, else the control's own."""
    by_status: Mapping[Status, int]
    deviating: Mapping[Level, int]
    unknown: int
    broken: Mapping[Level, int] = field(default_factory=dict)
    """Distinct scopes with a deviation that is no missing lock."""
    unlocked: Mapping[Level, int] = field(default_factory=dict)
    """Distinct scopes at which a lock is missing."""

    @property
    def deviating_scopes(self) -> int:
        """Distinct deviating scopes, over all levels."""
        return sum(self.deviating.values())

    def is_judged_at(self, *levels: Level) -> bool:
        """False if it has no check at any of `levels`: Zoom has no such setting there."""
        known = self.info.levels
        return not known or any(level in known or self.deviating.get(level) for level in levels)


@dataclass(frozen=True, slots=True)
class ScopeRollup:
    """The broken rules of one scope."""

    scope: Scope
    by_severity: Mapping[Severity, int]
    """Number of rules by the worst severity of their deviations there."""
    deviating: Mapping[str, Severity]
    """Each of these rules with that severity."""

    @property
    def rules(self) -> list[str]:
        """Their ids, the most severe first."""
        return sorted(self.deviating, key=lambda rule: (self.deviating[rule].rank, rule))

    @property
    def weight(self) -> int:
        """Severity-weighted number of broken rules (`WEIGHT`)."""
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
    licences: Mapping[Licence | None, int] = field(default_factory=dict)
    """The number of users among the scopes by licence; None for one that is not known."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """The totals of one run. Sequences are in report order."""

    controls: Sequence[ControlRollup]
    """Controls with deviations first, by severity, then by id."""
    groups: Sequence[FindingGroup]
    """Equal findings grouped: by severity, control, setting, kind, status, then level."""
    worst: Sequence[ScopeRollup]
    """The scopes with the heaviest deviations, at most the requested number: the account and
    groups before people, most of whom only have what their group has."""
    deviating: Mapping[Level, int]
    """Distinct scopes with a deviation."""
    causes: Sequence[CauseRollup]
    unanswered: Mapping[Level, int] = field(default_factory=dict)
    """Distinct scopes with an unknown check."""

    @property
    def deviating_scopes(self) -> int:
        """Distinct scopes with a deviation, over all levels."""
        return sum(self.deviating.values())

    @property
    def deviating_controls(self) -> Sequence[ControlRollup]:
        """Controls with at least one deviation."""
        return [control for control in self.controls if control.deviating_scopes]

    def of_status(self, *statuses: Status) -> Sequence[FindingGroup]:
        """Groups with one of `statuses`."""
        return [group for group in self.groups if group.verdict.status in statuses]

    @property
    def deviations(self) -> Sequence[FindingGroup]:
        """Deviations, except those of locks."""
        return [g for g in self.of_status(Status.FAIL) if g.verdict.kind is not FindingKind.LOCK]

    @property
    def locks(self) -> Sequence[FindingGroup]:
        """Deviations of locks: the value is not locked."""
        return [g for g in self.of_status(Status.FAIL) if g.verdict.kind is FindingKind.LOCK]

    @property
    def unknowns(self) -> Sequence[FindingGroup]:
        """Checks that could not be judged."""
        return self.of_status(Status.UNKNOWN)

    @property
    def undecided(self) -> Sequence[FindingGroup]:
        """Checks that wait for the organisation: decisions and attestations of any kind."""
        return [g for g in self.groups if g.verdict.is_undecided]

    @property
    def decisions(self) -> Sequence[FindingGroup]:
        """Decisions that the organisation has not made, except on new settings."""
        apart = (FindingKind.ATTESTATION, FindingKind.UNCOVERED)
        return [g for g in self.of_status(Status.NEEDS_DECISION) if g.verdict.kind not in apart]

    @property
    def attestations(self) -> Sequence[FindingGroup]:
        """Missing or expired attestations: a person has to check."""
        return [g for g in self.groups if is_attestation_due(g.verdict)]

    @property
    def attestations_due(self) -> int:
        """Number of questions that wait for a person: a control, or the lock of one setting."""
        return len({(g.verdict.control, g.verdict.setting) for g in self.attestations})

    @property
    def uncovered(self) -> Sequence[FindingGroup]:
        """Settings Zoom returned that no control covers."""
        return [g for g in self.groups if g.verdict.kind is FindingKind.UNCOVERED]


def identity(verdict: Verdict) -> tuple[object, ...]:
    """Equal for verdicts whose fields are all equal; values of different types differ."""
    return (
        verdict.control,
        verdict.kind,
        verdict.status,
        verdict.severity,
        verdict.setting,
        canonical(verdict.observed),
        canonical(None if verdict.expected is None else dict(verdict.expected)),
        verdict.cause,
        verdict.detail,
        verdict.locked,
        verdict.proved_by,
        verdict.decided_by,
        verdict.changeable_by,
        verdict.source,
        _waiver_key(verdict),
        verdict.override,
        repr(verdict.layers),
        verdict.as_expected,
        verdict.latent,
        verdict.allowed_by,
    )


def canonical(value: JsonValue) -> str:
    """Equal for equal values, regardless of the order of their keys."""
    return json.dumps(value, sort_keys=True)


def is_attestation_due(verdict: Verdict) -> bool:
    """True if a person has to check: an attestation is missing or has expired."""
    if verdict.status is Status.ATTESTATION_EXPIRED:
        return True
    return verdict.kind is FindingKind.ATTESTATION and verdict.status in (
        Status.NEEDS_DECISION,
        Status.UNKNOWN,
    )


@dataclass(slots=True)
class GroupTally:
    """Scopes with the same verdict."""

    verdict: Verdict
    scopes: list[Scope] = field(default_factory=list)
    by_level: Counter[Level] = field(default_factory=Counter)
    count: int = 0
    first: str | None = None
    last: str | None = None

    def needs_names(self, names: int) -> bool:
        """True while fewer than `names` of its scopes are listed, and more exist."""
        return len(self.scopes) < min(names, self.count)

    def add_times(self, first: str, last: str) -> None:
        """Extend the time range of the evidence."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


@dataclass(slots=True)
class Contribution:
    """What one set of verdicts adds for every scope that has it; computed once."""

    groups: tuple[GroupTally, ...]
    statuses: Mapping[tuple[str, Status], int]
    deviating: Mapping[str, Severity]
    broken: frozenset[str]
    unlocked: frozenset[str]
    unknown: frozenset[str]
    causes: Mapping[Cause | None, int]
    by_severity: Mapping[Severity, int]
    unfilled: list[GroupTally] = field(default_factory=list)
    """Groups that can take more names."""
    scopes: int = 0
    """Number of scopes with these verdicts."""
    profiles: int = 0
    """Number of these scopes listed among the worst."""
    times: dict[str, tuple[str, str]] = field(default_factory=dict)
    """First and last response time by source."""

    def add_name(self, scope: Scope, names: int) -> None:
        """List a scope in its groups, at most `names` in each."""
        if self.unfilled:
            for group in self.unfilled:
                if group.needs_names(names):  # another contribution may have filled it
                    group.scopes.append(scope)
            self.unfilled = [group for group in self.unfilled if group.needs_names(names)]

    def add_times(self, source: str, first: str, last: str) -> None:
        """Extend the time range of a source."""
        known = self.times.get(source)
        if known is not None:
            first, last = min(first, known[0]), max(last, known[1])
        self.times[source] = first, last


@dataclass(slots=True)
class ControlTally:
    """Counts for one control."""

    by_status: Counter[Status] = field(default_factory=Counter)
    deviating: Counter[Level] = field(default_factory=Counter)
    broken: Counter[Level] = field(default_factory=Counter)
    unlocked: Counter[Level] = field(default_factory=Counter)
    unknown: int = 0
    severity: Severity | None = None


@dataclass(slots=True)
class CauseTally:
    """Counts of the unknown checks with one cause."""

    checks: int = 0
    scopes: int = 0
    controls: set[str] = field(default_factory=set)
    licences: Counter[Licence | None] = field(default_factory=Counter)


class Aggregator:
    """Counts a whole run."""

    def __init__(self, names: int, worst: int) -> None:
        self.names, self.worst = names, worst
        self.groups: dict[tuple[object, ...], GroupTally] = {}
        self.contributions: dict[int, Contribution] = {}
        self.controls: dict[str, ControlTally] = {}
        self.causes: dict[Cause | None, CauseTally] = {}
        self.deviating: Counter[Level] = Counter()
        self.unanswered: Counter[Level] = Counter()
        self.profiles: list[ScopeRollup] = []
        self._needs_examples: set[int] = set()
        """Numbers of the sets whose groups or worst scopes have room for names."""

    def count(self, shared: VerdictGroup) -> None:
        """Count all scopes that share a set of verdicts at once."""
        number = shared.verdict_set.number
        contribution = self.contributions.get(number)
        if contribution is None:
            contribution = self._contribution_of(shared.verdicts)
            self.contributions[number] = contribution
            self._needs_examples.add(number)
        contribution.scopes += shared.count
        for group in contribution.groups:
            group.by_level[shared.level] += shared.count
            group.count += shared.count
        for (control, status), count in contribution.statuses.items():
            self._control(control).by_status[status] += count * shared.count
        for control, severity in contribution.deviating.items():
            tally = self._control(control)
            tally.deviating[shared.level] += shared.count
            if tally.severity is None or severity.rank < tally.severity.rank:
                tally.severity = severity
        for control in contribution.broken:
            self._control(control).broken[shared.level] += shared.count
        for control in contribution.unlocked:
            self._control(control).unlocked[shared.level] += shared.count
        for control in contribution.unknown:
            self._control(control).unknown += shared.count
        if contribution.unknown:
            self.unanswered[shared.level] += shared.count
        for cause, count in contribution.causes.items():
            self.causes[cause].checks += count * shared.count
            self.causes[cause].scopes += shared.count
            self.causes[cause].licences.update(shared.licences)
        if contribution.by_severity:
            self.deviating[shared.level] += shared.count

    def add_example(self, assessment: Assessment) -> bool:
        """List a scope by name where its groups have room; False once none has.

        Scopes have to come in report order.
        """
        number = assessment.verdict_set.number
        contribution = self.contributions[number]
        if number not in self._needs_examples:
            return bool(self._needs_examples)
        contribution.add_name(assessment.scope, self.names)
        worst = min(self.worst, contribution.scopes) if contribution.by_severity else 0
        if contribution.profiles < worst:
            contribution.profiles += 1
            self.profiles.append(
                ScopeRollup(assessment.scope, contribution.by_severity, contribution.deviating)
            )
        if not contribution.unfilled and contribution.profiles >= worst:
            self._needs_examples.discard(number)
        return bool(self._needs_examples)

    def add_times(self, number: int, source: str, first: str, last: str) -> None:
        """Extend the time range of a source for scopes that share the set with this number."""
        contribution = self.contributions.get(number)
        if contribution is not None:
            contribution.add_times(source, first, last)

    def finish(self) -> None:
        """Add the time ranges of all contributions to their groups."""
        for contribution in self.contributions.values():
            for group in contribution.groups:
                times = contribution.times.get(group.verdict.source)
                if times is not None:
                    group.add_times(*times)

    def _control(self, control: str) -> ControlTally:
        tally = self.controls.get(control)
        if tally is None:
            tally = self.controls[control] = ControlTally()
        return tally

    def _contribution_of(self, verdicts: Sequence[Verdict]) -> Contribution:
        groups: dict[tuple[object, ...], GroupTally] = {}
        statuses: Counter[tuple[str, Status]] = Counter()
        deviating: dict[str, Severity] = {}
        broken: set[str] = set()
        unlocked: set[str] = set()
        unknown: set[str] = set()
        causes: Counter[Cause | None] = Counter()
        for verdict in verdicts:
            key = identity(verdict)
            groups[key] = self.groups.setdefault(key, GroupTally(verdict))
            statuses[verdict.control, verdict.status] += 1
            if verdict.status is Status.FAIL:
                (unlocked if verdict.kind is FindingKind.LOCK else broken).add(verdict.control)
                worst = deviating.get(verdict.control, verdict.severity)
                deviating[verdict.control] = min(worst, verdict.severity, key=lambda s: s.rank)
            elif verdict.status is Status.UNKNOWN:
                unknown.add(verdict.control)
                causes[verdict.cause] += 1
                self.causes.setdefault(verdict.cause, CauseTally()).controls.add(verdict.control)
        return Contribution(
            tuple(groups.values()),
            statuses,
            deviating,
            frozenset(broken),
            frozenset(unlocked),
            frozenset(unknown),
            causes,
            Counter(deviating.values()),
            list(groups.values()) if self.names else [],
        )


def roll_up(run: Run, *, names: int = 1000, worst: int = 10) -> Rollup:
    """Roll `run` up in one pass over its scopes.

    Lists at most `names` scopes in each group and `worst` scopes among the worst; with neither, it
    only counts, needs no evidence, and knows no times. The work grows with the number of scopes
    plus the number of distinct verdicts, as long as scopes share verdicts.
    """
    tally = Aggregator(names, worst)
    for shared in run.assessments.shares():
        if shared.verdicts:
            tally.count(shared)
    if names or worst:
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
            CauseRollup(cause, t.checks, t.scopes, tuple(sorted(t.controls)), t.licences)
            for cause, t in sorted(
                tally.causes.items(), key=lambda item: (-item[1].checks, item[0] or "")
            )
        ],
        unanswered=_by_rank(tally.unanswered),
    )


def merge_values(
    groups: Iterable[FindingGroup], names: int, *leave_out: Status
) -> list[FindingGroup]:
    """One group per level for findings that differ only in scope and observed value.

    Pipelines and audit tools cannot process 100,000 results, but they can process the groups. The
    most severe come first. Each names at most `names` scopes; the roll-up must have been built with
    as many. Statuses in `leave_out` are omitted.
    """
    merged: dict[tuple[object, ...], tuple[Level, list[FindingGroup]]] = {}
    for group in groups:
        v = group.verdict
        if v.status not in leave_out:
            for level in group.by_level:
                rank = v.severity.rank, v.control, level.rank, v.setting
                key = (*rank, v.kind, v.status, v.cause or "", _waiver_key(v))
                merged.setdefault(key, (level, []))[1].append(group)
    return [_merge(*merged[key], names) for key in sorted(merged)]


def _merge(level: Level, groups: Sequence[FindingGroup], names: int) -> FindingGroup:
    members = [member for group in groups for member in group.members if member[1].level is level]
    members.sort(key=lambda member: _name_order(member[1]))
    times = [t for group in groups for t in (group.observed_from, group.observed_to) if t]
    return FindingGroup(
        tuple((group.verdict, group.by_level[level]) for group in groups),
        tuple(members[:names]),
        {level: sum(group.by_level[level] for group in groups)},
        min(times, default=None),
        max(times, default=None),
    )


def _waiver_key(verdict: Verdict) -> str:
    """The waiver or blind spot as JSON; empty for none."""
    terms = verdict.waiver or verdict.blind_spot
    return json.dumps(terms.as_dict(), sort_keys=True) if terms else ""


def _name_order(scope: Scope) -> tuple[int, str, str]:
    return scope.level.rank, scope.label.casefold(), scope.id


def _group(tally: GroupTally) -> FindingGroup:
    return FindingGroup(
        ((tally.verdict, tally.by_level.total()),),
        tuple((tally.verdict, scope) for scope in tally.scopes),
        _by_rank(tally.by_level),
        tally.first,
        tally.last,
    )


def _group_order(group: FindingGroup) -> tuple[int, str, str, str, str, int, str]:
    v = group.verdict
    key = repr(identity(v))
    return v.severity.rank, v.control, v.setting, v.kind, v.status, group.level.rank, key


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
                broken=_by_rank(tally.broken),
                unlocked=_by_rank(tally.unlocked),
            )
        )
    rows.sort(key=lambda row: (not row.deviating, row.severity.rank, row.info.id))
    return rows


def _by_rank(counts: Counter[Level]) -> dict[Level, int]:
    return dict(sorted(counts.items(), key=lambda item: item[0].rank))


def _worst(profiles: Iterable[ScopeRollup], most: int) -> list[ScopeRollup]:
    def order(row: ScopeRollup) -> tuple[object, ...]:
        return row.scope.level in _PERSONAL, -row.weight, *_name_order(row.scope)

    return sorted(profiles, key=order)[:most]
