"""The data directory: private to its owner, and the place of temporary files."""

import logging
import os
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from auditor.files import permissions

TEMPORARY = "auditor-"
"""Prefix of temporary directories."""
_STALE_SECONDS = 24 * 3600.0
"""Seconds after which a temporary directory is stale: its process was killed."""

_log = logging.getLogger(__name__)
_allowed = False
_temporary: str | None = None


def allow_temporary_files() -> None:
    """Let `prepare` set TMPDIR. For a process that belongs to the program alone."""
    global _allowed
    _allowed = True


def prepare(data: Path, *, make: bool = False, writing: bool = False) -> None:
    """Check that the data directory is private, and use it for temporary files.

    Also sets the temporary directory of SQLite; TMPDIR may name another place. Without
    `allow_temporary_files` they stay where they are, because TMPDIR belongs to the whole process.
    If `writing`, write permission of others is removed with a warning. If `make`, which implies
    `writing`, the directory is created if possible.

    Raises:
        InsecureDirectory: others can change the content of the data directory.
    """
    global _temporary
    permissions.check_folder(data)
    modes = permissions.restrict(data) if make or writing else None
    if modes is not None:
        permissions.check_folder(data)  # nothing can be added any more
        _log.warning(
            "Others could write to %s (mode %04o); that permission was removed (mode %04o now).",
            data,
            *modes,
        )
    if make:
        with suppress(OSError):  # the first write reports the reason
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _allowed or os.environ.get("TMPDIR") not in ("", None, _temporary):
        return
    # tempfile reads TMPDIR when it creates the first file; without the directory it uses /tmp.
    if data.is_dir() and not os.access(data, os.W_OK):
        return  # read-only: temporary files go to the system's directory
    _temporary = os.environ["TMPDIR"] = str(data.absolute())
    if data.is_dir():
        _remove_stale_folders(data)
        _set_sqlite_directory(_temporary)


def _set_sqlite_directory(folder: str) -> None:
    """Set SQLite's temporary directory: SQLite reads TMPDIR before the program can set it.

    The pragma applies to the whole process. It is deprecated; a SQLite without it ignores it.
    """
    quoted = folder.replace("'", "''")
    with suppress(sqlite3.Error, UnicodeEncodeError), closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA temp_store_directory = '{quoted}'")


def _remove_stale_folders(data: Path) -> None:
    """Remove the temporary directories of killed processes."""
    with suppress(OSError):
        for folder in data.glob(f"{TEMPORARY}*"):
            if folder.is_dir() and folder.lstat().st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
