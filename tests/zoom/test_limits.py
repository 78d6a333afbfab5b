"""The limiter stays below every limit, learns a lower one from refusals, and recovers."""

import heapq
import random
import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from auditor.zoom.errors import LONGEST_PAUSE
from auditor.zoom.limits import RateLabel, RateLimiter, RatePlan
from tests.zoom.conftest import Clock


def limiter(clock: Clock, **options: Any) -> RateLimiter:
    options.setdefault("share", 1.0)
    return RateLimiter(
        RatePlan.PRO.limits, clock=clock, sleep=clock.sleep, chance=lambda: 0.5, **options
    )


@pytest.mark.parametrize(
    ("plan", "label", "per_second"),
    [
        (RatePlan.FREE, RateLabel.LIGHT, 4),
        (RatePlan.FREE, RateLabel.MEDIUM, 2),
        (RatePlan.FREE, RateLabel.HEAVY, 1),
        (RatePlan.PRO, RateLabel.LIGHT, 30),
        (RatePlan.PRO, RateLabel.MEDIUM, 20),
        (RatePlan.PRO, RateLabel.HEAVY, 10),
        (RatePlan.PRO, RateLabel.RESOURCE_INTENSIVE, 10 / 60),
        (RatePlan.PRO, RateLabel.PHONE_LIGHT, 20),
        (RatePlan.BUSINESS, RateLabel.LIGHT, 80),
        (RatePlan.BUSINESS, RateLabel.MEDIUM, 60),
        (RatePlan.BUSINESS, RateLabel.HEAVY, 40),
        (RatePlan.BUSINESS, RateLabel.RESOURCE_INTENSIVE, 20 / 60),
        (RatePlan.BUSINESS, RateLabel.PHONE_MEDIUM, 20),
    ],
)
def test_the_published_limits_hold(plan: RatePlan, label: RateLabel, per_second: int) -> None:
    assert plan.limits[label] == pytest.approx(per_second)


def test_an_unknown_plan_starts_with_the_limits_of_pro() -> None:
    assert RatePlan.AUTO.limits == RatePlan.PRO.limits


@pytest.mark.parametrize("label", [RateLabel.LIGHT, RateLabel.MEDIUM, RateLabel.HEAVY])
def test_no_window_of_one_second_holds_more_than_the_limit(clock: Clock, label: RateLabel) -> None:
    paced = limiter(clock)
    sent = []
    for _ in range(200):
        paced.acquire(label)
        sent.append(clock())
    limit = RatePlan.PRO.limits[label]
    assert max(sum(start <= t <= start + 1 for t in sent) for start in sent) <= limit


def test_the_pace_uses_nearly_all_of_what_is_allowed(clock: Clock) -> None:
    paced = limiter(clock)
    start = clock()
    for _ in range(401):
        paced.acquire(RateLabel.MEDIUM)
    assert 400 / (clock() - start) >= 0.95 * 20


def test_labels_do_not_wait_for_each_other(clock: Clock) -> None:
    paced = limiter(clock)
    paced.acquire(RateLabel.RESOURCE_INTENSIVE)
    paced.acquire(RateLabel.LIGHT)
    assert clock.slept == []


def test_an_idle_limiter_saves_up_no_burst(clock: Clock) -> None:
    paced = limiter(clock)
    paced.acquire(RateLabel.HEAVY)
    clock.sleep(60)
    before = clock()
    paced.acquire(RateLabel.HEAVY)
    paced.acquire(RateLabel.HEAVY)
    assert clock() - before >= 0.1


def test_the_share_leaves_room_for_other_apps(clock: Clock) -> None:
    assert limiter(clock, share=0.5).rate(RateLabel.MEDIUM) == 10


