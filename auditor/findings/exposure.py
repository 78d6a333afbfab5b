"""Exposure: how many members of each group deviate, and which groups a verdict touches."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.scope import Level
from auditor.findings.model import Status, Verdict
from auditor.findings.run import Run
from auditor.findings.tallies import identity


@dataclass(frozen=True, slots=True)
class Exposed:
    """A group, and how many of its members deviate."""

    id: str
    name: str
    """The id where the run did not judge the group itself."""
    deviating: int
    members: int | None
    """Members that were judged; None where the run kept only those with findings."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What groups have to do with the findings of a run."""

    groups: Sequence[Exposed]
    """The one with the most deviating members first."""
    touched: Mapping[tuple[object, ...], frozenset[str]]
    """Verdict, by `identity`, to the groups at which or at whose members it came out."""

    def groups_of(self, verdict: Verdict) -> frozenset[str]:
        """The ids of the groups at which, or at whose members, `verdict` came out."""
        return self.touched.get(identity(verdict), frozenset())


def exposure(run: Run) -> Exposure:
    """Count `run` by groups, in one pass over its scopes.

    Memory grows with groups and distinct verdicts, not with users.
    """
    tuples: dict[int, tuple[Verdict, ...]] = {}
    alike: Counter[tuple[int, tuple[str, ...]]] = Counter()
    names: dict[str, str] = {}
    users = 0
    for assessment in run.assessments:
        scope, number = assessment.scope, id(assessment.verdicts)
        if scope.level is Level.GROUP:
            names[scope.id] = scope.label
            tuples[number] = assessment.verdicts
            alike[number, (scope.id,)] += 0
        elif scope.level is Level.USER:
            users += 1
            if scope.group_ids:
                tuples[number] = assessment.verdicts
                alike[number, scope.group_ids] += 1
    reached: defaultdict[int, set[str]] = defaultdict(set)
    members: Counter[str] = Counter()
    deviating: Counter[str] = Counter()
    for (number, group_ids), count in alike.items():
        reached[number].update(group_ids)
        fails = any(verdict.status is Status.FAIL for verdict in tuples[number])
        for group_id in group_ids:
            members[group_id] += count
            deviating[group_id] += count * fails
    touched: defaultdict[tuple[object, ...], set[str]] = defaultdict(set)
    for number, ids in reached.items():
        for verdict in tuples[number]:
            touched[identity(verdict)] |= ids
    everyone = users >= run.summary.coverage.get(Level.USER, 0)
    rows = [
        Exposed(each, names.get(each, each), deviating[each], members[each] if everyone else None)
        for each in members
    ]
    rows.sort(key=lambda row: (-row.deviating, row.name.casefold(), row.id))
    return Exposure(rows, {key: frozenset(ids) for key, ids in touched.items()})
