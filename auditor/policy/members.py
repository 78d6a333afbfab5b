"""Members: what belonging to groups, a licence and a status mean for the verdicts on a scope."""

from dataclasses import dataclass, field
from functools import cached_property

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence
from auditor.policy.groups import Groups
from auditor.policy.overrides import Overrides
from auditor.policy.settlements import Settlements

MOST_MEMBERS = 4_000
"""How many different memberships are remembered; each is quickly worked out again."""


@dataclass(frozen=True, slots=True)
class Member:
    """What the groups, licence and status of a user mean for its verdicts."""

    groups: frozenset[str]
    standing: object
    """Equal for users whom groups and licence let be judged alike."""
    bearing: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None
    """Overrides that hold, overrides in doubt and settlements; None where names decide, too."""
    kind: int
    """Equal for equal standing and bearing."""


@dataclass
class Members:
    """Works out what is the same for all users with the same groups, licence and status."""

    groups: Groups
    overrides: Overrides | None
    settlements: Settlements | None
    _kinds: dict[object, int] = field(default_factory=dict)
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
        standing = self.groups.standing(scope, groups)
        bearing = None if self._names_decide else self.bearing(scope, groups)
        kind = self._kinds.setdefault((standing, bearing), len(self._kinds))
        return Member(groups, standing, bearing, kind)

    def bearing(
        self, scope: Scope, groups: frozenset[str]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """The overrides that hold, those in doubt, and the settlements, by position."""
        overriding = self.overrides.matching(scope, groups) if self.overrides else ()
        settling = self.settlements.matching(scope, groups) if self.settlements else ()
        return overriding, self._in_doubt(scope, overriding), settling

    @cached_property
    def _names_decide(self) -> bool:
        """True where an override, a waiver or an attestation is about people or meetings."""
        matches = [each.match for each in self.overrides.overrides] if self.overrides else []
        if self.settlements:
            matches += [each.scope for each in self.settlements.waivers]
            matches += [each.scope for each in self.settlements.attestations]
        return any(match.user is not None or match.meeting is not None for match in matches)

    def _in_doubt(self, scope: Scope, overriding: tuple[int, ...]) -> tuple[int, ...]:
        """The overrides that hold or do not, for all anybody knows: its groups have no names."""
        if self.overrides is None or self.groups.unseen is None:
            return ()
        if self.groups.knows_all_of(scope):
            return ()
        return self.overrides.in_doubt(scope, overriding)
