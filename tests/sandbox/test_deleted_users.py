"""Users who are listed, and deleted before they are requested."""

import pytest

from auditor.sandbox import Faults, World
from tests.sandbox.conftest import Start


def test_the_last_active_users_are_listed_and_gone(start: Start) -> None:
    client = start(faults=Faults(deleted_users=3))
    ids = [row["id"] for row in client.all("/users", "users")]
    statuses = [client.get(f"/users/{id_}/settings").status_code for id_ in ids]
    assert statuses == [200] * (len(ids) - 3) + [404] * 3


@pytest.mark.parametrize("below", ["", "/settings", "/meetings", "/webinars"])
def test_everything_of_a_deleted_user_is_404_as_zoom_words_it(start: Start, below: str) -> None:
    client = start(faults=Faults(deleted_users=1))
    gone = client.all("/users", "users")[-1]
    for name in (gone["id"], gone["email"]):
        answer = client.get(f"/users/{name}{below}")
        assert answer.status_code == 404
        assert answer.json() == {"code": 1001, "message": f"User does not exist: {name}"}


def test_the_owner_survives(start: Start) -> None:
    client = start(users=10, faults=Faults(deleted_users=500))
    ids = [row["id"] for row in client.all("/users", "users")]
    assert [client.get(f"/users/{id_}").status_code for id_ in ids] == [200] + [404] * 9


def test_inactive_users_survive(start: Start) -> None:
    client = start(faults=Faults(deleted_users=500))
    row = client.json("/users", status="inactive")["users"][0]
    assert client.get(f"/users/{row['id']}/settings").status_code == 200


def test_nothing_is_planted_for_deleted_users_but_that_they_are_gone(start: Start) -> None:
    client = start(users=60, scenario="drifted", faults=Faults(deleted_users=20))
    world = client.sandbox.world
    gone = {world.user_id(i) for i in world.indices("active")[-20:]}
    rows = [row for row in world.planted() if row.scope_id in gone]
    assert {(row.level, row.kind, row.value, row.setting) for row in rows} == {
        ("user", "unreadable", 404, "")
    }
    assert {row.scope_id for row in rows} == gone


def test_meetings_of_deleted_users_are_neither_planted_nor_served(start: Start) -> None:
    calm = World(users=60, scenario="drifted")
    client = start(users=60, scenario="drifted", faults=Faults(deleted_users=20))
    meetings, left = (
        {row.scope_id for row in world.planted() if row.level == "meeting"}
        for world in (calm, client.sandbox.world)
    )
    assert left < meetings
    statuses = {client.get(f"/meetings/{number}").status_code for number in meetings - left}
    assert statuses == {404}


def test_what_is_planted_for_the_others_stays() -> None:
    calm, with_deleted = (World(60, scenario="drifted", deleted_users=n) for n in (0, 20))
    gone = {calm.user_id(i) for i in calm.indices("active")[-20:]}
    rest = [row for row in calm.planted() if row.level == "user" and row.scope_id not in gone]
    assert rest == [
        row for row in with_deleted.planted() if row.level == "user" and row.scope_id not in gone
    ]


def test_fewer_than_no_deleted_users_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be fewer than none"):
        World(deleted_users=-1)


def test_departing_users_are_listed_until_somebody_asks_for_them(start: Start) -> None:
    client = start(faults=Faults(departing_users=2, deleted_users=1))
    ids = [row["id"] for row in client.all("/users", "users")]
    assert [client.get(f"/users/{id_}/settings").status_code for id_ in ids[-3:]] == [404] * 3
    assert [row["id"] for row in client.all("/users", "users")] == ids[:-2]


def test_departing_groups_are_listed_until_somebody_asks_for_them(start: Start) -> None:
    client = start(faults=Faults(departing_groups=1))
    ids = [row["id"] for row in client.all("/groups", "groups")]
    assert client.get(f"/groups/{ids[-1]}/settings").status_code == 404
    assert [row["id"] for row in client.all("/groups", "groups")] == ids[:-1]
