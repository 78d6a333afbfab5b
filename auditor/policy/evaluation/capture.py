"""Captures a baseline: the current values of an account become the expected values."""

from typing import Any

from auditor.evidence.reading import Seen
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Catalogue, Check
from auditor.policy.judging.judge import without
from auditor.policy.reading import locks, lookup

BENCHMARKS = frozenset({"CIS"})
"""Families that repeat settings of other families for a published benchmark."""


def capture_baseline(
    account: ScopeEvidence, catalogue: Catalogue, name: str, title: str
) -> tuple[dict[str, Any], list[str]]:
    """Return a baseline file that the account meets today, and the omitted settings.

    A setting is omitted if the account's value could not be read. The baseline requires a lock if
    every lock of the control is on.
    """
    controls: dict[str, Any] = {}
    unseen: list[str] = []
    for family in catalogue.families:
        if family.family in BENCHMARKS:
            continue
        for control in family.controls:
            settings: dict[str, Any] = {}
            for check in control.checks:
                if check.surface != SETTINGS_SURFACE or Level.ACCOUNT not in check.levels:
                    continue
                reading = lookup.find(check, account.outcomes).reading
                if isinstance(reading, Seen):
                    observed = without(reading.value, check.leave_out)
                    settings[check.setting] = {"op": "eq", "value": observed}
                elif check.legacy_of is None:
                    unseen.append(check.setting)
            if settings:
                observed_checks = [check for check in control.checks if check.setting in settings]
                controls[control.id] = {"settings": settings}
                if all(_is_locked(check, account) for check in observed_checks):
                    controls[control.id]["lock"] = True
    file = {
        "id": name,
        "version": "1.0",
        "title": title,
        "meaning": "Captured from the account: each value should stay as it was read.",
        "controls": dict(sorted(controls.items())),
    }
    return file, unseen


def _is_locked(check: Check, account: ScopeEvidence) -> bool:
    if check.lock is None or check.lock_inferred or Level.ACCOUNT not in check.lock_levels:
        return False
    reading = locks.find(check, account.outcomes).reading
    return isinstance(reading, Seen) and reading.value is True
