"""Judging one check at one scope: the only place where evidence becomes a verdict.

Every way from "not seen" leads to `unknown`, or to `not_applicable` where the catalogue allows it
and a licence or a refusal confirms it. None leads to `pass`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auditor.evidence.reading import Cause, JsonValue, Seen, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Outcome, View
from auditor.findings.model import Kind, Status, Verdict
from auditor.policy import layers, locks, lookup, usage
from auditor.policy.baseline import Assessed
from auditor.policy.catalogue import ATTESTATION, SETTINGS_SURFACE, Check
from auditor.policy.locks import LockDocuments
from auditor.policy.lookup import Found
from auditor.policy.operators import Expectation
from auditor.policy.outcome import Context, Deviates, Meets, Unclear, Undecided

LOCKED: Mapping[str, JsonValue] = {"op": "eq", "value": True}
USAGE_SURFACES = frozenset(
    {
        "report_history_meetings",
        "meeting_summaries",
        "dashboard_meeting_participants",
        "report_operationlogs",
    }
)
_UNLICENSED = frozenset({1, 4, 99})
"""User types without a Meetings licence: Basic, Unassigned, None. Source: `type` of GET /users."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that decides the verdicts about one control at one scope."""

    assessed: Assessed
    scope: Scope
    outcomes: Mapping[View, Outcome]
    locks: LockDocuments
    context: Context


def value(case: Case, check: Check) -> Verdict | None:
    """The verdict on the value of `check`; None where a newer setting speaks for it."""
    expectation = case.assessed.expectations[check.setting]
    found = _find(case, check, expectation)
    newer = _newer(case, check)
    if newer is not None:
        newer_found = lookup.find(newer, case.outcomes)
        if not _is_absent(newer_found):
            return _disagreement(case, check, expectation, found, newer, newer_found)
        if not isinstance(found.reading, Seen):
            return None  # both absent: the newer one is reported
    elif _older_speaks(case, check, found):
        return None
    return _judged(case, check, expectation, found)


def lock(case: Case, check: Check, verdict: Verdict | None) -> Verdict | None:
    """The verdict on the lock of `check`, None where none is due at this scope.

    Due at the highest level that can lock the setting, where the baseline wants it locked.
    """
    if not case.assessed.lock or check.legacy_of is not None or not _locks_here(check, case.scope):
        return None
    base = Verdict(
        control=case.assessed.control.id,
        kind=Kind.LOCK,
        status=Status.UNKNOWN,
        severity=case.assessed.severity,
        setting=check.setting,
        expected=LOCKED,
        decided_by=case.scope.level,
        changeable_by=layers.chain(check, case.scope, case.outcomes, case.locks).changeable_by,
    )
    if verdict is not None and verdict.status is Status.NOT_APPLICABLE:
        return replace(base, status=Status.NOT_APPLICABLE, detail=verdict.detail)
    if check.lock is None:
        detail = (
            "Zoom publishes no lock flag for it: look in the portal and attest that it is locked."
        )
        return replace(base, kind=Kind.ATTESTATION, status=Status.NEEDS_DECISION, detail=detail)
    found = locks.find(check, _own_locks(case))
    if isinstance(found.reading, Unseen):
        unseen = found.reading
        return replace(base, cause=unseen.cause, detail=unseen.detail, source=found.source)
    locked = bool(found.reading.value)
    base = replace(base, observed=locked, locked=locked, source=found.source)
    if check.lock_inferred:
        state = "on" if locked else "off"
        detail = (
            f"The lock {check.lock} is {state}, but that it holds this setting is only inferred: "
            "look in the portal and attest that it is locked."
        )
        return replace(base, kind=Kind.ATTESTATION, status=Status.NEEDS_DECISION, detail=detail)
    if locked:
        return replace(base, status=Status.PASS)
    who = "users and group admins" if Level.USER in check.levels else "group admins"
    if check.surface != SETTINGS_SURFACE:
        who = "admins and users below"
    detail = f"The lock {check.lock} is off: {who} can change the value."
    return replace(base, status=Status.FAIL, detail=detail)


