"""Usage of the last 30 days, roles that may change settings, and apps of the account.

Only the data that a verdict needs is stored: counts by host instead of meetings, one line of a log
entry. No document contains the date of the request, so equal usage gives equal evidence from night
to night.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from auditor.collect.document_requests import CollectionContext, DocumentRequest
from auditor.collect.operation_log import without_secrets
from auditor.collect.parsing import as_text
from auditor.evidence import read_plan
from auditor.evidence.reading import JsonValue
from auditor.evidence.view import View
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import Rejected, ZoomError

DAYS = 30
"""How many days of usage are read. Zoom's reports return one month per request."""

LONGEST_ENTRY = 300
"""Characters of a log entry that are stored: enough for a change, too few for a message."""

SUMMARIES_OFF = 3000
_OFF = re.compile(r"\bsummar(?:y|ies)\b.*\bdisabled\b", re.IGNORECASE | re.DOTALL)
"""Text that has to come with the code, because Zoom uses it for webinars, too."""

SAVED = "use"
"""The key of the snapshot's metadata under which names from reports are stored."""

Row = Mapping[str, JsonValue]


@dataclass
class AccountUse:
    """Reads the usage documents of the account."""

    context: CollectionContext
    meetings_with_ai: dict[str, str] = field(default_factory=dict)
    """Past meetings that show the AI notice: UUID to start time."""
    calls_with_ai: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """The same meetings: UUID to meeting number, start and end."""
    hosts: set[str] = field(default_factory=set)
    """The hosts that reports name, by address or id."""

    def __post_init__(self) -> None:
        saved = json.loads(self.context.snapshot.meta(SAVED) or "{}")
        self.meetings_with_ai.update(saved.get("meetings", {}))
        self.calls_with_ai.update({u: (n, s, e) for u, (n, s, e) in saved.get("calls", {}).items()})
        self.hosts.update(saved.get("hosts", ()))

    def save(self) -> None:
        """Store what a resumed run needs and the documents do not contain."""
        fields = {"meetings": self.meetings_with_ai, "hosts": sorted(self.hosts)}
        calls = {"calls": self.calls_with_ai} if self.calls_with_ai else {}
        self.context.snapshot.set_metadata(SAVED, json.dumps({**fields, **calls}))

    def requests(self) -> list[DocumentRequest]:
        """A request for each usage document of the plan."""
        reads = self.context.reads
        documents: list[tuple[View, Endpoint, Callable[[], JsonValue]]] = []
        for feature in reads.features:
            documents.append(
                (
                    read_plan.history(feature),
                    endpoints.HISTORY_MEETINGS,
                    self._feature_reader(feature),
                )
            )
        if reads.summaries:
            documents.append((read_plan.SUMMARIES, endpoints.MEETING_SUMMARIES, self._summaries))
        for kind in reads.apps:
            documents.append(
                (read_plan.apps(kind), endpoints.MARKETPLACE_APPS, self._listing(kind))
            )
        if reads.privileges:
            documents.append((read_plan.ROLES, endpoints.ROLES, self._roles))
        if reads.logs:
            documents.append((read_plan.LOGS, endpoints.OPERATION_LOGS, self._logs))
        if reads.workflows and self._is_granted(endpoints.AI_WORKFLOWS):
            documents.append((read_plan.WORKFLOWS, endpoints.AI_WORKFLOWS, self._workflows))
        account = self.context.account
        return [
            DocumentRequest(account, view, _source(at, view), ask) for view, at, ask in documents
        ]

    @property
    def _window(self) -> tuple[date, date]:
        today = self.context.today()
        return today - timedelta(days=DAYS - 1), today

    @property
    def _days(self) -> dict[str, str]:
        first, last = self._window
        return {"from": str(first), "to": str(last)}

    def _feature_reader(self, feature: str) -> Callable[[], JsonValue]:
        """A function that reads which hosts used `feature`.

        The row of a meeting has to confirm the use, because older APIs do not know the filter.
        """

        def ask() -> JsonValue:
            used, unclear = Counter[str](), Counter[str]()
            groups: dict[str, list[str]] = {}
            params = {**self._days, "meeting_type": "all", "meeting_feature": feature}
            for row in self.context.api.items(endpoints.HISTORY_MEETINGS, params=params):
                features = row.get("feature_used")
                state = features.get(feature) if isinstance(features, dict) else None
                if state is False:
                    continue
                host = as_text(row.get("host_email"))
                groups.setdefault(host, []).extend(_texts(row.get("group")))
                if state is True:
                    used[host] += 1
                    self._remember(feature, row)
                else:
                    unclear[host] += 1
            self.hosts.update(groups)
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

        return ask

    def _remember(self, feature: str, row: Row) -> None:
        uuid = as_text(row.get("meeting_uuid"))
        if uuid and feature in read_plan.AI_FEATURES:
            start, end = as_text(row.get("start_time")), as_text(row.get("end_time"))
            self.meetings_with_ai[uuid] = start
            if "ai" in self.context.reads.answered:
                self.calls_with_ai[uuid] = (as_text(row.get("meeting_id")), start, end)

    def _summaries(self) -> JsonValue:
        """Read the hosts of summarised meetings. Zoom refuses the list if summaries are off."""
        first, last = self._window
        params = {"from": f"{first}T00:00:00Z", "to": f"{last}T23:59:59Z"}
        made: Counter[tuple[str, str]] = Counter()
        refused = ""
        try:
            for row in self.context.api.items(endpoints.MEETING_SUMMARIES, params=params):
                made[
                    as_text(row.get("meeting_host_email")), as_text(row.get("meeting_host_id"))
                ] += 1
        except Rejected as error:
            if error.code != SUMMARIES_OFF or not _OFF.search(error.detail):
                raise
            refused = error.detail
        self.hosts.update(name for pair in made for name in pair)
        hosts: list[JsonValue] = [
            {"host": email, "id": host_id, "meetings": count}
            for (email, host_id), count in sorted(made.items())
        ]
        return {"hosts": hosts, "off": refused}

    def _listing(self, kind: str) -> Callable[[], JsonValue]:
        def ask() -> JsonValue:
            params = {"type": kind}
            apps = self.context.api.items(endpoints.MARKETPLACE_APPS, params=params)
            return {"apps": [*sorted(map(_app, apps), key=lambda app: str(app["id"]))]}

        return ask

    def _roles(self) -> JsonValue:
        """Read the roles, their privileges, and the members of roles that may change settings."""
        api, patterns = self.context.api, self.context.reads.privileges
        roles: list[JsonValue] = []
        for row in list(api.items(endpoints.ROLES)):
            role_id = as_text(row.get("id"))
            ids = {"roleId": role_id}
            privileges: list[str] | None = []
            if role_id not in read_plan.BUILT_IN_ADMIN_ROLES:
                listed = api.get(endpoints.ROLE, ids=ids).get("privileges")
                privileges = _texts(listed) if isinstance(listed, list) else None
            counts = role_id in read_plan.BUILT_IN_ADMIN_ROLES or any(
                read_plan.is_any(privilege, patterns) for privilege in privileges or ()
            )
            members: list[JsonValue] | None = None
            if counts:
                people = api.items(endpoints.ROLE_MEMBERS, ids=ids)
                members = [
                    *sorted({as_text(p.get("id")) or as_text(p.get("email")) for p in people})
                ]
            roles.append(
                {
                    "id": role_id,
                    "name": as_text(row.get("name")),
                    "privileges": None if privileges is None else [*sorted(privileges)],
                    "members": members,
                }
            )
        return {"roles": roles}

    def _is_granted(self, endpoint: Endpoint) -> bool:
        """True if the token has a scope for an endpoint that is read only then."""
        try:
            return endpoint.is_allowed_by(self.context.api.authenticate())
        except ZoomError:
            return False

    def _workflows(self) -> JsonValue:
        """Read the workflows. The names of their fields are not published."""
        workflows: list[dict[str, JsonValue]] = []
        for row in self.context.api.items(endpoints.AI_WORKFLOWS):
            ids = (as_text(row.get(key)) for key in ("id", "flow_id", "flowId"))
            names = (as_text(row.get(key)) for key in ("name", "flow_name", "flowName", "title"))
            workflows.append(
                {"id": next(filter(None, ids), ""), "name": next(filter(None, names), "")}
            )
        return {
            "workflows": [*sorted(workflows, key=lambda workflow: [*map(str, workflow.values())])]
        }

    def _logs(self) -> JsonValue:
        entries: list[dict[str, JsonValue]] = []
        for category in self.context.reads.logs:
            params = {**self._days, "category_type": category}
            for row in self.context.api.items(endpoints.OPERATION_LOGS, params=params):
                detail = row.get("operation_detail")
                entries.append(
                    {
                        "time": as_text(row.get("time")),
                        "operator": as_text(row.get("operator")),
                        "category": as_text(row.get("category_type")),
                        "action": as_text(row.get("action")),
                        "detail": _line(detail) if isinstance(detail, str) else "",
                    }
                )
        entries.sort(key=lambda entry: [*map(str, entry.values())])
        return {"entries": [*entries]}


