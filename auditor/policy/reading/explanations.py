"""Explains in a sentence, with numbers, who can still change a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.scope import Level, Scope
from auditor.findings.model import UNLESS_LOCKED, Role
from auditor.plain_text import join_and
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
        """`people for themselves`; empty if there are none."""
        return "" if self.users == 0 else "people for themselves"

    def in_group(self, group: Scope) -> str:
        """`each of the 412 people in group “Sales” for themselves`; empty without members."""
        where = f"in {group.label}" if group.is_placeholder else f"in group “{group.label}”"
        if self.users is None:
            return f"people {where} for themselves"
        count = self.members.get(group.id, 0)
        who = "the one person" if count == 1 else f"each of the {count:,} people"
        return f"{who} {where} for themselves" if count else ""


def who_can_change(
    check: Check, scope: Scope, effective: EffectiveValue, population: Population
) -> str:
    """Who can change the value of `check` at `scope`, and why."""
    why = _why(check, scope, effective)
    if effective.changeable_by == (Role.ACCOUNT_ADMIN,):
        return f"Only an account admin.{why if effective.locked else ''}"
    is_account, is_group = scope.level is Level.ACCOUNT, scope.level is Level.GROUP
    their = " for their group" if is_account else " for the group" if is_group else ""
    who = {
        Role.USER: _users(check, scope, population),
        Role.GROUP_ADMIN: f"group admins{their}",
        Role.ACCOUNT_ADMIN: "account admins for all" if is_account else "account admins",
    }
    named = [who[role] for role in effective.changeable_by if who[role]]
    if not named:
        return ""
    listed = "; ".join(named) if is_account or is_group else join_and(named)
    return f"{listed[0].upper()}{listed[1:]}.{why}"


def _users(check: Check, scope: Scope, population: Population) -> str:
    match scope.level:
        case Level.USER | Level.PHONE_USER:
            return "the person"
        case Level.GROUP | Level.PHONE_GROUP:
            return population.in_group(scope)
        case Level.PHONE_SITE:
            if scope.is_placeholder:
                return f"people at {scope.label} for themselves"
            return f"people at phone site “{scope.label}” for themselves"
        case Level.MEETING | Level.WEBINAR:
            return "the host"
    everyone = population.everyone()
    can_be_locked_below = check.lock is not None and Level.GROUP in check.lock_levels
    if everyone and population.members and can_be_locked_below:
        return f"{everyone}, {UNLESS_LOCKED}"
    return everyone


def _why(check: Check, scope: Scope, effective: EffectiveValue) -> str:
    """What is known of the locks, as a sentence with a space before it; empty for nothing."""
    if check.lock is None or not check.lock_levels:
        return " Zoom publishes no lock for it: look in the portal whether it is locked."
    if effective.locked:
        by = effective.locked_by
        return f" The {by.replace('_', ' ')} lock is on." if by else ""
    lockable = scope.level in check.lock_levels
    if effective.decided_by is None or (effective.locked is None and lockable):
        return " Not every lock could be read: look in the portal whether it is locked."
    if scope.level is Level.ACCOUNT:
        return f" The account {'lock is off' if lockable else 'has no lock for it'}."
    if len(check.lock_levels) > 1:
        return " No lock is on."
    return f" The {check.lock_levels[0].replace('_', ' ')} lock is off."
