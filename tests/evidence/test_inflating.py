"""Inflating: exactly one complete stream, within the allowed length."""

import zlib

import pytest

from auditor.evidence.inflating import DamagedStream, inflate

STREAM = zlib.compress(b"evidence" * 100)


def test_a_whole_stream_comes_back() -> None:
    assert inflate(STREAM, 800) == b"evidence" * 100


@pytest.mark.parametrize(
    ("packed", "most", "why"),
    [
        (STREAM, 799, "more than 799 bytes"),
        (STREAM + b"x", 800, "data follows"),
        (STREAM + STREAM, 800, "data follows"),
        (STREAM[:-1], 800, "truncated"),
        (b"", 800, "truncated"),
        (b"evidence", 800, "cannot be unpacked"),
    ],
)
def test_everything_else_is_refused(packed: bytes, most: int, why: str) -> None:
    with pytest.raises(DamagedStream, match=why):
        inflate(packed, most)


def test_a_bomb_is_unpacked_no_further_than_allowed() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join([packer.compress(bytes(1 << 20)) for _ in range(64)]) + packer.flush()
    with pytest.raises(DamagedStream, match="more than 1,000 bytes"):
        inflate(bomb, 1000)
