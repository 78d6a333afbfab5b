"""Summarises the history of the findings in each row of a report, in one pass.

A row is a group of equal verdicts, so memory grows with the rows, not with the users.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from auditor.evidence.scope import Scope
from auditor.findings.model import Actor, FindingHistory, LifecycleState, Status, Verdict
from auditor.findings.rollup import identity
from auditor.findings.run import Run, fingerprint

CHANGED = (LifecycleState.REGRESSED, LifecycleState.NEW)
"""Lifecycle states that began with this run, in the order of a report."""

MOST_ENTRIES = 3
"""Maximum number of log entries per row."""
MOST_NAMES = 5
"""Maximum number of scopes named per row and lifecycle state."""

_BATCH_SIZE = 500
"""Findings looked up in the history at once."""

_Key = tuple[object, ...]
_Span = tuple[datetime, datetime]


@dataclass(slots=True)
class ChangeAuthor:
    """Who changed findings of a row by one entry of the log."""

    actor: Actor
    count: int = 1
    """Number of these findings."""


@dataclass(slots=True)
class HistorySummary:
    """The history of the findings of one row."""

    first_seen: _Span
    """The earliest and the latest first report of these findings."""
    since: _Span
    """The earliest and the latest time at which these findings entered their present state."""
    known: int = 0
    """Number of findings that the history knows."""
    by_lifecycle: Counter[LifecycleState] = field(default_factory=Counter)
    named: dict[LifecycleState, list[Scope]] = field(default_factory=dict)
    """The first scopes with a change, by level and id."""
    attributed: int = 0
    """Number of findings whose change the log explains."""
    _changed: dict[Actor, ChangeAuthor] = field(default_factory=dict)
    _others: dict[Actor, ChangeAuthor] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Number of deviations that did not exist in the run before."""
        return sum(self.by_lifecycle[lifecycle] for lifecycle in CHANGED)

    @property
    def authors(self) -> list[ChangeAuthor]:
        """The first authors that the log shows; changes of this run before others."""
        return [*self._changed.values(), *self._others.values()][:MOST_ENTRIES]

    @property
    def unnamed(self) -> int:
        """Number of findings changed by log entries that `authors` omits."""
        return self.attributed - sum(author.count for author in self.authors)

    def add(self, scope: Scope, finding_history: FindingHistory) -> None:
        """Add a finding."""
        self.known += 1
        if finding_history.lifecycle is not None:
            self.by_lifecycle[finding_history.lifecycle] += 1
        if finding_history.lifecycle in CHANGED:
            named = self.named.setdefault(finding_history.lifecycle, [])
            if len(named) < MOST_NAMES:
                named.append(scope)
        self.first_seen = _extended(self.first_seen, finding_history.first_seen)
        self.since = _extended(self.since, finding_history.since)
        if finding_history.changed_by is not None:
            self._attribute(
                finding_history.changed_by,
                self._changed if finding_history.lifecycle in CHANGED else self._others,
            )

    def _attribute(self, actor: Actor, authors: dict[Actor, ChangeAuthor]) -> None:
        self.attributed += 1
        if actor in authors:
            authors[actor].count += 1
        elif len(authors) < MOST_ENTRIES:
            authors[actor] = ChangeAuthor(actor)


class RunHistory:
    """The history of a run, row by row."""

    def __init__(self, rows: Mapping[_Key, HistorySummary]) -> None:
        self._rows = rows

    def of(self, verdict: Verdict) -> HistorySummary | None:
        """The history of the findings with `verdict`; None if the history knows none of them."""
        return self._rows.get(identity(verdict))


def history(run: Run) -> RunHistory | None:
    """The history of the deviations of a run; None without an earlier run.

    Iterates over the scopes once and looks up deviations only: passed and unknown checks have no
    lifecycle.
    """
    if run.histories is None or not run.trend:
        return None
    rows: dict[_Key, HistorySummary] = {}
    deviations = _deviations(run)
    while batch := list(islice(deviations, _BATCH_SIZE)):
        histories = run.histories([finding_id for finding_id, _, _ in batch])
        for finding_id, scope, key in batch:
            finding_history = histories.get(finding_id)
            if finding_history is None:
                continue
            if key not in rows:
                since = finding_history.since, finding_history.since
                rows[key] = HistorySummary(
                    (finding_history.first_seen, finding_history.first_seen), since
                )
            rows[key].add(scope, finding_history)
    return RunHistory(rows)


def _deviations(run: Run) -> Iterator[tuple[str, Scope, _Key]]:
    """The fingerprint, the scope and the row of each deviation."""
    account = run.info.account_id
    failed: dict[int, list[tuple[Verdict, _Key]]] = {}
    for assessment in run.assessments:
        number = assessment.verdict_set.number
        if number not in failed:
            failed[number] = [
                (v, identity(v)) for v in assessment.verdicts if v.status is Status.FAIL
            ]
        for verdict, key in failed[number]:
            yield fingerprint(account, verdict, assessment.scope), assessment.scope, key


def _extended(span: _Span, moment: datetime) -> _Span:
    return min(span[0], moment), max(span[1], moment)
