"""A scope deleted during a run has left; a scope that only answers 404 stays unknown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from auditor.collect.collector import Collector
from auditor.evidence.read_plan import LEFT, MEETING, MEMBERS, PHONE_VIEWS, ReadPlan
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document, View
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import NotFound, Transient
from tests.collect.surfaces import AT, PEOPLE, Zoom, account, cause, of

GONE = NotFound("GET /users/{userId}/settings", "User does not exist", status=404, code=1001)
ACTIVE = "/users?status=active"
NAMES = ("u1", "u2", "u3", "u4")
PENDING: dict[str, list[Any]] = {"/users?status=pending": []}
READ = {f"/users/{name}/settings": {"of": name} for name in NAMES}
WORLD: dict[str, Any] = {**PEOPLE, **PENDING, **READ}
USERS = ReadPlan(user=(SETTINGS,))


def without(path: str, *ids: str) -> list[Any]:
    """The rows of a listing without some ids."""
    return [row for row in WORLD[path] if row["id"] not in ids]


@dataclass
class Changing(Zoom):
    """An account that changes: a path in `then` returns its answers one by one."""

    then: Mapping[str, list[Any]] = field(default_factory=dict)
    at: dict[str, int] = field(default_factory=dict)

    def _answer(self, endpoint: Endpoint, ids: Mapping[str, str], params: Mapping[str, str]) -> Any:
        path = endpoint.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", value)
        path += f"?status={params['status']}" if "status" in params else ""
        with self._lock:
            answers = self.then.get(path)
            number = self.at[path] = self.at.get(path, -1) + 1
        if answers is None:
            return super()._answer(endpoint, ids, params)
        self.requests.append(path)
        answer = answers[min(number, len(answers) - 1)]
        if isinstance(answer, Exception):
            raise answer
        return answer


def collected(
    then: Mapping[str, list[Any]],
    reads: ReadPlan = USERS,
    world: Mapping[str, Any] = WORLD,
    snapshot: Snapshot | None = None,
    since: str | None = None,
) -> tuple[Snapshot, Changing]:
    zoom = Changing(world, then=then)
    snapshot = snapshot or Snapshot.create()
    Collector(zoom, snapshot, reads, "acc", now=lambda: AT, since=since).collect()
    return snapshot, zoom


def left(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Level and id of every recorded departure."""
    outcome = snapshot.account().outcomes.get(LEFT)
    body: Any = outcome.body if isinstance(outcome, Document) else {"left": []}
    return [(row["level"], row["id"]) for row in body["left"]]


def leaves(user: str, *lists: Any) -> dict[str, list[Any]]:
    """A user whose settings are gone, and the later list of active users."""
    first = PEOPLE[ACTIVE]
    return {f"/users/{user}/settings": [GONE], ACTIVE: [first, *(lists or [without(ACTIVE, user)])]}


def test_a_user_who_is_no_longer_listed_nor_found_again_has_left() -> None:
    snapshot, zoom = collected(leaves("u2"))
    assert left(snapshot) == [("user", "u2")]
    assert sorted(of(snapshot, Level.USER, SETTINGS)) == ["u1", "u3", "u4"]
    assert zoom.times("/users/u2/settings") == 2
    assert account(snapshot, LEFT) == {
        "left": [
            {
                "level": "user",
                "id": "u2",
                "name": "Ben",
                "email": "ben@example.com",
                "absent_from": "GET /users",
                "unknown_to": "GET /users/{userId}/settings",
            }
        ]
    }


def test_one_fresh_listing_serves_all_who_are_missing_and_none_is_made_without_them() -> None:
    two = {**leaves("u1", without(ACTIVE, "u1", "u2")), "/users/u2/settings": [GONE]}
    snapshot, zoom = collected(two)
    assert left(snapshot) == [("user", "u1"), ("user", "u2")]
    assert zoom.requests.count(ACTIVE) == 2
    _, calm = collected({})
    assert calm.times("/users") == 3


