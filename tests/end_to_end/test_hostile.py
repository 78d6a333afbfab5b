"""An API that means harm: the client stays within its time and memory, and keeps the token."""

import re
import socket
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.zoom import endpoints
from auditor.zoom.errors import Unreachable, ZoomError
from auditor.zoom.transport import Bearer, RequestBounds, Transport
from tests.dripping import PATIENCE
from tests.end_to_end.conftest import Auditor, slow
from tests.end_to_end.hostile_zoom import (
    BOMBS,
    GZIP,
    LARGE,
    LARGE_ENOUGH,
    OK,
    STRANGE,
    TOKEN,
    WITHOUT_END,
    Attack,
    Authority,
    Hostile,
    Recorder,
    bomb,
    client,
    hostile,
    recorder,
    whole,
)

TIME = 0.3
"""Seconds an answer may take in these tests; a minute in the program."""
LONGEST_SENTENCE = 600
MOST_MEMORY = 450
"""MiB at the highest, of which Python and the libraries are 60."""
CALM_END = re.compile(r"[.)]$")


def large(name: str) -> Attack:
    """An answer with one of the large bodies."""
    if name in BOMBS:
        return whole(BOMBS[name](), GZIP)
    return whole({**LARGE, **LARGE_ENOUGH}[name]())


def refused(server: Hostile, bounds: RequestBounds | None = None) -> str:
    """The sentence in which a read ends."""
    with client(server, bounds) as reader, pytest.raises(ZoomError) as caught:
        reader.get(endpoints.ACCOUNT_SETTINGS)
    return str(caught.value)


def is_clear(sentence: str) -> bool:
    """One line that names the request and ends, without anything a terminal would obey."""
    return (
        sentence.isprintable()
        and len(sentence) < LONGEST_SENTENCE
        and "/accounts/me/settings" in sentence
        and CALM_END.search(sentence) is not None
        and TOKEN not in sentence
    )


@pytest.mark.parametrize("name", WITHOUT_END)
def test_an_answer_without_end_ends(name: str) -> None:
    with hostile(WITHOUT_END[name]) as server:
        started = time.monotonic()
        sentence = refused(server, RequestBounds(total=TIME, silence=TIME / 2))
        took = time.monotonic() - started
    assert took < PATIENCE
    assert is_clear(sentence), sentence


@pytest.mark.parametrize("name", [*LARGE, *map(slow, BOMBS)])
def test_a_large_answer_is_refused_in_a_sentence(name: str) -> None:
    with hostile(large(name)) as server:
        started = time.monotonic()
        sentence = refused(server, RequestBounds(total=20))
        assert time.monotonic() - started < 20
    assert is_clear(sentence), sentence


def test_an_answer_that_only_says_it_is_large_is_waited_for_no_longer_than_another() -> None:
    announced = whole(b"", OK + b"Content-Length: 999999999999\r\n")
    with hostile(announced) as server:
        assert is_clear(refused(server, RequestBounds(total=TIME)))


@pytest.mark.parametrize(
    "name",
    [each if each in ("most values", "wide text") else slow(each) for each in LARGE_ENOUGH],
)
def test_the_most_expensive_answer_within_all_bounds_is_read_in_seconds(name: str) -> None:
    with hostile(large(name)) as server, client(server) as reader:
        started = time.monotonic()
        assert reader.get(endpoints.ACCOUNT_SETTINGS)
        assert time.monotonic() - started < 20


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_answer_is_refused_in_a_sentence(name: str) -> None:
    with hostile(STRANGE[name]) as server:
        sentence = refused(server)
    assert is_clear(sentence), sentence


