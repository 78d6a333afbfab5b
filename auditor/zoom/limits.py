"""Rate limits: Zoom's published limits by label, and a pace that stays below them.

Source: developers.zoom.us/docs/api/rate-limits, read 2026-11. Limits hold for a whole account and
are shared by every app installed on it.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_log = logging.getLogger(__name__)


class RateLabel(StrEnum):
    """The label Zoom's reference gives an endpoint. Zoom Phone has limits of its own."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"
    RESOURCE_INTENSIVE = "resource_intensive"
    PHONE_LIGHT = "phone_light"
    PHONE_MEDIUM = "phone_medium"
    PHONE_HEAVY = "phone_heavy"


class RatePlan(StrEnum):
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
_LIMITS: Mapping[RatePlan, Mapping[RateLabel, float]] = {
    RatePlan.FREE: _limits((4, 2, 1), 10, (4, 2, 1)),
    RatePlan.PRO: _PRO,
    RatePlan.BUSINESS: _limits((80, 60, 40), 20, (40, 20, 10)),
    RatePlan.AUTO: _PRO,
}

# Zoom publishes limits, but not how it counts, so the pace has to satisfy the strictest way: no
# second, wherever it begins, holds more requests than the limit. The constants below are tuned
# against such a counter in simulated time (tests/zoom/test_limits.py, 2026-11). "At half" is an
# account whose real limit is half of what it is taken for (30 of 60 requests a second) for ten
# minutes, with 0.4 s until a refusal is known: as they are, 89.4 % of the real limit is used and
# 0.29 % of requests are refused.

# Slots are 3.5 % wider than the rate asks for, because requests take varying times to arrive. That
# costs 3.4 % of the rate. With 16 threads, of which one sleep in 20 is 100 ms too long, 96.0 % is
# used; without the margin 78.3 %, since the window below then stops the threads again and again.
_SPACING = 1.035
# Late threads are counted in a window 1.5 % longer than Zoom's second: up to 10 ms of network
# between two requests. With exactly one second, 10 of those 1,600 requests come too early; without
# the margin of the slots as well, 689 do.
_WINDOW = 1.015
_INSTANT = 1e-6
"""Seconds that are not worth a wait."""
# A free account has 2 requests a second, a 30th of Business. A program that takes it for Business
# has to be able to come down to it: 1/64.
_SLOWEST = 1 / 64
"""The part of its rate a label keeps, however often Zoom refuses."""
# Ten times as fast, half of it in 2.5 s, is refused 0.40 % at half.
_RECOVERY = 0.02
"""The part of its rate a label gets back per second without refusals: half of it in 25 s."""
# The rate returns to just below where it was refused. A refusal by itself is often another app's
# burst, so 3 % are enough; one that follows another says that the limit itself is lower. With 3 %
# for both, 83.9 % of half are used and 0.51 % refused; with no distance 67.9 % and 0.71 %.
_KNOWN_GOOD = (0.97, 0.9)
"""The part of the rate at the last refusal up to which that holds: of one by itself, and of one
that followed another within `_MEMORY`."""
_MEMORY = 60.0
"""Seconds."""
# From 90 % back to where it was refused takes some 50 s at full rate. Ten times as fast uses 68.0 %
# at half and is refused 0.71 %; ten times slower uses 96.4 %, but takes three quarters of an hour
# instead of five minutes to find out that another app, which used half of the limit, has ended.
_PROBE_PER_SECOND = 0.002
"""The part of its rate a label tries per second above that, for a limit that may have risen; of
a rate far below what is allowed, twice that part."""
# Halving at each refusal, as TCP does, uses 84.2 % at half: a 429 costs nothing but the request.
_BACKOFF_FACTOR = 0.9
"""What each refusal leaves of the rate, down to a half."""
# Without it, a free account that is taken for Business is refused 7.9 % instead of 6.9 %.
_RECENT_SECONDS = 5.0
"""Seconds: a refusal so soon after another says that more than a little was too much."""
# A number far below the published limit may not be this label's, and would hold for the whole run.
# Below a quarter, refusals teach the rate instead.
_MIN_PLAUSIBLE_SHARE = 0.25
"""The least part of the allowed rate that a limit may be which a response names."""
# At a latency of 0.4 s, which is what the client starts from, requests that were under way are
# answered after 0.5 s. A Retry-After of more than 15 minutes is taken for a daily limit's
# (`errors.LONGEST_PAUSE`), which ends the run.
_HOLD = (0.5, 900.0)
"""Seconds: the shortest and the longest that a label is held."""


