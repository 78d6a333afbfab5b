"""The verdict store: every judged scope once, in memory that does not grow with the number of
users.

Scopes with identical evidence share one set of verdicts; only the set's number is stored per scope.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge

from auditor.evidence.scope import Level, Scope
from auditor.evidence.scope_index import ScopeIndex
from auditor.findings.model import Verdict


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts of one scope. Scopes with equal evidence share one tuple of verdicts."""

    scope: Scope
    verdicts: tuple[Verdict, ...]
    observed_at: Mapping[str, str] = field(default_factory=dict)
    """Source to the time (RFC 3339) of its response."""


@dataclass(frozen=True, slots=True)
class VerdictGroup:
    """Scopes of one level with the same verdicts."""

    level: Level
    count: int
    verdicts: tuple[Verdict, ...]
    scope: Scope | None = None
    """The scope, if it is stored individually."""


class VerdictStore:
    """The assessments of one run. It can be iterated more than once."""

    # Memory must not grow with users: at 100,000 users a run has 830,000 findings
    # (docs/benchmarks.md), and the limit is 250 MB including all reports. Users with equal evidence
    # are judged once and share one tuple of verdicts. Only the number of the tuple is stored per
    # user, in a temporary table of the snapshot, which sorts the users as well.
    # Tuples are compared by identity, because equality would hash every verdict of every user.
    # That is safe only while every tuple in `_numbers` is alive, since Python reuses the ids of
    # deleted objects: `_verdicts` keeps them alive. `retain` replaces the tuples and clears the
    # numbers, so no old tuple may be added afterwards.

    def __init__(self, index: ScopeIndex | None = None) -> None:
        """An empty store. With `index`, scopes of the indexed snapshot can be stored as numbers."""
        self._individual: dict[tuple[Level, str], Assessment] = {}
        self._index = index
        self._verdicts: list[tuple[Verdict, ...]] = []
        self._numbers: dict[int, int] = {}
        self._counts: Counter[tuple[Level, int]] = Counter()
        self._rows: list[tuple[Level, str, int]] = []

    @classmethod
    def of(cls, assessments: Iterable[Assessment]) -> "VerdictStore":
        """A store of these assessments, all in memory."""
        store = cls()
        for assessment in assessments:
            store.add(assessment)
        return store

    def add(self, assessment: Assessment) -> None:
        """Store an assessment individually. Further verdicts of a scope are appended to its
        verdicts."""
        key = assessment.scope.level, assessment.scope.id
        known = self._individual.get(key)
        if known is not None:
            assessment = Assessment(
                known.scope,
                known.verdicts + assessment.verdicts,
                {**known.observed_at, **assessment.observed_at},
            )
        self._individual[key] = assessment

    def add_shared(self, scope: Scope, verdicts: tuple[Verdict, ...]) -> None:
        """Store the verdicts of a scope of the indexed snapshot; equal evidence has to have one
        tuple."""
        number = self._numbers.get(id(verdicts))
        if number is None:
            number = self._numbers[id(verdicts)] = len(self._verdicts)
            self._verdicts.append(verdicts)
        self._counts[scope.level, number] += 1
        self._rows.append((scope.level, scope.id, number))
        if len(self._rows) >= _BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Write the buffered numbers to disk."""
        assert self._index is not None
        self._index.set(self._rows)
        self._rows.clear()

    def shares(self) -> Iterator[VerdictGroup]:
        """Each tuple of verdicts with its number of scopes, by level."""
        for assessment in self._individual.values():
            yield VerdictGroup(assessment.scope.level, 1, assessment.verdicts, assessment.scope)
        for (level, number), count in self._counts.items():
            yield VerdictGroup(level, count, self._verdicts[number])

    def retain(self, keep: Callable[[Verdict], bool]) -> None:
        """Drop the verdicts for which `keep` is false."""
        self._verdicts = [tuple(filter(keep, verdicts)) for verdicts in self._verdicts]
        self._numbers.clear()
        self._individual = {
            key: Assessment(assessment.scope, verdicts, assessment.observed_at)
            for key, assessment in self._individual.items()
            if (verdicts := tuple(filter(keep, assessment.verdicts)))
        }

    def __iter__(self) -> Iterator[Assessment]:
        """Every scope with verdicts, by level and id."""
        return self._ordered(by_name=False)

    def by_name(self) -> Iterator[Assessment]:
        """Every scope with verdicts, by level, display name and id."""
        return self._ordered(by_name=True)

    def time_ranges(self) -> Iterator[tuple[tuple[Verdict, ...], str, str, str]]:
        """For each tuple of verdicts and source, the first and the last response time (RFC
        3339)."""
        for assessment in self._individual.values():
            for source, moment in assessment.observed_at.items():
                yield assessment.verdicts, source, moment, moment
        if self._index is not None:
            for number, source, first, last in self._index.time_ranges():
                yield self._verdicts[number], source, first, last

    def in_order(self) -> Iterator[tuple[Assessment, Verdict]]:
        """Every verdict by severity, control, level, scope id, setting and kind."""
        keyed: dict[int, dict[tuple[int, str], list[Verdict]]] = {}
        keys: set[tuple[int, str, int]] = set()
        levels = {level.rank: level for level in Level}
        for share in self.shares():
            by_control = keyed.setdefault(id(share.verdicts), {})
            if not by_control:
                for verdict in sorted(share.verdicts, key=lambda v: (v.setting, v.kind)):
                    by_control.setdefault((verdict.severity.rank, verdict.control), []).append(
                        verdict
                    )
            keys.update((*key, share.level.rank) for key in by_control)
        for severity, control, rank in sorted(keys):
            key = severity, control

            def selects(
                verdicts: tuple[Verdict, ...], key: tuple[int, str] = key
            ) -> list[Verdict] | None:
                return keyed[id(verdicts)].get(key)

            for assessment in self._of_level(levels[rank], selects, by_name=False):
                for verdict in keyed[id(assessment.verdicts)][key]:
                    yield assessment, verdict

    def _ordered(self, *, by_name: bool) -> Iterator[Assessment]:
        levels = {level for level, _ in self._individual} | {level for level, _ in self._counts}
        for level in sorted(levels, key=lambda level: level.rank):
            yield from self._of_level(level, bool, by_name=by_name)

    def _of_level(
        self, level: Level, selects: Callable[[tuple[Verdict, ...]], object], *, by_name: bool
    ) -> Iterator[Assessment]:
        """The assessments of a level whose verdicts `selects` accepts."""
        order = _by_name if by_name else _by_id
        individual = sorted(
            (a for (at, _), a in self._individual.items() if at is level and selects(a.verdicts)),
            key=order,
        )
        numbers = [n for at, n in self._counts if at is level and selects(self._verdicts[n])]
        if not numbers:
            yield from individual
            return
        assert self._index is not None
        indexed = (
            Assessment(entry.scope, self._verdicts[entry.number], entry.observed_at)
            for entry in self._index.scopes(level, numbers, by_name=by_name)
        )
        yield from merge(individual, indexed, key=order)


_BATCH_SIZE = 2000
"""Numbers written in one transaction."""


def _by_id(assessment: Assessment) -> tuple[str, str]:
    return assessment.scope.id, ""


def _by_name(assessment: Assessment) -> tuple[str, str]:
    return assessment.scope.label.casefold(), assessment.scope.id
