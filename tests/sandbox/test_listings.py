from collections import Counter

import pytest

from auditor.sandbox import Faults, World
from tests.sandbox.conftest import Client, Clock, Start


def test_pages_put_together_are_everyone_once(start: Start) -> None:
    client = start(users=95)
    rows = client.all("/users", "users", page_size=7)
    world = client.sandbox.world
    assert [row["id"] for row in rows] == [world.user_id(i) for i in world.indices("active")]


def test_the_three_statuses_are_three_listings(start: Start) -> None:
    client = start(users=120)
    listed = {s: len(client.all("/users", "users", status=s)) for s in ("inactive", "pending")}
    assert listed == {"inactive": 3, "pending": 3}
    assert client.json("/users")["total_records"] == 114


def test_the_default_page_has_thirty_rows(start: Start) -> None:
    page = start().json("/users")
    assert (page["page_size"], len(page["users"])) == (30, 30)


def test_the_largest_page_of_users_has_two_thousand(start: Start) -> None:
    page = start(users=2500).json("/users", page_size=2000)
    assert len(page["users"]) == 2000


def test_a_page_token_expires_after_fifteen_minutes(start: Start, clock: Clock) -> None:
    client = start(clock=clock)
    token = client.json("/users", page_size=5)["next_page_token"]
    clock.now += 15 * 60
    assert client.get("/users", page_size=5, next_page_token=token).status_code == 200
    clock.now += 1
    answer = client.get("/users", page_size=5, next_page_token=token)
    assert answer.status_code == 400
    assert answer.json() == {
        "code": 300,
        "message": "The next page token is either invalid or has expired.",
    }


@pytest.mark.parametrize("status", ["inactive", "pending"])
def test_a_token_of_another_listing_is_refused(start: Start, status: str) -> None:
    client = start()
    token = client.json("/users", page_size=5)["next_page_token"]
    assert client.get("/users", status=status, next_page_token=token).json()["code"] == 300


@pytest.mark.parametrize("token", ["nonsense", "é", "AAAA", "A"])
def test_a_made_up_token_is_refused(start: Start, token: str) -> None:
    assert start().get("/users", next_page_token=token).json()["code"] == 300


@pytest.mark.parametrize(("users", "groups"), [(60, None), (333, None), (50, 1), (50, 0), (7, 3)])
def test_members_of_groups_agree_with_the_group_ids_of_users(
    start: Start, users: int, groups: int | None
) -> None:
    client = start(users=users, groups=groups)
    people = [
        row
        for status in ("active", "inactive", "pending")
        for row in client.all("/users", "users", status=status, page_size=300)
    ]
    by_user = Counter((group, row["id"]) for row in people for group in row["group_ids"])
    by_group: Counter[tuple[str, str]] = Counter()
    for group in client.all("/groups", "groups", page_size=5):
        members = client.all(f"/groups/{group['id']}/members", "members", page_size=4)
        assert len(members) == group["total_members"]
        by_group.update((group["id"], member["id"]) for member in members)
    assert by_group == by_user


def test_some_users_have_two_groups_and_some_none() -> None:
    world = World(users=300)
    counts = {len(world.groups_of(index)) for index in range(world.present)}
    assert counts == {0, 1, 2}


def test_names_of_groups_are_unique() -> None:
    world = World(users=5000)
    names = {world.group_name(group) for group in range(world.group_count)}
    assert len(names) == world.group_count == 100


def test_one_group_is_told_by_its_id(start: Start) -> None:
    client = start(users=60)
    row = client.json("/groups")["groups"][2]
    assert client.json(f"/groups/{row['id']}") == row


def test_a_user_is_found_by_id_address_and_me(start: Start) -> None:
    client = start()
    owner = client.json("/users")["users"][0]
    by_id = client.json(f"/users/{owner['id']}")
    assert by_id == client.json(f"/users/{owner['email']}") == client.json("/users/me")
    assert (by_id["role_name"], by_id["type"]) == ("Owner", 2)


def test_ids_and_addresses_look_like_zooms_and_harm_nobody() -> None:
    world = World(users=500)
    ids = {world.user_id(index) for index in range(500)}
    assert {len(text) for text in ids} == {22}
    assert len(ids) == 500
    assert all(world.user_email(index).endswith("@example.com") for index in range(500))


def test_host_keys_come_only_when_asked_for(start: Start) -> None:
    client = start()
    assert "host_key" not in client.json("/users")["users"][0]
    assert "CANARY" in client.json("/users", include_fields="host_key")["users"][0]["host_key"]


