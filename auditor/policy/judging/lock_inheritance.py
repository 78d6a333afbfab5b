"""Values that users inherit through account locks, so that their documents need not be read.

A value that is compliant and locked at the account is the value of every user. The program relies
on this only if a random sample of users confirms it, and such verdicts are marked `proved_by`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence import read_plan
from auditor.evidence.reading import Cause, Seen
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import Document, Outcome, View
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.judging.reads import checks
from auditor.policy.reading import locks, lookup

PROVED_BY = "lock"

COMPLIANT = (Status.PASS, Status.NOT_APPLICABLE)


@dataclass
class InheritedValues:
    """The account's locked values, which apply to users whose documents were not read."""

    baseline: Baseline
    account: ScopeEvidence
    inherited: Mapping[View, Outcome] = field(default_factory=dict)
    """The account's documents for those views of users in which a sample confirmed the locks."""
    contradicted: frozenset[tuple[str, str]] = frozenset()
    """Control and setting pairs that the document of at least one user contradicts."""

    def __post_init__(self) -> None:
        self._checks = {
            check.setting: check
            for assessed in self.baseline.assessed.values()
            for check in assessed.control.checks
            if check.surface == SETTINGS_SURFACE
        }
        self.inherited = confirmed_documents(self.account)

    def inherits(self, user: ScopeEvidence, check: Check) -> bool:
        """True if the user's document for `check` was not read and the account's replaces it."""
        unread = check.document in self.inherited and check.document not in user.outcomes
        return unread and user.scope.level is Level.USER

    def with_inherited(self, user: ScopeEvidence, check: Check) -> dict[View, Outcome]:
        """The user's documents, with the account's document for `check` added."""
        return {**user.outcomes, check.document: self.inherited[check.document]}

    def mark_inherited(self, verdict: Verdict, check: Check) -> Verdict:
        """Mark a verdict that is based on inherited values as proved by lock.

        If the setting itself is not locked, the verdict becomes unknown.
        """
        contradicted = (verdict.control, verdict.setting) in self.contradicted
        if verdict.status in COMPLIANT and self.is_enforced(check, verdict) and not contradicted:
            return replace(verdict, proved_by=PROVED_BY)
        detail = "It was not read: a lock was taken as proof for other settings of this document."
        return replace(
            verdict,
            status=Status.UNKNOWN,
            cause=Cause.NOT_COLLECTED,
            observed=None,
            detail=detail,
        )

    def discard_contradicted(
        self,
        users: Iterable[ScopeEvidence],
        judge: Callable[[ScopeEvidence], Iterable[Verdict]],
    ) -> None:
        """Find the settings for which a user's own document contradicts the inherited value.

        The sample was verified against the baseline of the collection; the current baseline may
        differ.
        """
        self.contradicted = frozenset(
            (verdict.control, verdict.setting)
            for user in users
            if not user.scope.is_invited and not self.inherited.keys().isdisjoint(user.outcomes)
            for verdict in judge(user)
            if verdict.kind is FindingKind.VALUE and verdict.status not in COMPLIANT
            if self._is_read(user, verdict.setting)
        )

    def _is_read(self, user: ScopeEvidence, setting: str) -> bool:
        check = self._checks.get(setting)
        return check is not None and check.document in user.outcomes

    def is_enforced(self, check: Check, verdict: Verdict) -> bool:
        """True if the account's locks extend a compliant verdict to all its users."""
        if verdict.status is Status.NOT_APPLICABLE and check.only_when is not None:
            setting = check.only_when.setting
            if check.lock is not None and f"{setting}.".startswith(f"{check.lock}."):
                # one lock covers the switch and its dependent settings
                return is_locked(check, self.account.outcomes)
            switch = self._checks.get(setting)
            return switch is not None and is_locked(switch, self.account.outcomes)
        return is_locked_value(check, self.account.outcomes)


def confirmed_documents(account: ScopeEvidence) -> dict[View, Outcome]:
    """The account's documents for those views of users in which a sample confirmed the locks."""
    return {
        view: outcome
        for view, outcome in account.outcomes.items()
        if _is_confirmed(account.outcomes.get(read_plan.lock_sample_view(view)))
    }


def is_locked_value(check: Check, account: Mapping[View, Outcome]) -> bool:
    """True if the account's documents show the value of `check` and that its own lock is on."""
    return isinstance(lookup.find(check, account).reading, Seen) and is_locked(check, account)


def is_locked(check: Check, account: Mapping[View, Outcome]) -> bool:
    """True if the account's documents show that the lock of `check` is on, without inference."""
    if check.lock is None or check.lock_inferred or Level.ACCOUNT not in check.lock_levels:
        return False
    reading = locks.find(check, account).reading
    return isinstance(reading, Seen) and reading.value is True


def checks_of_users(baseline: Baseline, view: View) -> list[tuple[str, Check]]:
    """The control ids and checks of `baseline` that read `view` of users."""
    return [
        (assessed.control.id, check)
        for assessed in baseline.assessed.values()
        for check in checks(assessed)
        if check.surface == SETTINGS_SURFACE
        and Level.USER in check.levels
        and check.document == view
    ]


def all_enforced(
    inherited_values: InheritedValues,
    verdicts: Iterable[Verdict],
    required: Iterable[tuple[str, Check]],
) -> bool:
    """True if every `required` check is compliant and locked at the account."""
    by_setting = {(verdict.control, verdict.setting): verdict for verdict in verdicts}
    enforced = 0
    for control, check in required:
        verdict = by_setting.get((control, check.setting))
        if verdict is None:
            if check.legacy_of is None:
                return False
            continue  # its replacement is required as well
        enforced += 1
        if verdict.status not in COMPLIANT or not inherited_values.is_enforced(check, verdict):
            return False
    return enforced > 0


def _is_confirmed(outcome: Outcome | None) -> bool:
    """True if every user of a non-empty sample confirmed the locks."""
    body = outcome.body if isinstance(outcome, Document) else None
    if not isinstance(body, dict):
        return False
    sampled, confirmed = body.get("sampled"), body.get("confirmed")
    return isinstance(sampled, int) and sampled > 0 and confirmed == sampled
