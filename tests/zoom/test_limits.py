import heapq
import random
import threading
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

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


def test_a_first_refusal_takes_a_tenth_of_the_rate(clock: Clock) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 7)
    assert paced.rate(RateLabel.MEDIUM) == 18


def test_a_refusal_soon_after_another_halves_the_rate(clock: Clock) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 2)
    clock.sleep(2)
    paced.slow_down(RateLabel.MEDIUM, 2)
    assert paced.rate(RateLabel.MEDIUM) == 9


def test_a_refusal_holds_the_label_as_long_as_zoom_says(clock: Clock) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 7)
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before == pytest.approx(7)


def test_a_refusal_without_a_time_holds_for_half_a_second_and_another_for_one_to_two(
    clock: Clock,
) -> None:
    paced = limiter(clock)
    for held in (0.5, 1.5):
        paced.slow_down(RateLabel.MEDIUM)
        before = clock()
        paced.acquire(RateLabel.MEDIUM)
        assert clock() - before == pytest.approx(held)


def test_a_refusal_holds_until_what_is_under_way_is_answered(clock: Clock) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 0.0)
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before == pytest.approx(0.5)


def test_a_refusal_never_holds_longer_than_a_quarter_of_an_hour(clock: Clock) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 86_400)
    before = clock()
    paced.acquire(RateLabel.MEDIUM)
    assert clock() - before == pytest.approx(900)


def test_the_more_requests_under_way_are_refused_the_slower_it_goes_on(clock: Clock) -> None:
    paced = limiter(clock)
    paced.slow_down(RateLabel.MEDIUM, 1)
    paced.slow_down(RateLabel.MEDIUM, 1)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(20 * 0.9 * 0.9)


def test_refusals_of_requests_already_under_way_halve_at_most_once(clock: Clock) -> None:
    paced = limiter(clock)
    for _ in range(16):
        paced.slow_down(RateLabel.MEDIUM, 1)
    assert paced.rate(RateLabel.MEDIUM) == 10


def test_the_rate_never_falls_to_nothing(clock: Clock) -> None:
    paced = limiter(clock)
    for _ in range(20):
        paced.slow_down(RateLabel.MEDIUM, 1)
        clock.sleep(1)
    assert paced.rate(RateLabel.MEDIUM) == 20 / 64


def halved(clock: Clock) -> RateLimiter:
    """A limiter whose rate fell from 20 to 10 after a refusal; the block has just ended."""
    paced = limiter(clock)
    for _ in range(16):
        paced.slow_down(RateLabel.MEDIUM, 1)
    clock.sleep(1)
    return paced


def test_the_rate_comes_back_quickly_to_just_below_where_it_was_refused(clock: Clock) -> None:
    paced = halved(clock)
    clock.sleep(10)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(14)
    clock.sleep(10)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(18)


def test_above_a_refused_rate_the_limiter_probes_slowly_and_never_beyond_the_allowed_rate(
    clock: Clock,
) -> None:
    paced = halved(clock)
    clock.sleep(23.5)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(0.97 * 20)
    clock.sleep(10)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(0.97 * 20 + 10 * 0.002 * 20)
    clock.sleep(1000)
    assert paced.rate(RateLabel.MEDIUM) == 20


@pytest.mark.parametrize(("limit", "rate"), [(10, 8), (19, 0.9 * 16), (80, 0.9 * 16), (0, 14.4)])
def test_a_lower_limit_that_zoom_names_is_taken_at_once_less_the_share(
    clock: Clock, limit: int, rate: float | int
) -> None:
    paced = limiter(clock, share=0.8)
    paced.slow_down(RateLabel.MEDIUM, 1, limit=limit)
    assert paced.rate(RateLabel.MEDIUM) == pytest.approx(rate)


def test_the_rate_stays_below_a_lower_limit_that_zoom_named(clock: Clock) -> None:
    paced = limiter(clock, share=0.8)
    paced.slow_down(RateLabel.MEDIUM, 1, limit=10)
    clock.sleep(10_000)
    assert paced.rate(RateLabel.MEDIUM) == 8


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


def test_who_waits_when_zoom_refuses_waits_for_the_end_of_the_hold(clock: Clock) -> None:
    paced = limiter(clock)
    paced.acquire(RateLabel.MEDIUM)

    def refused_meanwhile(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            paced.slow_down(RateLabel.MEDIUM, 5)

    paced._sleep = refused_meanwhile
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
    gaps = [later - sooner for sooner, later in pairwise(sorted(sent))]
    assert gaps == pytest.approx([1.035 / 20] * 79)


def test_nobody_waits_once_sleeps_are_cut_short(clock: Clock) -> None:
    """A stopped run has to end at once: its sleep waits for an event."""
    paced = RateLimiter(RatePlan.PRO.limits, share=1, clock=clock, sleep=lambda seconds: True)
    for _ in range(100):
        paced.acquire(RateLabel.MEDIUM)
    assert clock.slept == []
