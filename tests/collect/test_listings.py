"""Listings: users, groups and memberships, also when lists are read again."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from auditor.collect.collector import Collector
from auditor.evidence.read_plan import HOSTS, MEMBERS, PENDING, ReadPlan
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document, ReadFailure, View
from auditor.zoom.errors import Denied, IncompleteListing, NotFound, PageTokenExpired, Transient
from tests.collect.surfaces import Zoom, account, cause, of

ACTIVE, INACTIVE, GROUPS = View("users", "active"), View("users", "inactive"), View("groups")
AT, LATER = "2026-11-21T20:00:00.000Z", "2026-11-22T20:00:00.000Z"
PLAN = ReadPlan(user=(SETTINGS,))
NO_PERMISSION = Denied("GET /x", "No permission.", code=200)


def row(number: int, *groups: str, **fields: Any) -> dict[str, Any]:
    named = {"group_ids": [*groups]} if groups else {}
    return {"id": f"u{number}", "email": f"u{number}@example.com", **named, **fields}


def company(
    active: Any = (), inactive: Any = (), pending: Any = (), **others: Any
) -> dict[str, Any]:
    """An account with two groups; `others` are answers by path."""
    return {
        "/groups": [{"id": "g1", "name": "Legal"}, {"id": "g2", "name": "Sales"}],
        "/users?status=active": active,
        "/users?status=inactive": inactive,
        "/users?status=pending": pending,
        **others,
    }


def members(**groups: Any) -> dict[str, Any]:
    """The responses to requests for the members of groups."""
    named = {
        group: result if isinstance(result, Exception) else [{"id": each} for each in result]
        for group, result in groups.items()
    }
    return {f"/groups/{group}/members": result for group, result in named.items()}


def collected(
    answers: Mapping[str, Any],
    snapshot: Snapshot | None = None,
    since: str | None = None,
    now: str = AT,
    reads: ReadPlan = PLAN,
) -> tuple[Snapshot, Zoom]:
    """The snapshot of a collection, and its requests. With `since` it resumes an earlier one."""
    zoom = Zoom(answers)
    snapshot = snapshot or Snapshot.create()
    Collector(zoom, snapshot, reads, "acc", lambda: 1, now=lambda: now, since=since).collect()
    return snapshot, zoom


def groups_of(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    return {user.id: user.group_ids for user in snapshot.scopes(Level.USER)}


def statuses(snapshot: Snapshot) -> dict[str, str]:
    return {user.id: user.status for user in snapshot.scopes(Level.USER)}


def breaking_off(rows: list[Any], error: BaseException) -> Any:
    """A list whose later pages cannot be read."""

    class Pages:
        def __iter__(self) -> Iterator[Any]:
            yield from rows
            raise error

    return Pages()


# Who is in which group


def test_members_are_not_requested_if_users_name_their_groups() -> None:
    snapshot, zoom = collected(company([row(1, "g1"), row(2)]))
    assert not [request for request in zoom.requests if "members" in request]
    assert MEMBERS not in snapshot.account().outcomes
    assert groups_of(snapshot) == {"u1": ("g1",), "u2": ()}


def test_if_no_user_names_a_group_the_members_of_each_are_listed() -> None:
    answers = company([row(1), row(2)], [row(3)], **members(g1=["u2", "u3"], g2=["u2", "u9"]))
    snapshot, zoom = collected(answers)
    assert groups_of(snapshot) == {"u1": (), "u2": ("g1", "g2"), "u3": ("g1",)}
    assert account(snapshot, MEMBERS) == {"listed": 3}
    assert zoom.times("/groups/g1/members") == zoom.times("/groups/g2/members") == 1


def test_members_without_an_id_are_passed_over() -> None:
    answers = company([row(1)], **{"/groups/g1/members": [{}, {"id": "u1"}, {"id": None}]})
    snapshot, _ = collected({**answers, **members(g2=[])})
    assert groups_of(snapshot) == {"u1": ("g1",)}


def test_without_groups_or_users_nobodys_members_are_asked_for() -> None:
    no_groups = company([row(1)], **{"/groups": []})
    nobody = company(NO_PERMISSION, NO_PERMISSION)
    for answers in (no_groups, nobody):
        snapshot, zoom = collected({**answers, "/accounts/me/settings": {}})
        assert not [request for request in zoom.requests if "members" in request]
        assert MEMBERS not in snapshot.account().outcomes


@pytest.mark.parametrize(
    ("error", "why"), [(NO_PERMISSION, "denied"), (Transient("GET /x"), "error")]
)
def test_one_refused_group_leaves_open_who_is_in_which(error: Exception, why: str) -> None:
    snapshot, _ = collected(company([row(1)], **members(g1=["u1"], g2=error)))
    assert cause(account(snapshot, MEMBERS)) == why
    assert groups_of(snapshot) == {"u1": ("g1",)}


def test_members_that_came_before_a_list_broke_off_are_known_and_more_may_be_missing() -> None:
    broken = breaking_off([{"id": "u1"}], IncompleteListing("GET /x", 1, 2))
    answers = company([row(1), row(2)], **members(g2=[]))
    snapshot, _ = collected({**answers, "/groups/g1/members": broken})
    assert cause(account(snapshot, MEMBERS)) == "error"
    assert groups_of(snapshot) == {"u1": ("g1",), "u2": ()}


def test_membership_is_unknown_if_neither_groups_nor_users_name_it() -> None:
    """The list of groups is refused and the lists of users name none, so groups may exist."""
    snapshot, zoom = collected(company([row(1)], **{"/groups": NO_PERMISSION}))
    assert cause(account(snapshot, MEMBERS)) == "denied"
    assert not [request for request in zoom.requests if "members" in request]


def test_if_the_list_of_groups_broke_off_members_of_the_others_are_not_known() -> None:
    groups = breaking_off([{"id": "g1", "name": "Legal"}], PageTokenExpired("GET /groups"))
    snapshot, _ = collected(company([row(1)], **{"/groups": groups}, **members(g1=["u1"])))
    assert cause(account(snapshot, MEMBERS)) == "error"
    assert groups_of(snapshot) == {"u1": ("g1",)}


def test_a_refused_list_of_groups_matters_less_where_users_name_theirs() -> None:
    snapshot, _ = collected(company([row(1, "g1")], **{"/groups": NO_PERMISSION}))
    assert MEMBERS not in snapshot.account().outcomes


# Lists that are read again


ONE = company([row(1, display_name="Ada"), row(2)], [row(3)], [row(4)], **members(g1=["u1"], g2=[]))


def test_settled_lists_are_not_read_again() -> None:
    failed = {f"/users/u{n}/settings": Transient("GET /x") for n in (1, 2, 3)}
    snapshot, _ = collected({**ONE, **failed})
    _, zoom = collected({**ONE, **failed}, snapshot, since=AT)
    assert zoom.requests == [f"/users/u{n}/settings" for n in (1, 2, 3)]


def test_lists_older_than_allowed_are_read_again_and_forget_who_is_gone() -> None:
    snapshot, _ = collected(ONE)
    now = company([row(1, display_name="Ada L."), row(5)], [], [row(4)], **members(g1=[], g2=[]))
    collected(now, snapshot, since=LATER, now=LATER)
    assert statuses(snapshot) == {"u1": "active", "u4": "pending", "u5": "active"}
    assert next(snapshot.scopes(Level.USER)).name == "Ada L."
    assert account(snapshot, ACTIVE) == {"listed": 2}
    assert account(snapshot, INACTIVE) == {"listed": 0}


def test_a_group_that_is_gone_is_forgotten_with_its_documents() -> None:
    reads = ReadPlan(group=(SETTINGS,), user=(SETTINGS,))
    documents: dict[str, Any] = {f"/groups/g{n}/settings": {} for n in (1, 2)}
    snapshot, _ = collected({**ONE, **documents}, reads=reads)
    now = {**ONE, **documents, "/groups": [{"id": "g2", "name": "Sales EU"}]}
    collected(now, snapshot, since=LATER, now=LATER, reads=reads)
    assert [(each.id, each.name) for each in snapshot.scopes(Level.GROUP)] == [("g2", "Sales EU")]


def test_members_are_listed_again_where_users_were() -> None:
    """The new lists of users name no groups either, and replace the recorded memberships."""
    snapshot, _ = collected(ONE)
    _, zoom = collected({**ONE, **members(g1=["u2"], g2=[])}, snapshot, since=LATER, now=LATER)
    assert groups_of(snapshot) == {"u1": (), "u2": ("g1",), "u3": (), "u4": ()}
    assert zoom.times("/groups/g1/members") == 1


def test_members_are_listed_again_where_one_list_of_users_had_failed() -> None:
    failed = {**ONE, "/users?status=inactive": breaking_off([row(3)], Transient("GET /users"))}
    snapshot, _ = collected({**failed, **members(g1=["u1", "u3"], g2=[])})
    read: dict[str, Any] = {f"/users/u{n}/settings": {} for n in (1, 2, 3)}
    _, zoom = collected({**ONE, **read, **members(g1=["u1", "u3"], g2=[])}, snapshot, since=AT)
    assert groups_of(snapshot)["u3"] == ("g1",)
    assert zoom.times("/users") == 1
    assert zoom.times("/groups/g1/members") == 1


def test_members_that_were_refused_for_good_are_not_asked_for_again() -> None:
    refused = {**ONE, **members(g1=NO_PERMISSION, g2=[])}
    snapshot, _ = collected(refused)
    _, zoom = collected(refused, snapshot, since=AT)
    assert not [request for request in zoom.requests if "members" in request]
    assert cause(account(snapshot, MEMBERS)) == "denied"


@pytest.mark.parametrize("before", ["inactive", "pending"])
def test_a_user_who_has_become_active_since_is_read(before: str) -> None:
    snapshot, _ = collected(company([row(1, "g1")], **{f"/users?status={before}": [row(2, "g1")]}))
    now = company([row(1, "g1"), row(2, "g1")], **{"/users/u2/settings": {"a": 1}})
    collected(now, snapshot, since=LATER, now=LATER)
    assert statuses(snapshot) == {"u1": "active", "u2": "active"}
    assert of(snapshot, Level.USER, SETTINGS)["u2"] == {"a": 1}


def test_an_account_of_invited_users_alone_is_no_account() -> None:
    snapshot, _ = collected(company([], [], [row(4)]))
    outcomes = snapshot.account().outcomes
    refused = outcomes[ACTIVE]
    assert isinstance(refused, ReadFailure)
    assert "not even the owner" in refused.unseen.detail
    assert isinstance(outcomes[INACTIVE], Document)
    assert account(snapshot, PENDING) == {"listed": 1}


def test_invited_users_have_neither_groups_nor_a_licence() -> None:
    snapshot, _ = collected(company([row(1, "g1")], [], [row(4, "g1", type=2)]))
    *_, invited = snapshot.scopes(Level.USER)
    assert (invited.id, invited.group_ids, invited.licence) == ("u4", (), None)


# Hosts that reports name


SUMMARIES = {
    "/meetings/meeting_summaries": [
        {"meeting_host_email": "U1@example.com", "meeting_host_id": "u1"},
        {"meeting_host_email": "gone@example.com", "meeting_host_id": "u8"},
        {"meeting_host_email": "u4@example.com", "meeting_host_id": ""},
    ]
}
OF_HOSTS = ReadPlan(hosts=True, use={View("meeting_summaries"): ()})


def hosts(answers: Mapping[str, Any]) -> Any:
    snapshot, _ = collected({**answers, **SUMMARIES}, reads=OF_HOSTS)
    return account(snapshot, HOSTS)


def test_hosts_are_told_with_the_groups_they_are_in() -> None:
    result = hosts(company([row(1, "g1", "g9"), row(2, "g2")]))
    groups = [{"id": "g1", "name": "Legal"}, {"id": "g9", "name": None}]
    assert result == {"hosts": [{"id": "u1", "email": "u1@example.com", "groups": groups}]}


@pytest.mark.parametrize(
    ("refused", "key"),
    [("/users?status=inactive", "users_missing"), ("/groups", "groups_missing")],
)
def test_why_a_host_or_a_group_may_be_missing_is_told(refused: str, key: str) -> None:
    result = hosts({**company([row(1, "g1")]), refused: NO_PERMISSION})
    assert result[key]["cause"] == "denied"


def test_if_members_were_refused_a_host_may_be_in_one_more_group() -> None:
    result = hosts(company([row(1)], **members(g1=["u1"], g2=NotFound("GET /x"))))
    (only,) = result["hosts"]
    assert only["groups"] == [{"id": "g1", "name": "Legal"}, {"id": "", "name": None}]
    assert result["groups_missing"]["cause"] == "error"
