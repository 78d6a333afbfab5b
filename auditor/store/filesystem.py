"""Tests whether a folder's file system supports what audits need: locks, modes, renames, SQLite's
write-ahead log.

Some network shares and mounts lack one of them. `doctor` and `audit` run the same tests and print
the same messages.
"""

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from filelock import FileLock

SQLITE_LACKS = (
    "SQLITE_IOERR_LOCK",
    "SQLITE_IOERR_UNLOCK",
    "SQLITE_IOERR_RDLOCK",
    "SQLITE_IOERR_CHECKRESERVEDLOCK",
    "SQLITE_IOERR_SHMOPEN",
    "SQLITE_IOERR_SHMLOCK",
    "SQLITE_IOERR_SHMMAP",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_DIR_FSYNC",
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
)
"""Prefixes of SQLite's error names that point to a missing feature of the file system."""

UNUSUAL = frozenset(
    {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EINVAL}
)
"""Error numbers by which systems report that a file system lacks a feature."""

_USUAL = frozenset(
    {
        errno.EACCES,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.ENOENT,
        errno.ENOTDIR,
    }
)

_ADVICE = (
    "Set AUDITOR_HOME to a directory on a local disk, and keep the history there or in "
    "PostgreSQL (AUDITOR_STORE)."
)


def lacks(folder: Path) -> list[str]:
    """The features that audits need and the folder's file system lacks: one sentence each, with
    advice.

    Nothing is left behind. If the folder cannot be written, the remaining features are not tested.
    """
    probe = folder / f".auditor-{secrets.token_hex(6)}"
    sentences = []
    try:
        for what, attempt in _NEEDS:
            try:
                attempt(probe)
            except (OSError, sqlite3.Error) as error:
                if _is_usual(error):
                    break
                sentences.append(lacking(folder, what, _reason(error)))
    finally:
        for left in folder.glob(f"{probe.name}*"):
            with suppress(OSError):
                left.unlink()
    return sentences


def lacking(folder: Path, what: str, reason: str) -> str:
    """The sentence about a missing feature."""
    return f"The file system of {folder} {what} ({reason}). {_ADVICE}"


def _make(probe: Path) -> None:
    os.close(os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _lock(probe: Path) -> None:
    lock = FileLock(probe.with_name(f"{probe.name}.lock"), mode=0o600, fallback_to_soft=False)
    with lock.acquire(timeout=5):
        pass


def _chmod(probe: Path) -> None:
    probe.chmod(0o600)


def _rename(probe: Path) -> None:
    new = probe.with_name(f"{probe.name}.new")
    _make(new)
    new.replace(probe)


def _log(probe: Path) -> None:
    """Use SQLite as the history and the snapshots do: a write-ahead log, one writer, one reader."""
    file = probe.with_name(f"{probe.name}.sqlite")
    with (
        closing(sqlite3.connect(file, isolation_level=None, timeout=1)) as writer,
        closing(sqlite3.connect(file, isolation_level=None, timeout=1)) as reader,
    ):
        mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"journal mode {mode}")
        writer.execute("PRAGMA synchronous = FULL")  # written through to the disk
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE probe (number INTEGER)")
        writer.execute("COMMIT")
        reader.execute("SELECT count(*) FROM probe").fetchone()
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_NEEDS: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("makes no files", _make),
    ("has no locks", _lock),
    ("does not store permissions, so nothing there is private", _chmod),
    ("cannot rename over a file", _rename),
    ("cannot hold SQLite's write-ahead log", _log),
)


def _is_usual(error: Exception) -> bool:
    """True if the folder is full or not writable, which is reported elsewhere."""
    if isinstance(error, OSError):
        return error.errno in _USUAL
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"))


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
