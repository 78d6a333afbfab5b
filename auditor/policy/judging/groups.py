"""Groups: their names and locks, and how membership affects a user's verdicts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from auditor.evidence import names
from auditor.evidence.read_plan import LISTINGS, MEMBERS
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import LOCKS, Outcome, ReadFailure, View
from auditor.policy.reading.explanations import Population

EPOCH = "1970-01-01T00:00:00Z"

NOT_REQUESTED = ReadFailure(Unseen(Cause.NOT_COLLECTED, "the list was not requested"), "", EPOCH)


@dataclass
class Groups:
    """The groups of one account that were read so far."""

    parameters: Mapping[str, JsonValue]
    names: dict[str, str] = field(default_factory=dict)
    locks: dict[str, Mapping[View, Outcome]] = field(default_factory=dict)
    """Group id to its lock documents."""
    unseen: Unseen | None = None
    """Why the names of some groups, or the groups of some users, are unknown."""
    membership_unknown: bool = False
    """True if group memberships could not be read."""
    ids: frozenset[str] = frozenset()
    """The ids of all groups: a name equal to one of them is ignored."""
    _lock_keys: dict[str, object] = field(default_factory=dict)
    """Group id to a key that is equal for equal lock documents."""

    def read_listing_status(self, account: ScopeEvidence, ids: Iterable[str] = ()) -> None:
        """Read whether groups and members were listed, and store the ids of all groups."""
        self.ids = frozenset(ids)
        listing = account.outcomes.get(LISTINGS[Level.GROUP][0], NOT_REQUESTED)
        members = account.outcomes.get(MEMBERS)
        self.unseen = listing.unseen if isinstance(listing, ReadFailure) else None
        if isinstance(members, ReadFailure):
            self.unseen, self.membership_unknown = members.unseen, True

    def add(self, group: ScopeEvidence) -> None:
        """Add a group: its name and locks affect its members."""
        self.names[group.scope.id] = group.scope.name
        self.locks[group.scope.id] = lock_documents(group.outcomes)
        self._lock_keys[group.scope.id] = evidence_key(group, LOCKS.surface)

    def has_all_names(self, scope: Scope) -> bool:
        """True if the names of all groups of the scope are known."""
        if self.membership_unknown and scope.level is Level.USER:
            return False
        return all(group in self.names for group in scope.group_ids)

    def of(self, scope: Scope) -> frozenset[str]:
        """The keys of the groups that the scope is or belongs to: see `names.of_group`."""
        if scope.level in (Level.GROUP, Level.PHONE_GROUP):
            return names.of_group(scope.id, scope.name, self.ids)
        known = (names.of_group(gid, self.names.get(gid, ""), self.ids) for gid in scope.group_ids)
        return frozenset().union(*known)

    def equivalence_key(self, scope: Scope, groups: frozenset[str]) -> object:
        """A key for the effect of groups and licence: equal key and documents, equal verdicts."""
        locks = frozenset(self._lock_keys.get(group) for group in scope.group_ids)
        return locks, groups & self._mentioned, self.has_all_names(scope), scope.licence

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        """Every string in the parameters as group keys: a superset of the groups named there."""
        return frozenset(
            key
            for value in self.parameters.values()
            for text in (value if isinstance(value, list) else [value])
            if isinstance(text, str)
            for key in names.plain_group(text)
        )


def lock_documents(outcomes: Mapping[View, Outcome]) -> dict[View, Outcome]:
    """The lock documents among `outcomes`."""
    return {view: outcome for view, outcome in outcomes.items() if view.surface == LOCKS.surface}


def evidence_key(evidence: ScopeEvidence, surface: str = "") -> object:
    """A key that is equal for equal evidence of one snapshot, times aside.

    `surface` restricts the key to the documents of that surface.
    """
    if evidence.profile is not None and not surface:
        return evidence.profile
    return frozenset(
        (view, (outcome.unseen, outcome.source))
        if isinstance(outcome, ReadFailure)
        else (view, evidence.digests.get(view))
        for view, outcome in evidence.outcomes.items()
        if surface in ("", view.surface)
    )


def population(snapshot: Snapshot, account: ScopeEvidence) -> Population:
    """The number of users, in total and per group; unknown if they were not all listed."""
    if any(
        isinstance(account.outcomes.get(v, NOT_REQUESTED), ReadFailure)
        for v in LISTINGS[Level.USER]
    ):
        return Population()
    members: Counter[str] = Counter()
    users = without_group = 0
    listed = {scope.id for scope in snapshot.scopes(Level.GROUP)}
    for scope, count in snapshot.memberships(Level.USER):
        if not scope.is_invited:
            users += count
            without_group += 0 if listed.intersection(scope.group_ids) else count
            for group in scope.group_ids:
                members[group] += count
    return Population(users, members, without_group)
