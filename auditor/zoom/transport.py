"""Transport: one request over HTTP, bounded in time and size, with nothing carried over.

Certificates are always verified. Redirects are not followed, cookies not kept, `~/.netrc` not
read. Proxies and certificate stores from the environment (`HTTPS_PROXY`, `NO_PROXY`,
`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`) are used, except for this machine's own addresses.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.structures import CaseInsensitiveDict

from auditor import __version__
from auditor.zoom.errors import Malformed, Transient, Unreachable, ZoomError
from auditor.zoom.hosts import is_loopback

_CHUNK = 16 * 1024
"""Compressed bytes read at a time: gzip makes at most 16 MiB of them."""
_PLAIN_CHUNK = 256 * 1024
"""Bytes read at a time where nothing has to be unpacked."""
_PLAIN = frozenset(("", "identity"))
_ENCODINGS = _PLAIN | {"gzip"}
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"zoom-privacy-auditor/{__version__}",
}


class Bearer(AuthBase):
    """The Authorization header of API requests."""

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


@dataclass(frozen=True, slots=True)
class _Route:
    """How to get to a host: proxies by scheme, and what certificates are verified with."""

    proxies: dict[str, str]
    verify: bool | str


class Transport:
    """Sends requests for any number of threads; each has a connection pool of its own.

    Requests go to the adapters of the requests library without a session of it: a session merges
    its own settings with the environment's at every request, which costs more than sending.
    """

    def __init__(
        self, bounds: Bounds | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._local = threading.local()
        self._adapters: WeakSet[HTTPAdapter] = WeakSet()
        self._routes: dict[str, _Route] = {}
        self._lock = threading.Lock()

    def get(self, url: str, params: Mapping[str, str], auth: AuthBase, request: str) -> Answer:
        """The answer to a GET. `request` names it in errors.

        Raises:
            Unreachable: no connection.
            Transient: the connection broke or took too long.
            Malformed: too large, or in an encoding that was not asked for.
        """
        prepared = requests.PreparedRequest()
        prepared.method = "GET"
        prepared.url = f"{url}?{urlencode(params)}" if params else url
        prepared.headers = CaseInsensitiveDict(_HEADERS)
        return self._send(auth(prepared), request)

    def post_form(
        self, url: str, form: Mapping[str, str], auth: HTTPBasicAuth, request: str
    ) -> Answer:
        """The answer to a POST of a form: the token request, the only one that is not a GET."""
        made = requests.Request("POST", url, headers=_HEADERS, data=form, auth=auth)
        return self._send(made.prepare(), request)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            adapters, self._adapters = list(self._adapters), WeakSet()
            self._local = threading.local()
        for adapter in adapters:
            adapter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, prepared: requests.PreparedRequest, request: str) -> Answer:
        deadline = self._clock() + self._bounds.total
        try:
            route = self._route(prepared.url or "")
            with self._adapter().send(
                prepared,
                stream=True,
                timeout=(self._bounds.connect, self._bounds.silence),
                verify=route.verify,
                proxies=route.proxies,
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
        size = _PLAIN_CHUNK if encoding in _PLAIN else _CHUNK
        body = bytearray()
        while True:
            if self._clock() > deadline:
                raise Transient(
                    request, f"no complete answer within {self._bounds.total:g} s", status=status
                )
            # read1 returns what is there; read would wait for a whole chunk, past the deadline.
            chunk = response.raw.read1(size, decode_content=True)
            if not chunk and response.raw.closed:
                return bytes(body)
            body += chunk
            if len(body) > self._bounds.size:
                raise Malformed(
                    request, f"it is larger than {self._bounds.size:,} bytes", status=status
                )

    def _route(self, url: str) -> _Route:
        """The way to the host of `url`, as the environment was at the first request to it."""
        host = "/".join(url.split("/", 3)[:3])
        route = self._routes.get(host)
        if route is None:
            with requests.Session() as session:
                session.trust_env = not is_loopback(url)
                found = session.merge_environment_settings(url, {}, True, None, None)
            route = self._routes[host] = _Route(dict(found["proxies"]), found["verify"] or True)
        return route

    def _adapter(self) -> HTTPAdapter:
        adapter: HTTPAdapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = HTTPAdapter()
            with self._lock:
                self._local.adapter = adapter
                self._adapters.add(adapter)
        return adapter


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
