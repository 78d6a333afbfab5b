from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.scope import Level
from auditor.findings.history_summary import MOST_ENTRIES, MOST_NAMES, HistorySummary, history
from auditor.findings.model import Actor, FindingHistory, LifecycleState
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.findings.verdict_store import VerdictStore
from tests.report import past_worlds, worlds
from tests.report.past_worlds import EVE, FIRST, LOCAL, NEW, NOW, PERSISTING, REGRESSED


def of_users(*pasts: FindingHistory | None) -> HistorySummary:
    """The history of a row of users with the same deviation, one history each."""
    rows = [(worlds.user(at), LOCAL, past) for at, past in enumerate(pasts)]
    run = worlds.run_of([worlds.judged(scope, [verdict]) for scope, verdict, _ in rows])
    found = history(past_worlds.looked_up(run, rows))
    assert found is not None
    summary = found.of(LOCAL)
    assert summary is not None
    return summary


def actor(number: int) -> Actor:
    return Actor(f"admin{number}@example.com", NOW, "Settings")


def test_a_row_counts_the_lifecycle_states_of_its_findings() -> None:
    summary = of_users(REGRESSED, NEW, NEW, PERSISTING, PERSISTING, PERSISTING)
    assert summary.by_lifecycle == {
        LifecycleState.REGRESSED: 1,
        LifecycleState.NEW: 2,
        LifecycleState.PERSISTING: 3,
    }
    assert (summary.known, summary.changed) == (6, 3)


def test_a_row_spans_the_times_of_its_findings() -> None:
    summary = of_users(REGRESSED, PERSISTING, NEW)
    assert summary.first_seen == (FIRST, NOW)
    assert summary.since == (FIRST, NOW)
    assert of_users(REGRESSED).since == (NOW, NOW)


def test_findings_the_history_does_not_know_are_not_counted() -> None:
    assert of_users(NEW, None, None).known == 1


def test_equal_entries_of_the_log_are_one_author() -> None:
    (author,) = of_users(NEW, NEW, REGRESSED).authors
    assert (author.actor, author.count) == (EVE, 3)


def test_who_changed_it_now_comes_before_who_did_long_ago() -> None:
    long_ago = replace(PERSISTING, changed_by=actor(1))
    assert [a.actor for a in of_users(long_ago, NEW).authors] == [EVE, actor(1)]


def test_authors_beyond_the_first_are_counted() -> None:
    summary = of_users(*(replace(NEW, changed_by=actor(at % 5)) for at in range(12)))
    assert len(summary.authors) == MOST_ENTRIES
    assert summary.attributed == 12
    assert summary.unnamed == 12 - sum(author.count for author in summary.authors) == 4


def test_the_first_scopes_that_changed_are_named() -> None:
    summary = of_users(PERSISTING, *[NEW] * (MOST_NAMES + 2))
    assert [scope.name for scope in summary.named[LifecycleState.NEW]] == [
        f"User {at}" for at in range(1, MOST_NAMES + 1)
    ]
    assert LifecycleState.PERSISTING not in summary.named


@pytest.mark.parametrize("missing", [{"histories": None}, {"trend": ()}])
def test_without_an_earlier_run_there_is_no_history(missing: dict[str, Any]) -> None:
    assert history(replace(past_worlds.run(), **missing)) is None


def test_every_row_finds_its_own_past() -> None:
    run = past_worlds.run()
    found = history(run)
    assert found is not None
    known = {
        (group.verdict.control, level): summary.by_lifecycle
        for group in roll_up(run).groups
        for level in group.by_level
        if (summary := found.of(group.verdict))
    }
    assert known == {
        ("AI-01", Level.ACCOUNT): {LifecycleState.PERSISTING: 1},
        ("CN-05", Level.ACCOUNT): {LifecycleState.REGRESSED: 1},
        ("RC-02", Level.GROUP): {LifecycleState.NEW: 1},
        ("RC-02", Level.USER): {
            LifecycleState.REGRESSED: 2,
            LifecycleState.NEW: 3,
            LifecycleState.PERSISTING: 9,
        },
    }


def test_the_history_is_asked_once_about_deviations_and_about_nothing_else() -> None:
    requested: list[int] = []
    passes = tuple(worlds.passed(setting=f"setting_{at}") for at in range(20))
    ledger = VerdictStore.of(worlds.judged(worlds.user(at), (LOCAL, *passes)) for at in range(1200))
    run: Run = replace(worlds.run_of([]), assessments=ledger)
    history(past_worlds.looked_up(run, [], requested))
    assert requested == [500, 500, 200]
