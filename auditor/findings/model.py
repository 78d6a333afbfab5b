"""The result model: what was judged, how it came out, and on which evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.finding_history import FindingHistory


class Status(StrEnum):
    """How one control check came out at one scope."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    ATTESTATION_EXPIRED = "attestation_expired"
    NEEDS_DECISION = "needs_decision"
    WAIVED = "waived"
    ATTESTED = "attested"
    NOT_APPLICABLE = "not_applicable"
    PASS = "pass"


class FindingKind(StrEnum):
    """What a finding is about."""

    VALUE = "value"
    """The value of a setting."""
    LOCK = "lock"
    """The lock that should hold a setting in place."""
    ATTESTATION = "attestation"
    """Something no API shows: a person has to look and say so."""
    USAGE = "usage"
    """What people really did, as reports and dashboards show it."""
    UNCOVERED = "uncovered"
    """A setting Zoom returns that no control covers."""
    DERIVED = "derived"
    """Computed from other verdicts of the run."""


class Severity(StrEnum):
    """How much a deviation matters. Ordered: `Severity.rank` 0 is the worst."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical, 3 for low."""
        return _SEVERITY_RANK[self]

    @property
    def lowered(self) -> "Severity":
        """The next lower one; low stays low."""
        ranks = list(Severity)
        return ranks[min(self.rank + 1, len(ranks) - 1)]


