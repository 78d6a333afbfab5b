"""Serves a world over HTTP on loopback: in a thread for tests, or blocking for the command."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from auditor.sandbox.api import OAUTH_PATH, SCOPES, WRITING_SCOPES, application
from auditor.sandbox.service import Conduct, Requests, Service
from auditor.sandbox.world import World

_START_WITHIN: Final = 10.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A served world: its address, and the credentials of its app."""

    world: World
    service: Service
    origin: str
    """Scheme, host and port."""

    @property
    def api_url(self) -> str:
        """API base including `/v2`."""
        return f"{self.origin}/v2"

    @property
    def oauth_url(self) -> str:
        """The token endpoint."""
        return f"{self.origin}{OAUTH_PATH}"

    @property
    def account_id(self) -> str:
        """Account id of the credentials."""
        return self.service.tokens.account_id

    @property
    def client_id(self) -> str:
        """Client id of the credentials."""
        return self.service.tokens.client_id

    @property
    def client_secret(self) -> str:
        """Client secret of the credentials."""
        return self.service.tokens.client_secret

    @property
    def writing_client_id(self) -> str:
        """Client id of the app that may write. It signs in to the same account."""
        return self.service.writing_tokens.client_id

    @property
    def writing_client_secret(self) -> str:
        """Client secret of the app that may write."""
        return self.service.writing_tokens.client_secret

    @property
    def requests(self) -> Requests:
        """The requests so far."""
        return self.service.requests

    def change(self, **fields: Any) -> dict[str, Any] | None:
        """Change a setting, as `POST /sandbox/changes` does. See `Changes.make`.

        Raises:
            ValueError: there is no such scope or setting.
        """
        return self.service.changes.make(fields, self.service.clock())

    def revoke_tokens(self) -> None:
        """Invalidate every token issued so far, as deactivating and activating the app does."""
        self.service.tokens.revoke()
        self.service.writing_tokens.revoke()


@contextlib.contextmanager
def serve(world: World, port: int = 0, conduct: Conduct | None = None) -> Iterator[Sandbox]:
    """Serve `world` on 127.0.0.1 in a daemon thread until the block ends. Port 0: any free one.

    Raises:
        OSError: the port is taken.
    """
    sandbox, server, listener = _prepared(world, "127.0.0.1", port, conduct)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True, name="sandbox")
    thread.start()
    deadline = time.monotonic() + _START_WITHIN
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    try:
        yield sandbox
    finally:
        server.should_exit = True
        thread.join(_START_WITHIN)
        listener.close()


def run(
    world: World,
    host: str = "127.0.0.1",
    port: int = 0,
    conduct: Conduct | None = None,
    on_ready: Callable[[Sandbox], None] | None = None,
) -> None:
    """Serve `world` until interrupted, printing nothing.

    `on_ready` is called once the address is bound; requests made from then on are answered.

    Raises:
        ValueError: the host is not a loopback address.
        OSError: the port is taken.
    """
    sandbox, server, listener = _prepared(world, host, port, conduct)
    with contextlib.closing(listener), contextlib.suppress(KeyboardInterrupt):
        if on_ready is not None:
            on_ready(sandbox)
        server.run([listener])


def _prepared(
    world: World, host: str, port: int, conduct: Conduct | None
) -> tuple[Sandbox, uvicorn.Server, socket.socket]:
    """Bind the address and build the server for it."""
    address = _loopback(host)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it, each
    # response waits some 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((str(address), port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    service = Service(world, conduct or Conduct(), SCOPES, WRITING_SCOPES)
    shown = str(address) if address.version == 4 else f"[{address}]"
    origin = f"http://{shown}:{listener.getsockname()[1]}"
    service.tokens.api_url = service.writing_tokens.api_url = origin
    config = uvicorn.Config(
        application(service, _reset),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        server_header=False,
        date_header=not service.faults.clock_skew,
        timeout_graceful_shutdown=1,
    )
    return Sandbox(service.world, service, origin), uvicorn.Server(config), listener


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(
            f"The sandbox serves loopback addresses only, such as 127.0.0.1; got {host!r}."
        )
    return address


class _Protocol(H11Protocol):
    """Uvicorn's protocol, with access from a request to its transport."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        _transports[self.server, self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop((self.server, self.client), None)
        super().connection_lost(exc)


_transports: dict[tuple[object, object], asyncio.Transport] = {}
"""Open connections by the addresses and ports of both ends."""


def _reset(scope: Scope) -> None:
    """Reset the connection of a request."""
    transport = _transports[scope["server"], scope["client"]]
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
