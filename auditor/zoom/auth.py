"""Authentication: Server-to-Server OAuth. Tokens live in memory only.

Source: developers.zoom.us/docs/internal-apps/s2s-oauth/, read 2026-11.
"""

import logging
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from requests.auth import HTTPBasicAuth

from auditor.evidence.reading import JsonValue, is_integer, is_number
from auditor.redaction.text import REDACTED, register_secret, register_token
from auditor.zoom.errors import (
    AuthenticationFailed,
    Malformed,
    Transient,
    ZoomError,
    sanitize_message,
)
from auditor.zoom.hosts import COMMERCIAL, check_url
from auditor.zoom.payload import parse_object
from auditor.zoom.responses import parse_response, utc_now
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Response, Transport

_log = logging.getLogger(__name__)

REQUEST = "POST /oauth/token"

_TOKEN = re.compile(r"[!-~]+")
_LIFETIME = 3600.0
"""Lifetime of a token in seconds, if the response does not state it."""
_MARGIN = 60.0
"""Seconds before expiry at which a token is renewed; at most a tenth of its lifetime."""

_UNKNOWN_CLIENT = (
    "The client ID or the client secret is wrong (ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET): copy both "
    "again from the app's credentials page."
)
_UNKNOWN_ACCOUNT = (
    "Zoom does not know this account ID (ZOOM_ACCOUNT_ID): copy it from the app's credentials "
    "page; it is not the account number."
)
_OTHER_APP = (
    "The app is not a Server-to-Server OAuth app: create one in the Zoom App Marketplace and use "
    "its credentials."
)
_DISABLED = "The app is deactivated: activate it in the Zoom App Marketplace under Manage."
_OWNER_GONE = (
    "The app's owner is no longer in the account, and the app may see only what its owner may: "
    "let another admin create the app again, and use its credentials."
)
_BLOCKED = (
    "An admin of the account has disabled this app's tokens: ask whoever manages apps in the Zoom "
    "App Marketplace to allow it again."
)
_REVOKED = (
    "The app's access was revoked: activate it again in the Zoom App Marketplace under Manage."
)
_NOTHING_SENT = (
    "Zoom received no credentials: check that ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET are whole, and "
    "that no proxy removes the Authorization header."
)
_WRONG_SCOPES = (
    "The app asks for scopes that it may not have: open Scopes on the app's page, remove what is "
    "marked there, and activate the app again."
)
_NOT_ACCEPTED = (
    "Zoom considers its own token invalid: check that no proxy changes requests, and run again; if "
    "it persists, deactivate the app and activate it again."
)
_NOT_ISSUED = (
    "Zoom issued no token: check that the app is activated and that the three credentials belong "
    "together."
)
_NO_ENDPOINT = "This is not a Zoom token endpoint: check ZOOM_OAUTH_URL and the proxy."
_BY_ERROR = {
    "invalid_client": _UNKNOWN_CLIENT,
    "invalid_request": _UNKNOWN_ACCOUNT,
    "unsupported_grant_type": _OTHER_APP,
    "unauthorized_client": _OTHER_APP,
}
_BY_CODE = {
    4700: _NOTHING_SENT,
    4702: _UNKNOWN_CLIENT,
    4704: _UNKNOWN_CLIENT,
    4705: _OTHER_APP,
    4706: _NOTHING_SENT,
    4709: _OTHER_APP,
    4711: _WRONG_SCOPES,
    4717: _DISABLED,
    4724: _NOT_ACCEPTED,
    4733: _OTHER_APP,
    4734: _OTHER_APP,
    4735: _OWNER_GONE,
    4738: _BLOCKED,
    4741: _REVOKED,
}
"""Source: developers.zoom.us/docs/integrations/oauth-error-messages/, read 2026-11."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The three values on the page of a Server-to-Server app, without pasted blanks and quotes."""

    account_id: str
    client_id: str
    client_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("account_id", "client_id", "client_secret"):
            object.__setattr__(self, name, getattr(self, name).strip(" \t\r\n\v\f\xa0\ufeff\"'“”"))


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    renew_at: float
    scopes: frozenset[str]


