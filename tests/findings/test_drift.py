"""What two runs could not compare, in sentences."""

from auditor.evidence.diff import SnapshotDiff
from auditor.evidence.scope import Level
from auditor.findings.drift import not_compared


def test_what_could_not_be_compared_is_reported() -> None:
    found = SnapshotDiff((), unread={Level.USER: 1200}, unlisted=(Level.PHONE_USER,))
    assert not_compared(found) == (
        "Settings of 1,200 people were read in one run only, so they could not be compared.",
        "Which phone users came or went cannot be told: one run did not look for all of them.",
    )


def test_nothing_is_reported_where_everything_was_compared() -> None:
    assert not_compared(SnapshotDiff(())) == ()
