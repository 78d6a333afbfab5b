"""Carrying: takes over documents of users from the run before, for users who are not due.

docs/incremental.md states the rules and why they are sound. Whatever cannot be shown to be
unchanged at the account or in a group makes the users below it due.
"""

import json
import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from auditor.collect.document_requests import CollectionContext
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import RecordedReads, ScopeEvidence, Snapshot
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339, to_milliseconds
from auditor.evidence.view import LOCKS, SETTINGS, View

_log = logging.getLogger(__name__)

CARRIED = "carried"
"""Metadata of a run that stands on another: JSON with `run`, `reason`, `sample`, `differences`, and
`rotated_at` where it was no step of the rotation: when the last step began."""

SLACK = 1.05
"""How many more users are read in a run than an even rotation needs, so that its order is not
fixed."""
STEEPNESS = 3
"""Users read longer ago are drawn more often: in proportion to this power of the age."""
LEAST_SAMPLE, MOST_SAMPLE, SAMPLE_SHARE = 25, 200, 0.02
"""The default sample of carried users: this share of them, within these numbers."""
TOLERATED_SHARE = 0.01
"""A single difference, or this share of the sample, does not make everybody due."""
SHORTEST_INTERVAL = timedelta(hours=1)
"""Runs that follow each other faster do not count as further runs of the rotation."""

_LEAST_ALLOWANCE = timedelta(minutes=5)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class CarryPolicy:
    """How much of the run before may be carried over."""

    refresh: timedelta
    """No document older than this is carried."""
    sample: int | None = None
    """How many users who are not due are read and compared; None for the default."""


@dataclass(frozen=True)
class PreviousRun:
    """The run that a new one stands on."""

    id: str
    evidence: Snapshot
    named: frozenset[str] = frozenset()
    """Ids of users who are due because an event named them."""
    draw: random.Random | None = field(default_factory=random.SystemRandom)
    """Cannot be predicted, so nobody knows on which night they are read. None to draw nobody: a run
    that only follows an event is no step of the rotation."""


def carry(
    context: CollectionContext,
    views: tuple[View, ...],
    policy: CarryPolicy,
    previous: PreviousRun,
) -> None:
    """Take over the documents of `views` of all users who are not due.

    The account, its groups and the lists of users must have been read.
    """
    reason = everybody_is_due(context, views, previous.evidence)
    note(context.snapshot, run=previous.id, reason=reason)
    if reason:
        _log.info("Every user is read: %s.", reason)
        return
    rotation = _Rotation(
        context,
        views,
        policy,
        previous,
        parse_rfc3339(context.now()),
        changed_groups(context, previous.evidence),
    )
    rotation.carry()


def everybody_is_due(context: CollectionContext, views: Iterable[View], before: Snapshot) -> str:
    """Why every user is due, as a clause; empty if not everybody is."""
    now, then = context.snapshot.account().digests, before.account().digests
    for view in dict.fromkeys((SETTINGS, LOCKS, *context.reads.account, *views)):
        if view not in now or view not in then:
            return f"the account's {view} was not read by both runs"
        if now[view] != then[view]:
            return f"the account's {view} changed"
    return ""


def changed_groups(context: CollectionContext, before: Snapshot) -> frozenset[str] | None:
    """The groups whose settings or locks differ from the run before, or were not read by both.

    None if no group can be compared, because the run reads no settings or no locks of groups.
    """
    views = context.reads.group
    if not {SETTINGS, LOCKS} <= set(views):
        return None
    return frozenset(
        group.scope.id
        for group in context.snapshot.evidence(Level.GROUP)
        if not _is_unchanged(group, before, views)
    )


def _is_unchanged(group: ScopeEvidence, before: Snapshot, views: Iterable[View]) -> bool:
    if not before.has(group.scope):
        return False
    then = before.evidence_of(group.scope).digests
    return all(view in group.digests and group.digests[view] == then.get(view) for view in views)


