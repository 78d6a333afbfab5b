"""Changed settings of a drift, and what could not be compared, in sentences."""

from auditor.evidence.diff import SnapshotDiff, ValueChange
from auditor.evidence.scope import Level, Scope
from auditor.findings import setting_changes
from auditor.findings.drift import SettingChange

ANN = Scope(Level.USER, "u1", "Ann")


def test_a_change_is_reported_whole() -> None:
    found = ValueChange(ANN, "GET /x", "a.b", None, 3, appeared=True, scopes=4)
    assert setting_changes.changes(SnapshotDiff((found,))) == (
        SettingChange(ANN, "GET /x", "a.b", None, 3, appeared=True, vanished=False, scopes=4),
    )


def test_what_could_not_be_compared_is_reported() -> None:
    found = SnapshotDiff((), unread={Level.USER: 1200}, unlisted=(Level.PHONE_USER,))
    assert setting_changes.notes(found) == (
        "Settings of 1,200 users were read in one run only, so they could not be compared.",
        "Which phone users came or went cannot be told: one run did not look for all of them.",
    )


def test_nothing_is_reported_where_everything_was_compared() -> None:
    assert setting_changes.notes(SnapshotDiff(())) == ()
