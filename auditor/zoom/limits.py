"""Rate limits: Zoom's published limits by label, and a pace that stays below them.

Source: developers.zoom.us/docs/api/rate-limits, read 2026-11. Limits hold for a whole account and
are shared by every app installed on it.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class RateLabel(StrEnum):
    """The label Zoom's reference gives an endpoint. Zoom Phone has limits of its own."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"
    RESOURCE_INTENSIVE = "resource_intensive"
    PHONE_LIGHT = "phone_light"
    PHONE_MEDIUM = "phone_medium"
    PHONE_HEAVY = "phone_heavy"


class Plan(StrEnum):
    """The plan an account's limits follow from. Business stands for all that is above Pro.

    The API does not tell an account's plan, so `auto` starts with the limits of Pro. A free
    account then gets 429s, which slow the pace down.
    """

    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"
    AUTO = "auto"

    @property
    def limits(self) -> Mapping[RateLabel, float]:
        """Requests per second by label."""
        return _LIMITS[self]


def _limits(
    main: tuple[float, float, float], per_minute: float, phone: tuple[float, float, float]
) -> Mapping[RateLabel, float]:
    return dict(zip(RateLabel, (*main, per_minute / 60, *phone), strict=True))


_PRO = _limits((30, 20, 10), 10, (20, 10, 5))
_LIMITS: Mapping[Plan, Mapping[RateLabel, float]] = {
    Plan.FREE: _limits((4, 2, 1), 10, (4, 2, 1)),
    Plan.PRO: _PRO,
    Plan.BUSINESS: _limits((80, 60, 40), 20, (40, 20, 10)),
    Plan.AUTO: _PRO,
}

_SPACING = 1.02
"""Slots are this much wider than the rate asks for: threads wake up late by varying times."""
_SLOWEST = 1 / 16
"""The part of its rate a label keeps, however often Zoom refuses."""
_RECOVERY = 0.02
"""The part of its rate a label gets back per second without refusals: half of it in 25 s."""
_LONGEST_BLOCK = 120.0
"""Seconds."""


@dataclass(slots=True)
class _Lane:
    """The pace of one label. Times are of the limiter's clock, in seconds."""

    allowed: float
    rate: float
    next_slot: float = 0.0
    recovered_at: float = 0.0
    blocked_until: float = 0.0
    refusals: int = 0


class RateLimiter:
    """Gives every request of every thread its slot, evenly spaced for each label.

    `limits` are requests per second; `max_rate` replaces them all, where Zoom granted others.
    `share` (over 0, at most 1) of them is used, which leaves room for the organisation's other
    apps.
    """

    def __init__(
        self,
        limits: Mapping[RateLabel, float],
        *,
        share: float = 0.8,
        max_rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"The share of the rate limit must be over 0 and at most 1: {share}.")
        if max_rate is not None and not 0 < max_rate < float("inf"):
            raise ValueError(f"The highest rate must be a number above 0: {max_rate}.")
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._lock = threading.Lock()
        self._lanes: dict[RateLabel, _Lane] = {}
        for label in RateLabel:
            allowed = (limits[label] if max_rate is None else max_rate) * share
            self._lanes[label] = _Lane(allowed, allowed)

    def rate(self, label: RateLabel) -> float:
        """Requests per second now asked of `label`."""
        with self._lock:
            return self._recovered(label).rate

    def acquire(self, label: RateLabel) -> None:
        """Return when a request of this label may be sent."""
        while True:
            with self._lock:
                lane = self._recovered(label)
                now = self._clock()
                slot = max(now, lane.next_slot, lane.blocked_until)
                lane.next_slot = slot + _SPACING / lane.rate
                refusals = lane.refusals
            if slot > now:
                self._sleep(slot - now)
            with self._lock:
                if lane.refusals == refusals and slot >= lane.blocked_until:
                    return

    def slow_down(self, label: RateLabel, retry_after: float | None = None) -> None:
        """Zoom refused a request of `label`: hold the label, then go on at half the rate.

        `retry_after` is in seconds; without it, one to two seconds. Refusals that come while the
        label is held answer requests sent before, so they only lengthen the hold.
        """
        wait = 1 + self._chance() if retry_after is None else min(retry_after, _LONGEST_BLOCK)
        with self._lock:
            lane = self._recovered(label)
            now = self._clock()
            if now >= lane.blocked_until:
                lane.rate = max(lane.rate / 2, lane.allowed * _SLOWEST)
                lane.refusals += 1
                lane.next_slot = 0.0
            lane.blocked_until = max(lane.blocked_until, now + wait)

    def _recovered(self, label: RateLabel) -> _Lane:
        lane, now = self._lanes[label], self._clock()
        quiet = now - max(lane.recovered_at, lane.blocked_until)
        if quiet > 0:
            lane.rate = min(lane.allowed, lane.rate + lane.allowed * _RECOVERY * quiet)
        lane.recovered_at = now
        return lane
