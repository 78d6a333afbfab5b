"""Transport: sends one HTTP request, bounded in time and size, without state between requests.

Certificates are always verified. Redirects are not followed, cookies are not kept, and `~/.netrc`
is not read. Proxies and certificate stores from the environment (`HTTPS_PROXY`, `NO_PROXY`,
`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`) are used; for this machine's own addresses no proxy is.
"""

import http.client
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import select_proxy

from auditor import __version__
from auditor.zoom import proxy_checks
from auditor.zoom.bounded_http import (
    BoundedAdapter,
    ResponseTooLarge,
    ResponseTooSlow,
    only_reads,
    pools,
)
from auditor.zoom.errors import Malformed, TooMuch, Transient, Unreachable, ZoomError
from auditor.zoom.proxy_checks import ConnectionProblem

_CHUNK = 16 * 1024
"""Compressed bytes read at a time. Older versions of urllib3 decompress all of them at once, to at
most 16 MiB."""
_PLAIN_CHUNK = 256 * 1024
"""Uncompressed bytes read at a time."""
_MOST_CONNECTIONS = 64
"""Idle connections that are kept: no more requests are ever in flight."""
_PLAIN = frozenset(("", "identity"))
_ENCODINGS = _PLAIN | {"gzip"}
_ENCODING = re.compile(r"[a-z]{2,10}(?:, ?[a-z]{2,10})?")
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"zoom-privacy-auditor/{__version__}",
}
"""Of every request."""


class Bearer(AuthBase):
    """The Authorization header of API requests."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to `request`."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "Bearer([redacted])"


@dataclass(frozen=True, slots=True)
class RequestBounds:
    """Limits of one request: times in seconds, size in bytes after decompression."""

    connect: float = 10.0
    silence: float = 30.0
    """Between two packets."""
    total: float = 60.0
    """From connecting to the last byte, headers included."""
    size: int = 8 * 1024 * 1024
    """A page of 2,000 users has about 2 MB."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response of any status. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The Content-Type header; empty if there is none."""
        return self.headers.get("Content-Type", "")

    @property
    def tracking_id(self) -> str:
        """The id that Zoom's support asks for; empty if there is none."""
        return self.headers.get("x-zm-trackingid", "")


class Transport:
    """Sends requests for any number of threads."""

    def __init__(
        self,
        bounds: RequestBounds | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        permits: Callable[[str, str], bool] = only_reads,
    ) -> None:
        """Create the transport. `permits` decides by method and target what may be sent."""
        self._bounds = bounds or RequestBounds()
        self._clock = clock
        # Not a session, because it reads the whole body of a redirect, however large.
        self._adapter = BoundedAdapter(
            pools(self._bounds.total, self._bounds.size, clock, permits), _MOST_CONNECTIONS
        )

    def get(self, url: str, params: Mapping[str, str], auth: Bearer, request: str) -> Response:
        """The response to a GET request, which errors call `request`.

        Raises:
            Unreachable: there was no connection.
            Transient: the connection broke, or the response took too long.
            TooMuch: the response is too large.
            Malformed: the response is not HTTP, or has an encoding that was not accepted.
        """
        made = requests.Request("GET", url, headers=HEADERS, params=params, auth=auth)
        return self._send(made.prepare(), request)

    def request_token(
        self, url: str, account_id: str, auth: HTTPBasicAuth, request: str
    ) -> Response:
        """The response to the token request, the only one that is not a GET. Raises like `get`.

        The form is fixed here, so that no other POST can be sent.
        """
        form = {"grant_type": "account_credentials", "account_id": account_id}
        made = requests.Request("POST", url, headers=HEADERS, data=form, auth=auth)
        return self._send(made.prepare(), request)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._adapter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, prepared: requests.PreparedRequest, request: str) -> Response:
        deadline = self._clock() + self._bounds.total
        url = prepared.url or ""
        proxies, verify = proxy_checks.from_environment(url)
        proxy = select_proxy(url, proxies) or ""
        if not proxy_checks.is_parseable(proxy):
            raise _hindered(request, proxy_checks.proxy_unclear(proxy))
        try:
            with self._adapter.send(
                prepared,
                stream=True,
                timeout=(self._bounds.connect, self._bounds.silence),
                verify=verify,
                proxies=proxies,
            ) as response:
                body = self._body(response, request, deadline)
                return Response(response.status_code, response.headers, body)
        except ResponseTooSlow as error:
            raise self._too_slow(request) from error
        except ResponseTooLarge as error:
            raise self._too_large(request) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _explained(error, request, verify) from error

    def _body(self, response: requests.Response, request: str, deadline: float) -> bytes:
        status = response.status_code
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in _ENCODINGS:
            named = encoding if _ENCODING.fullmatch(encoding) else "something unknown"
            raise Malformed(request, f"it is encoded as {named}, not gzip", status=status)
        size = _PLAIN_CHUNK if encoding in _PLAIN else _CHUNK
        body = bytearray()
        while True:
            if self._clock() > deadline:
                raise self._too_slow(request, status)
            # read1 returns the available bytes; read would wait for a whole chunk, past the
            # deadline. `bounded_http` limits compressed bytes only: 1 MB can become 1 GB.
            chunk = response.raw.read1(size, decode_content=True)
            if not chunk and response.raw.closed:
                return bytes(body)
            body += chunk
            if len(body) > self._bounds.size:
                raise self._too_large(request, status)

    def _too_slow(self, request: str, status: int | None = None) -> Transient:
        return Transient(
            request, f"no complete response within {self._bounds.total:g} s", status=status
        )

    def _too_large(self, request: str, status: int | None = None) -> TooMuch:
        return TooMuch(request, f"it is larger than {self._bounds.size:,} bytes", status=status)


