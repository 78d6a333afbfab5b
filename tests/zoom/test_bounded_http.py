"""Bounded HTTP: only reads are sent, and a response ends in time."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from requests.auth import HTTPBasicAuth
from requests.models import Response

from auditor.zoom.bounded_http import BoundedAdapter, ResponseTooSlow, WriteMethodBlocked, pools
from auditor.zoom.errors import Transient, ZoomError
from auditor.zoom.transport import Bearer, RequestBounds, Transport
from tests.dripping import DRIPS, PATIENCE, dripping
from tests.zoom.conftest import Server

from .conftest import reply

SHORT = RequestBounds(connect=0.3, silence=5, total=0.4)


@pytest.fixture
def adapter() -> Iterator[BoundedAdapter]:
    made = BoundedAdapter(pools(5.0, 1000, time.monotonic))
    yield made
    made.close()


def sent(adapter: BoundedAdapter, method: str, url: str) -> Response:
    prepared = requests.Request("GET", url).prepare()
    prepared.method = method
    return adapter.send(prepared, timeout=5)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "QUERY"])
def test_no_other_verb_leaves(server: Server, adapter: BoundedAdapter, method: str) -> None:
    with pytest.raises(WriteMethodBlocked, match="is not sent: the auditor only reads"):
        sent(adapter, method, server.url)
    assert server.seen == []


def test_reads_leave(server: Server, adapter: BoundedAdapter) -> None:
    server.respond = reply(b"{}")
    assert sent(adapter, "GET", server.url).status_code == 200


def test_a_connection_is_used_again_after_a_slow_answer_was_in_time(server: Server) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.4)
        reply(b"{}")(handler)

    server.respond = respond
    with Transport(RequestBounds(total=1.5)) as transport:
        for _ in range(4):  # longer than the bound of one, together
            transport.get(server.url, {}, Bearer("tok-1"), "GET /users")
    assert len(server.connections) == 1


def test_the_time_of_an_answer_begins_with_its_request(server: Server) -> None:
    over, answered = threading.Event(), threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        over.wait(PATIENCE)
        answered.set()

    server.respond = respond
    with Transport(RequestBounds(total=0.1, silence=2 * PATIENCE)) as transport:
        with pytest.raises(Transient, match=r"within 0\.1 s"):
            transport.get(server.url, {}, Bearer("tok-1"), "GET /users")
        assert not answered.is_set()
        over.set()


def test_a_header_that_is_none_is_not_logged_with_what_it_holds(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nkanarie\r\nContent-Length: 2\r\n\r\n{}")
        handler.close_connection = True

    server.respond = respond
    with Transport() as transport:
        transport.get(server.url, {}, Bearer("tok-1"), "GET /users")
    assert "kanarie" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("drip", DRIPS)
def test_a_server_that_drips_holds_nobody(drip: str) -> None:
    with dripping(*DRIPS[drip]) as host, Transport(SHORT) as transport:
        url = f"{'https' if drip == 'a handshake' else 'http'}://{host}/"
        attempts: tuple[Callable[[], object], ...] = (
            lambda: transport.get(url, {}, Bearer("tok-1"), "GET /users"),
            lambda: transport.request_token(url, "a", HTTPBasicAuth("b", "c"), "POST /token"),
        )
        for ask in attempts:
            started = time.monotonic()
            with pytest.raises(ZoomError):
                ask()
            assert time.monotonic() - started < PATIENCE


def test_a_proxy_that_drips_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping(*DRIPS["header bytes"]) as host, Transport(SHORT) as transport:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{host}")
        started = time.monotonic()
        with pytest.raises(ZoomError):
            transport.get("https://api.zoom.us/v2/users", {}, Bearer("tok-1"), "GET /users")
        assert time.monotonic() - started < PATIENCE


def test_what_connecting_took_is_not_there_for_the_answer() -> None:
    """One deadline: after it, not even a connection is started."""
    times = iter([0.0, 5.0, 5.0, 5.0])
    adapter = BoundedAdapter(pools(4.0, 1000, lambda: next(times)))
    with pytest.raises(ResponseTooSlow):
        sent(adapter, "GET", "http://127.0.0.1:9/")
    adapter.close()
