"""Administration: the app's own token, roles, apps, workflows and the operation log."""

import re

from auditor.evidence import operation_log
from auditor.evidence.json_values import as_text
from auditor.evidence.read_plan import (
    LOGS,
    ROLES,
    TOKEN,
    WORKFLOWS,
    apps,
    is_any,
)
from auditor.evidence.reading import Cause, JsonValue, LookupResult, Seen, Unseen
from auditor.evidence.scope import Level
from auditor.redaction.text import REDACTED, is_secret_name
from auditor.surfaces.model import (
    SHOWN,
    Body,
    Fetch,
    People,
    StoredRows,
    Surface,
    SurfaceLevel,
    UseQuestion,
)
from auditor.zoom import endpoints

BUILT_IN_ADMIN_ROLES = ("0", "1")
"""The ids of the roles that may always change settings: owner and admin. Source: `GET /roles`."""

LONGEST_ENTRY = 300
"""Characters of a log entry that are stored: enough for a change, too few for a message."""

ADMIN_SCOPES = ".admin_scopes"
"""The suffix of settings on apps that can change settings."""

_PARTS = re.compile(r"(\s+-\s+)")
_CHANGE = re.compile(
    r"(?s)(?P<label>[^:]*)(?P<how>:\s*(?:from|set to)\s+)(?P<values>.*)", re.IGNORECASE
)
_TO = re.compile(r"(\s+to\s+)", re.IGNORECASE)


def _apps(fetch: Fetch) -> JsonValue:
    found = map(_app, fetch.rows({"type": fetch.option}))
    return {"apps": [*sorted(found, key=lambda app: str(app["id"]))]}


def _app(row: Body) -> dict[str, JsonValue]:
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


def _roles(fetch: Fetch) -> JsonValue:
    """The roles, their privileges, and the members of roles that may change settings."""
    roles: list[JsonValue] = []
    for row in list(fetch.rows()):
        role_id = as_text(row.get("id"))
        ids = {"roleId": role_id}
        is_built_in = role_id in BUILT_IN_ADMIN_ROLES
        privileges: list[str] | None = []
        if not is_built_in:
            listed = fetch.api.get(endpoints.ROLE, ids=ids).get("privileges")
            privileges = _texts(listed) if isinstance(listed, list) else None
        members: list[JsonValue] | None = None
        if is_built_in or any(is_any(each, fetch.selection) for each in privileges or ()):
            people = fetch.api.items(endpoints.ROLE_MEMBERS, ids=ids)
            members = [*sorted({as_text(p.get("id")) or as_text(p.get("email")) for p in people})]
        roles.append(
            {
                "id": role_id,
                "name": as_text(row.get("name")),
                "privileges": None if privileges is None else [*sorted(privileges)],
                "members": members,
            }
        )
    return {"roles": roles}


def _texts(values: list[JsonValue]) -> list[str]:
    return [text for text in map(as_text, values) if text]


def _flows(fetch: Fetch) -> JsonValue:
    """The workflows. The names of their fields are not published."""
    workflows: list[dict[str, JsonValue]] = []
    for row in fetch.rows():
        ids = (as_text(row.get(key)) for key in ("id", "flow_id", "flowId"))
        names = (as_text(row.get(key)) for key in ("name", "flow_name", "flowName", "title"))
        workflows.append({"id": next(filter(None, ids), ""), "name": next(filter(None, names), "")})
    workflows.sort(key=lambda workflow: [*map(str, workflow.values())])
    return {"workflows": [*workflows]}


def _entries(fetch: Fetch) -> JsonValue:
    """The entries of each category of the selection."""
    entries: list[dict[str, JsonValue]] = []
    for category in fetch.selection:
        for row in fetch.rows({**fetch.days, "category_type": category}):
            detail = row.get("operation_detail")
            line = " ".join(without_secrets(detail).split()) if isinstance(detail, str) else ""
            entries.append(
                {
                    "time": as_text(row.get("time")),
                    "operator": as_text(row.get("operator")),
                    "category": as_text(row.get("category_type")),
                    "action": as_text(row.get("action")),
                    "detail": line.encode("utf-8", "replace").decode("utf-8")[:LONGEST_ENTRY],
                }
            )
    entries.sort(key=lambda entry: [*map(str, entry.values())])
    return {"entries": [*entries]}


def without_secrets(detail: str) -> str:
    """The text of an entry without the values of secrets, as in `Host Key: from 1 to 2`.

    Whether a passcode is required is not a secret, and neither is its minimum length.
    """
    return "".join(map(_without_secret, _PARTS.split(detail)))


def _without_secret(part: str) -> str:
    match = _CHANGE.match(part)
    if match is None or not is_secret_name(match["label"].strip()):
        return part
    values = [
        value if number % 2 or operation_log.parse_switch(value) is not None else REDACTED
        for number, value in enumerate(_TO.split(match["values"]))
    ]
    return match["label"] + match["how"] + "".join(values)