def attestation(assessed: Assessed) -> Verdict:
    """The verdict on a control that no API shows and nobody has attested."""
    control = assessed.control
    assert control.attestation is not None
    return Verdict(
        control=control.id,
        kind=Kind.ATTESTATION,
        status=Status.NEEDS_DECISION,
        severity=assessed.severity,
        setting=ATTESTATION,
        expected={"op": "attest", "value": assessed.attest},
        detail=control.attestation.question,
        decided_by=None,
    )


def _find(case: Case, check: Check, expectation: Expectation) -> Found:
    if check.surface not in usage.SURFACES:
        return lookup.find(check, case.outcomes)
    parameters = case.context.parameters
    return usage.find(usage.Question(check, expectation, case.outcomes, parameters))


def _judged(case: Case, check: Check, expectation: Expectation, found: Found) -> Verdict:
    chain = layers.chain(check, case.scope, case.outcomes, case.locks)
    base = Verdict(
        control=case.assessed.control.id,
        kind=Kind.USAGE if check.surface in USAGE_SURFACES else Kind.VALUE,
        status=Status.UNKNOWN,
        severity=case.assessed.severity,
        setting=check.setting,
        expected=expectation.shown(case.context.parameters),
        locked=chain.locked,
        decided_by=chain.decided_by,
        changeable_by=chain.changeable_by,
        source=found.source,
    )
    excepted = _excepted(case, expectation)
    if excepted is not None:
        observed = found.reading.value if isinstance(found.reading, Seen) else None
        return replace(base, status=Status.NOT_APPLICABLE, observed=observed, detail=excepted)
    inapplicable = found.idle or _condition(case, check)
    if isinstance(inapplicable, str):
        return replace(base, status=Status.NOT_APPLICABLE, detail=inapplicable)
    if isinstance(inapplicable, Unseen):
        return _unseen(case, check, expectation, base, inapplicable)
    if isinstance(found.reading, Unseen):
        return _unseen(case, check, expectation, base, found.reading)
    return _seen(case, check, expectation, base, found, found.reading)


def _seen(
    case: Case,
    check: Check,
    expectation: Expectation,
    base: Verdict,
    found: Found,
    reading: Seen,
) -> Verdict:
    observed = without(reading.value, check.leave_out) if check.leave_out else reading.value
    base = replace(base, observed=observed if found.shown is None else found.shown)
    context = replace(case.context, setting=check.setting)
    match expectation.judge(observed, context):
        case Meets() if found.doubt is not None:
            return replace(base, cause=found.doubt.cause, detail=found.doubt.detail)
        case Meets():
            return replace(base, status=Status.PASS, detail=found.note)
        case Deviates(detail):
            told = detail or check.meaning.get(str(observed), "")
            parts = [told.rstrip("."), found.note] if told and found.note else [told or found.note]
            return replace(base, status=Status.FAIL, detail=". ".join(parts))
        case Undecided(parameter):
            return replace(base, status=Status.NEEDS_DECISION, detail=_undecided(parameter))
        case Unclear(cause, detail):
            return replace(base, cause=cause, detail=detail)


def without(value: JsonValue, keys: tuple[str, ...]) -> JsonValue:
    """`value` without the entries under `keys`, however deep."""
    if isinstance(value, dict):
        return {name: without(child, keys) for name, child in value.items() if name not in keys}
    if isinstance(value, list):
        return [without(item, keys) for item in value]
    return value


def _unseen(
    case: Case, check: Check, expectation: Expectation, base: Verdict, unseen: Unseen
) -> Verdict:
    when_absent = check.when_absent or case.assessed.control.when_absent
    if when_absent == "not_applicable":
        if unseen.cause is Cause.NOT_LICENSED:
            detail = "Zoom refused the document because the licence is missing."
            return replace(base, status=Status.NOT_APPLICABLE, detail=detail)
        if unseen.cause is Cause.ABSENT and case.scope.licence in _UNLICENSED:
            detail = "The user has no licence that includes it."
            return replace(base, status=Status.NOT_APPLICABLE, detail=detail)
    unset = expectation.param is not None and case.context.parameters.get(expectation.param) is None
    if unset and unseen.cause is Cause.NOT_COLLECTED:
        detail = _undecided(str(expectation.param))
        return replace(base, status=Status.NEEDS_DECISION, detail=detail)
    return replace(base, cause=unseen.cause, detail=unseen.detail + _since(case, check, unseen))


