"""Departures: who and what was listed, and was deleted before its turn came.

Zoom answers 404 for them. That alone proves nothing, so it is followed by a second look: one fresh
listing for all that are missing, and the same request once more. Only what the fresh listing no
longer names and Zoom does not know again has left; all else stays unknown. What left is forgotten
with all that was read of it, as if it had left before the run, and recorded with the account.

The second request is the one that failed, not `GET /users/{userId}`: that needs a scope of its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from auditor.collect.document_requests import CollectionContext
from auditor.collect.parsing import PHONE_LICENCE, as_text
from auditor.evidence.read_plan import (
    COVERAGE_VIEWS,
    LEFT,
    LISTINGS,
    MEETING,
    PENDING,
    PHONE,
    PHONE_VIEWS,
)
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, ReadFailure
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import NotFound

FEW = 3
"""So many groups or sites of a few may go in one run; of more, at most half."""

_EVENTS: Mapping[Level, tuple[Endpoint, Mapping[str, str]]] = {
    Level.MEETING: (endpoints.USER_MEETINGS, {"type": "upcoming"}),
    Level.WEBINAR: (endpoints.USER_WEBINARS, {"type": "upcoming"}),
}


def record(context: CollectionContext) -> None:
    """Give everything that was not found a second look, at the end of a run."""
    groups(context)
    users(context)
    _sites(context)
    _phone_users(context)
    for level in _EVENTS:
        _events(context, level)


def groups(context: CollectionContext) -> None:
    """Forget groups that have been deleted, with what phones and users have of them."""
    missing = _missing(context, Level.GROUP) | _missing(context, Level.PHONE_GROUP)
    gone = _unlisted(context, Level.GROUP, missing, [(endpoints.GROUPS, {})])
    left = _unknown_again(context, (Level.GROUP, Level.PHONE_GROUP), gone)
    if not left:
        return
    with context.snapshot.transaction():
        for user in list(_members(context, left)):
            others = tuple(group for group in user.group_ids if group not in left)
            context.snapshot.set_groups(Level.USER, user.id, others)
        _forget(context, left, endpoints.GROUPS.request, (Level.GROUP, Level.PHONE_GROUP))


def users(context: CollectionContext) -> None:
    """Forget users who have been deleted, with their phones and lists of meetings."""
    missing = _missing(context, Level.USER) | _missing(context, Level.PHONE_USER)
    listings = [
        (endpoints.USERS, {"status": view.option}) for view in (*LISTINGS[Level.USER], PENDING)
    ]
    gone = _unlisted(context, Level.USER, missing, listings)
    left = _unknown_again(context, (Level.USER, Level.PHONE_USER), gone)
    if left:
        with context.snapshot.transaction():
            for level in _EVENTS:
                for user in left:
                    context.snapshot.drop(Scope(level, f"*{user}"))
            _forget(context, left, endpoints.USERS.request, (Level.USER, Level.PHONE_USER))


def _sites(context: CollectionContext) -> None:
    missing = _missing(context, Level.PHONE_SITE)
    gone = _unlisted(context, Level.PHONE_SITE, missing, [(endpoints.PHONE_SITES, {})])
    left = _unknown_again(context, (Level.PHONE_SITE,), gone)
    with context.snapshot.transaction():
        _forget(context, left, endpoints.PHONE_SITES.request, (Level.PHONE_SITE,))


def _phone_users(context: CollectionContext) -> None:
    """Forget the phones of users whose settings now say that they have none."""

    def has_none(user: str) -> bool:
        endpoint = endpoints.USER_SETTINGS
        outcome = context.fetch(
            endpoint.request,
            lambda: context.api.get(endpoint, ids={"userId": user}),
            essential=False,
        )
        body = outcome.body if isinstance(outcome, Document) else None
        features = body.get("feature") if isinstance(body, dict) else None
        return isinstance(features, dict) and features.get(PHONE_LICENCE) is False

    work = context.run_concurrently(has_none, sorted(_missing(context, Level.PHONE_USER)))
    gone = {user for user, without in chain.from_iterable(work) if without}
    left = _unknown_again(context, (Level.PHONE_USER,), gone)
    with context.snapshot.transaction():
        _forget(context, left, endpoints.USER_SETTINGS.request, (Level.PHONE_USER,))


def _events(context: CollectionContext, level: Level) -> None:
    """Forget upcoming meetings or webinars that their hosts have cancelled."""
    emails: dict[str, set[str]] = {}
    for zoom_id in _missing(context, level):
        event = context.snapshot.evidence_of(Scope(level, zoom_id)).scope
        if event.status and event.email:  # past meetings have neither
            emails.setdefault(event.email, set()).add(zoom_id)
    hosts = [
        user for user in context.snapshot.scopes(Level.USER) if emails and user.email in emails
    ]
    endpoint, params = _EVENTS[level]

    def cancelled(host: Scope) -> set[str]:
        """Those of the host's events that are missing and that a fresh list does not name."""

        def ask() -> JsonValue:
            rows = context.api.items(endpoint, ids={"userId": host.id}, params=params)
            return [as_text(row.get("id")) for row in rows]

        outcome = context.fetch(endpoint.request, ask, essential=False)
        body = outcome.body if isinstance(outcome, Document) else None
        return emails[host.email].difference(body) if isinstance(body, list) else set()

    work = context.run_concurrently(cancelled, hosts)
    gone = {event for _, events in chain.from_iterable(work) for event in events}
    for row in _recorded(context):
        gone |= emails.get(str(row.get("email")), set()) if row.get("level") == "user" else set()
    left = _unknown_again(context, (level,), gone)
    with context.snapshot.transaction():
        _forget(context, left, endpoint.request, (level,))


