"""Listings: lists groups, users and group members, and records them as pages arrive.

The list of users names the groups of each user. If it names no group at all, the members of each
group are listed instead.
"""

import logging
from collections.abc import Iterator
from itertools import chain

from auditor.collect import carrying, departures, parsing
from auditor.collect.document_requests import CollectionContext
from auditor.evidence.json_values import as_text
from auditor.evidence.read_plan import LISTINGS, MEMBERS, PENDING
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope, UserStatus
from auditor.evidence.view import Document, ReadFailure, View
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint

_log = logging.getLogger(__name__)

EMPTY: JsonValue = {"listed": 0}


def groups(context: CollectionContext) -> None:
    """List the groups."""
    for view in LISTINGS[Level.GROUP]:
        _store_listing(context, view, Level.GROUP)


def users(context: CollectionContext) -> None:
    """List the users and their group memberships."""
    views = LISTINGS[Level.USER]
    reread = not all(context.is_up_to_date(context.account, view) for view in views)
    for view in views:
        _store_listing(context, view, Level.USER)
    members_listed = MEMBERS in context.snapshot.evidence_of(context.account).outcomes
    if context.snapshot.count(Level.USER) and (
        members_listed or not context.snapshot.has_members()
    ):
        _list_members(context, reread)


def pending(context: CollectionContext) -> None:
    """Record invited users. They have no settings and are not evaluated."""
    _store_listing(context, PENDING, Level.USER)


def refusal(context: CollectionContext, level: Level) -> ReadFailure | None:
    """Why the list of a level may be incomplete; None if it is complete."""
    outcomes = context.snapshot.evidence_of(context.account).outcomes
    refusals = [outcomes.get(view) for view in LISTINGS[level]]
    return next((outcome for outcome in refusals if isinstance(outcome, ReadFailure)), None)


def _store_listing(context: CollectionContext, view: View, level: Level) -> None:
    """Record the scopes of a listing. A listing with rows that have no id has failed."""
    if context.is_up_to_date(context.account, view):
        _log.debug("%s was listed before the run was interrupted: it is not listed again.", view)
        return
    endpoint = endpoints.GROUPS if view.surface == "groups" else endpoints.USERS
    params = {"status": view.option} if view.option else {}
    nameless = 0
    roles: dict[str, str] = {}

    def scopes() -> Iterator[Scope]:
        nonlocal nameless
        for row in context.api.items(endpoint, params=params):
            scope = parsing.user(row, view.option) if view.option else parsing.group(row)
            if scope is not None and row.get("role_id"):
                roles[scope.id] = as_text(row.get("role_id"))
            if scope is None:
                nameless += 1
            elif view == PENDING:
                yield Scope(level, scope.id, scope.name, scope.email, status=scope.status)
            else:
                yield scope

    def ask() -> JsonValue:
        return {"listed": context.snapshot.list_scopes(level, view.option, scopes())}

    _log.info("Listing %s.", view)
    outcome = context.fetch(_source(endpoint, view), ask)
    if nameless:
        unseen = Unseen(Cause.ERROR, f"{nameless} rows of the list have no id")
        outcome = ReadFailure(unseen, outcome.source, outcome.observed_at)
    elif (
        view.option == UserStatus.ACTIVE and isinstance(outcome, Document) and outcome.body == EMPTY
    ):
        unseen = Unseen(Cause.ERROR, "the list of active users is empty: not even the owner")
        outcome = ReadFailure(unseen, outcome.source, outcome.observed_at)
    if roles and view != PENDING:
        carrying.note_roles(context.snapshot, roles)
    context.snapshot.record(context.account, view, outcome)


def _list_members(context: CollectionContext, reread: bool) -> None:
    """List the members of each group, and record the groups with the users.

    Members are re-read if the user lists were (`reread`), because those lists carry no group ids.
    If the list of groups is incomplete, membership is recorded as unknown.
    """
    failed = refusal(context, Level.GROUP)
    up_to_date = not reread and context.is_up_to_date(context.account, MEMBERS)
    if up_to_date or not (failed or context.snapshot.count(Level.GROUP)):
        return
    endpoint = endpoints.GROUP_MEMBERS
    belongs: dict[str, list[str]] = {}
    partial: dict[str, set[str]] = {}

    def of(group: Scope) -> JsonValue:
        members = partial[group.id] = set()
        for row in context.api.items(endpoint, ids={"groupId": group.id}):
            members.add(as_text(row.get("id")))
        return {}

    work = context.run_concurrently(
        lambda group: context.fetch(endpoint.request, lambda: of(group), scope=group),
        list(context.snapshot.scopes(Level.GROUP)),
    )
    refused: list[tuple[Scope, ReadFailure]] = []
    for group, outcome in chain.from_iterable(work):
        if isinstance(outcome, ReadFailure):
            refused.append((group, outcome))
        for user in partial.get(group.id, set()) - {""}:
            belongs.setdefault(user, []).append(group.id)
    if refused:
        departures.groups(context)
    for group, refusal_ in refused:
        if context.snapshot.has(group):
            failed = failed or refusal_
    with context.snapshot.transaction():
        for user, names in belongs.items():
            context.snapshot.set_groups(Level.USER, user, tuple(sorted(names)))
        done: JsonValue = {"listed": len(belongs)}
        outcome = failed or Document(done, endpoint.request, context.now())
        context.snapshot.record(context.account, MEMBERS, outcome)


def _source(endpoint: Endpoint, view: View) -> str:
    return f"{endpoint.request}?status={view.option}" if view.option else endpoint.request
