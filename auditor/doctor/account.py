"""The account: whether the credentials are accepted, what may be read, and how fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.doctor.needs import Needs
from auditor.errors import ExitCode
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import (
    AuthenticationFailed,
    Denied,
    NotLicensed,
    RateLimited,
    ScopeMissing,
    ZoomError,
)
from auditor.zoom.limits import RateLabel, RatePlan
from auditor.zoom.paging import whole_number
from auditor.zoom.redaction import redact_text
from auditor.zoom.transport import Bearer, RequestBounds, Response, Transport

ASKED: tuple[tuple[Endpoint, Mapping[str, str]], ...] = (
    (endpoints.USERS, {"status": "active", "page_size": "30"}),
    (endpoints.ACCOUNT_SETTINGS, {}),
    (endpoints.ACCOUNT_LOCK_SETTINGS, {}),
)
"""The most that is asked of the API: one cheap request for each kind of right, one for the plan.

Locks need a paid plan. Source: GET /accounts/{accountId}/lock_settings, "Pro or higher".
"""
SHARE = 0.8
"""Of the rate limit, as `audit` uses it."""
FREE_A_DAY = 2_000
"""Requests of the label Medium a free account has a day. Source: Zoom's rate limits, 2026-11."""

LONGEST_LIMIT = 40
"""Characters of a rate-limit header that are shown."""

_AGAIN = "Run again later; status.zoom.us shows known outages."
_REFUSED = "Zoom refused the credentials"


class RateHeaderRecorder(Transport):
    """A transport that remembers what answers of the API say about rate limits."""

    def __init__(self, bounds: RequestBounds | None = None) -> None:
        super().__init__(bounds)
        self.limits: dict[str, str] = {}
        """The newest value of each `X-RateLimit-*` header, by its name in lower case."""

    def get(self, url: str, params: Mapping[str, str], auth: Bearer, request: str) -> Response:
        """The answer to a GET."""
        answer = super().get(url, params, auth, request)
        for name, value in answer.headers.items():
            if name.lower().startswith("x-ratelimit-"):
                self.limits[name.lower()] = redact_text(value)[:LONGEST_LIMIT]
        return answer


class ZoomReader(Protocol):
    """Reads Zoom's API. Raises `ZoomError`."""

    def authenticate(self) -> frozenset[str]:
        """The scopes of the app's token."""

    def get(
        self, endpoint: Endpoint, *, params: Mapping[str, str] | None = None
    ) -> dict[str, JsonValue]:
        """One document."""


def token(error: ZoomError | None, scopes: frozenset[str]) -> DoctorCheck:
    """Whether Zoom gives a token for the credentials; `error` is why not."""
    if error is None:
        sentence = "Zoom accepts them."
        facts: dict[str, JsonValue] = {"scopes": [*sorted(scopes)]}
        return DoctorCheck("token", "Sign-in", CheckState.OK, sentence, facts=facts)
    sentence, advice = _token_refused(error)
    code = ExitCode.NOTHING_EVALUATED
    return DoctorCheck("token", "Sign-in", CheckState.FAILED, sentence, advice, code, _facts(error))


def _token_refused(error: ZoomError) -> tuple[str, str]:
    """What Zoom said, and what that means."""
    if isinstance(error, AuthenticationFailed):
        return f"{_REFUSED}{error_details(error)}.", error.reason
    if isinstance(error, RateLimited):
        return (
            f"Zoom gives no token at this moment: too many requests{error_details(error)}.",
            _AGAIN,
        )
    return f"No token came from Zoom{error_details(error)}.", str(error)


def error_details(error: ZoomError) -> str:
    """Zoom's numbers and words, in brackets; empty where there are none."""
    numbers = [f"HTTP {error.status}"] if error.status is not None else []
    numbers += [f"code {error.code}"] if error.code is not None else []
    said = [f"“{error.detail}”"] if error.detail else []
    inside = ": ".join(part for part in (", ".join(numbers), *said) if part)
    return f" ({inside})" if inside else ""


