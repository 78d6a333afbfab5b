"""The result model: what was judged, with which result, and on which evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import format_rfc3339


class Status(StrEnum):
    """The result of one check at one scope."""

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
    """Something that no API shows: a person has to check and attest it."""
    USAGE = "usage"
    """What people actually did, according to reports and dashboards."""
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


class Role(StrEnum):
    """Someone who can change a value in Zoom, the least privileged first."""

    USER = "user"
    GROUP_ADMIN = "group_admin"
    ACCOUNT_ADMIN = "account_admin"


class WaiverState(StrEnum):
    """The state of a waiver in a run."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    """Active, but only for 14 days or less."""
    EXPIRED = "expired"
    UNMATCHED = "unmatched"
    """It covers no deviation."""
    UNKNOWN = "unknown"
    """There is not enough evidence to say what it covers."""


class BlindSpotState(StrEnum):
    """The state of an accepted blind spot in a run."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    """Active, but only for 14 days or less."""
    EXPIRED = "expired"
    UNMATCHED = "unmatched"
    """It covers nothing that is unknown."""
    SEEN_AGAIN = "seen_again"
    """Everything it covered can be seen again."""
    UNKNOWN = "unknown"
    """There is not enough evidence to say what it covers."""


class ReferenceState(StrEnum):
    """The problem of a name or an entry of the organisation file."""

    UNMATCHED = "unmatched"
    """It matches nothing in the account."""
    UNKNOWN = "unknown"
    """The names of the account could not be read."""
    LOOK_ALIKE = "look_alike"
    """Another name of the account looks the same."""
    UNUSED = "unused"
    """An attestation that answers no question."""


@dataclass(frozen=True, slots=True)
class WaiverTerms:
    """Who accepted a deviation or a blind spot, why, and until when."""

    reason: str
    owner: str
    ticket: str
    expires: date
    approved_by: str = ""

    def as_dict(self) -> dict[str, JsonValue]:
        """The fields of `waiver` and `blind_spot` in a report."""
        fields: dict[str, JsonValue] = {name: str(getattr(self, name)) for name in self.__slots__}
        if not self.approved_by:
            del fields["approved_by"]
        return fields


@dataclass(frozen=True, slots=True)
class Layer:
    """One level that a value is inherited through: account, group, then the scope itself."""

    level: Level
    value: JsonValue = None
    seen: bool = False
    """False if this level has no value of its own, or it was not read."""
    locked: bool | None = None
    """Whether this level locks the value; None if it has no lock, or it was not read."""
    decides: bool = False
    """True for the level whose value is in effect at the scope."""


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
    """One sentence for people: the reason for the result, and what to do next."""
    locked: bool | None = None
    """Whether a lock that governs this scope is on; None if no lock could be read."""
    proved_by: str | None = None
    decided_by: Level | None = None
    """The level whose value is in effect; None if unknown."""
    changeable_by: tuple[Role, ...] = ()
    """Who can still change the value."""
    source: str = ""
    """The request the evidence came from, or `computed`."""
    waiver: WaiverTerms | None = None
    """What covers the deviation."""
    override: str = ""
    """The override of the organisation file that applied; empty for the baseline itself."""
    changeable: str = ""
    """`changeable_by` as a sentence, with numbers."""
    layers: tuple[Layer, ...] = ()
    """The levels of the effective value, from the account down; empty if there are none to show."""
    as_expected: bool | None = None
    """The answer of the attestation; None if there is none, or it does not say whether the
    expectation is met."""
    latent: bool = False
    """True for a deviation that has no effect yet: the switch above it is off."""
    allowed_by: str = ""
    """The organisation's parameter that allows a value the baseline does not."""
    blind_spot: WaiverTerms | None = None
    """What accepts that the value is unknown."""

    @property
    def is_undecided(self) -> bool:
        """True if the organisation still has to decide, to check, or to report the result.

        That is: an unset parameter, a missing or expired attestation, or one that does not say
        whether the expectation is met. Counted in the same way everywhere: `Summary.undecided`.
        """
        if self.status is Status.ATTESTED:
            return self.as_expected is None
        return self.status in (Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)


class LifecycleState(StrEnum):
    """The state of a finding in its lifecycle."""

    NEW = "new"
    """A deviation for the first time."""
    PERSISTING = "persisting"
    """A deviation that already was one when it was last judged."""
    REGRESSED = "regressed"
    """A deviation again, after it had been corrected."""
    RESOLVED = "resolved"
    """A deviation when it was last judged, and now corrected."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed a setting, according to Zoom's operation log."""

    operator: str
    time: datetime
    line: str
    """The entry, verbatim."""

    def as_dict(self) -> dict[str, JsonValue]:
        """The fields of `changed_by` in JSON, and in the history."""
        return {"operator": self.operator, "time": format_rfc3339(self.time), "line": self.line}


