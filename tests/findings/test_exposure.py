from dataclasses import replace

from auditor.evidence.scope import Level
from auditor.findings.exposure import GroupExposure, exposure
from auditor.findings.model import Verdict
from auditor.findings.verdict_store import Assessment, VerdictStore
from tests.report import worlds


def member(
    number: int,
    groups: tuple[()] | tuple[str] | tuple[str, str],
    verdicts: tuple[Verdict, Verdict] | tuple[Verdict] | list[Verdict],
) -> Assessment:
    return worlds.judged(replace(worlds.user(number), group_ids=groups), verdicts)


def test_members_that_deviate_are_counted_once_in_each_of_their_groups() -> None:
    bad, good = (worlds.deviation("AI-01"), worlds.deviation("RC-02")), (worlds.passed(),)
    run = worlds.run_of(
        [
            worlds.judged(worlds.group(1, "Sales"), good),
            member(1, ("g001", "g002"), bad),
            member(2, ("g001",), good),
            member(3, ("g002",), bad),
        ]
    )
    assert list(exposure(run).groups) == [
        GroupExposure("g002", "g002", deviating=2, members=2),
        GroupExposure("g001", "Sales", deviating=1, members=2),
    ]


def test_without_the_users_in_whom_all_passed_nobody_knows_how_many_members_there_are() -> None:
    run = worlds.run_of(
        [member(1, ("g001",), [worlds.deviation("AI-01")]), member(2, ("g001",), [worlds.passed()])]
    )
    remaining = [each for each in run.assessments if each.scope.id == "u00001"]
    (group,) = exposure(replace(run, assessments=VerdictStore.of(remaining))).groups
    assert (group.deviating, group.members) == (1, None)


def test_a_verdict_touches_the_groups_of_those_who_have_it() -> None:
    at_user, at_group = worlds.deviation("AI-01"), worlds.deviation("RC-02", Level.GROUP)
    run = worlds.run_of(
        [
            worlds.judged(worlds.group(3), [at_group]),
            member(1, ("g001", "g002"), [at_user]),
            member(2, (), [worlds.deviation("IA-04")]),
        ]
    )
    found = exposure(run)
    assert found.groups_of(at_user) == {"g001", "g002"}
    assert found.groups_of(at_group) == {"g003"}
    assert found.groups_of(worlds.deviation("IA-04")) == frozenset()


def test_a_group_without_members_is_a_group_of_none() -> None:
    run = worlds.run_of([worlds.judged(worlds.group(1, "Sales"), [worlds.passed()])])
    assert list(exposure(run).groups) == [GroupExposure("g001", "Sales", deviating=0, members=0)]


def test_users_are_counted_once_each_however_many_share_their_verdicts() -> None:
    run = worlds.huge(users=600, kinds=3, groups=4)
    shared = [each for each in run.assessments if isinstance(each, Assessment)]
    assert len({each.verdict_set.number for each in shared if each.scope.level is Level.USER}) == 3
    assert sum(group.deviating for group in exposure(run).groups) == 1200


def test_people_with_the_value_of_their_group_are_counted_by_group() -> None:
    at_group = worlds.deviation("AI-01", Level.GROUP)
    at_user = replace(worlds.deviation("AI-01"), setting=at_group.setting)
    other = replace(at_user, observed="another")
    run = worlds.run_of(
        [
            worlds.judged(worlds.group(1, "Sales"), [at_group]),
            worlds.judged(worlds.group(2, "Support"), [worlds.passed(control="AI-01")]),
            member(1, ("g001",), (at_user,)),
            member(2, ("g001", "g002"), (at_user,)),
            member(3, ("g002",), (at_user,)),
            member(4, ("g001",), (other,)),
        ]
    )
    found = exposure(run)
    assert found.same_as(at_user) == [("Sales", 2)]
    assert found.same_as(other) == []
    assert found.same_as(at_group) == []
