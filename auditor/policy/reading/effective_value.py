"""Effective values: which layer decides a value, and who can still change it, on every surface.

The settings of account, groups and users have separate lock documents. Zoom Phone returns its locks
together with the values and names the level that locked. A meeting's settings belong to its host.
"""

from collections.abc import Mapping

from auditor.evidence.read_plan import PHONE_VIEWS
from auditor.evidence.reading import JsonValue, Reading, Seen, Unseen, at_path
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, Outcome, View
from auditor.findings.model import Layer, Role
from auditor.policy.catalogue.controls import Check
from auditor.policy.reading import locks
from auditor.policy.reading.locks import EffectiveValue, LockDocuments
from auditor.surfaces import SURFACES

LOCKED_BY: Mapping[str, Level] = {
    "account": Level.PHONE_ACCOUNT,
    "user_group": Level.PHONE_GROUP,
    "site": Level.PHONE_SITE,
}
"""The level that locks it in Zoom Phone. Source: `locked_by` of @zoom/rivet 0.4.0, 2025-12-04."""


def effective_value(
    check: Check, scope: Scope, outcomes: Mapping[View, Outcome], documents: LockDocuments
) -> EffectiveValue:
    """The layer that decides the value of `check` at `scope`, with the documents `outcomes`."""
    if check.surface in SURFACES and SURFACES[check.surface].read is not None:
        return EffectiveValue()
    if scope.level in PHONE_VIEWS:
        return _of_phone(check, scope, outcomes)
    if scope.level in (Level.MEETING, Level.WEBINAR):
        return EffectiveValue(None, scope.level, (Role.USER, Role.ACCOUNT_ADMIN))
    return locks.resolve(check, scope, documents)


def explain(
    check: Check,
    readings: Mapping[Level, Reading],
    lock_states: Mapping[Level, bool | None],
    deciding_level: Level | None,
) -> tuple[Layer, ...]:
    """The chain of layers for a report, from the account down.

    `readings` are those of the account and of the scope itself, `lock_states` says which layers
    lock the value, `deciding_level` is the layer that decides.
    """
    layers = []
    for level in (Level.ACCOUNT, Level.GROUP, Level.USER):
        reading = readings.get(level)
        if level not in check.levels and level not in lock_states:
            continue
        if reading is None and level not in lock_states:
            continue
        layers.append(
            Layer(
                level=level,
                value=reading.value if isinstance(reading, Seen) else None,
                seen=isinstance(reading, Seen),
                locked=lock_states.get(level),
                decides=deciding_level is level,
            )
        )
    return tuple(layers)


def _of_phone(check: Check, scope: Scope, outcomes: Mapping[View, Outcome]) -> EffectiveValue:
    if check.lock is None:
        return EffectiveValue(None, scope.level, _below(check))
    reading = locks.find(check, outcomes).reading
    if not isinstance(reading, Seen):
        return EffectiveValue(None, None, _below(check))
    if not reading.value:
        return EffectiveValue(False, scope.level, _below(check))
    outcome = outcomes.get(check.lock_document)
    body: JsonValue = outcome.body if isinstance(outcome, Document) else None
    by = at_path(body, f"{check.lock}_by")
    level = None if isinstance(by, Unseen) else LOCKED_BY.get(str(by))
    return EffectiveValue(True, level, (Role.ACCOUNT_ADMIN,), level)


def _below(check: Check) -> tuple[Role, ...]:
    return (
        (Role.USER, Role.ACCOUNT_ADMIN)
        if Level.PHONE_USER in check.levels
        else (Role.ACCOUNT_ADMIN,)
    )
