"""Faults of real networks and services that can be simulated."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

from auditor.sandbox.identity import digest

Fault = Literal[
    "5xx",
    "429",
    "html_200",
    "truncated_json",
    "reset",
    "html_403",
    "html_429",
    "429_bare",
    "invalid_json",
    "empty_200",
    "xml_200",
    "slow",
]
RetryAfter = Literal["", "seconds", "http_date", "iso"]

_SHARES: Final[tuple[tuple[Fault, str], ...]] = (
    ("5xx", "errors_5xx"),
    ("429", "rate_429"),
    ("html_200", "html_200"),
    ("truncated_json", "truncated_json"),
    ("reset", "reset"),
    ("html_403", "html_403"),
    ("html_429", "html_429"),
    ("429_bare", "rate_429_bare"),
    ("invalid_json", "invalid_json"),
    ("empty_200", "empty_200"),
    ("xml_200", "xml_200"),
    ("slow", "slow"),
)
"""The faults that are drawn, and the field of `Faults` with the share of each. New ones go to the
end: the draws of the others then stay as they were."""
_MOST_SKEW: Final = 10 * 365 * 86_400.0
"""Seconds; dates stay in the range that every format can express."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, and how often. Rates are shares of API requests, 0 to 1.

    The draw depends on the seed, the URL and the number of requests to that URL, not on time or
    order, so that equal runs get equal faults and a retry may succeed. A request gets at most one
    drawn fault; if the shares add up to more than 1, the first ones listed win.

    Raises:
        ValueError: a share or a number out of range.
    """

    seed: int = 0
    errors_5xx: float = 0.0
    """Answers 500, 502, 503 or 504."""
    rate_429: float = 0.0
    """Answers 429 with the per-second text and the rate-limit headers, below any limit."""
    rate_429_bare: float = 0.0
    """The same without any rate-limit header."""
    retry_after: RetryAfter = ""
    """The 429s of `rate_429` and `rate_429_bare` name a wait of 1 second: as `seconds`, as an
    `http_date` or as an `iso` instant, both rounded up to a whole second. Empty: they name none."""
    html_200: float = 0.0
    """A sign-in page with status 200, as captive portals and proxies answer."""
    html_403: float = 0.0
    """A proxy's page that says no: status 403, none of Zoom's headers."""
    html_429: float = 0.0
    """A proxy's page with status 429, none of Zoom's headers."""
    truncated_json: float = 0.0
    """A body that ends in the middle."""
    invalid_json: float = 0.0
    """A whole body that is not JSON: a bare word, single quotes, or a comma too many."""
    empty_200: float = 0.0
    """Status 200 and JSON by its content type, without a single byte."""
    xml_200: float = 0.0
    """Status 200 with XML, and said to be XML."""
    reset: float = 0.0
    """The connection is reset without an answer."""
    slow: float = 0.0
    """The right answer, held back by `slow_seconds`."""
    slow_seconds: float = 2.0
    token_life: int | None = None
    """Seconds until an access token expires, instead of 3599."""
    daily_limit: int | None = None
    """Requests of each label a day, instead of the plan's daily limits."""
    limit_below: float = 1.0
    """The share of the plan's per-second limits that really holds, never less than 1 a second."""
    clock_skew: float = 0.0
    """Seconds the service's clock is ahead; negative: behind. It shows in the Date header, in
    Retry-After, in the claims of access tokens and in the days of logs and reports."""
    duplicate_users: bool = False
    """Each page of users but the first begins with the last user of the page before."""
    deleted_users: int = 0
    """The last so many active users are listed, but all under `/users/{userId}` is 404 with code
    1001, as when they were deleted after the listing. The owner is never among them."""
    departing_users: int = 0
    """The last so many active users leave after the first listing: all under `/users/{userId}` is
    404, and after the first such request they are no longer listed. `deleted_users` come before."""
    departing_groups: int = 0
    """The last so many groups leave likewise; users still name them among theirs."""
    group_ids_absent: bool = False
    """Rows of `GET /users` have no `group_ids`; `GET /users/{userId}` still has them."""
    expire_page_token: bool = False
    """The first page token that a listing is continued with has expired; later ones work."""
    page_token_loops: bool = False
    """The first time a listing is read, its second page gives the token it was asked for with,
    however often. Once the listing is begun again, its pages are right."""
    page_token_repeats: bool = False
    """The same, but once: the second page, asked for again, gives the right token."""
    nested_auth_view: bool = False
    """A user's `meeting_authentication` view in the documented shape, not the live one."""
    ignored_writes: int = 0
    """Every so many-th PATCH answers 204 and changes nothing; 0: none does."""
    contested_writes: int = 0
    """After every so many-th PATCH, another admin puts back what it changed; 0: after none."""
    lost_writes: int = 0
    """After every so many-th PATCH, the connection is reset instead of an answer; 0: after none."""

    def __post_init__(self) -> None:
        for name in (*(name for _, name in _SHARES), "limit_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1; got {getattr(self, name)}.")
        for name in (
            *("token_life", "daily_limit", "slow_seconds"),
            *("deleted_users", "departing_users", "departing_groups"),
            *("ignored_writes", "contested_writes", "lost_writes"),
        ):
            if not 0 <= (getattr(self, name) or 0) < float("inf"):
                raise ValueError(f"{name} must be a number from 0 on; got {getattr(self, name)}.")
        if not -_MOST_SKEW <= self.clock_skew <= _MOST_SKEW:
            raise ValueError(f"clock_skew must be within ten years, in seconds: {self.clock_skew}.")

    def ignores_write(self, number: int) -> bool:
        """True if the PATCH with this number, counted from 1, changes nothing."""
        return self.ignored_writes > 0 and number % self.ignored_writes == 0

    def is_contested(self, number: int) -> bool:
        """True if another admin undoes the PATCH with this number."""
        return self.contested_writes > 0 and number % self.contested_writes == 0

    def loses_answer(self, number: int) -> bool:
        """True if the PATCH with this number is made, but not answered."""
        return self.lost_writes > 0 and number % self.lost_writes == 0


@dataclass
class Draw:
    """Draws the fault of each request."""

    faults: Faults
    _rates: tuple[tuple[Fault, float], ...] = field(init=False)
    _request_counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        rates = ((fault, getattr(self.faults, name)) for fault, name in _SHARES)
        self._rates = tuple((fault, rate) for fault, rate in rates if rate)

    def next(self, url: str) -> tuple[Fault, float] | None:
        """The fault of this request and a number from 0 to 1 to vary it with, or None."""
        if not self._rates:
            return None
        self._request_counts[url] += 1
        drawn = digest(self.faults.seed, "fault", url, self._request_counts[url])
        place = int.from_bytes(drawn[:8], "big") / 2**64
        for fault, rate in self._rates:
            if place < rate:
                return fault, drawn[8] / 256
            place -= rate
        return None
