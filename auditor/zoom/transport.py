"""Transport: one request over HTTP, bounded in time and size, with nothing carried over.

Certificates are always verified. Redirects are not followed, cookies not kept, `~/.netrc` not
read. Proxies and certificate stores from the environment (`HTTPS_PROXY`, `NO_PROXY`,
`REQUESTS_CA_BUNDLE`) are used, except for this machine's own addresses.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Self
from weakref import WeakSet

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth

from auditor import __version__
from auditor.zoom.errors import Malformed, Transient, Unreachable, ZoomError
from auditor.zoom.hosts import is_loopback

_CHUNK = 16 * 1024
"""Compressed bytes read at a time: gzip makes at most 16 MiB of them."""
_ENCODINGS = frozenset(("", "identity", "gzip"))


class Bearer(AuthBase):
    """The Authorization header of API requests. As an object it keeps requests from `~/.netrc`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign `request`."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "Bearer([redacted])"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one request. Times in seconds, size in bytes after decompression."""

    connect: float = 10.0
    silence: float = 30.0
    """Between two packets."""
    total: float = 60.0
    size: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. Header names are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The Content-Type header, empty where there is none."""
        return self.headers.get("Content-Type", "")

    @property
    def tracking_id(self) -> str:
        """What Zoom's support asks for."""
        return self.headers.get("x-zm-trackingid", "")


class Transport:
    """Sends requests for any number of threads; each has a connection pool of its own."""

    def __init__(
        self, bounds: Bounds | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._local = threading.local()
        self._sessions: WeakSet[requests.Session] = WeakSet()
        self._lock = threading.Lock()

    def get(self, url: str, params: Mapping[str, str], auth: AuthBase, request: str) -> Answer:
        """The answer to a GET. `request` names it in errors.

        Raises:
            Unreachable: no connection.
            Transient: the connection broke or took too long.
            Malformed: too large, or in an encoding that was not asked for.
        """
        return self._send("GET", url, request, auth, params=params)

    def post_form(
        self, url: str, form: Mapping[str, str], auth: HTTPBasicAuth, request: str
    ) -> Answer:
        """The answer to a POST of a form: the token request, the only one that is not a GET."""
        return self._send("POST", url, request, auth, form=form)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            sessions, self._sessions = list(self._sessions), WeakSet()
            self._local = threading.local()
        for session in sessions:
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _send(
        self,
        method: str,
        url: str,
        request: str,
        auth: AuthBase,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        deadline = self._clock() + self._bounds.total
        session = self._session()
        session.trust_env = not is_loopback(url)
        try:
            with session.request(
                method,
                url,
                params=params,
                data=form,
                auth=auth,
                timeout=(self._bounds.connect, self._bounds.silence),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._body(response, request, deadline)
                return Answer(response.status_code, response.headers, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _explained(error, request) from error

    def _body(self, response: requests.Response, request: str, deadline: float) -> bytes:
        status = response.status_code
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in _ENCODINGS:
            raise Malformed(request, f"it is encoded as {encoding}, not gzip", status=status)
        body = bytearray()
        while True:
            if self._clock() > deadline:
                raise Transient(
                    request, f"no complete answer within {self._bounds.total:g} s", status=status
                )
            # read1 returns what is there; read would wait for a whole chunk, past the deadline.
            chunk = response.raw.read1(_CHUNK, decode_content=True)
            if not chunk and response.raw.closed:
                return bytes(body)
            body += chunk
            if len(body) > self._bounds.size:
                raise Malformed(
                    request, f"it is larger than {self._bounds.size:,} bytes", status=status
                )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers.update(
                {
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip",
                    "User-Agent": f"zoom-privacy-auditor/{__version__}",
                }
            )
            with self._lock:
                self._local.session = session
                self._sessions.add(session)
        return session


def _explained(error: Exception, request: str) -> ZoomError:
    """Our error for an error of the libraries below."""
    match error:
        case requests.exceptions.SSLError():
            return Unreachable(
                request,
                "no trusted TLS connection. If a proxy inspects TLS, name its certificate in "
                "REQUESTS_CA_BUNDLE; also check this machine's clock.",
                worth_retrying=False,
            )
        case requests.exceptions.ProxyError():
            return Unreachable(request, "the proxy refused. Check HTTPS_PROXY and NO_PROXY.")
        case requests.exceptions.ConnectTimeout():
            return Unreachable(
                request, "no connection in time. Check the network, firewall and HTTPS_PROXY."
            )
        case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError():
            return Transient(request, "Zoom went silent")
        case requests.exceptions.ConnectionError() if not _was_connected(error):
            return Unreachable(
                request,
                "no connection. Check the network, DNS, HTTPS_PROXY and the address "
                "(ZOOM_API_URL, ZOOM_OAUTH_URL).",
            )
        case requests.exceptions.ConnectionError() | urllib3.exceptions.HTTPError():
            return Transient(request, "the connection broke")
        case _:
            return Unreachable(
                request,
                f"the request could not be sent ({type(error).__name__}). Check HTTPS_PROXY, "
                "REQUESTS_CA_BUNDLE and the address (ZOOM_API_URL, ZOOM_OAUTH_URL).",
                worth_retrying=False,
            )


def _was_connected(error: requests.exceptions.ConnectionError) -> bool:
    """True where the connection broke after it was made."""
    return any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in error.args)
