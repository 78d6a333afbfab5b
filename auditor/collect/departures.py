"""Departures: scopes that were deleted after they were listed and before they were read.

Zoom answers 404 for them. A 404 alone proves nothing, so it is verified: the level is listed once
more, and the failed request is repeated. A scope has left only if the new listing does not name it
and Zoom answers 404 again; otherwise its settings stay unknown. The evidence of a scope that left
is deleted, as if it had left before the run, and the departure is recorded with the account.

The failed request is repeated, not `GET /users/{userId}`, because that needs another scope.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from auditor.collect.document_requests import CollectionContext
from auditor.collect.parsing import PHONE_LICENCE
from auditor.evidence.json_values import as_text
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
from auditor.evidence.scope import Level, Scope, placeholder_id
from auditor.evidence.view import Document, ReadFailure
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import NotFound

FEW = 3
"""Up to this many groups or sites may leave in one run; above it, at most half of them."""

_EVENTS: Mapping[Level, tuple[Endpoint, Mapping[str, str]]] = {
    Level.MEETING: (endpoints.USER_MEETINGS, {"type": "upcoming"}),
    Level.WEBINAR: (endpoints.USER_WEBINARS, {"type": "upcoming"}),
}


def record(context: CollectionContext) -> None:
    """Verify every 404 at the end of a run, and record the scopes that left."""
    groups(context)
    users(context)
    _sites(context)
    _phone_users(context)
    for level in _EVENTS:
        _events(context, level)


def groups(context: CollectionContext) -> None:
    """Drop deleted groups, their phone settings and the memberships of their users."""
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
    """Drop deleted users, their phone settings and their lists of meetings."""
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
                    context.snapshot.drop(Scope(level, placeholder_id(user)))
            _forget(context, left, endpoints.USERS.request, (Level.USER, Level.PHONE_USER))


def _sites(context: CollectionContext) -> None:
    missing = _missing(context, Level.PHONE_SITE)
    gone = _unlisted(context, Level.PHONE_SITE, missing, [(endpoints.PHONE_SITES, {})])
    left = _unknown_again(context, (Level.PHONE_SITE,), gone)
    with context.snapshot.transaction():
        _forget(context, left, endpoints.PHONE_SITES.request, (Level.PHONE_SITE,))


def _phone_users(context: CollectionContext) -> None:
    """Drop the phone settings of users whose user settings now say that they have no phone."""

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
    """Drop upcoming meetings or webinars that their hosts have cancelled."""
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
        """The missing events of a host that a new list does not name."""

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
    """The ids of recorded scopes of a level for which Zoom answered 404."""
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
    """The ids of `missing` that no new listing names; none if a listing cannot be trusted.

    If more than half of a level seems to have left, the listing is more likely to be wrong or to
    belong to another account.
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
    """The ids of `gone` for which Zoom answers 404 when the request is repeated."""
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
    """Drop the scopes that left at all of `levels`, and record them at the first level.

    `absent` is the listing that no longer names them.
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
    """The departures recorded so far, including those of an interrupted run."""
    known = context.snapshot.evidence_of(context.account).outcomes.get(LEFT)
    body = known.body if isinstance(known, Document) else None
    rows = body.get("left") if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _recount(context: CollectionContext, level: Level, dropped: int) -> None:
    """Subtract the scopes that left from the recorded counts of a level."""
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
