import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from requests.auth import HTTPBasicAuth
from requests.exceptions import ProxyError

from auditor import __version__
from auditor.zoom.errors import Malformed, TooMuch, Transient, Unreachable
from auditor.zoom.transport import Bearer, RequestBounds, Response, Transport
from tests.dripping import PATIENCE
from tests.zoom.conftest import Server

from .conftest import API, reply

REQUEST = "GET /users"
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport() as made:
        yield made


def sent_with(call: responses.Call) -> dict[str, Any]:
    """What the session was called with, which the mock adds to the request."""
    arguments: dict[str, Any] = vars(call.request)["req_kwargs"]
    return arguments


def get(transport: Transport, url: str, params: dict[str, str] | None = None) -> Response:
    return transport.get(url, params or {}, Bearer("tok-1"), REQUEST)


def test_an_answer_has_status_headers_and_body(server: Server, transport: Transport) -> None:
    server.respond = reply(b'{"a": 1}', 404, x_zm_trackingid="rid=1")
    answer = get(transport, server.url, {"option": "a b"})
    assert (answer.status, answer.body, answer.tracking_id) == (404, b'{"a": 1}', "rid=1")
    assert answer.content_type == "application/json"
    assert server.seen[0][1] == "/?option=a+b"


def test_what_is_sent_says_who_asks_and_accepts_json_only(
    server: Server, transport: Transport
) -> None:
    server.respond = reply(b"{}")
    get(transport, server.url)
    method, _, headers, _ = server.seen[0]
    assert method == "GET"
    assert headers["Accept"] == "application/json"
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["User-Agent"] == f"zoom-privacy-auditor/{__version__}"
    assert headers["Authorization"] == "Bearer tok-1"


def test_a_token_is_asked_for_with_the_one_form_that_is_ever_posted(
    server: Server, transport: Transport
) -> None:
    server.respond = reply(b"{}")
    transport.request_token(server.url, "b c", HTTPBasicAuth("u", "p"), REQUEST)
    assert server.seen[0][0] == "POST"
    assert server.seen[0][3] == b"grant_type=account_credentials&account_id=b+c"


def test_one_thread_keeps_one_connection(server: Server, transport: Transport) -> None:
    server.respond = reply(b"{}" * 50_000)
    for _ in range(3):
        get(transport, server.url)
    assert len(server.connections) == 1