def test_a_granted_rate_replaces_every_label(clock: Clock) -> None:
    paced = limiter(clock, max_rate=100)
    assert {paced.rate(label) for label in RateLabel} == {100}


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1.1}, {"max_rate": 0}])
def test_a_senseless_rate_is_refused(clock: Clock, options: dict[str, float | int]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        limiter(clock, **options)


@pytest.mark.parametrize(
    ("retry_after", "shortest", "longest"),
    [(7, 7, 7), (None, 0.1, 2), (0, 0.1, 2), (86_400, LONGEST_PAUSE, LONGEST_PAUSE)],
)
def test_a_refusal_holds_the_label_as_long_as_zoom_says_within_reason(
    clock: Clock, retry_after: float | None, shortest: float, longest: float
) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, retry_after)
    before = clock()
    paced.acquire(RateLabel.LIGHT)
    assert clock() == before
    paced.acquire(RateLabel.MEDIUM)
    assert shortest - 0.001 <= clock() - before <= longest + 0.001


def test_each_refusal_lowers_the_rate_and_never_to_nothing(clock: Clock) -> None:
    paced = limiter(clock)
    rates = [paced.rate(RateLabel.MEDIUM)]
    for _ in range(20):
        paced.slow_down(RateLabel.MEDIUM, 1)
        rates.append(paced.rate(RateLabel.MEDIUM))
        clock.sleep(1)
    assert rates == sorted(rates, reverse=True)
    assert rates[1] < rates[0]
    assert 0 < rates[-1] <= 1


def test_refusals_of_requests_already_under_way_halve_at_most_once(clock: Clock) -> None:
    paced = limiter(clock)
    for _ in range(16):
        paced.slow_down(RateLabel.MEDIUM, 1)
    assert paced.rate(RateLabel.MEDIUM) == 10


def test_the_rate_recovers_quickly_to_below_the_refused_one_and_slowly_to_the_allowed_one(
    clock: Clock,
) -> None:
    paced = limiter(clock)
    for _ in range(16):
        paced.slow_down(RateLabel.MEDIUM, 1)
    clock.sleep(31)
    assert 0.9 * 20 <= paced.rate(RateLabel.MEDIUM) < 20
    clock.sleep(1000)
    assert paced.rate(RateLabel.MEDIUM) == 20


@pytest.mark.parametrize(("limit", "rate"), [(10, 8), (80, 16), (0, 16)])
def test_a_lower_limit_that_zoom_names_holds_from_then_on_less_the_share(
    clock: Clock, limit: int, rate: float
) -> None:
    paced = limiter(clock, share=0.8)
    paced.slow_down(RateLabel.MEDIUM, 1, limit=limit)
    assert paced.rate(RateLabel.MEDIUM) <= rate
    clock.sleep(10_000)
    assert paced.rate(RateLabel.MEDIUM) == rate


class StrictWindow:
    """The server: `limit` requests in any second, refusals known `latency` seconds later."""

    def __init__(self, clock: Clock, limit: int, latency: float) -> None:
        self.clock, self.limit, self.latency = clock, limit, latency
        self.window: deque[float] = deque()
        self.refused: deque[float] = deque()
        self.accepted = self.refusals = 0

    def limiter(self, allowed: int) -> RateLimiter:
        limits = dict.fromkeys(RateLabel, allowed)
        self.paced = RateLimiter(
            limits, share=1, clock=self.clock, sleep=self.sleep, chance=lambda: 0.5
        )
        return self.paced

    def sleep(self, seconds: float) -> None:
        until = self.clock.time + seconds
        while self.refused and self.refused[0] <= until:
            self.clock.time = max(self.clock.time, self.refused.popleft())
            self.paced.slow_down(RateLabel.MEDIUM)
        self.clock.time = until

    def ask(self) -> None:
        now = self.clock()
        while self.window and self.window[0] <= now - 1:
            self.window.popleft()
        if len(self.window) < self.limit:
            self.window.append(now)
            self.accepted += 1
        else:
            self.refusals += 1
            self.refused.append(now + self.latency)

    def minutes(self, minutes: int, allowed: int) -> float:
        paced, start = self.limiter(allowed), self.clock()
        while self.clock() < start + 60 * minutes:
            paced.acquire(RateLabel.MEDIUM)
            self.ask()
        return self.accepted / (self.clock() - start)