@dataclass(slots=True)
class _Bucket:
    """The pace of one label. Times are of the limiter's clock in seconds, rates per second."""

    allowed: float
    rate: float
    refused_at: float = float("inf")
    """The rate at the last refusal."""
    next_slot: float = 0.0
    recovered_at: float = 0.0
    blocked_until: float = float("-inf")
    known_good: float = _KNOWN_GOOD[0]
    last_refusal: float = float("-inf")
    refusals: int = 0
    sent: deque[float] = field(default_factory=deque)
    """When the newest requests were let through."""

    def recover(self, now: float) -> None:
        """Raise the rate for the time without refusals since this was last asked."""
        quiet = now - max(self.recovered_at, self.blocked_until)
        self.recovered_at = now
        if quiet <= 0 or self.rate >= self.allowed:
            return
        known_good = min(self.allowed, self.refused_at * self.known_good)
        if self.rate < known_good:
            recovery = self.allowed * _RECOVERY
            missing = known_good - self.rate
            self.rate = min(known_good, self.rate + recovery * quiet)
            quiet -= missing / recovery
        if quiet > 0:
            probing = _PROBE_PER_SECOND * min(self.allowed, 2 * self.rate)
            self.rate = min(self.allowed, self.rate + probing * quiet)

    def on_rejected(self, now: float, wait: float) -> None:
        """Slow down and hold for `wait` seconds.

        Refusals that come during a hold answer requests sent before it: they tell how far over
        the limit the rate was.
        """
        if now >= self.blocked_until:
            self.refused_at = self.rate
            self.known_good = _KNOWN_GOOD[now - self.last_refusal < _MEMORY]
            self.last_refusal = now
            is_recent = now - self.blocked_until < _RECENT_SECONDS
            self.rate *= 0.5 if is_recent else _BACKOFF_FACTOR
            self.refusals += 1
            self.next_slot = 0.0
        else:
            self.rate = max(self.rate * _BACKOFF_FACTOR, min(self.rate, self.refused_at / 2))
        self.rate = max(self.rate, self.allowed * _SLOWEST)
        self.blocked_until = max(self.blocked_until, now + wait)

    def set_limit(self, allowed: float) -> None:
        """Zoom has named a lower limit. One that is far lower is learned, not believed."""
        if self.allowed * _MIN_PLAUSIBLE_SHARE <= allowed < self.allowed:
            self.allowed, self.rate = allowed, min(self.rate, allowed)

    def seconds_until_allowed(self, now: float) -> float:
        """The seconds that a request would be sent too early now; 0 counts it as sent.

        A thread that woke up late has sent its request late; those after it come too early then.
        """
        most = max(1, int(self.rate))
        if len(self.sent) >= most:
            early = self.sent[-most] + _WINDOW * most / self.rate - now
            if early > _INSTANT:
                return early
        self.sent.append(now)
        while len(self.sent) > max(1, int(self.allowed)):
            self.sent.popleft()
        return 0.0


class RateLimiter:
    """Gives every request of every thread its slot, evenly spaced for each label.

    `limits` are requests per second; `max_rate` replaces them all, where Zoom granted others.
    `share` (over 0, at most 1) of them is used, which leaves room for the organisation's other
    apps. Where the true limit is lower, or other apps use much of it, refusals teach the rate
    that is left.
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
        self._share = share
        self._lock = threading.Lock()
        self._buckets: dict[RateLabel, _Bucket] = {}
        for label in RateLabel:
            allowed = (limits[label] if max_rate is None else max_rate) * share
            self._buckets[label] = _Bucket(allowed, allowed)

    def rate(self, label: RateLabel) -> float:
        """Requests per second now asked of `label`."""
        with self._lock:
            bucket = self._buckets[label]
            bucket.recover(self._clock())
            return bucket.rate

    def acquire(self, label: RateLabel) -> None:
        """Return when a request of this label may be sent."""
        bucket = self._buckets[label]
        while True:
            with self._lock:
                now = self._clock()
                bucket.recover(now)
                slot = max(now, bucket.next_slot, bucket.blocked_until)
                bucket.next_slot = slot + _SPACING / bucket.rate
                refusals = bucket.refusals
            if slot > now:
                self._sleep(slot - now)
            with self._lock:
                if bucket.refusals == refusals and slot >= bucket.blocked_until:
                    break
        slept = True
        while slept:
            with self._lock:
                now = self._clock()
                early = bucket.seconds_until_allowed(now)
            if not early:
                return
            self._sleep(early)
            # A sleep that is cut short says that the run is stopped: nobody waits then.
            slept = self._clock() > now + early / 2

    def slow_down(
        self, label: RateLabel, retry_after: float | None = None, *, limit: float | None = None
    ) -> None:
        """Zoom refused a request of `label`: hold the label, then go on at a lower rate.

        The rate falls by a tenth, by more for each request under way that is refused as well,
        and to a half where that was not enough. It comes back quickly to just below where it was
        refused, and slowly from there. `retry_after` is in seconds; without it, half a second, and
        one to two where it was refused a short while ago. `limit`, in requests per second, is
        what Zoom named as the limit.
        """
        shortest, longest = _HOLD
        with self._lock:
            bucket, now = self._buckets[label], self._clock()
            again = now - bucket.last_refusal < _MEMORY
            seconds = (
                (1 + self._chance() if again else shortest) if retry_after is None else retry_after
            )
            wait = min(max(seconds, shortest), longest)
            bucket.recover(now)
            bucket.on_rejected(now, wait)
            if limit is not None and limit > 0:
                bucket.set_limit(limit * self._share)
            rate, allowed = bucket.rate, bucket.allowed
        _log.debug(
            "%s: refused. Holding for %.1f s, then %.1f of %.1f requests a second.",
            *(label, wait, rate, allowed),
        )