def _source(endpoint: Endpoint, view: View) -> str:
    """The request by which reports name it, with the parameter that distinguishes documents."""
    name = {endpoints.HISTORY_MEETINGS: "meeting_feature", endpoints.MARKETPLACE_APPS: "type"}
    return f"{endpoint.request}?{name[endpoint]}={view.option}" if view.option else endpoint.request


def _app(row: Row) -> dict[str, JsonValue]:
    """An app with its scopes; they are None if one of them cannot be read."""
    listed = row.get("scopes")
    scopes: list[JsonValue] | None = None
    if isinstance(listed, list):
        names = [
            as_text(scope.get("scope_name") if isinstance(scope, dict) else scope)
            for scope in listed
        ]
        scopes = [*sorted(names)] if all(names) else None
    return {
        "id": as_text(row.get("app_id")),
        "name": as_text(row.get("app_name")),
        "developer": as_text(row.get("app_developer_type")),
        "scopes": scopes,
    }


def _texts(value: JsonValue) -> list[str]:
    items: Iterable[JsonValue] = value if isinstance(value, list) else ()
    return [text for text in map(as_text, items) if text]


def _line(detail: str) -> str:
    return (
        " ".join(without_secrets(detail).split())
        .encode("utf-8", "replace")
        .decode("utf-8")[:LONGEST_ENTRY]
    )
