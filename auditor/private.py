"""Folders and files for one person alone: evidence and reports name people.

What is checked here holds on systems with users and modes; elsewhere the folder's own rules do.
"""

import os
import stat
from pathlib import Path

OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
MASK = 0o077
"""Taken from the mode of everything this program makes."""

_ROOT = 0


class NotPrivate(Exception):
    """Somebody else could read or change what would be kept in a folder. It was left alone."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is not used for the auditor's data: {why}. Set AUDITOR_HOME to a folder that "
            "only you can write to."
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
        found = folder.stat()
        if not stat.S_ISDIR(found.st_mode):
            return
        _check_owner(folder, found)
        if found.st_mode & stat.S_ISVTX and found.st_mode & stat.S_IWOTH:
            raise NotPrivate(folder, "everybody may put files there")
        if found.st_mode & stat.S_IWOTH and found.st_uid != os.geteuid():
            raise NotPrivate(folder, "everybody may write there")
        for child in folder.iterdir():
            _check_owner(child, child.lstat())
            if child.is_symlink() and child.exists():
                _check_owner(child, child.stat())
    except OSError:
        return  # it is not there, or cannot be read: using it will tell


def taken(folder: Path) -> tuple[int, int] | None:
    """Take a folder of one's own from others who may write to it: its mode before, and now.

    None where there was nothing to take. Files in it are private by themselves.
    """
    if not hasattr(os, "geteuid"):
        return None
    try:
        found = folder.stat()
        before = stat.S_IMODE(found.st_mode)
        is_own_folder = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_own_folder or not before & OTHERS_MAY_WRITE:
            return None
        after = before & ~OTHERS_MAY_WRITE
        folder.chmod(after)
    except OSError:
        return None  # it is not there, or cannot be changed: using it will tell
    return before, after


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (os.geteuid(), _ROOT):
        raise NotPrivate(path, f"it belongs to another user (number {found.st_uid})")
