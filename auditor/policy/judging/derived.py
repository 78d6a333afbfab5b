"""Controls computed from the other verdicts of a run: CC-01, CC-02 and CC-07."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind, Role, Status, Verdict, WaiverTerms
from auditor.plain_text import pluralize
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue.controls import ATTESTATION, Check, Control
from auditor.policy.catalogue.operators import goes_further
from auditor.policy.catalogue.outcome import Context
from auditor.policy.catalogue.values import json_equal
from auditor.policy.judging.reads import COMPARED_CONTROL, NEW_SETTINGS_CONTROL

SHOWN = 20
"""How many settings a derived finding lists by name."""

_WORST_FIRST = (
    Cause.ERROR,
    Cause.DENIED,
    Cause.NOT_COLLECTED,
    Cause.WRONG_TYPE,
    Cause.UNDOCUMENTED_VALUE,
    Cause.NOT_LICENSED,
    Cause.ABSENT,
)


_UNSEEN = (Status.UNKNOWN, Status.ATTESTED, Status.ATTESTATION_EXPIRED)
"""Statuses without an observed value; an attestation does not make a derived control pass."""


_LOCKS = "locks"


@dataclass
class DerivedInputs:
    """The totals over all verdicts that the derived controls need."""

    lock_fails: dict[str, tuple[Role, ...]] = field(default_factory=dict)
    """Unlocked settings, with those who can change each."""
    lock_unknowns: dict[str, Cause] = field(default_factory=dict)
    lock_waivers: dict[str, WaiverTerms | None] = field(default_factory=dict)
    """Unlocked settings with a waiver, and that waiver."""
    blind_spots: dict[str, set[WaiverTerms | None]] = field(default_factory=dict)
    """By what makes a derived control unknown (`locks`, or a level): the accepted blind spots that
    cover it, with None for what none covers."""
    lock_passes: int = 0
    locks_due: set[str] = field(default_factory=set)
    """Settings whose lock no API shows and whose attestation is missing or expired."""
    locks_attested: set[str] = field(default_factory=set)
    account: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    looser: dict[Level, Counter[str]] = field(
        default_factory=lambda: {Level.GROUP: Counter(), Level.USER: Counter()}
    )
    looser_waivers: dict[Level, dict[str, WaiverTerms | None]] = field(
        default_factory=lambda: {Level.GROUP: {}, Level.USER: {}}
    )
    looser_roles: dict[Level, set[Role]] = field(
        default_factory=lambda: {Level.GROUP: set(), Level.USER: set()}
    )
    """Who can change the values that are looser."""
    loose_scopes: Counter[Level] = field(default_factory=Counter)
    uncompared: dict[Level, set[Cause]] = field(
        default_factory=lambda: {Level.GROUP: set(), Level.USER: set()}
    )
    unordered: dict[Level, set[str]] = field(
        default_factory=lambda: {Level.GROUP: set(), Level.USER: set()}
    )
    """Settings with different deviating values at the account and below: neither is stricter."""
    compared: Counter[Level] = field(default_factory=Counter)
    undecided: dict[Level, set[str]] = field(
        default_factory=lambda: {Level.GROUP: set(), Level.USER: set()}
    )
    """Settings whose expectation depends on a decision that is still open."""
    new_settings: dict[Status, set[str]] = field(default_factory=dict)
    """New settings by status; each of them is a finding of CC-07."""
    new_waivers: dict[str, WaiverTerms | None] = field(default_factory=dict)
    unread: set[Cause] = field(default_factory=set)
    """Why documents that may contain new settings could not be read."""

    def add(self, level: Level, verdicts: Iterable[Verdict], scopes: int = 1) -> None:
        """Count the verdicts that `scopes` scopes share. The account must come first."""
        loose = False
        for verdict in verdicts:
            if verdict.kind is FindingKind.LOCK:
                self._add_lock(verdict, scopes)
            elif verdict.kind is FindingKind.ATTESTATION and verdict.setting != ATTESTATION:
                attested = verdict.status is Status.ATTESTED
                (self.locks_attested if attested else self.locks_due).add(verdict.setting)
            elif verdict.kind is FindingKind.VALUE:
                key = (verdict.control, verdict.setting)
                if level is Level.ACCOUNT:
                    self.account[key] = verdict
                elif level in self.looser and key in self.account:
                    loose |= self._compare(level, verdict, self.account[key], scopes)
        self.loose_scopes[level] += scopes if loose else 0

    def add_new(self, verdicts: Iterable[Verdict]) -> None:
        """Count the new settings of a scope."""
        for verdict in verdicts:
            self.new_settings.setdefault(verdict.status, set()).add(verdict.setting)
            if verdict.waiver is not None:
                self.new_waivers[verdict.setting] = verdict.waiver

    def _add_lock(self, verdict: Verdict, scopes: int) -> None:
        if verdict.status is Status.FAIL:
            roles = (*self.lock_fails.get(verdict.setting, ()), *verdict.changeable_by)
            self.lock_fails[verdict.setting] = tuple(dict.fromkeys(roles))
        elif verdict.status in _UNSEEN and verdict.cause is not None:
            self.lock_unknowns[verdict.setting] = verdict.cause
            self.blind_spots.setdefault(_LOCKS, set()).add(verdict.blind_spot)
        elif verdict.status is Status.WAIVED:
            self.lock_waivers[verdict.setting] = verdict.waiver
        elif verdict.status is Status.PASS:
            self.lock_passes += scopes

    def _compare(self, level: Level, verdict: Verdict, account: Verdict, scopes: int) -> bool:
        """Count one value below the account; True if it is more permissive and not waived."""
        both = (verdict, account)
        if any(one.status is Status.NEEDS_DECISION for one in both):
            self.undecided[level].add(verdict.setting)
            return False
        if any(one.status in _UNSEEN for one in both):
            unseen = [one for one in both if one.status in _UNSEEN]
            self.uncompared[level] |= {one.cause or Cause.ABSENT for one in unseen}
            self.blind_spots.setdefault(level, set()).update(one.blind_spot for one in unseen)
            return False
        looser = _is_more_permissive(verdict, account)
        if looser is not False and verdict.status is Status.WAIVED:
            self.looser_waivers[level][verdict.setting] = verdict.waiver
        elif looser is None:
            self.unordered[level].add(verdict.setting)
        elif looser:
            self.looser[level][verdict.setting] += scopes
            self.looser_roles[level].update(verdict.changeable_by)
        self.compared[level] += scopes
        return bool(looser) and verdict.status is Status.FAIL


def _is_more_permissive(verdict: Verdict, account: Verdict) -> bool | None:
    deviating = (Status.FAIL, Status.WAIVED)  # not applicable means that the feature is off
    if verdict.status not in deviating:
        return False
    return account.status not in deviating or is_more_permissive(verdict, account)


def is_more_permissive(lower: Verdict, upper: Verdict) -> bool | None:
    """True if the value of `lower` is more permissive than that of `upper`; both deviate.

    None if the order is unknown. An override may set another expectation for a group than for the
    account: then there is none.
    """
    if json_equal(lower.observed, upper.observed):
        return False
    if (lower.expected or {}).get("op") != (upper.expected or {}).get("op"):
        return None
    return goes_further(lower, upper.observed)


def verdicts(
    baseline: Baseline, inputs: DerivedInputs, context: Context, depth: Level
) -> Iterator[Verdict]:
    """The verdicts of the assessed derived controls, all at the account."""
    for assessed in baseline.assessed.values():
        for check in assessed.control.checks:
            if check.surface != "derived" or check.setting not in assessed.expectations:
                continue
            base = _base(assessed, check, context)
            if assessed.control.id == "CC-01":
                yield _locks(base, inputs)
            elif assessed.control.id == COMPARED_CONTROL:
                (level,) = levels(assessed.control, check)
                if depth.rank >= level.rank:
                    yield _more_permissive(base, inputs, level)
            elif assessed.control.id == NEW_SETTINGS_CONTROL:
                yield _triaged(base, inputs)


def levels(control: Control, check: Check) -> set[Level]:
    """The levels that `check` needs; for a comparison, the lower level."""
    if control.id != COMPARED_CONTROL:
        return set(check.levels)
    return {Level.USER if "user_settings" in check.setting else Level.GROUP}


def _base(assessed: ControlExpectation, check: Check, context: Context) -> Verdict:
    return Verdict(
        control=assessed.control.id,
        kind=FindingKind.DERIVED,
        status=Status.PASS,
        severity=assessed.severity,
        setting=check.setting,
        expected=assessed.expectations[check.setting].shown(context.parameters),
        decided_by=Level.ACCOUNT,
        changeable_by=(Role.ACCOUNT_ADMIN,),
        source="computed",
    )


def _locks(base: Verdict, inputs: DerivedInputs) -> Verdict:
    if inputs.lock_fails:
        detail = f"{pluralize(len(inputs.lock_fails), 'setting')} not locked."
        failed = _failed(base, {role for who in inputs.lock_fails.values() for role in who})
        return replace(failed, observed=_names(inputs.lock_fails), detail=detail)
    if inputs.lock_unknowns:
        detail = f"{pluralize(len(inputs.lock_unknowns), 'lock')} could not be read."
        unknown = _unknown(base, set(inputs.lock_unknowns.values()), detail)
        return _accepted(unknown, inputs.blind_spots[_LOCKS])
    if inputs.locks_due:
        detail = (
            f"The locks of {pluralize(len(inputs.locks_due), 'setting')} are not shown by any API "
            "and not attested; the locks that can be read are on."
        )
        due = replace(base, kind=FindingKind.ATTESTATION, status=Status.NEEDS_DECISION)
        return replace(due, observed=_names(inputs.locks_due), detail=detail)
    if inputs.lock_waivers:
        return _waived(base, inputs.lock_waivers)
    if inputs.locks_attested:
        count = len(inputs.locks_attested)
        detail = f"The locks of {pluralize(count, 'setting')} are confirmed by attestations only."
        return replace(base, kind=FindingKind.ATTESTATION, status=Status.ATTESTED, detail=detail)
    if not inputs.lock_passes:
        return _unknown(base, {Cause.ABSENT}, "No lock was read.")
    return replace(base, observed=True)


def _failed(base: Verdict, roles: set[Role]) -> Verdict:
    """A deviation that sums up others: whoever can change one of them can change it."""
    who = tuple(role for role in Role if role in roles)
    return replace(base, status=Status.FAIL, changeable_by=who or base.changeable_by)


def _more_permissive(base: Verdict, inputs: DerivedInputs, level: Level) -> Verdict:
    looser = inputs.looser[level]
    if looser:
        scopes = inputs.loose_scopes[level]
        verb = "is" if scopes == 1 else "are"
        detail = f"{level.counted(scopes)} {verb} looser than the account."
        failed = _failed(base, inputs.looser_roles[level])
        return replace(failed, observed=_names(looser), detail=detail)
    if inputs.uncompared[level]:
        detail = f"Not every value of a {level.noun} could be compared with the account's."
        unknown = _unknown(base, inputs.uncompared[level], detail)
        return _accepted(unknown, inputs.blind_spots[level])
    if inputs.unordered[level]:
        names = _names(inputs.unordered[level])
        detail = (
            f"At the account and at a {level.noun} these settings have different values, and "
            f"which is looser is not known: {', '.join(map(str, names))}."
        )
        return _unknown(base, {Cause.UNDOCUMENTED_VALUE}, detail)
    if inputs.undecided[level]:
        count = pluralize(len(inputs.undecided[level]), "setting")
        detail = f"The expected values of {count} have not been decided."
        observed = _names(inputs.undecided[level])
        return replace(base, status=Status.NEEDS_DECISION, observed=observed, detail=detail)
    if inputs.looser_waivers[level]:
        return _waived(base, inputs.looser_waivers[level])
    if not inputs.compared[level]:
        detail = f"There is no {level.noun} to compare with the account."
        return replace(base, status=Status.NOT_APPLICABLE, detail=detail)
    return replace(base, observed=[])


def _triaged(base: Verdict, inputs: DerivedInputs) -> Verdict:
    """Never a pass while a new setting is undecided."""
    deviating = inputs.new_settings.get(Status.FAIL, set())
    undecided_settings = {
        setting
        for status, settings in inputs.new_settings.items()
        if status not in (Status.FAIL, Status.WAIVED)
        for setting in settings
    }
    if deviating:
        detail = f"{_counted(deviating)} AI, consent or data sharing, and no decision was made."
        return replace(base, status=Status.FAIL, observed=_names(deviating), detail=detail)
    if inputs.unread:
        return _unknown(base, inputs.unread, "Not every settings document could be read.")
    if undecided_settings:
        count = len(undecided_settings)
        detail = f"{count} new setting{'s wait' if count > 1 else ' waits'} for a decision."
        status = Status.NEEDS_DECISION
        return replace(base, status=status, observed=_names(undecided_settings), detail=detail)
    if inputs.new_waivers:
        return _waived(base, inputs.new_waivers)
    return replace(base, observed=[])


def _counted(settings: set[str]) -> str:
    return (
        f"{len(settings)} new settings mention" if len(settings) > 1 else "1 new setting mentions"
    )


def _waived(base: Verdict, waivers: Mapping[str, WaiverTerms | None]) -> Verdict:
    """All counted deviations are waived; the verdict shows the waiver that expires first."""
    first = min(waivers.values(), key=lambda waiver: waiver.expires if waiver else date.min)
    count = len(waivers)
    detail = f"{count} setting{'s deviate, each' if count > 1 else ' deviates,'} under a waiver."
    return replace(
        base, status=Status.WAIVED, observed=_names(waivers), detail=detail, waiver=first
    )


def _unknown(base: Verdict, causes: set[Cause], detail: str) -> Verdict:
    worst = next(cause for cause in _WORST_FIRST if cause in causes)
    return replace(base, status=Status.UNKNOWN, cause=worst, detail=detail)


def _accepted(unknown: Verdict, covering: set[WaiverTerms | None]) -> Verdict:
    """Accepted like its inputs, if blind spots cover all of them; it shows the first to expire."""
    terms = [each for each in covering if each is not None]
    if len(terms) < len(covering):
        return unknown
    return replace(unknown, blind_spot=min(terms, key=lambda each: each.expires))


def _names(settings: Iterable[str]) -> list[JsonValue]:
    names: list[JsonValue] = [*sorted(settings)]
    return names if len(names) <= SHOWN else [*names[:SHOWN], f"and {len(names) - SHOWN} more"]
