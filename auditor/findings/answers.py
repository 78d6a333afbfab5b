"""Answers the questions people ask about an account from one run, no more certain than the weakest
evidence.

The answer is "no" only if every related control was checked at every scope and met the baseline. A
control without a verdict counts as not checked.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.inventory import Feature, FeatureUse, is_on
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.questions import (
    DEVIATES,
    DISABLED,
    ENABLED,
    CheckedSetting,
    Question,
    RelatedControl,
)
from auditor.findings.run import Run
from auditor.plain_text import join_and

_EVIDENCE = (FindingKind.VALUE, FindingKind.USAGE, FindingKind.DERIVED, FindingKind.UNCOVERED)
"""Kinds of verdicts that rest on the value of a setting. Locks and attestations do not."""


class AnswerState(StrEnum):
    """The answer, most worrying first."""

    YES = "yes"
    """The evidence shows it."""
    ALLOWED = "yes_allowed"
    """The evidence shows it, but only where the baseline, an exception or a waiver allows it."""
    NOT_RULED_OUT = "not_ruled_out"
    """The evidence does not show it, but a related control deviates or is not locked."""
    CANNOT_SAY = "cannot_say"
    """Something is unknown, undecided, due or was not checked."""
    NOT_LOOKED_AT = "not_looked_at"
    RESTS_ON_ATTESTATIONS = "rests_on_attestations"
    NOT_APPLICABLE = "not_applicable"
    NO = "no"
    """All of it was checked and meets the baseline."""


class ControlEffect(StrEnum):
    """What one verdict contributes to an answer."""

    SHOWN = "shown"
    ALLOWED = "allowed"
    DEVIATING = "deviating"
    WAIVED = "waived"
    UNLOCKED = "not_locked"
    UNKNOWN = "unknown"
    EXCEPTED = "excepted"
    """The organisation allows the scope to differ, so its value was not judged."""
    UNDECIDED = "undecided"
    DUE = "attestation_due"
    EXPIRED = "attestation_expired"
    ATTESTED = "attested"
    NOT_APPLICABLE = "not_applicable"
    AS_EXPECTED = "as_expected"


class Gap(StrEnum):
    """Why a run did not check a control, or a part of it."""

    NOT_ASSESSED = "not_assessed"
    NOT_REACHED = "not_reached"
    NO_RESULT = "no_result"
    SETTINGS = "settings"
    LEVELS = "levels"

    @property
    def is_whole(self) -> bool:
        """True if no part of the control was checked."""
        return self in (Gap.NOT_ASSESSED, Gap.NOT_REACHED, Gap.NO_RESULT)


_SHOWN = (ControlEffect.SHOWN, ControlEffect.ALLOWED)
_INCONCLUSIVE = (
    ControlEffect.UNKNOWN,
    ControlEffect.EXCEPTED,
    ControlEffect.UNDECIDED,
    ControlEffect.DUE,
    ControlEffect.EXPIRED,
)


@dataclass(frozen=True, slots=True)
class AffectedScopes:
    """Distinct scopes, by level."""

    by_level: Mapping[Level, int] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()
    """Labels of placeholders, such as for all users if the user list could not be read."""

    def __bool__(self) -> bool:
        return bool(self.unlisted) or any(self.by_level.values())

    def text(self, coverage: Mapping[Level, int]) -> str:
        """`the account, 1 of 6 groups and 42 of 293 people`; `coverage` has the numbers that were
        read."""
        parts = []
        for level, count in sorted(self.by_level.items(), key=lambda item: item[0].rank):
            total = coverage.get(level, 0)
            if level is Level.ACCOUNT:
                parts.append("the account")
            elif total >= count:
                parts.append(f"{count:,} of {level.counted(total)}")
            else:
                parts.append(level.counted(count))
        return join_and([*parts, *self.unlisted])


@dataclass(frozen=True, slots=True)
class ControlPart:
    """The result of one control related to a question."""

    control: RelatedControl
    effects: Mapping[ControlEffect, AffectedScopes]
    gaps: tuple[Gap, ...] = ()
    statements: tuple[str, ...] = ()
    """The attested statements, verbatim."""
    shown: tuple[str, ...] = ()
    """The settings that make the answer yes."""

    @property
    def is_incomplete(self) -> bool:
        """True if a part of it was not read, not decided or not checked."""
        return bool(self.gaps) or any(effect in self.effects for effect in _INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question from one run. Its wording is in `auditor.report.answers`."""

    question: Question
    state: AnswerState
    parts: tuple[ControlPart, ...]
    effects: Mapping[ControlEffect, AffectedScopes]
    """Distinct scopes over all related controls."""
    causes: Mapping[Cause | None, tuple[tuple[str, ...], AffectedScopes]]
    """Cause of unknown checks to the controls and scopes concerned."""
    parameters: tuple[str, ...]
    """Parameters of the organisation file that still have to be decided."""
    coverage: Mapping[Level, int]
    """Number of scopes read, by level."""
    baseline: str
    features: tuple[Feature, ...] = ()
    """The features that an inventory shows to be on; empty without an inventory."""
    features_unread: bool = False
    """True if the inventory does not know whether other features are on."""

    @property
    def is_lower_bound(self) -> bool:
        """True if there may be more: something that would make the answer yes was not read."""
        if self.features:
            return self.features_unread
        return any(part.control.decides and part.is_incomplete for part in self.parts)

    def controls(self, effect: ControlEffect) -> tuple[str, ...]:
        """The ids of the controls with this effect."""
        return tuple(part.control.id for part in self.parts if effect in part.effects)

    def missing(self, *gaps: Gap) -> tuple[str, ...]:
        """The ids of the controls with one of `gaps`."""
        return tuple(p.control.id for p in self.parts if any(gap in gaps for gap in p.gaps))

    @property
    def not_looked_at(self) -> tuple[str, ...]:
        """The ids of the controls that the run did not check at all."""
        return self.missing(*(gap for gap in Gap if gap.is_whole))

    @property
    def in_part(self) -> tuple[str, ...]:
        """The ids of the controls of which the run skipped settings or levels."""
        return self.missing(*(gap for gap in Gap if not gap.is_whole))


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """Scopes of one level with the same verdicts."""

    level: Level
    label: str
    """Empty, or the label of a placeholder."""
    count: int
    verdicts: Mapping[str, Sequence[Verdict]]


