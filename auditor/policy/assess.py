"""Assessing scopes: every check of a baseline at the account, each group and each user."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence.read_plan import LISTINGS
from auditor.evidence.reading import Cause, JsonValue, Reading, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Outcome, ReadFailure, View
from auditor.findings.model import Layer, Status, Verdict
from auditor.findings.verdict_store import Assessment
from auditor.policy import derived, judge, lookup
from auditor.policy.baseline import Baseline
from auditor.policy.catalogue import LOCKED_SURFACES, SETTINGS_SURFACE, Check
from auditor.policy.derived import DerivedInputs
from auditor.policy.effective_value import effective_value, explain
from auditor.policy.explanations import Population, who_can_change
from auditor.policy.groups import (
    EPOCH,
    Groups,
    evidence_key,
    lock_documents,
    population,
)
from auditor.policy.judge import CheckContext
from auditor.policy.lock_inheritance import InheritedValues
from auditor.policy.locks import LockDocuments, lock_state_by_level
from auditor.policy.members import Applicable, Member, Members
from auditor.policy.operators import Expectation
from auditor.policy.outcome import Context
from auditor.policy.override_conflicts import (
    VerdictInterner,
    resolve_conflict,
    resolve_unknown_groups,
)
from auditor.policy.overrides import ExpectedControl, Overrides
from auditor.policy.phone_and_meetings import (
    EVERYONE,
    PhoneAndMeetings,
    is_placeholder,
    with_policy,
)
from auditor.policy.reads import checks, levels
from auditor.policy.reads import reached as levels_within
from auditor.policy.waivers import WaiversAndAttestations

ONCE: Mapping[Level, str] = {
    Level.APP: "the auditor's own app",
    Level.PHONE_ACCOUNT: "Zoom Phone",
}
"""Levels beside the account that exist once."""

GROUPS = (Level.GROUP, Level.PHONE_GROUP)
"""Levels whose scopes are groups."""

MANY = (Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR)
"""Levels of which there may be very many scopes with equal evidence."""

BY_DOCUMENT = (Level.MEETING, Level.WEBINAR)
"""Levels whose scopes are upcoming or past: a check is about those that have its document."""


@dataclass(frozen=True, slots=True)
class _Settled:
    of: tuple[Verdict, ...]
    verdicts: tuple[Verdict, ...]


@dataclass
class Assessor:
    """Judges the scopes of one snapshot. Scopes with equal evidence are judged once."""

    baseline: Baseline
    parameters: Mapping[str, JsonValue]
    depth: Level
    overrides: Overrides | None = None
    settlements: WaiversAndAttestations | None = None
    population: Population = field(default_factory=Population)
    account_locks: Mapping[View, Outcome] = field(default_factory=dict)
    account_outcomes: Mapping[View, Outcome] = field(default_factory=dict)
    holding: InheritedValues | None = None
    """What the account's locks prove about users."""
    proved_by_lock: int = 0
    """How many users were judged by what the account lends them, in whole or in part."""
    _cache: dict[object, tuple[Verdict, ...]] = field(default_factory=dict)
    """Verdicts without waivers and attestations, by what decides them."""
    _settled: dict[tuple[int, tuple[int, ...]], _Settled] = field(default_factory=dict)
    """With them; the key holds the id of what they were made of."""
    _met: Counter[tuple[tuple[int, ...], int]] = field(default_factory=Counter)
    """How many scopes came out alike under the same waivers."""
    _overriding: set[tuple[int, ...]] = field(default_factory=set)
    """The overrides that held at the scopes met so far, or may have."""
    _account_readings: dict[tuple[str, View], Reading] = field(default_factory=dict)
    _wishes: dict[tuple[int, ...], Mapping[str, tuple[ExpectedControl, ...]]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self.groups = Groups(self.parameters)
        self._members = Members(self.groups, self.overrides, self.settlements)
        self._passes = VerdictInterner()

    def run(self, snapshot: Snapshot) -> Iterator[Assessment]:
        """The assessments of every scope in `snapshot` down to the depth, passes included.

        The account comes first, then groups, then users: a level is judged once the locks above
        it are known.
        """
        reached = levels(self.depth)
        account = self.prepare(snapshot)
        yield self.assessment(account)
        for level, name in ONCE.items():
            nobody = ScopeEvidence(Scope(level, account.scope.id, name), {}, {})
            for evidence in list(snapshot.evidence(level)) or [nobody]:
                is_phone = level is Level.PHONE_ACCOUNT
                yield self.assessment(with_policy(evidence) if is_phone else evidence)
        for level in (Level.GROUP, Level.USER):
            if level not in reached:
                continue
            if level is Level.USER and self.holding is not None and self.holding.lent:
                self.holding.doubt(snapshot.evidence(level), self._unsettled)
            for evidence in snapshot.evidence(level):
                if evidence.scope.status == "pending":
                    continue
                if level is Level.GROUP:
                    self.groups.meet(evidence)
                yield self.assessment(evidence)
            yield from self._unlisted(account, level)
        beside = PhoneAndMeetings(snapshot, account, account_time(account))
        for evidence in beside.evidence(levels_within(self.depth)):
            yield self.assessment(evidence)

    def prepare(self, snapshot: Snapshot) -> ScopeEvidence:
        """Look at the account, whose locks bear on everything below it."""
        account = snapshot.account()
        self.account_locks = lock_documents(account.outcomes)
        self.account_outcomes = account.outcomes
        if Level.USER in levels(self.depth):
            self.population = population(snapshot, account)
        ids = (scope.id for at in GROUPS for scope in snapshot.scopes(at))
        self.groups.begin(account, ids)
        widest = self.overrides.widest() if self.overrides is not None else self.baseline
        self.holding = InheritedValues(widest, account)
        return account

    def _unsettled(self, user: ScopeEvidence) -> Iterator[Verdict]:
        """The verdicts of a user without waivers and attestations, which are not counted here."""
        groups = self.groups.of(user.scope)
        return self._judge(user, groups, self._members.applicable(user.scope, groups))

    def _unlisted(self, account: ScopeEvidence, level: Level) -> Iterator[Assessment]:
        """What is unknown because a listing is missing: a level nobody listed is never silent."""
        views = self._views(level)
        for listing in LISTINGS[level]:
            outcome = account.outcomes.get(listing)
            if outcome is None:
                unseen = Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for the list")
                outcome = ReadFailure(unseen, "", account_time(account))
            if views and isinstance(outcome, ReadFailure):
                what = f"{listing.option} users" if listing.option else "groups"
                name = f"{what} that could not be listed"
                scope = Scope(level, f"{EVERYONE}{listing.option}", name)
                yield self.assessment(ScopeEvidence(scope, dict.fromkeys(views, outcome), {}))

    def _views(self, level: Level) -> set[View]:
        """The views of a level that some check reads."""
        widest = self.overrides.widest() if self.overrides is not None else self.baseline
        return {
            check.document
            for each in widest.assessed.values()
            for check in checks(each)
            if level in check.levels and check.surface == SETTINGS_SURFACE
        }

    def assessment(self, evidence: ScopeEvidence) -> Assessment:
        """The verdicts of one scope."""
        verdicts = self._verdicts(evidence)
        if evidence.profile is not None and evidence.scope.level in MANY:
            return Assessment(evidence.scope, verdicts)  # its times stay where they are
        observed_at = {each.source: each.observed_at for each in evidence.outcomes.values()}
        if evidence.scope.level is Level.GROUP:
            observed_at |= {
                each.source: each.observed_at
                for each in self.groups.locks.get(evidence.scope.id, {}).values()
            }
        return Assessment(evidence.scope, verdicts, observed_at)

    def _verdicts(self, evidence: ScopeEvidence) -> tuple[Verdict, ...]:
        scope = evidence.scope
        member = self._members.of(evidence)
        if self.holding is not None and scope.level is Level.USER and not is_placeholder(scope):
            self.proved_by_lock += not self.holding.lent.keys() <= evidence.outcomes.keys()
        applicable = self._members.applicable(scope, member.groups)
        self._overriding.add((*applicable.overriding, *applicable.doubtful))
        verdicts = self._unsettled_verdicts(evidence, member, applicable)
        settling = applicable.settling
        if not self.settlements or not settling:
            return verdicts
        if scope.level not in MANY:
            settled = self.settlements.settled(verdicts, settling)
            self.settlements.count(settled, settling)
            return settled
        known = self._settled.get((id(verdicts), settling))
        if known is None or known.of is not verdicts:
            known = _Settled(verdicts, self.settlements.settled(verdicts, settling))
            self._settled[id(verdicts), settling] = known
        self._met[settling, id(known.verdicts)] += 1
        return known.verdicts

    def _unsettled_verdicts(
        self, evidence: ScopeEvidence, member: Member, applicable: Applicable
    ) -> tuple[Verdict, ...]:
        """The verdicts of a scope without waivers and attestations; once for equal evidence."""
        scope = evidence.scope
        if scope.level not in MANY:
            return tuple(map(self._passes.shared, self._judge(evidence, member.groups, applicable)))
        deciding = applicable.overriding, applicable.doubtful
        key = scope.level, is_placeholder(scope), evidence_key(evidence), member.standing, deciding
        known = self._cache.get(key)
        if known is None:
            judged = self._judge(evidence, member.groups, applicable)
            known = self._cache[key] = tuple(map(self._passes.shared, judged))
        return known

    @property
    def overriding(self) -> frozenset[int]:
        """The positions of the overrides that held at some scope, or may have."""
        return frozenset(position for each in self._overriding for position in each)

    def count_settled(self) -> None:
        """Tell the settlements what they met at levels of which there are many."""
        if self.settlements:
            by_id = {id(each.verdicts): each.verdicts for each in self._settled.values()}
            for (settling, verdicts), scopes in self._met.items():
                self.settlements.count(by_id[verdicts], settling, scopes)

    def wished(self, account: Scope, control_id: str) -> ExpectedControl | None:
        """What is wanted of a control at the account; None where nothing is."""
        wishes = self._wishes_at(account).get(control_id, ())
        return next((wish for wish in wishes if wish.assessed.expectations), None)

    def computed(self, account: Scope, tally: DerivedInputs) -> Iterator[Verdict]:
        """The verdicts that follow from all others, once `tally` has seen them."""
        context = Context(self.parameters)
        for wishes in self._wishes_at(account).values():
            alternatives = []
            for wish in wishes:
                alone = replace(self.baseline, assessed={wish.assessed.control.id: wish.assessed})
                found = derived.verdicts(alone, tally, context, self.depth)
                alternatives.append([replace(each, override=wish.override) for each in found])
            yield from resolve_conflict(alternatives, [wish.override for wish in wishes])

    def _wishes_at(self, scope: Scope) -> Mapping[str, tuple[ExpectedControl, ...]]:
        groups = self.groups.of(scope)
        return self._wished(self.overrides.matching(scope, groups) if self.overrides else ())

    def settled(self, scope: Scope, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        """Verdicts that were made elsewhere, with the waivers and attestations for `scope`."""
        if self.settlements is None:
            return tuple(verdicts)
        settling = self.settlements.matching(scope, self.groups.of(scope))
        settled = self.settlements.settled(tuple(verdicts), settling)
        self.settlements.count(settled, settling)
        return settled

    def _judge(
        self,
        evidence: ScopeEvidence,
        groups: frozenset[str],
        applicable: Applicable,
    ) -> Iterator[Verdict]:
        overriding, doubtful = applicable.overriding, applicable.doubtful
        locks = LockDocuments(self.account_locks, self.groups.locks)
        context = Context(self.parameters, groups=groups)

        def verdicts(wishes: tuple[ExpectedControl, ...]) -> list[Verdict]:
            alternatives = [list(self._control(wish, evidence, locks, context)) for wish in wishes]
            return list(resolve_conflict(alternatives, [wish.override for wish in wishes]))

        wanted = self._wished(overriding)
        if is_placeholder(evidence.scope) and self.overrides is not None:
            widest = self.overrides.widest().assessed
            wanted = {**{cid: (ExpectedControl(each),) for cid, each in widest.items()}, **wanted}
        possible = [self._wished(tuple(sorted((*overriding, each)))) for each in doubtful]
        for control_id in dict.fromkeys(cid for each in (wanted, *possible) for cid in each):
            found = verdicts(wanted.get(control_id, ()))
            others = [each[control_id] for each in possible if control_id in each]
            if any(other != wanted.get(control_id) for other in others):
                assert self.groups.unseen is not None
                found = list(
                    resolve_unknown_groups([found, *map(verdicts, others)], self.groups.unseen)
                )
            yield from found

    def _wished(self, overriding: tuple[int, ...]) -> Mapping[str, tuple[ExpectedControl, ...]]:
        known = self._wishes.get(overriding)
        if known is None:
            if self.overrides is None:
                known = {
                    cid: (ExpectedControl(each),) for cid, each in self.baseline.assessed.items()
                }
            else:
                known = self.overrides.wishes(overriding)
            self._wishes[overriding] = known
        return known

    def _control(
        self, wish: ExpectedControl, evidence: ScopeEvidence, locks: LockDocuments, context: Context
    ) -> Iterator[Verdict]:
        """The verdicts on one control at one scope."""
        scope = evidence.scope
        own = CheckContext(wish.assessed, scope, evidence.outcomes, locks, context)
        if wish.assessed.attest is not None and scope.level is Level.ACCOUNT:
            yield judge.attestation(wish.assessed)
        for check in checks(wish.assessed):
            if check.surface == "derived":
                continue
            if check.optional and check.document not in evidence.outcomes:
                continue
            if scope.level in BY_DOCUMENT and check.document not in evidence.outcomes:
                continue
            lender, case, verdict = self.holding, own, None
            if lender is not None and lender.lends(evidence, check):
                case = replace(own, outcomes=lender.completed(evidence, check))
            if scope.level in check.levels:
                verdict = judge.value(case, check)
                if verdict is not None:
                    verdict = self._excusable(
                        verdict, wish.assessed.expectations[check.setting], scope
                    )
                    if lender is not None and case is not own:
                        verdict = lender.told(verdict, check)
                    yield self._told(verdict, check, evidence, locks, wish)
            if check.surface in LOCKED_SURFACES:
                lock = judge.lock(case, check, verdict)
                if lock is not None:
                    yield self._told(lock, check, evidence, locks, wish)

    def _excusable(self, verdict: Verdict, expectation: Expectation, scope: Scope) -> Verdict:
        """A deviation is unknown where a group whose name nobody saw may be allowed to differ."""
        listed = expectation.group_exception_param
        if listed is None and expectation.op == "user_in_group_param":
            listed = expectation.param
        if verdict.status is not Status.FAIL or not self.parameters.get(listed or ""):
            return verdict  # an empty list allows nobody, whatever the groups
        if self.groups.unseen is None or self.groups.knows_all_of(scope):
            return verdict
        detail = f"One of its groups may stand under {listed}, but the groups could not be listed."
        cause = self.groups.unseen.cause
        return replace(verdict, status=Status.UNKNOWN, cause=cause, detail=detail)

    def _told(
        self,
        verdict: Verdict,
        check: Check,
        evidence: ScopeEvidence,
        locks: LockDocuments,
        wish: ExpectedControl,
    ) -> Verdict:
        """The verdict with the override it was judged by, and who can still change the value."""
        if verdict.status is Status.PASS or not verdict.changeable_by:
            return replace(verdict, override=wish.override) if wish.override else verdict
        scope = evidence.scope
        decided = effective_value(check, scope, evidence.outcomes, locks)
        sentence = who_can_change(check, scope, decided, self.population)
        layers = self._layers(verdict, check, evidence, locks)
        return replace(verdict, override=wish.override, changeable=sentence, layers=layers)

    def _layers(
        self, verdict: Verdict, check: Check, evidence: ScopeEvidence, locks: LockDocuments
    ) -> tuple[Layer, ...]:
        """The effective-value chain of a deviation, or of what nobody saw, in the settings."""
        telling = (Status.FAIL, Status.UNKNOWN)
        level = evidence.scope.level
        if check.surface != SETTINGS_SURFACE or verdict.status not in telling:
            return ()
        if level not in (Level.ACCOUNT, Level.GROUP, Level.USER):
            return ()
        seen: dict[Level, Reading] = {}
        if Level.ACCOUNT in check.levels:
            seen[Level.ACCOUNT] = self._at_account(check)
        if level in check.levels:
            seen[level] = lookup.find(check, evidence.outcomes).reading
        held = lock_state_by_level(check, evidence.scope, locks)
        return explain(check, seen, held, verdict.decided_by or "")

    def _at_account(self, check: Check) -> Reading:
        key = check.setting, check.document
        known = self._account_readings.get(key)
        if known is None:
            known = lookup.find(check, self.account_outcomes).reading
            self._account_readings[key] = known
        return known


def account_time(account: ScopeEvidence) -> str:
    """When the account was first read: RFC 3339."""
    return min((each.observed_at for each in account.outcomes.values()), default=EPOCH)
