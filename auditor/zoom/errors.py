"""Errors of requests to Zoom: one class per case that a caller handles differently."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypedDict, Unpack

from auditor.errors import AuditorError, ExitCode
from auditor.redaction.text import redact_text

LONGEST_QUOTE = 200
"""Characters of Zoom's text that are quoted in a message."""
_LONGEST_ADVICE = 800
"""Characters of our own text, which may contain a path or an address."""
LONGEST_PAUSE = 900.0
"""The longest pause in seconds that a run makes at Zoom's request. For a longer one it stops."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def sanitize_message(text: str, most: int = LONGEST_QUOTE) -> str:
    """Zoom's text for a message: one line of at most `most` characters, without secrets."""
    line = " ".join(_UNPRINTABLE.sub(" ", redact_text(text)).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


class ResponseInfo(TypedDict, total=False):
    """Facts of a response: HTTP status, Zoom's code, and the id that its support asks for."""

    status: int | None
    code: int | None
    tracking_id: str


class ZoomError(AuditorError):
    """A request to Zoom failed.

    `request` names it without ids (`GET /users/{userId}/settings`), `status` is the HTTP status,
    `code` the number in Zoom's response, `detail` Zoom's text, `tracking_id` the value of
    `x-zm-trackingid`, which Zoom's support asks for. `str()` is for people.
    """

    exit_code = ExitCode.NOTHING_EVALUATED

    worth_retrying = False
    """True if the same request may succeed soon."""

    def __init__(
        self,
        request: str,
        detail: str = "",
        *,
        status: int | None = None,
        code: int | None = None,
        tracking_id: str = "",
    ) -> None:
        self.request = request
        self.detail = sanitize_message(detail)
        self.status = status
        self.code = code
        self.tracking_id = sanitize_message(tracking_id)
        super().__init__(request)

    def __str__(self) -> str:
        return f"Zoom did not answer {self.request} as expected{self._words}."

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def facts(self) -> ResponseInfo:
        """The same as keywords, for an error derived from this one."""
        return {"status": self.status, "code": self.code, "tracking_id": self.tracking_id}

    @property
    def _words(self) -> str:
        """Zoom's text and numbers in brackets; empty if there are none."""
        numbers = [f"HTTP {self.status}"] if self.status is not None else []
        if self.code is not None:
            numbers.append(f"code {self.code}")
        quoted = f'"{self.detail}"' if self.detail else ""
        inside = ": ".join(part for part in (", ".join(numbers), quoted) if part)
        return f" ({inside})" if inside else ""


class AuthenticationFailed(ZoomError):
    """No token, or none that Zoom accepts, so nothing can be read. `reason` is a sentence."""

    def __init__(
        self,
        request: str,
        reason: str,
        detail: str = "",
        **facts: Unpack[ResponseInfo],
    ) -> None:
        super().__init__(request, detail, **facts)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} Zoom refused {self.request}{self._words}."


class TokenRejected(ZoomError):
    """Zoom no longer accepts the token of a request. The client requests another one."""

    def __str__(self) -> str:
        return (
            f"Zoom refused every token sent with {self.request}{self._words}. Check that the app "
            "is still activated, and that no other program signs in with it: each program needs "
            "an app of its own."
        )


class Unreachable(ZoomError):
    """No connection: DNS, network, proxy or TLS. `detail` says which, and what to check."""

    def __init__(self, request: str, detail: str, *, worth_retrying: bool = True) -> None:
        super().__init__(request)
        self.detail = sanitize_message(detail, _LONGEST_ADVICE)
        self.worth_retrying = worth_retrying

    def __str__(self) -> str:
        return f"Zoom could not be reached ({self.request}): {self.detail}"


class Denied(ZoomError):
    """The app's owner lacks a right. The setting is unknown, never off."""

    def __str__(self) -> str:
        return (
            f"Zoom refused {self.request}{self._words}. The app's owner needs a role that may view "
            "this; where the role is right, a setting of the account forbids it."
        )


class ScopeMissing(Denied):
    """The token lacks a scope. Source: Zoom error codes 4711 and 4700.

    `scopes` are the scopes that Zoom named, any one of which may suffice; empty if it named none.
    """

    def __init__(
        self,
        request: str,
        scopes: Sequence[str] = (),
        detail: str = "",
        **facts: Unpack[ResponseInfo],
    ) -> None:
        super().__init__(request, detail, **facts)
        self.scopes = tuple(sanitize_message(scope) for scope in scopes)

    def __str__(self) -> str:
        named = " or ".join(self.scopes) or "a scope it did not name"
        return (
            f"Zoom refused {self.request}: the app lacks {named}. "
            "Add it under Scopes in the app's page, then run the audit again."
        )


class NotLicensed(ZoomError):
    """The plan, add-on or licence does not include this. Source: error codes 200 and 3161."""

    def __str__(self) -> str:
        return (
            f"Zoom does not offer {self.request} to this account or user{self._words}. "
            "It needs another plan, licence or add-on; without it the setting stays unknown."
        )


INVITATION_EXPIRED = 1120
"""Zoom's code for a person who did not accept an invitation in time."""


class NotFound(ZoomError):
    """The requested object is not in this account. Source: HTTP 404 and codes 1001 to 4130."""

    def __str__(self) -> str:
        if self.code == INVITATION_EXPIRED:
            return (
                f"Zoom has no settings for this user in {self.request}{self._words}: the "
                "invitation has expired or was withdrawn."
            )
        return (
            f"Zoom does not know what {self.request} asked for{self._words}. It may have been "
            "deleted since it was listed, or belong to another account."
        )


