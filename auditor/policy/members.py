"""Members: what belonging to groups, a licence and a status mean for the verdicts on a scope."""

from dataclasses import dataclass, field

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence
from auditor.policy.groups import Groups
from auditor.policy.overrides import Overrides
from auditor.policy.waivers import WaiversAndAttestations

MOST_MEMBERS = 4_000
"""How many different memberships are remembered; each is quickly worked out again."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the groups, licence and status of a user mean for its verdicts."""

    groups: frozenset[str]
    """What its groups can be known by."""
    equivalence_key: object
    """Equal for users whom groups and licence let be judged alike."""


@dataclass(frozen=True, slots=True)
class Applicable:
    """What an organisation file says of a scope, by position in the file."""

    overrides_in_force: tuple[int, ...]
    """The overrides that hold."""
    possible_overrides: tuple[int, ...]
    """Those that hold or do not, for all anybody knows: the scope's groups have no names."""
    exceptions: tuple[int, ...]
    """Waivers, and attestations behind them."""


@dataclass
class Members:
    """Works out what is the same for all users with the same groups, licence and status."""

    groups: Groups
    overrides: Overrides | None
    exceptions: WaiversAndAttestations | None
    _members: dict[int, Member] = field(default_factory=dict)

    def of(self, evidence: ScopeEvidence) -> Member:
        """What the scope's groups, licence and status mean for it."""
        number = evidence.membership
        if number is None or evidence.scope.level is not Level.USER:
            return self._new_member(evidence.scope)
        member = self._members.get(number)
        if member is None:
            if len(self._members) >= MOST_MEMBERS:
                self._members.clear()
            member = self._members[number] = self._new_member(evidence.scope)
        return member

    def _new_member(self, scope: Scope) -> Member:
        groups = self.groups.of(scope)
        return Member(groups, self.groups.equivalence_key(scope, groups))

    def applicable(self, scope: Scope, groups: frozenset[str]) -> Applicable:
        """The overrides that hold, those in doubt, and the settlements."""
        in_force = self.overrides.matching(scope, groups) if self.overrides else ()
        exceptions = self.exceptions.matching(scope, groups) if self.exceptions else ()
        return Applicable(in_force, self._possible(scope, in_force), exceptions)

    def _possible(self, scope: Scope, in_force: tuple[int, ...]) -> tuple[int, ...]:
        if self.overrides is None or self.groups.unseen is None:
            return ()
        if self.groups.has_all_names(scope):
            return ()
        return self.overrides.possible(scope, in_force)
