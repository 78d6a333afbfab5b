"""Which controls a case selects, computed from the policies."""

from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.scope import Level
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue import files
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.judging import reads

DEFAULT = "consent-first"
"""The baseline that is used where none is named."""


def settings_only(name: str = DEFAULT) -> tuple[str, ...]:
    """The controls of a baseline that need nothing but settings and locks.

    All these requests have one rate-limit label, Medium, so one limit holds for the whole run.
    """
    loaded = _loaded(name)

    def is_settings_only(control: str) -> bool:
        found = reads.needed(loaded.only(frozenset({control})), Level.USER)
        return bool(found.user) and found == ReadPlan(found.account, found.group, found.user)

    return tuple(control for control in loaded.assessed if is_settings_only(control))


def lockable(name: str = DEFAULT) -> tuple[str, ...]:
    """The controls all of whose checks of users are on settings that the account can lock.

    A lock whose pairing with the setting is inferred proves nothing, so those are left out.
    """
    loaded = _loaded(name)

    def is_lockable(control: str) -> bool:
        checks = reads.checks(loaded.assessed[control])
        of_users = [check for check in checks if Level.USER in check.levels]
        return bool(of_users) and all(map(_account_can_lock, of_users))

    return tuple(control for control in loaded.assessed if is_lockable(control))


def documents(controls: tuple[str, ...], name: str = DEFAULT) -> ReadPlan:
    """What has to be read to judge some controls of a baseline."""
    return reads.needed(_loaded(name).only(frozenset(controls)), Level.USER)


def _account_can_lock(check: Check) -> bool:
    return (
        check.surface == SETTINGS_SURFACE
        and check.lock is not None
        and Level.ACCOUNT in check.lock_levels
        and not check.lock_inferred
    )


def _loaded(name: str) -> Baseline:
    return baseline.load(name, files.shipped_catalogue())


def only(controls: tuple[str, ...]) -> list[str]:
    """The controls as arguments of `auditor audit`."""
    return [argument for control in controls for argument in ("--only", control)]
