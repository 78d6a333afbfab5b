"""Several users or meetings in one scope of a waiver or an override."""

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.policy.baseline.match import Match

ADA = Scope(Level.USER, "u1", "Ada", "ada@example.com")
BOB = Scope(Level.USER, "u2", "Bob", "bob@example.com")
MEETING = Scope(Level.MEETING, "81", "Weekly")
NOBODY: frozenset[str] = frozenset()


def test_one_of_several_names_has_to_fit() -> None:
    match = Match.model_validate({"user": ["ADA@example.com", "u3*"]})
    assert match.matches(ADA, NOBODY)
    assert not match.matches(BOB, NOBODY)
    assert match.matches(Scope(Level.USER, "u33"), NOBODY)


def test_meetings_can_be_listed_too() -> None:
    match = Match.model_validate({"meeting": ["81", "82"]})
    assert match.matches(MEETING, NOBODY)
    assert not match.matches(Scope(Level.MEETING, "83"), NOBODY)


def test_a_list_weighs_as_much_as_its_widest_name() -> None:
    names = Match(user=("ada", "bob"))
    assert names.specificity == Match(user="ada").specificity
    assert Match(user=("ada", "b*")).specificity == Match(user="*").specificity


def test_a_label_shows_the_first_names_and_how_many_more_there_are() -> None:
    assert Match(user=("a", "b", "c")).label == "user a, b, c"
    assert Match(user=("a", "b", "c", "d", "e")).label == "user a, b, c and 2 more"


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ValueError, match="user"):
        Match.model_validate({"user": []})
