"""What a scope's settings and locks would be judged to be, by the code that judges an audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.reading import JsonValue, Seen
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import LOCKS, Document, Outcome, View
from auditor.findings.model import FindingKind, Status
from auditor.fix import documents
from auditor.fix.components import Component
from auditor.fix.documents import ABSENT, Absent, Value
from auditor.fix.recorded import Position, RecordedAccount, RecordedScope, ScopeValues
from auditor.policy.reading import locks
from auditor.policy.reading.locks import LockDocuments

Values = tuple[Value, ...]
"""One for each setting of a component."""
Flags = tuple[bool | None, ...]
"""One for each lock of a component; None if it was not read."""
CheckKey = tuple[str, str, FindingKind]
"""Control, setting and kind of a verdict."""

_TIME = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class ScopeResult:
    """How a scope is judged, as far as a plan has to know."""

    fails: frozenset[CheckKey]
    passes: frozenset[CheckKey]
    intended: frozenset[str]
    """Settings whose value somebody decided on: waived, allowed by a parameter, or not judged
    because of an override."""
    waived_locks: frozenset[str]
    """Settings that may be unlocked because of a waiver."""


@dataclass
class ComponentJudge:
    """Judges the settings of one component at any scope with any values and locks."""

    recorded: RecordedAccount
    component: Component
    _known: dict[object, ScopeResult] = field(default_factory=dict)

    def values(self, scope: RecordedScope) -> Values:
        """The recorded values."""
        return tuple(scope.values.at(setting.position) for setting in self.component.settings)

    def flags(self, scope: RecordedScope) -> Flags:
        """The recorded flags."""
        return tuple(
            _flag(lock.path, scope.values.at(lock.position)) for lock in self.component.locks
        )

    def result(
        self,
        level: Level,
        scope: RecordedScope,
        values: Values,
        flags: Flags,
        account_flags: Flags,
    ) -> ScopeResult:
        """The verdicts on a scope with other values and locks. Locks do not matter for users."""
        if level is Level.USER:
            flags = account_flags = ()
        key = level, scope.key, self.read(scope.values), _hashable(values), flags, account_flags
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._judged(level, scope, values, flags, account_flags)
        return found

    def read(self, values: ScopeValues) -> frozenset[View]:
        """The documents with its settings that were read."""
        return values.read & {setting.position[0] for setting in self.component.settings}

    def _judged(
        self,
        level: Level,
        scope: RecordedScope,
        values: Values,
        flags: Flags,
        account_flags: Flags,
    ) -> ScopeResult:
        recorded = self.recorded
        outcomes: dict[View, Outcome] = dict(scope.values.failures)
        for view in scope.values.read:
            if view.surface != LOCKS.surface:
                outcomes[view] = Document({}, "", _TIME)
        positions = [setting.position for setting in self.component.settings]
        _fill(outcomes, dict(zip(positions, values, strict=True)))
        if level is Level.USER:  # the value of a user is judged without locks
            account_flags = self.flags(recorded.account)
        account = self._locks(recorded.account, account_flags)
        groups: dict[str, Mapping[View, Outcome]] = {}
        if level is Level.GROUP:
            groups[scope.scope.id] = self._locks(scope, flags)
        if level is Level.ACCOUNT:
            account = self._locks(scope, flags)
            outcomes |= account
        evidence = ScopeEvidence(scope.scope, outcomes, {})
        verdicts = recorded.assessor.would_be(
            evidence, LockDocuments(account, groups), self.component.controls
        )
        fails, passes, intended = set(), set(), set()
        judged, waived_locks = set(), set()
        for verdict in verdicts:
            if verdict.setting not in self.component.names:
                continue
            if verdict.kind not in (FindingKind.VALUE, FindingKind.LOCK):
                continue
            key = verdict.control, verdict.setting, verdict.kind
            if verdict.kind is FindingKind.VALUE:
                judged.add((verdict.control, verdict.setting))
                if verdict.status is Status.WAIVED or verdict.allowed_by:
                    intended.add(verdict.setting)
            elif verdict.status is Status.WAIVED:
                waived_locks.add(verdict.setting)
            if verdict.status is Status.FAIL:
                fails.add(key)
            elif verdict.status is Status.PASS:
                passes.add(key)
        intended |= self._not_judged(scope, judged)
        return ScopeResult(
            frozenset(fails), frozenset(passes), frozenset(intended), frozenset(waived_locks)
        )

    def _not_judged(self, scope: RecordedScope, judged: set[tuple[str, str]]) -> set[str]:
        """The settings that an override exempts from a control."""
        overrides = self.recorded.policy.overrides.overrides
        exempt = {
            control
            for position in scope.key[1].overrides_in_force
            for control in overrides[position].controls
        }
        return {
            setting.name
            for setting in self.component.settings
            for control, check in setting.checks
            if control in exempt
            and (control, check.setting) not in judged
            and scope.scope.level in check.levels
        }

    def _locks(self, scope: RecordedScope, flags: Flags) -> dict[View, Outcome]:
        recorded = self.flags(scope)
        outcomes: dict[View, Outcome] = {
            view: failure
            for view, failure in scope.values.failures.items()
            if view.surface == LOCKS.surface
        }
        for view in scope.values.read:
            if view.surface == LOCKS.surface:
                outcomes[view] = Document({}, "", _TIME)
        found: dict[Position, Value] = {}
        for lock, before, after in zip(self.component.locks, recorded, flags, strict=True):
            raw = scope.values.at(lock.position)
            found[lock.position] = raw if before == after or raw is ABSENT else after
        _fill(outcomes, found)
        return outcomes


def _flag(path: str, raw: Value) -> bool | None:
    if isinstance(raw, Absent):
        return None
    reading = locks.flag(path, raw)
    return bool(reading.value) if isinstance(reading, Seen) else None


def _fill(outcomes: dict[View, Outcome], values: Mapping[Position, Value]) -> None:
    """Put values into the documents that were read; others stay as they are."""
    bodies: dict[View, dict[str, JsonValue]] = {}
    for (view, path), value in values.items():
        if not isinstance(value, Absent) and isinstance(outcomes.get(view), Document):
            _set(bodies.setdefault(view, {}), path, value)
    for view, body in bodies.items():
        outcomes[view] = Document(body, "", _TIME)


def _set(body: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    *parents, leaf = path.split(".")
    for part in parents:
        child = body.setdefault(part, {})
        if not isinstance(child, dict):
            return
        body = child
    body[leaf] = value


def _hashable(values: Values) -> tuple[object, ...]:
    return tuple(
        (type(value), value) if not isinstance(value, list | dict) else documents.text(value)
        for value in values
    )