@dataclass
class _Rotation:
    """Decides which users are read in this run, and carries the others over."""

    context: CollectionContext
    views: tuple[View, ...]
    policy: CarryPolicy
    previous: PreviousRun
    now: datetime
    changed: frozenset[str] | None
    """The changed groups; None if every group may have changed."""

    def __post_init__(self) -> None:
        started, finished = (
            parse_rfc3339(self.previous.evidence.meta(key) or self.context.now())
            for key in ("started_at", "finished_at")
        )
        begun = parse_rfc3339(self.context.snapshot.meta("started_at") or self.context.now())
        known = json.loads(self.previous.evidence.meta(CARRIED) or "{}")
        self._rotated_at = parse_rfc3339(known.get("rotated_at") or format_rfc3339(started))
        self._interval = max(begun - self._rotated_at, SHORTEST_INTERVAL)
        # What is carried must not be too old at the end of this run, which lasts a while itself.
        allowance = min(max(finished - started, _LEAST_ALLOWANCE), self.policy.refresh / 4)
        self._oldest = to_milliseconds(self.now - self.policy.refresh + allowance)

    def carry(self) -> None:
        """Carry over all users who are neither due nor drawn."""
        ages = Counter(self._age(oldest) for _, oldest in self._not_due())
        users = sum(1 for _ in self._users())
        runs = max(1, round(self.policy.refresh / self._interval))
        draw = self.previous.draw
        drawn = chances(ages, users, runs) if draw else dict.fromkeys(ages, 0.0)
        if draw is None:
            note(self.context.snapshot, rotated_at=format_rfc3339(self._rotated_at))
        carried, batch = 0, list[RecordedReads]()
        for reads, oldest in self._not_due():
            if draw and draw.random() < drawn[self._age(oldest)]:
                continue
            batch.append(reads)
            carried += 1
            if len(batch) >= _BATCH:
                self._write(batch)
        self._write(batch)
        _log.info("%d of %d users are carried over from run %s.", carried, users, self.previous.id)

    def _write(self, batch: list[RecordedReads]) -> None:
        snapshot = self.context.snapshot
        with snapshot.transaction():
            for reads in batch:
                snapshot.carry(reads, self.views, self.previous.evidence)
        batch.clear()

    def _users(self) -> Iterator[Scope]:
        return (user for user in self.context.snapshot.scopes(Level.USER) if not user.is_invited)

    def _not_due(self) -> Iterator[tuple[RecordedReads, int]]:
        """The users who need not be read, each with the time of the oldest document."""
        for user in self._users():
            reads = self.previous.evidence.recorded(user)
            if reads is not None and not self._is_affected(user, reads.scope):
                times = reads.documents(self.views)
                if len(times) == len(self.views) and min(times.values()) > self._oldest:
                    yield reads, min(times.values())

    def _is_affected(self, user: Scope, before: Scope) -> bool:
        """True if something may have changed the settings of a user since they were read."""
        in_changed_group = bool(user.group_ids) and (
            self.changed is None or not self.changed.isdisjoint(user.group_ids)
        )
        is_new = _membership(user) != _membership(before)
        return in_changed_group or is_new or user.id in self.previous.named

    def _age(self, oldest: int) -> int:
        """How many runs ago a document was read, at least 1."""
        age = timedelta(milliseconds=to_milliseconds(self.now) - oldest)
        return max(1, round(age / self._interval))


def _membership(user: Scope) -> tuple[frozenset[str], int | None, str]:
    return frozenset(user.group_ids), user.licence, user.status


def chances(ages: Mapping[int, int], users: int, runs: int) -> dict[int, float]:
    """By age in runs, the probability with which a user who is not due is read all the same.

    `ages` counts the users who are not due, of `users` in all. Each run reads a little more than
    `users / runs`, and draws the older ones more often: then few become due at the same time.
    """
    due = users - sum(ages.values())
    expected = max(0.0, users / runs * SLACK - due)
    weights = {age: float(age**STEEPNESS) for age in ages}
    total = sum(weights[age] * number for age, number in ages.items())
    return {age: min(1.0, expected * weights[age] / total) for age in ages}


def verify(context: CollectionContext, views: tuple[View, ...], policy: CarryPolicy) -> None:
    """Read a random sample of the carried users and compare; read everybody if too many differ."""
    snapshot = context.snapshot
    started = snapshot.meta("started_at") or context.now()
    carried = [
        user
        for user, _ in snapshot.pending_reads(Level.USER, views, started)
        if not user.is_invited
    ]
    sample = random.SystemRandom().sample(carried, sample_size(len(carried), policy.sample))
    before = {user.id: snapshot.evidence_of(user).digests for user in sample}
    context.read_level(Level.USER, views, sample, since=started)
    after = {user.id: snapshot.evidence_of(user).digests for user in sample if snapshot.has(user)}
    compared = [zoom_id for zoom_id, now in after.items() if all(view in now for view in views)]
    differences = sum(
        any(after[zoom_id][view] != before[zoom_id].get(view) for view in views)
        for zoom_id in compared
    )
    note(snapshot, sample=len(compared), differences=differences)
    if differs_too_much(differences, len(compared)):
        reason = f"{differences} of {len(compared)} users in the sample had changed unnoticed"
        _log.warning("Every user is read: %s.", reason)
        note(snapshot, reason=reason)
        context.read_level(Level.USER, views, since=started)


def renew(context: CollectionContext, views: tuple[View, ...], policy: CarryPolicy) -> None:
    """Read again what became too old during the run."""
    bound = parse_rfc3339(context.now()) - policy.refresh
    context.read_level(Level.USER, views, since=format_rfc3339(bound))


def sample_size(carried: int, requested: int | None) -> int:
    """How many of the carried users to compare."""
    if requested is None:
        requested = min(max(ceil(carried * SAMPLE_SHARE), LEAST_SAMPLE), MOST_SAMPLE)
    return min(requested, carried)


def differs_too_much(differences: int, sample: int) -> bool:
    """True if so many of the sample differ that no carried document is relied on."""
    return differences > 1 and differences > TOLERATED_SHARE * sample


def note(snapshot: Snapshot, **facts: str | int) -> None:
    """Record facts about what was carried, beside those recorded before."""
    known = json.loads(snapshot.meta(CARRIED) or "{}")
    snapshot.set_metadata(CARRIED, json.dumps({**known, **facts}))
