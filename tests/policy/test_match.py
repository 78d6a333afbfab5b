"""Matching: the scopes of an override, a waiver or an attestation."""

import random
import unicodedata
from typing import Any

import pytest
from pydantic import ValidationError

from auditor.evidence import names
from auditor.evidence.scope import Level, Scope
from auditor.policy.baseline.match import DisplayName, Match
from auditor.policy.baseline.match_index import MatchIndex
from tests.builders import ACCOUNT
from tests.names import same_everywhere

GROUP = Scope(Level.GROUP, "G1", "Legal [EU]")
MEETING = Scope(Level.MEETING, "81234567890", "Weekly")
ADA = Scope(Level.USER, "U1", "Ada Byron", "ada@example.com", ("G1",))
GROUPS = names.of_group("G1", "Legal [EU]")


def known_by(scope: Scope) -> frozenset[str]:
    return GROUPS if scope in (GROUP, ADA) else frozenset()


@pytest.mark.parametrize(
    ("match", "matched"),
    [
        ({"level": "account"}, {ACCOUNT}),
        ({"level": "user"}, {ADA}),
        ({"level": "meeting"}, {MEETING}),
        ({"group": "G1"}, {GROUP, ADA}),
        ({"group": "g1"}, set()),
        ({"group": " LEGAL [eu]"}, {GROUP, ADA}),
        ({"group": {"name": "Legal [EU]"}}, {GROUP, ADA}),
        ({"group": ["Sales", "Legal [EU]"]}, {GROUP, ADA}),
        ({"group": "legal*"}, {GROUP, ADA}),
        ({"group": "*[EU]"}, {GROUP, ADA}),
        ({"group": "legal ?eu?"}, {GROUP, ADA}),
        ({"group": "legal [e]*"}, set()),
        ({"group": "legal"}, set()),
        ({"group": "*"}, {GROUP, ADA}),
        ({"user": "U1"}, {ADA}),
        ({"user": "u1"}, set()),
        ({"user": " ADA@example.com "}, {ADA}),
        ({"user": "*@example.com"}, {ADA}),
        ({"user": "ada*"}, {ADA}),
        ({"user": "*@example.co"}, set()),
        ({"user": "*"}, {ADA}),
        ({"user": {"name": "ada byron"}}, {ADA}),
        ({"user": {"name": "* byron"}}, {ADA}),
        ({"user": [{"name": "Bob"}, "ada@example.com"]}, {ADA}),
        ({"meeting": "81234567890"}, {MEETING}),
        ({"meeting": "812 3456 7890"}, {MEETING}),
        ({"meeting": "8123*"}, {MEETING}),
        ({"meeting": {"name": "WEEKLY"}}, {MEETING}),
        ({"meeting": "U1"}, set()),
        ({"group": "legal*", "level": "group"}, {GROUP}),
        ({"group": "legal*", "level": "user"}, {ADA}),
        ({"group": "legal*", "user": "ada*"}, {ADA}),
        ({"group": "sales", "user": "ada*"}, set()),
    ],
    ids=same_everywhere,
)
def test_everything_that_is_named_has_to_hold(match: dict[str, Any], matched: set[Scope]) -> None:
    parsed = Match.model_validate(match)
    found = {s for s in (ACCOUNT, GROUP, ADA, MEETING) if parsed.matches(s, known_by(s))}
    assert found == matched


# Nobody becomes somebody else by a name

CEO = Scope(Level.USER, "KdYKjnimT4KPd8FFgQt9FQ", "Carol", "ceo@example.com")


