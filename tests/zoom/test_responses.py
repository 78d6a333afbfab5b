import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.zoom.errors import (
    Denied,
    Malformed,
    NotFound,
    NotLicensed,
    PageTokenExpired,
    RateLimited,
    Rejected,
    ScopeMissing,
    TokenRejected,
    Transient,
    ZoomError,
)
from auditor.zoom.responses import named_scopes, parse_response, parse_retry_after
from auditor.zoom.transport import Response

from .conftest import real_input

REQUEST = "GET /users/{userId}/settings"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def answer(
    status: int,
    body: bytes | Mapping[str, object] | None = None,
    kind: str = "application/json",
    **headers: str,
) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {"Content-Type": kind, **named}, raw)


def error_of(
    status: int, body: bytes | Mapping[str, object] | None = None, **options: Any
) -> ZoomError:
    with pytest.raises(ZoomError) as caught:
        parse_response(answer(status, body, **options), REQUEST, lambda: NOON)
    return caught.value


def rate_limited(body: Mapping[str, object], **headers: str) -> RateLimited:
    error = error_of(429, body, **headers)
    assert isinstance(error, RateLimited)
    return error


def error_body(code: int, message: str) -> dict[str, int | str]:
    return {"code": code, "message": message}


def test_a_document_is_returned_as_it_is() -> None:
    assert parse_response(answer(200, {"in_meeting": {"a": True}}), REQUEST) == {
        "in_meeting": {"a": True}
    }


def test_a_document_with_a_code_and_data_is_no_error() -> None:
    document = {"code": 200, "message": "ok", "users": []}
    assert parse_response(answer(200, document), REQUEST) == document


SCOPES = (
    "Invalid access token, does not contain scopes:[user:read:settings:admin, user:read:admin]."
)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, 4711, SCOPES, ScopeMissing),
        (401, 4711, SCOPES, ScopeMissing),
        (403, 4711, SCOPES, ScopeMissing),
        (200, 4711, SCOPES, ScopeMissing),
        (400, 4711, "Invalid access token.", ScopeMissing),
        (400, 4700, "Invalid access token, does not contain role:read:admin scope.", ScopeMissing),
        (401, 4700, "Invalid Access Token: invalid, expired, or missing scopes", TokenRejected),
        (401, 124, "Access token is expired.", TokenRejected),
        (400, 124, "Invalid access token.", TokenRejected),
        (200, 124, "Invalid access token.", TokenRejected),
        (401, 401, "Unauthorized", TokenRejected),
        (400, 200, "Only available for Paid account.", NotLicensed),
        (200, 200, "Only available for paid account", NotLicensed),
        (400, 200, "Zoom Room subscription not found", NotLicensed),
        (200, 200, "Zoom Room subscription not found", NotLicensed),
        (400, 200, "Webinar plan is missing. Enable webinar for this user.", NotLicensed),
        (403, 403, "Zoom Phone has not been enabled for this account.", NotLicensed),
        (400, 3161, "Meeting hosting and scheduling capabilities are not allowed", NotLicensed),
        (400, 200, "No permission.", Denied),
        (200, 200, "No permission.", Denied),
        (400, 200, "Unauthorized request. You do not have permission to access this", Denied),
        (400, 200, "No permission for this plan.", Denied),
        (400, 200, "Something else.", Denied),
        (403, 2305, "Not allowed to list an account's meeting summaries.", Denied),
        (403, 2306, "Not allowed to view others' meetings.", Denied),
        (404, 1001, "User does not exist: foo", NotFound),
        (400, 1010, "User not belong to this account", NotFound),
        (400, 1034, "Role does not exist", NotFound),
        (400, 1120, "Invitation expired.", NotFound),
        (404, 2001, "Account does not exist", NotFound),
        (400, 2001, "Account does not exist", NotFound),
        (404, 3001, "Meeting does not exist: 1.", NotFound),
        (404, 4130, "A group with this 3 does not exist.", NotFound),
        (200, 4130, "A group with this 3 does not exist.", NotFound),
        (404, 9999, "No such thing", NotFound),
        (404, 2300, "This API endpoint is not recognized.", Rejected),
        (400, 300, "Validation Failed.", Rejected),
        (300, 300, "Only provide report in recent 6 months.", Rejected),
        (400, 3000, "Meeting summary disabled.", Rejected),
        (200, 400, "Bad request", Rejected),
        (400, 300, "The next page token is either invalid or has expired.", PageTokenExpired),
        (400, 300, "The next page token is invalid or expired.", PageTokenExpired),
        (429, 429, "maximum per-second rate limit", RateLimited),
        (429, 4001, "maximum per-second rate limit", RateLimited),
        (400, 429, "Too many concurrent requests.", RateLimited),
        (200, 429, "maximum per-second rate limit", RateLimited),
        (500, 500, "Internal error", Transient),
        (503, 200, "No permission.", Transient),
        (200, 503, "Unavailable", Transient),
    ],
)
def test_status_code_and_words_together_tell_the_error(
    status: int, code: int, message: str, kind: Any
) -> None:
    error = error_of(status, error_body(code, message))
    assert type(error) is kind
    assert (error.status, error.code, error.request) == (status, code, REQUEST)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, TokenRejected), (403, Denied), (404, NotFound), (429, RateLimited), (502, Transient)],
)
def test_an_error_without_a_body_is_told_by_its_status(
    status: int,
    kind: type[ZoomError],
) -> None:
    assert type(error_of(status, b"")) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, TokenRejected), (429, RateLimited), (502, Transient), (302, Malformed)],
)
def test_an_error_page_is_told_by_its_status_where_that_is_clear(
    status: int, kind: type[ZoomError]
) -> None:
    assert type(error_of(status, b"<html>", kind="text/html")) is kind


