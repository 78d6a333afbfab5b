import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from auditor.redaction.text import register_token
from auditor.zoom.errors import (
    LONGEST_QUOTE,
    AuthenticationFailed,
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
    Unreachable,
    ZoomError,
    sanitize_message,
)
from auditor.zoom.payload import parse_object

REQUEST = "GET /users/{userId}/settings"
SECRET = "Bearer eyJhbGciOi.eyJhdWQiOm51.c2lnbmF0dXJl"
ERRORS = [
    AuthenticationFailed(REQUEST, "The app is off.", SECRET),
    Denied(REQUEST, SECRET, status=403, code=2305),
    Malformed(REQUEST, SECRET, status=200),
    NotFound(REQUEST, SECRET),
    NotLicensed(REQUEST, SECRET),
    PageTokenExpired(REQUEST, SECRET),
    RateLimited(REQUEST, SECRET),
    RateLimited(REQUEST, SECRET, daily=True),
    Rejected(REQUEST, SECRET),
    ScopeMissing(REQUEST, (), SECRET),
    TokenRejected(REQUEST, SECRET),
    Transient(REQUEST, SECRET),
    Unreachable(REQUEST, SECRET),
    ZoomError(REQUEST, SECRET),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_names_its_request_and_never_a_token(error: ZoomError) -> None:
    for text in (str(error), repr(error), str(vars(error))):
        assert REQUEST in text
        assert "eyJ" not in text


@pytest.mark.parametrize("before", [0, 150, 195, 3_950, 3_990, 199_950, 199_990])
def test_no_piece_of_a_secret_stays_where_zooms_words_are_cut(before: int) -> None:
    """A token that is truncated before redaction is no longer recognized."""
    register_token("opaque/token-of-this-app-0123456789")
    text = "." * before + " opaque/token-of-this-app-0123456789 and more"
    for error in (Denied(REQUEST, text), Denied(REQUEST, "x", tracking_id=text)):
        assert "opaque" not in str(vars(error))


def test_a_key_that_came_twice_is_quoted_without_its_secrets() -> None:
    key = "k" * 40 + " Bearer abcDEF0123456789ghijklmnop"
    body = json.dumps({key: 1})[:-1] + f', "{key}": 2}}'
    with pytest.raises(Malformed) as caught:
        parse_object(body.encode(), "", REQUEST)
    assert "abcDEF" not in str(caught.value)


def test_a_missing_scope_is_named_with_what_to_do() -> None:
    error = ScopeMissing(REQUEST, ("user:read:settings:admin", "user:read:admin"))
    assert "lacks user:read:settings:admin or user:read:admin. Add it under Scopes" in str(error)


def test_the_numbers_and_words_of_zoom_are_quoted() -> None:
    error = Denied(REQUEST, "No permission.", status=400, code=200)
    assert '(HTTP 400, code 200: "No permission.")' in str(error)


def test_what_zoom_says_is_kept_to_one_short_printable_line() -> None:
    line = sanitize_message("a\x1b[31mred\r\n\u202eb\x00" + "x" * 10_000)
    assert line.startswith("a [31mred b xxx")
    assert line.endswith("…")
    assert len(line) == LONGEST_QUOTE


def test_a_daily_limit_says_when_it_may_go_on_and_how() -> None:
    error = RateLimited(REQUEST, daily=True, again_at=datetime(2026, 11, 23, tzinfo=UTC))
    assert str(error) == (
        f"Zoom's daily limit for {REQUEST} is used up; requests are possible again at 2026-11-23 "
        "00:00 UTC. Everything read so far is kept: continue with auditor audit --resume."
    )


def test_a_daily_limit_without_a_time_ends_at_midnight() -> None:
    assert "after midnight UTC" in str(RateLimited(REQUEST, daily=True))


def test_the_time_to_go_on_is_told_in_utc_and_never_too_early() -> None:
    east = timezone(timedelta(hours=5))
    error = RateLimited(REQUEST, daily=True, again_at=datetime(2026, 11, 23, 4, 30, 1, tzinfo=east))
    assert "at 2026-11-22 23:31 UTC" in str(error)


def test_a_pause_of_more_than_a_quarter_of_an_hour_stops_the_run_like_a_daily_limit() -> None:
    error = RateLimited(REQUEST, retry_after=901.0)
    assert error.daily
    assert not error.worth_retrying
    assert "limit for" in str(error)
    assert "daily" not in str(error)
    assert "after a long pause" in str(error)


def test_a_pause_of_a_quarter_of_an_hour_is_waited_for() -> None:
    error = RateLimited(REQUEST, retry_after=900.0)
    assert (error.daily, error.worth_retrying) == (False, True)


def test_a_limit_per_second_says_what_to_lower() -> None:
    assert "--rate-share" in str(RateLimited(REQUEST))
