"""Checks of the account: sign-in, read access, and rate limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.doctor.needs import Needs
from auditor.errors import ExitCode
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.plain_text import pluralize
from auditor.redaction.text import redact_text
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
from auditor.zoom.transport import Bearer, RequestBounds, Response, Transport

TRIAL_REQUESTS: tuple[tuple[Endpoint, Mapping[str, str]], ...] = (
    (endpoints.USERS, {"status": "active", "page_size": "30"}),
    (endpoints.ACCOUNT_SETTINGS, {}),
    (endpoints.ACCOUNT_LOCK_SETTINGS, {}),
)
"""The requests of the read check: one cheap request for each kind of right, and one for the plan.

Locks need a paid plan. Source: GET /accounts/{accountId}/lock_settings, "Pro or higher".
"""
SHARE = 0.8
"""The share of the rate limit that `audit` uses."""
FREE_A_DAY = 2_000
"""Medium requests per day for a free account. Source: Zoom's rate limits, 2026-11."""

LONGEST_LIMIT = 40
"""Maximum length, in characters, of a rate-limit header in the report."""

_AGAIN = "Run again later; status.zoom.us shows known outages."
_REFUSED = "Zoom refused the credentials"


class RateHeaderRecorder(Transport):
    """A transport that records the rate-limit headers of API responses."""

    def __init__(self, bounds: RequestBounds | None = None) -> None:
        super().__init__(bounds)
        self.limits: dict[str, str] = {}
        """The newest value of each `X-RateLimit-*` header, by its name in lower case."""

    def get(self, url: str, params: Mapping[str, str], auth: Bearer, request: str) -> Response:
        """Send a GET and record its rate-limit headers."""
        response = super().get(url, params, auth, request)
        for name, value in response.headers.items():
            if name.lower().startswith("x-ratelimit-"):
                self.limits[name.lower()] = redact_text(value)[:LONGEST_LIMIT]
        return response


class ZoomReader(Protocol):
    """Reads Zoom's API. Raises `ZoomError`."""

    def authenticate(self) -> frozenset[str]:
        """The scopes of the app's token."""

    def get(
        self, endpoint: Endpoint, *, params: Mapping[str, str] | None = None
    ) -> dict[str, JsonValue]:
        """One document."""


def token(error: ZoomError | None, scopes: frozenset[str]) -> DoctorCheck:
    """Check that Zoom issues a token for the credentials; `error` is the reason if it does not."""
    if error is None:
        sentence = "Zoom accepts them."
        facts: dict[str, JsonValue] = {"scopes": [*sorted(scopes)]}
        return DoctorCheck("token", "Sign-in", CheckState.OK, sentence, facts=facts)
    sentence, advice = _token_refused(error)
    code = ExitCode.NOTHING_EVALUATED
    return DoctorCheck("token", "Sign-in", CheckState.FAILED, sentence, advice, code, _facts(error))


def _token_refused(error: ZoomError) -> tuple[str, str]:
    """The refusal of a token as a sentence, and advice."""
    if isinstance(error, AuthenticationFailed):
        return f"{_REFUSED}{error_details(error)}.", error.reason
    if isinstance(error, RateLimited):
        return (
            f"Zoom issues no token at the moment: too many requests{error_details(error)}.",
            _AGAIN,
        )
    return f"No token came from Zoom{error_details(error)}.", str(error)


def error_details(error: ZoomError) -> str:
    """Status, code and message of an error, in brackets; empty if it has none."""
    numbers = [f"HTTP {error.status}"] if error.status is not None else []
    numbers += [f"code {error.code}"] if error.code is not None else []
    quoted = [f"“{error.detail}”"] if error.detail else []
    inside = ": ".join(part for part in (", ".join(numbers), *quoted) if part)
    return f" ({inside})" if inside else ""


