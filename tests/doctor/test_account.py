"""Zoom's responses to credentials and trial requests, in plain words."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from auditor.doctor import account
from auditor.doctor.account import AccessCheck, RateHeaderRecorder
from auditor.doctor.model import CheckState, DoctorCheck
from auditor.doctor.needs import Needs
from auditor.errors import ExitCode
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.view import SETTINGS, View
from auditor.zoom import endpoints
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import ZoomError
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.retry import RetryPolicy
from tests.zoom.conftest import API, TOKEN_URL, give_tokens

NEEDS = Needs(
    {
        "AI-01": (endpoints.ACCOUNT_SETTINGS, endpoints.USERS),
        "AI-02": (endpoints.ACCOUNT_SETTINGS, endpoints.ACCOUNT_LOCK_SETTINGS),
    },
    {"AI-01": "One", "AI-02": "Two"},
)
GRANTED = frozenset(
    {"account:read:settings:admin", "account:read:lock_settings:admin", "user:read:admin"}
)
FAST = RetryPolicy(attempts=1, sleep=lambda seconds: None)
USERS = {"users": [{"id": "u1", "group_ids": ["g1"]}], "total_records": 1200}

DOCUMENTED: list[tuple[int, dict[str, Any], str]] = [
    (400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, "wrong"),
    (401, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, "wrong"),
    (400, {"reason": "Bad Request", "error": "invalid_request"}, "does not know this account ID"),
    (
        400,
        {"reason": "unsupported grant type", "error": "unsupported_grant_type"},
        "not a Server-to-Server OAuth app",
    ),
    (400, {"reason": "The app has been disabled", "error": "unauthorized_client"}, "deactivated"),
    (400, {"code": 4700, "message": "Token cannot be empty"}, "received no credentials"),
    (400, {"code": 4702, "message": "Invalid client"}, "client secret is wrong"),
    (401, {"code": 4704, "message": "Invalid client secret"}, "client secret is wrong"),
    (400, {"code": 4705, "message": "Grant type"}, "not a Server-to-Server OAuth app"),
    (400, {"code": 4706, "message": "Client ID or secret is missing"}, "received no credentials"),
    (400, {"code": 4709, "message": "Redirect URI mismatch"}, "not a Server-to-Server OAuth app"),
    (400, {"code": 4711, "message": "Scope mismatch"}, "scopes that it may not have"),
    (400, {"code": 4717, "message": "The app has been disabled"}, "app is deactivated"),
    (400, {"code": 4724, "message": "Invalid JWT"}, "its own token invalid"),
    (400, {"code": 4733, "message": "Code is expired"}, "not a Server-to-Server OAuth app"),
    (400, {"code": 4734, "message": "Invalid authorization code"}, "not a Server-to-Server"),
    (400, {"code": 4735, "message": "Token owner is gone"}, "owner is no longer in the account"),
    (
        400,
        {"code": 4738, "message": "Token disabled by admin"},
        "admin of the account has disabled",
    ),
    (400, {"code": 4741, "message": "Token revoked"}, "access was revoked"),
    (400, {"reason": "Something new", "error": "new"}, "issued no token"),
]
"""Token errors as recorded or listed by Zoom, and what the advice has to say."""


@pytest.fixture
def zoom() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def client() -> Iterator[ZoomClient]:
    with RateHeaderRecorder() as transport:
        tokens = TokenSource(Credentials("a", "c", "s3cr3t-of-app"), transport, retries=FAST)
        limiter = RateLimiter(RatePlan.BUSINESS.limits)
        yield ZoomClient(API, tokens, transport, limiter, retries=FAST)


def text_of(check: DoctorCheck) -> str:
    return f"{check.sentence} {check.advice}"


def refused(
    zoom: responses.RequestsMock, endpoint: Endpoint, status: int = 400, **body: object
) -> None:
    zoom.get(API + endpoint.path, status=status, json=body)


def answered(zoom: responses.RequestsMock, *but: Endpoint) -> None:
    for endpoint, body in (
        (endpoints.USERS, USERS),
        (endpoints.ACCOUNT_SETTINGS, {"recording": {}}),
        (endpoints.ACCOUNT_LOCK_SETTINGS, {"recording": {}}),
    ):
        if endpoint not in but:
            zoom.get(API + endpoint.path, json=body)


def token_error(zoom: responses.RequestsMock, client: ZoomClient) -> ZoomError:
    with pytest.raises(ZoomError) as caught:
        client.authenticate()
    return caught.value


@pytest.mark.parametrize(("status", "body", "says"), DOCUMENTED, ids=str)
def test_each_documented_token_error_is_told_in_its_own_words(
    zoom: responses.RequestsMock,
    client: ZoomClient,
    status: int,
    body: dict[str, int | str],
    says: str,
) -> None:
    zoom.post(TOKEN_URL, status=status, json=body)
    check = account.token(token_error(zoom, client), frozenset())
    assert says in check.advice
    assert f"HTTP {status}" in check.sentence
    assert (check.state, check.exit_code) == (CheckState.FAILED, ExitCode.NOTHING_EVALUATED)


def test_every_token_error_that_zoom_lists_has_a_row() -> None:
    listed = {4700, 4702, 4704, 4705, 4706, 4709, 4711, 4717, 4724, 4733, 4734, 4735, 4738, 4741}
    assert {body["code"] for _, body, _ in DOCUMENTED if "code" in body} == listed


def test_what_is_not_zoom_says_so(zoom: responses.RequestsMock, client: ZoomClient) -> None:
    zoom.post(TOKEN_URL, status=404, body="<html>")
    check = account.token(token_error(zoom, client), frozenset())
    assert "not a Zoom token endpoint" in check.advice


def test_an_outage_at_sign_in_is_no_wrong_secret(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    zoom.post(TOKEN_URL, status=503)
    check = account.token(token_error(zoom, client), frozenset())
    assert "No token came from Zoom (HTTP 503)" in check.sentence
    assert "status.zoom.us" in check.advice


def tried(
    zoom: responses.RequestsMock, client: ZoomClient, granted: frozenset[str] = GRANTED
) -> AccessCheck:
    give_tokens(zoom)
    return AccessCheck.run(client, NEEDS, granted)


def test_three_documents_at_most_are_asked_for(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    answered(zoom)
    access = tried(zoom, client)
    assert len(zoom.calls) == 4  # with the token
    check = access.check(NEEDS)
    assert check.state is CheckState.OK
    assert access.users == 1200


def test_nothing_is_asked_for_without_its_scope(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    answered(zoom)
    access = tried(zoom, client, frozenset({"user:read:admin"}))
    assert list(access.outcomes) == [endpoints.USERS]


@pytest.mark.parametrize("granted", [frozenset({"chat:read:admin"})])
def test_without_any_scope_for_it_nothing_is_tried(
    zoom: responses.RequestsMock, client: ZoomClient, granted: frozenset[str]
) -> None:
    assert tried(zoom, client, granted).check(NEEDS).state is CheckState.SKIPPED


@pytest.mark.parametrize(
    ("status", "body", "says", "code"),
    [
        (400, {"code": 200, "message": "No permission."}, "app's owner a role", 3),
        (403, {"code": 200, "message": "No permission."}, "app's owner a role", 3),
        (
            400,
            {
                "code": 4711,
                "message": "Invalid access token, does not contain scopes:"
                "[account:read:settings:admin].",
            },
            "Add account:read:settings:admin",
            3,
        ),
        (
            401,
            {"code": 4700, "message": "Invalid Access Token: ... or missing required scopes"},
            "Add account:read:settings:admin or account:read:settings:master",
            3,
        ),
        (401, {"code": 124, "message": "Invalid access token."}, "still activated", 3),
        (401, {"code": 124, "message": "Access token is expired."}, "still activated", 3),
        (500, {"code": 500, "message": "Oops"}, "status.zoom.us", 3),
        (
            429,
            {"code": 429, "message": "You have reached the maximum daily rate limit for this API."},
            "next day, UTC",
            3,
        ),
    ],
    ids=str,
)
def test_each_refusal_of_the_api_says_what_to_do(
    zoom: responses.RequestsMock,
    client: ZoomClient,
    status: int,
    body: dict[str, int | str],
    says: str,
    code: int,
) -> None:
    answered(zoom, endpoints.ACCOUNT_SETTINGS)
    refused(zoom, endpoints.ACCOUNT_SETTINGS, status, **body)
    check = tried(zoom, client).check(NEEDS)
    assert check.state is CheckState.FAILED
    assert says in text_of(check)
    assert "2 controls would be unknown" in check.sentence
    assert check.exit_code == code


def test_an_api_that_answers_nothing_is_as_good_as_none(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    for endpoint, _ in account.TRIAL_REQUESTS:
        refused(zoom, endpoint, 503)
    check = tried(zoom, client).check(NEEDS)
    assert check.exit_code is ExitCode.NOTHING_EVALUATED


def test_a_plan_without_locks_is_a_warning(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    answered(zoom, endpoints.ACCOUNT_LOCK_SETTINGS)
    refused(
        zoom, endpoints.ACCOUNT_LOCK_SETTINGS, code=200, message="Only available for Paid account."
    )
    access = tried(zoom, client)
    check = access.check(NEEDS)
    assert check.state is CheckState.WARNING
    assert "1 control would be unknown" in check.sentence
    rates = account.rates(ReadPlan(user=(SETTINGS, View("settings", "x"))), access, {})
    assert "A free plan, as it seems" in rates.sentence
    assert "--plan free" in rates.advice
    assert rates.state is CheckState.WARNING


def test_how_long_reading_takes_follows_from_the_number_of_users(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    answered(zoom)
    check = account.rates(ReadPlan(user=(SETTINGS,) * 4), tried(zoom, client), {})
    assert "1,200 users need up to 4,800 requests" in check.sentence
    assert "5 min at the limits of Pro, 2 min at those of Business" in check.sentence


def test_a_plan_that_is_configured_is_the_one_that_counts(
    zoom: responses.RequestsMock, client: ZoomClient
) -> None:
    answered(zoom)
    check = account.rates(
        ReadPlan(user=(SETTINGS,) * 4), tried(zoom, client), {}, RatePlan.BUSINESS
    )
    assert "2 min at the limits of Business." in check.sentence
    assert "Pro" not in check.sentence
    assert check.advice == ""


def test_without_users_the_limits_alone_are_told() -> None:
    check = account.rates(ReadPlan(user=(SETTINGS,)), AccessCheck(), {})
    assert "20 such requests a second" in check.sentence


def test_rate_limit_headers_are_heard(zoom: responses.RequestsMock, client: ZoomClient) -> None:
    headers = {"X-RateLimit-Limit": "2000", "X-RateLimit-Remaining": "12"}
    answered(zoom, endpoints.USERS)
    zoom.get(API + "/users", json=USERS, headers=headers)
    access = tried(zoom, client)
    transport = client._transport
    assert isinstance(transport, account.RateHeaderRecorder)
    heard = transport.limits
    assert (
        "Requests left, according to Zoom: 12 of 2000."
        in account.rates(ReadPlan(), access, heard).sentence
    )


def test_a_list_of_users_that_names_groups_is_told_from_one_that_does_not() -> None:
    access = AccessCheck({endpoints.USERS: {"users": [{"id": "1"}, {"group_ids": ["g"]}]}})
    assert not access.names_no_groups
    assert AccessCheck({endpoints.USERS: {"users": [{"id": "1"}]}}).names_no_groups
    assert not AccessCheck().names_no_groups
