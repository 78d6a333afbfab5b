import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.report.display import display_width, printable, shorten, value_text
from tests.report.worlds import HOSTILE


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Legal & Finance", "Legal & Finance"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("x\u202ey", "x\\u202ey"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x9b5m", "\\x9b5m"),
        ("half \ud83d", "half \\ud83d"),
        ("👩‍⚕️ é שלום", "👩‍⚕️ é שלום"),
    ],
)
def test_misleading_characters_are_escaped_and_others_stay(text: str, seen: str) -> None:
    assert printable(text) == seen


def test_combining_marks_on_one_letter_are_cut_down() -> None:
    assert len(printable("Z" + "\u0301" * 500)) == 5


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_text_fits_the_width_and_controls_no_terminal(text: str, width: int) -> None:
    short = shorten(text, width)
    assert display_width(short) <= width
    assert short.isprintable() or any(ord(c) > 127 for c in short)
    assert not any(c in short for c in "\n\r\x1b\x9b\u202e")


def test_what_fits_is_not_cut() -> None:
    assert shorten("日本語", 6) == "日本語"
    assert shorten("日本語", 5) == "日本…"
    assert shorten("exactly", 7) == "exactly"


def test_ten_thousand_characters_are_cut() -> None:
    assert shorten(HOSTILE["long"], 20) == "x" * 19 + "…"


def test_values_are_spelled_as_json() -> None:
    assert value_text({"b": True, "a": "é"}, 40) == '{"a": "é", "b": true}'
    assert value_text([1] * 100, 10) == "[1, 1, 1,…"
