"""Writing settings and locks of the account, of groups and of users, with Zoom's manners.

A PATCH is partial by section. A leaf that cannot be written, that a lock above holds or that
belongs to another view is left as it is, and the response is a 204 all the same.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from auditor.sandbox import write_rules
from auditor.sandbox.documents import Json
from auditor.sandbox.endpoint import operation
from auditor.sandbox.inheritance import SettingsOwner
from auditor.sandbox.service import Call, Refused, SandboxResponse, Service
from auditor.sandbox.settings_reads import group_of, require_account, user_of
from auditor.sandbox.variants import Surface

_PAID: Final = "Only available for Paid account."
_ACCOUNT_SETTINGS: Final = ("account:update:settings:admin", "account:update:settings:master")
_ACCOUNT_LOCKS: Final = (
    "account:update:lock_settings:admin",
    "account:update:lock_settings:master",
)
_DONE: Final = SandboxResponse(204, b"")


@operation(
    "/accounts/{accountId}/settings",
    "Medium",
    *_ACCOUNT_SETTINGS,
    classic="account:write:admin",
    method="PATCH",
)
def write_account_settings(service: Service, call: Call) -> SandboxResponse:
    """`PATCH /accounts/{accountId}/settings`."""
    require_account(service, call, status=404)
    return _write(service, call, SettingsOwner("account", 0), "settings")


@operation(
    "/accounts/{accountId}/lock_settings",
    "Medium",
    *_ACCOUNT_LOCKS,
    classic="account:write:admin",
    method="PATCH",
)
def write_account_locks(service: Service, call: Call) -> SandboxResponse:
    """`PATCH /accounts/{accountId}/lock_settings`. It takes no `option`."""
    require_account(service, call, status=404)
    return _write(service, call, SettingsOwner("account", 0), "lock_settings")


@operation(
    "/groups/{groupId}/settings",
    "Medium",
    "group:update:settings:admin",
    classic="group:write:admin",
    method="PATCH",
)
def write_group_settings(service: Service, call: Call) -> SandboxResponse:
    """`PATCH /groups/{groupId}/settings`."""
    return _write(service, call, SettingsOwner("group", group_of(service, call)), "settings")


@operation(
    "/groups/{groupId}/lock_settings",
    "Medium",
    "group:update:lock_settings:admin",
    classic="group:write:admin",
    method="PATCH",
)
def write_group_locks(service: Service, call: Call) -> SandboxResponse:
    """`PATCH /groups/{groupId}/lock_settings`."""
    return _write(service, call, SettingsOwner("group", group_of(service, call)), "lock_settings")


@operation(
    "/users/{userId}/settings",
    "Medium",
    "user:update:settings:admin",
    classic="user:write:admin",
    method="PATCH",
)
def write_user_settings(service: Service, call: Call) -> SandboxResponse:
    """`PATCH /users/{userId}/settings`."""
    index = user_of(service, call)
    if index >= service.world.present:
        raise Refused(400, 1120, "The invitation has expired or does not exist.")
    return _write(service, call, SettingsOwner("user", index), "settings")


def _write(service: Service, call: Call, place: SettingsOwner, surface: Surface) -> SandboxResponse:
    if service.conduct.plan == "free":
        raise Refused(400, 200, _PAID)
    body = _parsed(call)
    view = _view(service, call, place, surface)
    leaves = _without_unknown(body, view)
    if errors := [
        {"field": path, "message": message}
        for path, value in leaves.items()
        if (message := _fault(path, value, view[path]))
    ]:
        raise Refused(400, 300, "Validation Failed.", errors)
    if not service.conduct.keeps_siblings:
        leaves = {**_reset_siblings(body, view), **leaves}
    is_lock = surface == "lock_settings"
    changed = {
        path: value
        for path, value in leaves.items()
        if value != view[path]
        and not write_rules.is_read_only(place.level, path, lock=is_lock)
        and not _is_held(service, place, surface, path)
    }
    owner = service.world.user_email(0)
    number = service.count_write()
    if not service.faults.ignores_write(number):
        service.changes.write(place, surface, changed, owner, call.now)
        if changed and service.faults.is_contested(number):
            other = service.world.user_email(min(1, service.world.present - 1))
            before = {path: view[path] for path in changed}
            service.changes.write(place, surface, before, other, call.now)
    return _DONE


def _is_held(service: Service, place: SettingsOwner, surface: Surface, path: str) -> bool:
    if surface == "settings":
        return service.changes.is_held(place, path)
    return place.level == "group" and service.changes.is_lock_held(path)


def _parsed(call: Call) -> dict[str, Json]:
    if call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(400, 300, "Request Body should be a valid JSON object.")
    try:
        body = json.loads(call.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, 300, "Request Body should be a valid JSON object.")
    return body


def _view(service: Service, call: Call, place: SettingsOwner, surface: Surface) -> dict[str, Json]:
    """The leaves of the view that the PATCH is for, by path."""
    views = {
        name: json.loads(text)
        for name, text in service.changes.bodies(place.level, place.index, surface).items()
    }
    if surface == "lock_settings" and place.level == "account":
        return {path: value for body in views.values() for path, value in _flat(body)}
    option = call.query.get("option") or "default"
    if option not in views or call.query.get("option") == "default":
        raise Refused(400, 300, f"Invalid field: option {option}.")
    return dict(_flat(views[option]))


def _flat(body: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    if not isinstance(body, dict) or (path and not body):
        yield path, body
        return
    for key, value in body.items():
        yield from _flat(value, f"{path}.{key}" if path else key)


def _without_unknown(body: Mapping[str, Json], view: Mapping[str, Json]) -> dict[str, Json]:
    """The leaves of the request that the view has."""
    return {path: value for path, value in _flat(dict(body)) if path in view}


def _fault(path: str, value: Json, before: Json) -> str:
    """Why a value is refused; empty if it is not."""
    if "domain" in path.rpartition(".")[2] and isinstance(value, list | str):
        domains = value if isinstance(value, list) else value.split(",")
        if any("." not in str(domain) for domain in domains if domain):
            return "Invalid domain list."
    if before is None or isinstance(value, type(before)):
        return ""
    if isinstance(before, float) and isinstance(value, int) and not isinstance(value, bool):
        return ""
    return f"Invalid value; expected {type(before).__name__}."


def _reset_siblings(body: Mapping[str, Json], view: Mapping[str, Json]) -> dict[str, Json]:
    """What a service that replaces objects below a section makes of the leaves left out."""
    objects = [
        f"{section}.{key}."
        for section, inner in body.items()
        if isinstance(inner, dict)
        for key, value in inner.items()
        if isinstance(value, dict)
    ]
    return {
        path: type(value)()
        for path, value in view.items()
        if value is not None and any(path.startswith(root) for root in objects)
    }
