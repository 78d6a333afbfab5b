"""Folders and files for one person alone: evidence and reports name people.

What is checked here holds on systems with users and modes; elsewhere the folder's own rules do.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from auditor.errors import AuditorError, ExitCode

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY_ENTER = stat.S_IXGRP | stat.S_IXOTH
MASK = 0o077
"""Taken from the mode of everything this program makes."""

DATA_FOLDERS = ("runs", "locks", "failed", "told", "sandbox", "tmp")
"""The folders that the program makes in the data directory."""

SQLITE_SUFFIXES = ("-wal", "-shm", "-journal")
"""What the files are called that SQLite puts beside a database."""

_ROOT = 0
_ELSEWHERE = "Name a file of your own, in a folder of your own, in AUDITOR_STORE."


class InsecureDirectory(AuditorError):
    """Somebody else could read or change what would be kept in a folder. It was left alone."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: Path, why: str, advice: str = "") -> None:
        super().__init__(
            f"{path} is not used for the auditor's data: {why}.",
            advice or "Set AUDITOR_HOME to a folder that only you can write to.",
        )


def check_folder(folder: Path) -> None:
    """Make sure that `folder`, where it is there already, holds nothing that others put there.

    A link is followed, and what it leads to is judged. Nothing is changed: a folder of one's own
    that others may write to is `taken` from them before anything is kept there.

    Raises:
        NotPrivate: it belongs to somebody else, or is for everybody.
    """
    if not hasattr(os, "geteuid"):
        return
    try:
        status = folder.stat()
        if not stat.S_ISDIR(status.st_mode):
            return
        _check_owner(folder, status)
        if status.st_mode & stat.S_ISVTX and status.st_mode & stat.S_IWOTH:
            raise InsecureDirectory(folder, "everybody may put files there")
        if status.st_mode & stat.S_IWOTH and status.st_uid != os.geteuid():
            raise InsecureDirectory(folder, "everybody may write there")
        for child in folder.iterdir():
            _check_owners(child)
        if status.st_mode & _OTHERS_MAY_ENTER:  # else nobody else gets at what is in it
            for name in DATA_FOLDERS:
                _check_inside(folder / name)
    except OSError:
        return  # it is not there, or cannot be read: using it will tell


def check_file(path: Path, *, in_data: bool = False) -> None:
    """Make sure that a database, with what SQLite puts beside it, is ours and nobody else's.

    Links are followed, and what they lead to is judged, too. Root's files may be read. A folder
    that others may write to is refused, unless the file is `in_data`, the data directory, for
    which `check_folder` has its own rules.

    Raises:
        NotPrivate: somebody else could have written it, or could put another in its place.
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
        return  # it cannot be looked at: using it will tell


def restrict(folder: Path) -> tuple[int, int] | None:
    """Take a folder of one's own from others who may write to it: its mode before, and now.

    None where there was nothing to take. Files in it are private by themselves.
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
        return None  # it is not there, or cannot be changed: using it will tell
    return before, after


def _check_inside(folder: Path) -> None:
    """Judge a folder that the program made in a data directory that others may enter."""
    with suppress(FileNotFoundError, NotADirectoryError):  # runs come and go
        _check_writable_by_others(folder)
        for child in folder.iterdir():
            _check_owners(child)
            if child.is_dir() and not child.is_symlink():
                _check_inside(child)


def _check_writable_by_others(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & OTHERS_MAY_WRITE:
        advice = f"Look at what is in it, then make it yours alone: chmod 700 {folder}"
        why = f"others may write there (mode {stat.S_IMODE(mode):04o})"
        raise InsecureDirectory(folder, why, advice)


def _check_folder_of(file: Path) -> None:
    status = file.parent.stat()
    _check_owner(file.parent, status, _ELSEWHERE)
    if status.st_mode & OTHERS_MAY_WRITE:
        raise InsecureDirectory(
            file.parent,
            f"others may write there (mode {stat.S_IMODE(status.st_mode):04o})",
            f"Make it yours alone (chmod go-w {file.parent}), or name another place in "
            "AUDITOR_STORE.",
        )


def _check_database(file: Path) -> None:
    try:
        status = file.lstat()
    except FileNotFoundError:
        return
    _check_owner(file, status, _ELSEWHERE)
    if stat.S_ISLNK(status.st_mode):
        return  # what it leads to is judged by itself
    if status.st_mode & OTHERS_MAY_WRITE:
        raise InsecureDirectory(
            file,
            f"others may write to it (mode {stat.S_IMODE(status.st_mode):04o}), so nobody knows "
            "what is in it",
            f"If you trust what is in it: chmod 600 {file}. {_ELSEWHERE}",
        )


def _check_owners(path: Path) -> None:
    """Judge a file and, where it is a link, what it leads to."""
    with suppress(FileNotFoundError):
        _check_owner(path, path.lstat())
        _check_owner(path, path.stat())


def _check_owner(path: Path, status: os.stat_result, advice: str = "") -> None:
    if status.st_uid not in (os.geteuid(), _ROOT):
        raise InsecureDirectory(
            path, f"it belongs to another user (number {status.st_uid})", advice
        )
