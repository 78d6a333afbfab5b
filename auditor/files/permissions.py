"""Private directories and files: evidence and reports name people.

The checks need a system with users and modes; elsewhere the system's own rules apply.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from auditor.errors import AuditorError, ExitCode

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY_ENTER = stat.S_IXGRP | stat.S_IXOTH
MASK = 0o077
"""Removed from the mode of every file and directory this program creates."""

DATA_FOLDERS = ("runs", "locks", "failed", "told", "sandbox", "tmp")
"""The directories that the program creates in the data directory."""

SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite creates next to a database."""

_ROOT = 0
_ELSEWHERE = "Set AUDITOR_STORE to a file of your own, in a folder of your own."


class InsecureDirectory(AuditorError):
    """Other users could read or change data in this directory, so it was not used."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: Path, why: str, advice: str = "") -> None:
        super().__init__(
            f"{path} is not used for the auditor's data: {why}.",
            advice or "Set AUDITOR_HOME to a folder that only you can write to.",
        )


def check_folder(folder: Path) -> None:
    """Check that an existing `folder` contains nothing that other users put there.

    Links are followed and their targets checked. Nothing is changed: `restrict` removes the write
    permission of others from one's own directory before anything is stored there.

    Raises:
        InsecureDirectory: it belongs to another user, or everyone may write to it.
    """
    if not hasattr(os, "geteuid"):
        return
    try:
        status = folder.stat()
        if not stat.S_ISDIR(status.st_mode):
            return
        _check_owner(folder, status)
        if status.st_mode & stat.S_ISVTX and status.st_mode & stat.S_IWOTH:
            raise InsecureDirectory(folder, "everybody may create files there")
        if status.st_mode & stat.S_IWOTH and status.st_uid != os.geteuid():
            raise InsecureDirectory(folder, "everybody may write there")
        for child in folder.iterdir():
            _check_owners(child)
        if status.st_mode & _OTHERS_MAY_ENTER:  # otherwise no other user can reach its content
            for name in DATA_FOLDERS:
                _check_inside(folder / name)
    except OSError:
        return  # missing or unreadable: using it will raise


def check_file(path: Path, *, in_data: bool = False) -> None:
    """Check that a database and the files SQLite creates next to it belong to this user alone.

    Links are followed and their targets checked too. Files of root may be read. A directory that
    others may write to is refused, unless the file is `in_data`, the data directory, to which the
    rules of `check_folder` apply.

    Raises:
        InsecureDirectory: another user could have written or replaced the file.
    """
    if not hasattr(os, "geteuid"):
        return
    try:
        for place in dict.fromkeys((path, path.resolve())):
            if not in_data or place.parent != path.parent:
                _check_folder_of(place)
            for suffix in ("", *SQLITE_SUFFIXES):
                _check_database(place.with_name(place.name + suffix))
    except (OSError, RuntimeError):
        return  # unreadable: using it will raise


def restrict(folder: Path) -> tuple[int, int] | None:
    """Remove the write permission of others from one's own directory; its mode before and after.

    None if there was nothing to remove. The files in it have private modes of their own.
    """
    if not hasattr(os, "geteuid"):
        return None
    try:
        status = folder.stat()
        before = stat.S_IMODE(status.st_mode)
        is_own_folder = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if not is_own_folder or not before & OTHERS_MAY_WRITE:
            return None
        after = before & ~OTHERS_MAY_WRITE
        folder.chmod(after)
    except OSError:
        return None  # missing or not changeable: using it will raise
    return before, after


def _check_inside(folder: Path) -> None:
    """Check a directory that the program created in a data directory that others may enter."""
    with suppress(FileNotFoundError, NotADirectoryError):  # runs come and go
        _check_writable_by_others(folder)
        for child in folder.iterdir():
            _check_owners(child)
            if child.is_dir() and not child.is_symlink():
                _check_inside(child)


def _check_writable_by_others(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & OTHERS_MAY_WRITE:
        advice = f"Check its contents, then make it private: chmod 700 {folder}"
        why = f"others may write there (mode {stat.S_IMODE(mode):04o})"
        raise InsecureDirectory(folder, why, advice)


def _check_folder_of(file: Path) -> None:
    status = file.parent.stat()
    _check_owner(file.parent, status, _ELSEWHERE)
    if status.st_mode & OTHERS_MAY_WRITE:
        raise InsecureDirectory(
            file.parent,
            f"others may write there (mode {stat.S_IMODE(status.st_mode):04o})",
            f"Make it private (chmod go-w {file.parent}), or set AUDITOR_STORE to another place.",
        )


def _check_database(file: Path) -> None:
    try:
        status = file.lstat()
    except FileNotFoundError:
        return
    _check_owner(file, status, _ELSEWHERE)
    if stat.S_ISLNK(status.st_mode):
        return  # its target is checked separately
    if status.st_mode & OTHERS_MAY_WRITE:
        raise InsecureDirectory(
            file,
            f"others may write to it (mode {stat.S_IMODE(status.st_mode):04o}), so its contents "
            f"cannot be trusted",
            f"If you trust its contents: chmod 600 {file}. {_ELSEWHERE}",
        )


def _check_owners(path: Path) -> None:
    """Check the owner of a file and, if it is a link, of its target."""
    with suppress(FileNotFoundError):
        _check_owner(path, path.lstat())
        _check_owner(path, path.stat())


def _check_owner(path: Path, status: os.stat_result, advice: str = "") -> None:
    if status.st_uid not in (os.geteuid(), _ROOT):
        raise InsecureDirectory(
            path, f"it belongs to another user (number {status.st_uid})", advice
        )