class RateLimited(ZoomError):
    """Too many requests. `retry_after` is in seconds, None if Zoom did not state it.

    `again_at` is the same as a time in UTC, by Zoom's clock. `daily`: a short wait does not help,
    because the account's quota for the day (UTC) is used up, or because Zoom asks for a pause of
    more than `LONGEST_PAUSE`. `per_second` is the limit that Zoom named, None if it named none per
    second.
    """

    def __init__(
        self,
        request: str,
        detail: str = "",
        *,
        retry_after: float | None = None,
        again_at: datetime | None = None,
        daily: bool = False,
        per_second: float | None = None,
        **facts: Unpack[ResponseInfo],
    ) -> None:
        super().__init__(request, detail, **facts)
        self.retry_after = retry_after
        self.again_at = again_at
        self.per_second = per_second
        self._by_day = daily
        self.daily = daily or (retry_after is not None and retry_after > LONGEST_PAUSE)
        self.worth_retrying = not self.daily

    def __str__(self) -> str:
        if not self.daily:
            return (
                f"Zoom refused {self.request}: too many requests a second{self._words}. Other apps "
                "share this limit; run again with a lower --rate-share or --max-rate."
            )
        limit = "daily limit" if self._by_day else "limit"
        return (
            f"Zoom's {limit} for {self.request} is used up; requests are possible again "
            f"{self._again}. Everything read so far is kept: continue with auditor audit "
            f"--resume{self._words}."
        )

    @property
    def _again(self) -> str:
        """The time, rounded up to the minute."""
        if self.again_at is None:
            return "after midnight UTC" if self._by_day else "after a long pause"
        moment = self.again_at.astimezone(UTC) + timedelta(seconds=59)
        return f"at {moment:%Y-%m-%d %H:%M} UTC"


class Transient(ZoomError):
    """A temporary fault: server errors, broken connections, timeouts, truncated responses."""

    worth_retrying = True

    def __str__(self) -> str:
        return (
            f"Zoom did not answer {self.request} properly, even when asked again{self._words}. "
            "Run again later; status.zoom.us shows known outages."
        )


class Malformed(ZoomError):
    """A response that is not the expected JSON object. `detail` says what it is instead."""

    def __init__(
        self,
        request: str,
        detail: str,
        *,
        worth_retrying: bool = False,
        **facts: Unpack[ResponseInfo],
    ) -> None:
        super().__init__(request, detail, **facts)
        self.worth_retrying = worth_retrying

    def __str__(self) -> str:
        place = f" (HTTP {self.status})" if self.status is not None else ""
        return (
            f"The response to {self.request}{place} cannot be used: {self.detail}. "
            "Check the address (ZOOM_API_URL, ZOOM_OAUTH_URL) and that no proxy changes responses."
        )


class TooMuch(Malformed):
    """A response larger than any of Zoom's. Later ones would be as large."""


class Rejected(ZoomError):
    """Zoom rejects the request itself, or the feature is switched off. See `code`."""

    def __str__(self) -> str:
        return (
            f"Zoom rejected {self.request}{self._words}. The feature may be switched off, or this "
            "version of the auditor may be too old for Zoom's API."
        )


class PageTokenExpired(Rejected):
    """A listing took longer than the 15 minutes of its page token. It has to start again."""

    def __str__(self) -> str:
        return (
            f"The listing {self.request} expired before it was read to the end{self._words}. "
            "Run again, with a higher rate where the organisation allows it."
        )


class ListingUnproved(ZoomError):
    """A listing ended, but there is no proof that all its rows arrived.

    The `listed` rows that arrived are valid; the missing ones are unknown.
    """

    rereads: ClassVar[int] = 1
    """How often to read the listing again before giving up."""

    def __init__(self, request: str, listed: int) -> None:
        super().__init__(request)
        self.listed = listed


class ListingUncounted(ListingUnproved):
    """Zoom documents a count for this listing, but sent none, or none that is a number."""

    rereads = 0  # the result would be the same

    def __init__(self, request: str, listed: int, *, unreadable: bool) -> None:
        super().__init__(request, listed)
        self.unreadable = unreadable

    def __str__(self) -> str:
        count = (
            "its count (total_records) is not a number"
            if self.unreadable
            else ("no count (total_records) came with them")
        )
        return (
            f"{self.listed:,} rows arrived for {self.request}, but {count}, so some may be "
            "missing. Run again; if the problem persists, report it with this message."
        )


class ListingShrank(ListingUnproved):
    """The count fell while the listing was read: rows may have moved between pages."""

    rereads = 3  # something was deleted meanwhile; another attempt is likely to be undisturbed

    def __init__(self, request: str, listed: int, before: int, after: int) -> None:
        super().__init__(request, listed)
        self.before, self.after = before, after

    def __str__(self) -> str:
        return (
            f"Zoom counted {self.before:,} rows in {self.request}, and then {self.after:,} before "
            "the last page arrived, so some may be missing. Run again; if the problem persists, "
            "report it with this message."
        )


class IncompleteListing(ListingUnproved):
    """The number of rows differs from `counted`: rows are missing, or the count is wrong."""

    def __init__(self, request: str, listed: int, counted: int) -> None:
        super().__init__(request, listed)
        self.counted = counted

    def __str__(self) -> str:
        so = "some are missing" if self.listed < self.counted else "the count proves nothing"
        return (
            f"Zoom counts {self.counted:,} rows in {self.request} but listed {self.listed:,}, so "
            f"{so}. Run again; if the problem persists, report it with this message."
        )