def test_roles_tell_how_many_hold_them_and_who(start: Start) -> None:
    client = start()
    roles = {row["id"]: row for row in client.json("/roles")["roles"]}
    members = client.all("/roles/1/members", "members")
    assert roles["1"]["total_members"] == len(members) == 2
    assert "AccountSetting:Edit" in client.json("/roles/1")["privileges"]
    assert len(client.all("/roles/0/members", "members")) == 1


def test_a_faulty_listing_repeats_users_across_pages(start: Start) -> None:
    client = start(faults=Faults(duplicate_users=True))
    ids = [row["id"] for row in client.all("/users", "users", page_size=10)]
    assert len(ids) > len(set(ids)) == client.sandbox.world.count("active")


def test_a_faulty_listing_of_single_users_still_ends(start: Start) -> None:
    client = start(users=5, faults=Faults(duplicate_users=True))
    assert len(client.all("/users", "users", page_size=1)) == 5


def test_a_page_token_can_expire_once(start: Start) -> None:
    client = start(faults=Faults(expire_page_token=True))
    token = client.json("/users", page_size=30)["next_page_token"]
    assert client.get("/users", page_size=30, next_page_token=token).json()["code"] == 300
    assert len(client.all("/users", "users")) == client.sandbox.world.count("active")


def tokens(client: Client, most: int) -> list[str]:
    """The tokens of the first pages of users, each page requested with the previous token."""
    seen = [""]
    while len(seen) <= most and (len(seen) == 1 or seen[-1]):
        page = client.json("/users", page_size=10, next_page_token=seen[-1])
        seen.append(page["next_page_token"])
    return seen[1:]


def test_page_tokens_can_go_round_in_circles_until_the_listing_is_begun_again(
    start: Start,
) -> None:
    client = start(faults=Faults(page_token_loops=True))
    first, *others = tokens(client, most=7)
    assert first
    assert others == [first] * 6
    assert len(client.all("/users", "users", page_size=10)) == client.sandbox.world.count("active")


def test_page_tokens_go_round_on_the_second_page_even_if_it_is_the_last(start: Start) -> None:
    client = start(users=15, faults=Faults(page_token_loops=True))
    first, second = tokens(client, most=2)
    assert first == second != ""


def test_a_listing_of_one_page_has_no_token_to_repeat(start: Start) -> None:
    client = start(users=5, faults=Faults(page_token_loops=True))
    assert tokens(client, most=2) == [""]


def test_page_tokens_go_round_in_each_listing_of_its_own(start: Start) -> None:
    client = start(users=300, faults=Faults(page_token_loops=True))
    client.all("/roles/1/members", "members")
    assert len(set(tokens(client, most=4))) == 1
    page = client.json("/users", status="inactive", page_size=3)
    following = client.json(
        "/users", status="inactive", page_size=3, next_page_token=page["next_page_token"]
    )
    assert following["next_page_token"] == page["next_page_token"]


def test_a_page_token_can_come_twice_and_then_the_listing_goes_on(start: Start) -> None:
    client = start(faults=Faults(page_token_repeats=True))
    first, second, third, *_ = tokens(client, most=6)
    assert first == second != third


def test_a_page_token_that_came_twice_does_not_when_the_listing_is_begun_again(
    start: Start,
) -> None:
    client = start(faults=Faults(page_token_repeats=True))
    tokens(client, most=2)
    again = tokens(client, most=9)
    assert len(set(again)) == len(again) == 4


def test_a_page_token_that_is_asked_for_again_lives_on(start: Start, clock: Clock) -> None:
    client = start(clock=clock)
    token = client.json("/users", page_size=5)["next_page_token"]
    clock.now += 800
    assert client.json("/users", page_size=5)["next_page_token"] == token
    clock.now += 800
    assert client.get("/users", page_size=5, next_page_token=token).status_code == 200


def test_rows_of_users_can_lack_their_groups_while_each_user_has_them(start: Start) -> None:
    client = start(users=60, faults=Faults(group_ids_absent=True))
    rows = client.all("/users", "users")
    assert [row for row in rows if "group_ids" in row] == []
    group = client.json("/groups")["groups"][0]["id"]
    member = client.json(f"/groups/{group}/members")["members"][0]["id"]
    assert group in client.json(f"/users/{member}")["group_ids"]
