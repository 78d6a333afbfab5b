"""The roll-up of a fleet: what each account's newest run says, and each control's accounts.

Everything comes from stored runs. An account without a run is listed with the reason, never left
out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from auditor.evidence.timestamps import parse_or_none
from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.model import Severity, Status, TrendPoint
from auditor.fleet.attempts import Attempt

NIGHTS = 30
"""Nights of a trend."""
WORST = 3
"""Controls that the row of an account names."""


class FleetVerdict(StrEnum):
    """What is known of an account, the worst first."""

    FAILED = "failed"
    """The last audit evaluated nothing."""
    DEVIATES = "deviates"
    INCOMPLETE = "incomplete"
    """Something selected could not be read, and what was read does not deviate."""
    MEETS = "meets"
    """Nothing deviates, and everything selected could be read."""
    NEVER = "never audited"


_BY_CONCERN = {verdict: rank for rank, verdict in enumerate(FleetVerdict)}


@dataclass(frozen=True, slots=True)
class ControlCount:
    """How many settings and scopes of an account deviate from a control."""

    control: str
    severity: Severity
    """The highest of them."""
    deviations: int


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """The findings of a run, counted, and what is new since the run before."""

    controls: Mapping[str, ControlCount] = field(default_factory=dict)
    new: int = 0
    """Deviations that the run before did not have."""
    gone: int = 0
    """Deviations that only the run before had."""
    newly_unknown: int = 0
    policy_changed: bool = False
    """True if the run before was judged with another baseline or organisation file, which may be
    why findings differ."""

    @classmethod
    def of(
        cls, now: Iterable[FindingState], before: Iterable[FindingState], *, policy_changed: bool
    ) -> "FindingCounts":
        """Count the states of two runs; `before` is empty without an earlier run.

        `before` is held in memory.
        """
        earlier = {state.fingerprint: state.status for state in before}
        counts: dict[str, ControlCount] = {}
        new = newly_unknown = 0
        for state in now:
            was = earlier.pop(state.fingerprint, None)
            if state.status is Status.UNKNOWN:
                newly_unknown += was is not Status.UNKNOWN
            if was is Status.FAIL and state.status is not Status.FAIL:
                earlier[state.fingerprint] = was
            if state.status is not Status.FAIL:
                continue
            new += was is not Status.FAIL
            known = counts.get(state.control)
            counts[state.control] = ControlCount(
                state.control,
                min(state.severity, known.severity, key=lambda each: each.rank)
                if known
                else state.severity,
                1 + (known.deviations if known else 0),
            )
        gone = sum(status is Status.FAIL for status in earlier.values())
        return cls(counts, new, gone, newly_unknown, policy_changed)

    @property
    def worst(self) -> list[ControlCount]:
        """The controls with deviations, the most severe and frequent first."""
        return sorted(
            self.controls.values(),
            key=lambda each: (each.severity.rank, -each.deviations, each.control),
        )


@dataclass(frozen=True)
class AccountSummary:
    """An account of the fleet as its newest run shows it."""

    name: str
    tags: Sequence[str]
    account_id: str
    """Empty if it is not known."""
    facts: RunFacts | None
    """The newest run with the policy of the fleet; None if there is none."""
    counts: FindingCounts | None = None
    """None without a run, or without an earlier one: see `has_earlier`."""
    has_earlier: bool = False
    """True if an earlier run was compared."""
    trend: Sequence[TrendPoint] = ()
    """Earlier runs and this one, oldest first."""
    attempt: Attempt | None = None
    """The last audit of this fleet."""
    problem: str = ""
    """Why nothing can be said, as a sentence; empty if there is a run."""
    is_current: bool = True
    """False if the policy of the fleet file has changed since the run."""

    @property
    def failure(self) -> str:
        """Why the last audit left no run, as a sentence; empty if it left one, or another audit
        did since."""
        attempt = self.attempt
        if self.problem or attempt is None or not attempt.failure:
            return self.problem
        ended_at = parse_or_none(attempt.ended_at)
        is_old = self.facts is not None and ended_at and self.facts.finished_at > ended_at
        return "" if is_old else attempt.failure

    @property
    def verdict(self) -> FleetVerdict:
        """What is known of it."""
        if self.failure:
            return FleetVerdict.FAILED
        if self.facts is None:
            return FleetVerdict.NEVER
        if self.facts.deviations:
            return FleetVerdict.DEVIATES
        return FleetVerdict.INCOMPLETE if self.facts.has_open_gaps else FleetVerdict.MEETS

    def deviations(self, severity: Severity) -> int:
        """Deviations of this severity."""
        return self.facts.by_severity.get(severity, 0) if self.facts else 0

    @property
    def worst(self) -> list[ControlCount]:
        """The controls that deviate, the worst first."""
        return self.counts.worst if self.counts else []

    def age(self, now: datetime) -> timedelta | None:
        """How long ago the run ended; None without one."""
        return None if self.facts is None else now - self.facts.finished_at

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts accounts: by the worst severity and its count, those that failed first."""
        counts = tuple(-self.deviations(severity) for severity in Severity)
        failed = self.verdict is not FleetVerdict.FAILED
        return failed, counts, _BY_CONCERN[self.verdict], self.name.casefold()


