import json
import logging
import math
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import responses
from requests import PreparedRequest

from auditor.redaction.text import REDACTED
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import Counters, ZoomClient, connect, path
from auditor.zoom.endpoints import (
    ACCOUNT_SETTINGS,
    GROUPS,
    MEETING,
    USER_SETTINGS,
    USERS,
)
from auditor.zoom.errors import (
    Denied,
    Malformed,
    NotLicensed,
    RateLimited,
    ScopeMissing,
    Transient,
    Unreachable,
    ZoomError,
)
from auditor.zoom.hosts import GOVERNMENT, UnsafeUrl
from auditor.zoom.limits import RateLabel, RateLimiter, RatePlan
from auditor.zoom.transport import Transport
from tests.zoom.conftest import Clock, Server

from .conftest import API, SECRET, TOKEN_URL, reply, token_source

SETTINGS = API + "/accounts/me/settings"
USERS_URL = API + "/users"


def test_a_document_comes_without_its_secrets(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(SETTINGS, json={"schedule_meeting": {"pmi_password": "x"}, "in_meeting": {"a": True}})
    assert client.get(ACCOUNT_SETTINGS) == {
        "schedule_meeting": {"pmi_password": REDACTED},
        "in_meeting": {"a": True},
    }


def test_parameters_and_the_token_are_sent(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(SETTINGS, json={"meeting_security": {}})
    client.get(ACCOUNT_SETTINGS, params={"option": "meeting_security"})
    sent = zoom.calls[-1].request
    assert str(sent.url).endswith("/accounts/me/settings?option=meeting_security")
    assert sent.headers["Authorization"] == "Bearer tok-1"


@pytest.mark.parametrize(
    ("id_", "part"),
    [
        ("abc-_.~", "abc-_.~"),
        ("a@example.com", "a%40example.com"),
        ("a/b?c#d e", "a%2Fb%3Fc%23d%20e"),
        ("../users", "..%2Fusers"),
        ("/abc==", "%252Fabc%253D%253D"),
        ("ab//c=", "ab%252F%252Fc%253D"),
        ("é", "%C3%A9"),
    ],
)
def test_ids_are_encoded_and_some_meeting_uuids_twice(id_: str, part: str) -> None:
    assert path(MEETING, {"meetingId": id_}) == "/meetings/" + part


def test_an_encoded_id_arrives_as_it_was_encoded(server: Server, clock: Clock) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        body = {"access_token": "t"} if handler.path == "/token" else {"id": 1}
        reply(json.dumps(body).encode())(handler)

    server.respond = respond
    transport = Transport()
    tokens = TokenSource(Credentials("a", "b", "c"), transport, token_url=server.url + "/token")
    limiter = RateLimiter(RatePlan.PRO.limits, clock=clock, sleep=clock.sleep)
    with ZoomClient(server.url + "/v2/", tokens, transport, limiter) as client:
        client.get(MEETING, ids={"meetingId": "/a//b=="})
        client.get(MEETING, ids={"meetingId": "../x"})
    assert [request[1] for request in server.seen[1:]] == [
        "/v2/meetings/%252Fa%252F%252Fb%253D%253D",
        "/v2/meetings/..%2Fx",
    ]


@pytest.mark.parametrize("id_", ["", ".", ".."])
def test_an_id_that_leads_elsewhere_is_not_asked_for(
    client: ZoomClient, zoom: responses.RequestsMock, id_: str
) -> None:
    with pytest.raises(Malformed, match="userId"):
        client.get(USER_SETTINGS, ids={"userId": id_})
    assert len(zoom.calls) == 0


def test_a_missing_id_is_a_mistake_of_the_caller(client: ZoomClient) -> None:
    with pytest.raises(KeyError, match="userId"):
        client.get(USER_SETTINGS)


def test_scopes_are_known_after_authentication(client: ZoomClient) -> None:
    assert client.scopes == frozenset()
    assert client.authenticate() == {"user:read:admin"}
    assert client.scopes == {"user:read:admin"}


@pytest.mark.parametrize("status", [401, 400, 200])
def test_an_expired_token_is_renewed_once_and_the_request_repeated(
    client: ZoomClient, zoom: responses.RequestsMock, status: int
) -> None:
    zoom.get(SETTINGS, status=status, json={"code": 124, "message": "Access token is expired."})
    zoom.get(SETTINGS, json={"ok": True})
    assert client.get(ACCOUNT_SETTINGS) == {"ok": True}
    assert zoom.calls[-1].request.headers["Authorization"] == "Bearer tok-2"


def test_4700_with_a_fresh_token_means_a_scope_is_missing(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(
        SETTINGS,
        status=401,
        json={"code": 4700, "message": "Invalid Access Token: invalid, expired, or missing scopes"},
    )
    with pytest.raises(ScopeMissing) as caught:
        client.get(ACCOUNT_SETTINGS)
    assert caught.value.scopes == ACCOUNT_SETTINGS.scopes


def test_a_missing_scope_is_told_at_once(client: ZoomClient, zoom: responses.RequestsMock) -> None:
    zoom.get(
        SETTINGS,
        status=400,
        json={"code": 4711, "message": "does not contain scopes:[account:read:settings:admin]."},
    )
    with pytest.raises(ScopeMissing, match="account:read:settings:admin"):
        client.get(ACCOUNT_SETTINGS)
    assert client.counters == Counters(requests=1)


def test_an_error_with_status_200_is_no_document(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(SETTINGS, json={"code": 200, "message": "Only available for Paid account."})
    with pytest.raises(NotLicensed):
        client.get(ACCOUNT_SETTINGS)


def test_faults_that_pass_are_retried_and_counted(
    client: ZoomClient, zoom: responses.RequestsMock, clock: Clock
) -> None:
    zoom.get(SETTINGS, status=502, body="<html>")
    zoom.get(SETTINGS, body=requests.ConnectionError("reset"))
    zoom.get(SETTINGS, body='{"a": tr', content_type="application/json")
    zoom.get(SETTINGS, body="<html>", content_type="text/html")
    zoom.get(SETTINGS, json={"ok": True})
    assert client.get(ACCOUNT_SETTINGS) == {"ok": True}
    assert client.counters == Counters(requests=5, retries=4)
    assert [wait for wait in clock.slept if wait >= 0.5] == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 500}, Transient),
        ({"body": requests.ConnectionError("x")}, Unreachable),
        ({"body": ""}, Malformed),
        ({"body": "<html>", "content_type": "text/html"}, Malformed),
        ({"body": '{"a": tr'}, Transient),
        ({"body": "<a/>", "content_type": "application/xml"}, Malformed),
        ({"body": "<html>"}, Transient),
        ({"status": 403, "body": "<html>", "content_type": "text/html"}, Malformed),
        ({"status": 429, "body": "<html>", "content_type": "text/html"}, RateLimited),
    ],
)
def test_faults_that_stay_are_raised_after_five_attempts(
    client: ZoomClient,
    zoom: responses.RequestsMock,
    answer: dict[str, Any],
    kind: type[ZoomError],
) -> None:
    zoom.get(SETTINGS, **{"content_type": "application/json", **answer})
    with pytest.raises(kind):
        client.get(ACCOUNT_SETTINGS)
    assert (client.counters.requests, client.counters.retries) == (5, 4)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_an_error_and_the_token_goes_nowhere(
    client: ZoomClient, zoom: responses.RequestsMock, status: int
) -> None:
    zoom.get(SETTINGS, status=status, headers={"Location": "https://evil.com/"})
    with pytest.raises(Malformed, match="redirect"):
        client.get(ACCOUNT_SETTINGS)
    hosts = {urlsplit(call.request.url).hostname for call in zoom.calls}
    assert hosts == {"api.zoom.us", "zoom.us"}


