"""Judges one check at one scope: the only module that turns evidence into a verdict.

A missing value gives `unknown`, or `not_applicable` if the catalogue allows it and a licence or a
read failure confirms it. It never gives `pass`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from auditor.evidence.read_plan import MEETING
from auditor.evidence.reading import (
    Cause,
    JsonValue,
    LookupResult,
    Place,
    Reading,
    Seen,
    Unseen,
)
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, Outcome, View
from auditor.findings.model import FindingKind, Role, Status, Verdict
from auditor.plain_text import pluralize
from auditor.policy.baseline.baselines import ControlExpectation
from auditor.policy.catalogue import word_lists
from auditor.policy.catalogue.controls import ATTESTATION, SETTINGS_SURFACE, Check
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.outcome import Context, Deviates, Meets, Unclear, Undecided
from auditor.policy.catalogue.values import json_equal, json_type
from auditor.policy.judging.allowed_groups import AllowedGroups
from auditor.policy.reading import effective_value, locks, lookup
from auditor.policy.reading.locks import LockDocuments
from auditor.surfaces import SURFACES
from auditor.surfaces.model import UseQuestion

LOCKED: Mapping[str, JsonValue] = {"op": "eq", "value": True}
SHOWN = 5
"""The number of places of a key that a detail lists."""

_UNLICENSED = frozenset({1, 4, 99})
"""User types without a Meetings licence: Basic, Unassigned, None. Source: `type` of GET /users."""


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The inputs of the verdicts on one control at one scope."""

    assessed: ControlExpectation
    scope: Scope
    outcomes: Mapping[View, Outcome]
    locks: LockDocuments
    context: Context
    allowed_groups: AllowedGroups = field(default_factory=AllowedGroups)


def value(case: CheckContext, check: Check) -> Verdict | None:
    """The verdict on the value of `check`; None if the other key of its pair is reported instead.

    Both the legacy key and its replacement are read. If they agree, only the newer key is reported;
    if only the legacy key deviates or cannot be read, it is reported as well.
    """
    expectation = case.assessed.expectations[check.setting]
    result = _find(case, check, expectation)
    newer = _replacement_of(case, check)
    if newer is not None:
        return _judge_older(case, check, result, newer)
    older = _older(case, check)
    if _is_absent(result) and any(
        isinstance(older_result.reading, Seen) for _, older_result in older
    ):
        return None
    verdict = _judge_lookup(case, check, expectation, result)
    return _note_disagreement(case, verdict, older)


def lock(case: CheckContext, check: Check, verdict: Verdict | None) -> Verdict | None:
    """The verdict on the lock of `check`; None if no lock is required at this scope.

    A lock is required at the highest level that can lock the setting, if the baseline says so. If
    it is off at the account because a parameter lets groups differ, each other group has to set it.
    """
    if not case.assessed.lock or check.legacy_of is not None:
        return None
    if not _locks_here(check, case.scope) and not _has_to_lock_for_account(case, check):
        return None
    base = Verdict(
        control=case.assessed.control.id,
        kind=FindingKind.LOCK,
        status=Status.UNKNOWN,
        severity=case.assessed.severity,
        setting=check.setting,
        expected=LOCKED,
        decided_by=case.scope.level,
        changeable_by=effective_value.effective_value(
            check, case.scope, case.outcomes, case.locks
        ).changeable_by,
    )
    if verdict is not None and verdict.status is Status.NOT_APPLICABLE:
        return replace(base, status=Status.NOT_APPLICABLE, detail=verdict.detail)
    if check.lock is None:
        detail = (
            "Zoom publishes no lock flag for it: check in the portal and attest that it is locked."
        )
        return replace(
            base, kind=FindingKind.ATTESTATION, status=Status.NEEDS_DECISION, detail=detail
        )
    result = locks.find(check, _own_locks(case))
    if isinstance(result.reading, Unseen):
        unseen = result.reading
        return replace(base, cause=unseen.cause, detail=unseen.detail, source=result.source)
    locked = bool(result.reading.value)
    base = replace(base, observed=locked, locked=locked, source=result.source)
    if check.lock_inferred:
        state = "on" if locked else "off"
        detail = (
            f"The lock {check.lock} is {state}, but whether it covers this setting is only "
            "inferred: check in the portal and attest that it is locked."
        )
        return replace(
            base, kind=FindingKind.ATTESTATION, status=Status.NEEDS_DECISION, detail=detail
        )
    if locked:
        return replace(base, status=Status.PASS)
    parameters = case.allowed_groups.for_lock_of(case.assessed.control.id, check)
    if parameters and case.scope.level is Level.ACCOUNT:
        return _off_for_groups(case, check, base, parameters)
    detail = f"The lock {check.lock} is off"
    who = "people and group admins" if Level.USER in check.levels else "group admins"
    if check.surface != SETTINGS_SURFACE:
        who = "people and admins" if Role.USER in base.changeable_by else ""
    detail = f"{detail}: {who} can change the value." if who else f"{detail}."
    return replace(base, status=Status.FAIL, detail=detail)


