"""Builders for the Zoom client: a clock that only `sleep` advances, and a real server."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import responses

from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Transport


def real_input(folder: str, pattern: str) -> list[Path]:
    """Recorded responses and API descriptions, if they are present."""
    named = os.environ.get("AUDITOR_REAL_INPUT")
    place = Path(named) if named else Path(__file__).parents[3] / "shared"
    return sorted((place / folder).glob(pattern))


API = "https://api.zoom.us/v2"
TOKEN_URL = "https://zoom.us/oauth/token"
SECRET = "s3cr3t-of-the-app"
TOKEN = "tok-1"


class Clock:
    """A monotonic clock in seconds. `sleep` advances it and records by how much."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            return self.time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.time += seconds
            self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def zoom() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def give_tokens(zoom: responses.RequestsMock, *, scope: str = "user:read:admin") -> None:
    """Zoom issues tok-1, then tok-2."""
    for number in (1, 2):
        zoom.post(
            TOKEN_URL,
            json={
                "access_token": f"tok-{number}",
                "token_type": "bearer",
                "expires_in": 3599,
                "scope": scope,
            },
        )


def token_source(clock: Clock, transport: Transport | None = None) -> TokenSource:
    return TokenSource(
        Credentials("account", "client", SECRET),
        transport or Transport(),
        retries=RetryPolicy(sleep=clock.sleep, chance=lambda: 1.0),
        clock=clock,
    )


@pytest.fixture
def client(zoom: responses.RequestsMock, clock: Clock) -> Iterator[ZoomClient]:
    give_tokens(zoom)
    transport = Transport()
    with ZoomClient(
        API,
        token_source(clock, transport),
        transport,
        RateLimiter(RatePlan.PRO.limits, clock=clock, sleep=clock.sleep, chance=lambda: 0.0),
        retries=RetryPolicy(sleep=clock.sleep, chance=lambda: 1.0),
        clock=clock,
    ) as made:
        yield made


Respond = Callable[[BaseHTTPRequestHandler], object]


@dataclass
class Server:
    """A real HTTP server on loopback. `respond` answers; `seen` records the requests."""

    url: str = ""
    respond: Respond = lambda handler: None
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)


def reply(
    body: bytes, status: int = 200, kind: str = "application/json", **headers: str
) -> Respond:
    """A complete response with these headers (underscores stand for hyphens)."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if kind:
            handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.seen.append((self.command, self.path, dict(self.headers), body))
            made.connections.add(self.client_address)
            try:
                made.respond(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Silence."""

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler._serve)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what some tests are about."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    httpd = Quiet(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    httpd.shutdown()
    httpd.server_close()
    thread.join()
