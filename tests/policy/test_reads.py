"""The settings documents that are read: exactly the views that assessed controls use."""

import pytest

from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.policy.judging.reads import ACCOUNT_VIEWS, levels, needed
from tests.builders import baseline_of, check, expected_control, expected_derived
from tests.policy.samples import BASELINES, PARAMETERS, READ_SETTINGS, checks_of

SECURITY = View("settings", "security")
LOCKED_SECURITY = View("lock_settings", "meeting_security")


def test_only_views_that_a_check_reads_are_read() -> None:
    expected = baseline_of(
        expected_control(check("a.b", lock=None, lock_levels=())),
        expected_control(
            check("security.x", view="security", levels=[Level.ACCOUNT], lock=None, lock_levels=()),
            id="AI-02",
        ),
    )
    reads = needed(expected, Level.USER)
    assert reads.account == (SETTINGS, SECURITY)
    assert reads.group == reads.user == (SETTINGS,)


def test_locks_are_read_where_they_can_stand_even_if_none_is_wanted() -> None:
    reads = needed(baseline_of(expected_control(check(lock_levels=[Level.GROUP]))), Level.USER)
    assert reads.account == (SETTINGS,)
    assert reads.group == (LOCKS, SETTINGS)
    one = check("meeting_security.x", view="meeting_security")
    reads = needed(baseline_of(expected_control(one)), Level.USER)
    assert LOCKED_SECURITY in reads.account


@pytest.mark.parametrize(
    ("depth", "group", "user"),
    [
        (Level.ACCOUNT, False, False),
        (Level.GROUP, True, False),
        (Level.USER, True, True),
        (Level.MEETING, True, True),
    ],
)
def test_nothing_below_the_depth_is_read(depth: Level, group: bool, user: bool) -> None:
    for expected in (
        baseline_of(expected_control(check())),
        baseline_of(expected_control(check()), expected_derived("CC-07")),
    ):
        reads = needed(expected, depth)
        assert reads.account
        assert bool(reads.group) is group
        assert bool(reads.user) is user


def test_new_settings_are_looked_for_in_every_view() -> None:
    reads = needed(baseline_of(expected_derived("CC-07")), Level.USER)
    assert reads.account == tuple(sorted(ACCOUNT_VIEWS))
    assert reads.group == (LOCKS, SETTINGS)
    assert reads.user == (SETTINGS,)


def test_other_derived_controls_read_nothing_themselves() -> None:
    reads = needed(baseline_of(expected_derived("CC-01"), expected_derived("CC-02")), Level.USER)
    assert (reads.account, reads.group, reads.user) == ((), (), ())


@pytest.mark.parametrize("name", BASELINES)
def test_every_settings_document_that_a_shipped_check_is_judged_by_is_read(name: str) -> None:
    reads = needed(BASELINES[name], Level.USER, PARAMETERS)
    at_level = {Level.ACCOUNT: reads.account, Level.GROUP: reads.group, Level.USER: reads.user}
    for expected in checks_of(name, BASELINES[name]):
        if expected.check.surface != "settings":
            continue
        for level in READ_SETTINGS:
            if level in expected.check.levels:
                assert expected.check.document in at_level[level], (expected.name, level)
            if expected.check.lock and level in expected.check.lock_levels:
                assert expected.check.lock_document in at_level[level], (expected.name, level)


@pytest.mark.parametrize("depth", [Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING])
def test_a_depth_takes_in_everything_above_it(depth: Level) -> None:
    found = levels(depth)
    assert found[0] is Level.ACCOUNT
    assert found[-1] is depth
    assert [level.rank for level in found] == sorted(level.rank for level in found)
