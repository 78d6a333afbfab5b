"""The client: reads Zoom's API. It has no way to write."""

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
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
"""Seconds: what is taken for Zoom's latency until it is known."""
_LATENCY_SMOOTHING = 0.1
"""Of the newest answer, in the latency."""
_LARGE = 256 * 1024
"""Bytes of an answer above which it is parsed alone."""
_SHOWN = ("option", "status", "type", "from", "to")
"""Parameters that are logged: none of them names a person."""
_FEWEST, _MOST = 4, 64
"""Requests under way."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What was asked of the API so far; token requests are not counted."""

    requests: int = 0
    retries: int = 0
    """Of these, requests sent again."""
    rate_limited: int = 0
    """Answers that said: too many requests."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A request in the log: its path template and the parameters that name nobody."""

    endpoint: Endpoint
    query: Mapping[str, str]
    waited: float
    """Seconds, for its slot and for a token."""
    again: bool

    def log(self, outcome: str, took: float, tracking_id: str = "") -> None:
        """Log what came of it; `took` is in seconds."""
        if not _log.isEnabledFor(logging.DEBUG):
            return
        parts = [outcome]
        parts += [f"{name}={self.query[name]}" for name in _SHOWN if name in self.query]
        parts += [f"{1000 * took:.0f} ms", f"waited {1000 * self.waited:.0f} ms"]
        parts += ["sent again"] if self.again else []
        _log.debug("%s: %s", self.endpoint.request, ", ".join([*parts, tracking_id or "-"]))


class ZoomClient:
    """Reads documents and listings, for any number of threads.

    Every request waits for its slot, is retried where that helps, and is answered with a document
    without secrets or with a `ZoomError` that says what to do.
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
    ) -> None:
        """Make no request yet.

        Raises:
            UnsafeUrl: `api_url` is no place for a token.
        """
        self.api_url = check_url(api_url, "ZOOM_API_URL")
        self._tokens, self._transport, self._limiter = tokens, transport, limiter
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
        """The counts at this moment."""
        with self._lock:
            return Counters(self._requests, self._retried, self._rate_limited)

    def target_concurrency(self, label: RateLabel = RateLabel.MEDIUM) -> int:
        """How many requests of `label` should be under way for its rate to be spent.

        It follows the rate and the latency, so ask again from time to time.
        """
        needed = math.ceil(self._limiter.rate(label) * self._latency * 1.25) + 2
        return min(max(needed, _FEWEST), _MOST)

    def authenticate(self) -> frozenset[str]:
        """Get a token without reading anything, and return its scopes.

        Raises:
            ZoomError: there is none to be had.
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
            ZoomError: there is none to be had; `AuthenticationFailed`, `Unreachable` and a daily
                `RateLimited` hold for every other request, too.
        """
        url = self.api_url + path(endpoint, ids or {})
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
        """The pages of the listing at `endpoint`: iterate over it. Requests are made meanwhile.

        Page tokens live 15 minutes, so read the listing to its end before using its rows.
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _attempt(
        self, endpoint: Endpoint, url: str, query: Mapping[str, str], *, again: bool
    ) -> dict[str, JsonValue]:
        """The document, with as many tokens as it takes and makes sense.

        The second token is tried at once. A request that needs more waits its turn, so that each
        of its tokens is used as soon as it is there: another program may end it in a moment.
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
                # One text for "expired" and "lacks a scope"; a fresh token has not expired.
                raise ScopeMissing(
                    endpoint.request, endpoint.scopes, error.detail, **error.facts
                ) from error
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
        bearer = Bearer(token())  # after the wait for a slot: a token may not last as long
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
        # Parsing is one thread's work at a time anyway; its memory need not add up either.
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
        UnsafeUrl: an address of `cloud` is no place for credentials.
    """
    transport = Transport()
    tokens = TokenSource(credentials, transport, token_url=cloud.token_url, retries=retries)
    return ZoomClient(cloud.api_url, tokens, transport, limiter, retries=retries)


def path(endpoint: Endpoint, ids: Mapping[str, str]) -> str:
    """The path of `endpoint` with `ids` in place of its placeholders, percent-encoded.

    Meeting UUIDs that begin with `/` or contain `//` are encoded twice, as Zoom asks.

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
