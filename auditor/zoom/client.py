"""The client: reads Zoom's API. It cannot write."""

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import quote

from auditor.evidence.reading import JsonValue
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import (
    AuthenticationFailed,
    Denied,
    Malformed,
    NotFound,
    NotLicensed,
    RateLimited,
    Rejected,
    ScopeMissing,
    TokenRejected,
    ZoomError,
)
from auditor.zoom.hosts import COMMERCIAL, Cloud, check_url
from auditor.zoom.limits import RateLabel, RateLimiter
from auditor.zoom.paging import Listing, Row
from auditor.zoom.redaction import redact_object
from auditor.zoom.renewal import Renewals
from auditor.zoom.responses import parse_response, utc_now
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Bearer, Transport

_log = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FIRST_LATENCY = 0.4
"""Seconds: the assumed latency of Zoom until it has been measured."""
_LATENCY_SMOOTHING = 0.1
"""Smoothing factor of the moving average of the latency."""
_LARGE = 256 * 1024
"""Bytes of a response above which only one is parsed at a time."""
_SHOWN = ("option", "status", "type", "from", "to")
"""Parameters that are logged. None of them names a person."""
_FEWEST, _MOST = 4, 64
"""The least and the most requests in flight."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The requests to the API so far, without token requests."""

    requests: int = 0
    retries: int = 0
    """The requests among these that were retries."""
    rate_limited: int = 0
    """Responses with the status 429 (too many requests)."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A request for the log: its path template, and parameters that name no person."""

    endpoint: Endpoint
    query: Mapping[str, str]
    waited: float
    """Seconds spent waiting for a slot and a token."""
    again: bool

    def log(self, outcome: str, took: float, tracking_id: str = "") -> None:
        """Log the outcome; `took` is in seconds."""
        if not _log.isEnabledFor(logging.DEBUG):
            return
        parts = [outcome]
        parts += [f"{name}={self.query[name]}" for name in _SHOWN if name in self.query]
        parts += [f"{1000 * took:.0f} ms", f"waited {1000 * self.waited:.0f} ms"]
        parts += ["sent again"] if self.again else []
        _log.debug("%s: %s", self.endpoint.request, ", ".join([*parts, tracking_id or "-"]))


