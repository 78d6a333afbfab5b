"""Carrying: takes over documents of people from the run before, for people who are not due.

docs/incremental.md states the rules and why they are sound. Whatever cannot be shown to be
unchanged at the account or in a group makes the people below it due.
"""

import json
import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from math import ceil
from typing import Protocol

from auditor.collect.document_requests import CollectionContext
from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS, MEMBERS, PHONE, PHONE_VIEWS
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import RecordedReads, Snapshot
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339, to_milliseconds
from auditor.evidence.view import LOCKS, SETTINGS, Document, ReadFailure, View

_log = logging.getLogger(__name__)

CARRIED = "carried"
"""Metadata of a run that stands on another: JSON with `run`, `reason`, `sample`, `differences`, and
`rotated_at` where it was no step of the rotation: when the last step began."""

ROLES_OF_USERS = "roles"
"""Metadata of a run: JSON with the `usual` role of users and those of `others`, by id."""
PHONE_ITEMS = "phone_items"
"""Metadata of a run: JSON with the items of phone users that it stores."""
PHONE_GROUP = PHONE_VIEWS[Level.PHONE_GROUP]
_LISTS = (*LISTINGS[Level.GROUP], *LISTINGS[Level.USER], MEMBERS)
LOCKED_APART = "meeting_security"
"""The option of settings whose locks are in a document of their own."""

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


class PhoneReader(Protocol):
    """Reads the documents of phone users."""

    def read_users(self, scopes: Iterable[Scope] | None = None, since: str | None = None) -> None:
        """Read those that are missing, or older than `since`, of all users or of `scopes`."""


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
    _Rotation(context, views, policy, previous).carry()


def carry_phones(
    context: CollectionContext,
    views: tuple[View, ...],
    policy: CarryPolicy,
    previous: PreviousRun,
) -> None:
    """Take over the phone documents of the users whose `views` were carried over.

    The account, the sites and the groups of Zoom Phone must have been read.
    """
    reason = _phones_are_due(context, previous.evidence)
    if reason:
        _log.info("Every phone user is read: %s.", reason)
        return
    snapshot, view = context.snapshot, PHONE_VIEWS[Level.PHONE_USER]
    unchanged = _unchanged_groups(context, previous.evidence, Level.PHONE_GROUP, (PHONE_GROUP,))
    if not set(context.reads.phone_user) <= set(context.reads.phone_group):
        unchanged = frozenset()
    above = _read_at(previous.evidence, Level.PHONE_GROUP, (PHONE_GROUP,))
    places = ((Level.PHONE_ACCOUNT, PHONE), (Level.PHONE_SITE, PHONE_VIEWS[Level.PHONE_SITE]))
    times = (_read_at(previous.evidence, level, (place,)).values() for level, place in places)
    above[""] = max(chain.from_iterable(times), default=0)
    window = _Window(context, policy, previous.evidence, above)
    carried = [user for user in _carried(context, views) if unchanged.issuperset(user.group_ids)]
    with snapshot.transaction():
        for user in carried:
            phone = replace(user, level=Level.PHONE_USER, licence=None)
            reads = previous.evidence.recorded(phone)
            if reads is None or window.oldest_of(reads, (view,), user.group_ids) is None:
                continue
            if snapshot.add_scope(phone):
                snapshot.carry(reads, (view,), previous.evidence)


def everybody_is_due(context: CollectionContext, views: Iterable[View], before: Snapshot) -> str:
    """Why every user is due, as a clause; empty if not everybody is."""
    account = context.snapshot.account()
    if isinstance(account.outcomes.get(MEMBERS), ReadFailure):
        return "it could not be read who belongs to which group"
    now, then = account.digests, before.account().digests
    for view in dict.fromkeys((*_deciding(views), *context.reads.account)):
        if view not in now or view not in then:
            return f"the account's {view} was not read by both runs"
        if now[view] != then[view]:
            return f"the account's {view} changed"
    return ""