def _has_to_lock_for_account(case: CheckContext, check: Check) -> bool:
    """True if the account's lock is off for other groups, so that this group has to lock it."""
    parameters = case.allowed_groups.for_lock_of(case.assessed.control.id, check)
    if not parameters or case.scope.level is not Level.GROUP or check.lock_inferred:
        return False
    if Level.GROUP not in check.lock_levels:
        return False
    reading = locks.find(check, case.locks.account).reading
    is_off = isinstance(reading, Seen) and not reading.value
    return is_off and not case.context.in_any(list(case.allowed_groups.names(parameters)))


def _off_for_groups(
    case: CheckContext, check: Check, base: Verdict, parameters: Sequence[str]
) -> Verdict:
    """The verdict on a lock that is off at the account, where parameters let groups differ.

    It is allowed only if a group binds everybody else: each other group has a verdict on its own
    lock, and nobody may be in no group.
    """
    names = case.allowed_groups.names(parameters)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    listed = " and ".join(parameters)
    off = (
        f"The lock {check.lock} is off. {listed} lets "
        f"{pluralize(len(names), 'group')} differ: {', '.join(names[:SHOWN])}{more}"
    )
    if Level.GROUP not in check.lock_levels:
        detail = f"{off}. Zoom has no lock of groups for it, so nothing binds the others."
        return replace(base, status=Status.FAIL, detail=detail)
    outside = case.allowed_groups.without_group
    if isinstance(outside, Unseen):
        detail = f"{off}. Whether a group binds everybody else is unknown: {outside.detail}"
        return replace(base, cause=outside.cause, detail=detail)
    if outside:
        people = "1 person is" if outside == 1 else f"{outside:,} people are"
        detail = f"{off}. {people} in no group, so no lock binds them."
        return replace(base, status=Status.FAIL, detail=detail)
    detail = f"{off}. Every other group has to lock it for its members."
    return replace(base, status=Status.NOT_APPLICABLE, detail=detail, allowed_by=listed)


def attestation(assessed: ControlExpectation) -> Verdict:
    """The verdict on a control that no API shows, before attestations are applied."""
    control = assessed.control
    assert control.attestation is not None
    return Verdict(
        control=control.id,
        kind=FindingKind.ATTESTATION,
        status=Status.NEEDS_DECISION,
        severity=assessed.severity,
        setting=ATTESTATION,
        expected={"op": "attest", "value": assessed.attest},
        detail=control.attestation.question,
        decided_by=None,
    )


def _find(case: CheckContext, check: Check, expectation: Expectation) -> LookupResult:
    surface = SURFACES.get(check.surface)
    if surface is None or surface.read is None:
        return lookup.find(check, case.outcomes)
    allowed = None
    if expectation.param is not None:  # an unset parameter allows nothing; the operator reports it
        listed = case.context.parameters.get(expectation.param, [])
        allowed = {str(item) for item in (listed if isinstance(listed, list) else [listed])}
    patterns = {name: found.patterns for name, found in word_lists.name_patterns()}
    question = UseQuestion(check.setting, allowed, case.outcomes, patterns)
    return surface.look_up(question, case.outcomes.get(check.document))


