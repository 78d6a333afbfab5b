"""Who can still change a value, as a sentence with numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.scope import Level, Scope
from auditor.policy.catalogue import Check
from auditor.policy.locks import Chain


@dataclass(frozen=True)
class Population:
    """How many users there are, and how many in each group; None where they were not listed."""

    users: int | None = None
    members: Mapping[str, int] = field(default_factory=dict)

    def everyone(self) -> str:
        """`any of 293 users`."""
        return "any user" if self.users is None else _any_of(self.users, "users")

    def in_group(self, group: Scope) -> str:
        """`any of 412 users in Sales`."""
        if self.users is None:
            return f"any user in {group.label}"
        return _any_of(self.members.get(group.id, 0), f"users in {group.label}")


def changeable(check: Check, scope: Scope, chain: Chain, population: Population) -> str:
    """Who can change the value of `check` at `scope`, and why."""
    why = _why(check, scope, chain)
    if chain.changeable_by == ("account_admin",):
        return f"Only an account admin{why}."
    who = {
        "user": _users(scope, population),
        "group_admin": "any group admin" if scope.level is Level.ACCOUNT else "a group admin",
        "account_admin": "an account admin",
    }
    named = [who[each] for each in chain.changeable_by if each in who]
    if not named:
        return ""
    listed = " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    return f"{listed[0].upper()}{listed[1:]}{why}."


def _users(scope: Scope, population: Population) -> str:
    match scope.level:
        case Level.USER:
            return "the user"
        case Level.GROUP:
            return population.in_group(scope)
    return population.everyone()


def _why(check: Check, scope: Scope, chain: Chain) -> str:
    if check.lock is None:
        return ", because Zoom publishes no lock for it"
    if chain.locked is None:
        return " as far as can be told: not every lock could be read"
    if chain.locked:
        return f", because the {chain.locked_by} lock is on" if chain.locked_by else ""
    both = scope.level is not Level.ACCOUNT and len(check.lock_levels) > 1
    return ", because " + ("no lock is on" if both else "the account lock is off")


def _any_of(count: int, what: str) -> str:
    return f"any of {count:,} {what}" if count != 1 else f"the one user{what[5:]}"