def _phones_are_due(context: CollectionContext, before: Snapshot) -> str:
    """Why every phone user is due, as a clause; empty if not everybody is."""
    reads, snapshot = context.reads, context.snapshot
    if snapshot.meta(PHONE_ITEMS) != before.meta(PHONE_ITEMS):
        return "the two runs read other items of phone users"
    if not set(reads.phone_user) <= set(reads.phone):
        return "the run does not read the same items of Zoom Phone's account"
    scope = Scope(Level.PHONE_ACCOUNT, snapshot.account().scope.id)
    if not _is_unchanged(snapshot, before, scope, (PHONE,)):
        return "the account of Zoom Phone changed, or was not read by both runs"
    if reads.phone_site:
        listed = COVERAGE_VIEWS[Level.PHONE_SITE, PHONE.surface]
        sites = [{site.id for site in run.scopes(Level.PHONE_SITE)} for run in (snapshot, before)]
        both = (run.account().outcomes.get(listed) for run in (snapshot, before))
        if not all(isinstance(outcome, Document) for outcome in both) or sites[0] != sites[1]:
            return "the phone sites are others, or were not listed by both runs"
        view = PHONE_VIEWS[Level.PHONE_SITE]
        for site in snapshot.scopes(Level.PHONE_SITE):
            if not _is_unchanged(snapshot, before, site, (view,)):
                return "a phone site changed, or was not read by both runs"
    return ""


def _deciding(views: Iterable[View]) -> Iterator[View]:
    """The documents of an account or a group that decide what `views` of a user contain."""
    yield from (SETTINGS, LOCKS)
    for view in views:
        yield view
        if view.option == LOCKED_APART:
            yield View(LOCKS.surface, view.option)


def _unchanged_groups(
    context: CollectionContext, before: Snapshot, level: Level, views: tuple[View, ...]
) -> frozenset[str]:
    """The groups whose `views` both runs read, with the same result."""
    return frozenset(
        group.id
        for group in context.snapshot.scopes(level)
        if _is_unchanged(context.snapshot, before, group, views)
    )


def _is_unchanged(now: Snapshot, before: Snapshot, scope: Scope, views: tuple[View, ...]) -> bool:
    if not (now.has(scope) and before.has(scope)):
        return False
    new, old = (run.evidence_of(scope).digests for run in (now, before))
    return all(view in new and new[view] == old.get(view) for view in views)


def _carried(context: CollectionContext, views: tuple[View, ...]) -> Iterator[Scope]:
    """The users of whom all documents of `views` were read, and one before the run started."""
    started = parse_rfc3339(_started(context))
    for user in _older_than(started, context.snapshot, Level.USER, views):
        reads = context.snapshot.recorded(user)
        if reads is not None and len(reads.documents(views)) == len(views):
            yield user


def _older_than(
    bound: datetime, snapshot: Snapshot, level: Level, views: tuple[View, ...]
) -> Iterator[Scope]:
    """The scopes of a level with a document of `views` that was read before `bound`."""
    for scope in snapshot.scopes(level):
        reads = snapshot.recorded(scope)
        times = reads.documents(views).values() if reads is not None else ()
        if times and min(times) < to_milliseconds(bound):
            yield scope


def _started(context: CollectionContext) -> str:
    """When the run started: what was read before was carried over."""
    return context.snapshot.meta("started_at") or context.now()


class _Window:
    """The times between which a document must have been read to be carried over.

    `above` holds when the run before read what decides about people: under an empty id at the
    account, else in the group of the id, in milliseconds since 1970.
    """

    def __init__(
        self,
        context: CollectionContext,
        policy: CarryPolicy,
        before: Snapshot,
        above: Mapping[str, int],
    ) -> None:
        self.now = parse_rfc3339(context.now())
        self.started, finished = (
            parse_rfc3339(before.meta(key) or context.now())
            for key in ("started_at", "finished_at")
        )
        # What is carried must not be too old at the end of this run, which lasts a while itself.
        allowance = min(max(finished - self.started, _LEAST_ALLOWANCE), policy.refresh / 4)
        self._oldest = to_milliseconds(self.now - policy.refresh + allowance)
        # A later read cannot be: the clock was set back, and the true age is not known.
        self._newest = to_milliseconds(min(self.now, finished))
        self._above, self._started = above, to_milliseconds(self.started)

    def oldest_of(
        self, reads: RecordedReads, views: tuple[View, ...], groups: Iterable[str]
    ) -> int | None:
        """When the oldest document of `views` was read; None if they cannot be carried over.

        A run that was resumed may have read the account or a group after the user, and a change in
        between shows in neither. What it carried over itself was compared with what it read.
        """
        times = reads.documents(views).values()
        if len(times) < len(views) or not self._oldest < min(times) <= max(times) <= self._newest:
            return None
        above = max(self._above.get(place, 0) for place in ("", *groups))
        return None if any(self._started <= time < above for time in times) else min(times)


