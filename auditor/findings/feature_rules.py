"""Whether the features of an inventory are as the rules of a run ask."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from auditor.evidence.reading import JsonValue
from auditor.findings.inventory import Feature, is_on
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.findings.run import Run


class RuleState(StrEnum):
    """What a rule says on a feature, the worst first."""

    BROKEN = "broken"
    UNLOCKED = "not locked"
    NEW = "new: nobody has reviewed it"
    """Zoom returned the setting, and no rule is about its value."""
    UNKNOWN = "no answer"
    TO_DECIDE = "to decide"
    TO_ATTEST = "to attest"
    LOCK_TO_ATTEST = "lock to attest"
    ACCEPTED = "accepted"
    ATTESTED = "attested"
    ALLOWED = "allowed"
    """The organisation file allows a value that the baseline does not."""
    OBEYED = "kept"
    NOT_APPLICABLE = "not applicable"


_RANK = {state: rank for rank, state in enumerate(RuleState)}
_BY_STATUS: Mapping[Status, RuleState] = {
    Status.FAIL: RuleState.BROKEN,
    Status.UNKNOWN: RuleState.UNKNOWN,
    Status.NEEDS_DECISION: RuleState.TO_DECIDE,
    Status.ATTESTATION_EXPIRED: RuleState.TO_ATTEST,
    Status.WAIVED: RuleState.ACCEPTED,
    Status.ATTESTED: RuleState.ATTESTED,
    Status.PASS: RuleState.OBEYED,
    Status.NOT_APPLICABLE: RuleState.NOT_APPLICABLE,
}
_BY_ANSWER = {Status.NEEDS_DECISION: RuleState.TO_ATTEST}
_NOT_REVIEWED = (Status.FAIL, Status.NEEDS_DECISION)
_NO_SETTING = "attestation"
"""The setting of controls that only a person can answer."""
_KINDS = (FindingKind.VALUE, FindingKind.LOCK, FindingKind.ATTESTATION, FindingKind.UNCOVERED)
"""Kinds that are about one setting."""


@dataclass(frozen=True, slots=True)
class FeatureRule:
    """A rule about a feature."""

    control: str
    state: RuleState
    """The worst of all places."""
    severity: Severity
    """The worst of all places."""
    allowed_elsewhere: bool = False
    """True if it is broken at some places and allowed by the organisation at others."""

    @property
    def rank(self) -> tuple[int, int]:
        """Sort key, the worst first: by state, then by severity."""
        return _RANK[self.state], self.severity.rank


class FeatureRules:
    """The rules of a run, by the setting that they are about."""

    def __init__(self, run: Run) -> None:
        self._verdicts: dict[str, list[Verdict]] = {}
        found: dict[str, Severity] = {}
        """The worst severity of a control's verdicts: a baseline may replace the catalogue's."""
        self._answers: dict[str, RuleState] = {}
        """Control to its state, for those that only a person can answer."""
        seen: set[int] = set()
        for shared in run.assessments.shares():
            if shared.verdict_set.number in seen:
                continue
            seen.add(shared.verdict_set.number)
            for verdict in shared.verdicts:
                known = found.setdefault(verdict.control, verdict.severity)
                found[verdict.control] = min(known, verdict.severity, key=lambda each: each.rank)
                if verdict.kind in _KINDS and verdict.control in run.controls:
                    self._verdicts.setdefault(verdict.setting, []).append(verdict)
                if verdict.setting == _NO_SETTING:
                    self._answers[verdict.control] = _BY_ANSWER.get(
                        verdict.status, _BY_STATUS[verdict.status]
                    )
        self._severities = {each.id: each.severity for each in run.controls.values()} | found
        self._passed: dict[str, list[str]] = {}
        for control, setting in sorted(run.passed):
            self._passed.setdefault(setting, []).append(control)

    def of(self, feature: Feature) -> list[FeatureRule]:
        """The rules about a feature, the worst first; empty if the run has none."""
        states: dict[str, set[RuleState]] = {}
        for control, state in self._states(feature):
            states.setdefault(control, set()).add(state)
        for control in feature.controls:
            if control in self._answers:
                states.setdefault(control, {self._answers[control]})
        rules = [self._worst(control, found) for control, found in sorted(states.items())]
        return sorted(rules, key=lambda rule: rule.rank)

    def _worst(self, control: str, states: set[RuleState]) -> FeatureRule:
        worst = min(states, key=lambda state: _RANK[state])
        is_allowed = RuleState.ALLOWED in states and worst is RuleState.BROKEN
        return FeatureRule(control, worst, self._severities[control], is_allowed)

    def _states(self, feature: Feature) -> Iterator[tuple[str, RuleState]]:
        is_read = any(True for _ in feature.known_values())
        for setting, below in _judged_as(feature.setting):
            for control in self._passed.get(setting, ()):
                if is_read or not below:
                    yield control, RuleState.OBEYED
            for verdict in self._verdicts.get(setting, ()):
                if below and verdict.kind is FindingKind.VALUE:
                    yield from _of_part(verdict, below)
                elif not below or verdict.kind is FindingKind.LOCK:
                    yield verdict.control, state_of(verdict)


def _judged_as(setting: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    """The setting, and each object that it is a part of, with its path there."""
    parts = setting.split(".")
    return ((".".join(parts[:at]), tuple(parts[at:])) for at in range(len(parts), 0, -1))


def _of_part(verdict: Verdict, path: tuple[str, ...]) -> Iterator[tuple[str, RuleState]]:
    """What the verdict on an object says on one of its switches."""
    value: JsonValue = verdict.observed
    for key in path:
        if not isinstance(value, dict) or key not in value:
            if verdict.status is not Status.FAIL:
                yield verdict.control, state_of(verdict)
            return
        value = value[key]
    is_broken = verdict.status is Status.FAIL
    yield verdict.control, state_of(verdict) if is_on(value) or not is_broken else RuleState.OBEYED


def state_of(verdict: Verdict) -> RuleState:
    """What a verdict says on its setting."""
    if verdict.kind is FindingKind.LOCK and verdict.status is Status.FAIL:
        return RuleState.UNLOCKED
    if verdict.kind is FindingKind.ATTESTATION and verdict.status is Status.NEEDS_DECISION:
        return RuleState.LOCK_TO_ATTEST
    if verdict.kind is FindingKind.UNCOVERED and verdict.status in _NOT_REVIEWED:
        return RuleState.NEW
    if verdict.allowed_by and verdict.status is Status.NOT_APPLICABLE:
        return RuleState.ALLOWED
    return _BY_STATUS[verdict.status]