STAY: dict[str, Callable[[], dict[str, Any]]] = {
    "still active": lambda: leaves("u2", PEOPLE[ACTIVE]),
    "inactive now": lambda: {
        **leaves("u2"),
        "/users?status=inactive": [
            PEOPLE["/users?status=inactive"],
            [*PEOPLE["/users?status=inactive"], {"id": "u2", "email": "ben@example.com"}],
        ],
    },
    "pending now": lambda: {**leaves("u2"), "/users?status=pending": [[{"id": "u2"}]]},
    "the fresh listing fails": lambda: leaves("u2", Transient("GET /users")),
    "the fresh listing is empty": lambda: leaves("u2", []),
    "most are missing from the fresh listing": lambda: leaves(
        "u2", without(ACTIVE, "u1", "u2", "u3")
    ),
    "a server error": lambda: {**leaves("u2"), "/users/u2/settings": [Transient("GET /x")]},
    "a server error the second time": lambda: {
        **leaves("u2"),
        "/users/u2/settings": [GONE, Transient("GET /x")],
    },
    "there again": lambda: {**leaves("u2"), "/users/u2/settings": [GONE, {"of": "u2"}]},
}


@pytest.mark.parametrize("why", STAY)
def test_a_user_of_whom_less_is_certain_stays_unknown(why: str) -> None:
    snapshot, _ = collected(STAY[why]())
    assert left(snapshot) == []
    assert cause(of(snapshot, Level.USER, SETTINGS)["u2"]) == "error"


def test_a_run_that_goes_on_finds_who_left_in_between() -> None:
    begun, _ = collected({"/users/u2/settings": [Transient("GET /x")]})
    snapshot, _ = collected(
        {"/users/u2/settings": [GONE], ACTIVE: [without(ACTIVE, "u2")]}, snapshot=begun, since=AT
    )
    assert left(snapshot) == [("user", "u2")]
    again, _ = collected(
        {"/users/u3/settings": [GONE], ACTIVE: [without(ACTIVE, "u2", "u3")]},
        snapshot=snapshot,
        since=AT,
    )
    assert left(again) == [("user", "u2")]  # u3 was read before


def test_the_sample_that_confirms_locks_is_not_spoilt_by_who_left() -> None:
    class Locks:
        def prepare(self, snapshot: Snapshot) -> None:
            pass

        def provable(self, views: Any) -> tuple[View, ...]:
            return tuple(views)

        def confirms(self, user: Any, view: View) -> bool:
            return isinstance(user.outcomes[view], Document)

    rows = [{"id": f"v{n}", "email": f"v{n}@example.com", "type": 2} for n in range(40)]
    gone = {f"/users/v{n}/settings": [GONE] for n in range(20)}
    snapshot = Snapshot.create()
    zoom = Changing(
        {**WORLD, **{f"/users/v{n}/settings": {} for n in range(40)}},
        then={**gone, ACTIVE: [rows, rows[20:]]},
    )
    Collector(
        zoom, snapshot, USERS, "acc", now=lambda: AT, lock_verifier=Locks(), sample=30
    ).collect()
    assert left(snapshot)
    assert snapshot.count(Level.USER) < 41
    assert not any(cause == "error" for cause in of(snapshot, Level.USER, SETTINGS).values())


def test_a_group_that_was_deleted_is_no_longer_among_those_of_its_members() -> None:
    broken = NotFound("GET /groups/{groupId}/settings", status=404, code=4130)
    snapshot, _ = collected(
        {"/groups/g2/settings": [broken], "/groups": [PEOPLE["/groups"], without("/groups", "g2")]},
        ReadPlan(group=(SETTINGS,), user=(SETTINGS,)),
        {**WORLD, "/groups/g1/settings": {}},
    )
    assert left(snapshot) == [("group", "g2")]
    assert [group.id for group in snapshot.scopes(Level.GROUP)] == ["g1"]
    assert snapshot.evidence_of(Scope(Level.USER, "u2")).scope.group_ids == ()
    assert snapshot.evidence_of(Scope(Level.USER, "u1")).scope.group_ids == ("g1",)


def test_members_are_known_although_one_of_the_groups_was_deleted() -> None:
    rows = [{"id": name, "email": f"{name}@example.com"} for name in ("u1", "u2")]
    snapshot, _ = collected(
        {
            ACTIVE: [rows],
            "/users?status=inactive": [[]],
            "/groups": [PEOPLE["/groups"], without("/groups", "g2")],
        },
        world={**WORLD, "/groups/g1/members": [{"id": "u1"}]},
    )
    assert left(snapshot) == [("group", "g2")]
    assert account(snapshot, MEMBERS) == {"listed": 1}
    assert snapshot.evidence_of(Scope(Level.USER, "u1")).scope.group_ids == ("g1",)


