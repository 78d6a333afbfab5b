"""Assesses scopes: runs every check of a baseline at the account, each group and each user."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence.read_plan import LISTINGS
from auditor.evidence.reading import Cause, JsonValue, Reading, Unseen
from auditor.evidence.scope import Level, Scope, placeholder_id
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Outcome, ReadFailure, View
from auditor.findings.model import FindingKind, Layer, Status, Verdict
from auditor.findings.verdict_store import Assessment, VerdictSet
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.overrides import ExpectedControl, Overrides
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue.controls import LOCKED_SURFACES, SETTINGS_SURFACE, Check
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.outcome import Context
from auditor.policy.judging import derived, judge
from auditor.policy.judging.allowed_groups import NOT_LISTED, AllowedGroups, allowed_groups
from auditor.policy.judging.derived import DerivedInputs
from auditor.policy.judging.groups import (
    EPOCH,
    Groups,
    evidence_key,
    lock_documents,
    population,
)
from auditor.policy.judging.judge import CheckContext
from auditor.policy.judging.lock_inheritance import InheritedValues
from auditor.policy.judging.members import Applicable, Member, Members
from auditor.policy.judging.override_conflicts import (
    VerdictInterner,
    resolve_conflict,
    resolve_unknown_groups,
)
from auditor.policy.judging.phone_and_meetings import (
    PhoneAndMeetings,
    with_policy,
)
from auditor.policy.judging.reads import checks, levels
from auditor.policy.judging.reads import reached as levels_within
from auditor.policy.reading import lookup
from auditor.policy.reading.effective_value import effective_value, explain
from auditor.policy.reading.explanations import Population, who_can_change
from auditor.policy.reading.locks import LockDocuments, lock_state_by_level

SINGLETON_LEVELS: Mapping[Level, str] = {
    Level.APP: "the auditor's own app",
    Level.PHONE_ACCOUNT: "Zoom Phone",
}
"""Levels other than the account that have exactly one scope, with its name."""

GROUPS = (Level.GROUP, Level.PHONE_GROUP)
"""Levels whose scopes are groups."""

BULK_LEVELS = (Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR)
"""Levels that may have very many scopes with equal evidence."""

DOCUMENT_LEVELS = (Level.MEETING, Level.WEBINAR)
"""Levels with upcoming and past scopes: a check applies to the scopes that have its document."""


@dataclass
class Assessor:
    """Judges the scopes of one snapshot. Scopes with equal evidence are judged only once."""

    baseline: Baseline
    parameters: Mapping[str, JsonValue]
    depth: Level
    overrides: Overrides | None = None
    exceptions: WaiversAndAttestations | None = None
    population: Population = field(default_factory=Population)
    account_locks: Mapping[View, Outcome] = field(default_factory=dict)
    account_outcomes: Mapping[View, Outcome] = field(default_factory=dict)
    inherited_values: InheritedValues | None = None
    """The values that users inherit through the account's locks."""
    allowed_groups: AllowedGroups = field(default_factory=AllowedGroups)
    """The account's locks that may be off because a parameter lets groups differ."""
    proved_by_lock: int = 0
    """The number of users judged, in whole or in part, by values inherited from the account."""
    _cache: dict[object, VerdictSet] = field(default_factory=dict)
    """Verdicts before waivers and attestations, by everything that decides them."""
    _with_exceptions: dict[tuple[int, tuple[int, ...]], VerdictSet] = field(default_factory=dict)
    """Verdicts after them, by the number of the set before and the exceptions' positions."""
    _exception_counts: Counter[tuple[int, tuple[int, ...]]] = field(default_factory=Counter)
    """The number of scopes with the same verdicts under the same exceptions."""
    _overrides_seen: set[tuple[int, ...]] = field(default_factory=set)
    """Positions of the overrides that applied, or may have applied, at the scopes judged so far."""
    _account_readings: dict[tuple[str, View], Reading] = field(default_factory=dict)
    _expected: dict[tuple[int, ...], Mapping[str, tuple[ExpectedControl, ...]]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self.groups = Groups(self.parameters)
        self._members = Members(self.groups, self.overrides, self.exceptions)
        self._passes = VerdictInterner()

    def run(self, snapshot: Snapshot) -> Iterator[Assessment]:
        """Assess every scope in `snapshot` down to the depth, passes included.

        The account comes first, then groups, then users: a level is judged after the locks above
        it are known.
        """
        levels_to_judge = levels(self.depth)
        account = self.prepare(snapshot)
        yield self.assessment(account)
        for level, name in SINGLETON_LEVELS.items():
            placeholder = ScopeEvidence(Scope(level, account.scope.id, name), {}, {})
            for evidence in list(snapshot.evidence(level)) or [placeholder]:
                is_phone = level is Level.PHONE_ACCOUNT
                yield self.assessment(with_policy(evidence) if is_phone else evidence)
        for level in (Level.GROUP, Level.USER):
            if level not in levels_to_judge:
                continue
            if (
                level is Level.USER
                and self.inherited_values is not None
                and self.inherited_values.inherited
            ):
                self.inherited_values.discard_contradicted(
                    snapshot.evidence(level), self._without_exceptions
                )
            for evidence in snapshot.evidence(level):
                if evidence.scope.is_invited:
                    continue
                if level is Level.GROUP:
                    self.groups.add(evidence)
                yield self.assessment(evidence)
            yield from self._unlisted(account, level)
        phone_and_meetings = PhoneAndMeetings(snapshot, account, account_time(account))
        for evidence in phone_and_meetings.evidence(levels_within(self.depth)):
            yield self.assessment(evidence)

    def prepare(self, snapshot: Snapshot) -> ScopeEvidence:
        """Read the account, whose locks affect every level below it."""
        account = snapshot.account()
        self.account_locks = lock_documents(account.outcomes)
        self.account_outcomes = account.outcomes
        if Level.USER in levels(self.depth):
            self.population = population(snapshot, account)
        ids = (scope.id for at in GROUPS for scope in snapshot.scopes(at))
        self.groups.read_listing_status(account, ids)
        self.allowed_groups = self._allowed_groups(account.scope)
        union = self.overrides.union() if self.overrides is not None else self.baseline
        self.inherited_values = InheritedValues(union, account)
        return account

    def _allowed_groups(self, account: Scope) -> AllowedGroups:
        expected = (each for rivals in self._expected_at(account).values() for each in rivals)
        outside: int | Unseen = NOT_LISTED
        if self.groups.unseen is not None:
            outside = self.groups.unseen
        elif self.population.users is not None:
            outside = self.population.without_group
        at_account = (each.assessed for each in expected)
        return allowed_groups(at_account, self.parameters, outside)

    def assess_scope(self, snapshot: Snapshot, scope: Scope) -> Assessment:
        """Assess one recorded account, group or user as `run` does."""
        account = self.prepare(snapshot)
        if scope.level is Level.ACCOUNT:
            return self.assessment(account)
        for group in snapshot.evidence(Level.GROUP):
            self.groups.add(group)
        inherited = self.inherited_values
        if scope.level is Level.USER and inherited is not None and inherited.inherited:
            inherited.discard_contradicted(snapshot.evidence(Level.USER), self._without_exceptions)
        return self.assessment(snapshot.evidence_of(scope))

    def would_be(
        self, evidence: ScopeEvidence, locks: LockDocuments, controls: Container[str]
    ) -> tuple[Verdict, ...]:
        """The verdicts of some controls on a scope with changed evidence. Nothing is counted.

        The assessor must be prepared and know the groups.
        """
        groups = self.groups.of(evidence.scope)
        applicable = self._members.applicable(evidence.scope, groups)
        verdicts = tuple(self._judge(evidence, groups, applicable, locks, controls))
        if self.exceptions is None:
            return verdicts
        return self.exceptions.apply(verdicts, applicable.exceptions)

    def equivalence_key(self, evidence: ScopeEvidence) -> tuple[object, Applicable]:
        """A key that is equal for scopes of a level that are judged alike if their documents are
        equal, and the entries of the organisation file that apply."""
        member = self._members.of(evidence)
        return member.equivalence_key, self._members.applicable(evidence.scope, member.groups)

    def _without_exceptions(self, user: ScopeEvidence) -> Iterator[Verdict]:
        """The verdicts on a user before waivers and attestations; nothing is counted."""
        groups = self.groups.of(user.scope)
        return self._judge(user, groups, self._members.applicable(user.scope, groups))

    def _unlisted(self, account: ScopeEvidence, level: Level) -> Iterator[Assessment]:
        """Assess a placeholder scope if a listing is missing: the level is reported as unknown."""
        views = self._views(level)
        for listing in LISTINGS[level]:
            outcome = account.outcomes.get(listing)
            if outcome is None:
                unseen = Unseen(Cause.NOT_COLLECTED, "the list was not requested")
                outcome = ReadFailure(unseen, "", account_time(account))
            if views and isinstance(outcome, ReadFailure):
                what = f"{listing.option} people" if listing.option else "groups"
                name = f"{what} that could not be listed"
                scope = Scope(level, placeholder_id(listing.option), name)
                yield self.assessment(ScopeEvidence(scope, dict.fromkeys(views, outcome), {}))

    def _views(self, level: Level) -> set[View]:
        """The views of a level that any check reads."""
        union = self.overrides.union() if self.overrides is not None else self.baseline
        return {
            check.document
            for assessed in union.assessed.values()
            for check in checks(assessed)
            if level in check.levels and check.surface == SETTINGS_SURFACE
        }

    def assessment(self, evidence: ScopeEvidence) -> Assessment:
        """Judge one scope."""
        verdicts = self._verdict_set(evidence)
        if evidence.profile is not None and evidence.scope.level in BULK_LEVELS:
            return Assessment(evidence.scope, verdicts)  # its times stay in the snapshot
        observed_at = {
            outcome.source: outcome.observed_at for outcome in evidence.outcomes.values()
        }
        if evidence.scope.level is Level.GROUP:
            observed_at |= {
                outcome.source: outcome.observed_at
                for outcome in self.groups.locks.get(evidence.scope.id, {}).values()
            }
        return Assessment(evidence.scope, verdicts, observed_at)

    def _verdict_set(self, evidence: ScopeEvidence) -> VerdictSet:
        scope = evidence.scope
        member = self._members.of(evidence)
        if (
            self.inherited_values is not None
            and scope.level is Level.USER
            and not scope.is_placeholder
        ):
            self.proved_by_lock += (
                not self.inherited_values.inherited.keys() <= evidence.outcomes.keys()
            )
        applicable = self._members.applicable(scope, member.groups)
        self._overrides_seen.add((*applicable.overrides_in_force, *applicable.possible_overrides))
        shared = self._shared_set(evidence, member, applicable)
        positions = applicable.exceptions
        if not self.exceptions or not positions:
            return shared
        if scope.level not in BULK_LEVELS:
            applied = self.exceptions.apply(shared.verdicts, positions)
            self.exceptions.count(applied, positions)
            return VerdictSet.of(applied)
        key = shared.number, positions
        if key not in self._with_exceptions:
            self._with_exceptions[key] = VerdictSet.of(
                self.exceptions.apply(shared.verdicts, positions)
            )
        self._exception_counts[key] += 1
        return self._with_exceptions[key]

    def _shared_set(
        self, evidence: ScopeEvidence, member: Member, applicable: Applicable
    ) -> VerdictSet:
        """The verdicts before waivers and attestations; computed once for equal evidence."""
        scope = evidence.scope
        if scope.level not in BULK_LEVELS:
            verdicts = self._judge(evidence, member.groups, applicable)
            return VerdictSet.of(map(self._passes.shared, verdicts))
        deciding = applicable.overrides_in_force, applicable.possible_overrides
        key = (
            scope.level,
            scope.is_placeholder,
            evidence_key(evidence),
            member.equivalence_key,
            deciding,
        )
        cached = self._cache.get(key)
        if cached is None:
            verdicts = self._judge(evidence, member.groups, applicable)
            cached = self._cache[key] = VerdictSet.of(map(self._passes.shared, verdicts))
        return cached

    @property
    def overrides_in_force(self) -> frozenset[int]:
        """The positions of the overrides that applied, or may have applied, at any scope."""
        return frozenset(position for positions in self._overrides_seen for position in positions)

    def count_exceptions(self) -> None:
        """Count, per exception, the matching scopes of the bulk levels."""
        if self.exceptions:
            for key, scopes in self._exception_counts.items():
                self.exceptions.count(self._with_exceptions[key].verdicts, key[1], scopes)

    def expected_control(self, account: Scope, control_id: str) -> ExpectedControl | None:
        """What is expected of a control at the account; None if nothing is."""
        alternatives = self._expected_at(account).get(control_id, ())
        return next((expected for expected in alternatives if expected.assessed.expectations), None)

    def derived_verdicts(self, account: Scope, inputs: DerivedInputs) -> Iterator[Verdict]:
        """The verdicts of the derived controls; `inputs` must hold all other verdicts."""
        context = Context(self.parameters)
        for conflicting in self._expected_at(account).values():
            alternatives = []
            for expected in conflicting:
                alone = replace(
                    self.baseline, assessed={expected.assessed.control.id: expected.assessed}
                )
                verdicts = derived.verdicts(alone, inputs, context, self.depth)
                alternatives.append(
                    [replace(verdict, override=expected.override) for verdict in verdicts]
                )
            yield from resolve_conflict(
                alternatives, [expected.override for expected in conflicting]
            )

    def _expected_at(self, scope: Scope) -> Mapping[str, tuple[ExpectedControl, ...]]:
        groups = self.groups.of(scope)
        return self._expected_controls(
            self.overrides.matching(scope, groups) if self.overrides else ()
        )

    def with_exceptions(self, scope: Scope, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        """Apply the waivers and attestations for `scope` to verdicts from another module."""
        if self.exceptions is None:
            return tuple(verdicts)
        positions = self.exceptions.matching(scope, self.groups.of(scope))
        applied = self.exceptions.apply(tuple(verdicts), positions)
        self.exceptions.count(applied, positions)
        return applied

    def _judge(
        self,
        evidence: ScopeEvidence,
        groups: frozenset[str],
        applicable: Applicable,
        locks: LockDocuments | None = None,
        controls: Container[str] | None = None,
    ) -> Iterator[Verdict]:
        in_force = applicable.overrides_in_force
        locks = locks or LockDocuments(self.account_locks, self.groups.locks)
        context = Context(self.parameters, groups=groups)

        def verdicts(conflicting: tuple[ExpectedControl, ...]) -> list[Verdict]:
            alternatives = [
                list(self._control(expected, evidence, locks, context)) for expected in conflicting
            ]
            return list(
                resolve_conflict(alternatives, [expected.override for expected in conflicting])
            )

        certain = self._expected_controls(in_force)
        if evidence.scope.is_placeholder and self.overrides is not None:
            union = self.overrides.union().assessed
            certain = {
                **{cid: (ExpectedControl(assessed),) for cid, assessed in union.items()},
                **certain,
            }
        possible = [
            self._expected_controls(tuple(sorted((*in_force, position))))
            for position in applicable.possible_overrides
        ]
        for control_id in dict.fromkeys(
            cid for expected in (certain, *possible) for cid in expected
        ):
            if controls is not None and control_id not in controls:
                continue
            judged = verdicts(certain.get(control_id, ()))
            others = [expected[control_id] for expected in possible if control_id in expected]
            if any(other != certain.get(control_id) for other in others):
                assert self.groups.unseen is not None
                judged = list(
                    resolve_unknown_groups([judged, *map(verdicts, others)], self.groups.unseen)
                )
            yield from judged

    def _expected_controls(
        self, positions: tuple[int, ...]
    ) -> Mapping[str, tuple[ExpectedControl, ...]]:
        expected = self._expected.get(positions)
        if expected is None:
            if self.overrides is None:
                expected = {
                    cid: (ExpectedControl(assessed),)
                    for cid, assessed in self.baseline.assessed.items()
                }
            else:
                expected = self.overrides.expected_controls(positions)
            self._expected[positions] = expected
        return expected

    def _control(
        self,
        expected: ExpectedControl,
        evidence: ScopeEvidence,
        locks: LockDocuments,
        context: Context,
    ) -> Iterator[Verdict]:
        """Judge one control at one scope."""
        scope = evidence.scope
        own = CheckContext(
            expected.assessed, scope, evidence.outcomes, locks, context, self.allowed_groups
        )
        if expected.assessed.attest is not None and scope.level is Level.ACCOUNT:
            yield judge.attestation(expected.assessed)
        for check in checks(expected.assessed):
            if check.surface == "derived":
                continue
            if check.optional and check.document not in evidence.outcomes:
                continue
            if scope.level in DOCUMENT_LEVELS and check.document not in evidence.outcomes:
                continue
            inherited_values, case, verdict = self.inherited_values, own, None
            if inherited_values is not None and inherited_values.inherits(evidence, check):
                case = replace(own, outcomes=inherited_values.with_inherited(evidence, check))
            if scope.level in check.levels:
                verdict = judge.value(case, check)
                if verdict is not None:
                    verdict = self._allow_for_unknown_groups(
                        verdict, expected.assessed.expectations[check.setting], scope
                    )
                    if inherited_values is not None and case is not own:
                        verdict = inherited_values.mark_inherited(verdict, check)
                    yield self._with_explanation(verdict, check, evidence, locks, expected)
            if check.surface in LOCKED_SURFACES:
                lock = judge.lock(case, check, verdict)
                if lock is not None:
                    yield self._with_explanation(lock, check, evidence, locks, expected)

    def _allow_for_unknown_groups(
        self, verdict: Verdict, expectation: Expectation, scope: Scope
    ) -> Verdict:
        """Make a deviation unknown if a group with an unread name may be allowed to differ."""
        listed = expectation.groups_param
        if verdict.status is not Status.FAIL or not self.parameters.get(listed or ""):
            return verdict  # an empty list allows no group
        if self.groups.unseen is None or self.groups.has_all_names(scope):
            return verdict
        detail = (
            f"One of its groups may be listed under {listed}, but the groups could not be listed."
        )
        cause = self.groups.unseen.cause
        return replace(verdict, status=Status.UNKNOWN, cause=cause, detail=detail)

    def _with_explanation(
        self,
        verdict: Verdict,
        check: Check,
        evidence: ScopeEvidence,
        locks: LockDocuments,
        expected: ExpectedControl,
    ) -> Verdict:
        """Add the override that applied and a sentence about who can change the value."""
        is_allowed_lock = verdict.kind is FindingKind.LOCK and verdict.allowed_by
        if verdict.status is Status.PASS or not verdict.changeable_by or is_allowed_lock:
            return replace(verdict, override=expected.override) if expected.override else verdict
        scope = evidence.scope
        effective = effective_value(check, scope, evidence.outcomes, locks)
        sentence = who_can_change(check, scope, effective, self.population)
        layers = self._layers(verdict, check, evidence, locks)
        return replace(verdict, override=expected.override, changeable=sentence, layers=layers)

    def _layers(
        self, verdict: Verdict, check: Check, evidence: ScopeEvidence, locks: LockDocuments
    ) -> tuple[Layer, ...]:
        """The effective-value chain of a settings check that deviates or is unknown."""
        explained = (Status.FAIL, Status.UNKNOWN)
        level = evidence.scope.level
        if check.surface != SETTINGS_SURFACE or verdict.status not in explained:
            return ()
        if level not in (Level.ACCOUNT, Level.GROUP, Level.USER):
            return ()
        seen: dict[Level, Reading] = {}
        if Level.ACCOUNT in check.levels:
            seen[Level.ACCOUNT] = self._at_account(check)
        if level in check.levels:
            seen[level] = lookup.find(check, evidence.outcomes).reading
        lock_states = lock_state_by_level(check, evidence.scope, locks)
        return explain(check, seen, lock_states, verdict.decided_by)

    def _at_account(self, check: Check) -> Reading:
        key = check.setting, check.document
        reading = self._account_readings.get(key)
        if reading is None:
            reading = lookup.find(check, self.account_outcomes).reading
            self._account_readings[key] = reading
        return reading


def account_time(account: ScopeEvidence) -> str:
    """The earliest read time of the account's documents: RFC 3339."""
    return min((outcome.observed_at for outcome in account.outcomes.values()), default=EPOCH)
