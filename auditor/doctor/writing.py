"""Checks of the app that changes the account: whether it may make the changes of a plan."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from auditor.doctor import account
from auditor.doctor.checks import addresses
from auditor.doctor.model import AuditTarget, CheckState, DoctorCheck, DoctorReport
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.reading import JsonValue
from auditor.plain_text import pluralize
from auditor.policy.catalogue.operators import writes
from auditor.zoom import endpoints
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import ZoomError
from auditor.zoom.proxy_checks import shown_url
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import RequestBounds, Transport

Kind = Literal["value", "lock"]
Level = Literal["account", "group", "user"]


@dataclass(frozen=True, slots=True)
class WriteNeed:
    """The scopes to change one kind of document, and to read it again. Any one of each suffices."""

    reading: Endpoint
    scopes: tuple[str, ...]
    classic_scope: str
    under: Endpoint | None = None
    """The document whose values a lock waits for."""

    @property
    def reads(self) -> tuple[Endpoint, ...]:
        """The documents to read."""
        return (self.reading,) if self.under is None else (self.reading, self.under)

    def missing(self, granted: Collection[str]) -> list[str]:
        """The scopes to add: at most one to write, and one for each document to read."""
        needed = []
        if not {*self.scopes, self.classic_scope, "account:master"} & {*granted}:
            needed.append(self.scopes[0])
        needed += [each.scopes[0] for each in self.reads if not each.is_allowed_by(granted)]
        return needed


NEEDS: dict[tuple[Kind, Level], WriteNeed] = {
    ("value", "account"): WriteNeed(
        endpoints.ACCOUNT_SETTINGS,
        ("account:update:settings:admin", "account:update:settings:master"),
        "account:write:admin",
    ),
    ("lock", "account"): WriteNeed(
        endpoints.ACCOUNT_LOCK_SETTINGS,
        ("account:update:lock_settings:admin", "account:update:lock_settings:master"),
        "account:write:admin",
        endpoints.ACCOUNT_SETTINGS,
    ),
    ("value", "group"): WriteNeed(
        endpoints.GROUP_SETTINGS, ("group:update:settings:admin",), "group:write:admin"
    ),
    ("lock", "group"): WriteNeed(
        endpoints.GROUP_LOCK_SETTINGS,
        ("group:update:lock_settings:admin",),
        "group:write:admin",
        endpoints.GROUP_SETTINGS,
    ),
    ("value", "user"): WriteNeed(
        endpoints.USER_SETTINGS, ("user:update:settings:admin",), "user:write:admin"
    ),
}
"""Source: Zoom's API reference, 2024-01, and its list of granular scopes, 2026-11."""

_BOUNDS = RequestBounds(connect=10.0, silence=20.0, total=30.0)
_RETRIES = RetryPolicy(attempts=2, longest_wait=2.0, longest_retry_after=5.0)


@dataclass(frozen=True, slots=True)
class WritingInputs:
    """What to check. An error in place of credentials says why they cannot be used."""

    api_url: str
    oauth_url: str
    writing: Credentials | AuditorError
    reading: Credentials | AuditorError
    changes: Collection[tuple[Kind, Level]]
    """Kinds of changes to be made."""


def examine_writing(case: WritingInputs) -> DoctorReport:
    """Ask Zoom for a token of each app, and compare their scopes. Changes nothing."""
    checks = [addresses(case.api_url, case.oauth_url)]
    if checks[0].passed:
        checks += [*_writing_app(case), _reading_app(case)]
    subject = AuditTarget(shown_url(case.api_url), shown_url(case.oauth_url), purpose="fix")
    return DoctorReport(subject, tuple(checks))


def _writing_app(case: WritingInputs) -> list[DoctorCheck]:
    if isinstance(case.writing, AuditorError):
        title, code = "Writing app", ExitCode.USAGE
        sentence = str(case.writing)
        failed = DoctorCheck("write_app", title, CheckState.FAILED, sentence, "", code)
        return [failed, _needed(case, None)]
    error, granted = _scopes(case.writing, case.oauth_url)
    signed_in = account.token(error, granted)
    facts = {"client": case.writing.client_id[:4] + "…"}
    check = DoctorCheck(
        "write_app",
        "Writing app",
        signed_in.state,
        signed_in.sentence,
        signed_in.advice.replace("ZOOM_CLIENT_", "ZOOM_WRITE_CLIENT_"),
        signed_in.exit_code,
        facts,
    )
    return [check, _needed(case, granted if error is None else None)]


def _needed(case: WritingInputs, granted: frozenset[str] | None) -> DoctorCheck:
    """The scopes that the changes need; with `granted`, those that are missing."""
    needs = [NEEDS[change] for change in sorted(case.changes)]
    every = _distinct(
        scope
        for need in needs
        for scope in (need.scopes[0], *(each.scopes[0] for each in need.reads))
    )
    if granted is None:
        sentence = f"The changes need {', '.join(every)}." if every else "No change needs any."
        return DoctorCheck("fix_scopes", "Scopes to write", CheckState.SKIPPED, sentence)
    missing = _distinct(scope for need in needs for scope in need.missing(granted))
    facts: dict[str, JsonValue] = {"needed": [*every], "missing": [*missing]}
    if not missing:
        sentence = f"All there: {', '.join(every)}." if every else "No change needs any."
        return DoctorCheck("fix_scopes", "Scopes to write", CheckState.OK, sentence, facts=facts)
    return DoctorCheck(
        "fix_scopes",
        "Scopes to write",
        CheckState.FAILED,
        f"The app lacks {', '.join(missing)}.",
        "Add them under Scopes on the page of the writing app.",
        ExitCode.INCOMPLETE,
        facts,
    )


def _distinct(scopes: Iterable[str]) -> list[str]:
    return [*dict.fromkeys(scopes)]


def _reading_app(case: WritingInputs) -> DoctorCheck:
    name, title = "read_app", "Reading app"
    if isinstance(case.reading, AuditorError):
        return DoctorCheck(name, title, CheckState.SKIPPED, f"Not checked. {case.reading}")
    error, granted = _scopes(case.reading, case.oauth_url)
    if error is not None:
        return DoctorCheck(name, title, CheckState.SKIPPED, f"Not checked. {error}")
    held = sorted(scope for scope in granted if writes(scope))
    facts: dict[str, JsonValue] = {"scopes": [*held]}
    if not held:
        return DoctorCheck(name, title, CheckState.OK, "It can only read.", facts=facts)
    return DoctorCheck(
        name,
        title,
        CheckState.WARNING,
        f"The app that reads has {pluralize(len(held), 'scope')} that can do more: "
        f"{', '.join(held)}.",
        "Remove them under Scopes on its page: it is used every night, and never to write.",
        facts=facts,
    )


def _scopes(credentials: Credentials, oauth_url: str) -> tuple[ZoomError | None, frozenset[str]]:
    with Transport(_BOUNDS) as transport:
        tokens = TokenSource(credentials, transport, token_url=oauth_url, retries=_RETRIES)
        try:
            tokens.token()
        except ZoomError as error:
            return error, frozenset()
        return None, tokens.scopes
