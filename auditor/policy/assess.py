"""Assessing scopes: every check of a baseline at the account, each group and each user."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence.plan import LISTINGS, PHONE
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Document, Outcome, Refusal, View
from auditor.findings.model import Status, Verdict
from auditor.findings.run import Assessment
from auditor.policy import judge
from auditor.policy.baseline import Baseline
from auditor.policy.catalogue import LOCKED_SURFACES, SETTINGS_SURFACE, Check
from auditor.policy.judge import Case
from auditor.policy.locks import LockDocuments, chain
from auditor.policy.outcome import Context
from auditor.policy.overrides import Overrides, Wish
from auditor.policy.reads import checks, levels
from auditor.policy.sentences import Population, changeable
from auditor.policy.settlements import Settlements

EVERYONE = "*"
"""The id of the scope that stands for all groups or users that could not be listed."""

ONCE: Mapping[Level, str] = {
    Level.APP: "the auditor's own app",
    Level.PHONE_ACCOUNT: "Zoom Phone",
}
"""Levels beside the account that exist once."""

UNREAD: Mapping[Level, str] = {Level.MEETING: "meetings", Level.WEBINAR: "webinars"}
"""Levels below the user, of which this version reads nothing."""

BELOW_PHONE_ACCOUNT: Mapping[Level, str] = {
    Level.PHONE_GROUP: "phone groups",
    Level.PHONE_SITE: "phone sites",
    Level.PHONE_USER: "phone users",
}


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
    _cache: dict[object, tuple[Verdict, ...]] = field(default_factory=dict)
    _wishes: dict[tuple[int, ...], Mapping[str, tuple[Wish, ...]]] = field(default_factory=dict)

    def run(self, snapshot: Snapshot) -> Iterator[Assessment]:
        """The assessments of every scope in `snapshot` down to the depth, passes included.

        The account comes first, then groups, then users: a level is judged once the locks above
        it are known.
        """
        reached = levels(self.depth)
        account = next(snapshot.evidence(Level.ACCOUNT))
        self.account_locks = _locks(account.outcomes)
        self.population = _population(snapshot) if Level.USER in reached else Population()
        yield self._assessment(account)
        for level, name in ONCE.items():
            nobody = ScopeEvidence(Scope(level, account.scope.id, name), {}, {})
            for evidence in list(snapshot.evidence(level)) or [nobody]:
                yield self._assessment(evidence)
                if level is Level.PHONE_ACCOUNT:
                    yield from self._below_phone_account(evidence)
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
        if Level.MEETING in reached:
            for level, name in UNREAD.items():
                yield self._assessment(ScopeEvidence(Scope(level, EVERYONE, name), {}, {}))

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

    def _below_phone_account(self, evidence: ScopeEvidence) -> Iterator[Assessment]:
        """Phone groups, sites and users: settled by a missing licence, else not collected."""
        outcome = evidence.outcomes.get(PHONE)
        if isinstance(outcome, Document):
            unseen = Unseen(Cause.NOT_COLLECTED, "Zoom Phone is read at account level only")
            outcome = Refusal(unseen, outcome.source, outcome.observed_at)
        outcomes = dict.fromkeys((PHONE, View("phone_site")), outcome) if outcome else {}
        for level, name in BELOW_PHONE_ACCOUNT.items():
            yield self._assessment(ScopeEvidence(Scope(level, EVERYONE, name), outcomes, {}))

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
        if scope.level is not Level.USER:
            verdicts = tuple(self._judge(evidence, groups, overriding, settling))
        else:
            refused = frozenset(
                (view, outcome.unseen, outcome.source)
                for view, outcome in evidence.outcomes.items()
                if isinstance(outcome, Refusal)
            )
            documents = frozenset(evidence.digests.items())
            members = frozenset(scope.group_ids)
            key = (documents, refused, members, scope.licence, overriding, settling)
            known = self._cache.get(key)
            if known is None:
                known = tuple(self._judge(evidence, groups, overriding, settling))
                self._cache[key] = known
            verdicts = known
        if self.settlements and settling:
            self.settlements.count(verdicts, settling)
        return verdicts

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
        settling: tuple[int, ...],
    ) -> Iterator[Verdict]:
        locks = LockDocuments(self.account_locks, self.group_locks)
        context = Context(self.parameters, groups=groups)
        for wishes in self._wished(overriding).values():
            alternatives = [list(self._control(wish, evidence, locks, context)) for wish in wishes]
            for verdict in agreed(alternatives, [wish.override for wish in wishes]):
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
        if wish.assessed.control.attestation is not None and scope.level is Level.ACCOUNT:
            yield judge.attestation(wish.assessed)
        for check in checks(wish.assessed):
            if check.surface == "derived":
                continue
            verdict = None
            if scope.level in check.levels:
                verdict = judge.value(case, check)
                if verdict is not None:
                    yield self._told(verdict, check, scope, locks, wish)
            if check.surface in LOCKED_SURFACES:
                lock = judge.lock(case, check, verdict)
                if lock is not None:
                    yield self._told(lock, check, scope, locks, wish)

    def _told(
        self, verdict: Verdict, check: Check, scope: Scope, locks: LockDocuments, wish: Wish
    ) -> Verdict:
        """The verdict with the override it was judged by, and who can still change the value."""
        if verdict.status is Status.PASS or not verdict.changeable_by:
            return replace(verdict, override=wish.override) if wish.override else verdict
        sentence = changeable(check, scope, chain(check, scope, locks), self.population)
        return replace(verdict, override=wish.override, changeable=sentence)

    def _groups(self, scope: Scope) -> frozenset[str]:
        if scope.level is Level.GROUP:
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


def agreed(alternatives: list[list[Verdict]], overrides: list[str]) -> Iterator[Verdict]:
    """The verdicts of one control where several equally specific overrides hold.

    Where they come out alike, it does not matter which of them holds. Where they do not, somebody
    has to decide.
    """
    first, *others = alternatives
    if not others:
        yield from first
        return
    by_key = [{(v.setting, v.kind): v for v in verdicts} for verdicts in alternatives]
    for key in sorted({key for verdicts in by_key for key in verdicts}):
        found = [verdicts[key] for verdicts in by_key if key in verdicts]
        if len(found) == len(by_key) and len({verdict.status for verdict in found}) == 1:
            yield found[0]
        else:
            names = " and the ".join(overrides)
            detail = f"The {names} want different things and are equally specific: decide."
            yield replace(
                found[0], status=Status.NEEDS_DECISION, cause=None, detail=detail, override=""
            )


def _population(snapshot: Snapshot) -> Population:
    members: Counter[str] = Counter()
    users = 0
    for scope in snapshot.scopes(Level.USER):
        if scope.status != "pending":
            users += 1
            members.update(scope.group_ids)
    return Population(users, members)
