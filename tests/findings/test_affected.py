"""Settings first, then people: two switches of one person are two settings and one person."""

from auditor.evidence.scope import Level
from auditor.findings.drift import ChangeKind, Drift
from tests.notify.news import change, facts, group, user


def test_two_settings_of_the_same_people_count_the_people_once() -> None:
    changes = [
        change(ChangeKind.REGRESSED, scope=user(1), control="AI-01"),
        change(ChangeKind.REGRESSED, scope=user(2), control="AI-01"),
        change(ChangeKind.REGRESSED, scope=user(1), control="AI-02"),
        change(ChangeKind.REGRESSED, scope=group(), control="AI-02"),
        change(ChangeKind.IMPROVED, scope=user(3), control="AI-05"),
    ]
    drift = Drift(earlier=facts(), later=facts(), changes=changes)
    worse = drift.affected(ChangeKind.REGRESSED)
    assert worse.by_level == {Level.GROUP: 1, Level.USER: 2}
    assert worse.settings == len({each.state.setting for each in changes[:4]})
    assert drift.affected(ChangeKind.REGRESSED, ChangeKind.IMPROVED).by_level[Level.USER] == 3
    assert drift.affected(ChangeKind.WAIVED).by_level == {}
