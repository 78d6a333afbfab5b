"""The account as a run recorded it: the account, its groups, and its users by what they share.

Documents are not held: only the settings and locks that a plan may concern, once for scopes with
equal documents. So memory grows with distinct documents and groups, not with users.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Document, Outcome, ReadFailure, View
from auditor.fix import documents
from auditor.fix.documents import Value
from auditor.fix.titles import whom
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.judging.assess import Assessor
from auditor.policy.judging.members import Applicable
from auditor.policy.judging.reads import levels

Position = tuple[View, str]
"""A view and the path of a setting or lock in it."""


@dataclass(frozen=True)
class FixPolicy:
    """What the account is judged with."""

    baseline: Baseline
    parameters: Mapping[str, JsonValue]
    """Those of the baseline, replaced by the organisation's."""
    depth: Level
    overrides: Overrides
    exceptions: WaiversAndAttestations
    """Counts what it covers, so each use needs its own object."""


@dataclass(frozen=True, eq=False)
class ScopeValues:
    """The values of the positions that matter, and which documents could not be read."""

    values: Mapping[Position, JsonValue]
    read: frozenset[View]
    failures: Mapping[View, ReadFailure]

    def at(self, position: Position) -> Value:
        """The value at a position."""
        return self.values.get(position, documents.ABSENT)


@dataclass(frozen=True, eq=False)
class RecordedScope:
    """The account, a group, or users who have equal documents and groups and are judged alike."""

    number: int
    scope: Scope
    """The first of them."""
    values: ScopeValues
    key: tuple[object, Applicable]
    """Equal for scopes of a level that are judged alike if their documents are equal."""
    count: int = 1


def named(scopes: Iterable[RecordedScope]) -> str:
    """Groups by name, and the number of people: `group “Sales” and 3 people`."""
    found = [*scopes]
    groups = [each.scope.label for each in found if each.scope.level is Level.GROUP]
    return whom(groups, sum(each.count for each in found if each.scope.level is Level.USER))


@dataclass
class RecordedAccount:
    """What a plan needs to know of a run."""

    snapshot: Snapshot
    policy: FixPolicy
    positions: Sequence[Position]
    """The settings and locks that a plan may concern."""
    account: RecordedScope = field(init=False)
    groups: dict[str, RecordedScope] = field(init=False)
    users: list[RecordedScope] = field(init=False)

    def __post_init__(self) -> None:
        policy, snapshot = self.policy, self.snapshot
        self.assessor = Assessor(
            policy.baseline,
            policy.parameters,
            policy.depth,
            policy.overrides,
            policy.exceptions,
        )
        self._expectations: dict[tuple[str, str], list[Expectation]] = {}
        self._by_profile: dict[int, ScopeValues] = {}
        self._numbers: dict[tuple[int | None, int | None, object], int] = {}
        self.account = self._recorded(self.assessor.prepare(snapshot), 0)
        within = levels(policy.depth)
        self.groups = {}
        for evidence in snapshot.evidence(Level.GROUP) if Level.GROUP in within else ():
            self.assessor.groups.add(evidence)
            self.groups[evidence.scope.id] = self._recorded(evidence, len(self.groups))
        self._is_uniform = not policy.overrides.overrides and not _has_exceptions(policy)
        counts: dict[int, int] = {}
        first: dict[int, RecordedScope] = {}
        for evidence, count in self._users() if Level.USER in within else ():
            number, key = self._class_of(evidence)
            counts[number] = counts.get(number, 0) + count
            if number not in first:
                values = self._values(evidence)
                first[number] = RecordedScope(number, evidence.scope, values, key)
        self.users = [
            RecordedScope(number, each.scope, each.values, each.key, counts[number])
            for number, each in first.items()
        ]

    def expectations(self, control: str, setting: str) -> Sequence[Expectation]:
        """Everything that the baseline or an override expects of a setting."""
        found = self._expectations.get((control, setting))
        if found is None:
            found = self._expectations[control, setting] = self._all_expected(control, setting)
        return found

    def _all_expected(self, control: str, setting: str) -> list[Expectation]:
        overrides = self.policy.overrides
        alone = [(position,) for position, _ in overrides.chosen]
        found: list[Expectation] = []
        for positions in [(), *alone]:
            for expected in overrides.expected_controls(positions).get(control, ()):
                expectation = expected.assessed.expectations.get(setting)
                if expectation is not None and expectation not in found:
                    found.append(expectation)
        return found

    def people(self) -> Iterator[tuple[Scope, int]]:
        """Every user with settings, and the number of their `RecordedScope`."""
        for evidence in self.snapshot.evidence(Level.USER):
            if not evidence.scope.is_invited:
                yield evidence.scope, self._class_of(evidence)[0]

    def _users(self) -> Iterator[tuple[ScopeEvidence, int]]:
        if self._is_uniform:
            rows = self.snapshot.grouped_by_profile(Level.USER)
        else:
            rows = ((evidence, 1) for evidence in self.snapshot.evidence(Level.USER))
        for evidence, count in rows:
            if not evidence.scope.is_invited:
                yield evidence, count

    def _class_of(self, evidence: ScopeEvidence) -> tuple[int, tuple[object, Applicable]]:
        key = self.assessor.equivalence_key(evidence)
        found = evidence.profile, evidence.membership, key
        return self._numbers.setdefault(found, len(self._numbers)), key

    def _recorded(self, evidence: ScopeEvidence, number: int) -> RecordedScope:
        key = self.assessor.equivalence_key(evidence)
        return RecordedScope(number, evidence.scope, self._values(evidence), key)

    def _values(self, evidence: ScopeEvidence) -> ScopeValues:
        profile = evidence.profile
        if profile is None:
            return self._extracted(evidence.outcomes)
        if profile not in self._by_profile:
            self._by_profile[profile] = self._extracted(evidence.outcomes)
        return self._by_profile[profile]

    def _extracted(self, outcomes: Mapping[View, Outcome]) -> ScopeValues:
        loaded = {
            view: outcome
            for view, outcome in outcomes.items()
            if view.surface in documents.SURFACES
        }
        values = {}
        for position in self.positions:
            value = documents.value_at(loaded, *position)
            if not isinstance(value, documents.Absent):
                values[position] = value
        return ScopeValues(
            values,
            frozenset(view for view, outcome in loaded.items() if isinstance(outcome, Document)),
            {view: outcome for view, outcome in loaded.items() if isinstance(outcome, ReadFailure)},
        )


def _has_exceptions(policy: FixPolicy) -> bool:
    exceptions = policy.exceptions
    return bool(exceptions.waivers or exceptions.attestations or exceptions.blind_spots)
