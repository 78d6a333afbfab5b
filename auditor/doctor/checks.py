"""Runs the checks in order. A check is skipped if one that it depends on failed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urlsplit

from auditor.doctor import accepted, account, local, names, network
from auditor.doctor.account import AccessCheck, RateHeaderRecorder
from auditor.doctor.model import AuditTarget, CheckState, DoctorCheck, DoctorReport
from auditor.doctor.needs import Needs, needs
from auditor.doctor.scopes import ScopeComparison
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.plain_text import pluralize
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.policy.judging import reads
from auditor.secrets.backends import KeyringStatus
from auditor.secrets.parsing import NAMES
from auditor.store.runs import Runs
from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.errors import ZoomError
from auditor.zoom.hosts import UnsafeUrl, check_url, is_loopback
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.probe import ProbeResult, probe, route_to
from auditor.zoom.proxy_checks import shown_url
from auditor.zoom.responses import utc_now
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import RequestBounds

_PATIENT = RequestBounds(connect=10.0, silence=20.0, total=30.0)
_NAMES = "names", "Names"
_NO_POLICY = "the organisation file or the baseline cannot be used"
_RETRIES = RetryPolicy(attempts=2, longest_wait=2.0, longest_retry_after=5.0)
"""One retry after a short wait, because a person is waiting."""


@dataclass(frozen=True)
class Policy:
    """The baseline and organisation file that an audit would use."""

    baseline: Baseline
    """Including the expectations that overrides add."""
    depth: Level
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    overridden: frozenset[str] = frozenset()
    """The controls with an override that names groups."""
    entries: Entries = field(default_factory=Entries)
    """The entries of the organisation file that can name groups, people or meetings."""

    @property
    def label(self) -> str:
        """Id and version of the baseline."""
        return f"{self.baseline.info.id} {self.baseline.info.version}".rstrip()

    @cached_property
    def needs(self) -> Needs:
        """The requests that its controls need."""
        return needs(self.baseline, self.depth, self.parameters, self.overridden)

    @property
    def reads(self) -> ReadPlan:
        """The documents an audit would read."""
        return reads.needed(self.baseline, self.depth, self.parameters)


@dataclass(frozen=True)
class DoctorInputs:
    """What to check. An error in place of a value says why it cannot be used."""

    api_url: str
    oauth_url: str
    policy: Policy | AuditorError
    credentials: Credentials | AuditorError
    origins: tuple[str, ...]
    """The sources of the credentials: `environment`, `keyring`…"""
    stored: Runs
    keyring: Callable[[], KeyringStatus]
    look_up: Callable[[Entries], LookedUp] = lambda _: LookedUp(unchecked="No run was looked at.")
    """Looks up names in the newest run."""
    refused: str = ""
    """Why the data directory cannot hold evidence; empty if not known yet."""
    plan: RatePlan = RatePlan.AUTO
    configuration: DoctorCheck | None = None
    """The check of the configuration; None if there is none, as for the sandbox."""
    now: Callable[[], datetime] = utc_now


def examine(case: DoctorInputs) -> DoctorReport:
    """Run all checks: two HEAD requests without credentials, then sign-in and trial requests.

    Writes nothing to Zoom, and nothing on this machine.
    """
    return _Examination(case).diagnosis()


class _Examination:
    def __init__(self, case: DoctorInputs) -> None:
        self.case = case
        self.checks: list[DoctorCheck] = []
        self.policy = case.policy if isinstance(case.policy, Policy) else None
        self.needs = self.policy.needs if self.policy else None
        self.granted: frozenset[str] | None = None
        self.signed_in = False
        self.access = AccessCheck()

    def diagnosis(self) -> DoctorReport:
        case = self.case
        if case.configuration is not None:
            self._add(case.configuration)
        usable = self._add(addresses(case.api_url, case.oauth_url))
        self._add(_baseline(case.policy))
        probes = self._network() if usable else self._no_network()
        self._account(probes)
        self._machine()
        scopes = None
        if self.needs is not None:
            scopes = ScopeComparison(self.needs, self.granted, self.access.names_no_groups)
        if self.policy is None:
            self._skip(_NO_POLICY, ("accepted", "Accepted"))
        else:
            self._add(accepted.check(self.policy.entries, scopes))
        self._scopes(scopes)
        subject = AuditTarget(
            shown_url(case.api_url),
            shown_url(case.oauth_url),
            self.policy.label if self.policy else "",
            self.policy.depth if self.policy else "",
        )
        return DoctorReport(subject, tuple(self.checks), scopes)

    def _add(self, check: DoctorCheck) -> bool:
        self.checks.append(check)
        return check.passed

    def _skip(self, why: str, *named: tuple[str, str]) -> None:
        for name, title in named:
            self._add(DoctorCheck(name, title, CheckState.SKIPPED, f"Not checked, because {why}."))

    def _network(self) -> Sequence[ProbeResult]:
        """Probe the token endpoint and the API; the results are in this order."""
        urls = (self.case.oauth_url, self.case.api_url)
        probes = [probe(url, route_to(url), now=self.case.now) for url in urls]
        self._add(network.proxy(probes))
        self._add(network.reach(probes))
        if all(each.failure is not None and not each.failure.is_tls for each in probes):
            self._skip("neither host was reached", ("tls", "TLS"), ("clock", "Clock"))
            return probes
        self._add(network.tls(probes, self.case.now()))
        if any(each.failure is None for each in probes):
            self._add(network.clock(probes))
        else:
            self._skip("no connection can be trusted", ("clock", "Clock"))
        return probes

    def _no_network(self) -> Sequence[ProbeResult]:
        self._skip(
            "an address cannot be used",
            ("proxy", "Proxy"),
            ("reachability", "Connection"),
            ("tls", "TLS"),
            ("clock", "Clock"),
        )
        return ()

    def _account(self, probes: Sequence[ProbeResult]) -> None:
        case = self.case
        self._add(_credential_origins(case.credentials, case.origins))
        later = (("token", "Sign-in"), ("access", "Reading"), ("rates", "Plan and rates"))
        if isinstance(case.credentials, AuditorError):
            self._skip("there are no credentials", *later)
        elif not probes or probes[0].failure is not None:
            self._skip("there is no connection to the host that signs in", *later)
        else:
            self._sign_in(case.credentials, probes[1].failure is None)

    def _sign_in(self, credentials: Credentials, api_is_there: bool) -> None:
        case = self.case
        with RateHeaderRecorder(_PATIENT) as transport:
            tokens = TokenSource(credentials, transport, token_url=case.oauth_url, retries=_RETRIES)
            plan = RatePlan.BUSINESS if is_loopback(case.api_url) else RatePlan.AUTO
            limiter = RateLimiter(plan.limits)
            client = ZoomClient(case.api_url, tokens, transport, limiter, retries=_RETRIES)
            error: ZoomError | None = None
            try:
                scopes = client.authenticate()
            except ZoomError as refused:
                error, scopes = refused, frozenset()
            later = (("access", "Reading"), ("rates", "Plan and rates"))
            if not self._add(account.token(error, scopes)):
                self._skip("there is no token", *later)
                return
            self.signed_in = True
            self.granted = scopes or None
            if not api_is_there:
                self._skip("there is no connection to the API", *later)
            elif self.needs is None or self.policy is None:
                self._skip("the baseline cannot be used", *later)
            else:
                self.access = AccessCheck.run(client, self.needs, scopes)
                self._add(self.access.check(self.needs))
                limits, plan = transport.limits, case.plan
                self._add(account.rates(self.policy.reads, self.access, limits, plan))

    def _machine(self) -> None:
        case = self.case
        any_missing = isinstance(case.credentials, AuditorError) and len(case.origins) < len(NAMES)
        needed = any_missing or "keyring" in case.origins
        self._add(local.keyring(case.keyring(), needed=needed))
        if self._add(local.directory(case.stored.home, case.refused)):
            self._add(local.history(case.stored))
            whose = (
                "" if isinstance(case.credentials, AuditorError) else case.credentials.account_id
            )
            self._add(local.unfinished(case.stored, whose, case.api_url))
            if self.policy is None:
                self._skip(_NO_POLICY, _NAMES)
            else:
                self._add(names.check(self.policy.entries, case.look_up))
        else:
            later = (("history", "History"), ("unfinished", "Unfinished run"), _NAMES)
            self._skip("the data directory cannot be used", *later)
        self._add(local.disk(case.stored.home, self.access.users))

    def _scopes(self, scopes: ScopeComparison | None) -> None:
        later = (("scopes", "Scopes"), ("write_scopes", "Write scopes"))
        if scopes is None:
            self._skip("the baseline cannot be used", *later)
        elif not self.signed_in:
            self._skip("there is no token", *later)
        else:
            self._add(_granted(scopes, self.policy.entries if self.policy else Entries()))
            if scopes.granted is None:
                self._skip("Zoom returned no scopes", later[1])
            else:
                self._add(_writing(scopes))


def addresses(api_url: str, oauth_url: str) -> DoctorCheck:
    """Whether credentials may be sent to the two addresses, and both are of one cloud."""
    facts: dict[str, JsonValue] = {
        "api_url": shown_url(api_url),
        "oauth_url": shown_url(oauth_url),
    }

    def failed(sentence: str, advice: str) -> DoctorCheck:
        title, code = "Addresses", ExitCode.USAGE
        return DoctorCheck("addresses", title, CheckState.FAILED, sentence, advice, code, facts)

    for url, variable in ((api_url, "ZOOM_API_URL"), (oauth_url, "ZOOM_OAUTH_URL")):
        try:
            check_url(url, variable)
        except UnsafeUrl as error:
            return failed(str(error), f"Correct {variable}, or unset it for Zoom's own address.")
    clouds = [_cloud(api_url), _cloud(oauth_url)]
    if clouds[0] != clouds[1]:
        return failed(
            f"ZOOM_API_URL belongs to {clouds[0]}, ZOOM_OAUTH_URL to {clouds[1]}: neither "
            "accepts the other's tokens.",
            "Set both for one cloud, or neither.",
        )
    facts["cloud"] = clouds[0]
    sentence = f"{api_url} and {oauth_url}: {clouds[0]}."
    return DoctorCheck("addresses", "Addresses", CheckState.OK, sentence, facts=facts)


def _cloud(url: str) -> str:
    if is_loopback(url):
        return "this machine"
    host = urlsplit(url).hostname or ""
    return "Zoom for Government" if host.endswith("zoomgov.com") else "Zoom's commercial cloud"


def _baseline(policy: Policy | AuditorError) -> DoctorCheck:
    if isinstance(policy, AuditorError):
        advice = "List the baselines: auditor baseline list. Check a file: auditor baseline check."
        return DoctorCheck(
            "baseline", "Baseline", CheckState.FAILED, str(policy), advice, ExitCode.USAGE
        )
    assessed = len(policy.baseline.assessed)
    facts: dict[str, JsonValue] = {
        "baseline": policy.label,
        "depth": policy.depth,
        "controls": assessed,
        "controls_read": len(policy.needs.by_control),
        "requests": [each.request for each in policy.needs.endpoints],
    }
    if not assessed:
        return DoctorCheck(
            "baseline",
            "Baseline",
            CheckState.FAILED,
            f"{policy.label} assesses none of the selected controls.",
            "See which it assesses: auditor baseline show NAME.",
            ExitCode.NOTHING_EVALUATED,
            facts,
        )
    rest = assessed - len(policy.needs.by_control)
    people = f"; the other {rest} need no scope" if rest else ""
    how_many = f"{len(policy.needs.by_control)} of {assessed} controls are read from Zoom{people}"
    if assessed == 1:
        how_many = "the one control is read from Zoom"
    if not policy.needs.by_control:
        how_many = "none of the selected controls needs a scope"
    sentence = f"{policy.label}, depth {policy.depth}: {how_many}."
    return DoctorCheck("baseline", "Baseline", CheckState.OK, sentence, facts=facts)


def _credential_origins(
    credentials: Credentials | AuditorError, origins: Sequence[str]
) -> DoctorCheck:
    if isinstance(credentials, AuditorError):
        first, _, rest = str(credentials).partition(". ")
        sentence, advice = (f"{first}.", rest) if rest else (first, "")
        code = ExitCode.USAGE
        return DoctorCheck("credentials", "Credentials", CheckState.FAILED, sentence, advice, code)
    facts: dict[str, JsonValue] = {"origins": [*origins]}
    named = " and ".join(dict.fromkeys(origins)) or "settings"
    sentence = f"All three are set (from: {named})."
    return DoctorCheck("credentials", "Credentials", CheckState.OK, sentence, facts=facts)


def _granted(scopes: ScopeComparison, entries: Entries) -> DoctorCheck:
    """Check that the granted scopes allow every request of the audit, blind spots aside."""
    if not scopes.required:
        sentence = "None is needed: no selected control is read from Zoom."
        return DoctorCheck("scopes", "Scopes", CheckState.OK, sentence)
    if scopes.granted is None:
        return DoctorCheck(
            "scopes",
            "Scopes",
            CheckState.FAILED,
            "Zoom returned no scopes with the token, so it is unknown what the app may read.",
            "Compare Scopes on the app's page with the list below, and activate the app again.",
            ExitCode.INCOMPLETE,
        )
    facts: dict[str, JsonValue] = {"kind": scopes.kind, "missing": [*scopes.to_add]}
    total = len(scopes.required)
    if not scopes.missing:
        sentence = f"The app may make all {total} kinds of requests of this audit."
        return DoctorCheck("scopes", "Scopes", CheckState.OK, sentence, facts=facts)
    unknown, read = len(scopes.unknown), len(scopes.needs.by_control)
    sentence = (
        f"The app may not make {len(scopes.missing)} of {total} kinds of requests; "
        f"{unknown} of {read} controls would be unknown, in whole or in part."
    )
    if accepted.are_accepted(scopes.missing, entries):
        sentence += " The organisation file accepts each of these requests as a blind spot."
        return DoctorCheck("scopes", "Scopes", CheckState.WARNING, sentence, facts=facts)
    advice = "Add the scopes listed below."
    code = ExitCode.INCOMPLETE
    return DoctorCheck("scopes", "Scopes", CheckState.FAILED, sentence, advice, code, facts)


def _writing(scopes: ScopeComparison) -> DoctorCheck:
    facts: dict[str, JsonValue] = {"scopes": [*scopes.writing]}
    if not scopes.writing:
        sentence = "None: the app can only read."
        return DoctorCheck("write_scopes", "Write scopes", CheckState.OK, sentence, facts=facts)
    named = ", ".join(scopes.writing)
    return DoctorCheck(
        "write_scopes",
        "Write scopes",
        CheckState.WARNING,
        f"The app has {pluralize(len(scopes.writing), 'scope')} that can do more than read, and "
        f"an audit needs none: {named}.",
        "Remove them under Scopes on the app's page. If another program needs them, create a "
        "separate app for the audit.",
        facts=facts,
    )
