"""Resuming: a collection interrupted anywhere reads the rest, with the same final result."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from auditor.collect.collector import CHECKPOINT, MAX_WORKERS, CollectionFailed, Collector
from auditor.collect.interface import LockVerifier
from auditor.evidence.read_plan import (
    LOGS,
    MEETING,
    PHONE,
    ROLES,
    SUMMARIES,
    MeetingSelection,
    ReadPlan,
    apps,
    history,
)
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document, View
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import (
    AuthenticationFailed,
    Denied,
    NotLicensed,
    RateLimited,
    Transient,
    ZoomError,
)
from tests.collect.surfaces import Zoom, account, cause, of

OLD, AT, LATER = (
    "2026-11-20T20:00:00.000Z",
    "2026-11-21T20:00:00.000Z",
    "2026-11-21T21:00:00.000Z",
)
NO_PERMISSION = Denied("GET /x", "No permission.", code=2306)
USERS = 12

EVERYTHING = ReadPlan(
    account=(LOCKS, SETTINGS),
    group=(LOCKS, SETTINGS),
    user=(SETTINGS,),
    token=True,
    phone=("call_live_transcription",),
    phone_site=("call_live_transcription",),
    phone_user=("call_live_transcription",),
    hosts=True,
    notices=5,
    meeting=("auto_recording",),
    webinar=("auto_recording",),
    use={
        history("meeting_summary"): (),
        SUMMARIES: (),
        apps("account_added"): (),
        ROLES: ("recording:edit",),
        LOGS: ("account",),
    },
)
"""A plan with documents of every kind."""


class Locks(LockVerifier):
    """Proves the default document of users, and every user confirms it."""

    def prepare(self, snapshot: Snapshot) -> None:
        pass

    def provable(self, views: Iterable[View]) -> tuple[View, ...]:
        return tuple(views)

    def confirms(self, user: ScopeEvidence, view: View) -> bool:
        return isinstance(user.outcomes[view], Document)


def company() -> dict[str, Any]:
    used = {"meeting_uuid": "m1", "host_email": "u01@example.com", "start_time": "2026-11-20"}
    rows = [
        {"id": f"u{n:02}", "email": f"u{n:02}@example.com", "group_ids": []} for n in range(USERS)
    ]
    answers: dict[str, Any] = {
        "/groups": [{"id": "g1", "name": "Legal"}, {"id": "g2", "name": "Sales"}],
        "/groups/g1/members": [{"id": "u01"}, {"id": "u11"}],
        "/groups/g2/members": [{"id": "u02"}],
        "/users?status=active": rows[:-2],
        "/users?status=inactive": rows[-2:],
        "/users?status=pending": [{"email": "new@example.com"}],
        "/accounts/me/settings": {"a": 1},
        "/accounts/me/lock_settings": {"a": True},
        "/phone/account_settings": {"call_live_transcription": {"enable": True}},
        "/phone/sites": [{"id": "s1", "name": "Main"}, {"id": "s2", "name": "Lab"}],
        "/report/history_meetings": [{**used, "feature_used": {"meeting_summary": True}}],
        "/meetings/meeting_summaries": [{"meeting_host_id": "u02"}],
        "/marketplace/apps": [{"app_id": "x", "app_name": "X", "scopes": []}],
        "/roles": [{"id": "0", "name": "Owner"}],
        "/roles/0/members": [{"id": "u01"}],
        "/report/operationlogs": [{"time": "2026-11-20", "action": "Update"}],
        "/metrics/meetings/m1/participants": [{"aic_disclaimer": "agreed"}],
    }
    for site in ("s1", "s2"):
        answers[f"/phone/sites/{site}"] = {"policy": {"call_live_transcription": {}}}
    for group in ("g1", "g2"):
        answers |= {f"/groups/{group}/settings": {"a": 1}, f"/groups/{group}/lock_settings": {}}
    for n in range(USERS):
        user = f"/users/u{n:02}"
        answers[f"{user}/settings"] = {"feature": {"zoom_phone": n % 2 == 0, "webinar": n < 2}}
        answers[f"{user}/meetings"] = [{"id": f"{n}0", "topic": "A"}, {"id": f"{n}1"}]
        answers[f"/phone{user}"] = {"policy": {"call_live_transcription": {"enable": n == 4}}}
        answers |= {f"/meetings/{n}{k}": {"settings": {"auto_recording": "none"}} for k in (0, 1)}
    answers["/users/u03/meetings"] = NO_PERMISSION
    answers["/users/u00/webinars"] = [{"id": "w1"}]
    answers["/users/u01/webinars"] = NotLicensed("GET /x")
    answers["/users/u05/webinars"] = []
    answers["/webinars/w1"] = {"settings": {}}
    answers["/users/u05/settings"] = NO_PERMISSION
    return answers


@dataclass
class Breaking(Zoom):
    """Raises an interrupt at the `after`-th request."""

    after: int = 10**9

    def authenticate(self) -> frozenset[str]:
        self._count("token")
        return frozenset({"user:read"})

    def _answer(self, endpoint: Endpoint, ids: Mapping[str, str], params: Mapping[str, str]) -> Any:
        if len(self.requests) >= self.after:
            raise KeyboardInterrupt
        return super()._answer(endpoint, ids, params)

    def _count(self, what: str) -> None:
        if len(self.requests) >= self.after:
            raise KeyboardInterrupt
        self.requests.append(what)


def go(
    zoom: Zoom,
    snapshot: Snapshot,
    reads: ReadPlan = EVERYTHING,
    since: str | None = None,
    now: str = AT,
    **fields: Any,
) -> Collector:
    options = {"target_concurrency": lambda: 1, "sample": 3, **fields}
    collector = Collector(zoom, snapshot, reads, "acc", now=lambda: now, since=since, **options)
    collector.collect()
    return collector


def whole(**fields: Any) -> tuple[str, list[str]]:
    """The digest and the requests of an undisturbed collection."""
    zoom, snapshot = Zoom(company()), Snapshot.create()
    breaking = Breaking(zoom.answers)
    go(breaking, snapshot, **fields)
    return snapshot.digest(), breaking.requests


PLANS = pytest.mark.parametrize(
    ("reads", "lock_verifier"),
    [
        pytest.param(EVERYTHING, None, marks=pytest.mark.slow),
        (ReadPlan(account=(LOCKS, SETTINGS), user=(SETTINGS,)), Locks()),
    ],
    ids=["everything", "proved by lock"],
)


@PLANS
def test_broken_off_at_any_request_it_goes_on_and_ends_as_if_undisturbed(
    reads: ReadPlan, lock_verifier: LockVerifier | None
) -> None:
    digest, requests = whole(reads=reads, lock_verifier=lock_verifier)
    assert len(requests) > 8
    for after in range(2, len(requests)):
        first, second = Breaking(company(), after=after), Breaking(company())
        snapshot = Snapshot.create()
        with pytest.raises(KeyboardInterrupt):
            go(first, snapshot, reads, lock_verifier=lock_verifier)
        go(second, snapshot, reads, since=OLD, lock_verifier=lock_verifier)
        assert snapshot.digest() == digest, requests[after]


@pytest.mark.slow
@PLANS
def test_broken_off_at_any_request_it_reads_nothing_twice(
    reads: ReadPlan, lock_verifier: LockVerifier | None
) -> None:
    """Except documents of several requests, and the short list of phone sites."""
    _, requests = whole(reads=reads, lock_verifier=lock_verifier)
    for after in range(2, len(requests)):
        first, second = Breaking(company(), after=after), Breaking(company())
        snapshot = Snapshot.create()
        with pytest.raises(KeyboardInterrupt):
            go(first, snapshot, reads, lock_verifier=lock_verifier)
        go(second, snapshot, reads, since=OLD, lock_verifier=lock_verifier)
        twice = {request for request in first.requests if request in second.requests}
        several = {"/roles", "/roles/0/members", "/phone/sites"}
        members = {request for request in requests if request.endswith("/members")}
        assert twice <= several | members, requests[after]


def test_a_finished_walk_that_is_gone_on_with_asks_only_for_what_may_have_passed() -> None:
    answers = company()
    answers["/users/u06/settings"] = Transient("GET /x")
    snapshot = Snapshot.create()
    go(Breaking(answers), snapshot)
    again = Breaking(company())
    go(again, snapshot, since=OLD)
    settings = [request for request in again.requests if request.endswith("/settings")]
    assert settings == ["/users/u06/settings"]
    assert isinstance(of(snapshot, Level.USER, SETTINGS)["u06"], dict)


def test_what_was_refused_for_good_is_not_asked_for_again() -> None:
    snapshot = Snapshot.create()
    go(Breaking(company()), snapshot)
    again = Breaking(company())
    go(again, snapshot, since=OLD)
    assert "/users/u05/settings" not in again.requests
    assert "/users/u03/meetings?type=upcoming" not in again.requests
    assert cause(of(snapshot, Level.MEETING, MEETING)["*u03"]) == "denied"


def test_what_is_older_than_allowed_is_all_read_again() -> None:
    _, requests = whole()
    snapshot = Snapshot.create()
    go(Breaking(company()), snapshot)
    again = Breaking(company())
    go(again, snapshot, since=LATER, now=LATER)
    assert sorted(again.requests) == sorted(requests)
    times = {
        outcome.observed_at
        for level in Level
        for each in snapshot.evidence(level)
        for outcome in each.outcomes.values()
    }
    assert times == {LATER}


def test_a_host_whose_list_was_refused_and_now_comes_has_no_record_of_the_refusal() -> None:
    reads = ReadPlan(meeting=("auto_recording",))
    answers = {**company(), "/users/u03/meetings": Transient("GET /x")}
    snapshot = Snapshot.create()
    go(Breaking(answers), snapshot, reads)
    assert "*u03" in of(snapshot, Level.MEETING, MEETING)
    go(Breaking({**answers, "/users/u03/meetings": [{"id": "30"}]}), snapshot, reads, since=OLD)
    by_id = of(snapshot, Level.MEETING, MEETING)
    assert "*u03" not in by_id
    assert by_id["30"] == {"settings": {"auto_recording": "none"}}


def test_a_day_whose_quota_is_used_up_is_gone_on_with() -> None:
    reads = ReadPlan(account=(SETTINGS,), user=(SETTINGS,))
    digest, _ = whole(reads=reads)
    answers = {**company(), "/users/u04/settings": RateLimited("GET /x", daily=True)}
    snapshot = Snapshot.create()
    collector = go(Breaking(answers), snapshot, reads)
    assert collector.stop_reason is not None
    assert cause(of(snapshot, Level.USER, SETTINGS)["u11"]) == "not_collected"
    again = Breaking(company())
    assert go(again, snapshot, reads, since=OLD).stop_reason is None
    assert snapshot.digest() == digest
    assert "/users/u03/settings" not in again.requests


def test_going_on_without_a_network_keeps_what_was_read() -> None:
    reads = ReadPlan(account=(SETTINGS,), user=(SETTINGS,))
    snapshot = Snapshot.create()
    with pytest.raises(KeyboardInterrupt):
        go(Breaking(company(), after=1), snapshot, reads)
    before = of(snapshot, Level.ACCOUNT, SETTINGS)
    refused = AuthenticationFailed("POST /oauth/token", "The secret is wrong.")
    answers = dict.fromkeys(company(), refused)
    with pytest.raises(CollectionFailed):
        go(Breaking(answers), snapshot, reads, since=OLD)
    assert of(snapshot, Level.ACCOUNT, SETTINGS) == before


def test_going_on_with_a_run_of_which_nothing_was_ever_read_is_no_run() -> None:
    busy = RateLimited("GET /x", "Too many requests.")
    answers = dict.fromkeys(company(), busy)
    with pytest.raises(CollectionFailed):
        go(Breaking(answers), Snapshot.create(), ReadPlan(account=(SETTINGS,)), since=OLD)


def test_going_on_ends_where_the_first_thing_it_asks_is_refused_for_the_moment() -> None:
    reads = ReadPlan(account=(SETTINGS,), user=(SETTINGS,))
    snapshot = Snapshot.create()
    with pytest.raises(KeyboardInterrupt):
        go(Breaking(company(), after=6), snapshot, reads)
    answers = {**company(), "/users/u01/settings": Transient("GET /x")}
    go(Breaking(answers), snapshot, reads, since=OLD)
    assert cause(of(snapshot, Level.USER, SETTINGS)["u01"]) == "error"
    assert isinstance(of(snapshot, Level.USER, SETTINGS)["u02"], dict)


def test_zoom_phone_is_not_read_again_where_it_was_read() -> None:
    reads = ReadPlan(account=(SETTINGS,), phone=("a",), token=True)
    snapshot = Snapshot.create()
    go(Breaking(company()), snapshot, reads)
    again = Breaking(company())
    go(again, snapshot, reads, since=OLD)
    assert again.requests == []
    assert account(snapshot, SETTINGS) == {"a": 1}
    assert of(snapshot, Level.PHONE_ACCOUNT, PHONE)["acc"]


def test_meetings_that_the_budget_left_out_stay_counted() -> None:
    reads = ReadPlan(
        meeting=("auto_recording",), meetings=MeetingSelection(per_host=1, users=("u0[0-2]*",))
    )
    counted = View("upcoming_meetings")
    snapshot = Snapshot.create()
    go(Breaking(company()), snapshot, reads)
    assert account(snapshot, counted) == {"listed": 6, "read": 3}
    go(Breaking(company()), snapshot, reads, since=OLD)
    assert account(snapshot, counted) == {"listed": 6, "read": 3}


def test_what_is_not_read_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    reads = ReadPlan(account=(SETTINGS,), user=(SETTINGS,))
    snapshot = Snapshot.create()
    go(Breaking(company()), snapshot, reads)
    with caplog.at_level(logging.DEBUG, "auditor"):
        go(Breaking(company()), snapshot, reads, since=OLD)
    assert f"Resuming: documents read at {OLD} or later are not read again." in caplog.messages
    again = "users?option=active was listed before the run was interrupted: it is not listed again."
    assert again in caplog.messages


# How the work is spread


def steps(target_concurrency: Any, work: Any, items: Iterable[int]) -> Iterator[tuple[int, Any]]:
    """`run_concurrently` of a collector whose threads are running."""
    collector = Collector(Zoom({}), Snapshot.create(), ReadPlan(), "acc", target_concurrency)
    with ThreadPoolExecutor(MAX_WORKERS) as collector._threads:
        for batch in collector.run_concurrently(work, items):
            yield from batch


def test_what_is_done_first_comes_first() -> None:
    release = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            release.wait(60)
        return item

    order = []
    for item, result in steps(lambda: 4, work, range(8)):
        assert item == result
        order.append(item)
        if len(order) == 7:
            release.set()
    assert order[-1] == 0
    assert sorted(order) == list(range(8))


def test_no_more_is_taken_up_than_may_be_under_way() -> None:
    started = [0]
    returned = 0

    def items() -> Iterator[int]:
        for item in range(50):
            started[0] += 1
            yield item

    for returned, _ in enumerate(steps(lambda: 3, lambda item: item, items()), 1):
        assert started[0] - returned < 3
    assert returned == 50


def test_how_much_may_be_under_way_is_asked_again_and_again() -> None:
    allowed = iter([1] * 10 + [6] * 1000)
    running, most = [0], [0]
    lock = threading.Lock()

    def work(item: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1

    assert len(list(steps(lambda: next(allowed), work, range(40)))) == 40
    assert 1 < most[0] <= 6


def test_a_bug_in_the_work_comes_out_where_its_result_would() -> None:
    def work(item: int) -> int:
        return 1 // item

    with pytest.raises(ZeroDivisionError):
        list(steps(lambda: 2, work, [1, 0]))


def test_an_error_comes_after_what_was_done_before_it() -> None:
    went_wrong = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            went_wrong.set()
            raise LookupError(item)
        return item

    def items() -> Iterator[int]:
        yield 0
        yield 1
        went_wrong.wait(5)

    done = []
    with pytest.raises(LookupError):  # noqa: PT012 - what came before it is looked at
        for pair in steps(lambda: 8, work, items()):
            done.append(pair)
    assert done == [(0, 0)]


def test_what_is_done_while_the_caller_is_busy_comes_together() -> None:
    finished = threading.Semaphore(0)

    def work(item: int) -> int:
        finished.release()
        return item

    collector = Collector(Zoom({}), Snapshot.create(), ReadPlan(), "acc", lambda: 4)
    with ThreadPoolExecutor(MAX_WORKERS) as collector._threads:
        batches = collector.run_concurrently(work, range(8))
        first = next(batches)
        for _ in range(4):
            assert finished.acquire(timeout=60)
        rest = [*batches]
    assert sorted(item for batch in [first, *rest] for item, _ in batch) == [*range(8)]
    assert len(rest) < 8


def test_requests_that_no_thread_has_begun_are_dropped_where_the_run_is_interrupted() -> None:
    """Ctrl-C while more requests are queued than there are threads."""
    begun: list[int] = []
    release, full = threading.Event(), threading.Semaphore(0)

    def work(item: int) -> None:
        begun.append(item)
        full.release()
        release.wait(60)

    def items() -> Iterator[int]:
        yield from range(MAX_WORKERS + 8)
        for _ in range(MAX_WORKERS):
            assert full.acquire(timeout=60)
        threading.Timer(0.3, release.set).start()
        raise KeyboardInterrupt

    class Busy(Collector):
        def _collect(self) -> None:
            list(self.run_concurrently(work, items()))

    collector = Busy(Zoom({}), Snapshot.create(), ReadPlan(), "acc", lambda: MAX_WORKERS + 9)
    with pytest.raises(KeyboardInterrupt):
        collector.collect()
    assert sorted(begun) == [*range(MAX_WORKERS)]
    assert collector.stopping.is_set()


@pytest.mark.parametrize("is_started", [True, False])
def test_a_thread_that_was_just_being_started_ends_as_well(
    monkeypatch: pytest.MonkeyPatch, is_started: bool
) -> None:
    """Ctrl-C may come at any time, and a thread that is never stopped keeps the program alive."""
    before, start = threading.active_count(), threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if is_started:
            start(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go(Breaking(company()), Snapshot.create(), ReadPlan(account=(SETTINGS,)))
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_nothing_to_do_is_nothing_done() -> None:
    assert list(steps(lambda: 4, str, [])) == []


def test_progress_is_written_down_now_and_then_and_at_the_end() -> None:
    users = [{"id": f"u{n}", "group_ids": ["g"]} for n in range(2 * CHECKPOINT + 1)]
    answers = {**company(), "/users?status=active": users, "/groups": []}
    answers |= {f"/users/u{n}/settings": {} for n in range(len(users))}
    calls: list[int] = []
    reads = ReadPlan(account=(SETTINGS,), user=(SETTINGS,))
    zoom = Breaking(answers)
    go(zoom, Snapshot.create(), reads, checkpoint=lambda: calls.append(len(zoom.requests)))
    assert len(calls) == 3
    assert calls[0] < calls[1] < calls[2] == len(zoom.requests)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZoomError("GET /x")])
def test_progress_is_written_down_however_it_ends(error: BaseException) -> None:
    calls: list[int] = []
    after = 4 if isinstance(error, KeyboardInterrupt) else 10**9
    answers = company() if isinstance(error, KeyboardInterrupt) else dict.fromkeys(company(), error)
    reads = ReadPlan(account=(SETTINGS,), user=(SETTINGS,))
    with pytest.raises((KeyboardInterrupt, CollectionFailed)):
        go(
            Breaking(answers, after=after),
            Snapshot.create(),
            reads,
            checkpoint=lambda: calls.append(1),
        )
    assert calls == [1]