def _judge_lookup(
    case: CheckContext, check: Check, expectation: Expectation, result: LookupResult
) -> Verdict:
    chain = effective_value.effective_value(check, case.scope, case.outcomes, case.locks)
    is_use = check.surface in SURFACES and SURFACES[check.surface].is_use
    base = Verdict(
        control=case.assessed.control.id,
        kind=FindingKind.USAGE if is_use else FindingKind.VALUE,
        status=Status.UNKNOWN,
        severity=case.assessed.severity,
        setting=check.setting,
        expected=expectation.shown(case.context.parameters),
        locked=chain.locked,
        decided_by=chain.decided_by,
        changeable_by=chain.changeable_by,
        source=result.source,
    )
    parameter = _exception(case, expectation)
    if parameter is not None:
        verdict = _worst(case, check, expectation, base, result)
        return _exemption(case.scope, base, parameter, verdict)
    inapplicable = result.not_applicable_reason or _condition(case, check)
    if isinstance(inapplicable, str):
        return replace(base, status=Status.NOT_APPLICABLE, detail=inapplicable)
    if isinstance(inapplicable, Unseen):
        return _judge_missing(case, check, expectation, base, inapplicable)
    return _latent(case, check, _worst(case, check, expectation, base, result))


def _worst(
    case: CheckContext, check: Check, expectation: Expectation, base: Verdict, result: LookupResult
) -> Verdict:
    """The worst verdict over all places of the setting: an inferred key may occur in several."""
    if not result.places:
        return _read(case, check, expectation, base, result)
    verdicts = [
        _read(
            case,
            check,
            expectation,
            replace(base, source=place.source),
            replace(result, reading=place.reading, source=place.source),
        )
        for place in result.places
    ]
    worst = min(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.status))
    is_elsewhere = result.places[0].path != check.setting and worst.status is Status.FAIL
    if len(result.places) == 1 and not is_elsewhere:
        return worst
    return replace(worst, detail=joined(worst.detail, _named(result.places)))


_WORST_FIRST = (
    Status.FAIL,
    Status.UNKNOWN,
    Status.NEEDS_DECISION,
    Status.NOT_APPLICABLE,
    Status.PASS,
)


def _named(places: Sequence[Place]) -> str:
    """A sentence with the places of a key and their values."""
    if len(places) == 1:
        return f"It is at {places[0].path}."
    named = [f"{place.path} ({_short(place.reading)})" for place in places[:SHOWN]]
    rest = len(places) - SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    return f"The key occurs in {len(places)} places: {', '.join(named)}{more}."


def _short(reading: Reading) -> str:
    if isinstance(reading, Unseen):
        return reading.cause.replace("_", " ")
    if isinstance(reading.value, dict | list):
        return json_type(reading.value)
    return json.dumps(reading.value, ensure_ascii=False)[:40]


def _read(
    case: CheckContext, check: Check, expectation: Expectation, base: Verdict, result: LookupResult
) -> Verdict:
    if isinstance(result.reading, Unseen):
        return _judge_missing(case, check, expectation, base, result.reading)
    return _judge_value(case, check, expectation, base, result, result.reading)


def _judge_value(
    case: CheckContext,
    check: Check,
    expectation: Expectation,
    base: Verdict,
    result: LookupResult,
    reading: Seen,
) -> Verdict:
    observed = without(reading.value, check.leave_out) if check.leave_out else reading.value
    base = replace(base, observed=observed if result.shown is None else result.shown)
    context = replace(case.context, setting=check.setting)
    match expectation.judge(observed, context):
        case Meets() if result.incomplete is not None:
            return replace(base, cause=result.incomplete.cause, detail=result.incomplete.detail)
        case Meets(parameter) if parameter:
            detail = joined(f"{_stated(observed)}, allowed by {parameter}", result.note)
            return replace(base, status=Status.PASS, detail=detail, allowed_by=parameter)
        case Meets():
            return replace(base, status=Status.PASS, detail=result.note)
        case Deviates(detail):
            explanation = detail or check.meaning.get(str(observed), "")
            explanation = joined(explanation, result.note, _outsiders(case, check))
            return replace(base, status=Status.FAIL, detail=explanation)
        case Undecided(parameter):
            # The note may refer to the parameter's list, which is not set.
            note = result.note if expectation.is_decided(case.context.parameters) else ""
            detail = f"{note} {_undecided(parameter)}".lstrip()
            return replace(base, status=Status.NEEDS_DECISION, detail=detail)
        case Unclear(cause, detail):
            return replace(base, cause=cause, detail=detail)


def joined(*parts: str) -> str:
    """The non-empty parts as consecutive sentences."""
    filled = [part for part in parts if part]
    return " ".join([*(f"{part.rstrip('.')}." for part in filled[:-1]), *filled[-1:]])


