"""The heartbeat arrives, reports the result, and keeps its address secret."""

import time
from pathlib import Path

import pytest

from auditor.notify.channels import NotifyError
from auditor.notify.heartbeat import HeartbeatSignal, PingResult, check, ping, signal_for
from tests.dripping import DRIPS, PATIENCE, dripping
from tests.notify.receivers import closed_port, webhook

SECRET = "T0kEnThatNobodyMaySee"


@pytest.mark.parametrize(
    ("code", "beat"),
    [
        (0, HeartbeatSignal.ALIVE),
        (1, HeartbeatSignal.ALIVE),
        (2, HeartbeatSignal.FAILED),
        (3, HeartbeatSignal.FAILED),
        (4, HeartbeatSignal.FAILED),
        (5, HeartbeatSignal.FAILED),
        (130, HeartbeatSignal.FAILED),
    ],
)
def test_an_audit_that_evaluated_everything_is_alive(code: int, beat: HeartbeatSignal) -> None:
    assert signal_for(code) is beat


def test_the_address_is_called() -> None:
    with webhook() as hook:
        assert ping(f"http://{hook.host}/{SECRET}?a=b", HeartbeatSignal.ALIVE) == PingResult(
            arrived=True
        )
    assert [(method, path) for method, path, _ in hook.seen] == [("GET", f"/{SECRET}?a=b")]


def test_a_failure_is_called_behind_the_path() -> None:
    with webhook() as hook:
        ping(f"http://{hook.host}/{SECRET}/?a=b#c", HeartbeatSignal.FAILED)
    assert hook.paths == [f"/{SECRET}/fail?a=b"]


def test_it_is_tried_once_more() -> None:
    with webhook(503, 200) as hook:
        assert ping(f"http://{hook.host}/{SECRET}", HeartbeatSignal.ALIVE, pause=0.01).arrived
    assert len(hook.seen) == 2


@pytest.mark.parametrize(("code", "expected"), [(500, "HTTP 500"), (302, "HTTP 302")])
def test_a_refusal_is_reported_and_tried_no_further(code: int, expected: str) -> None:
    with webhook(code) as hook:
        heard = ping(f"http://{hook.host}/{SECRET}", HeartbeatSignal.ALIVE, pause=0.01)
    assert not heard.arrived
    assert expected in heard.reason
    assert SECRET not in heard.reason
    assert len(hook.seen) == 2


def test_nobody_there_is_reported() -> None:
    heard = ping(f"http://127.0.0.1:{closed_port()}/{SECRET}", HeartbeatSignal.ALIVE, pause=0.01)
    assert heard == PingResult(arrived=False, reason="It could not be reached.")


def test_a_slow_service_is_abandoned() -> None:
    with webhook(delay=2 * PATIENCE) as hook:
        begun = time.monotonic()
        heard = ping(f"http://{hook.host}/{SECRET}", HeartbeatSignal.ALIVE, timeout=0.1, pause=0.01)
        assert time.monotonic() - begun < PATIENCE
    assert heard.reason == "It did not answer within 0.1 seconds."


@pytest.mark.parametrize("drip", DRIPS)
def test_a_service_that_drips_holds_nobody(drip: str) -> None:
    scheme = "https" if drip == "a handshake" else "http"
    with dripping(*DRIPS[drip]) as host:
        begun = time.monotonic()
        heard = ping(f"{scheme}://{host}/{SECRET}", HeartbeatSignal.ALIVE, timeout=0.4, pause=0.01)
        assert time.monotonic() - begun < PATIENCE
    assert heard.arrived is (drip in ("body bytes", "chunks"))  # its status came at once
    assert SECRET not in heard.reason


def test_no_login_of_the_home_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    with webhook() as hook:
        assert ping(f"http://{hook.host}/{SECRET}", HeartbeatSignal.ALIVE).arrived
    assert hook.logins == [""]


def test_a_certificate_that_is_not_trusted_is_reported() -> None:
    with webhook() as hook:
        heard = ping(f"https://{hook.host}/{SECRET}", HeartbeatSignal.ALIVE, pause=0.01)
    assert "no encrypted connection could be made" in heard.reason


@pytest.mark.parametrize(
    "url",
    [
        "",
        SECRET,
        f"ftp://example.com/{SECRET}",
        f"https:///{SECRET}",
        f"https://exa mple.com/{SECRET}",
        f"https://example.com:x/{SECRET}",
        f"http://[::1]evil.example/{SECRET}",
        f"https://127.0.0.1@evil.example/{SECRET}",
        f"https://example.com\uff0eevil.example/{SECRET}",
        f"http://example.com/{SECRET}",
    ],
)
def test_an_address_that_cannot_be_called_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(NotifyError) as refused:
        check(url)
    assert SECRET not in str(refused.value)
    assert not ping(url, HeartbeatSignal.ALIVE).arrived
