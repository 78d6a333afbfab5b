"""Meetings and webinars: the settings of upcoming ones, and answers to the AI notice in past ones.

A host whose meetings cannot be listed has one record under the id `*` and the host's id.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from auditor.collect.errands import Errand, Reader, Sweep
from auditor.collect.rows import Listed, licensed, text
from auditor.evidence.plan import COUNTS, MEETING, NOTICES
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Outcome, Refusal
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import Malformed, NotLicensed

WEBINARS = "webinar"
"""Under `feature` of a user's settings: true for those who may host. Source: Users API, 2025-03."""


@dataclass(frozen=True)
class Kind:
    """How one kind of event is listed and read."""

    level: Level
    listing: Endpoint
    params: Mapping[str, str]
    document: Endpoint
    placeholder: str


MEETINGS = Kind(
    Level.MEETING, endpoints.USER_MEETINGS, {"type": "upcoming"}, endpoints.MEETING, "meetingId"
)
WEBINAR = Kind(
    Level.WEBINAR, endpoints.USER_WEBINARS, {"type": "upcoming"}, endpoints.WEBINAR, "webinarId"
)


def read_upcoming(reader: Reader, users: Listed) -> None:
    """Read the settings of upcoming meetings and webinars of active users."""
    active = [user for user in users.scopes if user.status == "active"]
    if reader.reads.meeting:
        _Upcoming(reader, MEETINGS, reader.reads.meeting).read(active, users.refusal)
    if reader.reads.webinar:
        flags = licensed(reader.snapshot, WEBINARS)
        hosts = [user for user in active if flags.get(user.id) is not False]
        _Upcoming(reader, WEBINAR, reader.reads.webinar).read(hosts, users.refusal)


@dataclass(frozen=True)
class _Upcoming:
    reader: Reader
    kind: Kind
    settings: tuple[str, ...]

    def read(self, hosts: list[Scope], unlisted: Refusal | None) -> None:
        """List what the hosts have scheduled, and read as many of it as the plan allows."""
        level, listing = self.kind.level, self.kind.listing
        counted = COUNTS[level, MEETING.surface]
        sweep = Sweep(self.reader, counted, listing.request, unlisted)
        found: dict[str, Scope] = {}
        refused: list[tuple[Errand, Outcome]] = []
        errands = [self._listing(host) for host in hosts]
        for errand, outcome in sweep.outcomes(errands):
            if isinstance(outcome, Refusal):
                refused.append((errand, outcome))
            else:
                for scope in self._named(errand.scope, outcome.body):
                    found.setdefault(scope.id, scope)
        self.reader.record(level, iter(refused), 0)
        scopes = [found[key] for key in sorted(found)]
        most = self.reader.reads.most_meetings
        chosen = scopes if most is None else scopes[:most]
        sweep.read(level, [self._errand(scope) for scope in chosen], len(scopes))

    def _listing(self, host: Scope) -> Errand:
        """Asks what a host has scheduled."""
        level, listing = self.kind.level, self.kind.listing

        def ask() -> JsonValue:
            ids = {"userId": host.id}
            try:
                rows = list(self.reader.api.items(listing, ids=ids, params=self.kind.params))
            except NotLicensed:
                if level is Level.WEBINAR:  # Zoom refuses the list to those who cannot host any
                    return []
                raise
            if not all(text(row.get("id")) for row in rows):
                raise Malformed(listing.request, "a row has no id")
            return [{"id": text(row.get("id")), "topic": text(row.get("topic"))} for row in rows]

        nobody = Scope(level, f"*{host.id}", host.label, host.email, host.group_ids)
        return Errand(nobody, MEETING, listing.request, ask)

    def _named(self, host: Scope, rows: JsonValue) -> Iterator[Scope]:
        """The events that a host's list names."""
        listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for row in listed:
            yield replace(host, id=text(row["id"]), name=text(row["topic"]))

    def _errand(self, scope: Scope) -> Errand:
        document = self.kind.document

        def ask() -> JsonValue:
            body = self.reader.api.get(document, ids={self.kind.placeholder: scope.id})
            settings = body.get("settings")
            if not isinstance(settings, dict):
                return {"settings": settings}
            return {"settings": {key: settings[key] for key in self.settings if key in settings}}

        return Errand(scope, MEETING, document.request, ask)


def read_notices(
    reader: Reader, meetings_with_ai: Mapping[str, str], refusals: Iterable[Refusal]
) -> None:
    """Read how participants of the newest past meetings with AI answered the notice.

    `meetings_with_ai` is UUID to start; `refusals` are reports that could not be had, without
    which nobody can say that there was no such meeting.
    """
    at = COUNTS[Level.MEETING, NOTICES.surface]
    sweep = Sweep(reader, at, endpoints.HISTORY_MEETINGS.request)
    newest = sorted(meetings_with_ai, key=lambda uuid: (meetings_with_ai[uuid], uuid), reverse=True)
    if not newest:
        sweep.refusal = next(iter(refusals), None)
    sweep.read(
        Level.MEETING,
        [_notice(reader, uuid, meetings_with_ai[uuid]) for uuid in newest[: reader.reads.notices]],
        len(newest),
    )


def _notice(reader: Reader, uuid: str, start: str) -> Errand:
    name = f"past meeting of {start[:10]}" if start else "past meeting"
    endpoint = endpoints.DASHBOARD_PARTICIPANTS
    return Errand(
        Scope(Level.MEETING, uuid, name), NOTICES, endpoint.request, _counting(reader, uuid)
    )


def _counting(reader: Reader, uuid: str) -> Callable[[], JsonValue]:
    """Asks for the participants of a meeting, and keeps how many gave which answer."""

    def ask() -> JsonValue:
        answers: Counter[str] = Counter()
        silent = 0
        params = {"type": "past"}
        for row in reader.api.items(
            endpoints.DASHBOARD_PARTICIPANTS, ids={"meetingId": uuid}, params=params
        ):
            answer = text(row.get("aic_disclaimer"))
            if answer:
                answers[answer] += 1
            else:
                silent += 1
        rows: list[JsonValue] = [
            {"answer": each, "people": answers[each]} for each in sorted(answers)
        ]
        return {"answers": rows, "silent": silent}

    return ask
