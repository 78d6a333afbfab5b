from collections.abc import Sequence
from dataclasses import replace

from auditor.findings.rollup import FindingGroup, roll_up
from auditor.findings.run import Run
from auditor.report.truncation import FormatLimits, fit
from tests.report import worlds

AMPLE = FormatLimits(names=1000, all_names=10_000, rows=1000, all_rows=10_000)


def tables(run: Run) -> list[Sequence[FindingGroup]]:
    return [roll_up(run).deviations]


def test_what_fits_is_not_cut() -> None:
    (groups,) = tables(worlds.everything())
    bounds = fit([groups], AMPLE)
    assert list(bounds.shown(groups)) == list(groups)
    assert bounds.cut(groups) == 0
    assert sum(map(bounds.unnamed, groups)) == 0


def test_a_table_is_cut_to_its_own_most() -> None:
    (groups,) = tables(worlds.scattered(30))
    bounds = fit([groups], replace(AMPLE, rows=20))
    assert (len(bounds.shown(groups)), bounds.cut(groups)) == (20, 10)


def test_many_tables_share_what_there_is() -> None:
    (groups,) = tables(worlds.scattered(30))
    assert fit([groups] * 5, replace(AMPLE, all_rows=100)).rows == 20


def test_names_are_cut_before_they_are_too_many() -> None:
    (groups,) = tables(worlds.large(1000))
    bounds = fit([groups], replace(AMPLE, all_names=900))
    assert bounds.names == 200
    assert max(map(bounds.unnamed, groups)) == 200


def test_one_is_always_shown() -> None:
    (groups,) = tables(worlds.scattered(30))
    assert fit([groups] * 5, replace(AMPLE, all_rows=1)).rows == 1
