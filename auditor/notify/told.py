"""What a message has to say of a run: its changes, sorted and put together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from auditor.evidence.scope import Level
from auditor.findings.drift import Change, Cluster, Drift, Move
from auditor.findings.model import Settlement, Severity
from auditor.notify.occasions import BETTER, WORSE, News, arrived_wrong, due_waivers


@dataclass(frozen=True, slots=True)
class Kind:
    """Changes of one kind, at whatever level: the same move of the same control and setting."""

    clusters: tuple[Cluster, ...]
    """One a level, from the account down."""

    @property
    def first(self) -> Cluster:
        """The one at the highest level."""
        return self.clusters[0]

    @property
    def severity(self) -> Severity:
        """How much they matter."""
        return self.first.severity

    @property
    def count(self) -> int:
        """How many changes there are."""
        return sum(each.count for each in self.clusters)


@dataclass(frozen=True)
class Told:
    """The changes of a run, by what they mean to people; the worst first."""

    news: News
    names: bool
    """True for a message that names people."""
    worse: Sequence[Kind]
    unknown: Sequence[Kind]
    better: Sequence[Kind]
    waivers: Sequence[Settlement]
    people_worse: int = 0
    """How many users are among those for whom something got worse."""

    @classmethod
    def of(cls, news: News, names: bool) -> "Told":
        """What there is to tell of `news`."""
        drift = news.drift
        worth = None if drift is None else replace(drift, changes=_Worth(drift))
        clusters = [] if worth is None else worth.clusters()
        reached = {} if worth is None else worth.affected(*WORSE, Move.SCOPE_ADDED).by_level
        return cls(
            news,
            names,
            _kinds(clusters, *WORSE, Move.SCOPE_ADDED),
            _kinds(clusters, Move.NEWLY_UNKNOWN),
            _kinds(clusters, *BETTER),
            due_waivers(news),
            reached.get(Level.USER, 0),
        )

    @property
    def stopped(self) -> bool:
        """True where there is no stored run to tell of."""
        return self.news.later is None or bool(self.news.stopped)

    @property
    def incomplete(self) -> bool:
        """True where something was evaluated, but not on all the evidence."""
        return self.news.later is not None and not self.news.later.complete


@dataclass(frozen=True, slots=True)
class _Worth:
    """The changes worth telling; of what came with new scopes, the deviations alone."""

    drift: Drift

    def __iter__(self) -> Iterator[Change]:
        for change in self.drift.changes:
            if change.move is not Move.SCOPE_ADDED or arrived_wrong(change):
                yield change


def _kinds(clusters: Sequence[Cluster], *moves: Move) -> list[Kind]:
    found: dict[tuple[int, int, str, str], list[Cluster]] = {}
    for each in clusters:
        if each.move in moves:
            key = (each.severity.rank, moves.index(each.move), each.control, each.setting)
            found.setdefault(key, []).append(each)
    return [
        Kind(tuple(sorted(found[key], key=lambda each: each.level.rank))) for key in sorted(found)
    ]