def answers(run: Run, questions: Iterable[Question]) -> list[Answer]:
    """The answer of `run` to each of `questions`, in their order.

    Raises:
        ValueError: the run does not hold its passes, so a missing verdict would look like one.
    """
    profiles = list(_profiles(run))
    passes = sum(
        profile.count * sum(v.status is Status.PASS for v in verdicts)
        for profile in profiles
        for verdicts in profile.verdicts.values()
    )
    if passes != run.summary.by_status.get(Status.PASS, 0):
        raise ValueError("Answers need a run that was judged with its passes kept.")
    return [_answer(run, profiles, question) for question in questions]


def with_features(answer: Answer, features: Iterable[Feature]) -> Answer:
    """The answer with the features that are on, of those that its question is about.

    A switch that is on makes the answer yes, whatever the baseline looks at. The answer then has
    everything that is on, as the inventory counts it. Nothing on makes it no: that takes the
    controls.
    """
    switches = answer.question.switches
    relevant = [feature for feature in features if not feature.is_repeated]
    on = tuple(feature for feature in relevant if feature.use is FeatureUse.ON)
    if not any(each.setting in switches or not each.is_documented for each in on):
        return answer
    is_yes = answer.state in (AnswerState.YES, AnswerState.ALLOWED)
    return replace(
        answer,
        state=answer.state if is_yes else AnswerState.YES,
        features=on,
        features_unread=any(feature.has_unknowns for feature in relevant),
    )


