"""Writes zip files in which the parts determine every byte, so that no byte can be changed.

This does not use `zipfile`, because verification compares the headers byte by byte with the
expected ones. Any zip program can read the result. Source: APPNOTE.TXT 6.3.10.
"""

import hashlib
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, BinaryIO, cast

from auditor.errors import AuditorError

MAX_BYTES = 0xFFFFFFFE
"""Maximum size of a part and of the file, in bytes. Larger ones need Zip64, which is not used."""
CHUNK = 1 << 16
STORED, DEFLATED = 0, 8
LEVEL = 6
IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a packed part that are held in memory before they go to a temporary file."""

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
LOCAL_MARK, CENTRAL_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""The earliest time that a zip file can store."""

_VERSION = 20
_UNIX = 3 << 8
_PRIVATE_FILE = 0o100600 << 16


class BundleTooLarge(AuditorError):
    """A part, or the bundle, is larger than the format allows."""

    def __str__(self) -> str:
        return (
            "The run is too large for a bundle (4 GiB). Leave out passes, or narrow it with --only "
            "or --topic."
        )


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """The headers of a part in the zip file."""

    name: str
    method: int
    crc: int
    packed_size: int
    size: int

    def local(self, moment: datetime) -> bytes:
        """The local header; `moment` (UTC) is the time of every part."""
        return (
            LOCAL.pack(
                LOCAL_MARK,
                _VERSION,
                0,
                self.method,
                *_dos(moment),
                self.crc,
                self.packed_size,
                self.size,
                len(self.name),
                0,
            )
            + self.name.encode()
        )

    def central(self, moment: datetime, offset: int) -> bytes:
        """The record in the central directory."""
        return (
            CENTRAL.pack(
                CENTRAL_MARK,
                _UNIX | _VERSION,
                _VERSION,
                0,
                self.method,
                *_dos(moment),
                self.crc,
                self.packed_size,
                self.size,
                len(self.name),
                0,
                0,
                0,
                0,
                _PRIVATE_FILE,
                offset,
            )
            + self.name.encode()
        )


@dataclass(frozen=True, slots=True)
class Packed:
    """A compressed part, ready to be written."""

    entry: ZipEntry
    sha256: str
    packed_sha256: str
    file: IO[bytes]


class _Packer:
    """Compresses and hashes the bytes of a part while writing them to a temporary file."""

    def __init__(self, method: int) -> None:
        self.file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -15) if method else None
        self.content, self.packed = hashlib.sha256(), hashlib.sha256()
        self.size = self.packed_size = self.crc = 0

    def write(self, data: bytes) -> int:
        """Add bytes to the part."""
        self.content.update(data)
        self.crc = zlib.crc32(data, self.crc)
        self.size += len(data)
        self._put(self._deflate.compress(data) if self._deflate else data)
        if max(self.size, self.packed_size) > MAX_BYTES:
            raise BundleTooLarge
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no buffer to flush."""

    def finish(self) -> None:
        """Complete the part, and rewind its file."""
        if self._deflate:
            self._put(self._deflate.flush())
        self.file.seek(0)

    def _put(self, data: bytes) -> None:
        self.packed.update(data)
        self.packed_size += len(data)
        self.file.write(data)


def pack(name: str, method: int, write: Callable[[BinaryIO], None]) -> Packed:
    """Pack the bytes that `write` produces.

    Raises:
        BundleTooLarge: there are too many.
    """
    packer = _Packer(method)
    try:
        write(cast("BinaryIO", packer))
        packer.finish()
    except BaseException:
        packer.file.close()
        raise
    return Packed(
        ZipEntry(name, method, packer.crc, packer.packed_size, packer.size),
        packer.content.hexdigest(),
        packer.packed.hexdigest(),
        packer.file,
    )


def stored(name: str, content: bytes) -> Packed:
    """Pack `content` without compression."""
    return pack(name, STORED, lambda out: _put(out, content))


def write(out: BinaryIO, moment: datetime, parts: Iterable[Packed]) -> None:
    """Write the parts to `out`, in order, and close their files.

    Raises:
        BundleTooLarge: together they are too large.
    """
    offset, directory = 0, []
    for part in parts:
        header = part.entry.local(moment)
        directory.append(part.entry.central(moment, offset))
        offset += len(header) + part.entry.packed_size
        if offset > MAX_BYTES:
            raise BundleTooLarge
        out.write(header)
        with part.file:
            while chunk := part.file.read(CHUNK):
                out.write(chunk)
    records = b"".join(directory)
    out.write(records)
    out.write(end(len(directory), len(records), offset))


def end(count: int, length: int, offset: int) -> bytes:
    """The end record: the number of parts, and the place of the central directory."""
    return END.pack(END_MARK, 0, 0, count, count, length, offset, 0)


def _put(out: BinaryIO, content: bytes) -> None:
    out.write(content)


def _dos(moment: datetime) -> tuple[int, int]:
    """Time and date as zip files store them: UTC, in steps of two seconds, from 1980."""
    year = min(max(moment.year, 1980), 2107) - 1980
    return (
        moment.hour << 11 | moment.minute << 5 | moment.second // 2,
        year << 9 | moment.month << 5 | moment.day,
    )
