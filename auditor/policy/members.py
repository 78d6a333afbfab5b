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
    standing: object
    """Equal for users whom groups and licence let be judged alike."""


@dataclass(frozen=True, slots=True)
class Applicable:
    """What an organisation file says of a scope, by position in the file."""

    overriding: tuple[int, ...]
    """The overrides that hold."""
    doubtful: tuple[int, ...]
    """Those that hold or do not, for all anybody knows: the scope's groups have no names."""
    settling: tuple[int, ...]
    """Waivers, and attestations behind them."""


@dataclass
class Members:
    """Works out what is the same for all users with the same groups, licence and status."""

    groups: Groups
    overrides: Overrides | None
    settlements: WaiversAndAttestations | None
    _members: dict[int, Member] = field(default_factory=dict)

    def of(self, evidence: ScopeEvidence) -> Member:
        """What the scope's groups, licence and status mean for it."""
        number = evidence.membership
        if number is None or evidence.scope.level is not Level.USER:
            return self._new_member(evidence.scope)
        known = self._members.get(number)
        if known is None:
            if len(self._members) >= MOST_MEMBERS:
                self._members.clear()
            known = self._members[number] = self._new_member(evidence.scope)
        return known

    def _new_member(self, scope: Scope) -> Member:
        groups = self.groups.of(scope)
        return Member(groups, self.groups.standing(scope, groups))

    def applicable(self, scope: Scope, groups: frozenset[str]) -> Applicable:
        """The overrides that hold, those in doubt, and the settlements."""
        overriding = self.overrides.matching(scope, groups) if self.overrides else ()
        settling = self.settlements.matching(scope, groups) if self.settlements else ()
        return Applicable(overriding, self._in_doubt(scope, overriding), settling)

    def _in_doubt(self, scope: Scope, overriding: tuple[int, ...]) -> tuple[int, ...]:
        if self.overrides is None or self.groups.unseen is None:
            return ()
        if self.groups.knows_all_of(scope):
            return ()
        return self.overrides.in_doubt(scope, overriding)