@dataclass(frozen=True, slots=True)
class FleetControl:
    """A control, and the accounts that deviate from it."""

    control: str
    title: str
    severity: Severity
    """The highest in any account."""
    accounts: Mapping[str, int]
    """Name of an account to its deviations, most deviations first."""

    @property
    def deviations(self) -> int:
        """Deviations of all accounts."""
        return sum(self.accounts.values())


@dataclass(frozen=True, slots=True)
class FleetNight:
    """The state of the fleet at the end of a day (UTC)."""

    day: date
    accounts: int
    """Accounts that had a run by then."""
    audited: int
    """Accounts with a run that ended on this day."""
    deviations: int
    unknown: int


@dataclass(frozen=True)
class FleetSummary:
    """The roll-up of a fleet."""

    name: str
    at: datetime
    accounts: Sequence[AccountSummary]
    """Worst first."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Control to title."""
    tags: Sequence[str] = ()
    """The tags that select the accounts; empty for all."""

    @classmethod
    def of(
        cls,
        name: str,
        at: datetime,
        accounts: Iterable[AccountSummary],
        titles: Mapping[str, str],
        tags: Sequence[str] = (),
    ) -> "FleetSummary":
        """The roll-up, with the accounts in order."""
        return cls(name, at, sorted(accounts, key=lambda each: each.order), titles, tags)

    @property
    def by_verdict(self) -> dict[FleetVerdict, int]:
        """How many accounts have each verdict."""
        verdicts = [account.verdict for account in self.accounts]
        return {verdict: verdicts.count(verdict) for verdict in FleetVerdict}

    @property
    def deviations(self) -> int:
        """Deviations of all accounts."""
        return sum(account.facts.deviations for account in self.accounts if account.facts)

    @property
    def unknown(self) -> int:
        """Checks that could not be judged, of all accounts."""
        return sum(account.facts.unknown for account in self.accounts if account.facts)

    @cached_property
    def controls(self) -> list[FleetControl]:
        """The controls that any account deviates from: the most severe, then those of most
        accounts."""
        found: dict[str, list[tuple[str, ControlCount]]] = {}
        for account in self.accounts:
            for each in account.worst:
                found.setdefault(each.control, []).append((account.name, each))
        summaries = [
            FleetControl(
                control,
                self.titles.get(control, ""),
                min((each.severity for _, each in rows), key=lambda severity: severity.rank),
                {
                    name: each.deviations
                    for name, each in sorted(rows, key=lambda row: (-row[1].deviations, row[0]))
                },
            )
            for control, rows in found.items()
        ]
        return sorted(
            summaries, key=lambda each: (each.severity.rank, -len(each.accounts), each.control)
        )

    @cached_property
    def nights(self) -> list[FleetNight]:
        """The last days on which anything was audited, oldest first.

        An account counts with its newest run by then, so that one failed night is no improvement.
        """
        days = sorted(
            {point.finished_at.date() for account in self.accounts for point in account.trend}
        )
        return [self._night(day) for day in days[-NIGHTS:]]

    def _night(self, day: date) -> FleetNight:
        newest = []
        for account in self.accounts:
            by_then = [point for point in account.trend if point.finished_at.date() <= day]
            newest += by_then[-1:]
        return FleetNight(
            day,
            len(newest),
            sum(point.finished_at.date() == day for point in newest),
            sum(point.deviations for point in newest),
            sum(point.unknown for point in newest),
        )