@pytest.mark.parametrize("status", [400, 403, 404, 407])
def test_an_error_page_of_something_else_is_no_statement_about_the_account(status: int) -> None:
    error = error_of(status, b"<html>Blocked by your firewall</html>", kind="text/html")
    assert type(error) is Malformed
    assert "error page" in str(error)


@pytest.mark.parametrize(("status", "again"), [(403, True), (404, False), (407, False)])
def test_a_filter_that_blocks_may_let_the_next_request_through(status: int, again: bool) -> None:
    error = error_of(status, b"<html>Blocked</html>", kind="text/html")
    assert error.worth_retrying is again


def test_a_redirect_is_not_followed_and_says_so() -> None:
    assert "redirect" in str(error_of(301, b""))


def test_an_answer_without_content_is_malformed() -> None:
    assert "no content" in str(error_of(204, b""))


def test_a_code_that_came_as_text_counts() -> None:
    assert type(error_of(404, {"code": "1001", "message": "User does not exist"})) is NotFound


def test_a_message_without_code_is_quoted() -> None:
    assert "Not found here" in str(error_of(404, {"message": "Not found here"}))


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        (SCOPES, ("user:read:settings:admin", "user:read:admin")),
        ("does not contain role:read:admin scope.", ("role:read:admin",)),
        ("does not contain scope:[account:read:lock_settings:master]", None),
        ("scopes:[]", ()),
        ("Access token is expired: really", ()),
    ],
)
def test_scopes_are_read_in_both_spellings(
    text: str, scopes: tuple[str] | tuple[()] | tuple[str, str] | None
) -> None:
    assert named_scopes(text) == (
        ("account:read:lock_settings:master",) if scopes is None else scopes
    )


def test_a_daily_limit_is_told_by_header_or_words() -> None:
    by_header = rate_limited(error_body(429, "x"), X_RateLimit_Type="Daily-limit")
    by_words = rate_limited(error_body(429, "You have reached the maximum daily rate limit"))
    assert by_header.daily
    assert by_words.daily
    assert not by_words.worth_retrying


def test_the_wait_zoom_asks_for_is_kept() -> None:
    error = rate_limited(error_body(429, "per-second"), Retry_After="3")
    assert (error.retry_after, error.daily) == (3.0, False)
    assert error.worth_retrying


@pytest.mark.parametrize("header", ["2026-11-23T00:00:00Z", "43200", "2026-11-23T05:30+05:30"])
def test_a_daily_limit_carries_the_time_at_which_it_may_go_on(header: str) -> None:
    sent = "Sun, 22 Nov 2026 12:00:00 GMT"
    error = rate_limited(error_body(429, "daily"), Retry_After=header, Date=sent)
    assert error.again_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert error.again_at is not None
    assert error.again_at.tzinfo is UTC


