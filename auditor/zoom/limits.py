"""Rate limits: Zoom's published limits by label, and a limiter that stays below them.

Source: developers.zoom.us/docs/api/rate-limits, read 2026-11. Limits hold for a whole account and
are shared by all apps installed on it.
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
    """The rate label of an endpoint in Zoom's reference. Zoom Phone has separate limits."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"
    RESOURCE_INTENSIVE = "resource_intensive"
    PHONE_LIGHT = "phone_light"
    PHONE_MEDIUM = "phone_medium"
    PHONE_HEAVY = "phone_heavy"


class RatePlan(StrEnum):
    """The plan that determines an account's limits. Business includes all plans above Pro.

    The API does not expose an account's plan, so `auto` starts with the limits of Pro. A free
    account then gets 429s, which lower the rate.
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
# account whose real limit is half of the assumed one (30 of 60 requests a second) for ten
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
"""Seconds below which a wait is skipped."""
# A free account has 2 requests per second, a 30th of Business. If it is configured as Business, the
# rate has to be able to fall that far: 1/64.
_SLOWEST = 1 / 64
"""The lowest rate of a label, as a fraction of its allowed rate."""
# Ten times as fast, half of it in 2.5 s, is refused 0.40 % at half.
_RECOVERY = 0.02
"""The fraction of its rate that a label regains per second without 429s: half of it in 25 s."""
# The rate returns to just below where it was refused. A refusal by itself is often another app's
# burst, so 3 % are enough; one that follows another says that the limit itself is lower. With 3 %
# for both, 83.9 % of half are used and 0.51 % refused; with no distance 67.9 % and 0.71 %.
_KNOWN_GOOD = (0.97, 0.9)
"""The recovery goes up to this fraction of the rate at the last refusal: after a single refusal,
and after one that followed another within `_MEMORY`."""
_MEMORY = 60.0
"""Seconds for which a refusal counts as recent for `_KNOWN_GOOD`."""
# From 90 % back to where it was refused takes some 50 s at full rate. Ten times as fast uses 68.0 %
# at half and is refused 0.71 %; ten times slower uses 96.4 %, but takes three quarters of an hour
# instead of five minutes to find out that another app, which used half of the limit, has ended.
_PROBE_PER_SECOND = 0.002
"""The fraction of its rate by which a label probes a higher rate per second above that, because the
limit may have risen; twice the fraction of a rate far below the allowed one."""
# Halving at each refusal, as TCP does, uses 84.2 % at half: a 429 costs nothing but the request.
_BACKOFF_FACTOR = 0.9
"""The factor by which each refusal lowers the rate, down to a half."""
# Without it, a free account that is configured as Business is refused 7.9 % instead of 6.9 %.
_RECENT_SECONDS = 5.0
"""Seconds: a refusal this soon after another means that the rate is far too high."""
# A number far below the published limit may be of another label, and would apply to the whole run.
# Below a quarter, the rate is learned from refusals instead.
_MIN_PLAUSIBLE_SHARE = 0.25
"""A limit in a response header is ignored below this fraction of the allowed rate."""
# At a latency of 0.4 s, which the client starts with, requests in flight are answered after 0.5 s.
# A Retry-After of more than 15 minutes is treated as a daily limit
# (`errors.LONGEST_PAUSE`), which ends the run.
_HOLD = (0.5, 900.0)
"""Seconds: the shortest and the longest time for which a label is blocked."""


@dataclass(slots=True)
class _Bucket:
    """The state of one label. Times are in seconds of the limiter's clock, rates per second."""

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
    """The times at which the newest requests were released."""

    def recover(self, now: float) -> None:
        """Raise the rate for the time without refusals since the last call."""
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
        """Lower the rate after a refusal, and block the label for `wait` seconds.

        Refusals during the block are of requests sent before it. They show how far the rate was
        above the limit.
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
        """Apply a lower limit that Zoom named. An implausibly low one is ignored."""
        if self.allowed * _MIN_PLAUSIBLE_SHARE <= allowed < self.allowed:
            self.allowed, self.rate = allowed, min(self.rate, allowed)

    def seconds_until_allowed(self, now: float) -> float:
        """The seconds until a request may be sent; 0 counts it as sent.

        A thread that woke up late has sent its request late; the next ones would be too early then.
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
    """Assigns every request of every thread a slot, evenly spaced for each label.

    `limits` are requests per second; `max_rate` replaces all of them, if Zoom granted others.
    `share` (over 0, at most 1) of them is used, which leaves room for the organisation's other
    apps. If the real limit is lower, or other apps use much of it, the rate is learned from
    refusals.
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
        """The current rate of `label` in requests per second."""
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
            # A shortened sleep means that the run is being stopped: do not wait any longer.
            slept = self._clock() > now + early / 2

    def slow_down(
        self, label: RateLabel, retry_after: float | None = None, *, limit: float | None = None
    ) -> None:
        """Block `label` after a refusal, then continue at a lower rate.

        The rate falls by a tenth, further for each request in flight that is refused as well, and
        to a half if that was not enough. It recovers quickly to just below the refused rate, and
        slowly from there. `retry_after` is in seconds; without it, the block lasts half a second,
        or one to two after a recent refusal. `limit`, in requests per second, is the limit that
        Zoom named.
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
