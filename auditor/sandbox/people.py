"""Users, groups and roles: the listings, and one of each."""

from collections.abc import Iterable, Iterator
from typing import Final

from auditor.sandbox.documents import Json
from auditor.sandbox.endpoint import operation
from auditor.sandbox.identity import digest, person
from auditor.sandbox.service import Call, Refused, SandboxResponse, Service, to_json
from auditor.sandbox.settings_reads import group_of, user_of
from auditor.sandbox.world import Status, World, page

_ROLES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "0": ("Owner", "Account owner", ()),
    "1": (
        "Admin",
        "Manages users and settings",
        ("AccountSetting:Read", "AccountSetting:Edit", "User:Read", "User:Edit", "Group:Edit"),
    ),
    "2": ("Member", "No administrative privileges", ()),
}
"""Name, description and privileges by role id."""
_STATUSES: Final[dict[str, Status]] = {
    "active": "active",
    "inactive": "inactive",
    "pending": "pending",
}


@operation("/users", "Medium", "user:read:list_users:admin", classic="user:read:admin")
def users(service: Service, call: Call) -> SandboxResponse:
    """`GET /users`, by status."""
    world = service.world
    status = call.query.get("status", "active")
    if status not in _STATUSES:
        raise Refused(400, 300, f"Invalid field: status {status}.")
    everybody = world.indices(_STATUSES[status])
    indices = [index for index in everybody if ("user", index) not in service.departed]
    with_key = "host_key" in call.query.get("include_fields", "").split(",")
    with_groups = not service.faults.group_ids_absent

    def rows(start: int, size: int) -> Iterator[Json]:
        for index in indices[start : start + size]:
            row = _user_row(world, index, with_key)
            if not with_groups:
                del row["group_ids"]
            yield row

    repeats = service.faults.duplicate_users
    return service.page(call, "users", len(indices), rows, largest=2000, repeats=repeats)


@operation("/users/{userId}", "Light", "user:read:user:admin", classic="user:read:admin")
def user(service: Service, call: Call) -> SandboxResponse:
    """`GET /users/{userId}`, id or address."""
    world = service.world
    index = user_of(service, call)
    user_id = world.user_id(index)
    link = f"https://zoom.example/j/{_pmi(world, index)}?pwd=CANARY-personal-{user_id}"
    return to_json(
        {
            **_user_row(world, index, with_key=False),
            "id": user_id,
            "account_id": world.account_id,
            "role_name": _ROLES[world.role(index)][0],
            "login_types": [101],
            "use_pmi": False,
            "personal_meeting_url": link,
            "job_title": "",
            "location": "",
        }
    )


@operation("/groups", "Medium", "group:read:list_groups:admin", classic="group:read:admin")
def groups(service: Service, call: Call) -> SandboxResponse:
    """`GET /groups`."""
    world = service.world

    def rows(start: int, size: int) -> Iterator[Json]:
        return (_group_row(world, group) for group in present[start : start + size])

    present = [each for each in range(world.group_count) if ("group", each) not in service.departed]
    return service.page(call, "groups", len(present), rows, largest=300)


@operation("/groups/{groupId}", "Light", "group:read:group:admin", classic="group:read:admin")
def group(service: Service, call: Call) -> SandboxResponse:
    """`GET /groups/{groupId}`."""
    return to_json(_group_row(service.world, group_of(service, call)))


@operation(
    "/groups/{groupId}/members",
    "Medium",
    "group:read:list_members:admin",
    classic="group:read:admin",
)
def group_members(service: Service, call: Call) -> SandboxResponse:
    """`GET /groups/{groupId}/members`. Rows do not tell whose primary group it is."""
    world = service.world
    ranges = world.members(group_of(service, call))

    def rows(start: int, size: int) -> Iterator[Json]:
        return (_member_row(world, index) for index in page(ranges, start, size))

    return service.page(call, "members", sum(map(len, ranges)), rows, largest=2000)


@operation("/roles", "Medium", "role:read:list_roles:admin", classic="role:read:admin")
def roles(service: Service, _: Call) -> SandboxResponse:
    """`GET /roles`, not paged."""
    rows = [
        {
            "id": role,
            "name": name,
            "description": description,
            "type": "common",
            "total_members": len(_holders(service.world, role)),
        }
        for role, (name, description, _) in _ROLES.items()
    ]
    return to_json({"roles": rows, "total_records": len(rows)})


@operation("/roles/{roleId}", "Medium", "role:read:role:admin", classic="role:read:admin")
def role(service: Service, call: Call) -> SandboxResponse:
    """`GET /roles/{roleId}`, with its privileges."""
    role_id = _role_of(call)
    name, description, privileges = _ROLES[role_id]
    return to_json(
        {
            "id": role_id,
            "name": name,
            "description": description,
            "type": "common",
            "total_members": len(_holders(service.world, role_id)),
            "privileges": list(privileges),
        }
    )


@operation(
    "/roles/{roleId}/members", "Medium", "role:read:list_members:admin", classic="role:read:admin"
)
def role_members(service: Service, call: Call) -> SandboxResponse:
    """`GET /roles/{roleId}/members`."""
    world = service.world
    holders = _holders(world, _role_of(call))

    def rows(start: int, size: int) -> Iterable[Json]:
        return (_member_row(world, index) for index in holders[start : start + size])

    return service.page(call, "members", len(holders), rows, largest=300)


def _holders(world: World, role_id: str) -> range:
    bounds = {"0": (0, 1), "1": (1, 3), "2": (3, world.present)}
    start, stop = bounds[role_id]
    return range(min(start, world.present), min(stop, world.present))


def _role_of(call: Call) -> str:
    role_id = call.ids["roleId"]
    if role_id not in _ROLES:
        raise Refused(400, 1034, f"Role does not exist: {role_id}")
    return role_id


def _user_row(world: World, index: int, with_key: bool) -> dict[str, Json]:
    first, last = person(world.seed, index)
    status = world.status(index)
    row: dict[str, Json] = {
        "id": world.user_id(index),
        "first_name": first,
        "last_name": last,
        "display_name": f"{first} {last}",
        "email": world.user_email(index),
        "type": world.licence(index),
        "pmi": _pmi(world, index),
        "timezone": "Europe/Lisbon",
        "verified": int(status != "pending"),
        "dept": "",
        "created_at": "2025-02-03T09:00:00Z",
        "last_login_time": "2026-11-20T08:30:00Z",
        "group_ids": [world.group_id(group) for group in world.groups_of(index)],
        "language": "en-US",
        "status": status,
        "role_id": world.role(index),
    }
    if status == "pending":
        del row["last_login_time"], row["pmi"]
        if not world.rules.pending_have_ids:
            del row["id"]
    if with_key:
        row["host_key"] = f"CANARY-host-key-{world.user_id(index)}"
    return row


def _member_row(world: World, index: int) -> dict[str, Json]:
    first, last = person(world.seed, index)
    return {
        "id": world.user_id(index),
        "email": world.user_email(index),
        "first_name": first,
        "last_name": last,
        "type": world.licence(index),
    }


def _group_row(world: World, group: int) -> dict[str, Json]:
    return {
        "id": world.group_id(group),
        "name": world.group_name(group),
        "total_members": sum(map(len, world.members(group))),
    }


def _pmi(world: World, index: int) -> int:
    return 2_000_000_000 + int.from_bytes(digest(world.seed, "pmi", index)[:4], "big") % 10**9
