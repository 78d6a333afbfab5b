"""Timestamps: encoded times are decoded again, in any order of the responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.timestamps import (
    decode,
    encode,
    format_rfc3339,
    milliseconds,
    parse_rfc3339,
    rfc3339,
)
from tests.builders import FIXED

YEAR_2100 = 4_102_444_800_000
MOMENTS = st.integers(-YEAR_2100, YEAR_2100)


@FIXED
@given(st.lists(MOMENTS, max_size=12))
def test_times_come_back_whatever_order_they_are_in(moments: list[int]) -> None:
    assert decode(encode(moments)) == moments


@pytest.mark.parametrize(
    "moments",
    [[], [0], [-1], [1], [5, 4], [0, -64, 64], [63, 127, 128], [10**18, 0, -(10**18)], [7, 7, 7]],
)
def test_small_steps_back_and_great_ones_come_back(moments: list[int]) -> None:
    assert decode(encode(moments)) == moments


def test_a_step_of_less_than_a_second_costs_two_bytes_and_none_one() -> None:
    first = 1_795_291_200_000
    assert len(encode([first])) == 6
    assert len(encode([first, first + 900])) == 8
    assert len(encode([first, first - 900])) == 8
    assert len(encode([first, first])) == 7


@FIXED
@given(st.integers(0, YEAR_2100))
def test_a_time_is_written_to_the_millisecond_and_read_again(moment: int) -> None:
    assert milliseconds(rfc3339(moment)) == moment


def test_times_of_other_zones_are_told_in_utc() -> None:
    assert rfc3339(milliseconds("2026-11-21T21:30:00.5+01:30")) == "2026-11-21T20:00:00.500Z"


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("2026-11-21T21:58:03Z", "2026-11-21T21:58:03.000Z"),
        ("2026-11-21T22:58:03.25+01:00", "2026-11-21T21:58:03.250Z"),
    ],
)
def test_times_are_read_with_their_zone_and_written_in_utc(text: str, formatted: str) -> None:
    assert format_rfc3339(parse_rfc3339(text)) == formatted


@pytest.mark.parametrize("text", ["", "soon", "2026-11-21T21:58:03", "0001-01-01T00:00:00+01:00"])
def test_a_text_that_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|UTC|isoformat"):
        parse_rfc3339(text)
