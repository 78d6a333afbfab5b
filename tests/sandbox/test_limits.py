from datetime import UTC, datetime
from itertools import pairwise

import pytest

from auditor.sandbox import Faults
from auditor.sandbox.limits import Label, Plan, RequestCounter
from tests.sandbox.conftest import Clock, Start


def admitted(plan: Plan, label: Label, *, phone: bool = False) -> int:
    limits = RequestCounter(plan)
    return sum(limits.admit(label, phone=phone, now=100.0) is None for _ in range(200))


@pytest.mark.parametrize(
    ("plan", "light", "medium", "heavy"),
    [("free", 4, 2, 1), ("pro", 30, 20, 10), ("business", 80, 60, 40), ("none", 200, 200, 200)],
)
def test_each_plan_admits_its_published_number_a_second(
    plan: Plan, light: int, medium: int, heavy: int
) -> None:
    results = (admitted(plan, "Light"), admitted(plan, "Medium"), admitted(plan, "Heavy"))
    assert results == (light, medium, heavy)


def test_phone_has_limits_of_its_own() -> None:
    assert admitted("business", "Medium", phone=True) == 20
    assert admitted("pro", "Light", phone=True) == 20


def test_no_second_anywhere_holds_more_than_the_limit() -> None:
    limits = RequestCounter("pro")
    times = [n / 97 for n in range(1000)]
    passed = [now for now in times if limits.admit("Heavy", phone=False, now=now) is None]
    assert all(later - earlier >= 1 for earlier, later in zip(passed, passed[10:], strict=False))
    assert all(earlier < later for earlier, later in pairwise(passed))


def test_a_refused_request_does_not_count() -> None:
    limits = RequestCounter("free")
    for now in (0.0, 0.1, 0.5, 0.9):
        limits.admit("Medium", phone=False, now=now)
    assert limits.admit("Medium", phone=False, now=1.0) is None


def test_the_daily_limit_ends_at_midnight_utc() -> None:
    limits = RequestCounter("free")
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
    assert all(limits.admit("Heavy", phone=False, now=noon + 2 * n) is None for n in range(1000))
    excess = limits.admit("Heavy", phone=False, now=noon + 3000)
    assert excess is not None
    assert "daily" in excess.message
    assert dict(excess.headers)[b"retry-after"] == b"2026-11-22T00:00:00Z"
    assert limits.admit("Heavy", phone=False, now=noon + 12 * 3600) is None


def test_a_full_second_is_a_429_with_the_documented_text_and_headers(
    start: Start, clock: Clock
) -> None:
    client = start(plan="free", clock=clock)
    assert [client.get("/users").status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get("/users")
    assert answer.json() == {
        "code": 429,
        "message": "You have reached the maximum per-second rate limit for this API. "
        "Try again later.",
    }
    headers = {name: answer.headers[f"x-ratelimit-{name}"] for name in ("category", "type")}
    assert headers == {"category": "Medium", "type": "QPS"}
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == (
        "2",
        "0",
    )
    clock.now += 1
    assert client.get("/users").status_code == 200


def test_labels_are_counted_apart(start: Start, clock: Clock) -> None:
    client = start(plan="free", clock=clock)
    for _ in range(3):
        client.get("/users")
    assert client.get("/users/me").status_code == 200


def test_a_daily_limit_can_be_set_low(start: Start) -> None:
    client = start(faults=Faults(daily_limit=2))
    answers = [client.get("/users") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["x-ratelimit-type"] == "Daily-limit"
    assert answers[2].headers["retry-after"].endswith("T00:00:00Z")


@pytest.mark.parametrize(("share", "holds"), [(0.5, 30), (0.05, 3), (0.0, 1), (1.0, 60)])
def test_less_than_the_published_limit_may_hold(
    start: Start, clock: Clock, share: float, holds: int
) -> None:
    client = start(plan="business", clock=clock, faults=Faults(limit_below=share))
    answers = [client.get("/groups") for _ in range(62)]
    assert [answer.status_code for answer in answers].count(200) == holds
    assert answers[-1].headers["x-ratelimit-limit"] == str(holds)


def test_a_share_of_a_limit_is_not_rounded_away() -> None:
    limits = RequestCounter("business", share=0.29)
    results = [limits.admit("Heavy", phone=False, now=1.0) for _ in range(40)]
    assert results.count(None) == 11
