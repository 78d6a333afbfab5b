"""Assessing scopes: every check of a baseline at the account, each group and each user."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.evidence.plan import LISTINGS
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Outcome, Refusal, View
from auditor.findings.model import Status, Verdict
from auditor.findings.run import Assessment
from auditor.policy import derived, judge
from auditor.policy.baseline import Baseline
from auditor.policy.beside import EVERYONE, Beside
from auditor.policy.catalogue import LOCKED_SURFACES, SETTINGS_SURFACE, Check
from auditor.policy.derived import Tally
from auditor.policy.judge import Case
from auditor.policy.layers import chain
from auditor.policy.locks import LockDocuments
from auditor.policy.operators import Expectation
from auditor.policy.outcome import Context
from auditor.policy.overrides import Overrides, Wish
from auditor.policy.reads import checks, levels
from auditor.policy.reads import reached as levels_within
from auditor.policy.sentences import Population, changeable
from auditor.policy.settlements import Settlements

ONCE: Mapping[Level, str] = {
    Level.APP: "the auditor's own app",
    Level.PHONE_ACCOUNT: "Zoom Phone",
}
"""Levels beside the account that exist once."""

MANY = (Level.USER, Level.PHONE_USER, Level.MEETING, Level.WEBINAR)
"""Levels of which there may be very many scopes with equal evidence."""

BY_DOCUMENT = (Level.MEETING, Level.WEBINAR)
"""Levels whose scopes are upcoming or past: a check is about those that have its document."""


@dataclass
class Assessor:
    """Judges the scopes of one snapshot. Scopes with equal evidence are judged once."""

    baseline: Baseline
    parameters: Mapping[str, JsonValue]
    depth: Level
    overrides: Overrides | None = None
    settlements: Settlements | None = None
    population: Population = field(default_factory=Population)
    account_locks: Mapping[View, Outcome] = field(default_factory=dict)
    group_locks: dict[str, Mapping[View, Outcome]] = field(default_factory=dict)
    group_names: dict[str, str] = field(default_factory=dict)
    groups_unseen: Unseen | None = None
    """Why not every group is known by its name."""
    _cache: dict[object, tuple[Verdict, ...]] = field(default_factory=dict)
    _wishes: dict[tuple[int, ...], Mapping[str, tuple[Wish, ...]]] = field(default_factory=dict)

    def run(self, snapshot: Snapshot) -> Iterator[Assessment]:
        """The assessments of every scope in `snapshot` down to the depth, passes included.

        The account comes first, then groups, then users: a level is judged once the locks above
        it are known.
        """
        reached = levels(self.depth)
        account = snapshot.account()
        self.account_locks = _locks(account.outcomes)
        self.population = _population(snapshot, account) if Level.USER in reached else Population()
        listing = account.outcomes.get(LISTINGS[Level.GROUP][0], NOBODY_ASKED)
        self.groups_unseen = listing.unseen if isinstance(listing, Refusal) else None
        yield self._assessment(account)
        for level, name in ONCE.items():
            nobody = ScopeEvidence(Scope(level, account.scope.id, name), {}, {})
            for evidence in list(snapshot.evidence(level)) or [nobody]:
                yield self._assessment(evidence)
        for level in (Level.GROUP, Level.USER):
            if level not in reached:
                continue
            for evidence in snapshot.evidence(level):
                if evidence.scope.status == "pending":
                    continue
                if level is Level.GROUP:
                    self.group_names[evidence.scope.id] = evidence.scope.name
                    self.group_locks[evidence.scope.id] = _locks(evidence.outcomes)
                yield self._assessment(evidence)
            yield from self._unlisted(account, level)
        beside = Beside(snapshot, account, account_time(account))
        for evidence in beside.evidence(levels_within(self.depth)):
            yield self._assessment(evidence)

    def _unlisted(self, account: ScopeEvidence, level: Level) -> Iterator[Assessment]:
        """What is unknown because a listing is missing: a level nobody listed is never silent."""
        views = self._views(level)
        for listing in LISTINGS[level]:
            outcome = account.outcomes.get(listing)
            if outcome is None:
                unseen = Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for the list")
                outcome = Refusal(unseen, "", account_time(account))
            if views and isinstance(outcome, Refusal):
                what = f"{listing.option} users" if listing.option else "groups"
                name = f"{what} that could not be listed"
                scope = Scope(level, f"{EVERYONE}{listing.option}", name)
                yield self._assessment(ScopeEvidence(scope, dict.fromkeys(views, outcome), {}))

    def _views(self, level: Level) -> set[View]:
        """The views of a level that some check reads."""
        widest = self.overrides.widest() if self.overrides is not None else self.baseline
        return {
            check.document
            for each in widest.assessed.values()
            for check in checks(each)
            if level in check.levels and check.surface == SETTINGS_SURFACE
        }

    def _assessment(self, evidence: ScopeEvidence) -> Assessment:
        observed_at = {each.source: each.observed_at for each in evidence.outcomes.values()}
        if evidence.scope.level is Level.GROUP:
            observed_at |= {
                each.source: each.observed_at
                for each in self.group_locks.get(evidence.scope.id, {}).values()
            }
        return Assessment(evidence.scope, self._verdicts(evidence), observed_at)

    def _verdicts(self, evidence: ScopeEvidence) -> tuple[Verdict, ...]:
        scope = evidence.scope
        groups = self._groups(scope)
        overriding = self.overrides.matching(scope, groups) if self.overrides else ()
        settling = self.settlements.matching(scope, groups) if self.settlements else ()
        doubtful = self._in_doubt(scope, overriding)
        if scope.level not in MANY:
            verdicts = tuple(self._judge(evidence, groups, overriding, doubtful, settling))
        else:
            refused = frozenset(
                (view, outcome.unseen, outcome.source)
                for view, outcome in evidence.outcomes.items()
                if isinstance(outcome, Refusal)
            )
            documents = frozenset(evidence.digests.items())
            members = frozenset(scope.group_ids)
            bearing = (overriding, doubtful, settling)
            everyone = _is_everyone(scope)
            key = (scope.level, everyone, documents, refused, members, scope.licence, bearing)
            known = self._cache.get(key)
            if known is None:
                known = tuple(self._judge(evidence, groups, overriding, doubtful, settling))
                self._cache[key] = known
            verdicts = known
        if self.settlements and settling:
            self.settlements.count(verdicts, settling)
        return verdicts

    def _in_doubt(self, scope: Scope, overriding: tuple[int, ...]) -> tuple[int, ...]:
        """The overrides that hold or do not, for all anybody knows: its groups have no names."""
        if self.overrides is None or self.groups_unseen is None:
            return ()
        if all(group in self.group_names for group in scope.group_ids):
            return ()
        return self.overrides.in_doubt(scope, overriding)

    def wished(self, account: Scope, control_id: str) -> Wish | None:
        """What is wanted of a control at the account; None where nothing is."""
        wishes = self._wishes_at(account).get(control_id, ())
        return next((wish for wish in wishes if wish.assessed.expectations), None)

    def computed(self, account: Scope, tally: Tally) -> Iterator[Verdict]:
        """The verdicts that follow from all others, once `tally` has seen them."""
        context = Context(self.parameters)
        for wishes in self._wishes_at(account).values():
            alternatives = []
            for wish in wishes:
                alone = replace(self.baseline, assessed={wish.assessed.control.id: wish.assessed})
                found = derived.verdicts(alone, tally, context, self.depth)
                alternatives.append([replace(each, override=wish.override) for each in found])
            yield from agreed(alternatives, [wish.override for wish in wishes])

    def _wishes_at(self, scope: Scope) -> Mapping[str, tuple[Wish, ...]]:
        groups = self._groups(scope)
        return self._wished(self.overrides.matching(scope, groups) if self.overrides else ())

    def settled(self, scope: Scope, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
        """Verdicts that were made elsewhere, with the waivers and attestations for `scope`."""
        if self.settlements is None:
            return tuple(verdicts)
        settling = self.settlements.matching(scope, self._groups(scope))
        settled = tuple(self.settlements.settle(verdict, settling) for verdict in verdicts)
        self.settlements.count(settled, settling)
        return settled

    def _judge(
        self,
        evidence: ScopeEvidence,
        groups: frozenset[str],
        overriding: tuple[int, ...],
        doubtful: tuple[int, ...],
        settling: tuple[int, ...],
    ) -> Iterator[Verdict]:
        locks = LockDocuments(self.account_locks, self.group_locks)
        context = Context(self.parameters, groups=groups)

        def verdicts(wishes: tuple[Wish, ...]) -> list[Verdict]:
            alternatives = [list(self._control(wish, evidence, locks, context)) for wish in wishes]
            return list(agreed(alternatives, [wish.override for wish in wishes]))

        wanted = self._wished(overriding)
        if _is_everyone(evidence.scope) and self.overrides is not None:
            widest = self.overrides.widest().assessed
            wanted = {**{cid: (Wish(each),) for cid, each in widest.items()}, **wanted}
        possible = [self._wished(tuple(sorted((*overriding, each)))) for each in doubtful]
        for control_id in dict.fromkeys(cid for each in (wanted, *possible) for cid in each):
            found = verdicts(wanted.get(control_id, ()))
            others = [each[control_id] for each in possible if control_id in each]
            if any(other != wanted.get(control_id) for other in others):
                assert self.groups_unseen is not None
                found = list(in_doubt([found, *map(verdicts, others)], self.groups_unseen))
            for verdict in found:
                yield self.settlements.settle(verdict, settling) if self.settlements else verdict

    def _wished(self, overriding: tuple[int, ...]) -> Mapping[str, tuple[Wish, ...]]:
        known = self._wishes.get(overriding)
        if known is None:
            if self.overrides is None:
                known = {cid: (Wish(each),) for cid, each in self.baseline.assessed.items()}
            else:
                known = self.overrides.wishes(overriding)
            self._wishes[overriding] = known
        return known

    def _control(
        self, wish: Wish, evidence: ScopeEvidence, locks: LockDocuments, context: Context
    ) -> Iterator[Verdict]:
        """The verdicts on one control at one scope."""
        scope = evidence.scope
        case = Case(wish.assessed, scope, evidence.outcomes, locks, context)
        if wish.assessed.attest is not None and scope.level is Level.ACCOUNT:
            yield judge.attestation(wish.assessed)
        for check in checks(wish.assessed):
            if check.surface == "derived":
                continue
            if scope.level in BY_DOCUMENT and check.document not in evidence.outcomes:
                continue
            verdict = None
            if scope.level in check.levels:
                verdict = judge.value(case, check)
                if verdict is not None:
                    verdict = self._excusable(
                        verdict, wish.assessed.expectations[check.setting], scope
                    )
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
        if verdict.status is not Status.FAIL or self.parameters.get(listed or "") is None:
            return verdict
        if self.groups_unseen is None or all(g in self.group_names for g in scope.group_ids):
            return verdict
        detail = f"One of its groups may stand under {listed}, but the groups could not be listed."
        cause = self.groups_unseen.cause
        return replace(verdict, status=Status.UNKNOWN, cause=cause, detail=detail)

    def _told(
        self,
        verdict: Verdict,
        check: Check,
        evidence: ScopeEvidence,
        locks: LockDocuments,
        wish: Wish,
    ) -> Verdict:
        """The verdict with the override it was judged by, and who can still change the value."""
        if verdict.status is Status.PASS or not verdict.changeable_by:
            return replace(verdict, override=wish.override) if wish.override else verdict
        scope = evidence.scope
        layers = chain(check, scope, evidence.outcomes, locks)
        sentence = changeable(check, scope, layers, self.population)
        return replace(verdict, override=wish.override, changeable=sentence)

    def _groups(self, scope: Scope) -> frozenset[str]:
        if scope.level in (Level.GROUP, Level.PHONE_GROUP):
            return frozenset({scope.id.casefold(), scope.name.casefold()})
        ids = scope.group_ids
        return frozenset(
            name.casefold() for gid in ids for name in (gid, self.group_names.get(gid, gid))
        )


def _locks(outcomes: Mapping[View, Outcome]) -> dict[View, Outcome]:
    return {view: each for view, each in outcomes.items() if view.surface == "lock_settings"}


def account_time(account: ScopeEvidence) -> str:
    """When the account was first read: RFC 3339."""
    return min((each.observed_at for each in account.outcomes.values()), default=EPOCH)


EPOCH = "1970-01-01T00:00:00Z"

NOBODY_ASKED = Refusal(Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for the list"), "", EPOCH)


def _is_everyone(scope: Scope) -> bool:
    """True for what stands for all groups or users that could not be listed."""
    return scope.id.startswith(EVERYONE)


def agreed(alternatives: list[list[Verdict]], overrides: list[str]) -> Iterator[Verdict]:
    """The verdicts of one control where several equally specific overrides hold.

    Where they come out alike, it does not matter which of them holds. Where they do not, somebody
    has to decide.
    """
    names = " and the ".join(overrides)
    detail = f"The {names} want different things and are equally specific: decide."
    yield from _alike(alternatives, status=Status.NEEDS_DECISION, cause=None, detail=detail)


def in_doubt(alternatives: list[list[Verdict]], unseen: Unseen) -> Iterator[Verdict]:
    """The verdicts of one control where nobody knows which overrides hold."""
    detail = "An override for a group may hold here, and the names of the groups could not be read."
    yield from _alike(alternatives, status=Status.UNKNOWN, cause=unseen.cause, detail=detail)


def _alike(alternatives: Sequence[list[Verdict]], **otherwise: Any) -> Iterator[Verdict]:
    """What all alternatives come to; where they differ, the worst of them with `otherwise`."""
    if len(alternatives) == 1:
        yield from alternatives[0]
        return
    by_key = [{(v.setting, v.kind): v for v in verdicts} for verdicts in alternatives]
    for key in sorted({key for verdicts in by_key for key in verdicts}):
        found = [verdicts[key] for verdicts in by_key if key in verdicts]
        worst = min(found, key=lambda verdict: verdict.severity.rank)
        if len(found) == len(by_key) and len({verdict.status for verdict in found}) == 1:
            yield worst
        else:
            yield replace(worst, override="", **otherwise)


def _population(snapshot: Snapshot, account: ScopeEvidence) -> Population:
    if any(
        isinstance(account.outcomes.get(v, NOBODY_ASKED), Refusal) for v in LISTINGS[Level.USER]
    ):
        return Population()
    members: Counter[str] = Counter()
    users = 0
    for scope in snapshot.scopes(Level.USER):
        if scope.status != "pending":
            users += 1
            members.update(scope.group_ids)
    return Population(users, members)
