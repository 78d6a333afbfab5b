"""Serving: an address to listen on, plain on this machine only, and the server for it."""

import asyncio
import ipaddress
import logging
import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from auditor.errors import AuditorError, ExitCode

_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>[0-9]{1,5})"
)
_FIRST_HANDED_OVER = 3
"""The first file descriptor that systemd hands over: sd_listen_fds(3)."""
MOST_CONNECTIONS = 500
"""Requests at the same time; further ones are answered 503."""
IDLE = 5
"""Seconds after which an idle connection is closed."""
HEADERS_WITHIN = 5.0
"""Seconds for the head of a request to arrive."""


class CannotListen(AuditorError):
    """The address cannot be listened on. The message says why."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The certificate and key of the server."""

    certificate: Path
    key: Path


def bound(address: str, tls: TlsFiles | None) -> socket.socket:
    """A socket at `HOST:PORT`, or the one that systemd hands over.

    Raises:
        CannotListen: the address is not valid or taken, or not of this machine and without TLS.
    """
    listener = _handed_over()
    if listener is None:
        listener = _listening(address)
    name = listener.getsockname()
    if tls is None and listener.family in (socket.AF_INET, socket.AF_INET6):
        host = ipaddress.ip_address(str(name[0]).partition("%")[0])
        if not host.is_loopback:
            listener.close()
            raise CannotListen(
                f"{name[0]} is not an address of this machine alone, and without TLS anybody on "
                "the way could read events. Give --tls-certificate and --tls-key, or listen on "
                "127.0.0.1 behind a proxy that ends TLS."
            )
    return listener


def _listening(address: str) -> socket.socket:
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise CannotListen(f"--listen {address}: write HOST:PORT, such as 127.0.0.1:8085.")
    host, port = match["v6"] or match["host"], int(match["port"])
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(place)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"{address} cannot be listened on: {reason}.") from error
    listener.listen(1024)
    return listener


def _handed_over() -> socket.socket | None:
    """The socket of systemd's socket activation; None without one."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not os.environ.get("LISTEN_FDS"):
        return None
    return socket.socket(fileno=_FIRST_HANDED_OVER)


class _BoundedProtocol(H11Protocol):
    """Uvicorn's protocol, which by itself waits for the head of a request for ever."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._waiting = self.loop.call_later(HEADERS_WITHIN, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


def server(application: ASGIApp, tls: TlsFiles | None) -> uvicorn.Server:
    """A server for the application, with bounds on what a sender can use up."""
    config = uvicorn.Config(
        application,
        http=_BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16 * 1024,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return uvicorn.Server(config)


def shown(listener: socket.socket) -> str:
    """The address of a socket for people."""
    with suppress(OSError, ValueError):
        name = listener.getsockname()
        if isinstance(name, tuple):
            return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
        return str(name)
    return "a socket"
