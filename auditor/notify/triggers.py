"""Triggers: the changes of a run that cause a message."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from auditor.findings.drift import ChangeKind, Drift, FindingChange, RunFacts
from auditor.findings.model import (
    BlindSpotResult,
    BlindSpotState,
    Status,
    WaiverResult,
    WaiverState,
)
from auditor.policy.catalogue.portal import RulePlace


class Trigger(StrEnum):
    """A reason to send a message. The values of `--notify-on`."""

    REGRESSIONS = "regressions"
    """Deviations that did not exist before, or that a waiver no longer covers."""
    INCOMPLETE = "incomplete"
    """No run at all, a run without evidence that the earlier one had, newly unknown checks, or a
    report that could not be written."""
    WAIVERS = "waivers"
    """A waiver or a blind spot is about to expire: 14, 7 and 1 days before its end, and after
    it."""
    RECOVERY = "recovery"
    """Corrected deviations, or evidence that is complete again."""
    ALWAYS = "always"
    """Every run, even without changes."""


DEFAULT = frozenset(Trigger) - {Trigger.ALWAYS}
"""The triggers unless others are requested."""

WORSE = (ChangeKind.REGRESSED, ChangeKind.WAIVER_LAPSED)
"""Kinds of changes that are regressions in any scope."""
BETTER = (ChangeKind.IMPROVED, ChangeKind.KNOWN_AGAIN)

REMINDERS = (14, 7, 1, -1)
"""Days before the end of a waiver at which a reminder is sent; -1 is the day after, when it has
expired."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """The result of a run, compared with the last announced run."""

    later: RunFacts | None
    """The run; None if nothing could be evaluated."""
    earlier: RunFacts | None = None
    """The run it is compared with; None without one."""
    drift: Drift | None = None
    waivers: Sequence[WaiverResult | BlindSpotResult] = ()
    failure: str = ""
    """Why there is no stored run to report, as a sentence; empty if there is one."""
    result: str = ""
    """The result, if the run was evaluated nevertheless; empty if it was not."""
    totals: str = ""
    """What is broken and what has no answer now, in a sentence or two; empty if not known."""
    stopped_before: bool = False
    """True if the previous attempt failed."""
    failed_steps: Sequence[str] = ()
    """Steps of the run that failed, a sentence each."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Control to its title."""
    fixes: Mapping[str, RulePlace] = field(default_factory=dict)
    """Control to the place in the admin centre at which it is put right."""
    account: str = ""
    """The name of the account for people, such as the name of the profile."""
    report: str = ""
    """The location of the report: a path or an address."""
    announced: frozenset[str] = frozenset()
    """Fingerprints of findings whose change for the worse the channels know, or that follow from
    one they know."""
    is_first_look: bool = False
    """True if only what events named was looked at, and no run is stored yet."""


def active_triggers(event: RunEvent) -> frozenset[Trigger]:
    """The triggers that apply. Never `always`, which is a preference, not a fact."""
    active = {
        Trigger.REGRESSIONS: _got_worse(event),
        Trigger.INCOMPLETE: _incomplete(event),
        Trigger.WAIVERS: bool(due_waivers(event)),
        Trigger.RECOVERY: (
            evidence_complete_again(event) or recovered(event) or _got_better(event.drift)
        ),
    }
    return frozenset(trigger for trigger, holds in active.items() if holds)


def matching(event: RunEvent, triggers: Iterable[Trigger]) -> frozenset[Trigger]:
    """The requested triggers that apply; empty if no message is to be sent."""
    requested = frozenset(triggers)
    return requested & (active_triggers(event) | {Trigger.ALWAYS})


def is_new_scope_deviation(change: FindingChange) -> bool:
    """True for a deviation of a group, user or meeting that is new in the later run."""
    state = change.after
    return (
        change.move is ChangeKind.SCOPE_ADDED and state is not None and state.status is Status.FAIL
    )


def evidence_complete_again(event: RunEvent) -> bool:
    """True if the evidence is complete and was incomplete before, accepted blind spots aside."""
    if event.later is None or event.later.has_open_gaps:
        return False
    return event.earlier is not None and event.earlier.has_open_gaps


def recovered(event: RunEvent) -> bool:
    """True if the previous attempt failed and this one succeeded."""
    if event.later is None or event.later.has_open_gaps:
        return False
    return event.stopped_before and not event.failed_steps


def due_waivers(event: RunEvent) -> list[WaiverResult | BlindSpotResult]:
    """The waivers and blind spots whose end has to be announced now, next to end first.

    One is announced when its remaining days have passed one of `REMINDERS` since the earlier
    run. A skipped night loses no reminder, and none is sent twice.
    """
    if event.later is None:
        return []
    now = event.later.finished_at.date()
    before = None if event.earlier is None else event.earlier.finished_at.date()
    due = [
        waiver
        for waiver in event.waivers
        if waiver.state not in _COVERING_NOTHING and _is_due(waiver.expires, before, now)
    ]
    return sorted(due, key=lambda waiver: (waiver.expires, waiver.control or "", waiver.scope))


_COVERING_NOTHING = (
    WaiverState.UNMATCHED,
    BlindSpotState.UNMATCHED,
    BlindSpotState.SEEN_AGAIN,
)


def days_left(waiver: WaiverResult | BlindSpotResult, now: RunFacts) -> int:
    """Days until the last day of the waiver; negative once it has expired."""
    return (waiver.expires - now.finished_at.date()).days


def _is_due(expires: date, before: date | None, now: date) -> bool:
    left = (expires - now).days
    passed = {days for days in REMINDERS if left <= days}
    if before is None:
        return bool(passed)
    return bool(passed - {days for days in REMINDERS if (expires - before).days <= days})


def _incomplete(event: RunEvent) -> bool:
    if event.later is None or event.failure or event.failed_steps:
        return True
    # An accepted blind spot leaves every night incomplete: it must not hide a new gap.
    was_open = event.earlier is not None and event.earlier.has_open_gaps
    if event.later.has_open_gaps and not was_open:
        return True
    return event.drift is not None and any(event.drift.of(ChangeKind.NEWLY_UNKNOWN))


def _got_worse(event: RunEvent) -> bool:
    """True if something got worse that the channels do not know."""
    return event.drift is not None and any(
        (change.move in WORSE or is_new_scope_deviation(change))
        and change.state.fingerprint not in event.announced
        for change in event.drift.changes
    )


def _got_better(drift: Drift | None) -> bool:
    return drift is not None and any(change.move in BETTER for change in drift.changes)
