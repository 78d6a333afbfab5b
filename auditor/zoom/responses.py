"""Responses: parses an HTTP response of Zoom into a document or an error. Pure functions.

Zoom overloads its codes: 200 is "no permission" as well as "not in your plan", 4711 comes with
HTTP 400, 401 and 403, and errors come with HTTP 200. So status, code and text are all evaluated.
Source: the error tables of Zoom's API reference and recorded responses, as of 2026-11.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from auditor.evidence.reading import JsonValue, is_integer
from auditor.zoom.errors import (
    INVITATION_EXPIRED,
    Denied,
    Malformed,
    NotFound,
    NotLicensed,
    PageTokenExpired,
    RateLimited,
    Rejected,
    ResponseInfo,
    ScopeMissing,
    TokenRejected,
    Transient,
    ZoomError,
)
from auditor.zoom.payload import parse_object
from auditor.zoom.transport import Response

_ERROR_KEYS = frozenset(("code", "message", "errors", "reason", "status", "error", "result"))
_SCOPE_LIST = re.compile(r"scopes?\s*:?\s*\[([^\]]*)\]", re.IGNORECASE)
_SCOPE_WORD = re.compile(r"(?<![\w:])[a-z_]+(?::[a-z_]+)+(?![\w:])")
_NO_RIGHT = re.compile(r"permission|unauthori[sz]ed|not authori[sz]ed|privilege", re.IGNORECASE)
_NO_LICENCE = re.compile(
    r"\bpaid\b|subscription|\bplans?\b|licen[cs]e|upgrade|not (?:been )?enabled for", re.IGNORECASE
)
_NOT_FOUND = frozenset((1001, 1010, 1034, INVITATION_EXPIRED, 2001, 3001, 4130))
_NOT_HOSTING = 3161
_UNKNOWN_ENDPOINT = 2300


def utc_now() -> datetime:
    """The current time, to compare a Retry-After date with if the response has no Date."""
    return datetime.now(UTC)


def parse_response(
    response: Response, request: str, now: Callable[[], datetime] = utc_now
) -> dict[str, JsonValue]:
    """The document in `response`.

    Raises:
        ZoomError: the response is an error, or not the expected JSON object.
    """
    status = response.status
    if status == 200:
        document = parse_object(response.body, response.content_type, request, status=status)
        code, message = _error_in(document)
        if code is None or not set(document) <= _ERROR_KEYS:
            return document
        # If the code is itself the HTTP status of an error, it counts as the status.
        status = code if 400 <= code < 600 else status
    else:
        code, message = _error_of(response, request)
    raise _error(response, request, status, code, message, now)


def _error(
    response: Response,
    request: str,
    status: int,
    code: int | None,
    message: str,
    now: Callable[[], datetime],
) -> ZoomError:
    facts: ResponseInfo = {
        "status": response.status,
        "code": code,
        "tracking_id": response.tracking_id,
    }
    if 429 in (status, code):
        retry_after, again_at = _pause(response, now)
        return RateLimited(
            request,
            message,
            retry_after=retry_after,
            again_at=again_at,
            daily=_is_daily(response, message),
            per_second=_per_second(response),
            **facts,
        )
    if status >= 500:
        return Transient(request, message, **facts)
    scopes = named_scopes(message)
    if code == 4711 or (code == 4700 and scopes):
        return ScopeMissing(request, scopes, message, **facts)
    if code in (124, 4700):
        return TokenRejected(request, message, **facts)
    if code == 200 or status == 403 or code == 403:
        return _refusal(request, message, facts)
    if status == 401:
        return TokenRejected(request, message, **facts)
    if code in _NOT_FOUND or (status == 404 and code != _UNKNOWN_ENDPOINT):
        return NotFound(request, message, **facts)
    if code == _NOT_HOSTING:
        return NotLicensed(request, message, **facts)
    if code == 300 and "page token" in message.lower():
        return PageTokenExpired(request, message, **facts)
    if 200 <= status < 400 and code is None:
        return Malformed(request, _unexpected(status), **facts)
    return Rejected(request, message, **facts)


def _refusal(request: str, message: str, facts: ResponseInfo) -> ZoomError:
    """Distinguish a missing role from a missing licence by text: code 200 means both."""
    if _NO_LICENCE.search(message) and not _NO_RIGHT.search(message):
        return NotLicensed(request, message, **facts)
    return Denied(request, message, **facts)


def _unexpected(status: int) -> str:
    if status >= 300:
        return "it is a redirect, which is not followed because the token would go along"
    return "it has no content"


def _error_in(document: dict[str, JsonValue]) -> tuple[int | None, str]:
    """Code and message of an error document; the code is None for other documents."""
    code, message = document.get("code"), document.get("message")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        code = int(code)
    if not is_integer(code) or not isinstance(message, str):
        return None, message if isinstance(message, str) else ""
    return code, message


def _error_of(response: Response, request: str) -> tuple[int | None, str]:
    """Code and message of a response with an error status, if it has them.

    Raises:
        Malformed: 4xx with a body that is not Zoom's JSON. It is from a proxy or a wrong address,
            so its 403 or 404 says nothing about the account. The 403 of a filter may be temporary.
    """
    try:
        document = parse_object(
            response.body, response.content_type, request, status=response.status
        )
    except (Malformed, Transient) as error:
        speaks_for_itself = response.status in (401, 429) or not 400 <= response.status < 500
        if speaks_for_itself or not response.body.strip():
            return None, ""
        raise Malformed(
            request,
            "it is an error page, not one of Zoom's API",
            worth_retrying=response.status == 403,
            status=response.status,
        ) from error
    return _error_in(document)


def named_scopes(message: str) -> tuple[str, ...]:
    """The scopes in a message: `does not contain scopes:[a, b]`, `does not contain a scope`."""
    if "scope" not in message.lower():
        return ()
    listed = _SCOPE_LIST.search(message)
    return tuple(dict.fromkeys(_SCOPE_WORD.findall(listed[1] if listed else message)))


def _is_daily(response: Response, message: str) -> bool:
    kind = response.headers.get("X-RateLimit-Type", "")
    return "daily" in kind.lower() or "daily" in message.lower()


def _per_second(response: Response) -> float | None:
    """The limit in requests per second that a 429 names; None if it names none."""
    number = response.headers.get("X-RateLimit-Limit", "").strip()
    if "qps" not in response.headers.get("X-RateLimit-Type", "").lower():
        return None
    return float(number) if re.fullmatch(r"\d{1,6}", number, re.ASCII) else None


def _pause(response: Response, now: Callable[[], datetime]) -> tuple[float | None, datetime | None]:
    """How long Zoom asks to wait, in seconds, and until when, UTC.

    A date is compared with the Date header, if there is one, because our clock may be wrong.
    """
    sent = _instant(response.headers.get("Date", "").strip()) or now()
    seconds = parse_retry_after(response.headers.get("Retry-After", ""), lambda: sent)
    if seconds is None:
        return None, None
    try:
        return seconds, sent.astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return seconds, None


def parse_retry_after(retry_after: str, now: Callable[[], datetime] = utc_now) -> float | None:
    """Retry-After in seconds from now: a number, an HTTP date or, as Zoom sends, an ISO time.

    None if the header is missing or invalid.
    """
    text = retry_after.strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text, re.ASCII):
        return float(text)
    moment = _instant(text)
    return None if moment is None else max(0.0, (moment - now()).total_seconds())


def _instant(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
