from collections.abc import Sequence
from dataclasses import replace

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.at_risk import at_risk
from auditor.findings.model import Status, Verdict
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import wording
from tests.report import worlds

OPEN = worlds.deviation(status=Status.UNKNOWN, cause=Cause.ABSENT, observed=None)
BROKEN = worlds.deviation(level=Level.GROUP)
KEPT = replace(BROKEN, status=Status.PASS, observed=False)


def member(number: int, *groups: Scope) -> Scope:
    return replace(worlds.user(number), group_ids=tuple(each.id for each in groups), licence=1)


def run_of(account: Verdict, *, people: Sequence[Scope], **groups: Verdict) -> Run:
    judged = [worlds.judged(worlds.account(), [account])]
    judged += [worlds.judged(GROUPS[name], [verdict]) for name, verdict in groups.items()]
    return worlds.run_of([*judged, *(worlds.judged(each, [OPEN]) for each in people)])


GROUPS = {"red": worlds.group(1, "Research"), "green": worlds.group(2, "Sales")}
RED, GREEN = GROUPS.values()
PEOPLE = [member(1, RED), member(2, RED, GREEN), member(3, GREEN), member(4)]


def test_members_of_a_broken_group_are_at_risk_and_others_are_not() -> None:
    run = run_of(replace(KEPT, decided_by=Level.ACCOUNT), people=PEOPLE, red=BROKEN, green=KEPT)
    [found] = at_risk(run)
    assert (found.people, found.groups, found.cause) == (2, ("Research",), Cause.ABSENT)


def test_the_account_counts_for_people_whose_groups_say_nothing() -> None:
    run = run_of(worlds.deviation(level=Level.ACCOUNT), people=PEOPLE, red=BROKEN, green=KEPT)
    assert [(each.people, each.groups) for each in at_risk(run)] == [(2, ("Research",)), (1, ())]


def test_nobody_is_at_risk_without_a_broken_value_above_them() -> None:
    run = run_of(replace(KEPT, decided_by=Level.ACCOUNT), people=PEOPLE, red=KEPT, green=KEPT)
    assert at_risk(run) == []


def test_the_advice_names_people_at_risk_before_a_blind_spot() -> None:
    run = run_of(replace(KEPT, decided_by=Level.ACCOUNT), people=PEOPLE, red=BROKEN, green=KEPT)
    remedy = wording.remedy_for(roll_up(run).causes[0], [], at_risk(run))
    risk, advice = remedy.index("at risk"), remedy.index("auditor blind-spot")
    assert "AI-01: 2 of these 4 people are in group “Research”" in remedy
    assert risk < advice


def test_every_report_for_people_says_who_is_at_risk_also_the_summary() -> None:
    run = run_of(replace(KEPT, decided_by=Level.ACCOUNT), people=PEOPLE, red=BROKEN, green=KEPT)
    for format_ in ("text", "markdown", "html"):
        for summary in (False, True):
            report = worlds.report_of(run, format_, summary=summary).decode()
            assert "2 of these 4 people are in group “Research”" in " ".join(report.split())
