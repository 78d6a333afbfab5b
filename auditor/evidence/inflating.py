"""Inflating: decompresses exactly one stream of bounded length, with no data after its end."""

import zlib

from auditor.errors import AuditorError


class DamagedStream(AuditorError, ValueError):
    """The bytes are not exactly one compressed stream of an allowed length."""


def inflate(packed: bytes, most: int) -> bytes:
    """The contents of the zlib stream `packed`, at most `most` bytes.

    Raises:
        DamagedStream: it is broken, truncated or too long, or data follows its end.
    """
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise DamagedStream(f"it cannot be unpacked ({error})") from error
    if len(content) > most:
        raise DamagedStream(f"it unpacks to more than {most:,} bytes")
    if not stream.eof:
        raise DamagedStream("it is truncated")
    if stream.unused_data:
        raise DamagedStream("data follows its end")
    return content
