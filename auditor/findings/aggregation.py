"""Tallies: counting a run in one pass; work grows with distinct verdicts, not with scopes."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Severity, Status, Verdict
from auditor.findings.verdict_store import Assessment, VerdictGroup


@dataclass(slots=True)
class GroupTally:
    """Scopes at which one verdict came out."""

    verdict: Verdict
    scopes: list[Scope] = field(default_factory=list)
    by_level: Counter[Level] = field(default_factory=Counter)
    count: int = 0
    first: str | None = None
    last: str | None = None

    def lacks(self, names: int) -> bool:
        """True while fewer than `names` of its scopes are noted, and there are more."""
        return len(self.scopes) < min(names, self.count)

    def add_times(self, first: str, last: str) -> None:
        """Between these times more of the evidence came."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


@dataclass(slots=True)
class Contribution:
    """What one tuple of verdicts adds for every scope that has it; worked out once."""

    groups: tuple[GroupTally, ...]
    statuses: Mapping[tuple[str, Status], int]
    deviating: Mapping[str, Severity]
    unknown: frozenset[str]
    causes: Mapping[Cause | None, int]
    by_severity: Mapping[Severity, int]
    unfilled: list[GroupTally] = field(default_factory=list)
    """Groups with room for more names."""
    scopes: int = 0
    """How many scopes have these verdicts."""
    profiles: int = 0
    """How many of them were noted among the worst."""
    times: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Source to the first and last time it was answered."""

    def note(self, scope: Scope, names: int) -> None:
        """Note the name of a scope; at most `names` of each group."""
        if self.unfilled:
            for group in self.unfilled:
                if group.lacks(names):  # other plans may have filled it meanwhile
                    group.scopes.append(scope)
            self.unfilled = [group for group in self.unfilled if group.lacks(names)]

    def add_times(self, source: str, first: str, last: str) -> None:
        """Note between which times a source was answered for its scopes."""
        known = self.times.get(source)
        if known is not None:
            first, last = min(first, known[0]), max(last, known[1])
        self.times[source] = first, last


@dataclass(slots=True)
class ControlTally:
    """What came of one control."""

    by_status: Counter[Status] = field(default_factory=Counter)
    deviating: Counter[Level] = field(default_factory=Counter)
    unknown: int = 0
    severity: Severity | None = None


@dataclass(slots=True)
class CauseTally:
    """Unknowns that have one cause."""

    checks: int = 0
    scopes: int = 0
    controls: set[str] = field(default_factory=set)


class Aggregator:
    """Counts a whole run."""

    def __init__(self, names: int, worst: int) -> None:
        self.names, self.worst = names, worst
        self.groups: dict[tuple[object, ...], GroupTally] = {}
        self.plans: dict[int, Contribution] = {}
        self.controls: dict[str, ControlTally] = {}
        self.causes: dict[Cause | None, CauseTally] = {}
        self.deviating: Counter[Level] = Counter()
        self.profiles: list[tuple[Scope, Mapping[Severity, int]]] = []
        self._lacking: set[int] = set()
        """The plans whose groups or worst scopes lack names."""

    def count(self, share: VerdictGroup) -> None:
        """Count scopes with the same verdicts, all at once."""
        plan = self.plans.get(id(share.verdicts))
        if plan is None:
            plan = self.plans[id(share.verdicts)] = self._plan_of(share.verdicts)
            self._lacking.add(id(share.verdicts))
        plan.scopes += share.count
        for group in plan.groups:
            group.by_level[share.level] += share.count
            group.count += share.count
        for (control, status), count in plan.statuses.items():
            self._control(control).by_status[status] += count * share.count
        for control, severity in plan.deviating.items():
            tally = self._control(control)
            tally.deviating[share.level] += share.count
            if tally.severity is None or severity.rank < tally.severity.rank:
                tally.severity = severity
        for control in plan.unknown:
            self._control(control).unknown += share.count
        for cause, count in plan.causes.items():
            self.causes[cause].checks += count * share.count
            self.causes[cause].scopes += share.count
        if plan.by_severity:
            self.deviating[share.level] += share.count

    def name(self, assessment: Assessment) -> bool:
        """Note the name of a scope where names are wanted; False once no more are.

        They come in the order of reports.
        """
        plan = self.plans[id(assessment.verdicts)]
        if id(assessment.verdicts) not in self._lacking:
            return bool(self._lacking)
        plan.note(assessment.scope, self.names)
        worst = min(self.worst, plan.scopes) if plan.by_severity else 0
        if plan.profiles < worst:
            plan.profiles += 1
            self.profiles.append((assessment.scope, plan.by_severity))
        if not plan.unfilled and plan.profiles >= worst:
            self._lacking.discard(id(assessment.verdicts))
        return bool(self._lacking)

    def add_times(self, verdicts: tuple[Verdict, ...], source: str, first: str, last: str) -> None:
        """Note between which times a source was answered for scopes with the same verdicts."""
        plan = self.plans.get(id(verdicts))
        if plan is not None:
            plan.add_times(source, first, last)

    def finish(self) -> None:
        """Bring the times of all plans to their groups."""
        for plan in self.plans.values():
            for group in plan.groups:
                times = plan.times.get(group.verdict.source)
                if times is not None:
                    group.add_times(*times)

    def _control(self, control: str) -> ControlTally:
        tally = self.controls.get(control)
        if tally is None:
            tally = self.controls[control] = ControlTally()
        return tally

    def _plan_of(self, verdicts: Sequence[Verdict]) -> Contribution:
        groups: dict[int, GroupTally] = {}
        statuses: Counter[tuple[str, Status]] = Counter()
        deviating: dict[str, Severity] = {}
        unknown: set[str] = set()
        causes: Counter[Cause | None] = Counter()
        by_severity: Counter[Severity] = Counter()
        for verdict in verdicts:
            group = self.groups.setdefault(identity(verdict), GroupTally(verdict))
            groups[id(group)] = group
            statuses[verdict.control, verdict.status] += 1
            if verdict.status is Status.FAIL:
                by_severity[verdict.severity] += 1
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
            frozenset(unknown),
            causes,
            by_severity,
            list(groups.values()) if self.names else [],
        )


def identity(verdict: Verdict) -> tuple[object, ...]:
    """Equal for verdicts that are in every field the same, values of other types kept apart."""
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
        canonical(None if verdict.waiver is None else dict(verdict.waiver)),
        verdict.override,
        repr(verdict.layers),
        verdict.as_expected,
        verdict.latent,
        verdict.allowed_by,
    )


def canonical(value: JsonValue) -> str:
    """Equal for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True)