SCHEDULED: dict[str, Any] = {
    "/users/u1/meetings": [{"id": "81", "topic": "Round"}, {"id": "82", "topic": "Board"}],
    "/users/u2/meetings": [],
    "/users/u3/meetings": [],
    "/meetings/81": {"settings": {"auto_recording": "none"}},
}
MEETINGS = ReadPlan(meeting=("auto_recording",))
COUNTED = View("upcoming_meetings")


def test_a_meeting_that_was_cancelled_has_left() -> None:
    rows = SCHEDULED["/users/u1/meetings"]
    snapshot, _ = collected(
        {"/users/u1/meetings": [rows, rows[:1]]}, MEETINGS, {**WORLD, **SCHEDULED}
    )
    assert left(snapshot) == [("meeting", "82")]
    assert [*of(snapshot, Level.MEETING, MEETING)] == ["81"]
    assert account(snapshot, COUNTED) == {"listed": 1, "read": 1}


def test_a_meeting_that_is_still_scheduled_is_unknown() -> None:
    snapshot, _ = collected({}, MEETINGS, {**WORLD, **SCHEDULED})
    assert left(snapshot) == []
    assert cause(of(snapshot, Level.MEETING, MEETING)["82"]) == "error"


def test_a_host_who_left_takes_the_meetings_along() -> None:
    gone = NotFound("GET /users/{userId}/meetings", status=404, code=1001)
    snapshot, _ = collected(
        {"/users/u2/meetings": [gone], ACTIVE: [PEOPLE[ACTIVE], without(ACTIVE, "u2")]},
        MEETINGS,
        {**WORLD, **SCHEDULED, "/meetings/82": {"settings": {}}},
    )
    assert left(snapshot) == [("user", "u2")]
    assert sorted(of(snapshot, Level.MEETING, MEETING)) == ["81", "82"]


PHONES = ReadPlan(user=(SETTINGS,), phone=("call_live_transcription",), phone_user=("x",))
PHONE_USER = PHONE_VIEWS[Level.PHONE_USER]


def phones(**features: list[Any]) -> dict[str, Any]:
    licensed = {f"/users/{n}/settings": {"feature": {"zoom_phone": True}} for n in NAMES}
    having: dict[str, Any] = {f"/phone/users/{n}": {"policy": {"x": {}}} for n in ("u1", "u3")}
    return {**WORLD, **licensed, **having, "/phone/account_settings": {}, **features}


def test_a_phone_that_was_taken_from_a_user_has_left_and_the_user_has_not() -> None:
    has, has_not = ({"feature": {"zoom_phone": each}} for each in (True, False))
    snapshot, _ = collected({"/users/u2/settings": [has, has_not]}, PHONES, phones())
    assert left(snapshot) == [("phone_user", "u2")]
    assert sorted(of(snapshot, Level.PHONE_USER, PHONE_USER)) == ["u1", "u3"]
    assert sorted(of(snapshot, Level.USER, SETTINGS)) == ["u1", "u2", "u3", "u4"]
    assert account(snapshot, View("phone_users")) == {"listed": 2, "read": 2}


def test_a_phone_that_zoom_does_not_find_while_its_user_has_the_licence_is_unknown() -> None:
    snapshot, _ = collected({}, PHONES, phones())
    assert left(snapshot) == []
    assert cause(of(snapshot, Level.PHONE_USER, PHONE_USER)["u2"]) == "error"


def test_a_site_that_was_deleted_has_left() -> None:
    sites = [{"id": "s1", "name": "Main"}, {"id": "s2", "name": "Lab"}]
    snapshot, _ = collected(
        {"/phone/sites": [sites, sites[:1]]},
        ReadPlan(phone=("x",), phone_site=("x",)),
        {**WORLD, "/phone/account_settings": {}, "/phone/sites/s1": {"policy": {}}},
    )
    assert left(snapshot) == [("phone_site", "s2")]
    assert account(snapshot, View("phone_sites")) == {"listed": 1, "read": 1}