@dataclass
class AccessCheck:
    """What came of asking the API for a few documents."""

    outcomes: dict[Endpoint, dict[str, JsonValue] | ZoomError] = field(default_factory=dict)

    @classmethod
    def tried(cls, api: ZoomReader, needs: Needs, granted: frozenset[str]) -> "AccessCheck":
        """Ask for what is needed, and granted as far as that is known."""
        access = cls()
        for endpoint, params in ASKED:
            if endpoint not in needs.endpoints or (granted and not endpoint.is_allowed_by(granted)):
                continue
            try:
                access.outcomes[endpoint] = api.get(endpoint, params=params)
            except ZoomError as error:
                access.outcomes[endpoint] = error
                if isinstance(error, AuthenticationFailed):
                    break
        return access

    @property
    def users(self) -> int | None:
        """How many active users there are; None where nobody knows."""
        listing = self.outcomes.get(endpoints.USERS)
        return whole_number(listing.get("total_records")) if isinstance(listing, dict) else None

    @property
    def names_no_groups(self) -> bool:
        """True where users were listed, and none with a group: members may have to be listed."""
        listing = self.outcomes.get(endpoints.USERS)
        rows = listing.get("users") if isinstance(listing, dict) else None
        if not isinstance(rows, list):
            return False
        return not any(isinstance(row, dict) and row.get("group_ids") for row in rows)

    @property
    def errors(self) -> Mapping[Endpoint, ZoomError]:
        """What could not be read."""
        return {e: o for e, o in self.outcomes.items() if isinstance(o, ZoomError)}

    def check(self, needs: Needs) -> DoctorCheck:
        """Whether the API answers, and the app's owner may see what is asked for."""
        facts: dict[str, JsonValue] = {
            "requests": [
                {"request": each.request, **_facts(outcome)}
                for each, outcome in self.outcomes.items()
            ]
        }
        if not self.outcomes:
            return DoctorCheck(
                "access",
                "Reading",
                CheckState.SKIPPED,
                "Not tried, because the app holds no scope for it.",
            )
        errors = self.errors
        if not errors:
            tried = ", ".join(each.name.replace("_", " ") for each in self.outcomes)
            return DoctorCheck(
                "access", "Reading", CheckState.OK, f"Tried: {tried}. Works.", facts=facts
            )
        licences = {e: o for e, o in errors.items() if isinstance(o, NotLicensed)}
        worse = {e: o for e, o in errors.items() if e not in licences}
        endpoint, error = next(iter((worse or licences).items()))
        blind = _controls(needs, [e for e in errors if isinstance(errors[e], type(error))])
        sentence, advice = _not_read(endpoint, error)
        sentence += f" {blind} would be unknown." if blind else ""
        if not worse:  # an audit is complete without what the account does not have
            return DoctorCheck(
                "access", "Reading", CheckState.WARNING, sentence, advice, facts=facts
            )
        readable = any(isinstance(e, Denied) for e in worse.values()) or len(errors) < len(
            self.outcomes
        )
        code = ExitCode.INCOMPLETE if readable else ExitCode.NOTHING_EVALUATED
        return DoctorCheck("access", "Reading", CheckState.FAILED, sentence, advice, code, facts)


def _not_read(endpoint: Endpoint, error: ZoomError) -> tuple[str, str]:
    """What happened to a request, and what to do."""
    what = f"{endpoint.request}{error_details(error)}"
    match error:
        case ScopeMissing():
            named = " or ".join(error.scopes or endpoint.scopes)
            return (
                f"Zoom refused {what}.",
                f"Add {named} under Scopes on the app's page, and activate the app again.",
            )
        case Denied():
            return (
                f"Zoom refused {what}, although the app holds the scope.",
                "Give the app's owner a role that may view account settings, groups, users and "
                "roles: an app sees what its owner may see.",
            )
        case NotLicensed():
            return (
                f"This account's plan does not offer {what}.",
                "Nothing to do here. What only a paid plan shows can be attested: auditor attest.",
            )
        case AuthenticationFailed():
            return (f"Zoom refused {what}.", error.reason)
        case RateLimited(daily=True):
            return (
                f"The account's requests for today are used up, by {what}.",
                "Wait for the next day, UTC; other apps of the account share this limit.",
            )
    return f"Zoom did not answer {what} as it should.", str(error)