def _since(case: Case, check: Check, unseen: Unseen) -> str:
    """Since when Zoom has published an absent field at this level: older accounts may lack it."""
    since = check.since.get(case.scope.level) if unseen.cause is Cause.ABSENT else None
    return f", which it has published at {case.scope.level} level since {since}" if since else ""


def _undecided(parameter: str) -> str:
    return f"Set the parameter {parameter} in the organisation file."


def _excepted(case: Case, expectation: Expectation) -> str | None:
    """Why the expectation does not bind this scope: it is one of the groups that may differ."""
    param = expectation.group_exception_param
    if param is None or case.scope.level in (Level.ACCOUNT, Level.PHONE_ACCOUNT):
        return None
    listed = case.context.parameters.get(param)
    if listed is None or not case.context.in_any(listed):
        return None
    return f"The group is listed under {param}, so it may differ."


def _condition(case: Case, check: Check) -> str | Unseen | None:
    """Why `check` does not apply, why nobody can tell, or None where it does apply."""
    condition = check.only_when
    if condition is None:
        return None
    switch = Check(
        setting=condition.setting,
        surface=check.surface,
        view=check.view,
        type=("boolean",) if isinstance(condition.is_, bool) else (),
        levels=check.levels,
    )
    reading = lookup.find(switch, case.outcomes).reading
    if isinstance(reading, Unseen):
        return reading
    if reading.value == condition.is_:
        return None
    return f"{condition.setting} is {str(reading.value).lower()}."


def _newer(case: Case, check: Check) -> Check | None:
    """The newer setting that speaks for a legacy `check` at this scope's level."""
    if check.legacy_of is None or check.legacy_of not in case.assessed.expectations:
        return None
    newer = case.assessed.control.check(check.legacy_of)
    return newer if case.scope.level in newer.levels else None


def _older_speaks(case: Case, check: Check, found: Found) -> bool:
    """True where `check` is absent and a legacy twin at this level has a value to judge."""
    return _is_absent(found) and any(
        twin.legacy_of == check.setting
        and twin.setting in case.assessed.expectations
        and case.scope.level in twin.levels
        and isinstance(lookup.find(twin, case.outcomes).reading, Seen)
        for twin in case.assessed.control.checks
    )


def _is_absent(found: Found) -> bool:
    return isinstance(found.reading, Unseen) and found.reading.cause is Cause.ABSENT


def _disagreement(
    case: Case,
    check: Check,
    expectation: Expectation,
    found: Found,
    newer: Check,
    newer_found: Found,
) -> Verdict | None:
    """The newer setting counts; that the older one says otherwise is reported as unknown."""
    older = _judged(case, check, expectation, found)
    new = _judged(case, newer, case.assessed.expectations[newer.setting], newer_found)
    decided = (Status.PASS, Status.FAIL)
    if older.status in decided and new.status in decided and older.status is not new.status:
        detail = f"It disagrees with {newer.setting}, which replaced it; the newer one was judged."
        return replace(older, status=Status.UNKNOWN, cause=Cause.UNDOCUMENTED_VALUE, detail=detail)
    return None


def _locks_here(check: Check, scope: Scope) -> bool:
    if check.surface == SETTINGS_SURFACE and check.lock is None:
        return scope.level is Level.ACCOUNT
    return scope.level is min(check.lock_levels or check.levels, key=lambda level: level.rank)


def _own_locks(case: Case) -> Mapping[View, Outcome]:
    match case.scope.level:
        case Level.ACCOUNT:
            return case.locks.account
        case Level.GROUP:
            return case.locks.groups.get(case.scope.id, {})
    return case.outcomes
