"""Exposure: how many members of each group deviate, and which groups a verdict affects."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.rollup import canonical, identity
from auditor.findings.run import Run


@dataclass(frozen=True, slots=True)
class GroupExposure:
    """A group and its number of deviating members."""

    id: str
    name: str
    """The id if the run did not judge the group itself."""
    deviating: int
    members: int | None
    """Number of judged members; None if the run kept only those with findings."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the findings of a run are distributed over groups."""

    groups: Sequence[GroupExposure]
    """Most deviating members first."""
    affected_groups: Mapping[tuple[object, ...], frozenset[str]]
    """Verdict, by `identity`, to the groups that have it or whose members have it."""

    shared: Mapping[tuple[object, ...], Counter[str]] = field(default_factory=dict)
    """Verdict of users, by `identity`, to the groups whose own value is the same, by name, each
    with the number of these users in it."""
    without_group: Mapping[tuple[object, ...], int] = field(default_factory=dict)
    """Verdict of users, by `identity`, to the number of these users that are in no group."""

    def same_as(self, verdict: Verdict) -> Sequence[tuple[str, int]]:
        """The groups whose own value equals the value of the users with `verdict`.

        Each with the number of these users in it, largest first. Correcting the value at the group
        corrects it for these users, unless they chose it themselves.
        """
        members = self.shared.get(identity(verdict), Counter())
        return sorted(members.items(), key=lambda item: (-item[1], item[0].casefold()))

    def groups_of(self, verdict: Verdict) -> frozenset[str]:
        """The ids of the groups that have `verdict`, or whose members have it."""
        return self.affected_groups.get(identity(verdict), frozenset())


def exposure(run: Run) -> Exposure:
    """Count `run` by groups, in one pass over its scopes.

    Memory grows with groups and distinct verdicts, not with users.
    """
    verdict_sets: dict[int, tuple[Verdict, ...]] = {}
    counts: Counter[tuple[int, tuple[str, ...]]] = Counter()
    names: dict[str, str] = {}
    own: dict[tuple[str, str, str], str] = {}
    alone_sets: dict[int, tuple[Verdict, ...]] = {}
    alone: Counter[int] = Counter()
    users = 0
    for assessment in run.assessments:
        scope, number = assessment.scope, assessment.verdict_set.number
        if scope.level is Level.GROUP:
            names[scope.id] = scope.label
            verdict_sets[number] = assessment.verdicts
            counts[number, (scope.id,)] += 0
            for verdict in filter(_is_value, assessment.verdicts):
                own[scope.id, verdict.control, verdict.setting] = canonical(verdict.observed)
        elif scope.level is Level.USER:
            users += 1
            if scope.group_ids:
                verdict_sets[number] = assessment.verdicts
                counts[number, scope.group_ids] += 1
            else:
                alone_sets[number] = assessment.verdicts
                alone[number] += 1
    groups_by_set: defaultdict[int, set[str]] = defaultdict(set)
    members: Counter[str] = Counter()
    deviating: Counter[str] = Counter()
    for (number, group_ids), count in counts.items():
        groups_by_set[number].update(group_ids)
        fails = any(verdict.status is Status.FAIL for verdict in verdict_sets[number])
        for group_id in group_ids:
            members[group_id] += count
            deviating[group_id] += count * fails
    affected_groups: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
    for number, ids in groups_by_set.items():
        for verdict in verdict_sets[number]:
            affected_groups[identity(verdict)] |= ids
    shared: defaultdict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
    for (number, group_ids), count in counts.items():
        for verdict in filter(_is_value, verdict_sets[number] if count else ()):
            value = canonical(verdict.observed)
            for group_id in group_ids:
                if own.get((group_id, verdict.control, verdict.setting)) == value:
                    shared[identity(verdict)][names.get(group_id, group_id)] += count
    without_group: Counter[tuple[object, ...]] = Counter()
    for number, count in alone.items():
        for verdict in filter(_is_value, alone_sets[number]):
            without_group[identity(verdict)] += count
    everyone = users >= run.summary.coverage.get(Level.USER, 0)
    rows = [
        GroupExposure(
            group_id,
            names.get(group_id, group_id),
            deviating[group_id],
            members[group_id] if everyone else None,
        )
        for group_id in members
    ]
    rows.sort(key=lambda row: (-row.deviating, row.name.casefold(), row.id))
    affected = {key: frozenset(ids) for key, ids in affected_groups.items()}
    return Exposure(rows, affected, shared, without_group)


def _is_value(verdict: Verdict) -> bool:
    """True for a deviating value, which a group and its members may share."""
    return verdict.kind is FindingKind.VALUE and verdict.status is Status.FAIL
