"""One control in the terminal report: what deviates, for whom, and how to fix it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from auditor.evidence.scope import Level, Scope
from auditor.findings.exposure import Exposure
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup
from auditor.findings.run import Run
from auditor.report import (
    closing_wording,
    fix_wording,
    group_wording,
    open_questions,
    summary_wording,
    wording,
)
from auditor.report.display import printable, shorten
from auditor.report.facts import ControlFacts, detail
from auditor.report.text_layout import wrap

MOST_NAMES = 12
"""People of one row; the CSV report lists all."""
_LONGEST = 160
_SHOWN = (Status.FAIL, Status.UNKNOWN, Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)


def lines(
    run: Run,
    control: ControlRollup,
    rollup: Rollup,
    facts: ControlFacts,
    exposed: Exposure,
    width: int,
) -> Iterator[str]:
    """The control's open findings, each with its people, and then the ways to fix them."""
    info = control.info
    yield from wrap(f"{facts.of(control)} ({control.severity})", width, "", "  ")
    yield from wrap(f"The rule: {info.title} ({info.id})", width, "", "  ")
    if info.why:
        yield from wrap(info.why, width)
    groups = [g for g in rollup.of_status(*_SHOWN) if g.verdict.control == info.id]
    for setting, of_setting in groupby(groups, lambda group: group.verdict.setting):
        yield ""
        yield from wrap(_subject(setting, info.setting_names), width, "", "  ")
        for group in of_setting:
            yield from _finding(run, group, exposed, width)
    if not groups:
        yield ""
        yield "Nothing is open here."
    ways = fix_wording.in_admin_centre(control, rollup, exposed, closing_wording.outline(run))
    ways = [wording.with_sandbox(run, way) for way in ways]
    yield from _listed(group_wording.IN_ADMIN_CENTRE, ways, width)
    yield from _listed(group_wording.BY_API, [info.fix_api] if info.fix_api else [], width)
    if info.know:
        yield ""
        yield from wrap(f"Good to know: {info.know}", width, "", "  ")


def _listed(heading: str, ways: Sequence[str], width: int) -> Iterator[str]:
    """A heading with one text behind it, or with a list of several below it."""
    if not ways:
        return
    yield ""
    if len(ways) == 1:
        yield from wrap(f"{heading}: {printable(ways[0])}", width, "", "  ")
        return
    yield f"{heading}:"
    for way in ways:
        yield from wrap(printable(way), width, "- ", "  ")


def _subject(setting: str, names: Mapping[str, str]) -> str:
    """The setting's name, with its key in brackets."""
    key, name = shorten(setting, _LONGEST), names.get(setting)
    return f"{name} ({key})" if name else key or "Attestation"


def _finding(run: Run, group: FindingGroup, exposed: Exposure, width: int) -> Iterator[str]:
    """A value, the people and groups who have it, and who can change it."""
    verdict = group.verdict
    facts = [f"{_result(verdict)}: {wording.levels(group.by_level)}"]
    facts.append(_names(group) if group.count > 1 or not _is_account(group) else "")
    facts.append(wording.with_sandbox(run, shorten(detail(verdict), 4 * _LONGEST)))
    if verdict.kind is FindingKind.ATTESTATION:
        place = open_questions.place(verdict, run.controls.get(verdict.control))
        facts.append(f"Where to look: {place}" if place else "")
    facts.append(summary_wording.same_as_group(exposed.same_as(verdict), group.count))
    changeable = wording.changeable(verdict, group.level)
    facts.append(f"Who can change it: {changeable}" if changeable else "")
    first, *rest = filter(None, facts)
    yield from wrap(first, width, "- ", "  ")
    for fact in rest:
        yield from wrap(fact, width, "  ", "  ")


def _result(verdict: Verdict) -> str:
    if verdict.status is not Status.FAIL:
        return group_wording.outcome(verdict)
    observed, expected = (
        say(verdict, _LONGEST) for say in (wording.observation, wording.expectation)
    )
    return f"is {observed}" + (f", should be {expected}" if expected else "")


def _names(group: FindingGroup) -> str:
    """`Ada <ada@example.com>, Bob and 12 more`"""
    shown = [_name(scope) for scope in group.scopes[:MOST_NAMES]]
    more = group.count - len(shown)
    return ", ".join(shown) + (
        f" and {wording.number(more)} more (all of them: auditor report --format csv)"
        if more
        else ""
    )


def _name(scope: Scope) -> str:
    label = shorten(scope.label, _LONGEST)
    is_other = scope.email and scope.email != scope.label
    return f"{label} <{shorten(scope.email, _LONGEST)}>" if is_other else label


def _is_account(group: FindingGroup) -> bool:
    return set(group.by_level) == {Level.ACCOUNT}
