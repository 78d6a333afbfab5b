"""Proof: whether a random sample of users confirms what the account's locks promise."""

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


def verify_locks_by_sample(reader: CollectionContext, prover: LockVerifier) -> frozenset[View]:
    """The documents of users that need not be read: a sample of them was, and each confirmed.

    Any contradiction, and any sampled document that could not be read, leaves its view to be read
    in full. What came of it is recorded with the account.
    """
    prover.prepare(reader.snapshot)
    views = prover.provable(reader.reads.user)
    if not views:
        _log.debug("The account's locks prove no document of users: each is read.")
        return frozenset()
    users = sum(1 for _ in _users(reader))
    sample = _sample(reader)
    if users <= len(sample):
        _log.debug("%d users, no more than the sample of the locks: each is read.", users)
        return frozenset()
    reader.read_level(Level.USER, views, sample)
    departures.users(reader)
    sample = [user for user in sample if reader.snapshot.has(user)]
    users = sum(1 for _ in _users(reader))
    if not sample:
        return frozenset()
    found = set()
    for view in views:
        evidence = [reader.snapshot.evidence_of(user) for user in sample]
        confirmed = sum(prover.confirms(each, view) for each in evidence)
        body = {"users": users, "sampled": len(sample), "confirmed": confirmed}
        outcome = Document({**body}, endpoints.USER_SETTINGS.request, reader.now())
        reader.snapshot.record(reader.account, read_plan.lock_sample_view(view), outcome)
        is_proved = confirmed == len(sample)
        _log.debug(
            "Locks, %s: %d of %d users drawn confirm them, so %s.",
            *(view, confirmed, len(sample)),
            f"the documents of the other {users - len(sample)} are not read"
            if is_proved
            else f"all {users} are read",
        )
        if is_proved:
            found.add(view)
    return frozenset(found)


def _sample(reader: CollectionContext) -> list[Scope]:
    """Users drawn at random: others every day, and the same ones when a run is resumed.

    Each kind of licence has an equal part of the sample as far as it has users: those with another
    licence may lack a setting, and be few. The order is that of a hash of the day, the account's
    settings and the user, which nobody can choose, and which does not depend on how a run went:
    what is recorded beside the settings does.
    """
    digests = reader.snapshot.account().digests
    documents = [(view, digests.get(view)) for view in reader.reads.account]
    seed = f"{(reader.snapshot.meta('started_at') or '')[:10]}/{documents}"

    def drawn(user: Scope) -> bytes:
        return hashlib.sha256(f"{seed}/{user.id}".encode("utf-8", "surrogatepass")).digest()

    by_licence: dict[int | None, list[Scope]] = {}
    for user in _users(reader):
        known = by_licence.setdefault(user.licence, [])
        known.append(user)
        if len(known) > 4 * reader.sample:
            by_licence[user.licence] = nsmallest(reader.sample, known, key=drawn)
    ordered = [sorted(users, key=drawn) for users in by_licence.values()]
    part = reader.sample // max(1, len(ordered))
    chosen = [user for users in ordered for user in users[:part]]
    others = (user for users in ordered for user in users[part:])
    return chosen + nsmallest(reader.sample - len(chosen), others, key=drawn)


def _users(reader: CollectionContext) -> Iterator[Scope]:
    """The users that are read: not the invited ones, whether they are listed yet or not."""
    return (user for user in reader.snapshot.scopes(Level.USER) if user.status != "pending")