_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the chain that a value comes down: account, group, then the scope itself."""

    level: Level
    value: JsonValue = None
    seen: bool = False
    """False where this layer has no value of its own, or nobody saw it."""
    locked: bool | None = None
    """Whether this layer holds the value in place; None where it has no lock or nobody saw it."""
    decides: bool = False
    """True for the layer whose value holds at the scope."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check judged on one set of evidence.

    Scopes with equal evidence share their verdicts, so a verdict names no scope and no time.
    """

    control: str
    kind: FindingKind
    status: Status
    severity: Severity
    setting: str
    observed: JsonValue = None
    expected: Mapping[str, JsonValue] | None = None
    cause: Cause | None = None
    detail: str = ""
    """One sentence for people: why it came out like this, and what to do next."""
    locked: bool | None = None
    """True or false where a lock that governs this scope was read; None where none could be."""
    proved_by: str | None = None
    decided_by: str | None = None
    """The layer whose value holds here: account, group or user. None where it cannot be told."""
    changeable_by: tuple[str, ...] = ()
    """Who can still change the value: user, group_admin, account_admin."""
    source: str = ""
    """The request the evidence came from, or `computed`."""
    waiver: Mapping[str, str] | None = None
    """What covers the deviation: reason, owner, ticket, expires."""
    override: str = ""
    """The override of the organisation file that was judged by; empty for the baseline itself."""
    changeable: str = ""
    """`changeable_by` as a sentence, with numbers."""
    layers: tuple[Layer, ...] = ()
    """The effective-value chain, from the account down; empty where there is none to show."""
    as_expected: bool | None = None
    """The answer of the attestation that settles it; None where there is none, or it does not say
    whether things are as expected."""
    latent: bool = False
    """True for a deviation that has no effect yet: the switch above it is off."""
    allowed_by: str = ""
    """The organisation's parameter that allows a value the baseline would not."""

    @property
    def is_undecided(self) -> bool:
        """True where the organisation still has to decide, to look, or to say what it saw.

        A parameter that is unset, an attestation that is missing or has expired, and one that does
        not say whether things are as expected. Counted alike everywhere: `Summary.undecided`.
        """
        if self.status is Status.ATTESTED:
            return self.as_expected is None
        return self.status in (Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict at a scope: one row of a report."""

    verdict: Verdict
    scope: Scope
    observed_at: str | None
    fingerprint: str
    history: FindingHistory | None = None
    """What the history knows of it; None where nothing does."""

    @property
    def order(self) -> tuple[int, str, int, str, str, str]:
        """Sort key of the contract: severity, control, level, scope id, setting (then kind)."""
        v = self.verdict
        return v.severity.rank, v.control, self.scope.level.rank, self.scope.id, v.setting, v.kind


@dataclass(frozen=True, slots=True)
class ControlInfo:
    """What a report says about a control, whatever came of it."""

    id: str
    title: str
    family: str
    severity: Severity
    why: str = ""
    fix_portal: str = ""
    fix_api: str = ""
    fix_note: str = ""
    """Why there is no way by API, or what to mind on it."""
    pitfalls: str = ""
    mappings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadError:
    """Documents that could not be read, one row for equal causes."""

    source: str
    cause: Cause
    message: str
    controls: tuple[str, ...]
    scopes: int = 1
    """How many scopes the row stands for."""


@dataclass(frozen=True, slots=True)
class WaiverResult:
    """A waiver of the organisation file, and what became of it in this run."""

    control: str
    scope: str
    reason: str
    owner: str
    ticket: str
    expires: str
    state: str
    """active, expiring (14 days or less), expired, unmatched, or unknown (nothing to see)."""
    matched: int
    """How many deviations it covers, or covered until it expired."""
    detail: str = ""
    """Which of its names the account does not have, and what was meant perhaps; empty for none."""

    @property
    def is_stale(self) -> bool:
        """True where it fails a gate: it has run out, or it covers nothing."""
        return self.state in ("expired", "unmatched")

    @property
    def needs_care(self) -> bool:
        """True where somebody has to do something about it, soon or now."""
        return self.is_stale or self.state == "expiring"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in the organisation file, or a whole entry, that does not fit the account as it is."""

    kind: str
    """override, waiver, attestation or parameter."""
    entry: str
    """Which one: `override for group Legal*`, `parameter ai_allowed_groups`."""
    what: str
    """group, user or meeting; empty where the entry as a whole is meant."""
    name: str
    """As it is written in the file; empty where the entry as a whole is meant."""
    state: str
    """unmatched, unknown (the names could not be read), look_alike (another name of the account
    looks the same), or unused (an attestation that answers nothing)."""
    detail: str
    """What is wrong and what to do, in a sentence."""
    suggestion: str = ""
    """The nearest name that the account has; empty for none."""

    @property
    def is_stale(self) -> bool:
        """True where it fails a gate, like a stale waiver: it matches nothing."""
        return self.state == "unmatched"


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """What the run cost Zoom's API."""

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BaselineInfo:
    """Which baseline judged the run."""

    id: str
    version: str
    digest: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The facts of a run. Times are RFC 3339, UTC."""

    id: str
    account_id: str
    api_url: str
    started_at: str
    finished_at: str
    depth: str
    baseline: BaselineInfo
    evidence_digest: str
    complete: bool
    exit_code: int
    fail_on: str = "never"
    allow_unknown: bool = False
    simulated: bool = False
    """True where the evidence does not come from Zoom: from `--sandbox`, or an API on this
    machine."""
    organisation_digest: str = ""
    """`sha256:` over the organisation file's parameters, overrides, waivers, attestations and
    triage; empty where it has none of them, or there was no such file."""
    oldest_evidence_at: str = ""
    """When the oldest document came that a verdict may rest on. A run that was resumed, or stands
    on an earlier one, is older than its end says. Empty where nothing was read."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """What an earlier run of the same account and baseline came to: one point of the trend."""

    run: str
    finished_at: str
    """RFC 3339, UTC."""
    deviations: int
    unknown: int
    judged: int
    """Checks made, unknown ones included."""
    complete: bool = True
    """False where something that was selected could not be read."""


@dataclass(frozen=True, slots=True)
class Left:
    """A scope that was listed and deleted before it could be read."""

    level: Level
    id: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over every judged (control check, scope) pair, passes included.

    Passes are counted, never listed here. `by_severity` and `by_level` count deviations (status
    `fail`). `coverage` counts the scopes of each level whose documents were asked for.
    """

    by_status: Mapping[Status, int]
    by_severity: Mapping[Severity, int]
    by_level: Mapping[Level, int]
    coverage: Mapping[Level, int]
    unknown_by_severity: Mapping[Severity, int] = field(default_factory=dict)
    undecided: int = 0
    """How many wait for the organisation: see `Verdict.is_undecided`."""
    not_compared: int = 0
    """Of these, attested ones whose answer does not say whether things are as expected."""
    unread: int = 0
    """How many of the unknown ones are so because a read was denied, failed or never made."""
    not_reached: tuple[str, ...] = ()
    """Controls of the baseline that say nothing at this depth."""
    allowed: int = 0
    """Of those that are not applicable, how many are on because a parameter allows it."""
    overridden: int = 0
    """How many were judged by an override of the organisation file, whatever came of it."""
    proved_by_lock: int = 0
    """Of the users, those of whom a document was not read: the account's locks prove its values."""
    pending_users: int = 0
    """Invited users without settings of their own: listed, not read."""
    left: tuple[Left, ...] = ()
    """Who and what was deleted while the run went on: listed, not judged."""
    settings_returned: int = 0
    """Distinct setting paths Zoom returned."""
    settings_judged: int = 0
    """Of these, paths that a selected control reads."""