def _latent(case: CheckContext, check: Check, verdict: Verdict) -> Verdict:
    """Lower the severity by one step if the parent switch is off, so the value has no effect."""
    if verdict.status is not Status.FAIL or check.parent is None or not verdict.observed:
        return verdict
    result = lookup.find(_switch(check, check.parent, True), case.outcomes)
    readings = [place.reading for place in result.places] or [result.reading]
    if result.incomplete is not None or not all(
        isinstance(reading, Seen) and reading.value is False for reading in readings
    ):
        return verdict
    detail = joined(
        verdict.detail, f"Latent: {check.parent} is off; it takes effect once that is switched on."
    )
    return replace(verdict, severity=verdict.severity.lowered, detail=detail, latent=True)


def _outsiders(case: CheckContext, check: Check) -> str:
    """A phrase on the external invitees of a meeting; empty if there are none or it is unknown."""
    outcome = case.outcomes.get(check.document) if check.surface == MEETING.surface else None
    body = outcome.body if isinstance(outcome, Document) else None
    invitees = body.get("invitees") if isinstance(body, dict) else None
    if not isinstance(invitees, dict) or not invitees.get("outside"):
        return ""
    return (
        f"{invitees['outside']} of its {invitees['listed']} invitees are outside the organisation"
    )


def without(value: JsonValue, keys: tuple[str, ...]) -> JsonValue:
    """`value` without the entries under `keys`, at any depth."""
    if isinstance(value, dict):
        return {name: without(child, keys) for name, child in value.items() if name not in keys}
    if isinstance(value, list):
        return [without(item, keys) for item in value]
    return value


def _judge_missing(
    case: CheckContext, check: Check, expectation: Expectation, base: Verdict, unseen: Unseen
) -> Verdict:
    when_absent = check.when_absent or case.assessed.control.when_absent
    if when_absent == "not_applicable":
        if unseen.cause is Cause.NOT_LICENSED:
            detail = "Zoom refused the document because the licence is missing."
            return replace(base, status=Status.NOT_APPLICABLE, detail=detail)
        if unseen.cause is Cause.ABSENT and case.scope.licence in _UNLICENSED:
            detail = "The person has no licence that includes it."
            return replace(base, status=Status.NOT_APPLICABLE, detail=detail)
    unset = not expectation.is_decided(case.context.parameters)
    if unset and unseen.cause is Cause.NOT_COLLECTED:
        detail = _undecided(str(expectation.param))
        return replace(base, status=Status.NEEDS_DECISION, detail=detail)
    return replace(base, cause=unseen.cause, detail=unseen.detail + _since(case, check, unseen))


def _since(case: CheckContext, check: Check, unseen: Unseen) -> str:
    """Since when Zoom has returned an absent field at this level: older accounts may lack it."""
    since = check.since.get(case.scope.level) if unseen.cause is Cause.ABSENT else None
    whose = f"a {case.scope.level.noun}" if case.scope.level is not Level.ACCOUNT else "the account"
    return f", which it has published for {whose} since {since}" if since else ""


def _undecided(parameter: str) -> str:
    return f"Set the parameter {parameter} in the organisation file."


def _exception(case: CheckContext, expectation: Expectation) -> str | None:
    """The parameter that exempts this scope because it lists one of its groups."""
    param = expectation.group_exception_param
    if param is None or case.scope.level in (Level.ACCOUNT, Level.PHONE_ACCOUNT):
        return None
    listed = case.context.parameters.get(param)
    return param if listed is not None and case.context.in_any(listed) else None


def _exemption(scope: Scope, base: Verdict, parameter: str, verdict: Verdict) -> Verdict:
    """The verdict on an exempt scope; a deviation names the parameter that allows it."""
    which = "The group" if scope.level in (Level.GROUP, Level.PHONE_GROUP) else "One of its groups"
    listed = f"{which} is listed under {parameter}, so it may differ."
    free = replace(
        base, status=Status.NOT_APPLICABLE, observed=verdict.observed, source=verdict.source
    )
    if verdict.status is not Status.FAIL:
        return replace(free, detail=listed)
    detail = f"{_stated(verdict.observed)}, allowed by {parameter}. {listed}"
    return replace(free, detail=detail, allowed_by=parameter)