def _profiles(run: Run) -> Iterator[_Profile]:
    counts: Counter[tuple[Level, str, int]] = Counter()
    verdicts: dict[int, tuple[Verdict, ...]] = {}
    for group in run.assessments.shares():
        scope = group.scope
        label = scope.label if scope is not None and scope.is_placeholder else ""
        number = group.verdict_set.number
        verdicts[number] = group.verdicts
        counts[group.level, label, number] += group.count
    for (level, label, number), count in counts.items():
        by_control: dict[str, list[Verdict]] = {}
        for verdict in verdicts[number]:
            by_control.setdefault(verdict.control, []).append(verdict)
        yield _Profile(level, label, count, by_control)


def _answer(run: Run, profiles: Sequence[_Profile], question: Question) -> Answer:
    whole: dict[ControlEffect, list[_Profile]] = {}
    causes: dict[Cause | None, tuple[set[str], list[_Profile]]] = {}
    parameters: set[str] = set()
    parts = []
    for related in question.controls:
        own: dict[ControlEffect, list[_Profile]] = {}
        statements: dict[str, None] = {}
        shown: dict[str, None] = {}
        for profile in profiles:
            for verdict in profile.verdicts.get(related.id, ()):
                effect = _effect(verdict, related)
                own.setdefault(effect, []).append(profile)
                if effect is ControlEffect.ATTESTED:
                    statements[verdict.detail] = None
                elif effect in _SHOWN:
                    shown[verdict.setting] = None
                elif effect is ControlEffect.UNKNOWN:
                    controls, where = causes.setdefault(verdict.cause, (set(), []))
                    controls.add(related.id)
                    where.append(profile)
                elif effect is ControlEffect.UNDECIDED and (verdict.expected or {}).get("param"):
                    parameters.add(str((verdict.expected or {})["param"]))
        for effect, where in own.items():
            whole.setdefault(effect, []).extend(where)
        effects = {effect: _affected(own[effect]) for effect in ControlEffect if effect in own}
        gaps = tuple(_gaps(run, profiles, related))
        parts.append(ControlPart(related, effects, gaps, tuple(statements), tuple(shown)))
    return Answer(
        question=question,
        state=_state(parts),
        parts=tuple(parts),
        effects={effect: _affected(whole[effect]) for effect in ControlEffect if effect in whole},
        causes={
            cause: (tuple(sorted(controls)), _affected(where))
            for cause, (controls, where) in sorted(causes.items(), key=lambda item: item[0] or "")
        },
        parameters=tuple(sorted(parameters)),
        coverage=run.summary.coverage,
        baseline=run.info.baseline.id,
    )


def _effect(verdict: Verdict, related: RelatedControl) -> ControlEffect:
    status = verdict.status
    if verdict.kind in _EVIDENCE and _is_decisive(verdict, related):
        allowed = status not in (Status.FAIL, Status.NEEDS_DECISION)
        return ControlEffect.ALLOWED if allowed else ControlEffect.SHOWN
    attested = verdict.kind is FindingKind.ATTESTATION
    match status:
        case Status.FAIL:
            return (
                ControlEffect.UNLOCKED
                if verdict.kind is FindingKind.LOCK
                else ControlEffect.DEVIATING
            )
        case Status.UNKNOWN:
            return ControlEffect.DUE if attested else ControlEffect.UNKNOWN
        case Status.NEEDS_DECISION:
            return ControlEffect.DUE if attested else ControlEffect.UNDECIDED
        case Status.NOT_APPLICABLE:
            excepted = _is_excepted(verdict, related)
            return ControlEffect.EXCEPTED if excepted else ControlEffect.NOT_APPLICABLE
    return _PLAIN[status]


_PLAIN: Mapping[Status, ControlEffect] = {
    Status.ATTESTATION_EXPIRED: ControlEffect.EXPIRED,
    Status.WAIVED: ControlEffect.WAIVED,
    Status.ATTESTED: ControlEffect.ATTESTED,
    Status.PASS: ControlEffect.AS_EXPECTED,
}


