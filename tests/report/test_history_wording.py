import re
from collections import Counter

import pytest

from auditor.findings.history_summary import HistorySummary
from auditor.findings.model import LifecycleState
from auditor.report import history_wording as past
from tests.report import worlds
from tests.report.past_worlds import FIRST, NOW


def row(regressed: int = 0, new: int = 0, persisting: int = 0) -> HistorySummary:
    summary = {
        LifecycleState.REGRESSED: regressed,
        LifecycleState.NEW: new,
        LifecycleState.PERSISTING: persisting,
    }
    return HistorySummary((FIRST, NOW), (NOW, NOW), by_lifecycle=Counter(summary))


@pytest.mark.parametrize(
    ("summary", "count", "facts"),
    [
        (row(new=1), 1, "new"),
        (row(regressed=1), 1, "again"),
        (row(persisting=1), 1, "before"),
        (row(new=3, persisting=11), 14, "3 14 new 11 before"),
        (row(2, 3, 1200), 1205, "2 1,205 again 3 new 1,200 before"),
        (row(new=47), 47, "all 47 new"),
        (row(persisting=47), 47, "all 47 before"),
        (row(persisting=40), 47, "40 47 before"),
        (row(), 1, ""),
        (row(), 47, ""),
    ],
)
def test_the_lifecycle_of_a_row_has_its_numbers_the_worst_first(
    summary: HistorySummary, count: int, facts: str
) -> None:
    text = past.lifecycle_text(summary, count)
    assert " ".join(re.findall(r"\d[\d,]*\b|all|new|again|before", text)) == facts


def test_a_badge_counts_only_where_not_all_changed() -> None:
    assert past.badges(row(new=1), 1) == [(LifecycleState.NEW, "new")]
    assert past.badges(row(new=4), 4) == [(LifecycleState.NEW, "new")]
    regressed, new = past.badges(row(1, 2, 3), 6)
    assert (regressed[0], new) == (LifecycleState.REGRESSED, (LifecycleState.NEW, "2 new"))
    assert regressed[1].startswith("1 ")
    assert past.badges(row(persisting=3), 3) == []


def test_scopes_are_named_where_only_some_changed() -> None:
    some, every = row(new=2, persisting=1), row(new=3)
    for summary in (some, every):
        summary.named[LifecycleState.NEW] = [worlds.user(1)]
    assert past.partly_changed(some, 3) == [(LifecycleState.NEW, [worlds.user(1)], 1)]
    assert past.partly_changed(every, 3) == []


def test_equal_times_appear_once() -> None:
    summary = row(new=1)
    assert [term for term, _ in past.time_ranges(summary)] == ["First seen", "Broken since"]
    summary.first_seen = summary.since
    assert past.time_ranges(summary) == [("First seen", (NOW, NOW))]
