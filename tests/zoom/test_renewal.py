"""Tokens revoked early: how long they are replaced, and when renewal stops."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest
from responses import RequestsMock

from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import Counters, ZoomClient
from auditor.zoom.endpoints import ACCOUNT_SETTINGS, GROUPS, USER_SETTINGS
from auditor.zoom.errors import AuthenticationFailed, TokenRejected
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.renewal import Renewals
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Transport
from tests.zoom.conftest import Clock, Server

from .conftest import API, reply

SETTINGS = API + "/accounts/me/settings"
REFUSAL = {"code": 124, "message": "Invalid access token."}


def test_a_token_is_refused_from_the_beginning_and_the_app_or_the_address_is_named(
    client: ZoomClient, zoom: RequestsMock, clock: Clock
) -> None:
    zoom.get(SETTINGS, status=401, json=REFUSAL)
    with pytest.raises(AuthenticationFailed, match="just issued") as caught:
        client.get(ACCOUNT_SETTINGS)
    assert client.counters == Counters(requests=4, retries=3)
    assert (caught.value.status, caught.value.code) == (401, 124)
    assert "app of its own" in str(caught.value)
    assert "tok-" not in str(caught.value)
    assert sum(clock.slept) < 10


def test_a_request_gets_as_many_tokens_as_it_needs(
    client: ZoomClient, zoom: RequestsMock, clock: Clock
) -> None:
    zoom.get(API + "/groups", json={"groups": []})
    for _ in range(7):
        zoom.get(SETTINGS, status=401, json=REFUSAL)
    zoom.get(SETTINGS, json={"ok": True})
    client.get(GROUPS)
    assert client.get(ACCOUNT_SETTINGS) == {"ok": True}


def test_once_no_request_is_accepted_for_two_minutes_another_program_is_blamed(
    client: ZoomClient, zoom: RequestsMock, clock: Clock
) -> None:
    zoom.get(API + "/groups", json={"groups": []})
    zoom.get(SETTINGS, status=401, json=REFUSAL)
    client.get(GROUPS)
    with pytest.raises(TokenRejected):
        client.get(ACCOUNT_SETTINGS)  # this request alone, as far as anybody can tell
    clock.sleep(120)
    with pytest.raises(AuthenticationFailed, match="another program signs in with the same app"):
        client.get(ACCOUNT_SETTINGS)


def test_a_person_is_told_once_while_it_goes_on(
    client: ZoomClient, zoom: RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    zoom.get(API + "/groups", json={"groups": []})
    for _ in range(9):
        zoom.get(SETTINGS, status=401, json=REFUSAL)
    zoom.get(SETTINGS, json={})
    client.get(GROUPS)
    with caplog.at_level(logging.WARNING, "auditor"):
        client.get(ACCOUNT_SETTINGS)
    assert [record.message for record in caplog.records] == [
        "Zoom revokes this app's tokens early, as it does when another program signs in "
        "with the same app: give each program an app of its own in the Zoom App Marketplace. The "
        "audit continues with new tokens."
    ]


def test_waits_grow_differ_and_are_bounded() -> None:
    renewals = Renewals()
    assert [renewals.wait(tries, 1.0) for tries in range(1, 7)] == [0, 0.25, 0.5, 1.0, 2.0, 2.0]
    assert renewals.wait(5, 0.25) == 0.5


@pytest.mark.parametrize("good_for", [1, 3])
def test_forty_threads_come_through_with_tokens_that_are_good_for_a_few_requests(
    server: Server, good_for: int
) -> None:
    """Real sockets: every token is revoked after some requests, as by another program."""
    lock = threading.Lock()
    issued, left = 0, 0

    def respond(handler: BaseHTTPRequestHandler) -> None:
        nonlocal issued, left
        with lock:
            if handler.path == "/token":
                issued, left = issued + 1, good_for
                body, status = {"access_token": f"t{issued}", "expires_in": 3599}, 200
            elif handler.headers["Authorization"] == f"Bearer t{issued}" and left:
                left -= 1
                body, status = {"ok": True}, 200
            else:
                body, status = REFUSAL, 401
        reply(json.dumps(body).encode(), status)(handler)

    server.respond = respond
    transport = Transport()
    quick = RetryPolicy(sleep=lambda seconds: None)
    tokens = TokenSource(
        Credentials("a", "b", "c"), transport, token_url=server.url + "/token", retries=quick
    )
    limiter = RateLimiter(RatePlan.BUSINESS.limits, max_rate=5000, share=1)
    with (
        ZoomClient(server.url + "/v2", tokens, transport, limiter, retries=quick) as client,
        ThreadPoolExecutor(40) as threads,
    ):
        answers = [
            threads.submit(client.get, USER_SETTINGS, ids={"userId": str(number)})
            for number in range(60)
        ]
        assert [each.result() for each in answers] == [{"ok": True}] * 60
