"""Meetings and webinars: settings of upcoming ones, and answers to the AI notice in past ones.

The meetings of a host that cannot be listed are represented by one scope with the id `*` followed
by the host's id.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from auditor.collect import listings
from auditor.collect.document_requests import CollectionContext, DocumentRequest, LevelReader
from auditor.collect.parsing import feature_flag
from auditor.evidence.json_values import as_text
from auditor.evidence.read_plan import COVERAGE_VIEWS, MEETING, NOTICES, is_any
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope, UserStatus, placeholder_id
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import Document, ReadFailure, View
from auditor.surfaces import SURFACES
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import ListingUnproved, Malformed, NotLicensed

_log = logging.getLogger(__name__)

WEBINARS = "webinar"
"""Key under `feature` of a user's settings: true if the user may host webinars.
Source: Users API, 2025-03."""

_ROW_FIELDS = ("id", "topic", "start_time")
"""The fields of a row of a host's list that are used."""


def read_upcoming(context: CollectionContext) -> None:
    """Read the settings of upcoming meetings and webinars of active users."""
    if context.reads.meeting:
        _Upcoming(context, Level.MEETING, context.reads.meeting).read()
    if context.reads.webinar:
        _Upcoming(context, Level.WEBINAR, context.reads.webinar).read()


@dataclass(frozen=True)
class _Upcoming:
    context: CollectionContext
    level: Level
    settings: tuple[str, ...]

    @property
    def _listing(self) -> Endpoint:
        """The request that lists the events of a host."""
        return SURFACES[MEETING.surface].levels[self.level].listings[-1]

    @property
    def _coverage_view(self) -> View:
        """The view with the counts: events left out, of a host; events in all, of the account."""
        return COVERAGE_VIEWS[self.level, MEETING.surface]

    def read(self) -> None:
        """List the scheduled events of the hosts, and read those that the plan selects."""
        context, level = self.context, self.level
        unlisted = listings.refusal(context, Level.USER)
        level_reader = LevelReader(context, self._coverage_view, self._listing.request, unlisted)
        if unlisted is None and next(self._chosen_users(), None) is None:
            unseen = Unseen(Cause.NOT_COLLECTED, "no active user matches --meetings-of")
            level_reader.refusal = ReadFailure(unseen, self._listing.request, context.now())
        due = (self._listing_request(host) for host in self._hosts() if not self._is_listed(host))
        for batch in level_reader.outcomes(due):
            with context.snapshot.transaction():
                for request, outcome in batch:
                    if isinstance(outcome, ReadFailure):
                        unlisted_host = self._unlisted_host(request.scope)
                        context.snapshot.add_scope(unlisted_host)
                        context.snapshot.record(unlisted_host, MEETING, outcome)
                    else:
                        self._store_meetings(request.scope, outcome)
        named = sum(1 for _ in self._named())
        level_reader.read(level, map(self._settings_request, self._named()), named)
        left_out = sum(map(self._left_out, self._hosts()))
        if left_out:
            _log.debug(
                "%d meetings or webinars are left out by --meetings options and not read.", left_out
            )
        level_reader.count(named + left_out, named)

    def _named(self) -> Iterator[Scope]:
        """The upcoming events. They have the status of their host; past meetings have none."""
        for scope in self.context.snapshot.scopes(self.level):
            if scope.status and not scope.is_placeholder:
                yield scope

    def _hosts(self) -> Iterator[Scope]:
        """The users whose events are listed: those who may host them."""
        for evidence in self._chosen_users():
            if self.level is not Level.WEBINAR or feature_flag(evidence, WEBINARS) is not False:
                yield evidence.scope

    def _chosen_users(self) -> Iterator[ScopeEvidence]:
        """The active users that the selection names; all active users if it names none."""
        budget = self.context.reads.meetings
        names = {group.id: group.name for group in self.context.snapshot.scopes(Level.GROUP)}
        for evidence in self.context.snapshot.evidence(Level.USER):
            user = evidence.scope
            if user.status != UserStatus.ACTIVE:
                continue
            if budget.users or budget.groups:
                own = (user.id, user.email, user.name)
                groups = [name for g in user.group_ids for name in (g, names.get(g, ""))]
                if not (
                    any(name and is_any(name, budget.users) for name in own)
                    or any(name and is_any(name, budget.groups) for name in groups)
                ):
                    continue
            yield evidence

    def _is_listed(self, host: Scope) -> bool:
        unlisted_host = self._unlisted_host(host)
        refused = self.context.snapshot.has(unlisted_host) and self.context.is_up_to_date(
            unlisted_host, MEETING
        )
        return refused or self.context.is_up_to_date(host, self._coverage_view)

    def _left_out(self, host: Scope) -> int:
        """How many events of a host the selection leaves out."""
        outcome = self.context.snapshot.evidence_of(host).outcomes.get(self._coverage_view)
        body = outcome.body if isinstance(outcome, Document) else None
        left_out = body.get("left_out") if isinstance(body, dict) else None
        return left_out if isinstance(left_out, int) else 0

    def _unlisted_host(self, host: Scope) -> Scope:
        """The placeholder for the events of a host that could not be listed."""
        return replace(host, level=self.level, id=placeholder_id(host.id), name=host.label)

    def _listing_request(self, host: Scope) -> DocumentRequest:
        """The request for the scheduled events of a host."""
        level, listing = self.level, self._listing

        def ask() -> JsonValue:
            ids = {"userId": host.id}
            rows: list[JsonValue] = []
            problem = ""
            try:
                for row in self.context.api.items(listing, ids=ids, params={"type": "upcoming"}):
                    if not as_text(row.get("id")):
                        raise Malformed(listing.request, "a row has no id")
                    rows.append({key: as_text(row.get(key)) for key in _ROW_FIELDS})
            except NotLicensed:
                if level is not Level.WEBINAR:
                    raise
                rows = []  # Zoom refuses the list to users who cannot host webinars
            except ListingUnproved as error:
                problem = str(error)
            return {"rows": rows, "problem": problem}

        return DocumentRequest(host, self._coverage_view, listing.request, ask)

    def _store_meetings(self, host: Scope, outcome: Document) -> None:
        """Record the selected events of a host, and how many others there are.

        If the list may be incomplete, the listed events are read and the rest is unknown.
        """
        listed = outcome.body if isinstance(outcome.body, dict) else {}
        rows = list(_rows(listed.get("rows")))
        chosen = self._within_limits(rows)
        unlisted_host = self._unlisted_host(host)
        self.context.snapshot.drop(unlisted_host)
        if problem := listed.get("problem"):
            self.context.snapshot.add_scope(unlisted_host)
            unseen = Unseen(Cause.ERROR, str(problem))
            refusal = ReadFailure(unseen, outcome.source, outcome.observed_at)
            self.context.snapshot.record(unlisted_host, MEETING, refusal)
        for row in chosen:
            event = replace(host, level=self.level, id=row["id"], name=row["topic"])
            self.context.snapshot.add_scope(event)
        body: JsonValue = {"left_out": len({row["id"] for row in rows}) - len(chosen)}
        self.context.snapshot.record(host, self._coverage_view, replace(outcome, body=body))

    def _within_limits(self, rows: list[Mapping[str, str]]) -> list[Mapping[str, str]]:
        budget = self.context.reads.meetings
        if budget.within_days is not None:
            last = (self.context.today() + timedelta(days=budget.within_days)).isoformat()
            rows = [row for row in rows if row["start_time"][:10] <= last]
        rows = sorted(rows, key=lambda row: (row["start_time"], row["id"]))
        return list({row["id"]: row for row in rows}.values())[: budget.per_host]

    def _settings_request(self, scope: Scope) -> DocumentRequest:
        surface, level = SURFACES[MEETING.surface], self.level
        fetch = partial(
            surface.levels[level].document,
            self.context.api,
            scope.id,
            selection=self.settings,
        )
        return DocumentRequest(scope, MEETING, surface.source(level, MEETING), fetch)


