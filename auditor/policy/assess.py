"""Assessing scopes: every check of a baseline at the account, each group and each user."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auditor.evidence.plan import LISTINGS, PHONE
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Document, Outcome, Refusal, View
from auditor.findings.model import Verdict
from auditor.findings.run import Assessment
from auditor.policy import judge
from auditor.policy.baseline import Baseline
from auditor.policy.catalogue import SETTINGS_LEVELS, SETTINGS_SURFACE
from auditor.policy.judge import Case
from auditor.policy.locks import LockDocuments
from auditor.policy.operators import Context
from auditor.policy.reads import checks, levels

EVERYONE = "*"
"""The id of the scope that stands for all groups or users that could not be listed."""

ONCE: tuple[Level, ...] = (Level.APP, Level.PHONE_ACCOUNT)
"""Levels beside the account that exist once."""

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
    keep_passes: bool = False
    account_locks: Mapping[View, Outcome] = field(default_factory=dict)
    group_locks: dict[str, Mapping[View, Outcome]] = field(default_factory=dict)
    group_names: dict[str, str] = field(default_factory=dict)
    _cache: dict[object, tuple[Verdict, ...]] = field(default_factory=dict)

    def run(self, snapshot: Snapshot) -> Iterator[Assessment]:
        """The assessments of every scope in `snapshot` down to the depth, passes included.

        The account comes first, then groups, then users: a level is judged once the locks above
        it are known.
        """
        reached = levels(self.depth)
        account = next(snapshot.evidence(Level.ACCOUNT))
        self.account_locks = _locks(account.outcomes)
        yield self._assessment(account)
        for level in ONCE:
            for evidence in snapshot.evidence(level):
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
        if outcome is None:
            return
        if isinstance(outcome, Document):
            unseen = Unseen(Cause.NOT_COLLECTED, "Zoom Phone is read at account level only")
            outcome = Refusal(unseen, outcome.source, outcome.observed_at)
        for level, name in BELOW_PHONE_ACCOUNT.items():
            outcomes = {PHONE: outcome, View("phone_site"): outcome}
            yield self._assessment(ScopeEvidence(Scope(level, EVERYONE, name), outcomes, {}))

    def _views(self, level: Level) -> set[View]:
        """The views of a level that some check reads."""
        return {
            check.document
            for each in self.baseline.assessed.values()
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
        if scope.level is not Level.USER:
            return tuple(self._judge(evidence))
        refused = frozenset(
            (view, outcome.unseen, outcome.source)
            for view, outcome in evidence.outcomes.items()
            if isinstance(outcome, Refusal)
        )
        documents = frozenset(evidence.digests.items())
        key = (documents, refused, frozenset(scope.group_ids), scope.licence)
        known = self._cache.get(key)
        if known is None:
            known = self._cache[key] = tuple(self._judge(evidence))
        return known

    def _judge(self, evidence: ScopeEvidence) -> Iterator[Verdict]:
        scope = evidence.scope
        governing = LockDocuments(self.account_locks, self.group_locks)
        context = Context(self.parameters, groups=self._groups(scope))
        for each in self.baseline.assessed.values():
            case = Case(each, scope, evidence.outcomes, governing, context)
            if each.control.attestation is not None and scope.level is Level.ACCOUNT:
                yield judge.attestation(each)
            for check in checks(each):
                if check.surface == "derived":
                    continue
                verdict = None
                if scope.level in check.levels:
                    verdict = judge.value(case, check)
                    if verdict is not None:
                        yield verdict
                if scope.level in SETTINGS_LEVELS and check.surface == SETTINGS_SURFACE:
                    lock = judge.lock(case, check, verdict)
                    if lock is not None:
                        yield lock

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
