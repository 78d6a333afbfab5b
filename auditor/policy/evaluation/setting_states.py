"""Setting states: the value and lock of a setting at one scope, as the judgement reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from auditor.evidence.read_plan import PHONE_VIEWS, ReadPlan
from auditor.evidence.reading import Cause, JsonValue, LookupResult, Reading, Seen, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Outcome, View
from auditor.findings.inventory import SettingState, ValueKey, is_on, key_of
from auditor.policy.catalogue import words
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.judging import phone_and_meetings
from auditor.policy.judging.groups import Groups, lock_documents
from auditor.policy.judging.judge import without
from auditor.policy.reading import lookup
from auditor.policy.reading.effective_value import effective_value
from auditor.policy.reading.locks import EffectiveValue, LockDocuments, lock_state_by_level


def read(check: Check, outcomes: Mapping[View, Outcome]) -> tuple[Reading, str]:
    """The reading of `check` in the documents of a scope, and the request it came from.

    A key with an inferred parent may stand in several places: on in one of them is on, and a place
    that cannot be read is unknown. If a document is missing in which it may stand as well, a value
    that is off is unknown.
    """
    result = lookup.find(check, outcomes)
    reading, source = _of_all_places(result)
    if isinstance(reading, Seen):
        if result.incomplete is not None and not is_on(reading.value):
            return result.incomplete, source
        if check.leave_out:
            return Seen(without(reading.value, check.leave_out), reading.path), source
    return reading, source


def _of_all_places(result: LookupResult) -> tuple[Reading, str]:
    on = [p for p in result.places if isinstance(p.reading, Seen) and is_on(p.reading.value)]
    unread = [place for place in result.places if isinstance(place.reading, Unseen)]
    for place in (*on, *unread):
        return place.reading, place.source
    return result.reading, result.source


def state(reading: Reading, source: str, outcomes: Mapping[View, Outcome]) -> SettingState:
    """A reading as the state of a setting, with the time of the response, without a lock."""
    times = (outcome.observed_at for outcome in outcomes.values() if outcome.source == source)
    observed_at = next(times, None) if source else None
    if isinstance(reading, Unseen):
        return SettingState(None, reading.cause, None, source, observed_at)
    return SettingState(reading.value, None, None, source, observed_at)


@dataclass(frozen=True)
class AccountEvidence:
    """The account and the groups of one snapshot: all that the locks of its people follow from."""

    snapshot: Snapshot
    account: ScopeEvidence
    groups: Groups
    group_evidence: Mapping[str, ScopeEvidence] = field(default_factory=dict)
    """Group id to its evidence."""
    reads: ReadPlan | None = None
    """What the run requested; None if that is not known."""

    @classmethod
    def of(cls, snapshot: Snapshot, reads: ReadPlan | None = None) -> "AccountEvidence":
        """Read the account and its groups. `reads` is what the run requested.

        Raises:
            SnapshotError: the snapshot has no account.
        """
        account = snapshot.account()
        groups = Groups({})
        found: dict[str, ScopeEvidence] = {}
        for evidence in snapshot.evidence(Level.GROUP):
            groups.add(evidence)
            found[evidence.scope.id] = evidence
        groups.read_listing_status(account, found)
        return cls(snapshot, account, groups, found, reads)

    @cached_property
    def locks(self) -> LockDocuments:
        """The lock documents of the account and of each group."""
        return LockDocuments(lock_documents(self.account.outcomes), self.groups.locks)

    @cached_property
    def phone(self) -> ScopeEvidence:
        """Zoom Phone of the account; without documents if it was not read."""
        for evidence in self.snapshot.evidence(Level.PHONE_ACCOUNT):
            return phone_and_meetings.with_policy(evidence)
        scope = Scope(Level.PHONE_ACCOUNT, self.account.scope.id, "Zoom Phone")
        return ScopeEvidence(scope, {}, {})

    def top(self, check: Check) -> ScopeEvidence:
        """The evidence of the highest level of a check: the account, or its Zoom Phone."""
        return self.account if check.surface == SETTINGS_SURFACE else self.phone

    def effective(self, check: Check, evidence: ScopeEvidence) -> EffectiveValue:
        """Which level decides the value of `check` at a scope, and who can change it."""
        return effective_value(check, evidence.scope, evidence.outcomes, self.locks)

    def state(self, check: Check, evidence: ScopeEvidence) -> SettingState:
        """The value and the own lock of `check` at the account or a group."""
        reading, source = read(check, evidence.outcomes)
        plain = state(reading, source, evidence.outcomes)
        return SettingState(
            plain.value,
            self._cause(check, evidence.scope.level, plain.cause),
            self._own_lock(check, evidence),
            plain.source,
            plain.observed_at,
        )

    def _cause(self, check: Check, level: Level, cause: Cause | None) -> Cause | None:
        """The cause, which is not Zoom's if the run did not request that item of Zoom Phone."""
        if cause is not Cause.ABSENT or self.reads is None or level not in PHONE_VIEWS:
            return cause
        is_requested = check.setting.partition(".")[0] in self.reads.phone_items(level)
        return cause if is_requested else Cause.NOT_COLLECTED

    def _own_lock(self, check: Check, evidence: ScopeEvidence) -> bool | None:
        level = evidence.scope.level
        if check.surface != SETTINGS_SURFACE:
            return self.effective(check, evidence).locked
        if level not in (Level.ACCOUNT, Level.GROUP):
            return None
        return lock_state_by_level(check, evidence.scope, self.locks).get(level)


def words_of(setting: str, values: Iterable[JsonValue]) -> dict[ValueKey, str]:
    """Each of the values of a setting in words."""
    return {key_of(value): words.value_words(setting, value) for value in values}
