"""Reports of past meetings and of summaries: who used a feature, by host.

Stores counts by host instead of meetings. No document contains the date of the request, so equal
usage gives equal evidence from night to night.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from auditor.evidence.json_values import as_text
from auditor.evidence.names import of_group, plain_group
from auditor.evidence.read_plan import HOSTS, SUMMARIES, history
from auditor.evidence.reading import Cause, JsonValue, LookupResult, Seen, Unseen
from auditor.evidence.scope import Level
from auditor.evidence.view import Document, Outcome
from auditor.surfaces.model import (
    Body,
    Fetch,
    People,
    ReportedUse,
    Rows,
    StoredRows,
    Surface,
    SurfaceLevel,
    UseQuestion,
    missing,
    number,
    rows_of,
    some,
)
from auditor.zoom import endpoints
from auditor.zoom.errors import Rejected

AI_FEATURES = ("meeting_summary", "meeting_questions")
"""Features that show participants the AI notice. Source: `meeting_feature`, @zoom/rivet 0.4.0."""

SUMMARIES_OFF = 3000
_OFF = re.compile(r"\bsummar(?:y|ies)\b.*\bdisabled\b", re.IGNORECASE | re.DOTALL)
"""Text that has to come with the code, because Zoom uses it for webinars, too."""

NO_GROUP = "(no group)"
"""Represents the groups of a host without groups."""

UNKNOWN_GROUP = "(group not known)"
"""Represents the groups of a host if they are unknown and no group is allowed."""

_BY_HOST = People("hosts", ("host", "id", "email"))


def _past_meetings(fetch: Fetch) -> JsonValue:
    """The hosts who used a feature.

    The row of a meeting has to confirm the use, because older APIs do not know the filter.
    """
    feature = fetch.option
    used, unclear = Counter[str](), Counter[str]()
    groups: dict[str, list[str]] = {}
    for row in fetch.rows({**fetch.days, "meeting_type": "all", "meeting_feature": feature}):
        features = row.get("feature_used")
        state = features.get(feature) if isinstance(features, dict) else None
        if state is False:
            continue
        host = as_text(row.get("host_email"))
        listed = row.get("group")
        names = map(as_text, listed if isinstance(listed, list) else ())
        groups.setdefault(host, []).extend(filter(None, names))
        if state is True:
            used[host] += 1
            if feature in AI_FEATURES:
                _remember(fetch.reported, row)
        else:
            unclear[host] += 1
    fetch.reported.hosts.update(groups)
    hosts: list[JsonValue] = [
        {
            "host": host,
            "groups": [*sorted(set(groups[host]))],
            "meetings": used[host],
            "unclear": unclear[host],
        }
        for host in sorted(groups)
    ]
    return {"hosts": hosts}


def _remember(reported: ReportedUse, row: Mapping[str, JsonValue]) -> None:
    uuid = as_text(row.get("meeting_uuid"))
    if uuid:
        start, end = as_text(row.get("start_time")), as_text(row.get("end_time"))
        reported.meetings_with_ai[uuid] = start
        if reported.needs_calls:
            reported.calls_with_ai[uuid] = (as_text(row.get("meeting_id")), start, end)


def _summaries(fetch: Fetch) -> JsonValue:
    """The hosts of summarised meetings. Zoom refuses the list if summaries are off."""
    first, last = fetch.window
    made: Counter[tuple[str, str]] = Counter()
    refused = ""
    try:
        for row in fetch.rows({"from": f"{first}T00:00:00Z", "to": f"{last}T23:59:59Z"}):
            host = as_text(row.get("meeting_host_email")), as_text(row.get("meeting_host_id"))
            made[host] += 1
    except Rejected as error:
        if error.code != SUMMARIES_OFF or not _OFF.search(error.detail):
            raise
        refused = error.detail
    fetch.reported.hosts.update(name for pair in made for name in pair)
    hosts: list[JsonValue] = [
        {"host": email, "id": host_id, "meetings": count}
        for (email, host_id), count in sorted(made.items())
    ]
    return {"hosts": hosts, "off": refused}


def _hosted(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The number of meetings that used a feature or were summarised, or their hosts' groups."""
    hosts = [host for host in stored.rows if number(host, "meetings")]
    unclear = sum(number(host, "unclear") for host in stored.rows if "unclear" in host)
    count = sum(number(host, "meetings") for host in hosts)
    off = str(stored.body.get("off") or "")
    if off and not hosts:
        idle = (
            f'Zoom lists none while the feature is off, and says: "{off}" What was made before, '
            "the reports of past meetings tell."
        )
        unseen = Unseen(Cause.ABSENT, "Zoom lists none while the feature is off")
        return LookupResult(unseen, stored.source, not_applicable_reason=idle)
    incomplete = None
    if unclear:
        detail = f"{unclear} meetings were listed that do not say whether they used the feature"
        incomplete = Unseen(Cause.ABSENT, detail)
    if question.allowed is None:
        note = _hosts_note("Hosts", hosts)
        return LookupResult(
            Seen(count, question.setting),
            stored.source,
            note=note,
            incomplete=incomplete,
        )
    groups = _HostGroups(question.outcomes.get(HOSTS), question.allowed)
    for host in hosts:
        groups.add(host)
    note = _hosts_note("Hosts in no allowed group", groups.outside)
    reading = Seen([*sorted(groups.texts)], question.setting)
    return LookupResult(
        reading, stored.source, note=note, incomplete=incomplete or groups.incomplete
    )


