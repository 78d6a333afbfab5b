"""Explains one scope: each setting as a chain from the account down, with the verdicts of a run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from auditor.evidence.reading import Cause, Reading, Seen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Outcome, View
from auditor.findings.inventory import ChainLink, SettingChain, SettingState, key_of
from auditor.findings.model import Verdict
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.catalogue.features import CatalogueFeature
from auditor.policy.evaluation.setting_states import AccountEvidence, read, state, words_of
from auditor.policy.judging.assess import Assessor
from auditor.policy.judging.groups import population
from auditor.policy.judging.lock_inheritance import confirmed_documents, is_locked_value
from auditor.policy.judging.phone_and_meetings import with_policy
from auditor.policy.reading.explanations import Population, who_can_change
from auditor.policy.reading.locks import EffectiveValue

_IN_PHONE: Mapping[Level, Level] = {
    Level.ACCOUNT: Level.PHONE_ACCOUNT,
    Level.GROUP: Level.PHONE_GROUP,
    Level.USER: Level.PHONE_USER,
}
"""The level of Zoom Phone at which a scope has further settings, under the same id."""


def phone_evidence(snapshot: Snapshot, scope: Scope) -> ScopeEvidence | None:
    """The Zoom Phone settings of an account, a group or a person; None if they were not read."""
    level = _IN_PHONE[scope.level]
    is_top = level is Level.PHONE_ACCOUNT
    found = next((s for s in snapshot.scopes(level) if is_top or s.id == scope.id), None)
    return None if found is None else with_policy(snapshot.evidence_of(found))


def verdicts_of(
    evidence: AccountEvidence, assessor: Assessor, scope: Scope
) -> Mapping[str, tuple[Verdict, ...]]:
    """The verdicts on one scope by setting, waivers and attestations applied.

    Those on its Zoom Phone settings are among them.
    """
    snapshot = evidence.snapshot
    verdicts = list(assessor.assess_scope(snapshot, scope).verdicts)
    phone = phone_evidence(snapshot, scope)
    if phone is not None:
        verdicts += assessor.assessment(phone).verdicts
    by_setting: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_setting.setdefault(verdict.setting, []).append(verdict)
    return {setting: tuple(found) for setting, found in by_setting.items()}


@dataclass(frozen=True)
class Explainer:
    """Explains the settings of one scope."""

    evidence: AccountEvidence
    scope: ScopeEvidence
    verdicts: Mapping[str, tuple[Verdict, ...]]
    """Setting to the verdicts of the run on the scope."""

    def chains(self, rows: Sequence[CatalogueFeature]) -> Iterator[SettingChain]:
        """The chain of each of `rows` that the scope has, those of Zoom Phone included."""
        for row in rows:
            if row.is_repeated:
                continue
            is_phone = row.check.surface != SETTINGS_SURFACE
            chain = self._phone_chain(row) if is_phone else self._chain(row)
            if chain.links:
                yield chain

    def _chain(self, row: CatalogueFeature) -> SettingChain:
        check, scope = row.check, self.scope.scope
        own = self._own_state(check)
        has_own = scope.level in check.levels or own.is_seen
        above = list(self._above(check))
        effective = self.evidence.effective(check, self.scope) if has_own else EffectiveValue()
        decided_by = effective.decided_by
        links = [*above, *(_link(check, scope, own) if has_own else [])]
        return SettingChain(
            setting=check.setting,
            title=row.title,
            topic=row.topic,
            value=own,
            links=tuple(replace(link, decides=_decides(link, scope, decided_by)) for link in links),
            locked=effective.locked,
            decided_by=decided_by,
            follows=_follows(own, above) if decided_by is scope.level else None,
            changeable_by=effective.changeable_by,
            changeable=who_can_change(check, scope, effective, self._population)
            if effective.changeable_by
            else "",
            verdicts=tuple(self._verdicts(check.setting)),
            words=words_of(
                check.setting, (each.state.value for each in links if each.state.is_seen)
            ),
        )

    def _phone_chain(self, row: CatalogueFeature) -> SettingChain:
        """The chain of a Zoom Phone setting: its account, the groups of a person, the scope.

        The site of a person is not in the evidence, so a site stands in no chain.
        """
        check, own = row.check, self._phone
        found = SettingState() if own is None else self.evidence.state(check, own)
        if own is None:
            return SettingChain(check.setting, row.title, row.topic, found, ())
        has_own = own.scope.level in check.levels or found.is_seen
        links = [
            link
            for place in self._above_phone
            for link in _link(check, place.scope, self.evidence.state(check, place))
        ]
        effective = self.evidence.effective(check, own) if has_own else EffectiveValue()
        decided_by = effective.decided_by
        follows = _follows(found, links) if decided_by is own.scope.level else None
        return SettingChain(
            setting=check.setting,
            title=row.title,
            topic=row.topic,
            value=found,
            links=tuple(
                replace(link, decides=link.scope.level is decided_by)
                for link in (*links, *(_link(check, own.scope, found) if has_own else ()))
            ),
            locked=effective.locked,
            decided_by=decided_by,
            follows=follows,
            changeable_by=effective.changeable_by,
            changeable=who_can_change(check, own.scope, effective, self._population)
            if effective.changeable_by
            else "",
            verdicts=tuple(self._verdicts(check.setting)),
            words=words_of(
                check.setting,
                (state.value for state in (found, *(e.state for e in links)) if state.is_seen),
            ),
        )

    @cached_property
    def _phone(self) -> ScopeEvidence | None:
        """The Zoom Phone settings of the scope itself."""
        return phone_evidence(self.evidence.snapshot, self.scope.scope)

    @cached_property
    def _above_phone(self) -> Sequence[ScopeEvidence]:
        """Zoom Phone of the account, and for a person that of their groups."""
        scope = self.scope.scope
        if scope.level is Level.ACCOUNT:
            return ()
        groups = self.evidence.snapshot.evidence(Level.PHONE_GROUP)
        return (
            self.evidence.phone,
            *(with_policy(each) for each in groups if each.scope.id in scope.group_ids),
        )

    def _verdicts(self, setting: str) -> Iterator[Verdict]:
        """The verdicts on a setting, and those on an object that it is a part of."""
        yield from self.verdicts.get(setting, ())
        parent = setting.rpartition(".")[0]
        while parent:
            yield from self.verdicts.get(parent, ())
            parent = parent.rpartition(".")[0]

    @cached_property
    def _population(self) -> Population:
        return population(self.evidence.snapshot, self.evidence.account)

    def _own_state(self, check: Check) -> SettingState:
        """The state at the scope itself; a person who was not read may have it by a lock."""
        outcomes = self.scope.outcomes
        if self.scope.scope.level is not Level.USER:
            return self.evidence.state(check, self.scope)
        if check.document not in outcomes and check.document in self._inherited:
            account = self.evidence.account
            if is_locked_value(check, account.outcomes) and not self._is_contradicted(check):
                return state(*read(check, account.outcomes), account.outcomes)
        return state(*read(check, outcomes), outcomes)

    @cached_property
    def _inherited(self) -> Mapping[View, Outcome]:
        return confirmed_documents(self.evidence.account)

    def _is_contradicted(self, check: Check) -> bool:
        """True if anybody who was read has another value than the account."""
        expected, _ = read(check, self.evidence.account.outcomes)
        return any(
            check.document in person.outcomes
            and not _is_same(read(check, person.outcomes)[0], expected)
            for person, _ in self.evidence.snapshot.grouped_by_profile(Level.USER)
            if not person.scope.is_invited
        )

    def _above(self, check: Check) -> Iterator[ChainLink]:
        """The account, and for a person their groups, where they have the setting or its lock."""
        if self.scope.scope.level is Level.ACCOUNT:
            return
        account = self.evidence.account
        yield from _link(check, account.scope, self.evidence.state(check, account))
        for group_id in self.scope.scope.group_ids:
            group = self.evidence.group_evidence.get(group_id)
            if group is not None:
                yield from _link(check, group.scope, self.evidence.state(check, group))
            elif Level.GROUP in check.levels:
                unseen = self.evidence.groups.unseen
                cause = unseen.cause if unseen is not None else Cause.NOT_COLLECTED
                yield ChainLink(Scope(Level.GROUP, group_id), SettingState(cause=cause))


def _link(check: Check, scope: Scope, found: SettingState) -> Iterator[ChainLink]:
    lockable = check.lock is not None and scope.level in check.lock_levels
    if scope.level in check.levels or found.is_seen or lockable:
        yield ChainLink(scope, found, lockable)


def _decides(link: ChainLink, scope: Scope, decided_by: Level | None) -> bool:
    """True for the level that decides; of a person's groups, for those that lock the setting."""
    if link.scope.level is not decided_by:
        return False
    return link.scope == scope or link.scope.level is Level.ACCOUNT or bool(link.state.locked)


def _follows(own: SettingState, above: Sequence[ChainLink]) -> Scope | None:
    """The group with the same value; without any group that has a value, the account."""
    seen = [link for link in above if link.state.is_seen]
    groups = [link for link in seen if link.scope.level in (Level.GROUP, Level.PHONE_GROUP)]
    key = key_of(own.value)
    alike = (link.scope for link in groups or seen if key_of(link.state.value) == key)
    return next(alike, None) if own.is_seen else None


def _is_same(one: Reading, other: Reading) -> bool:
    if isinstance(one, Seen) and isinstance(other, Seen):
        return key_of(one.value) == key_of(other.value)
    return False
