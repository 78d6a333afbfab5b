"""The planted truth against what is served, leaf by leaf, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from auditor.sandbox import SCENARIOS, Planted, World, serve
from auditor.sandbox.documents import leaves
from auditor.sandbox.variants import Kind
from tests.sandbox.conftest import Client, Start

ACCOUNT = ("", "meeting_authentication", "recording_authentication", "meeting_security", "security")
BELOW = ACCOUNT[:-1]
LOCKS = ("", "meeting_security")
SETTING: dict[str, Kind] = {"changed": "value", "added": "added", "absent": "absent"}
LOCK: dict[str, Kind] = {"changed": "lock", "added": "lock_added", "absent": "lock_absent"}


def compared(
    level: Any, scope: str, clean: dict[str, Any], served: dict[str, Any], kinds: dict[str, Kind]
) -> Iterator[Planted]:
    for path in clean.keys() | served.keys():
        if path not in served:
            yield Planted(level, scope, path, kinds["absent"], None)
        elif path not in clean:
            yield Planted(level, scope, path, kinds["added"], served[path])
        elif clean[path] != served[path]:
            yield Planted(level, scope, path, kinds["changed"], served[path])


def both(clean: Client, served: Client, path: str, options: tuple[str, ...]) -> tuple[Any, Any]:
    return clean.leaves(path, options), served.leaves(path, options)


def observed(clean: Client, served: Client) -> Iterator[Planted]:
    account = served.sandbox.account_id
    pair = both(clean, served, "/accounts/me/settings", ACCOUNT)
    yield from compared("account", account, *pair, SETTING)
    pair = both(clean, served, "/accounts/me/lock_settings", LOCKS)
    yield from compared("account", account, *pair, LOCK)
    for group in clean.all("/groups", "groups"):
        path = f"/groups/{group['id']}"
        pair = both(clean, served, f"{path}/settings", BELOW)
        yield from compared("group", group["id"], *pair, SETTING)
        pair = both(clean, served, f"{path}/lock_settings", LOCKS)
        yield from compared("group", group["id"], *pair, LOCK)
    for status in ("active", "inactive"):
        for user in clean.all("/users", "users", status=status):
            yield from observed_user(clean, served, user["id"])
    if SCENARIOS[served.sandbox.world.scenario].has_phone:
        yield from observed_phone(clean, served)


def observed_user(clean: Client, served: Client, user: str) -> Iterator[Planted]:
    path = f"/users/{user}/settings"
    status = served.get(path).status_code
    if status != 200:
        yield Planted("user", user, "", "unreadable", status)
        return
    pair = both(clean, served, path, BELOW)
    yield from compared("user", user, *pair, SETTING)
    for row in clean.all(f"/users/{user}/meetings", "meetings"):
        bodies = [dict(leaves(c.json(f"/meetings/{row['id']}"))) for c in (clean, served)]
        yield from compared("meeting", str(row["id"]), bodies[0], bodies[1], SETTING)


def observed_phone(clean: Client, served: Client) -> Iterator[Planted]:
    site = clean.json("/phone/sites")["sites"][0]["id"]
    places: list[tuple[str, str, str, str | None]] = [
        ("phone_account", served.sandbox.account_id, "/phone/account_settings", None),
        ("phone_site", site, f"/phone/sites/{site}", "policy"),
    ]
    for row in clean.all("/groups", "groups"):
        places.append(("phone_group", row["id"], f"/phone/groups/{row['id']}/settings", None))
    for row in clean.all("/users", "users"):
        places.append(("phone_user", row["id"], f"/phone/users/{row['id']}", "policy"))
    for level, scope, path, root in places:
        pair = [c.json(path) for c in (clean, served)]
        first, second = (dict(leaves(body[root] if root else body)) for body in pair)
        for one in compared(level, scope, first, second, SETTING):
            kind: Kind = "lock" if one.setting.endswith(".locked") else one.kind
            yield Planted(one.level, one.scope_id, one.setting, kind, one.value)


def keyed(rows: Iterator[Planted]) -> list[str]:
    return sorted(map(str, rows))


@pytest.mark.parametrize("scenario", ["clean", "drifted", "unlocked", "partial"])
def test_planted_is_exactly_what_differs_from_the_clean_account(
    start: Start, scenario: str
) -> None:
    clean, served = start(users=65), start(users=65, scenario=scenario)
    assert keyed(served.sandbox.world.planted()) == keyed(observed(clean, served))


@pytest.mark.parametrize("scenario", ["clean", "denied"])
def test_nothing_is_planted_in_an_account_with_clean_documents(scenario: str) -> None:
    assert list(World(users=60, scenario=scenario).planted()) == []


def test_unlocked_plants_locks_and_no_values() -> None:
    planted = list(World(users=60, scenario="unlocked").planted())
    others = {row.setting.rsplit(".", 1)[-1] for row in planted if row.kind != "lock"}
    assert others == {"locked_by"}
    assert {row.value for row in planted if row.kind == "lock"} == {False}


def test_the_drifted_demo_has_something_at_every_level_and_an_unknown_ai_key() -> None:
    planted = list(World(users=60, scenario="drifted").planted())
    assert {row.level for row in planted} == {
        "account",
        "group",
        "user",
        "meeting",
        "phone_account",
        "phone_group",
        "phone_site",
        "phone_user",
    }
    added = [row.setting for row in planted if row.kind == "added"]
    assert added == ["in_meeting.ai_voice_coach"]


def test_a_groups_own_lock_binds_its_members() -> None:
    world = World(users=300, scenario="drifted")
    locking = {g for g in range(world.group_count) if world.rules.groups[g % 6].locks}
    bound = {world.user_id(i) for i in range(world.present) if locking & set(world.groups_of(i))}
    path = "in_meeting.meeting_summary_with_ai_companion"
    deviating = {
        row.scope_id
        for row in world.planted()
        if row.level == "user" and row.setting.startswith(path)
    }
    assert bound
    assert deviating
    assert bound.isdisjoint(deviating)


def test_truth_of_a_large_account_comes_lazily() -> None:
    planted = World(users=2_000_000, scenario="drifted").planted()
    assert next(planted).level == "account"


def test_a_tiny_account_has_no_unreadable_users() -> None:
    world = World(users=2, scenario="partial")
    assert (world.broken_user, world.deleted_user) == (None, None)


def test_a_world_of_one_user_is_served() -> None:
    with serve(World(users=1, scenario="drifted")) as sandbox:
        assert Client(sandbox).sign_in().json("/users")["total_records"] == 1