@pytest.mark.parametrize(
    ("expected", "posing"),
    [
        ("ceo@example.com", {"name": "ceo@example.com"}),
        ("CEO@example.com", {"name": "ceo@example.com "}),
        ("KdYKjnimT4KPd8FFgQt9FQ", {"name": "KdYKjnimT4KPd8FFgQt9FQ"}),
        ("KdYKjnimT4KPd8FFgQt9FQ", {"email": "KdYKjnimT4KPd8FFgQt9FQ"}),
        ("KdYKjnimT4KPd8FFgQt9FQ", {"id": "KDYKJNIMT4KPD8FFGQT9FQ"}),
        ("ceo@*", {"name": "ceo@example.com"}),
        ("*@board.example.com", {"name": "me@board.example.com"}),
        ("ceo*", {"name": "CEO office"}),
        ("Carol", {"name": "Carol"}),
        ({"name": "ceo@example.com"}, {"email": "ceo@example.com"}),
        ({"name": "KdYKjnimT4KPd8FFgQt9FQ"}, {"id": "KdYKjnimT4KPd8FFgQt9FQ"}),
    ],
    ids=same_everywhere,
)
def test_a_user_is_never_somebody_else_by_a_name_of_their_own(
    expected: Any, posing: dict[str, str]
) -> None:
    fields = {"id": "U9", "name": "Mallory", "email": "mallory@example.com", **posing}
    mallory = Scope(Level.USER, fields["id"], fields["name"], fields["email"])
    match = Match.model_validate({"user": expected})
    assert not match.matches(mallory, frozenset())
    assert not MatchIndex([match]).matching(mallory, frozenset())


@pytest.mark.parametrize("expected", ["81234567890", "812 3456 7890", "8123*", "Board*", "Board"])
def test_a_meeting_is_never_another_by_its_topic(expected: str) -> None:
    for topic in ("81234567890", "812 3456 7890", "Board"):
        posing = Scope(Level.MEETING, "99", topic)
        assert not Match(meeting=expected).matches(posing, frozenset())


@pytest.mark.parametrize(
    ("expected", "zoom_id", "name"),
    [
        ("G1", "G2", "G1"),
        ("KdYKjnimT4KPd8FFgQt9FQ", "G2", "KdYKjnimT4KPd8FFgQt9FQ"),
        ("legal@example.com", "G2", "legal@example.com"),
    ],
)
def test_a_group_is_never_another_by_a_name_that_is_an_id_or_an_address(
    expected: str, zoom_id: str, name: str
) -> None:
    scope = Scope(Level.GROUP, zoom_id, name)
    known = names.of_group(zoom_id, name, {"G1", "G2"})
    assert not Match(group=expected).matches(scope, known)
    assert Match.model_validate({"group": {"name": name}}).matches(scope, known)


def test_decomposed_umlauts_make_no_other_name() -> None:
    name = unicodedata.normalize("NFD", "Büro Köln")
    scope = Scope(Level.GROUP, "G7", name)
    for expected in ("Büro Köln", "büro köln ", "Büro*"):
        assert Match(group=expected).matches(scope, names.of_group("G7", name))


def test_a_group_that_only_looks_the_same_is_another() -> None:
    name = "L\u0435gal"
    assert not Match(group="Legal").matches(
        Scope(Level.GROUP, "G7", name), names.of_group("G7", name)
    )


def test_a_user_without_an_address_is_not_met_by_every_address() -> None:
    nameless = Scope(Level.USER, "u2")
    assert not Match(user="*@*").matches(nameless, frozenset())
    assert Match(user="u?").matches(nameless, frozenset())


# Many of them


def test_the_index_finds_what_trying_each_match_finds() -> None:
    dice = random.Random(7)
    texts = ["u1", "u2", "ada@x", "a*", "*@x", "*da*", "*", {"name": "Ada"}, {"name": "B*"}, "b?@x"]
    groups = ["G1", "Legal", "L*", "*es", "Sales", {"name": "Legal"}]
    matches = []
    for _ in range(300):
        match: dict[str, Any] = {}
        if dice.random() < 0.6:
            match["user"] = dice.choice([dice.choice(texts), dice.sample(texts, 2)])
        if dice.random() < 0.5:
            match["group"] = dice.choice(groups)
        if not match or dice.random() < 0.2:
            match["level"] = "user"
        matches.append(Match.model_validate(match))
    index = MatchIndex(matches)
    for email in ("ada@x", "bob@x", "b1@x", ""):
        for name in ("Ada", "Bob", ""):
            for group in (("G1", "Legal"), ("G2", "Sales"), ("G3", "")):
                scope = Scope(Level.USER, dice.choice(["u1", "u2", "u3"]), name, email)
                known = names.of_group(*group)
                each = tuple(p for p, m in enumerate(matches) if m.matches(scope, known))
                assert index.matching(scope, known) == each
                uncertain = tuple(p for p, m in enumerate(matches) if m.might_match(scope))
                assert index.possible(scope) == uncertain


