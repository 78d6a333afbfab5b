"""Zoom's rate limits: requests per account, by label and plan (rate-limit page, 2026-11).

Labels count separately; Phone has its own table. A daily limit is reset at midnight UTC.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

Plan = Literal["free", "pro", "business", "none"]
Label = Literal["Light", "Medium", "Heavy"]
_SECONDS_A_DAY: Final = 86_400

PER_SECOND: Final[Mapping[str, Mapping[Label, int]]] = {
    "free": {"Light": 4, "Medium": 2, "Heavy": 1},
    "pro": {"Light": 30, "Medium": 20, "Heavy": 10},
    "business": {"Light": 80, "Medium": 60, "Heavy": 40},
}
"""Requests per second, outside Phone."""
PHONE_PER_SECOND: Final[Mapping[str, Mapping[Label, int]]] = {
    "free": {"Light": 4, "Medium": 2, "Heavy": 1},
    "pro": {"Light": 20, "Medium": 10, "Heavy": 5},
    "business": {"Light": 40, "Medium": 20, "Heavy": 10},
}
"""Requests per second under /phone."""
PER_DAY: Final[Mapping[str, Mapping[Label, int]]] = {
    "free": {"Light": 6_000, "Medium": 2_000, "Heavy": 1_000},
    "pro": {"Heavy": 30_000},
    "business": {"Heavy": 60_000},
}
"""Requests per UTC day."""

PER_SECOND_TEXT: Final = (
    "You have reached the maximum per-second rate limit for this API. Try again later."
)
PER_DAY_TEXT: Final = (
    "You have reached the maximum daily rate limit for this API. Refer to the response header "
    "for details on when you can make another request."
)


@dataclass(frozen=True, slots=True)
class Excess:
    """A request over a limit: the text and the headers of its 429."""

    message: str
    headers: tuple[tuple[bytes, bytes], ...]


def per_second_excess(label: Label, limit: int) -> Excess:
    """The 429 of an exhausted second."""
    return Excess(PER_SECOND_TEXT, _headers(label, "QPS", limit))


@dataclass
class RequestCounter:
    """Counts requests of one account in a strict sliding window of one second, and per day.

    Refused requests do not count. Times are seconds since the epoch.
    """

    plan: Plan = "none"
    per_day: int | None = None
    """Requests of each label a day, instead of the plan's daily limits."""
    share: float = 1.0
    """The share of the plan's per-second limits, 0 to 1; at least 1 request a second is allowed."""
    _seconds: dict[tuple[Label, bool], deque[float]] = field(default_factory=dict)
    _days: Counter[tuple[Label, int]] = field(default_factory=Counter)

    def admit(self, label: Label, *, phone: bool, now: float) -> Excess | None:
        """Count a request, or return the limit it exceeds."""
        day = int(now // _SECONDS_A_DAY)
        daily = self._per_day(label)
        if daily is not None and self._days[label, day] >= daily:
            reset = datetime.fromtimestamp((day + 1) * _SECONDS_A_DAY, UTC)
            instant = reset.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
            headers = (*_headers(label, "Daily-limit", daily), (b"retry-after", instant))
            return Excess(PER_DAY_TEXT, headers)
        if self.plan != "none":
            published = (PHONE_PER_SECOND if phone else PER_SECOND)[self.plan][label]
            limit = max(1, int(round(published * self.share, 6)))
            window = self._seconds.setdefault((label, phone), deque())
            while window and window[0] <= now - 1:
                window.popleft()
            if len(window) >= limit:
                return per_second_excess(label, limit)
            window.append(now)
        self._days[label, day] += 1
        return None

    def _per_day(self, label: Label) -> int | None:
        if self.per_day is not None:
            return self.per_day
        return PER_DAY.get(self.plan, {}).get(label)


def _headers(label: Label, kind: str, limit: int) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-ratelimit-category", label.encode()),
        (b"x-ratelimit-type", kind.encode()),
        (b"x-ratelimit-limit", str(limit).encode()),
        (b"x-ratelimit-remaining", b"0"),
    )
