"""Names in messages: no chat, mail client or terminal interprets them."""

import pytest

from auditor.notify.markup import escape_markup
from tests.every_case import every_case


@every_case("name", ["Dana Levi", "Åsa Øst-Müller", "営業部 (東京)", "לוי, דנה", "Q3 + Q4", "R/D"])
def test_a_name_stays_as_it_is(name: str) -> None:
    assert escape_markup(name) == name


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        ("<!channel>", "＜！channel＞"),
        ("@everyone", "(at)everyone"),
        ("＠everyone", "(at)everyone"),
        ("<at>Dana</at>", "＜at＞Dana＜/at＞"),
        ("[pay](https://evil.example)", "［pay］(https：／／evil․example)"),
        ("evil.example", "evil․example"),
        ("evil．example", "evil․example"),
        ("*b* `c` ~d~ |e| \\f #g $h", "＊b＊ ｀c｀ ～d～ ｜e｜ ＼f ＃g ＄h"),
        ("&lt;b&gt;", "＆lt；b＆gt；"),
        (":smile:", "：smile:"),
        ("a\u202eb", "a?b"),
        ("a\u200bb\x1b[2J", "a?b?［2J"),
        ("one\n- two\r\nthree", "one - two three"),
    ],
)
def test_characters_that_chats_act_on_become_signs_that_look_like_them(
    hostile: str, expected: str
) -> None:
    assert escape_markup(hostile) == expected


def test_a_colon_before_a_blank_is_a_colon() -> None:
    assert escape_markup("Run: auditor auth login.") == "Run: auditor auth login."


def test_a_long_name_is_cut() -> None:
    assert escape_markup("x" * 500) == "x" * 59 + "…"


def test_accents_are_not_piled_up() -> None:
    assert escape_markup("a" + "\u0301" * 50) == "a\u0301\u0301"


def test_no_name_at_all_is_none() -> None:
    assert escape_markup("") == ""