def test_a_limit_without_a_wait_carries_no_time() -> None:
    error = rate_limited(error_body(429, "daily"), Date="Sun, 22 Nov 2026 12:00:00 GMT")
    assert (error.retry_after, error.again_at) == (None, None)


def test_a_wrong_clock_of_ours_does_not_change_how_long_to_wait() -> None:
    """Our clock says noon, Zoom's says one."""
    error = rate_limited(
        error_body(429, "per-second"),
        Retry_After="2026-11-21T13:00:05Z",
        Date="Sat, 21 Nov 2026 13:00:00 GMT",
    )
    assert error.retry_after == 5
    assert error.again_at == datetime(2026, 11, 21, 13, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("sent", ["", "yesterday"])
def test_without_a_date_that_can_be_read_our_clock_counts(sent: str) -> None:
    error = rate_limited(error_body(429, "x"), Retry_After="2026-11-21T12:00:05Z", Date=sent)
    assert error.retry_after == 5


def test_a_time_no_calendar_has_is_no_time() -> None:
    sent = "Fri, 31 Dec 9999 23:00:00 GMT"
    error = rate_limited(error_body(429, "daily"), Retry_After="99999", Date=sent)
    assert (error.retry_after, error.again_at) == (99999, None)


def test_a_pause_too_long_to_wait_for_stops_like_a_daily_limit() -> None:
    assert rate_limited(error_body(429, "per-second"), Retry_After="3600").daily


@pytest.mark.parametrize(
    ("kind", "number", "limit"),
    [
        ("QPS", "30", 30),
        ("qps", " 30 ", 30),
        ("QPS", "", None),
        ("QPS", "many", None),
        ("QPS", "-1", None),
        ("Daily-limit", "30", None),
        ("", "30", None),
    ],
)
def test_a_limit_per_second_that_zoom_names_is_kept(
    kind: str, number: str, limit: int | None
) -> None:
    headers = {"X_RateLimit_Type": kind, "X_RateLimit_Limit": number}
    assert rate_limited(error_body(429, "x"), **headers).per_second == limit


def test_the_tracking_id_is_kept() -> None:
    assert error_of(500, b"", x_zm_trackingid="v=2;rid=WEB_1").tracking_id == "v=2;rid=WEB_1"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        (" 0.5 ", 0.5),
        ("2026-11-21T12:01:00Z", 60.0),
        ("2026-11-21T12:01:00", 60.0),
        ("2026-11-21T13:01:00+01:00", 60.0),
        ("Sat, 21 Nov 2026 12:02:00 GMT", 120.0),
        ("2020-05-31T00:00:00Z", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("nan", None),
        ("Sat, 99 Nov 2026 12:02:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_a_date_or_an_instant(header: str, seconds: float | None) -> None:
    assert parse_retry_after(header, lambda: NOON) == seconds


RECORDED_FILES = real_input("payloads", "error_*.json")

RECORDED = {
    "error_429_concurrent": RateLimited,
    "error_429_daily": RateLimited,
    "error_429_qps": RateLimited,
    "error_admin_cannot_activated": Rejected,
    "error_group_does_not_exist": NotFound,
    "error_group_not_belong_to_account": NotFound,
    "error_group_not_exist": NotFound,
    "error_meeting_not_exist": Rejected,
    "error_next_page_token_invalid_code300": PageTokenExpired,
    "error_not_found": NotFound,
    "error_not_found_administrator": Rejected,
    "error_unauthorized_code200": Denied,
    "error_user_not_exist": NotFound,
    "error_validation_code300": Rejected,
}


@pytest.mark.real_input
@pytest.mark.skipif(not RECORDED_FILES, reason="the recorded responses are not here")
@pytest.mark.parametrize("status", [200, 400])
def test_recorded_errors_are_understood_with_either_status(status: int) -> None:
    for file in RECORDED_FILES:
        kind = RECORDED[file.name.split("--")[0]]
        assert type(error_of(status, file.read_bytes())) is kind, file.name
