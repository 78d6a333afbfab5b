import base64
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs

import pytest
import requests
import responses

from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.errors import AuthenticationFailed, Malformed, RateLimited, Transient
from auditor.zoom.hosts import UnsafeUrl
from auditor.zoom.transport import Transport
from tests.zoom.conftest import Clock, Server

from .conftest import SECRET, TOKEN_URL, give_tokens, reply, token_source


@pytest.fixture
def tokens(zoom: responses.RequestsMock, clock: Clock) -> TokenSource:
    return token_source(clock)


def refuse(zoom: responses.RequestsMock, status: int, body: dict[str, int | str]) -> None:
    zoom.post(TOKEN_URL, status=status, json=body)


def test_pasted_blanks_and_quotes_are_dropped() -> None:
    made = Credentials(' "abc" \n', "'id'", "\u201csecret\u201d\r\n")
    assert (made.account_id, made.client_id, made.client_secret) == ("abc", "id", "secret")


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(Credentials("a", "b", SECRET))


def test_the_token_request_is_a_form_with_basic_authentication(
    zoom: responses.RequestsMock, tokens: TokenSource
) -> None:
    give_tokens(zoom)
    assert tokens.token() == "tok-1"
    sent = zoom.calls[0].request
    credentials = base64.b64encode(f"client:{SECRET}".encode()).decode()
    assert sent.headers["Authorization"] == f"Basic {credentials}"
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.url == TOKEN_URL
    assert parse_qs(str(sent.body)) == {
        "grant_type": ["account_credentials"],
        "account_id": ["account"],
    }


def test_scopes_are_those_of_the_last_token(
    zoom: responses.RequestsMock, tokens: TokenSource
) -> None:
    assert tokens.scopes == frozenset()
    give_tokens(zoom, scope="user:read:admin role:read:admin")
    tokens.token()
    assert tokens.scopes == {"user:read:admin", "role:read:admin"}


def test_one_token_serves_until_a_minute_before_its_end(
    zoom: responses.RequestsMock, tokens: TokenSource, clock: Clock
) -> None:
    give_tokens(zoom)
    tokens.token()
    clock.sleep(3599 - 61)
    assert tokens.token() == "tok-1"
    clock.sleep(2)
    assert tokens.token() == "tok-2"


@pytest.mark.parametrize(
    ("expires_in", "good_for"),
    [
        (4, 3.6),
        ("4", 3.6),
        (300, 270),
        (None, 3540),
        (0, 3540),
        (-1, 3540),
        (True, 3540),
        ("soon", 3540),
    ],
)
def test_short_tokens_are_renewed_a_tenth_before_their_end(
    zoom: responses.RequestsMock,
    clock: Clock,
    expires_in: bool | int | str | None,
    good_for: float | int,
) -> None:
    for name in ("a", "b"):
        zoom.post(TOKEN_URL, json={"access_token": name, "expires_in": expires_in})
    tokens = token_source(clock)
    tokens.token()
    clock.time += good_for - 0.01
    assert tokens.token() == "a"
    clock.time += 0.02
    assert tokens.token() == "b"


def test_a_refused_token_is_renewed_once(zoom: responses.RequestsMock, tokens: TokenSource) -> None:
    give_tokens(zoom)
    assert tokens.renew(tokens.token()) == "tok-2"
    assert tokens.renew("tok-1") == "tok-2"
    assert len(zoom.calls) == 2


def test_ten_threads_with_the_same_stale_token_cause_one_request(
    server: Server, clock: Clock
) -> None:
    tokens = TokenSource(
        Credentials("a", "b", "c"), Transport(), token_url=server.url + "/token", clock=clock
    )
    count = 0

    def respond(handler: BaseHTTPRequestHandler) -> None:
        nonlocal count
        count += 1
        reply(f'{{"access_token": "t{count}"}}'.encode())(handler)

    server.respond = respond
    stale = tokens.token()
    start, got = threading.Barrier(10), []

    def work() -> None:
        start.wait()
        got.append(tokens.renew(stale))

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["t2"] * 10
    assert len(server.seen) == 2


def test_threads_that_waited_for_a_failure_share_it(server: Server, clock: Clock) -> None:
    tokens = TokenSource(Credentials("a", "b", "c"), Transport(), token_url=server.url, clock=clock)
    answered = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        answered.wait(2)
        reply(b'{"error": "invalid_client"}', 400)(handler)

    server.respond = respond
    failed = []

    def work() -> None:
        try:
            tokens.token()
        except AuthenticationFailed as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    while not server.seen:
        time.sleep(0.001)
    threading.Timer(0.05, answered.set).start()
    for thread in threads:
        thread.join()
    assert len(failed) == 5
    assert len(server.seen) == 1


