"""The request that makes a step of a plan true, and the document that shows whether it is.

Both follow from the step alone, so a plan whose requests were edited is recognised.
"""

from collections.abc import Mapping
from typing import Literal, cast
from urllib.parse import quote

from auditor.evidence.reading import JsonValue, Unseen, at_path
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.policy.catalogue import writable

Kind = Literal["value", "lock"]

_PATHS: Mapping[Level, str] = {
    Level.ACCOUNT: "/accounts/me",
    Level.GROUP: "/groups/{id}",
    Level.USER: "/users/{id}",
}


def is_writable(kind: Kind, level: Level, setting: str) -> bool:
    """True if Zoom documents a request that changes the setting or lock at `level`."""
    if kind == "lock":
        return level in writable.lock_levels(setting)
    return level in writable.levels(setting) and not writable.has_other_form(setting)


def view(kind: Kind, setting: str) -> View:
    """The document of a scope that contains the setting or lock."""
    return writable.lock_view(setting) if kind == "lock" else writable.view(setting)


def path(kind: Kind, level: Level, scope_id: str) -> str:
    """The path below `/v2` that reads (GET) and writes (PATCH) the settings or locks of a scope."""
    document = "lock_settings" if kind == "lock" else "settings"
    return f"{_PATHS[level].format(id=quote(scope_id, safe=''))}/{document}"


def reading_query(kind: Kind, setting: str) -> dict[str, str]:
    """The query of the request that reads the document with the setting or lock."""
    option = view(kind, setting).option
    return {"option": option} if option else {}


def writing_query(kind: Kind, level: Level, setting: str) -> dict[str, str]:
    """The query of the request that writes it. Source: RIV types; account locks have no option."""
    if kind == "lock" and level is Level.ACCOUNT:
        return {}
    return reading_query(kind, setting)


def body(setting: str, value: JsonValue) -> dict[str, JsonValue]:
    """One leaf in its section: `{"recording": {"cloud_recording": false}}`."""
    nested = value
    for key in reversed(setting.split(".")):
        nested = {key: nested}
    return cast("dict[str, JsonValue]", nested)


def value_in(kind: Kind, setting: str, document: JsonValue) -> JsonValue | Unseen:
    """The setting or lock in a document of its view, which Zoom may return without its section."""
    found = at_path(document, setting)
    option = view(kind, setting).option
    if isinstance(found, Unseen) and option and setting.startswith(f"{option}."):
        return at_path(document, setting.removeprefix(f"{option}."))
    return found
