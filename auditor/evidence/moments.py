"""Moments: times of a scope's reads, packed into a few bytes, and as RFC 3339."""

from collections.abc import Sequence
from datetime import UTC, datetime


def packed(milliseconds: Sequence[int]) -> bytes:
    """Times in milliseconds since 1970 as bytes: the first in full, the others by difference."""
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


def unpacked(data: bytes) -> list[int]:
    """The times that `packed` made `data` of."""
    moments, before, number, shift = [], 0, 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            before += -((number + 1) >> 1) if number & 1 else number >> 1
            moments.append(before)
            number = shift = 0
    return moments


def milliseconds(rfc3339: str) -> int:
    """Milliseconds since 1970."""
    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def rfc3339(milliseconds: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
