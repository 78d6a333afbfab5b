"""Counts a run in one pass; the work grows with the number of distinct verdicts, not of scopes."""

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
    unknown: int = 0
    severity: Severity | None = None


@dataclass(slots=True)
class CauseTally:
    """Counts of the unknown checks with one cause."""

    checks: int = 0
    scopes: int = 0
    controls: set[str] = field(default_factory=set)


class Aggregator:
    """Counts a whole run."""

    def __init__(self, names: int, worst: int) -> None:
        self.names, self.worst = names, worst
        self.groups: dict[tuple[object, ...], GroupTally] = {}
        self.contributions: dict[int, Contribution] = {}
        self.controls: dict[str, ControlTally] = {}
        self.causes: dict[Cause | None, CauseTally] = {}
        self.deviating: Counter[Level] = Counter()
        self.profiles: list[tuple[Scope, Mapping[Severity, int]]] = []
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
        for control in contribution.unknown:
            self._control(control).unknown += shared.count
        for cause, count in contribution.causes.items():
            self.causes[cause].checks += count * shared.count
            self.causes[cause].scopes += shared.count
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
            self.profiles.append((assessment.scope, contribution.by_severity))
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
        unknown: set[str] = set()
        causes: Counter[Cause | None] = Counter()
        by_severity: Counter[Severity] = Counter()
        for verdict in verdicts:
            key = identity(verdict)
            groups[key] = self.groups.setdefault(key, GroupTally(verdict))
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
        canonical(None if verdict.waiver is None else dict(verdict.waiver)),
        verdict.override,
        repr(verdict.layers),
        verdict.as_expected,
        verdict.latent,
        verdict.allowed_by,
    )


def canonical(value: JsonValue) -> str:
    """Equal for equal values, regardless of the order of their keys."""
    return json.dumps(value, sort_keys=True)