class _HostGroups:
    """Sorts hosts by whether they belong to an allowed group."""

    def __init__(self, known: Outcome | None, allowed: set[str]) -> None:
        self.texts: set[str] = set()
        """Group names: only the allowed group of a host if it has one, otherwise all its groups."""
        self.outside: Rows = []
        self.incomplete: Unseen | None = None
        self._allowed = allowed
        self._people: dict[str, Rows] = {}
        self._ids: set[str] = set()
        self._why = Unseen(Cause.NOT_COLLECTED, "the members of groups were not requested")
        self._names_why: Unseen | None = None
        if isinstance(known, Document) and isinstance(known.body, dict):
            gone = "hosts are no longer listed as users, so their groups cannot be told"
            self._why = missing(known.body, "users") or Unseen(Cause.ABSENT, gone)
            self._names_why = missing(known.body, "groups")
            for person in rows_of(known.body, "hosts"):
                groups = rows_of(person, "groups")
                self._ids.update(str(group.get("id") or "") for group in groups)
                for key in ("id", "email"):
                    self._people[str(person.get(key) or "").casefold()] = groups

    def add(self, host: Body) -> None:
        """Add the groups of one host."""
        keys = [str(host.get(key) or "").casefold() for key in ("id", "host")]
        known = next((self._people[key] for key in keys if key and key in self._people), None)
        reported = host.get("groups")
        if known is not None:
            names = [(str(g.get("id") or ""), str(g.get("name") or "")) for g in known]
        elif isinstance(reported, list) and reported:
            names = [("", str(name)) for name in reported]
        elif not self._allowed:  # no group is allowed
            self.outside.append(host)
            self.texts.add(UNKNOWN_GROUP)
            return
        else:
            self.incomplete = self.incomplete or self._why
            return
        known_by = frozenset().union(*(of_group(*pair, self._ids) for pair in names))
        matching = sorted(t for t in self._allowed if not known_by.isdisjoint(plain_group(t)))
        if matching:
            own = [name for _, name in names if name.casefold() == matching[0].casefold()]
            self.texts.add((own or matching)[0])
        elif self._allowed and self._names_why is not None and not all(n for _, n in names):
            self.incomplete = self.incomplete or self._names_why
        else:
            self.outside.append(host)
            texts = {name or group_id for group_id, name in names} or {NO_GROUP}
            allowed_folded = {
                name.casefold() for name in self._allowed
            }  # for example a name that equals another group's id
            self.texts |= {f"group {t}" if t.casefold() in allowed_folded else t for t in texts}


def _hosts_note(what: str, hosts: Iterable[Body]) -> str:
    items = [
        f"{host.get('host') or host.get('id') or 'unnamed'} ({number(host, 'meetings')})"
        for host in hosts
    ]
    return f"{what}, with their meetings: {some(items)}." if items else ""


def _count_sessions(fetch: Fetch) -> JsonValue:
    return {"sessions": [{"count": sum(1 for _ in fetch.rows(fetch.days))}]}


def _sessions(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The number of sessions; unknown if the document does not have its one row."""
    count = number(next(iter(stored.rows), {}), "count")
    return LookupResult(Seen(count, question.setting), stored.source)


PAST_MEETINGS = Surface(
    name=history("").surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.HISTORY_MEETINGS, fetch=_past_meetings)},
    option_name="meeting_feature",
    read=_hosted,
    rows="hosts",
    shape="integer",
    names_hosts=True,
    is_use=True,
    people=_BY_HOST,
)
SUMMARISED_MEETINGS = Surface(
    name=SUMMARIES.surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.MEETING_SUMMARIES, fetch=_summaries)},
    read=_hosted,
    rows="hosts",
    shape="integer",
    names_hosts=True,
    is_use=True,
    people=_BY_HOST,
)
REMOTE_SUPPORT = Surface(
    name="report_remote_support",
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.REMOTE_SUPPORT, fetch=_count_sessions)},
    read=_sessions,
    rows="sessions",
    shape="integer",
    is_use=True,
)
"""Who took over whose desktop. Only the number of sessions is stored."""
GROUPS_OF_HOSTS = Surface(
    name=HOSTS.surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.USERS, more=(endpoints.GROUPS,))},
    people=_BY_HOST,
)
"""Made from the lists of users and groups, for the hosts that reports name."""
