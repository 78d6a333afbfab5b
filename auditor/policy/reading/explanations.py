"""Explains in a sentence, with numbers, who can still change a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.scope import Level, Scope
from auditor.findings.model import UNLESS_LOCKED, Role
from auditor.policy.catalogue.controls import Check
from auditor.policy.reading.locks import EffectiveValue


@dataclass(frozen=True)
class Population:
    """The number of users, in total and per group; None if they were not listed."""

    users: int | None = None
    members: Mapping[str, int] = field(default_factory=dict)
    without_group: int = 0
    """The number of users in no group that was listed."""

    def everyone(self) -> str:
        """`any of 293 people`."""
        return "anybody" if self.users is None else _any_of(self.users)

    def in_group(self, group: Scope) -> str:
        """`any of 412 people in group “Sales”`; empty if the group has no members."""
        where = f"in {group.label}" if group.is_placeholder else f"in group “{group.label}”"
        if self.users is None:
            return f"anybody {where}"
        return _any_of(self.members.get(group.id, 0), f" {where}")


def who_can_change(
    check: Check, scope: Scope, effective: EffectiveValue, population: Population
) -> str:
    """Who can change the value of `check` at `scope`, and why."""
    why = _why(check, scope, effective)
    if effective.changeable_by == (Role.ACCOUNT_ADMIN,):
        return f"Only an account admin{why if effective.locked else ''}."
    who = {
        Role.USER: _users(check, scope, population),
        Role.GROUP_ADMIN: "any group admin" if scope.level is Level.ACCOUNT else "a group admin",
        Role.ACCOUNT_ADMIN: "an account admin",
    }
    named = [who[role] for role in effective.changeable_by if who[role]]
    if not named:
        return ""
    listed = " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    return f"{listed[0].upper()}{listed[1:]}{why}."


def _users(check: Check, scope: Scope, population: Population) -> str:
    match scope.level:
        case Level.USER | Level.PHONE_USER:
            return "the person"
        case Level.GROUP | Level.PHONE_GROUP:
            return population.in_group(scope)
        case Level.PHONE_SITE:
            if scope.is_placeholder:
                return f"anybody at {scope.label}"
            return f"anybody at phone site “{scope.label}”"
        case Level.MEETING | Level.WEBINAR:
            return "the host"
    everyone = population.everyone()
    can_be_locked_below = check.lock is not None and Level.GROUP in check.lock_levels
    if everyone and population.members and can_be_locked_below:
        return f"{everyone} {UNLESS_LOCKED}"
    return everyone


def _why(check: Check, scope: Scope, effective: EffectiveValue) -> str:
    if check.lock is None or not check.lock_levels:
        return ", because Zoom publishes no lock for it"
    if effective.locked:
        by = effective.locked_by
        return f", because the {by.replace('_', ' ')} lock is on" if by else ""
    lockable = scope.level in check.lock_levels
    if effective.decided_by is None or (effective.locked is None and lockable):
        return " as far as can be told: not every lock could be read"
    if scope.level is Level.ACCOUNT:
        return f", because the account {'lock is off' if lockable else 'has no lock for it'}"
    if len(check.lock_levels) > 1:
        return ", because no lock is on"
    return f", because the {check.lock_levels[0].replace('_', ' ')} lock is off"


def _any_of(count: int, where: str = "") -> str:
    if count == 0:
        return ""
    return f"any of {count:,} people{where}" if count != 1 else f"the one person{where}"