def test_a_limit_per_second_is_waited_out_and_slows_the_label_down(
    zoom: responses.RequestsMock, client: ZoomClient, clock: Clock
) -> None:
    zoom.get(SETTINGS, status=429, headers={"Retry-After": "7"}, json={"code": 429, "message": "x"})
    zoom.get(SETTINGS, json={"ok": True})
    before = clock()
    assert client.get(ACCOUNT_SETTINGS) == {"ok": True}
    assert clock() - before == pytest.approx(7, abs=0.1)
    assert client.counters == Counters(requests=2, retries=1, rate_limited=1)
    before = clock()
    for _ in range(21):
        client.get(ACCOUNT_SETTINGS)
    assert clock() - before > 20 / 16  # the rate before the refusal


def test_a_lower_limit_named_by_zoom_is_kept_from_then_on(
    zoom: responses.RequestsMock, client: ZoomClient, clock: Clock
) -> None:
    headers = {"X-RateLimit-Type": "QPS", "X-RateLimit-Limit": "5"}
    zoom.get(SETTINGS, status=429, headers=headers, json={"code": 429, "message": "x"})
    zoom.get(SETTINGS, json={"ok": True})
    client.get(ACCOUNT_SETTINGS)
    clock.sleep(1000)
    before = clock()
    for _ in range(21):
        client.get(ACCOUNT_SETTINGS)
    assert clock() - before >= 20 / (5 * 0.8)


