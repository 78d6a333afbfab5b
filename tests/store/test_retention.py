"""Retained runs: the young, the last of each month, the newest of a series, the accepted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from auditor.findings.drift import RunFacts
from auditor.findings.model import BaselineInfo
from auditor.store.history import StoredRun
from auditor.store.retention import expired

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
KEEP = timedelta(days=90)


def entry(number: int, ago: timedelta, series: int = 1) -> StoredRun:
    ended = NOW - ago
    facts = RunFacts(
        id=f"run-{series}-{number}",
        account_id="acc-1",
        api_url="https://api.zoom.us/v2",
        started_at=ended,
        finished_at=ended,
        depth="user",
        baseline=BaselineInfo("strict", "1.0", "sha256:1"),
        evidence_digest="sha256:2",
        tool_version="1.0",
        complete=True,
        exit_code=0,
    )
    return StoredRun(facts, series=series, number=number, selection="", stopped="")


def nightly(count: int, series: int = 1) -> list[StoredRun]:
    """One run a night, the last of them today."""
    return [entry(n, timedelta(days=count - n), series) for n in range(1, count + 1)]


def ids(entries: Sequence[StoredRun]) -> list[str]:
    return [each.facts.id for each in entries]


def retained(
    entries: Sequence[StoredRun], monthly: int, accepted: Sequence[str] = ()
) -> list[StoredRun]:
    gone = set(ids(expired(entries, NOW, KEEP, monthly, accepted)))
    return [each for each in entries if each.facts.id not in gone]


def test_a_year_of_nights_leaves_90_of_them_and_the_last_of_each_month_before() -> None:
    left = retained(nightly(365), monthly=24)
    young = [each for each in left if each.facts.finished_at >= datetime(2026, 8, 24, tzinfo=UTC)]
    months = [str(each.facts.finished_at.date()) for each in left if each not in young]
    assert len(young) == 91
    assert months == [
        *("2025-11-30", "2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"),
        *("2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31"),
    ]


def test_so_many_months_are_kept_this_one_included() -> None:
    assert [f"{e.facts.finished_at:%Y-%m}" for e in retained(nightly(365), 5)][:2] == [
        "2026-07",
        "2026-08",
    ]
    assert retained(nightly(365), 4) == retained(nightly(365), 0)


def test_the_edge_of_an_age_is_kept() -> None:
    runs = [entry(1, KEEP + timedelta(seconds=1)), entry(2, KEEP), entry(3, timedelta())]
    assert ids(expired(runs, NOW, KEEP, 0)) == ["run-1-1"]


def test_the_newest_of_a_series_stays_however_old() -> None:
    runs = [entry(n, timedelta(days=900 - n), series) for series in (1, 2) for n in (1, 2, 3)]
    assert ids(retained(runs, 0)) == ["run-1-3", "run-2-3"]


def test_an_accepted_run_stays_however_old() -> None:
    runs = [entry(n, timedelta(days=900 - n)) for n in (1, 2, 3)]
    assert ids(retained(runs, 0, ["run-1-1"])) == ["run-1-1", "run-1-3"]


def test_nothing_expires_of_nothing() -> None:
    assert expired([], NOW, KEEP, 24) == []


RUNS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(-2, 2000)), max_size=40
)  # series, hours or days ago: a clock may have been wrong, so not in the order of the numbers


def built(drawn: Sequence[tuple[int, int]]) -> list[StoredRun]:
    return [
        entry(number, timedelta(days=days), series)
        for number, (series, days) in enumerate(drawn, 1)
    ]


@given(drawn=RUNS, keep=st.integers(0, 3000), monthly=st.integers(0, 10_000), data=st.data())
def test_the_newest_of_each_series_and_accepted_runs_never_expire(
    drawn: list[tuple[int, int]], keep: int, monthly: int, data: st.DataObject
) -> None:
    runs = built(drawn)
    accepted = data.draw(st.sets(st.sampled_from(ids(runs)))) if runs else set()
    gone = expired(runs, NOW, timedelta(days=keep), monthly, accepted)
    newest = {each.series: each for each in runs}  # the highest number comes last
    assert not {each.facts.id for each in newest.values()} & set(ids(gone))
    assert not accepted & set(ids(gone))
    oldest = NOW - timedelta(days=keep)
    assert all(each.facts.finished_at < oldest for each in gone)


@given(drawn=RUNS, keep=st.integers(0, 3000), monthly=st.integers(0, 40))
def test_what_is_left_expires_no_further_and_less_is_never_more(
    drawn: list[tuple[int, int]], keep: int, monthly: int
) -> None:
    runs, span = built(drawn), timedelta(days=keep)
    gone = set(ids(expired(runs, NOW, span, monthly)))
    left = [each for each in runs if each.facts.id not in gone]
    assert expired(left, NOW, span, monthly) == []
    assert set(ids(expired(runs, NOW, span, monthly + 1))) <= gone
    assert set(ids(expired(runs, NOW, span + timedelta(days=1), monthly))) <= gone
