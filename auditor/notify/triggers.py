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


def active_triggers(event: RunEvent) -> frozenset[Trigger]:
    """The occasions that hold. Never `always`, which is a wish and no fact."""
    active = {
        Trigger.REGRESSIONS: _any(event.drift, worse=True),
        Trigger.INCOMPLETE: _incomplete(event),
        Trigger.WAIVERS: bool(due_waivers(event)),
        Trigger.RECOVERY: (
            evidence_complete_again(event) or recovered(event) or _any(event.drift, worse=False)
        ),
    }
    return frozenset(trigger for trigger, holds in active.items() if holds)


def matching(event: RunEvent, triggers: Iterable[Trigger]) -> frozenset[Trigger]:
    """Those of the wanted occasions for which there is a message to send; empty for none."""
    requested = frozenset(triggers)
    return requested & (active_triggers(event) | {Trigger.ALWAYS})


def is_new_scope_deviation(change: FindingChange) -> bool:
    """True for a deviation of a group, user or meeting that the earlier run did not have."""
    state = change.after
    return (
        change.move is ChangeKind.SCOPE_ADDED and state is not None and state.status is Status.FAIL
    )


def evidence_complete_again(event: RunEvent) -> bool:
    """True where evidence is complete that was not."""
    if event.later is None or not event.later.complete:
        return False
    return event.earlier is not None and not event.earlier.complete


def recovered(event: RunEvent) -> bool:
    """True where the attempt before did not end well, and this one did."""
    if event.later is None or not event.later.complete:
        return False
    return event.stopped_before and not event.undone


def due_waivers(event: RunEvent) -> list[WaiverResult]:
    """The waivers whose end is to be told now, the next to end first.

    A waiver is told when its time left falls below the next of `REMINDERS` between the two runs, so
    that a night without a run loses no reminder and none comes twice.
    """
    if event.later is None:
        return []
    now = _day(event.later.finished_at)
    before = None if event.earlier is None else _day(event.earlier.finished_at)
    due = [
        waiver
        for waiver in event.waivers
        if waiver.state != "unmatched" and _is_due(date.fromisoformat(waiver.expires), before, now)
    ]
    return sorted(due, key=lambda waiver: (waiver.expires, waiver.control, waiver.scope))


def days_left(waiver: WaiverResult, now: RunFacts) -> int:
    """Days until the last day on which the waiver holds; negative once it has ended."""
    return (date.fromisoformat(waiver.expires) - _day(now.finished_at)).days


def _is_due(expires: date, before: date | None, now: date) -> bool:
    left = (expires - now).days
    passed = {days for days in REMINDERS if left <= days}
    if before is None:
        return bool(passed)
    return bool(passed - {days for days in REMINDERS if (expires - before).days <= days})


def _incomplete(event: RunEvent) -> bool:
    if event.later is None or event.stopped or event.undone:
        return True
    if not event.later.complete and (event.earlier is None or event.earlier.complete):
        return True
    return event.drift is not None and any(event.drift.of(ChangeKind.NEWLY_UNKNOWN))


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
