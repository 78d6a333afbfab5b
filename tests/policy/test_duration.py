"""Durations in Zoom's notation."""

import pytest

from auditor.policy.catalogue.values import days


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1d", 1),
        ("90d", 90),
        ("1y", 365),
        ("12m", 365),
        ("6m", 182.5),
        ("1y6m15d", 365 + 182.5 + 15),
        (" 1Y6M ", 547.5),
        ("999999y", 999_999 * 365),
        ("0y1d", 1),
    ],
)
def test_a_duration_is_a_number_of_days(text: str, length: float | int) -> None:
    assert days(text) == pytest.approx(length)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0d",
        "0y0m0d",
        "d",
        "90",
        "90 d",
        "1d1y",
        "1.5y",
        "-1d",
        "1w",
        "1d\n2d",
        "9999999d",
        "٣d",
    ],
)
def test_anything_else_is_no_duration_and_zero_is_none(text: str) -> None:
    assert days(text) is None
