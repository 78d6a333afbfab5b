"""Settings and lock documents of account, groups and users, and the phone policies."""

import json
from typing import Final

from auditor.sandbox.documents import Json
from auditor.sandbox.endpoint import operation
from auditor.sandbox.service import Call, Refused, SandboxResponse, Service, to_json
from auditor.sandbox.variants import USER_MARK

_NO_PHONE: Final = "This account does not have a Zoom Phone subscription."


@operation(
    "/accounts/{accountId}/settings",
    "Medium",
    "account:read:settings:admin",
    "account:read:settings:master",
    classic="account:read:admin",
)
def account_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /accounts/{accountId}/settings`."""
    require_account(service, call, status=404)
    return _view(service.changes.bodies("account", 0, "settings"), call)


@operation(
    "/accounts/{accountId}/lock_settings",
    "Medium",
    "account:read:lock_settings:admin",
    "account:read:lock_settings:master",
    classic="account:read:admin",
)
def account_lock_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /accounts/{accountId}/lock_settings`. An unknown account is a 400 here (spec 2024)."""
    require_account(service, call, status=400)
    return _view(service.changes.bodies("account", 0, "lock_settings"), call)


@operation(
    "/groups/{groupId}/settings", "Medium", "group:read:settings:admin", classic="group:read:admin"
)
def group_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /groups/{groupId}/settings`."""
    return _view(service.changes.bodies("group", group_of(service, call), "settings"), call)


@operation(
    "/groups/{groupId}/lock_settings",
    "Medium",
    "group:read:lock_settings:admin",
    classic="group:read:admin",
)
def group_lock_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /groups/{groupId}/lock_settings`."""
    return _view(service.changes.bodies("group", group_of(service, call), "lock_settings"), call)


@operation(
    "/users/{userId}/settings", "Medium", "user:read:settings:admin", classic="user:read:admin"
)
def user_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /users/{userId}/settings`. The authentication view has the shape seen live."""
    world = service.world
    index = user_of(service, call)
    if index >= world.present:
        raise Refused(400, 1120, "The invitation has expired or does not exist.")
    if index == world.broken_user:
        raise Refused(500, 500, "Internal server error.")
    answer = _view(service.changes.bodies("user", index, "settings"), call)
    body = answer.body
    if service.faults.nested_auth_view and call.query.get("option") == "meeting_authentication":
        body = b'{"authentication_options":{"meeting_authentication":' + body + b"}}"
    return SandboxResponse(200, body.replace(USER_MARK, world.user_id(index).encode()))


@operation(
    "/phone/account_settings",
    "Light",
    "phone:read:list_account_settings:admin",
    classic="phone:read:admin",
)
def phone_account_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /phone/account_settings`, all settings or those of `setting_types`."""
    _licensed_for_phone(service)
    return to_json(_of_types(service.world.phone("phone_account"), call))


@operation(
    "/phone/groups/{groupId}/settings",
    "Light",
    "phone:read:group_setting:admin",
    classic="phone:read:admin",
)
def phone_group_settings(service: Service, call: Call) -> SandboxResponse:
    """`GET /phone/groups/{groupId}/settings`, all settings or those of `setting_types`."""
    _licensed_for_phone(service)
    group_of(service, call)
    return to_json(_of_types(service.world.phone("phone_group"), call))


@operation("/phone/sites", "Medium", "phone:read:list_sites:admin", classic="phone:read:admin")
def phone_sites(service: Service, call: Call) -> SandboxResponse:
    """`GET /phone/sites`: one site."""
    _licensed_for_phone(service)
    row = {"id": service.world.site_id, "name": "Main site", "site_code": 1}
    return service.page(
        call, "sites", 1, lambda start, size: [row][start : start + size], largest=300
    )


@operation("/phone/sites/{siteId}", "Light", "phone:read:site:admin", classic="phone:read:admin")
def phone_site(service: Service, call: Call) -> SandboxResponse:
    """`GET /phone/sites/{siteId}`, with its policy."""
    _licensed_for_phone(service)
    if call.ids["siteId"] != service.world.site_id:
        raise Refused(404, 404, "The site does not exist.")
    policy = service.world.phone("phone_site")
    return to_json({"id": service.world.site_id, "name": "Main site", "policy": policy})


@operation("/phone/users/{userId}", "Light", "phone:read:user:admin", classic="phone:read:admin")
def phone_user(service: Service, call: Call) -> SandboxResponse:
    """`GET /phone/users/{userId}`, with its policy. Only active users have a phone."""
    _licensed_for_phone(service)
    world = service.world
    index = user_of(service, call)
    if world.status(index) != "active":
        raise Refused(404, 404, "The phone user does not exist.")
    return to_json(
        {
            "id": world.user_id(index),
            "email": world.user_email(index),
            "extension_number": 1000 + index,
            "status": "activate",
            "policy": world.phone("phone_user"),
        }
    )


def _of_types(body: dict[str, Json], call: Call) -> dict[str, Json]:
    requested = call.query.get("setting_types")
    names = list(body) if requested is None else requested.split(",")
    return {name: body[name] for name in names if name in body}


def account_value(service: Service, section: str, name: str) -> Json:
    """A section's entry in the account's default view, as served."""
    body = json.loads(service.changes.bodies("account", 0, "settings")["default"])
    return body.get(section, {}).get(name)


def group_of(service: Service, call: Call) -> int:
    """The group in the path.

    Raises:
        Refused: 404 with code 4130.
    """
    text = call.ids["groupId"]
    group = service.world.group_index(text)
    if group is not None and group >= service.world.group_count - service.faults.departing_groups:
        service.departed.add(("group", group))
        group = None
    if group is None:
        raise Refused(404, 4130, f"A group with this {text} does not exist.")
    return group


def user_of(service: Service, call: Call) -> int:
    """The user in the path.

    Raises:
        Refused: 404 with code 1001.
    """
    text = call.ids["userId"]
    index = service.world.user_index(text)
    departing = service.world.count("active") - service.faults.departing_users
    if index is not None and service.world.is_deleted(index) and index >= departing:
        service.departed.add(("user", index))
    if index is None or service.world.is_deleted(index):
        raise Refused(404, 1001, f"User does not exist: {text}")
    return index


def _view(views: dict[str, bytes], call: Call) -> SandboxResponse:
    option = call.query.get("option", "")
    body = views.get(option or "default")
    if body is None or option == "default":
        raise Refused(400, 300, f"Invalid field: option {option}.")
    return SandboxResponse(200, body)


def require_account(service: Service, call: Call, *, status: int) -> None:
    """Require that the account in the path is this one.

    Raises:
        Refused: the status, with code 2001.
    """
    text = call.ids["accountId"]
    if text not in ("me", service.world.account_id):
        raise Refused(status, 2001, f"Account does not exist: {text}")


def _licensed_for_phone(service: Service) -> None:
    if not service.world.rules.has_phone:
        raise Refused(400, 200, _NO_PHONE)
