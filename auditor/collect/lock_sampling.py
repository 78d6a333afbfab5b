"""Lock sampling: verifies with a random sample of users that the account's locks hold."""

import hashlib
import logging
from collections.abc import Iterator
from heapq import nsmallest

from auditor.collect import departures
from auditor.collect.document_requests import CollectionContext
from auditor.collect.interface import LockVerifier
from auditor.evidence import read_plan
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, View
from auditor.zoom import endpoints

_log = logging.getLogger(__name__)


def verify_locks_by_sample(
    context: CollectionContext, lock_verifier: LockVerifier
) -> frozenset[View]:
    """Sample users, and return the views that need not be read for the other users.

    A view is returned if every sampled document confirms the locks. If one contradicts them or
    could not be read, the view is read for all users. The result is recorded with the account.
    """
    lock_verifier.prepare(context.snapshot)
    views = lock_verifier.provable(context.reads.user)
    if not views:
        _log.debug("The account's locks prove no document of users: all are read.")
        return frozenset()
    users = sum(1 for _ in _users(context))
    sample = _sample(context)
    if users <= len(sample):
        _log.debug("%d users, no more than the sample for the locks: all are read.", users)
        return frozenset()
    context.read_level(Level.USER, views, sample)
    departures.users(context)
    sample = [user for user in sample if context.snapshot.has(user)]
    users = sum(1 for _ in _users(context))
    if not sample:
        return frozenset()
    verified = set()
    for view in views:
        evidence = [context.snapshot.evidence_of(user) for user in sample]
        confirmed = sum(lock_verifier.confirms(user, view) for user in evidence)
        body = {"users": users, "sampled": len(sample), "confirmed": confirmed}
        outcome = Document({**body}, endpoints.USER_SETTINGS.request, context.now())
        context.snapshot.record(context.account, read_plan.lock_sample_view(view), outcome)
        is_proved = confirmed == len(sample)
        _log.debug(
            "Locks, %s: %d of %d sampled users confirm them, so %s.",
            *(view, confirmed, len(sample)),
            f"the documents of the other {users - len(sample)} are not read"
            if is_proved
            else f"all {users} are read",
        )
        if is_proved:
            verified.add(view)
    return frozenset(verified)


def _sample(context: CollectionContext) -> list[Scope]:
    """Users drawn at random: different ones every day, and the same ones when a run is resumed.

    Each licence type gets an equal share of the sample, as far as it has users: users with a rare
    licence may lack a setting. Users are ordered by a hash of the day, the account's settings and
    the user id. It cannot be chosen by anyone, and does not depend on the course of the run, as
    other documents of the account do.
    """
    digests = context.snapshot.account().digests
    documents = [(view, digests.get(view)) for view in context.reads.account]
    seed = f"{(context.snapshot.meta('started_at') or '')[:10]}/{documents}"

    def sort_key(user: Scope) -> bytes:
        return hashlib.sha256(f"{seed}/{user.id}".encode("utf-8", "surrogatepass")).digest()

    by_licence: dict[int | None, list[Scope]] = {}
    for user in _users(context):
        candidates = by_licence.setdefault(user.licence, [])
        candidates.append(user)
        if len(candidates) > 4 * context.sample:
            by_licence[user.licence] = nsmallest(context.sample, candidates, key=sort_key)
    ordered = [sorted(users, key=sort_key) for users in by_licence.values()]
    part = context.sample // max(1, len(ordered))
    chosen = [user for users in ordered for user in users[:part]]
    others = (user for users in ordered for user in users[part:])
    return chosen + nsmallest(context.sample - len(chosen), others, key=sort_key)


def _users(context: CollectionContext) -> Iterator[Scope]:
    """The users whose settings are read: all but the invited ones."""
    return (user for user in context.snapshot.scopes(Level.USER) if not user.is_invited)
