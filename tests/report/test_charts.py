from dataclasses import replace

import pytest

from auditor.evidence.scope import Level
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.exposure import Exposure, GroupExposure
from auditor.findings.model import TrendPoint
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import charts
from tests.builders import ACCOUNT
from tests.report import worlds


def families(run: Run) -> list[charts.Bar]:
    return charts.by_family(roll_up(run))


def trend(run: Run, *earlier: TrendPoint) -> charts.Trend:
    drawn = charts.trend(replace(run, trend=earlier))
    assert drawn is not None
    return drawn


def exposed(*groups: GroupExposure) -> tuple[list[charts.Bar], int]:
    return charts.by_group(Exposure(groups, {}))


def test_topics_come_by_their_deviations_and_say_at_which_level() -> None:
    bars = families(worlds.everything())
    assert [bar.label for bar in bars] == [
        "AI features",
        "Recording",
        "Meeting",
        "Consent",
        "Retention",
    ]
    assert bars[0].counts == "1 rule, broken 19 times: account 1, group 1, people 17"
    assert [part.name for part in bars[0].parts] == ["account", "group", "user"]


def test_the_longest_bar_is_full_and_its_parts_lie_beside_each_other() -> None:
    longest, second, *_ = families(worlds.everything())
    ends = [part.start + part.width for part in longest.parts]
    assert ends[-1] == pytest.approx(charts.WIDTH, abs=0.1)
    assert [part.start for part in longest.parts][1:] == pytest.approx(ends[:-1], abs=0.1)
    assert sum(part.width for part in second.parts) < charts.WIDTH


def test_a_control_without_a_family_is_not_left_out() -> None:
    run = replace(worlds.everything(), controls={})
    assert [bar.label for bar in families(run)] == ["Other"]


def test_every_level_has_a_shade() -> None:
    assert {charts.shade(level) for level in Level} == {"account", "group", "user", "meeting"}


def test_no_deviation_is_no_bar() -> None:
    assert families(worlds.clean()) == []
    assert exposed(GroupExposure("g1", "Sales", deviating=0, members=9)) == ([], 0)


def test_a_full_bar_is_every_member() -> None:
    bars, more = exposed(GroupExposure("g1", "Sales", deviating=1, members=4))
    assert bars[0].counts == "1 of 4 members has a broken rule"
    assert bars[0].parts[0].width == charts.WIDTH / 4
    assert more == 0


def test_if_members_are_not_known_the_most_exposed_group_is_the_measure() -> None:
    bars, _ = exposed(
        GroupExposure("g1", "Sales", deviating=10, members=None),
        GroupExposure("g2", "Legal", deviating=1, members=None),
    )
    assert [bar.counts for bar in bars] == [
        "10 members have a broken rule",
        "1 member has a broken rule",
    ]
    assert [bar.parts[0].width for bar in bars] == [charts.WIDTH, charts.WIDTH / 10]


def test_groups_beyond_the_first_dozen_are_counted() -> None:
    bars, more = exposed(*(GroupExposure(f"g{at}", f"G {at}", 5, 5) for at in range(20)))
    assert (len(bars), more) == (12, 8)


def test_there_is_no_trend_without_an_earlier_run() -> None:
    assert charts.trend(worlds.everything()) is None


def test_the_trend_ends_with_this_run() -> None:
    drawn = trend(worlds.everything(), *worlds.TREND)
    assert [point.deviations for point in drawn.points] == [80, 40, 50]
    deviations, unknown = drawn.lines
    assert (deviations.first, deviations.last) == (80, 50)
    assert (unknown.first, unknown.last) == (60, 53)
    assert drawn.top == 80


def test_more_stands_higher_and_later_stands_further_right() -> None:
    drawn = trend(worlds.everything(), *worlds.TREND)
    (x1, y1), (x2, y2), (x3, y3) = drawn.lines[0].points
    assert x1 < x2 < x3 <= charts.TREND_WIDTH
    assert y1 < y3 < y2 <= charts.TREND_HEIGHT
    assert drawn.lines[0].path.split()[0] == f"{x1:g},{y1:g}"


def test_nothing_ever_found_is_a_flat_line() -> None:
    still = TrendPoint("r1", parse_rfc3339("2026-11-19T22:00:00Z"), 0, 0, 180)
    drawn = trend(worlds.clean(), still)
    assert {y for line in drawn.lines for _, y in line.points} == {charts.TREND_HEIGHT - 10}


def test_coverage_has_a_scale_of_its_own_from_none_to_all() -> None:
    half, whole = (
        TrendPoint("r1", parse_rfc3339("2026-11-18T22:00:00Z"), 0, 90, 180),
        TrendPoint("r2", parse_rfc3339("2026-11-19T22:00:00Z"), 0, 0, 1_000_000),
    )
    drawn = trend(worlds.clean(), half, whole)
    (points,) = drawn.coverage
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert heights == [charts.TREND_HEIGHT / 2, 10, 10]
    assert charts.coverage_text(half) == "90 of 180 checks"


def test_a_run_without_checks_interrupts_the_coverage() -> None:
    points = [
        TrendPoint(f"r{at}", parse_rfc3339("2026-11-18T22:00:00Z"), 0, 0, checks)
        for at, checks in enumerate((9, 0))
    ]
    drawn = trend(worlds.clean(), *points)
    assert len(drawn.coverage) == 2


def test_incomplete_runs_are_marked_where_they_stand() -> None:
    whole, broken = (
        TrendPoint("r1", parse_rfc3339("2026-11-18T22:00:00Z"), 1, 0, 9),
        TrendPoint("r2", parse_rfc3339("2026-11-19T22:00:00Z"), 1, 0, 9, complete=False),
    )
    drawn = trend(worlds.clean(), whole, broken)
    assert drawn.gaps == (drawn.lines[0].points[1][0],)
    assert trend(worlds.all_unknown(), whole).gaps == (630.0,)


def test_two_rules_broken_at_the_account_are_no_two_accounts() -> None:
    at_account = [worlds.deviation(each, Level.ACCOUNT) for each in ("AI-01", "RC-02")]
    one = {each: replace(worlds.CONTROLS[each], family="AI") for each in ("AI-01", "RC-02")}
    (bar,) = families(worlds.run_of([worlds.judged(ACCOUNT, at_account)], controls=one))
    assert bar.counts == "2 rules, broken 2 times: account 2"