def _is_decisive(verdict: Verdict, related: RelatedControl) -> bool:
    """True if the verdict alone makes the answer yes, whatever the baseline expects."""
    when = related.shows.get(verdict.setting)
    if when is None or verdict.status in (Status.UNKNOWN, Status.ATTESTED):
        return False
    if when == DEVIATES:
        return verdict.status in (Status.FAIL, Status.WAIVED)
    if verdict.observed is None:
        return False
    if when == ENABLED:
        return is_on(verdict.observed)
    if when == DISABLED:
        return not is_on(verdict.observed)
    return any(
        type(value) is type(verdict.observed) and value == verdict.observed for value in when
    )


def _is_excepted(verdict: Verdict, related: RelatedControl) -> bool:
    """True if the organisation allows this scope to differ, so that its value says nothing."""
    param = (verdict.expected or {}).get("group_exception_param")
    if param is None:
        return False
    if verdict.observed is None:
        return str(param) in verdict.detail
    return related.shows.get(verdict.setting, DEVIATES) == DEVIATES


def _affected(profiles: Iterable[_Profile]) -> AffectedScopes:
    distinct = dict.fromkeys(profiles)
    counts: Counter[Level] = Counter()
    for profile in distinct:
        if not profile.label:
            counts[profile.level] += profile.count
    by_level = dict(sorted(counts.items(), key=lambda item: item[0].rank))
    return AffectedScopes(by_level, tuple(dict.fromkeys(p.label for p in distinct if p.label)))


def _gaps(run: Run, profiles: Sequence[_Profile], related: RelatedControl) -> Iterator[Gap]:
    if related.id not in run.controls:
        yield Gap.NOT_ASSESSED
    elif not any(related.id in profile.verdicts for profile in profiles):
        reached = related.id not in run.summary.not_reached
        yield Gap.NO_RESULT if reached else Gap.NOT_REACHED
    else:
        gaps = (_gap(run, profiles, related, checked) for checked in related.looks_at)
        yield from sorted({gap for gap in gaps if gap is not None})


def _gap(
    run: Run, profiles: Iterable[_Profile], related: RelatedControl, checked: CheckedSetting
) -> Gap | None:
    """What of one setting was not checked: all of it, or some of the scopes that were read."""
    judged: Counter[Level] = Counter()
    for profile in profiles:
        verdicts = profile.verdicts.get(related.id, ())
        if any(_is_about(verdict, checked) for verdict in verdicts):
            is_placeholder = profile.label and profile.level in run.summary.coverage
            judged[profile.level] += 0 if is_placeholder else profile.count
    if not judged:
        return Gap.SETTINGS
    complete = all(judged[lv] >= run.summary.coverage.get(lv, 1) for lv in checked.levels)
    return None if complete or checked.derived else Gap.LEVELS


def _is_about(verdict: Verdict, checked: CheckedSetting) -> bool:
    if checked.derived and verdict.kind is FindingKind.UNCOVERED:
        return True
    return verdict.kind in _EVIDENCE and verdict.setting in checked.settings


def _state(parts: Sequence[ControlPart]) -> AnswerState:
    effects = {effect for part in parts for effect in part.effects}
    if ControlEffect.SHOWN in effects:
        return AnswerState.YES
    if ControlEffect.ALLOWED in effects:
        return AnswerState.ALLOWED
    if effects & {ControlEffect.DEVIATING, ControlEffect.WAIVED, ControlEffect.UNLOCKED}:
        return AnswerState.NOT_RULED_OUT
    if all(any(gap.is_whole for gap in part.gaps) for part in parts):
        return AnswerState.NOT_LOOKED_AT
    if any(part.is_incomplete for part in parts):
        return AnswerState.CANNOT_SAY
    if ControlEffect.ATTESTED in effects:
        return AnswerState.RESTS_ON_ATTESTATIONS
    return AnswerState.NO if ControlEffect.AS_EXPECTED in effects else AnswerState.NOT_APPLICABLE