@pytest.mark.parametrize("latency", [0.05, 0.4])
def test_a_limit_half_of_the_published_one_is_learned_with_few_refusals(
    clock: Clock, latency: float
) -> None:
    zoom = StrictWindow(clock, 30, latency)
    assert zoom.minutes(10, allowed=60) >= 0.85 * 30
    assert zoom.refusals < 0.01 * (zoom.accepted + zoom.refusals)


def test_a_free_account_taken_for_a_large_one_is_still_read(clock: Clock) -> None:
    zoom = StrictWindow(clock, 2, 0.4)
    assert zoom.minutes(10, allowed=60) >= 0.8 * 2
    assert zoom.refusals < 0.1 * (zoom.accepted + zoom.refusals)


class SharedClock:
    """A clock of `threads` threads. When all of them sleep, it advances and one wakes up."""

    def __init__(self, threads: int) -> None:
        self.time, self.awake = 1000.0, threads
        self.sleepers: list[tuple[float, int, threading.Semaphore]] = []
        self.lock = threading.Lock()

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        bell = threading.Semaphore(0)
        with self.lock:
            heapq.heappush(self.sleepers, (self.time + seconds, id(bell), bell))
            self._one_less_awake()
        bell.acquire()

    def leave(self) -> None:
        with self.lock:
            self._one_less_awake()

    def _one_less_awake(self) -> None:
        self.awake -= 1
        if not self.awake and self.sleepers:
            self.time, _, bell = heapq.heappop(self.sleepers)
            self.awake = 1
            bell.release()


def in_threads(number: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_late_wake_ups_and_a_varying_network_break_no_strict_window_and_cost_little() -> None:
    clock, chance, arrivals = SharedClock(16), random.Random(1), []

    def sleep_too_long(seconds: float) -> None:
        clock.sleep(seconds + (0.1 if chance.random() < 0.05 else 0.0))

    paced = RateLimiter(dict.fromkeys(RateLabel, 60), share=1, clock=clock, sleep=sleep_too_long)

    def work() -> None:
        for _ in range(100):
            paced.acquire(RateLabel.MEDIUM)
            arrivals.append(clock() + chance.random() * 0.01)
            clock.sleep(0.1 + chance.random() * 0.1)
        clock.leave()

    in_threads(16, work)
    arrivals.sort()
    assert min(b - a for a, b in zip(arrivals, arrivals[60:], strict=False)) >= 1
    assert len(arrivals) / (arrivals[-1] - arrivals[0]) >= 0.95 * 60


def test_a_thread_that_waits_when_zoom_refuses_waits_for_the_end_of_the_hold(clock: Clock) -> None:
    def refused_meanwhile(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            paced.slow_down(RateLabel.MEDIUM, 5)

    paced = RateLimiter(RatePlan.PRO.limits, share=1, clock=clock, sleep=refused_meanwhile)
    paced.acquire(RateLabel.MEDIUM)
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before >= 5


def test_threads_share_one_pace() -> None:
    clock, sent = SharedClock(8), []
    paced = RateLimiter(RatePlan.PRO.limits, share=1, clock=clock, sleep=clock.sleep)

    def work() -> None:
        for _ in range(10):
            paced.acquire(RateLabel.MEDIUM)
            sent.append(clock())
        clock.leave()

    in_threads(8, work)
    assert len(sent) == 80
    assert min(later - sooner for sooner, later in pairwise(sorted(sent))) >= 1 / 20


def test_nobody_waits_once_sleeps_are_cut_short(clock: Clock) -> None:
    """A stopped run has to end at once: its sleep waits for an event."""
    paced = RateLimiter(RatePlan.PRO.limits, share=1, clock=clock, sleep=lambda seconds: True)
    for _ in range(100):
        paced.acquire(RateLabel.MEDIUM)
    assert clock.slept == []
