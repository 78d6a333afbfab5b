"""The verdict store: every judged scope once, in memory that does not grow with the number of
users.

Scopes with identical evidence share one set of verdicts; only the set's number is stored per scope.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import count

from auditor.evidence.scope import Level, Licence, Scope
from auditor.evidence.scope_index import ScopeIndex
from auditor.findings.model import Verdict

_NUMBERS = count()


@dataclass(frozen=True, slots=True, eq=False)
class VerdictSet:
    """The verdicts that scopes with equal evidence share."""

    number: int
    """Identifies the set. Unlike an `id()`, no other set of this process ever has it."""
    verdicts: tuple[Verdict, ...]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> "VerdictSet":
        """A new set, with a number of its own."""
        return cls(next(_NUMBERS), tuple(verdicts))

    def filtered(self, keep: Callable[[Verdict], bool]) -> "VerdictSet":
        """The set without the verdicts for which `keep` is false, with the same number."""
        return VerdictSet(self.number, tuple(filter(keep, self.verdicts)))


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts of one scope."""

    scope: Scope
    verdict_set: VerdictSet
    observed_at: Mapping[str, str] = field(default_factory=dict)
    """Source to the time (RFC 3339) of its response."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of its set."""
        return self.verdict_set.verdicts


@dataclass(frozen=True, slots=True)
class VerdictGroup:
    """Scopes of one level with the same verdicts."""

    level: Level
    count: int
    verdict_set: VerdictSet
    scope: Scope | None = None
    """The scope, if it is stored individually."""
    licences: Mapping[Licence | None, int] = field(default_factory=dict)
    """The number of users by licence; None for a licence that is not known."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of its set."""
        return self.verdict_set.verdicts


class VerdictStore:
    """The assessments of one run. It can be iterated more than once."""

    # Memory must not grow with users: at 100,000 users a run has 830,000 findings
    # (docs/benchmarks.md), and the limit is 250 MB including all reports. Users with equal evidence
    # are judged once and share one set of verdicts. Only the number of the set is stored per
    # user, in a temporary table of the snapshot, which sorts the users as well.
    # Sets are compared by number, because equality would hash every verdict of every user.

    def __init__(self, index: ScopeIndex | None = None) -> None:
        """An empty store. With `index`, scopes of the indexed snapshot can be stored as numbers."""
        self._individual: dict[tuple[Level, str], Assessment] = {}
        self._index = index
        self._shared: dict[int, VerdictSet] = {}
        self._counts: Counter[tuple[Level, int]] = Counter()
        self._licences: dict[int, Counter[Licence | None]] = {}
        """The number of users by licence, for each set."""
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
                VerdictSet.of(known.verdicts + assessment.verdicts),
                {**known.observed_at, **assessment.observed_at},
            )
        self._individual[key] = assessment

    def add_shared(self, scope: Scope, verdict_set: VerdictSet) -> None:
        """Store the verdicts of a scope of the indexed snapshot; equal evidence has to have one
        set."""
        number = verdict_set.number
        self._shared.setdefault(number, verdict_set)
        self._counts[scope.level, number] += 1
        if scope.level is Level.USER:
            self._licences.setdefault(number, Counter())[Licence.of(scope.licence)] += 1
        self._rows.append((scope.level, scope.id, number))
        if len(self._rows) >= _BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Write the buffered numbers to disk."""
        assert self._index is not None
        self._index.set(self._rows)
        self._rows.clear()

    def shares(self) -> Iterator[VerdictGroup]:
        """Each set of verdicts with its number of scopes, by level."""
        for assessment in self._individual.values():
            scope = assessment.scope
            is_person = scope.level is Level.USER and not scope.is_placeholder
            licences = {Licence.of(scope.licence): 1} if is_person else {}
            yield VerdictGroup(scope.level, 1, assessment.verdict_set, scope, licences)
        for (level, number), scopes in self._counts.items():
            licences = self._licences.get(number, {}) if level is Level.USER else {}
            yield VerdictGroup(level, scopes, self._shared[number], None, licences)

    def retain(self, keep: Callable[[Verdict], bool]) -> None:
        """Drop the verdicts for which `keep` is false."""
        self._shared = {number: each.filtered(keep) for number, each in self._shared.items()}
        self._individual = {
            key: Assessment(assessment.scope, verdict_set, assessment.observed_at)
            for key, assessment in self._individual.items()
            if (verdict_set := assessment.verdict_set.filtered(keep)).verdicts
        }

    def __iter__(self) -> Iterator[Assessment]:
        """Every scope with verdicts, by level and id."""
        return self._ordered(by_name=False)

    def by_name(self) -> Iterator[Assessment]:
        """Every scope with verdicts, by level, display name and id."""
        return self._ordered(by_name=True)

    def time_ranges(self) -> Iterator[tuple[int, str, str, str]]:
        """For each number of a set and source, the first and the last response time (RFC 3339)."""
        for assessment in self._individual.values():
            for source, moment in assessment.observed_at.items():
                yield assessment.verdict_set.number, source, moment, moment
        if self._index is not None:
            yield from self._index.time_ranges()

    def in_order(self) -> Iterator[tuple[Assessment, int]]:
        """Every verdict, as its scope and its position there: by severity, control, level, scope
        id, setting and kind."""
        keyed: dict[int, dict[tuple[int, str], list[int]]] = {}
        keys: set[tuple[int, str, int]] = set()
        levels = {level.rank: level for level in Level}
        for share in self.shares():
            by_control = keyed.setdefault(share.verdict_set.number, {})
            if not by_control:
                numbered = enumerate(share.verdicts)
                for position, v in sorted(
                    numbered, key=lambda item: (item[1].setting, item[1].kind)
                ):
                    by_control.setdefault((v.severity.rank, v.control), []).append(position)
            keys.update((*key, share.level.rank) for key in by_control)
        for severity, control, rank in sorted(keys):
            key = severity, control

            def selects(verdict_set: VerdictSet, key: tuple[int, str] = key) -> bool:
                return key in keyed[verdict_set.number]

            for assessment in self._of_level(levels[rank], selects, by_name=False):
                for position in keyed[assessment.verdict_set.number][key]:
                    yield assessment, position

    def _ordered(self, *, by_name: bool) -> Iterator[Assessment]:
        levels = {level for level, _ in self._individual} | {level for level, _ in self._counts}
        for level in sorted(levels, key=lambda level: level.rank):
            yield from self._of_level(level, lambda each: bool(each.verdicts), by_name=by_name)

    def _of_level(
        self, level: Level, selects: Callable[[VerdictSet], bool], *, by_name: bool
    ) -> Iterator[Assessment]:
        """The assessments of a level whose set `selects` accepts."""
        order = _by_name if by_name else _by_id
        individual = sorted(
            (
                a
                for (at, _), a in self._individual.items()
                if at is level and selects(a.verdict_set)
            ),
            key=order,
        )
        numbers = [n for at, n in self._counts if at is level and selects(self._shared[n])]
        if not numbers:
            yield from individual
            return
        assert self._index is not None
        indexed = (
            Assessment(entry.scope, self._shared[entry.number], entry.observed_at)
            for entry in self._index.scopes(level, numbers, by_name=by_name)
        )
        yield from merge(individual, indexed, key=order)


_BATCH_SIZE = 2000
"""Numbers written in one transaction."""


def _by_id(assessment: Assessment) -> tuple[str, str]:
    return assessment.scope.id, ""


def _by_name(assessment: Assessment) -> tuple[str, str]:
    return assessment.scope.label.casefold(), assessment.scope.id
