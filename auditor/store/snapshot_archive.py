"""Evidence in the history: stores a snapshot's file in compressed parts, and restores it."""

import errno
import os
import secrets
import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.evidence.inflating import DamagedStream, inflate
from auditor.evidence.snapshot import DiskFull, Snapshot
from auditor.store import tables
from auditor.store.errors import HistoryDamaged, StoreError
from auditor.store.recording import text

PART = 1 << 20
"""Bytes of the file in one part."""

_WAL, _NO_WAL = b"\x02\x02", b"\x01\x01"
"""Bytes 18 and 19 of a SQLite file: 2 for write-ahead logging, 1 for a file without a log. Source:
https://www.sqlite.org/fileformat.html, 1.3.3."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def pack(connection: Connection, run_id: str, file: Path) -> None:
    """Store the file of a finished snapshot in the history.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as snapshot:
        snapshot.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number, content in enumerate(parts_of(file)):
        row = {"run_id": run_id, "part": number, "content": zlib.compress(content, 1)}
        connection.execute(sa.insert(tables.evidence), row)


def unpack(connection: Connection, run_id: str, home: Path) -> Snapshot | None:
    """The snapshot of a run, open for reading; None if the history has none.

    Its file is in the data directory, readable only by its owner, and is deleted when the process
    ends.

    Raises:
        DiskFull: the disk is full.
        SnapshotError: another version of the program wrote the file.
        StoreError: the file cannot be written, or is damaged in the history.
    """
    query = (
        sa.select(tables.evidence.c.content)
        .where(tables.evidence.c.run_id == text(run_id))
        .order_by(tables.evidence.c.part)
    )
    with connection.execution_options(stream_results=True).execute(query) as rows:
        parts = rows.scalars()
        first = next(parts, None)
        return None if first is None else _restore(chain([first], parts), run_id, home)


def _restore(parts: Iterable[bytes], run_id: str, home: Path) -> Snapshot:
    folder = _temporary_folder(home)
    path = folder / f"{secrets.token_hex(8)}.sqlite"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as out:
            size = PART
            for content in parts:
                if size != PART:
                    raise DamagedStream("a part that is not the last is too short")
                size = out.write(inflate(content, PART))
        return Snapshot.open(path)
    except OSError as error:
        raise _unwritable(folder, error) from error
    except (DamagedStream, TypeError) as error:
        raise HistoryDamaged(
            f"The evidence of run {run_id} is damaged in the history, and cannot be used. Other "
            f"runs may be intact: auditor history"
        ) from error
    finally:
        with suppress(PermissionError):  # a system that does not delete open files
            path.unlink(missing_ok=True)
        if folder.parent != home:
            with suppress(OSError):
                folder.rmdir()


def _temporary_folder(home: Path) -> Path:
    """The folder for a restored snapshot: below the data directory if that can be written."""
    folder = home / "tmp"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise _unwritable(folder, error) from error
    try:
        return Path(tempfile.mkdtemp(prefix="auditor-"))
    except OSError as error:
        raise _unwritable(Path(tempfile.gettempdir()), error) from error


def _unwritable(folder: Path, error: OSError) -> DiskFull | StoreError:
    if error.errno in _DISK_FULL:
        return DiskFull(
            f"{folder} has no space for the evidence of the run. Free some space there."
        )
    return StoreError(
        f"{folder} cannot be written: {error.strerror}. Set AUDITOR_HOME, or TMPDIR, to a "
        f"directory of your own."
    )


def parts_of(file: Path) -> Iterator[bytes]:
    """The parts of a snapshot's file, whose log is empty."""
    with file.open("rb") as opened:
        first = opened.read(PART)
        if first[18:20] == _WAL:  # the log is empty and is not stored
            first = first[:18] + _NO_WAL + first[20:]
        while first:
            yield first
            first = opened.read(PART)
