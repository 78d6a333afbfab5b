"""Names: when two are equal, and when they only look equal."""

import unicodedata

import pytest

from auditor.evidence import names

DECOMPOSED = unicodedata.normalize("NFD", "Büro Köln")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Büro Köln", DECOMPOSED),
        ("Legal", " LEGAL\t"),
        ("Straße", "STRASSE"),
        ("İzmir", "i̇zmir"),
        ("ΟΔΟΣ", "οδος"),
    ],
)
def test_composition_case_and_padding_make_no_other_name(one: str, other: str) -> None:
    assert names.normalised(one) == names.normalised(other)


LOOKALIKES = [
    ("Legal", "Lеgal"),
    ("Legal", "Le\u200bgal"),
    ("Legal", "Ｌｅｇａｌ"),
    ("Legal Ops", "Legal\u00a0 Ops"),
    ("HR-DE", "HR–DE"),
    ("Support", "Suppοrt"),
    ("Finance", "Finance\u00ad"),
    ("Team", "Te\u2060am\ufe0f"),
]


@pytest.mark.parametrize(("name", "lookalike"), LOOKALIKES, ids=ascii)
def test_lookalikes_are_other_names_that_look_the_same(name: str, lookalike: str) -> None:
    assert names.normalised(name) != names.normalised(lookalike)
    assert names.skeleton(name) == names.skeleton(lookalike)


def test_names_that_look_different_have_different_skeletons() -> None:
    different = ["Legal", "Legal EU", "Sales", "Büro", "Buro", "Legal 1", "Legal l"]
    assert len({names.skeleton(name) for name in different}) == len(different)


def test_what_differs_is_named() -> None:
    assert names.differing_characters("Legal", "L\u0435gal") == "U+0435 CYRILLIC SMALL LETTER IE"
    assert names.differing_characters("Legal", "Legal\u200b") == "U+200B ZERO WIDTH SPACE"
    assert names.differing_characters("Le\u200bgal", "Legal") == "U+200B ZERO WIDTH SPACE"


@pytest.mark.parametrize(
    ("text", "address", "zoom_id"),
    [
        ("ada@example.com", True, False),
        ("KdYKjnimT4KPd8FFgQt9FQ", False, True),
        ("R&D @ Berlin", False, False),
        ("ClinicalOperationsGroup", False, False),
        ("clinical-operations-01", False, False),
        ("Legal", False, False),
    ],
)
def test_addresses_and_ids_look_like_themselves(text: str, address: bool, zoom_id: bool) -> None:
    assert (names.is_address(text), names.is_id(text)) == (address, zoom_id)