def test_a_failure_is_forgotten_when_somebody_asks_anew(
    zoom: responses.RequestsMock, tokens: TokenSource
) -> None:
    refuse(zoom, 400, {"error": "invalid_client"})
    with pytest.raises(AuthenticationFailed):
        tokens.token()
    zoom.reset()
    give_tokens(zoom)
    assert tokens.token() == "tok-1"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (
            400,
            {"reason": "Invalid client_id or client_secret", "error": "invalid_client"},
            "secret",
        ),
        (
            401,
            {"reason": "Invalid client_id or client_secret", "error": "invalid_client"},
            "secret",
        ),
        (400, {"reason": "Bad Request", "error": "invalid_request"}, "account ID"),
        (400, {"reason": "unsupported grant type", "error": "unsupported_grant_type"}, "Server-to"),
        (400, {"code": 4717, "message": "The app has been disabled"}, "deactivated"),
        (400, {"reason": "The app has been disabled", "error": "invalid_request"}, "deactivated"),
        (400, {"code": 4704, "message": "Invalid client"}, "client secret is wrong"),
        (400, {"reason": "Something new", "error": "new_error"}, "issued no token"),
        (400, {}, "issued no token"),
    ],
)
def test_each_refusal_has_its_own_sentence(
    zoom: responses.RequestsMock,
    tokens: TokenSource,
    status: int,
    body: dict[str, int | str],
    says: str,
) -> None:
    refuse(zoom, status, body)
    with pytest.raises(AuthenticationFailed, match=says) as caught:
        tokens.token()
    assert caught.value.status == status
    assert len(zoom.calls) == 1


@pytest.mark.parametrize("status", [302, 404, 405])
def test_something_else_at_the_address_is_not_taken_for_zoom(
    zoom: responses.RequestsMock, tokens: TokenSource, status: int
) -> None:
    zoom.post(TOKEN_URL, status=status, body="<html>", headers={"Location": "https://evil.com"})
    with pytest.raises(AuthenticationFailed, match="not a Zoom token endpoint"):
        tokens.token()
    assert len(zoom.calls) == 1


def test_no_error_repeats_the_secret_even_when_the_answer_does(
    zoom: responses.RequestsMock, tokens: TokenSource
) -> None:
    refuse(zoom, 400, {"reason": f"client {SECRET} unknown", "error": "invalid_client"})
    with pytest.raises(AuthenticationFailed) as caught:
        tokens.token()
    assert SECRET not in str(caught.value) + repr(caught.value) + str(vars(caught.value))


def test_an_error_without_a_secret_to_hide_is_quoted_whole(
    zoom: responses.RequestsMock, clock: Clock
) -> None:
    refuse(zoom, 400, {"reason": "Bad Request"})
    with pytest.raises(AuthenticationFailed, match="Bad Request"):
        TokenSource(Credentials("", "", ""), Transport(), clock=clock).token()


def test_faults_that_pass_are_retried(
    zoom: responses.RequestsMock, tokens: TokenSource, clock: Clock
) -> None:
    zoom.post(TOKEN_URL, status=502, body="<html>")
    zoom.post(TOKEN_URL, status=429, headers={"Retry-After": "3"}, json={"code": 429})
    zoom.post(TOKEN_URL, body=requests.ConnectionError("x"))
    give_tokens(zoom)
    assert tokens.token() == "tok-1"
    assert clock.slept == [0.5, 3.0, 2.0]


@pytest.mark.parametrize(("status", "kind"), [(503, Transient), (429, RateLimited)])
def test_faults_that_stay_are_raised(
    zoom: responses.RequestsMock,
    tokens: TokenSource,
    status: int,
    kind: type[RateLimited] | type[Transient],
) -> None:
    zoom.post(TOKEN_URL, status=status)
    with pytest.raises(kind):
        tokens.token()
    assert len(zoom.calls) == 5


@pytest.mark.parametrize("token", [None, "", 5, "a b", "a\r\nX: y", "é"])
def test_an_answer_without_a_usable_token_is_malformed(
    zoom: responses.RequestsMock, tokens: TokenSource, token: int | str | None
) -> None:
    zoom.post(TOKEN_URL, json={"access_token": token})
    with pytest.raises(Malformed, match="no access token"):
        tokens.token()


def test_credentials_are_not_sent_to_strangers(clock: Clock) -> None:
    with pytest.raises(UnsafeUrl, match="ZOOM_OAUTH_URL"):
        TokenSource(Credentials("a", "b", "c"), Transport(), token_url="https://evil.com/token")