def _missing(context: CollectionContext, level: Level) -> set[str]:
    """The ids at a level that Zoom did not know, of scopes that are still recorded."""
    return {
        zoom_id
        for at, zoom_id in context.not_found
        if at is level and context.snapshot.has(Scope(level, zoom_id))
    }


def _unlisted(
    context: CollectionContext,
    level: Level,
    missing: set[str],
    listings: Iterable[tuple[Endpoint, Mapping[str, str]]],
) -> set[str]:
    """Those of `missing` that no fresh listing names; none where a listing cannot be trusted.

    If half of a level seems to have left, the listing is more likely wrong, or another account's.
    """
    if not missing:
        return set()
    listed: set[str] = set()
    for endpoint, params in listings:

        def ask(endpoint: Endpoint = endpoint, params: Mapping[str, str] = params) -> JsonValue:
            rows = context.api.items(endpoint, params=params)
            listed.update(as_text(row.get("id")) or as_text(row.get("email")) for row in rows)
            return {}

        if isinstance(context.fetch(endpoint.request, ask, essential=False), ReadFailure):
            return set()
    known = {scope.id for scope in context.snapshot.scopes(level)}
    unlisted = known - listed
    few = level is not Level.USER and len(unlisted) <= FEW
    if "" in listed or not (few or 2 * len(unlisted) <= len(known)):
        return set()
    return missing & unlisted


def _unknown_again(context: CollectionContext, levels: Iterable[Level], gone: set[str]) -> set[str]:
    """Those of `gone` whom Zoom does not know when the same is asked once more."""
    at = frozenset(levels)
    requests = {
        zoom_id: request
        for (level, zoom_id), request in context.not_found.items()
        if level in at and zoom_id in gone
    }

    def is_unknown(zoom_id: str) -> bool:
        source, ask = requests[zoom_id]
        unknown = False

        def asking() -> JsonValue:
            nonlocal unknown
            try:
                return ask()
            except NotFound:
                unknown = True
                raise

        context.fetch(source, asking, essential=False)
        return unknown

    work = context.run_concurrently(is_unknown, sorted(requests))
    return {zoom_id for zoom_id, unknown in chain.from_iterable(work) if unknown}


def _members(context: CollectionContext, groups: set[str]) -> Iterator[Scope]:
    for user in context.snapshot.scopes(Level.USER):
        if not groups.isdisjoint(user.group_ids):
            yield user


def _forget(
    context: CollectionContext, left: set[str], absent: str, levels: tuple[Level, ...]
) -> None:
    """Take what left out of the evidence, at all of `levels`, and record it for the first.

    `absent` is the request that no longer names it.
    """
    if not left:
        return
    level = levels[0]
    rows = _recorded(context)
    dropped: Counter[Level] = Counter()
    for zoom_id in left:
        for at in levels:
            scope = Scope(at, zoom_id)
            if not context.snapshot.has(scope):
                continue
            if at is level:
                known = context.snapshot.evidence_of(scope).scope
                unknown = [
                    context.not_found[other, zoom_id][0]
                    for other in levels
                    if (other, zoom_id) in context.not_found
                ]
                rows.append(
                    {
                        "level": level.value,
                        "id": zoom_id,
                        "name": known.name,
                        "email": known.email,
                        "absent_from": absent,
                        "unknown_to": unknown[0],
                    }
                )
            dropped[at] += 1
            context.snapshot.drop(scope)
    rows.sort(key=lambda row: (str(row.get("level")), str(row.get("id"))))
    outcome = Document({"left": [*rows]}, endpoints.USERS.request, context.now())
    context.snapshot.record(context.account, LEFT, outcome)
    for at, number in dropped.items():
        _recount(context, at, number)


def _recorded(context: CollectionContext) -> list[dict[str, JsonValue]]:
    """What was recorded as having left so far, also by a run that broke off."""
    known = context.snapshot.evidence_of(context.account).outcomes.get(LEFT)
    body = known.body if isinstance(known, Document) else None
    rows = body.get("left") if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _recount(context: CollectionContext, level: Level, dropped: int) -> None:
    """Take what left out of the numbers of a level that has them."""
    surface = PHONE.surface if level in PHONE_VIEWS else MEETING.surface
    view = COVERAGE_VIEWS.get((level, surface))
    outcomes = context.snapshot.evidence_of(context.account).outcomes
    outcome = outcomes.get(view) if view is not None else None
    if view is None or not isinstance(outcome, Document) or not isinstance(outcome.body, dict):
        return
    counts = {
        key: number - dropped if key in ("listed", "read") and isinstance(number, int) else number
        for key, number in outcome.body.items()
    }
    context.snapshot.record(context.account, view, replace(outcome, body=counts))
