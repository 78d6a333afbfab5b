"""The wire: connections that read an answer for so long and so far, and no further.

The libraries below bound the silence between two packets, one header line and the number of
headers. A byte now and then, interim answers or empty chunks without end pass all of that, so
here every byte that is read for an answer counts, headers included, and one deadline holds for the
whole call: connecting, what a proxy answers, and the answer.
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
# 6.25 MiB. The rest is for the sizes of chunks.
HEADER_ROOM = 8 * 1024 * 1024
"""Bytes of an answer beside its body: a hundred headers of 64 KiB, and the framing of chunks."""

_AT_ONCE = 32 * 1024
"""Bytes: most answers come in one piece."""

VERBS = frozenset(("GET", "POST"))
"""The only verbs that leave. POST is the token request; see `Transport.request_token`."""


class ResponseTooSlow(AuditorError):
    """An answer was not complete in time. No library below takes it for an error of its own."""


class ResponseTooLarge(AuditorError):
    """An answer is larger on the wire than any may be."""


class WriteMethodBlocked(AuditorError):
    """A request that could change something; it was not sent."""

    def __init__(self, verb: str) -> None:
        super().__init__(f"{verb} is not sent: the auditor reads only.")


class _Reader(io.RawIOBase):
    """What comes over a connection in answer to one request."""

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
        """Read what is there, once, as long as there is time and room."""
        seconds = self._until - self._clock()
        if seconds <= 0:
            raise ResponseTooSlow
        silence = seconds if self._silence is None else self._silence
        # The timeout of a socket bounds one read. A server that sends a byte every 29 seconds stays
        # within it for ever, so each read gets no more than what is left of the whole call.
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
        """Let go of the connection."""
        self._raw.close()
        super().close()


# By thread, because the connection that reads the response cannot be told: urllib3 makes it, or
# takes one that an earlier call has left. A call begins and ends in one thread.
class _Call(threading.local):
    """Until when the call of this thread may take."""

    until = math.inf


@dataclass(frozen=True, slots=True)
class Pools:
    """Connection pools of one kind, and how a call over them begins."""

    by_scheme: dict[str, type[HTTPConnectionPool]]
    begin: Callable[[], None]


def pools(
    seconds: float, size: int, clock: Callable[[], float], verbs: frozenset[str] = VERBS
) -> Pools:
    """Connection pools for calls of so many seconds, whose answers have so many bytes of body."""
    call = _Call()

    def begin() -> None:
        call.until = clock() + seconds

    class Reply(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *rest: Any, **named: Any) -> None:
            super().__init__(sock, *rest, **named)
            # The socket's own reader is replaced before the status line is read, so that what
            # http.client skips (100 Continue) or gathers (headers, trailers) counts as well.
            raw = self.fp.detach()
            bounded = _Reader(raw, sock, call.until, size + HEADER_ROOM, clock)
            self.fp = io.BufferedReader(bounded, _AT_ONCE)

    class ReadsOnly(HTTPConnection):
        response_class = Reply

        def putrequest(self, method: str, *rest: Any, **named: Any) -> None:
            if method not in verbs:
                raise WriteMethodBlocked(method)
            super().putrequest(method, *rest, **named)

        def _new_conn(self) -> socket.socket:
            left = call.until - clock()
            if left <= 0:
                raise ResponseTooSlow
            # Also of the handshake of TLS, which Python bounds as a whole.
            timeout = self.timeout if isinstance(self.timeout, int | float) else left
            self.timeout = min(timeout, left)
            return super()._new_conn()

    class Secure(ReadsOnly, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = ReadsOnly

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return Pools({"http": PlainPool, "https": SecurePool}, begin)


class BoundedAdapter(HTTPAdapter):
    """The adapter of the requests library over connections from `pools`."""

    def __init__(self, of: Pools, connections: int = 1) -> None:
        """An adapter that keeps so many idle connections to a host."""
        self._pools = of
        super().__init__(pool_maxsize=connections)

    def send(self, *rest: Any, **named: Any) -> Response:
        """Send a request; its time begins now. See the method of the requests library."""
        self._pools.begin()
        return super().send(*rest, **named)

    def init_poolmanager(self, *rest: Any, **named: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*rest, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools.by_scheme

    def proxy_manager_for(self, proxy: str, **named: Any) -> PoolManager:
        """The pools of connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = self._pools.by_scheme
        return manager