def test_requests_at_the_same_time_do_not_wait_for_one_connection(
    server: Server, transport: Transport
) -> None:
    together = threading.Barrier(3, timeout=5)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        together.wait()
        reply(b"{}")(handler)

    server.respond = respond
    threads = [threading.Thread(target=get, args=(transport, server.url)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.connections) == 3


def test_after_closing_a_new_connection_is_made(server: Server, transport: Transport) -> None:
    server.respond = reply(b"{}")
    get(transport, server.url)
    transport.close()
    get(transport, server.url)
    assert len(server.connections) == 2


def test_a_redirect_is_not_followed(server: Server, transport: Transport) -> None:
    server.respond = reply(b"", 302, Location=server.url + "/elsewhere")
    assert get(transport, server.url + "/first").status == 302
    assert [path for _, path, _, _ in server.seen] == ["/first"]


def test_no_cookie_is_kept(server: Server, transport: Transport) -> None:
    server.respond = reply(b"{}", Set_Cookie="session=1; Path=/")
    get(transport, server.url)
    get(transport, server.url)
    assert "Cookie" not in server.seen[1][2]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "netrc"
    file.write_text("default login other password other\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


def test_netrc_does_not_replace_our_authorization(
    server: Server, transport: Transport, netrc: None
) -> None:
    server.respond = reply(b"{}")
    get(transport, server.url)
    assert server.seen[0][2]["Authorization"] == "Bearer tok-1"


def test_netrc_does_not_replace_our_authorization_towards_zoom_either(
    transport: Transport, netrc: None
) -> None:
    with responses.RequestsMock() as mock:
        mock.get(API, json={})
        get(transport, API)
        assert mock.calls[0].request.headers["Authorization"] == "Bearer tok-1"


def test_this_machine_is_never_asked_through_a_proxy(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    server.respond = reply(b"{}")
    assert get(transport, server.url).status == 200


def test_a_proxy_from_the_environment_is_used_for_zoom(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(Unreachable, match="HTTPS_PROXY"):
        get(transport, API)


def test_compressed_answers_are_unpacked(server: Server, transport: Transport) -> None:
    packed = gzip.compress(b'{"a": "' + b"x" * 100_000 + b'"}')
    server.respond = reply(packed, Content_Encoding="gzip")
    assert len(get(transport, server.url).body) == 100_009


def test_an_answer_in_chunks_is_read_whole(server: Server, transport: Transport) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (b'{"a"', b": 1}", b""):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    server.respond = respond
    assert get(transport, server.url).body == b'{"a": 1}'


def test_an_answer_over_the_size_bound_is_not_read_to_its_end(server: Server) -> None:
    server.respond = reply(b"x" * 200_000)
    with pytest.raises(TooMuch, match="larger than 100,000 bytes"):
        get(Transport(RequestBounds(size=100_000)), server.url)


def test_a_bomb_is_stopped_while_it_unpacks(server: Server) -> None:
    server.respond = reply(gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip")
    with pytest.raises(TooMuch, match="larger than"):
        get(Transport(RequestBounds(size=1_000_000)), server.url)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_encoding_that_was_not_asked_for_is_refused(
    server: Server, transport: Transport, encoding: str
) -> None:
    server.respond = reply(b"xx", Content_Encoding=encoding)
    with pytest.raises(Malformed, match="encoded as"):
        get(transport, server.url)


def test_broken_compression_is_asked_for_again(server: Server, transport: Transport) -> None:
    server.respond = reply(b"not gzip at all", Content_Encoding="gzip")
    with pytest.raises(Transient):
        get(transport, server.url)


def test_compression_that_breaks_off_gives_no_complete_document(
    server: Server, transport: Transport
) -> None:
    packed = zlib.compressobj(wbits=31)
    half = packed.compress(b'{"a": 1, "b": 2}') + packed.flush(zlib.Z_SYNC_FLUSH)
    server.respond = reply(half, Content_Encoding="gzip")
    assert get(transport, server.url).body in (b"", b'{"a": 1, "b": 2}')


def test_an_answer_shorter_than_announced_is_transient(
    server: Server, transport: Transport
) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b'{"a": 1}')
        handler.close_connection = True

    server.respond = respond
    with pytest.raises(Transient, match="broke"):
        get(transport, server.url)


def test_chunks_that_break_off_are_transient(server: Server, transport: Transport) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"8\r\n" + b'{"a": 1}' + b"\r\n")
        handler.close_connection = True

    server.respond = respond
    with pytest.raises(Transient, match="broke"):
        get(transport, server.url)


def test_a_connection_closed_without_answer_is_transient(
    server: Server, transport: Transport
) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    server.respond = respond
    with pytest.raises(Transient, match="broke"):
        get(transport, server.url)


def test_a_drip_of_bytes_ends_at_the_total_bound(server: Server) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10000")
        handler.end_headers()
        for _ in range(6_000):
            handler.wfile.write(b" ")
            time.sleep(0.01)

    server.respond = respond
    started = time.monotonic()
    with pytest.raises(Transient, match=r"within 0\.1 s"):
        get(Transport(RequestBounds(total=0.1)), server.url)
    assert time.monotonic() - started < PATIENCE


def test_silence_is_transient(server: Server) -> None:
    hold = threading.Event()
    server.respond = lambda handler: hold.wait(1)
    with pytest.raises(Transient, match="stopped responding"):
        get(Transport(RequestBounds(silence=0.05)), server.url)
    hold.set()


def test_silence_within_the_body_is_transient(server: Server) -> None:
    hold = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        hold.wait(1)

    server.respond = respond
    with pytest.raises(Transient, match="stopped responding"):
        get(Transport(RequestBounds(silence=0.05)), server.url)
    hold.set()


def test_a_refused_connection_says_what_to_check(transport: Transport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match="Check the network, DNS") as caught:
            get(transport, url)
    assert caught.value.worth_retrying
    assert "GET /users" in str(caught.value)


def proxy_says(line: str) -> ProxyError:
    return requests.exceptions.ProxyError(f"OSError('Tunnel connection failed: {line}')")


@pytest.mark.parametrize(
    ("cause", "says", "again"),
    [
        (requests.exceptions.SSLError("bad certificate"), "TLS", False),
        (requests.exceptions.ProxyError("refused"), "proxy could not be reached", True),
        (proxy_says("407 Proxy Authentication Required"), "user name and a password", False),
        (proxy_says("403 Forbidden"), r"proxy refused \(HTTP 403\)", False),
        (proxy_says("502 Bad Gateway"), r"proxy refused \(HTTP 502\)", True),
        (requests.exceptions.ConnectTimeout("slow"), "in time", True),
        (requests.exceptions.ConnectionError("Name or service not known"), "DNS", True),
        (requests.exceptions.InvalidProxyURL("bad"), "InvalidProxyURL", False),
        (OSError("invalid path: /nowhere.pem"), "REQUESTS_CA_BUNDLE", False),
        (
            OSError("no suitable TLS CA certificate bundle"),
            "there are no certificates where REQUESTS_CA",
            False,
        ),
    ],
)
def test_each_way_of_not_getting_through_has_its_advice(
    transport: Transport, cause: OSError, says: str, again: bool
) -> None:
    with responses.RequestsMock() as mock:
        mock.get(API, body=cause)
        with pytest.raises(Unreachable, match=says) as caught:
            get(transport, API)
    assert caught.value.worth_retrying is again
    assert caught.value.__cause__ is cause


def test_a_certificate_nobody_vouches_for_is_refused(transport: Transport) -> None:
    """A TLS server without a certificate: the handshake fails and nothing is sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                context.wrap_socket(connection, server_side=True)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(Unreachable, match="TLS"):
        get(transport, f"https://127.0.0.1:{listener.getsockname()[1]}")
    thread.join()
    listener.close()


def test_the_token_is_not_shown() -> None:
    assert "tok-1" not in repr(Bearer("tok-1"))


def test_verification_of_certificates_cannot_be_switched_off_from_outside(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CERTIFICATES:
        monkeypatch.setenv(name, "")
    with responses.RequestsMock() as mock:
        mock.get(API, json={})
        get(transport, API)
        assert sent_with(mock.calls[0])["verify"] is True


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_named_in_the_environment_are_used(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for each in CERTIFICATES:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "/nowhere/own.pem")
    with pytest.raises(Unreachable, match="REQUESTS_CA_BUNDLE") as caught:
        get(transport, API)
    assert "/nowhere/own.pem" in str(caught.value.__cause__)


def test_no_proxy_in_the_environment_is_kept(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "zoom.us")
    with responses.RequestsMock() as mock:
        mock.get(API, json={})
        get(transport, API)
        assert "https" not in sent_with(mock.calls[0])["proxies"]


def test_each_host_has_its_own_proxy(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "zoomgov.com")
    with responses.RequestsMock() as mock:
        for host in ("https://api.zoom.us/v2", "https://api.zoomgov.com/v2"):
            mock.get(host, json={})
            get(transport, host)
        assert ["https" in sent_with(call)["proxies"] for call in mock.calls] == [
            True,
            False,
        ]