@dataclass(frozen=True, slots=True)
class FindingHistory:
    """The history of a finding up to a run."""

    first_seen: datetime
    """When it was first reported, whatever its status."""
    since: datetime
    """When the finding entered its present state."""
    lifecycle: LifecycleState | None
    """None if it never was a deviation, or if unknown."""
    changed_by: Actor | None = None
    """Who caused the present state, if the operation log shows it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict at a scope: one row of a report."""

    verdict: Verdict
    scope: Scope
    observed_at: str | None
    fingerprint: str
    shared: tuple[int, int] = field(compare=False)
    """The number of its verdict set and the position there: equal for findings that share the
    verdict."""
    history: FindingHistory | None = None
    """Its history; None without one."""

    @property
    def order(self) -> tuple[int, str, int, str, str, str]:
        """Sort key of the contract: severity, control, level, scope id, setting (then kind)."""
        v = self.verdict
        return v.severity.rank, v.control, self.scope.level.rank, self.scope.id, v.setting, v.kind


@dataclass(frozen=True, slots=True)
class ControlInfo:
    """The description of a control in a report, whatever its results."""

    id: str
    title: str
    family: str
    severity: Severity
    why: str = ""
    fix_portal: str = ""
    fix_api: str = ""
    fix_note: str = ""
    """Why there is no fix by API, or a caution about it."""
    know: str = ""
    """What a reader should know besides."""
    broken: str = ""
    """What is the case if it deviates, for `{whom}`; empty if only its settings say it."""
    obeyed: str = ""
    unlocked: str = ""
    setting_names: Mapping[str, str] = field(default_factory=dict)
    """Setting to what people call it."""
    levels: frozenset[Level] = frozenset()
    """The levels at which it is judged; empty if that is not known."""
    mappings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provision_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the provisions of `mappings` are about, by key of the framework and reference."""


@dataclass(frozen=True, slots=True)
class ReadError:
    """Documents that could not be read, one row per cause."""

    source: str
    cause: Cause
    message: str
    controls: tuple[str, ...]
    scopes: int = 1
    """Number of scopes in the row."""
    is_accepted: bool = False
    """True if accepted blind spots cover everything that it leaves unknown."""


def part_label(setting: str | None, kind: FindingKind | None) -> str:
    """What part of a control an entry is for: `lock of chat.ai_quick_reply`; empty for all."""
    if kind is FindingKind.LOCK:
        return f"lock of {setting or 'any setting'}"
    return setting or (f"{kind} of any setting" if kind else "")


UNLESS_LOCKED = "unless their group locks it"
"""Limits who can change a value of the account, where groups can lock the setting."""
GOES_BEYOND = "The deviation there goes beyond the value that it accepts."
"""The detail of a waiver that covers nothing because of its `observed`."""


@dataclass(frozen=True, slots=True)
class WaiverResult:
    """A waiver of the organisation file and its state in this run."""

    control: str
    scope: str
    reason: str
    owner: str
    ticket: str
    expires: date
    state: WaiverState
    matched: int
    """Number of deviations it covers, or covered until it expired."""
    detail: str = ""
    """Why it covers nothing, as far as it is known; empty otherwise."""
    approved_by: str = ""
    setting: str | None = None
    """Only this setting; None for all of the control."""
    kind: FindingKind | None = None
    """Only findings of this kind; None for all."""

    @property
    def label(self) -> str:
        """`AI-02, lock of chat.ai_quick_reply for group Studio`."""
        parts = self.control, part_label(self.setting, self.kind)
        return f"{', '.join(filter(None, parts))} for {self.scope}"

    @property
    def is_stale(self) -> bool:
        """True if it fails a gate: it has expired or covers nothing."""
        return self.state in (WaiverState.EXPIRED, WaiverState.UNMATCHED)

    @property
    def needs_care(self) -> bool:
        """True if the organisation has to act on it, now or soon."""
        return self.is_stale or self.state is WaiverState.EXPIRING


@dataclass(frozen=True, slots=True)
class BlindSpotResult:
    """A blind spot of the organisation file and its state in this run."""

    label: str
    """What it accepts: `AI-23 for level account`."""
    scope: str
    cause: Cause
    reason: str
    owner: str
    ticket: str
    expires: date
    state: BlindSpotState
    matched: int
    """Number of unknown checks and failed reads it covers, or covered until it expired."""
    control: str | None = None
    request: str | None = None
    setting: str | None = None
    approved_by: str = ""
    detail: str = ""
    """Which of its names the account does not have, with suggestions; empty for none."""
    kind: FindingKind | None = None

    @property
    def is_stale(self) -> bool:
        """True if it fails a gate, like a stale waiver."""
        return self.state in (
            BlindSpotState.EXPIRED,
            BlindSpotState.UNMATCHED,
            BlindSpotState.SEEN_AGAIN,
        )

    @property
    def needs_care(self) -> bool:
        """True if the organisation has to act on it, now or soon."""
        return self.is_stale or self.state is BlindSpotState.EXPIRING


@dataclass(frozen=True, slots=True)
class Reference:
    """A name or an entry of the organisation file that does not match the account."""

    kind: str
    """override, waiver, attestation or parameter."""
    entry: str
    """The entry: `override for group Legal*`, `parameter ai_allowed_groups`."""
    what: str
    """group, user or meeting; empty for the entry as a whole."""
    name: str
    """As written in the file; empty for the entry as a whole."""
    state: ReferenceState
    detail: str
    """The problem and its solution, in a sentence."""
    suggestion: str = ""
    """The most similar name in the account; empty for none."""

    @property
    def is_stale(self) -> bool:
        """True if it fails a gate, like a stale waiver: it matches nothing."""
        return self.state is ReferenceState.UNMATCHED


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """The requests that the run made to Zoom's API."""

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BaselineInfo:
    """The baseline of the run."""

    id: str
    version: str
    digest: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a run took over from the run before it."""

    run: str
    """The id of the run before."""
    read: int
    """Number of users whose documents this run read."""
    carried: int
    """Number of users with a document of an earlier run."""
    oldest: datetime | None
    """When the oldest document was read that was carried over; None if none was."""
    sample: int
    """Number of carried users who were read all the same, and compared."""
    differences: int
    """Number of those whose settings had changed unnoticed."""
    reason: str = ""
    """Why every user was read, as a clause; empty if not everybody was."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The facts of a run. Times are UTC."""

    id: str
    account_id: str
    api_url: str
    started_at: datetime
    finished_at: datetime
    depth: str
    baseline: BaselineInfo
    evidence_digest: str
    complete: bool
    """False if a selected document could not be read, accepted as a blind spot or not."""
    exit_code: int
    fail_on: str = "never"
    simulated: bool = False
    """True if the evidence does not come from Zoom: from `--sandbox`, or an API on this machine."""
    is_stored_apart: bool = False
    """True if commands find it with `--sandbox` only."""
    organisation_digest: str | None = ""
    """`sha256:` over the organisation file's parameters, overrides, waivers, attestations and
    triage; empty if it has none of them, or there was no such file. None for a stored run of an
    earlier version, which did not record it."""
    gaps_accepted: bool = False
    """True if the run is incomplete, and accepted blind spots cover everything unread."""
    oldest_evidence_at: datetime | None = None
    """Time of the oldest document that a verdict may rest on. It precedes the run itself if the run
    was resumed or reused an earlier one. None if nothing was read, or for a stored run of an
    earlier version."""
    carried: Carried | None = None
    """What was taken over from the run before; None if everything was read."""

    @property
    def has_open_gaps(self) -> bool:
        """True if a selected document could not be read and no accepted blind spot covers that."""
        return not self.complete and not self.gaps_accepted


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The result of an earlier run of the same account and baseline."""

    run: str
    finished_at: datetime
    deviations: int
    unknown: int
    judged: int
    """Number of checks, unknown ones included."""
    complete: bool = True
    """False if something selected could not be read."""


@dataclass(frozen=True, slots=True)
class Left:
    """A scope that was listed and deleted before it could be read."""

    level: Level
    id: str


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over every judged (check, scope) pair, passes included.

    Passes are counted, never listed here. `by_severity` and `by_level` count deviations (status
    `fail`). `coverage` counts the scopes of each level whose documents were requested.
    """

    by_status: Mapping[Status, int]
    by_severity: Mapping[Severity, int]
    by_level: Mapping[Level, int]
    coverage: Mapping[Level, int]
    unknown_by_severity: Mapping[Severity, int] = field(default_factory=dict)
    """Number of unknown checks that no accepted blind spot covers."""
    undecided: int = 0
    """Number of checks that wait for the organisation: see `Verdict.is_undecided`."""
    not_compared: int = 0
    """Number of these whose attestation does not say whether the expectation is met."""
    unread: int = 0
    """Number of unknown checks whose document was denied, failed or was not requested."""
    accepted_blind_spots: int = 0
    """Number of unknown checks that an accepted blind spot covers."""
    accepted_unread: int = 0
    """Number of these that `unread` counts, too."""
    not_reached: tuple[str, ...] = ()
    """Controls of the baseline that have no checks at this depth."""
    allowed: int = 0
    """Number of inapplicable checks whose value is on because a parameter allows it."""
    overridden: int = 0
    """Number of checks judged by an override of the organisation file, whatever the result."""
    proved_by_lock: int = 0
    """Number of users with an unread document whose values the account's locks prove."""
    pending_users: int = 0
    """Invited users without settings of their own: listed, not read."""
    left: tuple[Left, ...] = ()
    """Users and other scopes deleted during the run: listed, not judged."""
    settings_returned: int = 0
    """Distinct setting paths Zoom returned."""
    settings_judged: int = 0
    """Of these, paths that a selected control reads."""
