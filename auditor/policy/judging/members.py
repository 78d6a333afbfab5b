"""Members: how groups, licence and status affect the verdicts on a scope."""

from dataclasses import dataclass, field

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.judging.groups import Groups

MOST_MEMBERS = 4_000
"""The cached memberships; a dropped one is cheap to compute again."""


@dataclass(frozen=True, slots=True)
class Member:
    """The groups of a user, and the key of users who are judged alike."""

    groups: frozenset[str]
    """The keys of its groups: see `names.of_group`."""
    equivalence_key: object
    """Equal for users whose groups and licence have the same effect."""


@dataclass(frozen=True, slots=True)
class Applicable:
    """The entries of an organisation file that apply to a scope, by position in the file."""

    overrides_in_force: tuple[int, ...]
    """The overrides that apply."""
    possible_overrides: tuple[int, ...]
    """Overrides that may apply: the names of the scope's groups are unknown."""
    exceptions: tuple[int, ...]
    """Waivers, followed by attestations."""


@dataclass
class Members:
    """Computes what users with the same groups, licence and status have in common."""

    groups: Groups
    overrides: Overrides | None
    exceptions: WaiversAndAttestations | None
    _members: dict[int, Member] = field(default_factory=dict)

    def of(self, evidence: ScopeEvidence) -> Member:
        """The member that the scope is."""
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
        """The overrides that apply or may apply, and the waivers and attestations."""
        in_force = self.overrides.matching(scope, groups) if self.overrides else ()
        exceptions = self.exceptions.matching(scope, groups) if self.exceptions else ()
        return Applicable(in_force, self._possible(scope, in_force), exceptions)

    def _possible(self, scope: Scope, in_force: tuple[int, ...]) -> tuple[int, ...]:
        if self.overrides is None or self.groups.unseen is None:
            return ()
        if self.groups.has_all_names(scope):
            return ()
        return self.overrides.possible(scope, in_force)
