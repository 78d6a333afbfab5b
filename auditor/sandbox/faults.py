"""Faults that can be switched on: what goes wrong on real networks and in real services."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from auditor.sandbox.identity import digest

Fault = Literal["5xx", "429", "html_200", "truncated_json", "reset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, and how often. Rates are shares of API requests, 0 to 1.

    The draw depends on the seed, the URL and how often that URL was asked for, not on time or
    order, so that equal runs meet equal faults and a repeated request may fare better.
    """

    seed: int = 0
    errors_5xx: float = 0.0
    """Answers 500, 502, 503 or 504."""
    rate_429: float = 0.0
    """Answers 429 with the per-second text, below any limit."""
    html_200: float = 0.0
    """A sign-in page with status 200, as captive portals and proxies answer."""
    truncated_json: float = 0.0
    """A body that ends in the middle."""
    reset: float = 0.0
    """The connection is reset without an answer."""
    token_life: int | None = None
    """Seconds until an access token expires, instead of 3599."""
    daily_limit: int | None = None
    """Requests of each label a day, instead of the plan's daily limits."""
    duplicate_users: bool = False
    """Each page of users but the first begins with the last user of the page before."""
    expire_page_token: bool = False
    """The first page token that a listing is continued with has expired; later ones work."""
    nested_auth_view: bool = False
    """A user's `meeting_authentication` view in the documented shape, not the live one."""


@dataclass
class Draw:
    """Draws the fault of each request."""

    faults: Faults
    _asked: Counter[str] = field(default_factory=Counter)

    def next(self, url: str) -> tuple[Fault, float] | None:
        """The fault of this request and a number from 0 to 1 to vary it with, or None."""
        faults = self.faults
        rates: tuple[tuple[Fault, float], ...] = (
            ("5xx", faults.errors_5xx),
            ("429", faults.rate_429),
            ("html_200", faults.html_200),
            ("truncated_json", faults.truncated_json),
            ("reset", faults.reset),
        )
        if not any(rate for _, rate in rates):
            return None
        self._asked[url] += 1
        drawn = digest(faults.seed, "fault", url, self._asked[url])
        place = int.from_bytes(drawn[:8], "big") / 2**64
        for fault, rate in rates:
            if place < rate:
                return fault, drawn[8] / 256
            place -= rate
        return None