def _read_at(before: Snapshot, level: Level, views: Iterable[View]) -> dict[str, int]:
    """By id, when the last of `views` was read of each scope of a level."""
    views = tuple(views)
    found = {}
    for scope in before.scopes(level):
        reads = before.recorded(scope)
        found[scope.id] = max(reads.documents(views).values(), default=0) if reads else 0
    return found


@dataclass
class _Rotation:
    """Decides which users are read in this run, and carries the others over."""

    context: CollectionContext
    views: tuple[View, ...]
    policy: CarryPolicy
    previous: PreviousRun

    def __post_init__(self) -> None:
        before = self.previous.evidence
        required = tuple(dict.fromkeys((*_deciding(self.views), *self.context.reads.group)))
        at_account = (*_deciding(self.views), *self.context.reads.account, *_LISTS)
        above = _read_at(before, Level.GROUP, required)
        above[""] = max(_read_at(before, Level.ACCOUNT, at_account).values())
        self._window = _Window(self.context, self.policy, before, above)
        self._unchanged = _unchanged_groups(self.context, before, Level.GROUP, required)
        self._roles, self._roles_before = roles(self.context.snapshot), roles(before)
        begun = parse_rfc3339(_started(self.context))
        known = json.loads(before.meta(CARRIED) or "{}")
        self._rotated_at = parse_rfc3339(
            known.get("rotated_at") or format_rfc3339(self._window.started)
        )
        self._interval = max(begun - self._rotated_at, SHORTEST_INTERVAL)

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
        """The users who need not be read, each with the time of the oldest document.

        A user who was read already, to confirm locks, is not among them.
        """
        for user in self._users():
            reads = self.previous.evidence.recorded(user)
            if reads is None or self._is_affected(user, reads.scope):
                continue
            oldest = self._window.oldest_of(reads, self.views, user.group_ids)
            if oldest is not None and not self._was_read(user):
                yield reads, oldest

    def _was_read(self, user: Scope) -> bool:
        reads = self.context.snapshot.recorded(user)
        return reads is not None and bool(reads.documents(self.views))

    def _is_affected(self, user: Scope, before: Scope) -> bool:
        """True if something may have changed the settings of a user since they were read."""
        return (
            not self._unchanged.issuperset(user.group_ids)
            or _membership(user) != _membership(before)
            or self._roles.of(user.id) != self._roles_before.of(user.id)
            or user.id in self.previous.named
        )

    def _age(self, oldest: int) -> int:
        """How many runs ago a document was read, at least 1."""
        age = timedelta(milliseconds=to_milliseconds(self._window.now) - oldest)
        return max(1, round(age / self._interval))


def _membership(user: Scope) -> tuple[tuple[str, ...], int | None, str]:
    """What a list says of a user. The order of groups counts: the first may be the primary one."""
    return user.group_ids, user.licence, user.status


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


def verify(
    context: CollectionContext,
    views: tuple[View, ...],
    policy: CarryPolicy,
    phones: PhoneReader | None = None,
) -> None:
    """Read a random sample of the carried users and compare; read everybody if too many differ.

    A user differs if a document of `views` does, or that of the phone user.
    """
    snapshot, started = context.snapshot, _started(context)
    must_read = bool(json.loads(snapshot.meta(CARRIED) or "{}").get("reason"))
    if policy.sample == 0 and not must_read:
        return
    carried = list(_carried(context, views))
    if carried and must_read:
        _log.info("Every user is read, as it was decided before the run was interrupted.")
        _read_everybody(context, views, phones)
        return
    sample = random.SystemRandom().sample(carried, sample_size(len(carried), policy.sample))
    _log.info("%d of %d carried users are read and compared.", len(sample), len(carried))
    before = {user.id: _compared(snapshot, user, views) for user in sample}
    context.read_level(Level.USER, views, sample, since=started)
    if phones is not None:
        phones.read_users(sample, since=started)
    after = {user.id: _compared(snapshot, user, views) for user in sample}
    compared = [zoom_id for zoom_id, digests in after.items() if digests is not None]
    differences = sum(after[zoom_id] != before[zoom_id] for zoom_id in compared)
    note(snapshot, sample=len(compared), differences=differences)
    if differs_too_much(differences, len(compared)):
        reason = f"{differences} of {len(compared)} users in the sample had changed unnoticed"
        _log.warning("Every user is read: %s.", reason)
        note(snapshot, reason=reason)
        _read_everybody(context, views, phones)


