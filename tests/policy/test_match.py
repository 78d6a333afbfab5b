"""Matching: which scopes an override, a waiver or an attestation is about."""

import pytest
from pydantic import ValidationError

from auditor.evidence.scope import Level, Scope
from auditor.policy.match import Match
from tests.names import same_everywhere
from tests.policy.builders import ACCOUNT

GROUP = Scope(Level.GROUP, "G1", "Legal [EU]")
MEETING = Scope(Level.MEETING, "m1", "Weekly")
ADA = Scope(Level.USER, "U1", "Ada Byron", "ada@example.com", ("G1",))
GROUPS = frozenset({"g1", "legal [eu]"})


def names(scope):
    return GROUPS if scope in (GROUP, ADA) else frozenset()


@pytest.mark.parametrize(
    ("match", "matched"),
    [
        ({"level": "account"}, {ACCOUNT}),
        ({"level": "user"}, {ADA}),
        ({"level": "meeting"}, {MEETING}),
        ({"group": "g1"}, {GROUP, ADA}),
        ({"group": "LEGAL [eu]"}, {GROUP, ADA}),
        ({"group": "legal*"}, {GROUP, ADA}),
        ({"group": "*[EU]"}, {GROUP, ADA}),
        ({"group": "legal ?eu?"}, {GROUP, ADA}),
        ({"group": "legal [e]*"}, set()),
        ({"group": "legal"}, set()),
        ({"group": "*"}, {GROUP, ADA}),
        ({"user": "u1"}, {ADA}),
        ({"user": "ADA@example.com"}, {ADA}),
        ({"user": "ada byron"}, {ADA}),
        ({"user": "*@example.com"}, {ADA}),
        ({"user": "*@example.co"}, set()),
        ({"user": "*"}, {ADA}),
        ({"meeting": "weekly"}, {MEETING}),
        ({"meeting": "m?"}, {MEETING}),
        ({"meeting": "u1"}, set()),
        ({"group": "legal*", "level": "group"}, {GROUP}),
        ({"group": "legal*", "level": "user"}, {ADA}),
        ({"group": "legal*", "user": "ada*"}, {ADA}),
        ({"group": "sales", "user": "ada*"}, set()),
        ({"group": "legal*", "level": "account"}, set()),
    ],
    ids=same_everywhere,
)
def test_everything_that_is_named_has_to_hold(match, matched):
    found = {s for s in (ACCOUNT, GROUP, ADA, MEETING) if Match(**match).matches(s, names(s))}
    assert found == matched


def test_a_user_without_an_address_is_not_met_by_every_address():
    nameless = Scope(Level.USER, "u2")
    assert not Match(user="*@*").matches(nameless, frozenset())
    assert Match(user="u?").matches(nameless, frozenset())


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"meeting": "a*"}, {"user": "u1"}),
        ({"user": "a*"}, {"group": "g1", "level": "user"}),
        ({"user": "u1"}, {"user": "u*"}),
        ({"user": "u1", "group": "g*"}, {"user": "u1"}),
        ({"user": "u1", "group": "g1"}, {"user": "u1", "group": "g?"}),
        ({"group": "g1"}, {"group": "g*", "level": "user"}),
        ({"group": "g*", "level": "user"}, {"group": "g*"}),
        ({"group": "g*"}, {"level": "group"}),
    ],
    ids=same_everywhere,
)
def test_meeting_before_user_before_group_before_level_and_a_name_before_a_pattern(more, less):
    assert Match(**more).specificity > Match(**less).specificity


def test_two_patterns_of_one_kind_are_equally_specific():
    assert Match(group="*").specificity == Match(group="legal team *").specificity


def test_a_match_says_what_it_names():
    assert Match(group="Legal*", level="user").label == "level user, group Legal*"


@pytest.mark.parametrize(
    ("match", "levels"),
    [
        ({"level": "account", "group": "g"}, {Level.ACCOUNT}),
        ({"meeting": "m"}, {Level.MEETING}),
        ({"user": "u"}, {Level.USER}),
        ({"user": "u", "group": "g"}, {Level.USER}),
        ({"group": "g"}, {Level.GROUP, Level.USER}),
    ],
    ids=same_everywhere,
)
def test_a_match_knows_the_levels_on_which_it_can_meet_anything(match, levels):
    assert Match(**match).levels == levels


@pytest.mark.parametrize(
    ("match", "might"),
    [
        ({"group": "sales"}, True),
        ({"group": "sal*"}, True),
        ({"group": "sales", "user": "ada*"}, True),
        ({"group": "sales", "user": "bob"}, False),
        ({"group": "sales", "level": "group"}, False),
        ({"user": "bob"}, False),
    ],
    ids=same_everywhere,
)
def test_where_the_groups_have_no_names_any_group_might_be_the_one(match, might):
    assert Match(**match).might_match(ADA) is might


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({}, "name a level, group, user or meeting"),
        ({"group": None}, "name a level, group, user or meeting"),
        ({"group": " "}, "may not be empty"),
        ({"user": ""}, "may not be empty"),
        ({"level": "everyone"}, "account"),
        ({"gruop": "x"}, "Extra inputs"),
    ],
    ids=same_everywhere,
)
def test_a_match_that_means_nothing_is_refused(match, said):
    with pytest.raises(ValidationError, match=said):
        Match(**match)