def _rows(body: JsonValue) -> Iterator[Mapping[str, str]]:
    for row in body if isinstance(body, list) else ():
        if isinstance(row, dict):
            yield {key: str(value) for key, value in row.items()}


def read_notices(
    context: CollectionContext, meetings_with_ai: Mapping[str, str], refusals: Iterable[ReadFailure]
) -> None:
    """Read how participants of the newest past meetings with AI answered the notice.

    `meetings_with_ai` maps UUID to start time. `refusals` are the reports that could not be read:
    with one of them, an empty `meetings_with_ai` does not prove that there was no such meeting.
    """
    at = COVERAGE_VIEWS[Level.MEETING, NOTICES.surface]
    level_reader = LevelReader(context, at, endpoints.HISTORY_MEETINGS.request)
    newest = sorted(meetings_with_ai, key=lambda uuid: (meetings_with_ai[uuid], uuid), reverse=True)
    if not newest:
        level_reader.refusal = next(iter(refusals), None)
    chosen = newest[: context.reads.notices]
    requests = [_notice(context, uuid, meetings_with_ai[uuid]) for uuid in chosen]
    level_reader.read(Level.MEETING, requests, len(requests))
    level_reader.count(len(newest), len(chosen))


def _notice(context: CollectionContext, uuid: str, start: str) -> DocumentRequest:
    name = f"past meeting of {start[:10]}" if start else "past meeting"
    surface = SURFACES[NOTICES.surface]
    fetch = partial(surface.levels[Level.MEETING].document, context.api, uuid)
    source = surface.source(Level.MEETING, NOTICES)
    return DocumentRequest(Scope(Level.MEETING, uuid, name), NOTICES, source, fetch)
