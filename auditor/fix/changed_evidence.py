"""The evidence as it would be after some steps: Zoom's rules of inheritance, applied to a copy.

Groups and people without a value of their own follow the level above, those with one keep it, and
a lock forces the value down. A value counts as their own if it differs from the one above. Sources:
Zoom support KB0065579; a request to change a value that a lock above holds changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import SETTINGS, Document, Outcome, View
from auditor.fix import documents, requests
from auditor.fix.components import Component
from auditor.fix.documents import Absent, Value
from auditor.fix.recorded import Position
from auditor.policy.catalogue import documented, writable
from auditor.policy.reading import locks


@dataclass(frozen=True)
class EvidenceChange:
    """One step, as far as evidence is concerned."""

    kind: requests.Kind
    level: Level
    scope_id: str
    path: str
    to: JsonValue


@dataclass
class ChangedLayer:
    """The values and locks of the account or a group, before and after."""

    before: dict[Position, Value]
    after: dict[Position, Value]
    locked_before: dict[str, bool]
    locked: dict[str, bool]
    own: set[Position] = field(default_factory=set)

    def has_changed(self, position: Position, lock: str | None) -> bool:
        """True if the value or its lock differs from before."""
        if not documents.same(self.before[position], self.after[position]):
            return True
        return lock is not None and self.locked_before.get(lock) != self.locked.get(lock)

    def is_locked(self, lock: str | None) -> bool:
        """True if it locks the setting now."""
        return lock is not None and self.locked.get(lock, False)

    @property
    def effect(self) -> str:
        """Equal for layers that have the same effect on those below."""
        return repr(
            (
                sorted((key, documents.text(value)) for key, value in self.before.items()),
                sorted((key, documents.text(value)) for key, value in self.after.items()),
                sorted(self.locked_before.items()),
                sorted(self.locked.items()),
            )
        )


@contextmanager
def changed_evidence(
    snapshot: Snapshot, changes: Sequence[EvidenceChange], components: Iterable[Component]
) -> Iterator[Snapshot]:
    """A copy of the evidence with the changes made in order, for the duration of the block."""
    with Snapshot.copy_of(snapshot) as copy:
        if changes:
            _Changer(snapshot, copy, changes, components).run()
        yield copy


class _Changer:
    def __init__(
        self,
        source: Snapshot,
        target: Snapshot,
        changes: Sequence[EvidenceChange],
        components: Iterable[Component],
    ) -> None:
        self.source, self.target, self.changes = source, target, changes
        settings = [setting for each in components for setting in each.settings]
        self.locks_of = {setting.path: setting.lock for setting in settings}
        self.views = {setting.path: setting.position[0] for setting in settings}
        self.account_evidence = source.account()
        self.flags: set[str] = set()
        self.positions = self._touched()
        self.covering = {position: self._lock_of(position[1]) for position in self.positions}
        self.lock_paths = {lock for lock in self.covering.values() if lock is not None}
        self.lock_paths |= {change.path for change in changes if change.kind == "lock"}

    def run(self) -> None:
        account = self._layer(self.account_evidence.outcomes)
        groups: dict[str, tuple[ScopeEvidence, ChangedLayer]] = {}
        for evidence in self.source.evidence(Level.GROUP):
            layer = self._layer(evidence.outcomes)
            layer.own = self._own(layer.before, account.before)
            groups[evidence.scope.id] = evidence, layer
        people: dict[str, dict[Position, JsonValue]] = {}
        for change in self.changes:
            position = self._position(change)
            if change.level is Level.ACCOUNT:
                self._make(account, change, position)
            elif change.level is Level.GROUP and change.scope_id in groups:
                layer = groups[change.scope_id][1]
                lock = self.covering.get(position)
                if change.kind == "lock" or not account.is_locked(lock):
                    self._make(layer, change, position)
                    layer.own.add(position)
            elif change.level is Level.USER:
                people.setdefault(change.scope_id, {})[position] = change.to
        self._inherit_groups(account, groups)
        self._revise(
            Scope(Level.ACCOUNT, self.account_evidence.scope.id), self.account_evidence, account
        )
        for evidence, layer in groups.values():
            self._revise(evidence.scope, evidence, layer)
        layers = {group_id: layer for group_id, (_, layer) in groups.items()}
        effects = {group_id: layer.effect for group_id, layer in layers.items()}
        known: dict[object, Mapping[View, JsonValue]] = {}

        def bodies(evidence: ScopeEvidence) -> Mapping[View, JsonValue]:
            own_groups = [each for each in evidence.scope.group_ids if each in layers]
            key = evidence.profile, tuple(effects[each] for each in own_groups)
            if key not in known:
                known[key] = self._of_people(
                    evidence, account, [layers[each] for each in own_groups]
                )
            return known[key]

        self.target.revise(Level.USER, bodies)
        for user_id, values in people.items():
            self._revise_person(user_id, values, account, layers)

    def _touched(self) -> list[Position]:
        """Every leaf that the changes may reach."""
        found: dict[Position, None] = {}
        locked = {change.path for change in self.changes if change.kind == "lock"}
        self.flags |= locked
        for change in self.changes:
            if change.kind == "value":
                found[self._position(change)] = None
        if locked:
            for path, entry in documented.settings().items():
                if entry.get("lock") in locked and "[]" not in path:
                    found[writable.view(path), path] = None
            for path, lock in self.locks_of.items():
                if lock in locked:
                    found[self.views[path], path] = None
            for view, outcome in self.account_evidence.outcomes.items():
                if view.surface == SETTINGS.surface and isinstance(outcome, Document):
                    for path, _ in documents.leaves(outcome.body):
                        if any(f"{path}.".startswith(f"{lock}.") for lock in locked):
                            found.setdefault((writable.view(path), path))
        return self._without_nested(list(found))

    @staticmethod
    def _without_nested(found: list[Position]) -> list[Position]:
        """The positions without objects whose leaves are among them, and without doubles."""
        paths = {path for _, path in found}
        around = {path[:n] for path in paths for n, letter in enumerate(path) if letter == "."}
        unique: dict[str, Position] = {}
        for position in found:
            if position[1] not in around:
                unique.setdefault(position[1], position)
        return list(unique.values())

    def _position(self, change: EvidenceChange) -> Position:
        if change.kind == "lock":
            return writable.lock_view(change.path), change.path
        return self.views.get(change.path, writable.view(change.path)), change.path

    def _lock_of(self, path: str) -> str | None:
        """The lock that covers a leaf."""
        for end in (len(path), *(n for n in range(len(path) - 1, 0, -1) if path[n] == ".")):
            around = path[:end]
            if around in self.locks_of:
                return self.locks_of[around]
            lock = documented.settings().get(around, {}).get("lock")
            if lock is not None or around in self.flags:
                return str(lock or around)
        return None

    def _layer(self, outcomes: Mapping[View, Outcome]) -> ChangedLayer:
        values = {position: documents.value_at(outcomes, *position) for position in self.positions}
        locked = {}
        for path in self.lock_paths:
            raw = documents.value_at(outcomes, writable.lock_view(path), path)
            if not isinstance(raw, Absent):
                reading = locks.flag(path, raw)
                locked[path] = getattr(reading, "value", None) is True
        return ChangedLayer(values, dict(values), locked, dict(locked))

    @staticmethod
    def _own(values: Mapping[Position, Value], above: Mapping[Position, Value]) -> set[Position]:
        return {
            position
            for position, value in values.items()
            if not isinstance(value, Absent)
            and (isinstance(above[position], Absent) or not documents.same(value, above[position]))
        }

    @staticmethod
    def _make(layer: ChangedLayer, change: EvidenceChange, position: Position) -> None:
        if change.kind == "lock":
            if change.path in layer.locked:
                layer.locked[change.path] = change.to is True
        elif not isinstance(layer.after[position], Absent):
            layer.after[position] = change.to

    def _inherit_groups(
        self, account: ChangedLayer, groups: Mapping[str, tuple[ScopeEvidence, ChangedLayer]]
    ) -> None:
        for _, layer in groups.values():
            for position in self.positions:
                lock, above = self.covering[position], account.after[position]
                if isinstance(layer.after[position], Absent) or isinstance(above, Absent):
                    continue
                if not account.has_changed(position, lock):
                    continue
                if account.is_locked(lock) or position not in layer.own:
                    layer.after[position] = above
            for path, is_locked in account.locked.items():
                if is_locked and path in layer.locked:
                    layer.locked[path] = True

    def _of_people(
        self, evidence: ScopeEvidence, account: ChangedLayer, groups: list[ChangedLayer]
    ) -> Mapping[View, JsonValue]:
        outcomes = evidence.outcomes
        changed: dict[Position, JsonValue] = {}
        for position in self.positions:
            lock = self.covering[position]
            if not any(layer.has_changed(position, lock) for layer in (account, *groups)):
                continue
            value = documents.value_at(outcomes, *position)
            if isinstance(value, Absent):
                continue
            new = self._inherited(position, lock, value, account, groups)
            if not isinstance(new, Absent) and not documents.same(new, value):
                changed[position] = new
        return self._bodies(outcomes, changed)

    @staticmethod
    def _inherited(
        position: Position,
        lock: str | None,
        value: Value,
        account: ChangedLayer,
        groups: list[ChangedLayer],
    ) -> Value:
        if account.is_locked(lock):
            return account.after[position]
        for layer in groups:
            if layer.is_locked(lock):
                return layer.after[position]
        parent = groups[0] if groups else account
        if isinstance(parent.before[position], Absent):
            parent = account
        before = parent.before[position]
        if isinstance(before, Absent) or not documents.same(value, before):
            return value
        return parent.after[position]

    def _revise_person(
        self,
        user_id: str,
        values: Mapping[Position, JsonValue],
        account: ChangedLayer,
        layers: Mapping[str, ChangedLayer],
    ) -> None:
        scope = Scope(Level.USER, user_id)
        if not self.target.has(scope):
            return
        evidence = self.target.evidence_of(scope)
        groups = [layers[each] for each in evidence.scope.group_ids if each in layers]
        free = {
            position: value
            for position, value in values.items()
            if not any(layer.is_locked(self.covering.get(position)) for layer in (account, *groups))
        }
        self.target.revise_scope(evidence.scope, self._bodies(evidence.outcomes, free))

    def _revise(self, scope: Scope, evidence: ScopeEvidence, layer: ChangedLayer) -> None:
        outcomes = evidence.outcomes
        changed: dict[Position, JsonValue] = {}
        for position, value in layer.after.items():
            if not isinstance(value, Absent) and not documents.same(value, layer.before[position]):
                changed[position] = value
        for path, is_locked in layer.locked.items():
            if is_locked != layer.locked_before[path]:
                changed[writable.lock_view(path), path] = is_locked
        self.target.revise_scope(scope, self._bodies(outcomes, changed))

    @staticmethod
    def _bodies(
        outcomes: Mapping[View, Outcome], changed: Mapping[Position, JsonValue]
    ) -> dict[View, JsonValue]:
        """The bodies of the documents that change."""
        if not changed:
            return {}
        new = documents.with_values(outcomes, changed)
        found = {}
        for view, outcome in new.items():
            if isinstance(outcome, Document) and outcome is not outcomes[view]:
                found[view] = outcome.body
        return found
