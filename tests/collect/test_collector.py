"""The collector: reads each document once, and records a cause for each it could not read."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from auditor.collect.collector import MAX_CONSECUTIVE_FAILURES, CollectionFailed, Collector, utc_now
from auditor.collect.interface import NoProgress, ProgressListener
from auditor.evidence.read_plan import PENDING, PHONE, TOKEN, ReadPlan
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document, ReadFailure, View
from auditor.surfaces.model import ZoomApi
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import (
    AuthenticationFailed,
    Denied,
    Malformed,
    NotFound,
    NotLicensed,
    PageTokenExpired,
    RateLimited,
    Rejected,
    ScopeMissing,
    TokenRejected,
    TooMuch,
    Transient,
    Unreachable,
    ZoomError,
)

AT = "2026-11-21T20:00:00.000Z"
SECURITY = View("settings", "security")
ACTIVE, INACTIVE, GROUPS = View("users", "active"), View("users", "inactive"), View("groups")
EVERYTHING = ReadPlan(
    account=(LOCKS, SETTINGS, SECURITY), group=(LOCKS, SETTINGS), user=(SETTINGS,)
)
"""Every settings document of every scope."""

DAILY = RateLimited("GET /x", daily=True)
REFUSED = AuthenticationFailed("POST /oauth/token", "The secret is wrong.")
NO_NETWORK = Unreachable("GET /x", "no route to host")
ERRORS = [
    (Denied("GET /x"), Cause.DENIED),
    (ScopeMissing("GET /x", ["a:read"]), Cause.DENIED),
    (NotLicensed("GET /x"), Cause.NOT_LICENSED),
    (DAILY, Cause.NOT_COLLECTED),
    (RateLimited("GET /x"), Cause.ERROR),
    (NotFound("GET /x"), Cause.ERROR),
    (Transient("GET /x"), Cause.ERROR),
    (Malformed("GET /x", "a page of HTML came"), Cause.ERROR),
    (Rejected("GET /x"), Cause.ERROR),
    (PageTokenExpired("GET /x"), Cause.ERROR),
    (TokenRejected("GET /x"), Cause.ERROR),
    (REFUSED, Cause.ERROR),
    (NO_NETWORK, Cause.ERROR),
    (ZoomError("GET /x"), Cause.ERROR),
]


@dataclass
class Zoom(ZoomApi):
    """A Zoom account in memory. `broken` names requests that fail, and how."""

    groups: list[Any] = field(default_factory=list)
    users: dict[str, list[Any]] = field(default_factory=dict)
    broken: dict[str, BaseException | Callable[[], Any]] = field(default_factory=dict)
    granted: frozenset[str] = frozenset({"user:read:admin", "account:read:admin"})
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def authenticate(self) -> frozenset[str]:
        self._ask("token")
        return self.granted

    def get(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        path = endpoint.path
        for name, value in (ids or {}).items():
            path = path.replace(f"{{{name}}}", value)
        query = "&".join(f"{key}={value}" for key, value in (params or {}).items())
        request = path + (f"?{query}" if query else "")
        answer = self._ask(request)
        return {"request": request} if answer is None else answer

    def items(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        status = (params or {}).get("status", "")
        request = endpoint.path + (f"?status={status}" if status else "")
        yield from self.users.get(status, []) if status else self.groups
        self._ask(request)

    def _ask(self, request: str) -> Any:
        with self.lock:
            self.requests.append(request)
        for part, problem in self.broken.items():
            if part in request:
                if isinstance(problem, BaseException):
                    raise problem
                return problem()
        return None


@dataclass
class Recorder(ProgressListener):
    """Records its calls, and their thread."""

    events: list[tuple[str, Level, int]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def level_started(self, level: Level, scopes: int) -> None:
        self.threads.add(threading.get_ident())
        self.events.append(("found", level, scopes))

    def read(self, level: Level) -> None:
        self.threads.add(threading.get_ident())
        self.events.append(("read", level, 1))


def group(n: int) -> dict[str, Any]:
    return {"id": f"g{n}", "name": f"Group {n}"}


def user(n: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"u{n}", "email": f"u{n}@example.com", "type": 2, "group_ids": ["g1"], **fields}


def company(**broken: Any) -> Zoom:
    users = {"active": [user(1), user(2)], "inactive": [user(3)], "pending": [user(9, id="")]}
    return Zoom([group(1), group(2)], users, broken)


def collected(zoom: Zoom, reads: ReadPlan = EVERYTHING, **options: Any) -> Snapshot:
    snapshot = Snapshot.create()
    Collector(zoom, snapshot, reads, "acc", now=lambda: AT, **options).collect()
    return snapshot


def outcomes(snapshot: Snapshot, level: Level) -> dict[str, dict[View, Any]]:
    return {e.scope.id: dict(e.outcomes) for e in snapshot.evidence(level)}


def causes(snapshot: Snapshot) -> set[Cause | None]:
    return {
        each.unseen.cause if isinstance(each, ReadFailure) else None
        for level in (Level.ACCOUNT, Level.GROUP, Level.USER)
        for views in outcomes(snapshot, level).values()
        for view, each in views.items()
        if view.surface in ("settings", "lock_settings")
    }


# What is read


def test_every_document_of_the_plan_is_asked_for_once_and_recorded_where_it_belongs() -> None:
    zoom = company()
    snapshot = collected(zoom)
    assert sorted(zoom.requests) == sorted(
        [
            "/accounts/me/lock_settings",
            "/accounts/me/settings",
            "/accounts/me/settings?option=security",
            "/groups",
            "/groups/g1/lock_settings",
            "/groups/g1/settings",
            "/groups/g2/lock_settings",
            "/groups/g2/settings",
            "/users?status=active",
            "/users?status=inactive",
            "/users?status=pending",
            "/users/u1/settings",
            "/users/u2/settings",
            "/users/u3/settings",
        ]
    )
    account = outcomes(snapshot, Level.ACCOUNT)["acc"]
    assert account[SECURITY] == Document(
        {"request": "/accounts/me/settings?option=security"},
        "GET /accounts/me/settings?option=security",
        AT,
    )
    assert outcomes(snapshot, Level.GROUP)["g2"][LOCKS].body == {
        "request": "/groups/g2/lock_settings"
    }
    assert outcomes(snapshot, Level.USER)["u3"][SETTINGS].source == "GET /users/{userId}/settings"


def test_listings_are_recorded_with_the_account() -> None:
    account = outcomes(collected(company()), Level.ACCOUNT)["acc"]
    assert account[GROUPS] == Document({"listed": 2}, "GET /groups", AT)
    assert account[ACTIVE] == Document({"listed": 2}, "GET /users?status=active", AT)
    assert account[INACTIVE].body == {"listed": 1}
    assert account[PENDING].body == {"listed": 1}


def test_scopes_carry_what_their_rows_say() -> None:
    users = list(collected(company()).scopes(Level.USER))
    assert [(u.id, u.status, u.licence, u.group_ids) for u in users] == [
        ("u1", "active", 2, ("g1",)),
        ("u2", "active", 2, ("g1",)),
        ("u3", "inactive", 2, ("g1",)),
        ("u9@example.com", "pending", None, ()),
    ]


@pytest.mark.parametrize(
    ("reads", "requests"),
    [
        (ReadPlan(account=(SETTINGS,)), ["/accounts/me/settings"]),
        (
            ReadPlan(account=(SETTINGS,), group=(SETTINGS,)),
            ["/accounts/me/settings", "/groups", "/groups/g1/settings", "/groups/g2/settings"],
        ),
        (ReadPlan(), []),
    ],
)
def test_what_the_plan_does_not_name_is_not_asked_for(reads: ReadPlan, requests: list[str]) -> None:
    zoom = company()
    collected(zoom, reads)
    assert zoom.requests == requests


def test_groups_are_known_where_only_users_are_read() -> None:
    snapshot = collected(company(), ReadPlan(account=(SETTINGS,), user=(SETTINGS,)))
    assert [g.name for g in snapshot.scopes(Level.GROUP)] == ["Group 1", "Group 2"]
    assert outcomes(snapshot, Level.GROUP) == {"g1": {}, "g2": {}}


def test_a_scope_in_two_lists_or_twice_in_one_is_read_once() -> None:
    zoom = Zoom([group(1), group(1)], {"active": [user(1), user(1)], "inactive": [user(1)]})
    snapshot = collected(zoom)
    assert zoom.requests.count("/users/u1/settings") == 1
    assert zoom.requests.count("/groups/g1/settings") == 1
    (only,) = snapshot.scopes(Level.USER)
    assert only.status == "active"


def test_an_invited_user_who_is_listed_as_active_too_stays_active() -> None:
    zoom = Zoom([], {"active": [user(1)], "pending": [user(1)]})
    (only,) = collected(zoom).scopes(Level.USER)
    assert only.status == "active"


def test_an_invited_user_is_never_read() -> None:
    zoom = company()
    collected(zoom)
    assert not [request for request in zoom.requests if "u9" in request]


def test_rows_without_an_id_make_the_list_incomplete() -> None:
    zoom = Zoom([{"name": "who"}, group(1), {}], {"active": [{"first_name": "Ada"}, user(1)]})
    snapshot = collected(zoom)
    account = outcomes(snapshot, Level.ACCOUNT)["acc"]
    assert account[GROUPS].unseen.cause is Cause.ERROR
    assert account[GROUPS].unseen.detail == "2 rows of the list have no id"
    assert account[ACTIVE].unseen.detail == "1 rows of the list have no id"
    assert set(outcomes(snapshot, Level.GROUP)) == {"g1"}
    assert set(outcomes(snapshot, Level.USER)) == {"u1"}


def test_a_user_without_an_id_cannot_be_asked_about() -> None:
    zoom = Zoom([], {"active": [{"email": "ada@example.com"}]})
    snapshot = collected(zoom)
    result = outcomes(snapshot, Level.USER)["ada@example.com"][SETTINGS]
    assert result.unseen.cause is Cause.NOT_COLLECTED
    assert not [request for request in zoom.requests if "ada" in request]


def test_the_apps_token_and_zoom_phone_are_read_beside() -> None:
    zoom = company()
    snapshot = collected(zoom, ReadPlan(account=(SETTINGS,), token=True, phone=("a", "b")))
    assert outcomes(snapshot, Level.APP)["acc"][TOKEN] == Document(
        {"token": {"scopes": ["account:read:admin", "user:read:admin"]}}, "POST /oauth/token", AT
    )
    phone = outcomes(snapshot, Level.PHONE_ACCOUNT)["acc"][PHONE]
    assert phone.body == {"request": "/phone/account_settings?setting_types=a,b"}
    assert phone.source == "GET /phone/account_settings"


def test_the_token_is_got_even_where_nothing_else_is_read() -> None:
    zoom = company()
    snapshot = collected(zoom, ReadPlan(token=True))
    assert zoom.requests == ["token"]
    assert outcomes(snapshot, Level.APP)["acc"][TOKEN].body["token"]["scopes"]


def test_without_a_licence_zoom_phone_is_recorded_so() -> None:
    zoom = company(phone=NotLicensed("GET /phone/account_settings"))
    snapshot = collected(zoom, ReadPlan(account=(SETTINGS,), phone=("a",)))
    phone = outcomes(snapshot, Level.PHONE_ACCOUNT)["acc"][PHONE]
    assert phone.unseen.cause is Cause.NOT_LICENSED


# What cannot be read


@pytest.mark.parametrize(
    ("error", "cause"), ERRORS, ids=lambda each: getattr(each, "name", repr(each))
)
def test_every_error_leaves_its_cause(error: ZoomError, cause: Cause) -> None:
    zoom = company(**{"/groups/g1/settings": error})
    result = outcomes(
        collected(zoom, ReadPlan((SETTINGS,), (SETTINGS,)), target_concurrency=lambda: 1),
        Level.GROUP,
    )
    assert result["g1"][SETTINGS] == ReadFailure(
        result["g1"][SETTINGS].unseen, "GET /groups/{groupId}/settings", AT
    )
    assert result["g1"][SETTINGS].unseen.cause is cause
    assert result["g1"][SETTINGS].unseen.detail == str(error)


@pytest.mark.parametrize(
    ("error", "cause"), ERRORS, ids=lambda each: getattr(each, "name", repr(each))
)
def test_a_list_that_breaks_off_keeps_what_it_named_and_its_cause(
    error: ZoomError, cause: Cause
) -> None:
    zoom = company(**{"/users?status=active": error})
    snapshot = collected(zoom)
    assert outcomes(snapshot, Level.ACCOUNT)["acc"][ACTIVE].unseen.cause is cause
    assert {"u1", "u2"} <= {u.id for u in snapshot.scopes(Level.USER)}


@pytest.mark.parametrize(
    "error",
    [Denied("GET /x"), NotLicensed("GET /x"), NotFound("GET /x"), Rejected("GET /x"), DAILY],
)
def test_a_refused_account_does_not_hide_groups_and_users(
    error: ZoomError,
) -> None:
    zoom = company(accounts=error)
    snapshot = collected(zoom)
    assert len(outcomes(snapshot, Level.GROUP)) == (0 if error is DAILY else 2)
    account = outcomes(snapshot, Level.ACCOUNT)["acc"]
    assert isinstance(account[SETTINGS], ReadFailure)


@pytest.mark.parametrize(
    "error",
    [REFUSED, NO_NETWORK, Transient("GET /x"), Malformed("GET /x", "HTML"), RateLimited("GET /x")],
)
def test_if_nothing_at_all_can_be_read_the_run_ends_with_the_reason(error: ZoomError) -> None:
    with pytest.raises(CollectionFailed) as caught:
        collected(company(**{"": error}))
    assert caught.value.error is error
    assert str(caught.value) == str(error)


def test_a_plan_without_account_documents_ends_at_the_list_of_groups() -> None:
    with pytest.raises(CollectionFailed):
        collected(company(**{"": Transient("GET /x")}), ReadPlan(group=(SETTINGS,)))


def test_a_plan_of_the_token_alone_ends_where_there_is_none() -> None:
    with pytest.raises(CollectionFailed):
        collected(company(token=REFUSED), ReadPlan(token=True))


@pytest.mark.parametrize("error", [DAILY, REFUSED])
def test_after_a_hopeless_error_nothing_more_is_asked(
    error: RateLimited | AuthenticationFailed,
) -> None:
    zoom = company(**{"/groups/g1/lock_settings": error})
    snapshot = collected(zoom, target_concurrency=lambda: 1)
    assert zoom.requests[-1] == "/groups/g1/lock_settings"
    cause = Cause.NOT_COLLECTED if error is DAILY else Cause.ERROR
    for views in outcomes(snapshot, Level.GROUP).values():
        assert {each.unseen.cause for each in views.values()} == {cause}
    account = outcomes(snapshot, Level.ACCOUNT)["acc"]
    assert isinstance(account[SETTINGS], Document)
    assert account[ACTIVE].unseen.detail == str(error)


def many(n: int, **broken: Any) -> Zoom:
    return Zoom([], {"active": [user(k) for k in range(n)]}, broken)


def settings_requests(zoom: Zoom) -> int:
    return len([request for request in zoom.requests if request.startswith("/users/")])


@pytest.mark.parametrize(
    ("error", "weight"),
    [(Transient("GET /x"), 1), (TooMuch("GET /x", "it is too large"), 1), (NO_NETWORK, 8)],
)
def test_failures_in_a_row_end_the_asking(
    error: Transient | Unreachable | TooMuch, weight: int
) -> None:
    zoom = many(100, **{"/users/": error})
    snapshot = collected(zoom, ReadPlan((SETTINGS,), (), (SETTINGS,)), target_concurrency=lambda: 1)
    assert settings_requests(zoom) == MAX_CONSECUTIVE_FAILURES // weight
    users = outcomes(snapshot, Level.USER)
    assert len(users) == 100
    assert {views[SETTINGS].unseen.cause for views in users.values()} == {Cause.ERROR}


def test_an_answer_in_between_starts_the_count_again() -> None:
    zoom = many(100)
    answers = iter(range(1000))

    def now_and_then() -> None:
        if next(answers) % 20:
            raise Transient("GET /x")

    zoom.broken["/users/"] = now_and_then
    collected(zoom, ReadPlan((SETTINGS,), (), (SETTINGS,)), target_concurrency=lambda: 1)
    assert settings_requests(zoom) == 100


def test_refusals_are_answers_and_never_end_the_asking() -> None:
    zoom = many(100, **{"/users/": Denied("GET /x")})
    collected(zoom, ReadPlan((SETTINGS,), (), (SETTINGS,)), target_concurrency=lambda: 1)
    assert settings_requests(zoom) == 100


# Threads


@pytest.mark.parametrize("workers", [1, 8])
def test_the_result_does_not_depend_on_how_many_work(workers: int) -> None:
    zoom = many(60, **{"/users/u13/": Denied("GET /x")})
    zoom.broken["/users/u7/"] = lambda: time.sleep(0.02)
    snapshot = collected(zoom, target_concurrency=lambda: workers)
    assert snapshot.digest() == collected(many(60, **{"/users/u13/": Denied("GET /x")})).digest()
    assert causes(snapshot) == {None, Cause.DENIED}
    assert len(outcomes(snapshot, Level.USER)) == 60


def test_requests_run_at_the_same_time_but_not_more_than_allowed() -> None:
    running, most = [0], [0]
    lock, together = threading.Lock(), threading.Event()

    def slow() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] > 1:
                together.set()
        together.wait(60)
        time.sleep(0.005)
        with lock:
            running[0] -= 1

    collected(many(40, **{"/users/": slow}), target_concurrency=lambda: 4)
    assert 1 < most[0] <= 4


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), RuntimeError("a bug")])
@pytest.mark.parametrize("where", ["/accounts/me/settings", "/users/u103/settings"])
def test_an_interruption_leaves_no_thread_and_keeps_what_was_read(
    problem: RuntimeError | KeyboardInterrupt, where: str
) -> None:
    before = threading.active_count()
    snapshot, stopping = Snapshot.create(), threading.Event()
    zoom = many(500, **{where: problem})
    collector = Collector(
        zoom,
        snapshot,
        EVERYTHING,
        "acc",
        target_concurrency=lambda: 2,
        now=lambda: AT,
        stopping=stopping,
    )
    with pytest.raises(type(problem)):
        collector.collect()
    assert threading.active_count() == before
    assert stopping.is_set()
    assert settings_requests(zoom) < 100
    assert next(snapshot.evidence(Level.ACCOUNT)).scope.id == "acc"
    if where.startswith("/users"):
        assert isinstance(outcomes(snapshot, Level.USER)["u0"][SETTINGS], Document)


def test_after_an_interruption_waiting_requests_are_not_made() -> None:
    snapshot = Snapshot.create()
    zoom = many(500)
    started = threading.Event()

    def interrupt() -> None:
        started.wait(60)
        raise KeyboardInterrupt

    def slow() -> None:
        started.set()
        time.sleep(0.05)

    zoom.broken = {"/users/u0/": interrupt, "/users/": slow}
    with pytest.raises(KeyboardInterrupt):
        Collector(
            zoom, snapshot, EVERYTHING, "acc", target_concurrency=lambda: 2, now=lambda: AT
        ).collect()
    assert settings_requests(zoom) < 10


# Progress


def test_the_listener_is_told_each_level_and_each_scope_from_one_thread() -> None:
    listener = Recorder()
    collected(company(), listener=listener)
    assert listener.events == [
        ("found", Level.ACCOUNT, 1),
        ("read", Level.ACCOUNT, 1),
        ("found", Level.GROUP, 2),
        ("read", Level.GROUP, 1),
        ("read", Level.GROUP, 1),
        ("found", Level.USER, 3),
        *[("read", Level.USER, 1)] * 3,
    ]
    assert listener.threads == {threading.get_ident()}


def test_a_silent_listener_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    listener = NoProgress()
    listener.level_started(Level.USER, 3)
    listener.read(Level.USER)
    assert capsys.readouterr() == ("", "")


def test_times_are_rfc_3339_with_milliseconds_in_utc() -> None:
    snapshot = Snapshot.create()
    before = utc_now()
    Collector(company(), snapshot, ReadPlan((SETTINGS,)), "acc").collect()
    observed = outcomes(snapshot, Level.ACCOUNT)["acc"][SETTINGS].observed_at
    assert before <= observed <= utc_now()
    assert len(observed) == len(AT)
    assert observed.endswith("Z")
