"""The client of the writing app: reads as every client does, and sends one PATCH at a time."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from auditor.evidence.reading import JsonValue
from auditor.writing.endpoints import WriteEndpoint, endpoint
from auditor.writing.model import Change
from auditor.writing.transport import WriteTransport
from auditor.zoom import client as reading
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.errors import (
    Malformed,
    RateLimited,
    TokenRejected,
    Transient,
    ZoomError,
    sanitize_message,
)
from auditor.zoom.hosts import COMMERCIAL, Cloud, check_url
from auditor.zoom.limits import RateLimiter
from auditor.zoom.responses import parse_response
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Bearer, Response

_log = logging.getLogger(__name__)

_MOST_FIELDS = 5
"""Fields that are named in a message."""


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """What Zoom said to a PATCH. Whether anything changed shows only when the value is read."""

    error: ZoomError | None
    """None if Zoom accepted the request."""
    fields: str = ""
    """The fields that Zoom named and why, as a clause."""

    @property
    def is_open(self) -> bool:
        """True if the request may have arrived without an answer that settles it."""
        return isinstance(self.error, Transient | Malformed)


class SettingsWriter:
    """Reads documents, and changes leaves of them, with the credentials of the writing app."""

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        transport: WriteTransport,
        limiter: RateLimiter,
        retries: RetryPolicy,
    ) -> None:
        """Create the client without a request.

        Raises:
            UnsafeUrl: a token must not be sent to `api_url`.
        """
        self._api_url = check_url(api_url, "ZOOM_API_URL")
        self._tokens, self._transport, self._limiter = tokens, transport, limiter
        self._client = ZoomClient(api_url, tokens, transport, limiter, retries=retries)

    def authenticate(self) -> frozenset[str]:
        """Get a token without reading anything, and return its scopes.

        Raises:
            ZoomError: there is no token.
        """
        return self._client.authenticate()

    def read(self, change: Change, option: str) -> dict[str, JsonValue]:
        """The document of a change, in a view, without secrets.

        Raises:
            ZoomError: it cannot be read.
        """
        params = {"option": option} if option else {}
        target = endpoint(change.kind, change.level)
        return self._client.get(target.reading, ids=_ids(target, change), params=params)

    def read_values(self, change: Change, option: str) -> dict[str, JsonValue]:
        """The settings at the scope of a lock, in a view. Raises like `read`."""
        return self.read(replace(change, kind="value"), option)

    def write(self, change: Change, body: Mapping[str, JsonValue]) -> WriteAnswer:
        """Send one PATCH, once, and return the answer. It is never sent again here.

        Raises:
            ZoomError: nothing was sent: there is no token or no connection.
        """
        target = endpoint(change.kind, change.level)
        url = self._api_url + reading.path(target.reading, _ids(target, change))
        params = {"option": change.write_option} if change.write_option in target.options else {}
        self._limiter.acquire(target.reading.label)
        token = self._tokens.token()
        try:
            response = self._transport.patch(url, params, body, Bearer(token), target.request)
        except (Transient, Malformed) as lost:
            return WriteAnswer(lost)
        error = _error_of(response, target)
        outcome = "accepted" if error is None else type(error).__name__
        _log.debug("%s: HTTP %d, %s", target.request, response.status, outcome)
        if isinstance(error, RateLimited) and not error.daily:
            label = target.reading.label
            self._limiter.slow_down(label, error.retry_after, limit=error.per_second)
        if isinstance(error, TokenRejected):
            with suppress(ZoomError):  # the next request meets the same error, and tells it
                self._tokens.renew(token)
        return WriteAnswer(error, _fields_of(response))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    credentials: Credentials,
    limiter: RateLimiter,
    *,
    cloud: Cloud = COMMERCIAL,
    retries: RetryPolicy | None = None,
) -> SettingsWriter:
    """A client for `cloud`. Close it after use, or use it in a `with`.

    Raises:
        UnsafeUrl: credentials must not be sent to an address of `cloud`.
    """
    transport = WriteTransport()
    policy = retries or RetryPolicy()
    tokens = TokenSource(credentials, transport, token_url=cloud.token_url, retries=policy)
    return SettingsWriter(cloud.api_url, tokens, transport, limiter, policy)


def _ids(target: WriteEndpoint, change: Change) -> dict[str, str]:
    return {target.id_name: change.scope_id} if target.id_name else {}


def _error_of(response: Response, target: WriteEndpoint) -> ZoomError | None:
    """The error in an answer; None if Zoom accepted the request."""
    if 200 <= response.status < 300:
        if not response.body.strip():
            return None
        response = Response(200, response.headers, response.body)
    try:
        parse_response(response, target.request)
    except ZoomError as error:
        return error
    return None


def _fields_of(response: Response) -> str:
    """The fields that a validation error names: `chat.ai_summary: Invalid value.`"""
    if response.status < 400 or len(response.body) > 64 * 1024:
        return ""
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return ""
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return ""
    rows = [row for row in errors if isinstance(row, dict)][:_MOST_FIELDS]
    named = (f"{row.get('field', '?')}: {row.get('message', '')}" for row in rows)
    return sanitize_message("; ".join(named))
