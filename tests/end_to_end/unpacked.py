"""Everything that is in what a program wrote: files as they are, and all that is packed in them."""

import contextlib
import gzip
import io
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

DEEPEST = 8
"""Containers in each other."""
Pieces = Iterator[tuple[str, bytes]]


def files(folder: Path) -> Pieces:
    """All files under `folder`, with all that is in them, by a name that says where."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield from pieces(str(path.relative_to(folder)), path.read_bytes(), path)


def pieces(name: str, content: bytes, path: Path | None = None, depth: int = 0) -> Pieces:
    """`content`, and what is in it: archives, workbooks, compressed data, tables of a database."""
    yield name, content
    if depth > DEEPEST:
        raise AssertionError(f"{name} is packed too deeply")
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.namelist():
                yield from pieces(f"{name}/{entry}", archive.read(entry), depth=depth + 1)
    elif content.startswith(b"SQLite format 3\0"):
        yield from _tables(name, content, path, depth)
    else:
        inner = _decompressed(content)
        if inner is not None:
            yield from pieces(f"{name} unpacked", inner, depth=depth + 1)


def _decompressed(content: bytes) -> bytes | None:
    for unpack in (gzip.decompress, zlib.decompress) if content else ():
        with contextlib.suppress(OSError, EOFError, zlib.error):
            return unpack(content)
    return None


def _tables(name: str, content: bytes, path: Path | None, depth: int) -> Pieces:
    """Every value of every table. A file is opened where it is, with the log that belongs to it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = path
        if copy is None:
            copy = Path(folder) / "copy.sqlite"
            copy.write_bytes(content)
        with contextlib.closing(
            sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)
        ) as db:
            db.text_factory = bytes
            known = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for (table,) in known:
                label = f"{name}:{table.decode()}"
                yield from _rows(label, db.execute(f'SELECT * FROM "{table.decode()}"'), depth)


def _rows(label: str, rows: sqlite3.Cursor, depth: int) -> Pieces:
    parts: dict[int, list[bytes]] = {}
    for row in rows:
        for column, value in enumerate(row):
            if not isinstance(value, bytes):
                yield label, str(value).encode()
                continue
            yield from pieces(label, value, depth=depth + 1)
            parts.setdefault(column, []).append(_decompressed(value) or b"")
    for unpacked in parts.values():  # a large file in several rows
        whole = b"".join(unpacked)
        if whole.startswith(b"SQLite format 3\0"):
            yield from pieces(f"{label} together", whole, depth=depth + 1)
