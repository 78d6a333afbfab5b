"""The probe: real connections to this machine, with every failure."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.zoom.probe import ProbeFailure, Route, probe, route_to
from tests.certificates import Authority, server_context, serving
from tests.dripping import DRIPS, PATIENCE, dripping

TIMEOUT = 3.0


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A bare socket; `answer` deals with the first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]


@pytest.fixture
def authority() -> Authority:
    return Authority.called("Acme Inspection CA")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_trusted_host_shows_its_version_and_who_vouches_for_it(
    tmp_path: Path, authority: Authority
) -> None:
    with serving(server_context(tmp_path, authority)) as server:
        made = probe(server.url, Route(verify=str(authority.saved(tmp_path))))
    assert made.failure is None
    assert (made.status, made.tls) == (404, "TLSv1.3")
    assert made.certificate is not None
    assert made.certificate.issuer == "Acme Inspection CA"
    assert made.certificate.until > datetime.now(UTC) + timedelta(days=80)


def test_the_probe_carries_no_credentials(tmp_path: Path, authority: Authority) -> None:
    with serving(server_context(tmp_path, authority)) as server:
        probe(server.url, Route(verify=str(authority.saved(tmp_path))))
    assert server.requests == ["HEAD /v2 None"]


@pytest.mark.parametrize(
    ("failure", "signed"), [(ProbeFailure.SELF_SIGNED, False), (ProbeFailure.ISSUER, True)]
)
def test_a_stranger_is_named_and_told_nothing(
    tmp_path: Path, authority: Authority, failure: ProbeFailure, signed: bool
) -> None:
    context = server_context(tmp_path, authority if signed else None)
    with serving(context) as server:
        result = probe(server.url, Route())
    assert result.failure is failure
    assert result.certificate is not None
    assert result.certificate.issuer == ("Acme Inspection CA" if signed else "127.0.0.1")
    assert server.requests == []


@pytest.mark.parametrize(
    ("failure", "how"),
    [
        (ProbeFailure.HOSTNAME, {"host": "zoom.us"}),
        (ProbeFailure.HOSTNAME, {"host": "127.0.0.2"}),
        (ProbeFailure.EXPIRED, {"until": timedelta(days=-1)}),
        (ProbeFailure.NOT_YET, {"since": timedelta(days=1)}),
    ],
)
def test_a_certificate_that_does_not_hold_is_told_apart(
    tmp_path: Path, authority: Authority, failure: ProbeFailure, how: dict[str, Any]
) -> None:
    with serving(server_context(tmp_path, authority, **how)) as server:
        result = probe(server.url, Route(verify=str(authority.saved(tmp_path))))
    assert result.failure is failure
    assert result.failure.is_tls
    assert server.requests == []


def test_a_host_that_speaks_no_tls_is_a_tls_trouble() -> None:
    with serving(None) as server:
        assert probe(server.url, Route()).failure is ProbeFailure.TLS


def test_a_closed_port_refuses() -> None:
    assert probe(f"https://127.0.0.1:{closed_port()}/", Route()).failure is ProbeFailure.REFUSED


def test_an_unknown_name_is_one() -> None:
    assert probe("https://no-such-host.invalid/", Route()).failure is ProbeFailure.NAME


def test_a_host_that_never_answers_is_silent() -> None:
    done = threading.Event()
    with listening(lambda _: done.wait(5)) as port:
        result = probe(f"http://127.0.0.1:{port}/", Route(), timeout=0.2)
        done.set()
    assert result.failure is ProbeFailure.SILENT


@pytest.mark.parametrize("drip", DRIPS)
def test_a_host_that_drips_holds_nobody(drip: str) -> None:
    scheme = "https" if drip == "a handshake" else "http"
    with dripping(*DRIPS[drip]) as host:
        started = time.monotonic()
        result = probe(f"{scheme}://{host}/", Route(), timeout=0.3)
        assert time.monotonic() - started < PATIENCE
    answered = drip in ("body bytes", "chunks")  # no body was asked for
    assert result.failure is (None if answered else ProbeFailure.SILENT)


def test_a_connection_that_is_cut_is_broken() -> None:
    with listening(lambda connection: connection.close()) as port:
        result = probe(f"http://127.0.0.1:{port}/", Route(), timeout=TIMEOUT)
    assert result.failure is ProbeFailure.BROKEN


def test_a_proxy_that_is_not_there_is_named() -> None:
    route = Route(f"http://127.0.0.1:{closed_port()}")
    assert probe("https://api.zoom.us/v2", route).failure is ProbeFailure.PROXY


def test_a_proxy_that_wants_a_password_is_told_apart() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"

    def refuse(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(refusal)

    with listening(refuse) as port:
        result = probe("https://api.zoom.us/v2", Route(f"http://127.0.0.1:{port}"))
    assert result.failure is ProbeFailure.PROXY_LOGIN


def test_a_missing_bundle_is_not_taken_for_a_broken_connection() -> None:
    route = Route(verify="/nowhere/bundle.pem")
    assert probe("https://127.0.0.1:1/", route).failure is ProbeFailure.CA_FILE


@pytest.mark.parametrize("seconds", [-3600, 0, 95])
def test_the_clock_of_the_other_side_is_compared(seconds: int) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=seconds)
    with serving(None, format_datetime(theirs, usegmt=True)) as server:
        result = probe(server.url.replace("https", "http"), Route())
    assert result.ahead == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_a_date_nothing_is_said_of_the_clock(date: str | None) -> None:
    with serving(None, date) as server:
        assert probe(server.url.replace("https", "http"), Route()).ahead is None


def test_a_proxy_is_shown_without_its_password() -> None:
    route = Route("http://user:s3cret@proxy.example.com:8080")
    assert route.shown_proxy == "http://proxy.example.com:8080"
    assert "s3cret" not in repr(route)


def test_the_environment_says_which_way_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:8080")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/acme.pem")
    assert route_to("https://api.zoom.us/v2") == Route(
        "http://proxy.example.com:8080", "/etc/acme.pem"
    )
    assert route_to("https://127.0.0.1:1/v2") == Route("", "/etc/acme.pem")
    monkeypatch.setenv("NO_PROXY", "zoom.us")
    assert route_to("https://api.zoom.us/v2").proxy == ""