def _hindered(request: str, by: ConnectionProblem) -> Unreachable:
    return Unreachable(request, str(by), worth_retrying=by.worth_retrying)


def _explained(error: Exception, request: str, verify: bool | str) -> ZoomError:
    """The `ZoomError` for an error of the libraries below."""
    match error:
        case requests.exceptions.SSLError() if proxy_checks.is_invalid_ca_bundle(verify):
            return _hindered(request, proxy_checks.no_pem(verify))
        case requests.exceptions.SSLError():
            return Unreachable(
                request,
                "no trusted TLS connection. If a proxy inspects TLS, name its certificate in "
                "REQUESTS_CA_BUNDLE; also check this machine's clock.",
                worth_retrying=False,
            )
        case requests.exceptions.ProxyError():
            status = proxy_checks.refusal(str(error))
            by = (
                proxy_checks.proxy_unreachable()
                if status is None
                else proxy_checks.proxy_refused(status)
            )
            return _hindered(request, by)
        case requests.exceptions.ConnectTimeout():
            return Unreachable(
                request,
                f"no connection{_to(error)} in time. Check the network, firewall and HTTPS_PROXY.",
            )
        case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError():
            return Transient(request, "Zoom stopped responding")
        case requests.exceptions.ConnectionError() if _is_no_http(error):
            return Malformed(
                request, "it is not valid HTTP, or its headers are too many or too long"
            )
        case requests.exceptions.ConnectionError() if not _was_connected(error):
            return Unreachable(
                request,
                f"no connection{_to(error)}. Check the network, DNS, HTTPS_PROXY and the address "
                "(ZOOM_API_URL, ZOOM_OAUTH_URL).",
            )
        case requests.exceptions.ConnectionError() | urllib3.exceptions.HTTPError():
            return Transient(request, "the connection broke")
        case OSError() if "CA certificate bundle" in str(error):
            return Unreachable(
                request,
                "there are no certificates where REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) "
                "points. Correct it, or unset it.",
                worth_retrying=False,
            )
        case _:
            return Unreachable(
                request,
                f"the request could not be sent ({type(error).__name__}). Check HTTPS_PROXY, "
                "REQUESTS_CA_BUNDLE and the address (ZOOM_API_URL, ZOOM_OAUTH_URL).",
                worth_retrying=False,
            )


def _is_no_http(error: requests.exceptions.ConnectionError) -> bool:
    """True if a response began, but its first lines are not HTTP."""
    reasons = [reason for cause in error.args for reason in getattr(cause, "args", ())]
    return any(
        isinstance(reason, http.client.HTTPException) and not isinstance(reason, ConnectionError)
        for reason in reasons
    )


def _to(error: requests.exceptions.RequestException) -> str:
    """` to HOST:PORT`, without the rest of the address; empty if it is not known."""
    url = urlsplit((error.request.url if error.request is not None else None) or "")
    default = {"http": 80, "https": 443}.get(url.scheme)
    return f" to {url.hostname}:{url.port or default}" if url.hostname else ""


def _was_connected(error: requests.exceptions.ConnectionError) -> bool:
    """True if the connection broke after it was established."""
    return any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in error.args)
