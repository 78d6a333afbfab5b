"""Determines during a collection which user documents the account's locks make redundant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import SETTINGS, View
from auditor.findings.model import FindingKind
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.judging.assess import Assessor
from auditor.policy.judging.lock_inheritance import (
    COMPLIANT,
    InheritedValues,
    all_enforced,
    checks_of_users,
)
from auditor.policy.judging.reads import NEW_SETTINGS_CONTROL, SCANNED_VIEWS


@dataclass
class SnapshotLockVerifier:
    """Judges the account and sampled users of an unfinished snapshot."""

    overrides: Overrides
    parameters: Mapping[str, JsonValue]
    reads: ReadPlan
    _assessor: Assessor = field(init=False)
    _account: ScopeEvidence = field(init=False)

    def prepare(self, snapshot: Snapshot) -> None:
        """Read the account and its groups, which must be complete."""
        baseline = self.overrides.baseline
        parameters = {**baseline.parameters, **self.parameters}
        self._assessor = Assessor(baseline, parameters, Level.USER, self.overrides)
        self._assessor.prepare(snapshot)
        for group in snapshot.evidence(Level.GROUP):
            self._assessor.groups.add(group)
        self._account = snapshot.account()

    def provable(self, views: Iterable[View]) -> tuple[View, ...]:
        """The `views` in which every assessed setting is compliant and locked at the account.

        Views that are scanned for new settings or licences, and views with settings that an
        override changes, are excluded: they must be read for every user.
        """
        union = self.overrides.union()
        excluded: set[View] = set()
        if NEW_SETTINGS_CONTROL in union.assessed:
            excluded.update(SCANNED_VIEWS[Level.USER])
        if self.reads.phone_user or self.reads.webinar:
            excluded.add(SETTINGS)
        overridden = {cid for override in self.overrides.overrides for cid in override.controls}
        verdicts = [
            verdict
            for verdict in self._assessor.assessment(self._account).verdicts
            if verdict.kind is FindingKind.VALUE
        ]
        inherited_values = InheritedValues(union, self._account)
        provable = []
        for view in views:
            required = checks_of_users(union, view)
            is_uniform = overridden.isdisjoint(control for control, _ in required)
            if (
                view not in excluded
                and is_uniform
                and all_enforced(inherited_values, verdicts, required)
            ):
                provable.append(view)
        return tuple(provable)

    def confirms(self, user: ScopeEvidence, view: View) -> bool:
        """True if the user's own document agrees with the account's locks."""
        if view not in user.outcomes:
            return False
        required = {(cid, c.setting) for cid, c in checks_of_users(self.overrides.union(), view)}
        verdicts = [
            verdict
            for verdict in self._assessor.assessment(user).verdicts
            if verdict.kind is FindingKind.VALUE and (verdict.control, verdict.setting) in required
        ]
        return bool(verdicts) and all(verdict.status in COMPLIANT for verdict in verdicts)
