"""Bounded HTTP: connections with a deadline and a size limit for the whole response.

The libraries below bound the time between two packets, the length of a header line and the number
of headers. A server that sends a byte now and then, endless interim responses or empty chunks stays
within those bounds. Here every byte of a response counts, including headers, and one deadline
applies to the whole call: connecting, the response of a proxy, and the response itself.
"""

import http.client
import io
import math
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from requests import Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolManager

from auditor.errors import AuditorError

# http.client reads at most 100 headers of at most 65,536 bytes each (`_MAXHEADERS`, `_MAXLINE`):
# 6.25 MiB. The rest is for chunk framing.
HEADER_ROOM = 8 * 1024 * 1024
"""Bytes of a response besides its body: a hundred headers of 64 KiB, and chunk framing."""

_AT_ONCE = 32 * 1024
"""Buffer size in bytes. Most responses fit into it."""

VERBS = frozenset(("GET", "POST"))
"""The only verbs that are sent. POST is the token request; see `Transport.request_token`."""


def only_reads(method: str, _target: str) -> bool:
    """True for the verbs that are sent, to any target of a request line."""
    return method in VERBS


class ResponseTooSlow(AuditorError):
    """A response was not complete in time. Not a subclass of any library's error."""


class ResponseTooLarge(AuditorError):
    """A response is larger than the limit."""


class WriteMethodBlocked(AuditorError):
    """A request with a verb that could change data. It was not sent."""

    def __init__(self, verb: str) -> None:
        super().__init__(f"{verb} is not sent: the auditor only reads.")


class _Reader(io.RawIOBase):
    """Reads the bytes of one response from a connection, within its bounds."""

    def __init__(
        self,
        raw: io.RawIOBase,
        connection: socket.socket,
        until: float,
        size: int,
        clock: Callable[[], float],
    ) -> None:
        self._raw, self._connection, self._silence = raw, connection, connection.gettimeout()
        self._until, self._left, self._clock = until, size, clock

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read available bytes once, within the time and size left."""
        seconds = self._until - self._clock()
        if seconds <= 0:
            raise ResponseTooSlow
        silence = seconds if self._silence is None else self._silence
        # The timeout of a socket bounds one read. A server that sends a byte every 29 seconds never
        # exceeds it, so each read gets at most the time left for the whole call.
        self._connection.settimeout(min(silence, seconds))
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            if seconds <= silence:
                raise ResponseTooSlow from None
            raise
        self._left -= count or 0
        if self._left < 0:
            raise ResponseTooLarge
        return count

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()
        super().close()


# Per thread, because a deadline cannot be passed to the connection: urllib3 creates it, or reuses
# the connection of an earlier call. A call begins and ends in one thread.
class _Call(threading.local):
    """The deadline of the current call of this thread."""

    until = math.inf


@dataclass(frozen=True, slots=True)
class Pools:
    """Connection pools by scheme, and the function that starts the clock of a call."""

    by_scheme: dict[str, type[HTTPConnectionPool]]
    begin: Callable[[], None]


def pools(
    seconds: float,
    size: int,
    clock: Callable[[], float],
    permits: Callable[[str, str], bool] = only_reads,
) -> Pools:
    """Connection pools for calls of at most `seconds`, with at most `size` bytes of body.

    `permits` decides by method and target what is sent; nothing else leaves a connection.
    """
    call = _Call()

    def begin() -> None:
        call.until = clock() + seconds

    class Reply(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *rest: Any, **named: Any) -> None:
            super().__init__(sock, *rest, **named)
            # The socket's reader is replaced before the status line is read, so that the bytes
            # http.client skips (100 Continue) or collects (headers, trailers) count as well.
            raw = self.fp.detach()
            bounded = _Reader(raw, sock, call.until, size + HEADER_ROOM, clock)
            self.fp = io.BufferedReader(bounded, _AT_ONCE)

    class OnlyPermitted(HTTPConnection):
        response_class = Reply

        def putrequest(self, method: str, url: str, *rest: Any, **named: Any) -> None:
            if not permits(method, url):
                raise WriteMethodBlocked(method)
            super().putrequest(method, url, *rest, **named)

        def _new_conn(self) -> socket.socket:
            left = call.until - clock()
            if left <= 0:
                raise ResponseTooSlow
            # Also bounds the TLS handshake, which Python limits as a whole.
            timeout = self.timeout if isinstance(self.timeout, int | float) else left
            self.timeout = min(timeout, left)
            return super()._new_conn()

    class Secure(OnlyPermitted, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = OnlyPermitted

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return Pools({"http": PlainPool, "https": SecurePool}, begin)


class BoundedAdapter(HTTPAdapter):
    """The adapter of the requests library over connections from `pools`."""

    def __init__(self, of: Pools, connections: int = 1) -> None:
        """Create an adapter that keeps up to `connections` idle connections per host."""
        self._pools = of
        super().__init__(pool_maxsize=connections)

    def send(self, *rest: Any, **named: Any) -> Response:
        """Send a request. Its time starts now. See `HTTPAdapter.send`."""
        self._pools.begin()
        return super().send(*rest, **named)

    def init_poolmanager(self, *rest: Any, **named: Any) -> None:
        """Create the pools of direct connections."""
        super().init_poolmanager(*rest, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools.by_scheme

    def proxy_manager_for(self, proxy: str, **named: Any) -> PoolManager:
        """The pools of connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = self._pools.by_scheme
        return manager
