"""Rows of listings: the parser makes no assumption about their contents."""

from collections.abc import Mapping

import pytest

from auditor.collect import parsing
from auditor.evidence import json_values
from auditor.evidence.json_values import LONGEST_NAME
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from tests.names import same_everywhere

NOTHING: list[JsonValue] = [None, "", "   ", True, False, [], {}, 1.5]


def parsed(row: Mapping[str, JsonValue], status: str) -> Scope:
    user = parsing.user(row, status)
    assert user is not None
    return user


def test_a_group_has_id_and_name() -> None:
    assert parsing.group({"id": "g1", "name": "Legal", "total_members": 3}) == Scope(
        Level.GROUP, "g1", "Legal"
    )
    assert parsing.group({"id": 17}) == Scope(Level.GROUP, "17")


@pytest.mark.parametrize("zoom_id", NOTHING, ids=same_everywhere)
def test_a_group_without_an_id_is_none(zoom_id: JsonValue) -> None:
    assert parsing.group({"id": zoom_id, "name": "Legal"}) is None
    assert parsing.group({}) is None


def test_a_user_has_what_the_row_says() -> None:
    row: dict[str, JsonValue] = {
        "id": "u1",
        "email": "ada@example.com",
        "display_name": "Ada L.",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "group_ids": ["g1", "g2"],
        "type": 2,
        "status": "active",
    }
    assert parsing.user(row, "active") == Scope(
        Level.USER, "u1", "Ada L.", "ada@example.com", ("g1", "g2"), 2, "active"
    )


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
        ({"first_name": "Ada"}, "Ada"),
        ({"last_name": "Lovelace"}, "Lovelace"),
        ({"display_name": "  ", "first_name": "Ada"}, "Ada"),
        ({}, ""),
    ],
)
def test_a_user_without_a_display_name_is_called_by_first_and_last_name(
    row: dict[str, JsonValue], name: str
) -> None:
    assert parsed({"id": "u1", **row}, "active").name == name


def test_a_user_without_an_id_is_known_by_the_address() -> None:
    assert parsed({"email": "ada@example.com"}, "pending").id == "ada@example.com"


@pytest.mark.parametrize("nothing", NOTHING, ids=same_everywhere)
def test_a_user_without_id_and_address_is_none(nothing: JsonValue) -> None:
    assert parsing.user({"id": nothing, "email": nothing, "first_name": "Ada"}, "active") is None


@pytest.mark.parametrize("groups", [None, "g1", {}, 5, [None, "", {}, True]], ids=same_everywhere)
def test_groups_that_are_no_ids_are_left_out(groups: JsonValue) -> None:
    assert parsed({"id": "u1", "group_ids": groups}, "active").group_ids == ()


@pytest.mark.parametrize(
    ("licence", "recorded"),
    [(1, 1), (99, 99), (True, None), ("2", None), (None, None), (2.0, None)],
)
def test_a_licence_is_a_whole_number(
    licence: bool | float | int | str | None, recorded: int | None
) -> None:
    assert parsed({"id": "u1", "type": licence}, "active").licence == recorded


def test_the_status_is_that_of_the_list_that_was_asked_for() -> None:
    assert parsed({"id": "u1", "status": "pending"}, "active").status == "active"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ada", "Ada"),
        ("  Ada\n", "Ada"),
        (17, "17"),
        (True, ""),
        (1.5, ""),
        (None, ""),
        ([], ""),
        ("half \ud83d pair", "half ? pair"),
        ("日本語 👩‍⚕️", "日本語 👩‍⚕️"),
        ("x" * 1000, "x" * LONGEST_NAME),
    ],
)
def test_text_can_always_be_stored(value: JsonValue, text: str) -> None:
    assert json_values.as_text(value) == text
    assert json_values.as_text(value).encode().decode() == text
