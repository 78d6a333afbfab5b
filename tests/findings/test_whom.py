"""Facts with those they hold for."""

from collections.abc import Mapping

import pytest

from auditor.evidence.scope import Level
from auditor.findings.whom import in_fact, whom


@pytest.mark.parametrize(
    ("fact", "by_level", "expected"),
    [
        (
            "AI starts in meetings of {whom}",
            {Level.GROUP: 1, Level.USER: 64},
            "AI starts in meetings that 64 people host",
        ),
        (
            "Meetings or webinars of {whom} are streamed",
            {Level.USER: 1},
            "Meetings or webinars that 1 person hosts are streamed",
        ),
        ("AI starts in meetings of {whom}", {Level.GROUP: 2}, "AI starts in meetings of 2 groups"),
        ("AI reads the mail of {whom}", {Level.USER: 2}, "AI reads the mail of 2 people"),
    ],
)
def test_people_host_meetings_and_are_not_their_participants(
    fact: str, by_level: Mapping[Level, int], expected: str
) -> None:
    assert in_fact(fact, by_level) == expected


@pytest.mark.parametrize(
    ("level", "total", "words"),
    [
        (Level.PHONE_SITE, 1, "the only phone site of the account"),
        (Level.GROUP, 1, "the only group of the account"),
        (Level.PHONE_SITE, 2, "1 phone site"),
        (Level.PHONE_SITE, 0, "1 phone site"),  # not every site could be listed
        (Level.USER, 1, "1 person"),
    ],
)
def test_the_only_place_of_its_kind_is_called_so(level: Level, total: int, words: str) -> None:
    assert whom({level: 1}, {level: total}) == words