def rates(
    reads: ReadPlan | None,
    access: AccessCheck,
    headers: Mapping[str, str],
    plan: RatePlan = RatePlan.AUTO,
) -> DoctorCheck:
    """What is known of the plan, and how long reading takes at the limits of each.

    `headers` are the `X-RateLimit-*` of the answers so far, `plan` is the configured one.
    """
    users = access.users
    is_free = isinstance(access.outcomes.get(endpoints.ACCOUNT_LOCK_SETTINGS), NotLicensed)
    a_user = len(reads.user) + bool(reads.phone_user) if reads is not None else 0
    requests = None if users is None or not a_user else users * a_user
    plans = (RatePlan.PRO, RatePlan.BUSINESS) if plan is RatePlan.AUTO else (plan,)
    times = {each: (requests or 0) / (_of(each) * SHARE) for each in plans}
    facts: dict[str, JsonValue] = {
        "configured": plan.value,
        "seems_free": is_free,
        "users": users,
        "requests": requests,
        "seconds": None
        if requests is None
        else {each.value: round(seconds) for each, seconds in times.items()},
        "headers": dict(headers),
    }
    told = [_plan(plan, is_free), *_left(headers)]
    if requests is not None:
        told.append(f"{users:,} users need up to {requests:,} requests: {_at_the_limits(times)}.")
    else:
        told.append(f"Limits of {plans[0].title()}: {_of(plans[0]):g} such requests a second.")
    if reads is not None and (reads.meeting or reads.webinar):
        told.append("Upcoming meetings come on top: one request each.")
    state, advice = CheckState.OK, ""
    if is_free and (requests or 0) > FREE_A_DAY:
        state = CheckState.WARNING
        advice = (
            f"A free account has {FREE_A_DAY:,} such requests a day: use --plan free, and go on "
            "each day with --resume, or look less deep with --depth group."
        )
    elif plan is RatePlan.AUTO and times[RatePlan.PRO] > 60:
        advice = "Name your plan for its limits: auditor audit --plan business."
    return DoctorCheck("rates", "Plan and rates", state, " ".join(told), advice, facts=facts)


def _plan(plan: RatePlan, is_free: bool) -> str:
    if is_free:
        return "A free plan, as it seems: account locks are not offered."
    if plan is RatePlan.AUTO:
        return "Zoom tells no account's plan."
    return f"{plan.title()}, as configured."


def _left(headers: Mapping[str, str]) -> list[str]:
    """How many requests are left, where Zoom says so."""
    if "x-ratelimit-remaining" not in headers:
        return []
    limit = headers.get("x-ratelimit-limit", "")
    of = f" of {limit}" if limit else ""
    return [f"Requests left, says Zoom: {headers['x-ratelimit-remaining']}{of}."]


def _at_the_limits(times: Mapping[RatePlan, float]) -> str:
    """How long it takes; once, where it is the same for all."""
    spans = {plan: _minutes(seconds) for plan, seconds in times.items()}
    first, *rest = spans.items()
    told = f"{first[1]} at the limits of {first[0].title()}"
    return told + "".join(
        f", {span} at those of {plan.title()}" for plan, span in rest if span != first[1]
    )


def _of(plan: RatePlan) -> float:
    return plan.limits[RateLabel.MEDIUM]


def _minutes(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def _controls(needs: Needs, blind: Sequence[Endpoint]) -> str:
    ids = {cid for endpoint in blind for cid in needs.controls(endpoint)}
    return f"{len(ids)} control{'s' if len(ids) != 1 else ''}" if ids else ""


def _facts(outcome: ZoomError | dict[str, JsonValue]) -> dict[str, JsonValue]:
    """For programs: `ok`, or the kind of error with Zoom's numbers."""
    if not isinstance(outcome, ZoomError):
        return {"result": "ok"}
    return {
        "result": type(outcome).__name__,
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.detail,
        "tracking_id": outcome.tracking_id or None,
    }