class ZoomClient:
    """Reads documents and listings, for any number of threads.

    Every request waits for its slot and is retried if that can help. The result is a document
    without secrets, or a `ZoomError` that says what to do.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        transport: Transport,
        limiter: RateLimiter,
        *,
        retries: RetryPolicy | None = None,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
        sub_account: str = "",
    ) -> None:
        """Create the client without a request.

        `sub_account`: the id of the account below the app's own that is read, instead of that one.

        Raises:
            UnsafeUrl: a token must not be sent to `api_url`.
        """
        self.api_url = check_url(api_url, "ZOOM_API_URL")
        self._tokens, self._transport, self._limiter = tokens, transport, limiter
        self._sub_account = sub_account
        self._retries, self._now, self._clock = retries or RetryPolicy(), now, clock
        self._lock, self._large_body_lock = threading.Lock(), threading.Lock()
        self._requests = self._retried = self._rate_limited = 0
        self._latency = _FIRST_LATENCY
        self._renewals = Renewals(clock)
        self._renewal_lock = threading.Lock()

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the current token; empty before the first request."""
        return self._tokens.scopes

    @property
    def counters(self) -> Counters:
        """The current counts."""
        with self._lock:
            return Counters(self._requests, self._retried, self._rate_limited)

    def target_concurrency(self, label: RateLabel = RateLabel.MEDIUM) -> int:
        """How many requests of `label` have to be in flight to use its whole rate.

        The number changes with the rate and the latency.
        """
        needed = math.ceil(self._limiter.rate(label) * self._latency * 1.25) + 2
        return min(max(needed, _FEWEST), _MOST)

    def authenticate(self) -> frozenset[str]:
        """Get a token without reading anything, and return its scopes.

        Raises:
            ZoomError: there is no token.
        """
        self._tokens.token()
        return self.scopes

    def get(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, JsonValue]:
        """The document at `endpoint`, without secrets. `ids` fill the placeholders of its path.

        Raises:
            ZoomError: the document cannot be read. `AuthenticationFailed`, `Unreachable` and a
                daily `RateLimited` apply to every other request, too.
        """
        url = self.api_url + self._path(endpoint, ids or {})
        query = dict(params or {})
        tries = 0

        def attempt() -> dict[str, JsonValue]:
            nonlocal tries
            tries += 1
            return self._attempt(endpoint, url, query, again=tries > 1)

        return self._retries.call(attempt)

    def pages(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Listing:
        """The pages of the listing at `endpoint`, requested during the iteration.

        Page tokens expire after 15 minutes, so read the listing to its end before using its rows.
        """
        if not endpoint.items:
            raise ValueError(f"{endpoint.request} is not a listing.")
        return Listing(
            lambda query: self.get(endpoint, ids=ids, params=query),
            endpoint.request,
            endpoint.items,
            params=params,
            page_size=endpoint.page_size,
            row_id=endpoint.row_id,
            counted=endpoint.counted,
            recurring=endpoint.recurring,
        )

    def items(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[Row]:
        """The rows of the listing at `endpoint`, one by one."""
        for page in self.pages(endpoint, ids=ids, params=params):
            yield from page

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, endpoint: Endpoint, ids: Mapping[str, str]) -> str:
        """The path of a request; only for a sub account it names the account.

        Zoom requires a `:master` scope for the longer form, even for the app's own account.
        """
        own = path(endpoint, ids)
        if not self._sub_account:
            return own
        return f"/accounts/{quote(self._sub_account, safe='')}{own.removeprefix('/accounts/me')}"

    def _attempt(
        self, endpoint: Endpoint, url: str, query: Mapping[str, str], *, again: bool
    ) -> dict[str, JsonValue]:
        """The document, with a new token if Zoom rejects the current one.

        The second token is tried at once. Requests that need more tokens run one at a time, so
        that each token is used as soon as it is issued: another program may invalidate it.
        """
        used, number = "", 0

        def current() -> str:
            nonlocal used, number
            used, number = self._tokens.token(), self._tokens.fetches
            return used

        def another() -> str:
            nonlocal used, number
            used, number = self._tokens.renew(used), self._tokens.fetches
            return used

        def send(token: Callable[[], str], *, again: bool) -> dict[str, JsonValue]:
            try:
                return self._send(endpoint, url, query, token, again=again)
            except TokenRejected:
                self._renewals.refused(number)
                raise

        with suppress(TokenRejected):
            return send(current, again=again)
        try:
            return send(another, again=True)
        except TokenRejected as error:
            if error.code == 4700:
                # Zoom uses one code for "expired" and "lacks a scope". A new token has not expired.
                scopes = endpoint.master_scopes if self._sub_account else endpoint.scopes
                raise ScopeMissing(endpoint.request, scopes, error.detail, **error.facts) from error
            refused = error
        with self._renewal_lock:
            for tries in range(1, self._renewals.most_for_one):
                if self._renewals.is_hopeless:
                    raise AuthenticationFailed(
                        endpoint.request, self._renewals.reason, refused.detail, **refused.facts
                    ) from refused
                self._retries.sleep(self._renewals.wait(tries, self._retries.chance()))
                try:
                    return send(another, again=True)
                except TokenRejected as error:
                    refused = error
        raise refused

    def _send(
        self,
        endpoint: Endpoint,
        url: str,
        query: Mapping[str, str],
        token: Callable[[], str],
        *,
        again: bool,
    ) -> dict[str, JsonValue]:
        due_at = self._clock()
        self._limiter.acquire(endpoint.label)
        bearer = Bearer(token())  # after the wait for a slot, during which a token may expire
        with self._lock:
            self._requests += 1
            self._retried += again
        sent_at = self._clock()
        shown = _Shown(endpoint, query, sent_at - due_at, again=again)
        try:
            response = self._transport.get(url, query, bearer, endpoint.request)
        except ZoomError as error:
            shown.log(type(error).__name__, self._clock() - sent_at)
            raise
        took = self._clock() - sent_at
        with self._lock:
            self._latency += _LATENCY_SMOOTHING * (took - self._latency)
        shown.log(f"HTTP {response.status}", took, response.tracking_id)
        # Parsing runs in one thread at a time anyway (GIL), so its memory need not add up either.
        alone = self._large_body_lock if len(response.body) > _LARGE else nullcontext()
        try:
            with alone:
                document = redact_object(parse_response(response, endpoint.request, self._now))
        except (Denied, NotFound, NotLicensed, Rejected):
            self._renewals.accepted()
            raise
        except RateLimited as error:
            with self._lock:
                self._rate_limited += 1
            if not error.daily:
                self._limiter.slow_down(endpoint.label, error.retry_after, limit=error.per_second)
            raise
        self._renewals.accepted()
        return document


def connect(
    credentials: Credentials,
    limiter: RateLimiter,
    *,
    cloud: Cloud = COMMERCIAL,
    retries: RetryPolicy | None = None,
) -> ZoomClient:
    """A client for `cloud`, ready to use. Close it after use, or use it in a `with`.

    Raises:
        UnsafeUrl: credentials must not be sent to an address of `cloud`.
    """
    transport = Transport()
    tokens = TokenSource(credentials, transport, token_url=cloud.token_url, retries=retries)
    return ZoomClient(cloud.api_url, tokens, transport, limiter, retries=retries)


def path(endpoint: Endpoint, ids: Mapping[str, str]) -> str:
    """The path of `endpoint` with `ids` in place of its placeholders, percent-encoded.

    Meeting UUIDs that begin with `/` or contain `//` are encoded twice, as Zoom requires.

    Raises:
        KeyError: a placeholder has no id.
        Malformed: an id that would lead to another path.
    """

    def encoded(match: re.Match[str]) -> str:
        id_ = ids[match[1]]
        if id_ in ("", ".", ".."):
            raise Malformed(endpoint.request, f"Zoom named {id_!r} as {match[1]}")
        once = quote(id_, safe="")
        return quote(once, safe="") if id_.startswith("/") or "//" in id_ else once

    return _PLACEHOLDER.sub(encoded, endpoint.path)