@dataclass
class AccessCheck:
    """The results of the trial requests."""

    outcomes: dict[Endpoint, dict[str, JsonValue] | ZoomError] = field(default_factory=dict)

    @classmethod
    def run(cls, api: ZoomReader, needs: Needs, granted: frozenset[str]) -> "AccessCheck":
        """Send the trial requests that the audit needs and the granted scopes allow."""
        access = cls()
        for endpoint, params in TRIAL_REQUESTS:
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
        """The number of active users; None if unknown."""
        listing = self.outcomes.get(endpoints.USERS)
        return whole_number(listing.get("total_records")) if isinstance(listing, dict) else None

    @property
    def names_no_groups(self) -> bool:
        """True if users were listed without group ids; group members may then have to be listed."""
        listing = self.outcomes.get(endpoints.USERS)
        rows = listing.get("users") if isinstance(listing, dict) else None
        if not isinstance(rows, list):
            return False
        return not any(isinstance(row, dict) and row.get("group_ids") for row in rows)

    @property
    def errors(self) -> Mapping[Endpoint, ZoomError]:
        """The trial requests that failed, with their errors."""
        return {e: o for e, o in self.outcomes.items() if isinstance(o, ZoomError)}

    def check(self, needs: Needs) -> DoctorCheck:
        """Check that the API responds, and that the app's owner is allowed to read."""
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
                "Not tried, because the app has no scope for it.",
            )
        errors = self.errors
        if not errors:
            names = ", ".join(each.name.replace("_", " ") for each in self.outcomes)
            return DoctorCheck(
                "access", "Reading", CheckState.OK, f"Tried: {names}. Works.", facts=facts
            )
        licences = {e: o for e, o in errors.items() if isinstance(o, NotLicensed)}
        worse = {e: o for e, o in errors.items() if e not in licences}
        endpoint, error = next(iter((worse or licences).items()))
        affected = _controls(needs, [e for e in errors if isinstance(errors[e], type(error))])
        sentence, advice = _not_read(endpoint, error)
        sentence += f" {affected} would be unknown." if affected else ""
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
    """The failure of a request as a sentence, and advice."""
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
                f"Zoom refused {what}, although the app has the scope.",
                "Give the app's owner a role that may view account settings, groups, users and "
                "roles: an app sees what its owner may see.",
            )
        case NotLicensed():
            return (
                f"This account's plan does not offer {what}.",
                "Nothing to do here. Settings that only a paid plan shows can be attested: auditor "
                "attest.",
            )
        case AuthenticationFailed():
            return (f"Zoom refused {what}.", error.reason)
        case RateLimited(daily=True):
            return (
                f"The account's requests for today are used up, by {what}.",
                "Wait for the next day, UTC; other apps of the account share this limit.",
            )
    return f"Zoom returned no usable response to {what}.", str(error)


def rates(
    reads: ReadPlan | None,
    access: AccessCheck,
    headers: Mapping[str, str],
    plan: RatePlan = RatePlan.AUTO,
) -> DoctorCheck:
    """The plan, as far as known, and how long collection takes at the limits of each plan.

    `headers` are the `X-RateLimit-*` headers of the responses so far, `plan` is configured.
    """
    users = access.users
    is_free = isinstance(access.outcomes.get(endpoints.ACCOUNT_LOCK_SETTINGS), NotLicensed)
    per_user = len(reads.user) + bool(reads.phone_user) if reads is not None else 0
    requests = None if users is None or not per_user else users * per_user
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
    sentences = [_plan(plan, is_free), *_left(headers)]
    if requests is not None:
        sentences.append(
            f"{users:,} users need up to {requests:,} requests: {_at_the_limits(times)}."
        )
    else:
        sentences.append(f"Limits of {plans[0].title()}: {_of(plans[0]):g} such requests a second.")
    if reads is not None and (reads.meeting or reads.webinar):
        sentences.append("Upcoming meetings come on top: one request each.")
    state, advice = CheckState.OK, ""
    if is_free and (requests or 0) > FREE_A_DAY:
        state = CheckState.WARNING
        advice = (
            f"A free account has {FREE_A_DAY:,} such requests a day: use --plan free, and resume "
            "each day with --resume, or audit only groups with --depth group."
        )
    elif plan is RatePlan.AUTO and times[RatePlan.PRO] > 60:
        advice = "To use the limits of your plan, name it: auditor audit --plan business."
    return DoctorCheck("rates", "Plan and rates", state, " ".join(sentences), advice, facts=facts)


def _plan(plan: RatePlan, is_free: bool) -> str:
    if is_free:
        return "A free plan, as it seems: account locks are not offered."
    if plan is RatePlan.AUTO:
        return "Zoom does not report an account's plan."
    return f"{plan.title()}, as configured."


def _left(headers: Mapping[str, str]) -> list[str]:
    """The number of requests left, if Zoom returned it."""
    if "x-ratelimit-remaining" not in headers:
        return []
    limit = headers.get("x-ratelimit-limit", "")
    of = f" of {limit}" if limit else ""
    return [f"Requests left, according to Zoom: {headers['x-ratelimit-remaining']}{of}."]


def _at_the_limits(times: Mapping[RatePlan, float]) -> str:
    """The duration at the limits of each plan; one duration if all are equal."""
    durations = {plan: _minutes(seconds) for plan, seconds in times.items()}
    first, *rest = durations.items()
    text = f"{first[1]} at the limits of {first[0].title()}"
    return text + "".join(
        f", {duration} at those of {plan.title()}"
        for plan, duration in rest
        if duration != first[1]
    )


def _of(plan: RatePlan) -> float:
    return plan.limits[RateLabel.MEDIUM]


def _minutes(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def _controls(needs: Needs, affected: Sequence[Endpoint]) -> str:
    ids = {cid for endpoint in affected for cid in needs.controls(endpoint)}
    return pluralize(len(ids), "control") if ids else ""


def _facts(outcome: ZoomError | dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The result for the JSON report: `ok`, or the error class with Zoom's status and code."""
    if not isinstance(outcome, ZoomError):
        return {"result": "ok"}
    return {
        "result": type(outcome).__name__,
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.detail,
        "tracking_id": outcome.tracking_id or None,
    }
