"""People without an answer, where the value that holds without their own breaks the rule.

Zoom returns some settings for licensed people only. For the others nobody saw a value, but the
run may have seen the value of their group or of the account.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.rollup import canonical
from auditor.findings.run import Run

_Key = tuple[str, str]
"""A control and its setting."""


@dataclass(frozen=True, slots=True)
class PeopleAtRisk:
    """People without an answer for one setting, under one value that breaks the rule."""

    broken: Verdict
    """The verdict on the value of their groups, or of the account."""
    cause: Cause | None
    """Why the people have no answer."""
    people: int
    groups: tuple[str, ...] = ()
    """The names of their groups with this value; empty if it is the account's."""


@dataclass(slots=True)
class _Tally:
    broken: Verdict
    people: int = 0
    groups: dict[str, None] = field(default_factory=dict)


def at_risk(run: Run) -> list[PeopleAtRisk]:
    """The people at risk, by control and setting; those in a group before those under the account.

    The account's value counts for people none of whose groups has a value that was judged.
    Memory grows with groups and distinct verdicts, not with users.
    """
    if not _may_have_any(run):
        return []
    of_account: dict[_Key, Verdict] = {}
    of_groups: dict[str, Mapping[_Key, Verdict]] = {}
    names: dict[str, str] = {}
    open_of_set: dict[int, list[Verdict]] = {}
    counts: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for assessment in run.assessments:
        scope, number = assessment.scope, assessment.verdict_set.number
        if scope.level is Level.ACCOUNT:
            of_account.update(_values(assessment.verdicts))
        elif scope.level is Level.GROUP:
            of_groups[scope.id] = _values(assessment.verdicts)
            names[scope.id] = scope.label
        elif scope.level is Level.USER and not scope.is_placeholder:
            open_of_set.setdefault(number, list(filter(_is_open, assessment.verdicts)))
            if open_of_set[number]:
                counts[number, scope.group_ids] += 1
    found: dict[tuple[str, str, bool, str, str], _Tally] = {}
    causes: dict[tuple[str, str, bool, str, str], Cause | None] = {}
    for (number, group_ids), count in counts.items():
        for verdict in open_of_set[number]:
            key = verdict.control, verdict.setting
            own = {
                each: of_groups[each][key] for each in group_ids if key in of_groups.get(each, {})
            }
            broken = {each: v for each, v in own.items() if v.status is Status.FAIL}
            value = next(iter(broken.values()), None) or (None if own else of_account.get(key))
            if value is None or value.status is not Status.FAIL:
                continue
            at = (*key, not broken, verdict.cause or "", canonical(value.observed))
            tally = found.setdefault(at, _Tally(value))
            causes[at] = verdict.cause
            tally.people += count
            tally.groups.update(dict.fromkeys(names[each] for each in broken))
    return [
        PeopleAtRisk(tally.broken, causes[at], tally.people, tuple(sorted(tally.groups)))
        for at, tally in sorted(found.items())
    ]


def _may_have_any(run: Run) -> bool:
    """False if no value above people breaks a check that is open for people; needs no evidence."""
    is_open: set[_Key] = set()
    is_broken: set[_Key] = set()
    for shared in run.assessments.shares():
        for verdict in shared.verdicts:
            key = verdict.control, verdict.setting
            if shared.level is Level.USER and _is_open(verdict):
                is_open.add(key)
            elif shared.level in (Level.ACCOUNT, Level.GROUP) and verdict.status is Status.FAIL:
                is_broken.add(key)
    return not is_open.isdisjoint(is_broken)


def _is_open(verdict: Verdict) -> bool:
    return verdict.kind is FindingKind.VALUE and verdict.status is Status.UNKNOWN


def _values(verdicts: tuple[Verdict, ...]) -> dict[_Key, Verdict]:
    """The verdicts on values that were seen."""
    return {
        (verdict.control, verdict.setting): verdict
        for verdict in verdicts
        if verdict.kind is FindingKind.VALUE and verdict.status is not Status.UNKNOWN
    }