class TokenSource:
    """Provides the current token to every thread. A new one is fetched once for all that wait."""

    def __init__(
        self,
        credentials: Credentials,
        transport: Transport,
        *,
        token_url: str = COMMERCIAL.token_url,
        retries: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Create the source without a request.

        Raises:
            UnsafeUrl: credentials must not be sent to `token_url`.
        """
        self._credentials = credentials
        pair = f"{credentials.client_id}:{credentials.client_secret}"
        register_secret(credentials.client_secret, b64encode(pair.encode()).decode().rstrip("="))
        self._url = check_url(token_url, "ZOOM_OAUTH_URL")
        self._transport, self._retries = transport, retries or RetryPolicy()
        self._clock, self._now = clock, now
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._fetches = 0
        self._failure: ZoomError | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the last token; empty before the first, or if Zoom named none."""
        token = self._token
        return token.scopes if token is not None else frozenset()

    @property
    def fetches(self) -> int:
        """The number of token requests so far."""
        return self._fetches

    def token(self) -> str:
        """A token that is valid for some time.

        Raises:
            AuthenticationFailed: Zoom issues none.
            ZoomError: the token request failed.
        """
        return self._current(lambda token: self._clock() < token.renew_at)

    def renew(self, stale_token: str) -> str:
        """A token other than `stale_token`, which Zoom has just refused. Raises like `token`."""
        return self._current(lambda token: token.text != stale_token)

    def _current(self, is_good: Callable[[_Token], bool]) -> str:
        fetches = self._fetches
        with self._lock:
            if self._token is not None and is_good(self._token):
                return self._token.text
            if self._failure is not None and fetches != self._fetches:
                # Another thread failed while this one waited: do not repeat the request.
                raise self._failure
            try:
                self._token = self._retries.call(self._fetch)
                self._failure = None
            except ZoomError as error:
                self._failure = error
                raise
            finally:
                self._fetches += 1
            return self._token.text

    def _fetch(self) -> _Token:
        requested_at = self._clock()
        response = self._transport.request_token(
            self._url,
            self._credentials.account_id,
            HTTPBasicAuth(
                self._credentials.client_id.encode(), self._credentials.client_secret.encode()
            ),
            REQUEST,
        )
        if response.status != 200 and response.status < 500 and response.status != 429:
            raise self._refusal(response)
        document = parse_response(response, REQUEST, self._now)
        text = document.get("access_token")
        if not isinstance(text, str) or not _TOKEN.fullmatch(text):
            raise Malformed(REQUEST, "it holds no access token", status=response.status)
        register_token(text)
        lifetime = _lifetime(document.get("expires_in"))
        scope = document.get("scope")
        took = self._clock() - requested_at
        _log.debug("%s, %.0f ms. The new one lasts %.0f s.", REQUEST, 1000 * took, lifetime)
        return _Token(
            text=text,
            renew_at=requested_at + lifetime - min(_MARGIN, lifetime / 10),
            scopes=frozenset(scope.split() if isinstance(scope, str) else ()),
        )

    def _refusal(self, response: Response) -> AuthenticationFailed:
        try:
            document = parse_object(response.body, response.content_type, REQUEST)
        except (Malformed, Transient):
            return AuthenticationFailed(REQUEST, _NO_ENDPOINT, status=response.status)
        if 300 <= response.status < 400:
            return AuthenticationFailed(REQUEST, _NO_ENDPOINT, status=response.status)
        code, kind = document.get("code"), document.get("error")
        number = code if is_integer(code) else None
        message = " ".join(
            str(document[key]) for key in ("reason", "message", "error") if document.get(key)
        )
        reason = _BY_CODE.get(number or 0) or _BY_ERROR.get(str(kind)) or _NOT_ISSUED
        named = number in _BY_CODE
        if not named and any(w in message.lower() for w in ("disabled", "deactivated", "4717")):
            reason = _DISABLED
        return AuthenticationFailed(
            REQUEST,
            reason,
            self._without_secret(message),
            status=response.status,
            code=number,
            tracking_id=response.tracking_id,
        )

    def _without_secret(self, text: str) -> str:
        secret = self._credentials.client_secret
        return sanitize_message(text.replace(secret, REDACTED) if secret else text)


def _lifetime(expires_in: JsonValue) -> float:
    """Seconds, parsed from `expires_in`."""
    if isinstance(expires_in, str) and expires_in.isascii() and expires_in.isdigit():
        expires_in = int(expires_in[:9])
    if is_number(expires_in) and expires_in >= 1:
        return float(expires_in)
    return _LIFETIME