def _read_everybody(
    context: CollectionContext, views: tuple[View, ...], phones: PhoneReader | None
) -> None:
    context.read_level(Level.USER, views, since=_started(context))
    if phones is not None:
        phones.read_users(since=_started(context))


def _compared(
    snapshot: Snapshot, user: Scope, views: tuple[View, ...]
) -> tuple[str | None, ...] | None:
    """The digests of the documents of a user; None if one of them could not be read."""
    if not snapshot.has(user):
        return None
    digests = snapshot.evidence_of(user).digests
    if not all(view in digests for view in views):
        return None
    phone = replace(user, level=Level.PHONE_USER)
    if not snapshot.has(phone):
        return (*(digests[view] for view in views), None)
    view = PHONE_VIEWS[Level.PHONE_USER]
    evidence = snapshot.evidence_of(phone)
    if isinstance(evidence.outcomes.get(view), ReadFailure):
        return None
    return (*(digests[view] for view in views), evidence.digests.get(view))


def renew(
    context: CollectionContext,
    views: tuple[View, ...],
    policy: CarryPolicy,
    phones: PhoneReader | None = None,
) -> None:
    """Read again what became too old during the run, or would before it is stored."""
    margin = min(_LEAST_ALLOWANCE, policy.refresh / 4)
    bound = parse_rfc3339(context.now()) - policy.refresh + margin
    old = list(_older_than(bound, context.snapshot, Level.USER, views))
    context.read_level(Level.USER, views, old, since=format_rfc3339(bound))
    phone_views = (PHONE_VIEWS[Level.PHONE_USER],)
    old = list(_older_than(bound, context.snapshot, Level.PHONE_USER, phone_views))
    if phones is not None and old:
        users = [replace(phone, level=Level.USER) for phone in old]
        phones.read_users(users, since=format_rfc3339(bound))


def usable_since(context: CollectionContext, policy: CarryPolicy, resumed: str | None) -> str:
    """Documents of people that are older than this (RFC 3339) are read, whoever read them.

    `resumed` is that time for a run that is resumed; None for a new one. If it is after the start
    of the run, the account is read again as well, and what was carried over may no longer fit it:
    then it is what counts.
    """
    bound = parse_rfc3339(context.now()) - policy.refresh
    if resumed is not None and parse_rfc3339(resumed) > parse_rfc3339(_started(context)):
        bound = max(bound, parse_rfc3339(resumed))
    return format_rfc3339(bound)


@dataclass(frozen=True, slots=True)
class Roles:
    """The role of each user, as far as the lists of users name them."""

    usual: str
    others: Mapping[str, str]
    """By user id, roles that differ from the usual one."""

    def of(self, user_id: str) -> str:
        """The id of a user's role; empty if the list named none."""
        return self.others.get(user_id, self.usual)


def note_roles(snapshot: Snapshot, named: Mapping[str, str]) -> None:
    """Record the roles that a list of users named, beside those of lists recorded before.

    They decide no verdict, so they are metadata: one role for nearly everybody, and the exceptions.
    """
    known = roles(snapshot)
    usual = known.usual
    if not known.usual and named:
        usual = Counter(named.values()).most_common(1)[0][0]
    others = {user: role for user, role in {**known.others, **named}.items() if role != usual}
    snapshot.set_metadata(ROLES_OF_USERS, json.dumps({"usual": usual, "others": others}))


def roles(snapshot: Snapshot) -> Roles:
    """The roles that `note_roles` recorded."""
    known = json.loads(snapshot.meta(ROLES_OF_USERS) or "{}")
    return Roles(str(known.get("usual", "")), dict(known.get("others", {})))


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
