"""Plans the fewest changes that bring an account to its baseline.

Each component is searched alone; then the steps of all of them are put in order, those for the
worst broken rules first and of equal ones those that close most, and played through.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.fix import documents
from auditor.fix.components import Component, components
from auditor.fix.documents import Absent
from auditor.fix.model import PlanStep, StepScope
from auditor.fix.recorded import FixPolicy, RecordedAccount
from auditor.fix.refused_locks import refused_locks
from auditor.fix.search import NO_CHANGE, Choice, ComponentSearch, PlanLimits, ScopeChange
from auditor.fix.steps import DraftStep, StepPlayer
from auditor.policy.catalogue.portal import RulePlace


@dataclass
class Planner:
    """Plans on one recorded account."""

    recorded: RecordedAccount
    components: Sequence[Component]
    places: Mapping[str, RulePlace]
    """Control id to its place in the portal."""
    limits: PlanLimits = field(default_factory=PlanLimits)
    refused_locks: dict[str, str] = field(default_factory=dict, init=False)
    """The path of each lock that the account should have and the last plan does not set, and why
    not, in sentences."""

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        policy: FixPolicy,
        places: Mapping[str, RulePlace],
        limits: PlanLimits | None = None,
    ) -> "Planner":
        """A planner for the evidence of a run.

        Raises:
            SnapshotError: the snapshot has no account.
        """
        found = components(policy.overrides.union(), snapshot)
        positions = dict.fromkeys(position for each in found for position in each.positions)
        recorded = RecordedAccount(snapshot, policy, list(positions))
        return cls(recorded, found, places, limits or PlanLimits())

    def plan(self, failing: frozenset[str] | None = None) -> list[PlanStep]:
        """The steps, in order. `failing`: the settings with a deviation, if they are known."""
        chosen: list[tuple[ComponentSearch, Choice, int]] = []
        searches: dict[int, ComponentSearch] = {}
        for position, component in enumerate(self.components):
            if failing is not None and component.names.isdisjoint(failing):
                continue
            search = ComponentSearch(self.recorded, component, self.limits)
            if not search.failing():
                continue
            searches[position] = search
            choice = search.best()
            if self.limits.locks and self.limits.allows(Level.ACCOUNT):
                self.refused_locks |= refused_locks(search, choice)
            closed = search.remaining() - choice.cost.remaining
            if closed > 0:
                chosen.append((search, choice, closed))
        assessed = self.recorded.policy.overrides.union().assessed
        chosen.sort(
            key=lambda each: (
                min(assessed[cid].severity.rank for cid, _, _ in each[0].failing()),
                -each[2],
                min(each[0].component.controls),
            )
        )
        people = self._people([choice for _, choice, _ in chosen])
        player = StepPlayer(self.recorded, self.components, self.places, searches)
        return [
            player.play(draft)
            for search, choice, _ in chosen
            for draft in self._drafts(search, choice, people)
        ]

    def player(self) -> StepPlayer:
        """A player for steps that a person chose."""
        return StepPlayer(self.recorded, self.components, self.places)

    def _people(self, choices: Sequence[Choice]) -> dict[int, list[Scope]]:
        """The users who are changed themselves, by the number of their `RecordedScope`."""
        numbers = {number for choice in choices for number in choice.users}
        found: dict[int, list[Scope]] = {number: [] for number in numbers}
        if numbers:
            for scope, number in self.recorded.people():
                if number in found:
                    found[number].append(scope)
        return found

    def _drafts(
        self, search: ComponentSearch, choice: Choice, people: Mapping[int, list[Scope]]
    ) -> Iterator[DraftStep]:
        recorded, component = self.recorded, search.component
        account = search.changed(search.account, choice.account)
        scope = scope_of(recorded.account.scope)
        yield from _of_change(component, scope, search.account.values, choice.account)
        layers = {
            group_id: search.group_layer(group_id, account, choice.groups.get(group_id, NO_CHANGE))
            for group_id in search.groups
        }
        for group_id, change in sorted(choice.groups.items()):
            scope = scope_of(recorded.groups[group_id].scope)
            before = search.group_layer(group_id, account, NO_CHANGE)
            yield from _of_change(component, scope, before.values, change)
        for group in search.people:
            for number in group.numbers:
                if number in choice.users:
                    values, _ = search.user_values(group, account, layers)
                    for person in people[number]:
                        scope = scope_of(person)
                        yield from _of_change(
                            component, scope, values, choice.users[number], number
                        )


def scope_of(scope: Scope) -> StepScope:
    """A scope as in a plan."""
    name = scope.name or scope.email
    if scope.level is Level.ACCOUNT:
        return StepScope(level="account", id=scope.id, name=name)
    if scope.level is Level.GROUP:
        return StepScope(level="group", id=scope.id, name=name)
    return StepScope(level="user", id=scope.id, name=scope.email or name)


def _of_change(
    component: Component,
    scope: StepScope,
    before: Sequence[documents.Value],
    change: ScopeChange,
    user_class: int | None = None,
) -> Iterator[DraftStep]:
    """The values first, then the locks."""
    for number, value in sorted(change.values.items()):
        was, path = before[number], component.settings[number].path
        edits = [] if isinstance(was, Absent) else list(documents.leaf_edits(was, value, path))
        for leaf, to in edits or [(path, value)]:
            yield DraftStep("value", scope, leaf, to, user_class)
    for number in change.locks:
        yield DraftStep("lock", scope, component.locks[number].path, True, user_class)
