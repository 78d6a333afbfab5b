"""Durations in Zoom's notation, `1y6m15d`: years, months and days."""

import re

_DURATION = re.compile(r"(?:(\d{1,6})y)?(?:(\d{1,6})m)?(?:(\d{1,6})d)?\Z", re.IGNORECASE | re.ASCII)
_DAYS_A_YEAR = 365
_MONTHS_A_YEAR = 12


def days(text: str) -> float | None:
    """The length of `text` in days (a year is 365 days, a month 1/12 of it), or None.

    Zero gives None: whether it means "at once" or "never" is not documented.
    """
    match = _DURATION.match(text.strip())
    if match is None or not any(match.groups()):
        return None
    years, months, rest = (int(group or 0) for group in match.groups())
    length = (years + months / _MONTHS_A_YEAR) * _DAYS_A_YEAR + rest
    return length or None


def is_duration(value: object) -> bool:
    """True for a string such as 90d or 1y."""
    return isinstance(value, str) and days(value) is not None