def test_a_daily_limit_ends_it_at_once(zoom: responses.RequestsMock, client: ZoomClient) -> None:
    zoom.get(
        SETTINGS,
        status=429,
        headers={"X-RateLimit-Type": "Daily-limit", "Retry-After": "2099-01-01T00:00:00Z"},
        json={"code": 429, "message": "You have reached the maximum daily rate limit"},
    )
    with pytest.raises(RateLimited, match="again at 2099-01-01 00:00 UTC") as caught:
        client.get(ACCOUNT_SETTINGS)
    assert caught.value.daily
    assert client.counters == Counters(requests=1, rate_limited=1)


def test_a_proxys_page_is_no_answer_but_the_next_request_may_get_through(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(SETTINGS, status=403, body="<html>blocked", content_type="text/html")
    zoom.get(SETTINGS, body="")
    zoom.get(SETTINGS, body="<a/>", content_type="text/xml")
    zoom.get(SETTINGS, json={"ok": True})
    assert client.get(ACCOUNT_SETTINGS) == {"ok": True}


class TestInFlight:
    """The required number of requests in flight; Pro at a share of 0.8 is 16 per second."""

    def answering_in(self, zoom: responses.RequestsMock, clock: Clock, seconds: float) -> None:
        def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
            clock.sleep(seconds)
            return 200, {}, "{}"

        zoom.add_callback("GET", SETTINGS, answer, content_type="application/json")

    def test_it_starts_from_a_latency_of_400_ms(self, client: ZoomClient) -> None:
        assert client.target_concurrency() == math.ceil(16 * 0.4 * 1.25) + 2

    def test_it_follows_the_latency_without_the_wait_for_the_limit(
        self, client: ZoomClient, zoom: responses.RequestsMock, clock: Clock
    ) -> None:
        self.answering_in(zoom, clock, 1.0)
        for _ in range(100):
            client.get(ACCOUNT_SETTINGS)
        assert client.target_concurrency() == math.ceil(16 * 1.0 * 1.25) + 2

    def test_it_is_for_a_label(self, client: ZoomClient) -> None:
        assert client.target_concurrency(RateLabel.LIGHT) > client.target_concurrency()

    def test_it_is_never_less_than_four(
        self, client: ZoomClient, zoom: responses.RequestsMock, clock: Clock
    ) -> None:
        self.answering_in(zoom, clock, 0.0)
        for _ in range(100):
            client.get(ACCOUNT_SETTINGS)
        assert client.target_concurrency() == 4

    def test_it_is_never_more_than_64(
        self, client: ZoomClient, zoom: responses.RequestsMock, clock: Clock
    ) -> None:
        self.answering_in(zoom, clock, 30.0)
        for _ in range(20):
            client.get(ACCOUNT_SETTINGS)
        assert client.target_concurrency() == 64


def test_a_token_that_cannot_be_had_is_not_tried_over_and_over(
    zoom: responses.RequestsMock, clock: Clock
) -> None:
    zoom.post(TOKEN_URL, status=503)
    transport = Transport()
    limiter = RateLimiter(RatePlan.PRO.limits, clock=clock, sleep=clock.sleep)
    client = ZoomClient(API, token_source(clock, transport), transport, limiter)
    with pytest.raises(Transient):
        client.get(ACCOUNT_SETTINGS)
    assert len(zoom.calls) == 5


def test_requests_are_paced_by_the_label_of_their_endpoint(
    zoom: responses.RequestsMock, client: ZoomClient, clock: Clock
) -> None:
    zoom.get(SETTINGS, json={})
    for _ in range(17):
        client.get(ACCOUNT_SETTINGS)
    assert sum(clock.slept) >= 1


def test_listings_are_read_page_by_page(client: ZoomClient, zoom: responses.RequestsMock) -> None:
    zoom.get(API + "/users", json={"users": [{"id": "a"}], "next_page_token": "t"})
    last = {"users": [{"id": "b"}], "next_page_token": "", "total_records": 2}
    zoom.get(API + "/users", json=last)
    assert [row["id"] for row in client.items(USERS, params={"status": "active"})] == ["a", "b"]
    assert "status=active&page_size=2000&next_page_token=t" in str(zoom.calls[-1].request.url)


def test_a_page_token_survives_redaction(client: ZoomClient, zoom: responses.RequestsMock) -> None:
    zoom.get(
        API + "/groups", json={"groups": [{"id": "a"}], "next_page_token": "8V8HigQkzm2O5r9RUn31"}
    )
    zoom.get(API + "/groups", json={"groups": [{"id": "b"}]})
    pages = client.pages(GROUPS)
    assert next(pages) == [{"id": "a"}]
    assert next(pages) == [{"id": "b"}]
    assert "8V8HigQkzm2O5r9RUn31" in str(zoom.calls[-1].request.url)


def test_a_document_is_not_a_listing(client: ZoomClient) -> None:
    with pytest.raises(ValueError, match="not a listing"):
        client.pages(ACCOUNT_SETTINGS)


def test_a_denied_listing_is_not_an_empty_one(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(API + "/users", status=403, json={"code": 200, "message": "No permission."})
    with pytest.raises(Denied):
        list(client.items(USERS))


def test_the_client_can_only_read() -> None:
    verbs = ("post", "put", "patch", "delete", "send", "request")
    assert not [name for name in dir(ZoomClient) if name in verbs]


def test_threads_share_token_pace_and_counters(
    client: ZoomClient, zoom: responses.RequestsMock
) -> None:
    zoom.get(SETTINGS, json={"ok": True})
    got = []

    def work() -> None:
        for _ in range(5):
            got.append(client.get(ACCOUNT_SETTINGS)["ok"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [True] * 40
    assert client.counters == Counters(requests=40)
    assert len([call for call in zoom.calls if call.request.method == "POST"]) == 1


def test_logs_have_the_tracking_id_and_neither_token_nor_secret(
    client: ZoomClient, zoom: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    zoom.get(SETTINGS, status=500, headers={"x-zm-trackingid": "rid=WEB_1"})
    zoom.get(SETTINGS, json={})
    with caplog.at_level(logging.DEBUG, "auditor"):
        client.get(ACCOUNT_SETTINGS)
    assert "GET /accounts/me/settings: HTTP 500, 0 ms, waited 0 ms, rid=WEB_1" in caplog.text
    assert "Retrying in 0.5 s (attempt 2 of 5)." in caplog.text
    assert "GET /accounts/me/settings: HTTP 200, 0 ms, waited 0 ms, sent again, -" in caplog.text
    assert "tok-1" not in caplog.text
    assert SECRET not in caplog.text


def test_a_request_that_gets_no_answer_is_logged_as_well(
    client: ZoomClient, zoom: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    zoom.get(USERS_URL, body=requests.ConnectionError())
    with caplog.at_level(logging.DEBUG, "auditor"), pytest.raises(ZoomError):
        client.get(USERS, params={"status": "active", "next_page_token": "who-is-next"})
    assert "GET /users: Unreachable, status=active, 0 ms" in caplog.text
    assert "who-is-next" not in caplog.text


def test_a_limit_that_is_lowered_is_logged(
    client: ZoomClient, zoom: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    zoom.get(SETTINGS, status=429, json={"code": 429, "message": "too many"})
    zoom.get(SETTINGS, json={})
    with caplog.at_level(logging.DEBUG, "auditor"):
        client.get(ACCOUNT_SETTINGS)
    assert "medium: refused. Holding for 0.5 s, then " in caplog.text


def test_a_token_is_not_sent_to_strangers(clock: Clock) -> None:
    transport, limiter = Transport(), RateLimiter(RatePlan.PRO.limits)
    with pytest.raises(UnsafeUrl, match="ZOOM_API_URL"):
        ZoomClient("https://evil.com", token_source(clock, transport), transport, limiter)


def test_the_government_cloud_is_a_matter_of_two_addresses(zoom: responses.RequestsMock) -> None:
    zoom.post(GOVERNMENT.token_url, json={"access_token": "gov"})
    zoom.get(GOVERNMENT.api_url + "/accounts/me/settings", json={"ok": True})
    limiter = RateLimiter(RatePlan.AUTO.limits)
    with connect(Credentials("a", "b", "c"), limiter, cloud=GOVERNMENT) as client:
        assert client.get(ACCOUNT_SETTINGS) == {"ok": True}