def test_the_work_does_not_grow_with_matches_for_other_people() -> None:
    def compared(matches: int) -> int:
        each = [Match(user=f"u{n}@example.com") for n in range(matches)]
        each += [Match(user=f"team{n}-*") for n in range(matches)]
        each += [Match(user=f"a{n}-*@example.com") for n in range(matches)]
        each += [Match(user=f"*@{n}.example.com") for n in range(matches)]
        each += [Match(user=f"*@{n}.exampl?.org") for n in range(matches)]
        each += [Match(group=f"Group {n}", level=Level.USER) for n in range(matches)]
        index = MatchIndex(each)
        for n in range(100):
            index.matching(Scope(Level.USER, f"id{n}", "", f"u{n}@example.com"), frozenset())
        return index.comparisons

    few = compared(100)
    assert compared(3_000) - few <= 2_900  # the groups, once for all


# What they weigh and how they are shown


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"meeting": "a*"}, {"user": "u1"}),
        ({"user": "a*"}, {"group": "g1", "level": "user"}),
        ({"user": "u1"}, {"user": "u*"}),
        ({"user": {"name": "u1"}}, {"user": {"name": "u*"}}),
        ({"user": "u1", "group": "g*"}, {"user": "u1"}),
        ({"user": "u1", "group": "g1"}, {"user": "u1", "group": "g?"}),
        ({"group": "g1"}, {"group": "g*", "level": "user"}),
        ({"group": "g*", "level": "user"}, {"group": "g*"}),
        ({"group": "g*"}, {"level": "group"}),
    ],
    ids=same_everywhere,
)
def test_meeting_before_user_before_group_before_level_and_a_name_before_a_pattern(
    more: dict[str, Any], less: dict[str, Any]
) -> None:
    assert Match(**more).specificity > Match(**less).specificity


def test_two_patterns_of_one_kind_are_equally_specific() -> None:
    assert Match(group="*").specificity == Match(group="legal team *").specificity


def test_a_match_says_what_it_names() -> None:
    assert Match(group="Legal*", level=Level.USER).label == "level user, group Legal*"
    assert Match(user=DisplayName(name="Ada")).label == "user named Ada"


@pytest.mark.parametrize(
    ("match", "levels"),
    [
        ({"meeting": "m"}, {Level.MEETING}),
        ({"user": "u"}, {Level.USER}),
        ({"user": "u", "group": "g"}, {Level.USER}),
        ({"group": "g"}, {Level.GROUP, Level.USER}),
        ({"level": "account"}, {Level.ACCOUNT}),
    ],
    ids=same_everywhere,
)
def test_a_match_knows_the_levels_on_which_it_can_meet_anything(
    match: dict[str, Any], levels: set[Level]
) -> None:
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
def test_if_the_groups_have_no_names_any_group_might_be_the_one(
    match: dict[str, Any], might: bool
) -> None:
    assert Match(**match).might_match(ADA) is might


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({}, "name a level, group, user, meeting or licence"),
        ({"group": None}, "name a level, group, user, meeting or licence"),
        ({"group": " "}, "may not be empty"),
        ({"user": ""}, "may not be empty"),
        ({"user": {"name": " "}}, "may not be empty"),
        ({"level": "everyone"}, "account"),
        ({"gruop": "x"}, "Extra inputs"),
        ({"level": "account", "group": "g"}, "no scope can match all of this"),
        ({"level": "group", "user": "u"}, "no scope can match all of this"),
        ({"user": "u", "meeting": "m"}, "no scope can match all of this"),
        ({"level": "group", "licence": "basic"}, "no scope can match all of this"),
        ({"licence": "paid"}, "'basic', 'licensed', 'unassigned' or 'none'"),
        ({"licence": []}, "at least 1 item"),
    ],
    ids=same_everywhere,
)
def test_a_match_that_means_nothing_is_refused(match: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Match(**match)