MEASURED = """
import sys, threading
from pathlib import Path
from tests.end_to_end.hostile_zoom import Hostile, client
from auditor.zoom import endpoints
from auditor.zoom.errors import ZoomError

server = Hostile(None, port=int(sys.argv[1]))
def read():
    try:
        reader.get(endpoints.ACCOUNT_SETTINGS)
    except ZoomError:
        pass
with client(server) as reader:
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""
"""Prints the most memory its process ever had, in MiB."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no Linux: no /proc")
@pytest.mark.parametrize(
    "name",
    [slow("gzip bomb"), slow("too large"), "many objects", slow("most values"), slow("wide text")],
)
def test_eight_large_answers_at_once_stay_within_memory(name: str) -> None:
    with hostile(large(name)) as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(server.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert int(done.stdout) < MOST_MEMORY


@pytest.fixture
def lure() -> Iterator[Recorder]:
    with recorder() as made:
        yield made


def redirect(place: str, status: int) -> Attack:
    head = f"HTTP/1.1 {status} Moved\r\nContent-Type: application/json\r\n".encode()
    return whole(b"{}", head, f"Location: {place}", f"Refresh: 0; url={place}")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_a_redirect_takes_the_token_nowhere(status: int, lure: Recorder) -> None:
    with hostile(redirect(f"http://{lure.address}/v2/accounts/me/settings", status)) as server:
        assert "redirect" in refused(server)
    assert lure.heard == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_the_token_endpoint_takes_the_credentials_nowhere(
    status: int, lure: Recorder
) -> None:
    away = redirect(f"http://{lure.address}/oauth/token", status)
    with (
        hostile(whole(b"{}"), token_attack=away) as server,
        client(server) as reader,
        pytest.raises(ZoomError, match="ZOOM_OAUTH_URL"),
    ):
        reader.authenticate()
    assert lure.heard == []


@pytest.mark.parametrize(
    "headers",
    [
        ('Alt-Svc: h2="{lure}"; ma=99999',),
        ("Link: <http://{lure}/x>; rel=preload", "Content-Location: http://{lure}/x"),
        ("Content-Security-Policy-Report-Only: default-src x; report-uri http://{lure}/",),
        ('NEL: {{"report_to":"x"}}', 'Report-To: {{"url":"http://{lure}/"}}'),
    ],
    ids=["Alt-Svc", "Link", "CSP", "NEL"],
)
def test_no_header_leads_anywhere(headers: tuple[str, ...], lure: Recorder) -> None:
    lines = [line.format(lure=lure.address) for line in headers]
    with hostile(whole(b'{"a": true}', OK, *lines)) as server, client(server) as reader:
        assert reader.get(endpoints.ACCOUNT_SETTINGS) == {"a": True}
    assert lure.heard == []


def test_another_host_in_the_token_answer_is_not_asked(lure: Recorder) -> None:
    told = {"api_url": f"http://{lure.address}", "scope": f"http://{lure.address}"}
    with hostile(whole(b'{"a": true}'), token_answer=told) as server, client(server) as reader:
        assert reader.get(endpoints.ACCOUNT_SETTINGS) == {"a": True}
        assert any(f"Bearer {TOKEN}".encode() in heard for heard in server.heard)
    assert lure.heard == []


def test_another_host_in_a_page_token_or_an_id_is_not_asked(lure: Recorder) -> None:
    page = b'{"users":[{"id":"@LURE/../..//LURE?x#y"}],"next_page_token":"http://LURE/"}'
    page = page.replace(b"LURE", lure.address.encode())
    with hostile(whole(page)) as server, client(server) as reader:
        rows = reader.items(endpoints.USERS)
        row = next(rows)
        with pytest.raises(ZoomError):
            list(rows)
        reader.get(endpoints.USER_SETTINGS, ids={"userId": str(row["id"])})
        asked = server.heard[-1].split(b" ")[1]
    assert asked.startswith(b"/v2/users/%2540127.0.0.1")
    assert asked.endswith(b"/settings")
    assert asked.count(b"/") == 4
    assert lure.heard == []


def test_a_cookie_is_never_sent_back() -> None:
    cookies = ("Set-Cookie: a=b; Path=/; Domain=127.0.0.1", "Set-Cookie: c=d; Max-Age=999")
    with hostile(whole(b'{"a": true}', OK, *cookies)) as server, client(server) as reader:
        for _ in range(3):
            reader.get(endpoints.ACCOUNT_SETTINGS)
        assert len(server.heard) == 4
        assert not any(b"cookie" in heard.lower() for heard in server.heard)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.new(tmp_path)


@pytest.fixture
def _zoom_is_here(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    """Names of Zoom lead to this machine, and the authority is the one that is trusted."""
    real = socket.getaddrinfo

    def here(host: str, *rest: Any, **named: Any) -> object:
        local = "127.0.0.1" if host.endswith("zoom.us") else host
        return real(local, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def ask(server: Hostile) -> bytes:
    """What comes of a request with a token to a name of Zoom's."""
    with Transport(RequestBounds(connect=3)) as transport:
        url = f"https://api.zoom.us:{server.port}/v2/users"
        return transport.get(url, {}, Bearer(TOKEN), "GET /users").body


@pytest.mark.usefixtures("_zoom_is_here")
def test_a_good_certificate_is_trusted(authority: Authority) -> None:
    """Else the next tests would show nothing."""
    with hostile(whole(b"{}"), authority.context("api.zoom.us")) as server:
        assert ask(server) == b"{}"
        assert f"Bearer {TOKEN}".encode() in server.heard[0]


def bad(kind: str, authority: Authority, folder: Path) -> ssl.SSLContext:
    match kind:
        case "expired":
            return authority.context("api.zoom.us", days=(-3, -1))
        case "not yet valid":
            return authority.context("api.zoom.us", days=(1, 3))
        case "another host":
            return authority.context("evil.example")
        case "a host that ends alike":
            return authority.context("api.zoom.us.evil.example")
        case "self-signed":
            return authority.context("api.zoom.us", self_signed=True)
        case "unknown authority":
            return Authority.new(folder, "Somebody else").context("api.zoom.us")
    context = authority.context("api.zoom.us")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.usefixtures("_zoom_is_here")
@pytest.mark.parametrize(
    "kind",
    [
        *("expired", "not yet valid", "another host", "a host that ends alike", "self-signed"),
        *("unknown authority", "TLS of 2006"),
    ],
)
def test_a_bad_certificate_gets_no_token(kind: str, authority: Authority, tmp_path: Path) -> None:
    with hostile(whole(b"{}"), bad(kind, authority, tmp_path)) as server:
        with pytest.raises(Unreachable, match="no trusted TLS connection") as caught:
            ask(server)
        assert not caught.value.worth_retrying
    assert server.heard == []


@pytest.mark.usefixtures("_zoom_is_here")
def test_https_is_never_left_for_http(authority: Authority, lure: Recorder) -> None:
    down = redirect(f"http://{lure.address}/v2/users", 307)
    with hostile(down, authority.context("api.zoom.us")) as server:
        assert ask(server) == b"{}"
        assert len(server.heard) == 1
    assert lure.heard == []


@pytest.mark.usefixtures("_zoom_is_here")
def test_no_variable_switches_verification_off(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONHTTPSVERIFY", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "0" if name == "PYTHONHTTPSVERIFY" else "")
    with (
        hostile(whole(b"{}"), authority.context("evil.example")) as server,
        pytest.raises(Unreachable),
    ):
        ask(server)
    assert server.heard == []


@pytest.mark.parametrize("name", ["headers drip", "header line drips", "interim answers"])
def test_a_proxy_that_never_opens_its_tunnel_gets_no_token(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(WITHOUT_END[name]) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.origin)
        monkeypatch.setenv("NO_PROXY", "")
        started = time.monotonic()
        with (
            Transport(RequestBounds(total=TIME, connect=TIME)) as transport,
            pytest.raises(ZoomError) as caught,
        ):
            transport.get("https://api.zoom.us/v2/users", {}, Bearer(TOKEN), "GET /users")
        assert time.monotonic() - started < PATIENCE
    assert str(caught.value).isprintable()
    assert [heard.split(b" ")[0] for heard in server.heard] == [b"CONNECT"]
    assert TOKEN.encode() not in b"".join(server.heard)


QUICK = {
    "gzip bomb": "larger than",
    "deep objects": "nested too deeply",
    "many objects": "more than 400,000 values",
    "headers flood": "headers are too many",
    "no HTTP": "not valid HTTP",
    "brotli": "encoded as br",
}
"""Attacks that are over at once, and the key words of the sentence."""


@pytest.mark.parametrize(
    "name", [each if each in ("deep objects", "no HTTP") else slow(each) for each in QUICK]
)
def test_the_command_ends_with_a_sentence(name: str, tmp_path: Path) -> None:
    known = {**WITHOUT_END, **STRANGE}
    with hostile(known[name] if name in known else large(name)) as server:
        started = time.monotonic()
        ran = Auditor(tmp_path, server).audit("--baseline", "strict", "-o", "night.json")
    assert time.monotonic() - started < 60
    assert ran.code == 4, ran.err
    assert QUICK[name] in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "night.json").exists()
    assert TOKEN not in ran.err + ran.out


def test_the_command_follows_no_redirect(tmp_path: Path, lure: Recorder) -> None:
    with hostile(redirect(f"http://{lure.address}/", 302)) as server:
        ran = Auditor(tmp_path, server).audit("--baseline", "strict", "-vv")
    assert ran.code == 4
    assert "is a redirect, which is not followed because the token would go along" in ran.err
    assert lure.heard == []


def test_what_attacks_are_for_is_known_to_work() -> None:
    """Each of the endless ones goes on, and the bomb is small and unpacks to what it says."""
    assert len(bomb(64 * 1024 * 1024)) < 100_000
    for attack in WITHOUT_END.values():
        if attack is WITHOUT_END["silence"]:
            continue
        sent: list[bytes] = []

        def send(data: bytes, sent: list[bytes] = sent) -> None:
            if len(sent) >= 20:
                raise BrokenPipeError
            sent.append(data)

        with pytest.raises(BrokenPipeError):
            attack(send)