def _apps_with_scopes(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The apps with certain scopes: allowed ones by id, others by name and id."""
    is_admin = question.setting.endswith(ADMIN_SCOPES)
    patterns = question.patterns["admin_scopes" if is_admin else "app_scopes"]
    allowed = question.allowed or set()
    texts, shown, notes, unread = [], [], [], 0
    for app in stored.rows:
        listed = app.get("scopes")
        unread += not isinstance(listed, list)
        scopes = listed if isinstance(listed, list) else []
        touching = [str(scope) for scope in scopes if is_any(str(scope), patterns)]
        by_name = is_admin and is_any(str(app.get("name") or ""), question.patterns["admin_apps"])
        if not touching and not by_name:
            continue
        app_id, name = str(app.get("id") or ""), str(app.get("name") or "")
        called = f"{name} ({app_id})" if name else app_id or "an app without a name"
        is_allowed = app_id in allowed  # the vendor chooses the name, so only the id counts
        shown.append(called)
        texts.append(app_id if is_allowed else called)
        if not is_allowed:
            notes.append(
                f"{called} holds {', '.join(touching[:SHOWN])}"
                if touching
                else f"{called} is known to change settings"
            )
    incomplete = Unseen(Cause.ABSENT, f"Zoom did not return the scopes of {unread} apps")
    return LookupResult(
        Seen([*texts], question.setting),
        stored.source,
        note="; ".join(notes[:SHOWN]) + ("." if notes else ""),
        shown=[*shown],
        incomplete=incomplete if unread else None,
    )


def _deployed(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The workflows of Zoom's AI: allowed ones by id, which cannot be chosen, others by name."""
    allowed = question.allowed or set()
    texts: list[JsonValue] = []
    for row in stored.rows:
        flow_id, name = str(row.get("id") or ""), str(row.get("name") or "")
        called = f"{name} ({flow_id})" if name else flow_id or "a workflow without a name"
        texts.append(flow_id if flow_id in allowed else called)
    return LookupResult(Seen(texts, question.setting), stored.source)


def _admins(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The number of people who may change AI, recording or app settings."""
    patterns = question.patterns["privileges"]
    people: set[str] = set()
    parts: list[str] = []
    incomplete: Unseen | None = None
    for role in stored.rows:
        name, privileges, members = role.get("name"), role.get("privileges"), role.get("members")
        if not isinstance(privileges, list):
            incomplete = incomplete or Unseen(
                Cause.ABSENT, f"Zoom did not return what {name} may do"
            )
            continue
        if role.get("id") not in BUILT_IN_ADMIN_ROLES and not any(
            is_any(str(privilege), patterns) for privilege in privileges
        ):
            continue
        if not isinstance(members, list):
            detail = f"the members of {name} were not requested"
            incomplete = incomplete or Unseen(Cause.NOT_COLLECTED, detail)
            continue
        people.update(map(str, members))
        parts.append(f"{name or role.get('id')} {len(members)}")
    if not parts and incomplete is None:
        incomplete = Unseen(Cause.ABSENT, "Zoom listed no role that may change settings")
    note = f"By role: {', '.join(parts)}." if parts else ""
    return LookupResult(
        Seen(len(people), question.setting),
        stored.source,
        note=note,
        incomplete=incomplete,
    )


def _details(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The details of the operation log, which may name change records; shown as whole lines."""
    texts: list[JsonValue] = [
        operation_log.outside_names(str(row.get("detail") or "")) for row in stored.rows
    ]
    lines: list[JsonValue] = [
        f"{row.get('time')} {row.get('operator')}: {row.get('category')}: {row.get('detail')}"
        for row in stored.rows
    ]
    shown = lines if len(lines) <= SHOWN else [*lines[-SHOWN:], f"and {len(lines) - SHOWN} earlier"]
    return LookupResult(Seen(texts, question.setting), stored.source, shown=shown)


OWN_TOKEN = Surface(
    name=TOKEN.surface,
    levels={Level.APP: SurfaceLevel(None)},
    shape="scopes",
)
APPS = Surface(
    name=apps("").surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.MARKETPLACE_APPS, fetch=_apps)},
    option_name="type",
    read=_apps_with_scopes,
    rows="apps",
    shape="array",
)
ADMIN_ROLES = Surface(
    name=ROLES.surface,
    levels={
        Level.ACCOUNT: SurfaceLevel(
            endpoints.ROLES, more=(endpoints.ROLE, endpoints.ROLE_MEMBERS), fetch=_roles
        )
    },
    read=_admins,
    rows="roles",
    shape="integer",
    people=People("roles", ("members",)),
    patterns="privileges",
)
OPERATION_LOG = Surface(
    name=LOGS.surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.OPERATION_LOGS, fetch=_entries)},
    option_name="category_type",
    read=_details,
    rows="entries",
    shape="log",
    is_use=True,
    people=People("entries", ("operator",), ("detail", "operation_detail"), is_sorted=False),
    patterns="log_categories",
    adds="who changed a setting, and when",
)
AI_WORKFLOWS = Surface(
    name=WORKFLOWS.surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.AI_WORKFLOWS, fetch=_flows)},
    read=_deployed,
    rows="workflows",
    shape="array",
    is_optional=True,
    adds="which workflows of Zoom's AI there are (AI-21)",
)
