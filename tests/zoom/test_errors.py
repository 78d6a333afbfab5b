import pytest

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
    quoted,
)

REQUEST = "GET /users/{userId}/settings"
SECRET = "Bearer eyJhbGciOi.eyJhdWQiOm51.c2lnbmF0dXJl"
EACH = [
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


@pytest.mark.parametrize("error", EACH, ids=lambda error: type(error).__name__)
def test_every_error_names_its_request_and_never_a_token(error):
    for text in (str(error), repr(error), str(vars(error))):
        assert REQUEST in text
        assert "eyJ" not in text


def test_a_missing_scope_is_named_with_what_to_do():
    error = ScopeMissing(REQUEST, ("user:read:settings:admin", "user:read:admin"))
    assert "lacks user:read:settings:admin or user:read:admin. Add it under Scopes" in str(error)


def test_the_numbers_and_words_of_zoom_are_quoted():
    error = Denied(REQUEST, "No permission.", status=400, code=200)
    assert '(HTTP 400, code 200: "No permission.")' in str(error)


def test_what_zoom_says_is_kept_to_one_short_printable_line():
    line = quoted("a\x1b[31mred\r\n\u202eb\x00" + "x" * 10_000)
    assert line.startswith("a [31mred b xxx")
    assert line.endswith("…")
    assert len(line) == LONGEST_QUOTE


def test_a_daily_limit_says_when_to_come_back():
    assert "--resume in about 90 minutes" in str(
        RateLimited(REQUEST, daily=True, retry_after=5400.0)
    )
    assert "after midnight UTC" in str(RateLimited(REQUEST, daily=True))


def test_a_limit_per_second_says_what_to_lower():
    assert "--rate-share" in str(RateLimited(REQUEST))
