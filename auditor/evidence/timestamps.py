"""Timestamps: parses and formats RFC 3339, and packs the times of a scope's reads into bytes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

EARLIEST, LATEST = 946_684_800_000, 7_258_118_400_000
"""Milliseconds since 1970: the years 2000 and 2200. No read can have another time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def encode(milliseconds: Sequence[int]) -> bytes:
    """Times in milliseconds since 1970 as bytes: the first in full, the others as differences."""
    out, before = bytearray(), 0
    for moment in milliseconds:
        difference = moment - before
        number = (difference << 1) if difference >= 0 else ((-difference << 1) - 1)
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
        before = moment
    return bytes(out)


def decode(data: bytes) -> list[int]:
    """The times that `encode` wrote into `data`."""
    moments, before, number, shift = [], 0, 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            before += -((number + 1) >> 1) if number & 1 else number >> 1
            moments.append(before)
            number = shift = 0
    return moments


def is_moment(text: str) -> bool:
    """True for an RFC 3339 time with a time zone, between `EARLIEST` and `LATEST`."""
    try:
        return bool(_RFC3339.fullmatch(text)) and EARLIEST <= milliseconds(text) <= LATEST
    except (ValueError, OverflowError):
        return False


def parse_rfc3339(text: str) -> datetime:
    """The time in UTC, to the millisecond.

    Raises:
        ValueError: it is not a time with a time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} names no time zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is not a time in UTC") from error
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def parse_or_none(text: str) -> datetime | None:
    """The time as `parse_rfc3339` returns it; None if the text is no time with a time zone."""
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None


def format_rfc3339(moment: datetime) -> str:
    """RFC 3339 with milliseconds, UTC: `2026-11-21T21:58:03.250Z`.

    Always with three digits, so that a stored time that was parsed is written with the same
    characters again: signatures cover the text.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def milliseconds(rfc3339: str) -> int:
    """Milliseconds since 1970."""
    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def format_or_none(moment: datetime | None) -> str | None:
    """The time as `format_rfc3339` writes it; None for none."""
    return None if moment is None else format_rfc3339(moment)


def from_milliseconds(milliseconds: int) -> datetime:
    """The time in UTC, from milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def rfc3339(milliseconds: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    return format_rfc3339(from_milliseconds(milliseconds))