def _stated(value: JsonValue) -> str:
    match value:
        case bool():
            return "On" if value else "Off"
        case dict() | list():
            return "On"
    return str(value)[:80]


def _condition(case: CheckContext, check: Check) -> str | Unseen | None:
    """Why `check` does not apply, why that is unknown, or None if it applies."""
    condition = check.only_when
    if condition is None:
        return None
    switch = _switch(check, condition.setting, condition.is_)
    for own in case.assessed.control.checks:
        if own.setting == condition.setting:  # a value that Zoom does not document decides nothing
            switch = switch.model_copy(update={"type": own.type, "values": own.values})
    reading = lookup.find(switch, case.outcomes).reading
    if isinstance(reading, Unseen):
        return reading
    if json_equal(reading.value, condition.is_):
        return None
    return f"{condition.setting} is {str(reading.value).lower()}."


def _switch(check: Check, setting: str, value: JsonValue) -> Check:
    """A check of another setting in the document of `check`, with the same lookup.

    `value` is a value of that setting: a boolean or a text.
    """
    key = check.find_key if check.find_key in setting.split(".") else None
    return Check(
        setting=setting,
        surface=check.surface,
        view=check.view,
        type=("boolean",) if isinstance(value, bool) else ("string",),
        levels=check.levels,
        find_key=key,
    )


def _replacement_of(case: CheckContext, check: Check) -> Check | None:
    """The setting that replaces the legacy `check` at this scope's level."""
    if check.legacy_of is None or check.legacy_of not in case.assessed.expectations:
        return None
    newer = case.assessed.control.check(check.legacy_of)
    return newer if case.scope.level in newer.levels else None


def _older(case: CheckContext, check: Check) -> list[tuple[Check, LookupResult]]:
    """The legacy keys of `check` at this scope's level, with their lookup results."""
    return [
        (twin, lookup.find(twin, case.outcomes))
        for twin in case.assessed.control.checks
        if twin.legacy_of == check.setting
        and twin.setting in case.assessed.expectations
        and case.scope.level in twin.levels
    ]


def _is_absent(result: LookupResult) -> bool:
    return isinstance(result.reading, Unseen) and result.reading.cause is Cause.ABSENT


def _judge_older(
    case: CheckContext, check: Check, result: LookupResult, newer: Check
) -> Verdict | None:
    """The verdict on a legacy key; None while the newer key agrees."""
    newer_result = lookup.find(newer, case.outcomes)
    verdict = _judge_lookup(case, check, case.assessed.expectations[check.setting], result)
    if _is_absent(newer_result):
        return verdict if isinstance(result.reading, Seen) else None
    if _is_absent(result) or verdict.status not in (Status.FAIL, Status.UNKNOWN):
        return None
    newer_verdict = _judge_lookup(
        case, newer, case.assessed.expectations[newer.setting], newer_result
    )
    if (newer_verdict.status, newer_verdict.severity) == (verdict.status, verdict.severity):
        return None
    if verdict.status is Status.UNKNOWN and newer_verdict.status is not Status.PASS:
        return None
    detail = joined(verdict.detail, f"It disagrees with {newer.setting}, which replaced it.")
    return replace(verdict, detail=detail)


def _note_disagreement(
    case: CheckContext, verdict: Verdict, older: list[tuple[Check, LookupResult]]
) -> Verdict:
    """Add a note to the verdict on a newer key if a legacy key disagrees."""
    decided = (Status.PASS, Status.FAIL)
    if verdict.status not in decided:
        return verdict
    for twin, result in older:
        expectation = case.assessed.expectations[twin.setting]
        if isinstance(result.reading, Seen):
            status = _judge_lookup(case, twin, expectation, result).status
            if status in decided and status is not verdict.status:
                says = f"The older {twin.setting} says otherwise."
                return replace(verdict, detail=joined(verdict.detail, says))
    return verdict


def _locks_here(check: Check, scope: Scope) -> bool:
    if check.surface == SETTINGS_SURFACE and check.lock is None:
        return scope.level is Level.ACCOUNT
    return scope.level is min(check.lock_levels or check.levels, key=lambda level: level.rank)


def _own_locks(case: CheckContext) -> Mapping[View, Outcome]:
    match case.scope.level:
        case Level.ACCOUNT:
            return case.locks.account
        case Level.GROUP:
            return case.locks.groups.get(case.scope.id, {})
    return case.outcomes
