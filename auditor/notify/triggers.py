"""When there is something to tell: only what changed, so that a message is always news."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from auditor.findings.drift import ChangeKind, Drift, FindingChange, RunFacts
from auditor.findings.model import Status, WaiverResult


class Trigger(StrEnum):
    """Why a message is sent. The values of `--notify-on`."""

    REGRESSIONS = "regressions"
    """Deviations that were none before, or that a waiver covers no longer."""
    INCOMPLETE = "incomplete"
    """No run at all, a run that lacks evidence the earlier one had, checks unknown since, or a
    report that could not be written."""
    WAIVERS = "waivers"
    """A waiver is about to lapse: 14, 7 and 1 days before its end, and when it has ended."""
    RECOVERY = "recovery"
    """Deviations put right, or evidence complete again."""
    ALWAYS = "always"
    """Every run, news or not."""


DEFAULT = frozenset(Trigger) - {Trigger.ALWAYS}
"""What is told unless other occasions are asked for."""

WORSE = (ChangeKind.REGRESSED, ChangeKind.WAIVER_LAPSED)
"""Changes that are regressions, wherever they are."""
BETTER = (ChangeKind.IMPROVED, ChangeKind.KNOWN_AGAIN)

REMINDERS = (14, 7, 1, -1)
"""Days left of a waiver when its end is told; -1 is the day after, when it has ended."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """What is known of a run and of the one that people were told of before."""

    later: RunFacts | None
    """The run; None where nothing could be evaluated."""
    earlier: RunFacts | None = None
    """The run it is compared with; None where there is none."""
    drift: Drift | None = None
    waivers: Sequence[WaiverResult] = ()
    stopped: str = ""
    """Why there is no stored run to tell of, as a sentence; empty where there is one."""
    found: str = ""
    """What was found, where it was evaluated all the same; empty where nothing was."""
    stopped_before: bool = False
    """True where the attempt before this one did not end well."""
    undone: Sequence[str] = ()
    """What should have been done with the run and was not, a sentence each."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Control to what it is about."""
    account: str = ""
    """The account as its people call it, such as the name of the profile."""
    report: str = ""
    """Where the report is: a path or an address."""


def occasions(news: RunEvent) -> frozenset[Trigger]:
    """The occasions that hold. Never `always`, which is a wish and no fact."""
    held = {
        Trigger.REGRESSIONS: _any(news.drift, worse=True),
        Trigger.INCOMPLETE: _incomplete(news),
        Trigger.WAIVERS: bool(due_waivers(news)),
        Trigger.RECOVERY: (
            evidence_complete_again(news) or recovered(news) or _any(news.drift, worse=False)
        ),
    }
    return frozenset(occasion for occasion, holds in held.items() if holds)


def matching(news: RunEvent, wanted: Iterable[Trigger]) -> frozenset[Trigger]:
    """Those of the wanted occasions for which there is a message to send; empty for none."""
    asked = frozenset(wanted)
    return asked & (occasions(news) | {Trigger.ALWAYS})


def is_new_scope_deviation(change: FindingChange) -> bool:
    """True for a deviation of a group, user or meeting that the earlier run did not have."""
    found = change.after
    return (
        change.move is ChangeKind.SCOPE_ADDED and found is not None and found.status is Status.FAIL
    )


def evidence_complete_again(news: RunEvent) -> bool:
    """True where evidence is complete that was not."""
    if news.later is None or not news.later.complete:
        return False
    return news.earlier is not None and not news.earlier.complete


def recovered(news: RunEvent) -> bool:
    """True where the attempt before did not end well, and this one did."""
    if news.later is None or not news.later.complete:
        return False
    return news.stopped_before and not news.undone


def due_waivers(news: RunEvent) -> list[WaiverResult]:
    """The waivers whose end is to be told now, the next to end first.

    A waiver is told when its time left falls below the next of `REMINDERS` between the two runs, so
    that a night without a run loses no reminder and none comes twice.
    """
    if news.later is None:
        return []
    now = _day(news.later.finished_at)
    before = None if news.earlier is None else _day(news.earlier.finished_at)
    found = [
        each
        for each in news.waivers
        if each.state != "unmatched" and _is_due(date.fromisoformat(each.expires), before, now)
    ]
    return sorted(found, key=lambda each: (each.expires, each.control, each.scope))


def days_left(waiver: WaiverResult, now: RunFacts) -> int:
    """Days until the last day on which the waiver holds; negative once it has ended."""
    return (date.fromisoformat(waiver.expires) - _day(now.finished_at)).days


def _is_due(expires: date, before: date | None, now: date) -> bool:
    left = (expires - now).days
    passed = {days for days in REMINDERS if left <= days}
    if before is None:
        return bool(passed)
    return bool(passed - {days for days in REMINDERS if (expires - before).days <= days})


def _incomplete(news: RunEvent) -> bool:
    if news.later is None or news.stopped or news.undone:
        return True
    if not news.later.complete and (news.earlier is None or news.earlier.complete):
        return True
    return news.drift is not None and any(news.drift.of(ChangeKind.NEWLY_UNKNOWN))


def _any(drift: Drift | None, *, worse: bool) -> bool:
    if drift is None:
        return False
    for change in drift.changes:
        if change.move in (WORSE if worse else BETTER):
            return True
        if worse and is_new_scope_deviation(change):
            return True
    return False


def _day(time: str) -> date:
    return datetime.fromisoformat(time).astimezone(UTC).date()
