"""Files that decide what the program does: read only if no other user can change them.

The checks need a system with users and modes; elsewhere the system's own rules apply.
"""

import os
import stat
from pathlib import Path

from auditor.errors import AuditorError

HAS_OWNERS = hasattr(os, "geteuid")
_ROOT = 0
_MAX_LINKS = 40
"""Maximum number of consecutive symbolic links to follow, as on Linux."""
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", os.O_RDONLY)
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
"""Non-blocking: a pipe may never get a writer."""
_ELSEWHERE = "Set its variables in the environment, or use a file and a folder of your own."


class Untrusted(AuditorError):
    """A file was not read because other users may have written it. `reason` is a clause."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}.", advice)
        self.reason = reason


def read_here(name: str, max_bytes: int) -> bytes:
    """The content of a file in the working directory, which may belong to another user.

    Neither the file nor the directory is looked up by name twice, so neither can be replaced in
    between. A link is not followed: it could lead to one's own file that was never meant as
    configuration, such as a file of a repository.

    Raises:
        FileNotFoundError: there is no such file, or it is a directory.
        OSError: it cannot be read.
        Untrusted: others could have written it, or it is not a regular file.
    """
    if not HAS_OWNERS:
        return _content(os.open(name, _FILE), name, max_bytes, private_group=False)
    folder = os.open(".", _FOLDER)
    try:
        entry = os.lstat(name, dir_fd=folder)
        if stat.S_ISDIR(entry.st_mode):
            raise FileNotFoundError(name)
        if stat.S_ISLNK(entry.st_mode):
            raise Untrusted("it is a symbolic link", "Name its target with --env-file.")
        status = os.fstat(folder)
        _check_owner("its folder", status)
        if _others_may_write(status):
            raise Untrusted(
                f"others may write to its folder (mode {_mode(status)})",
                f"Remove that permission: chmod go-w {Path.cwd()}",
            )
        opened = os.open(name, _FILE | getattr(os, "O_NOFOLLOW", 0), dir_fd=folder)
    finally:
        os.close(folder)
    return _content(opened, name, max_bytes, private_group=False)


def read_named(path: Path, max_bytes: int, *, private_group: bool = False) -> bytes:
    """The content of a file that was named explicitly, or that is in a place only its owner may
    write to.

    Links are followed. Every directory and link on the path must belong to this user or root and be
    closed to others; in a directory with the sticky bit, such as /tmp, one's own entries are safe.
    `private_group`: the file's group may write to it if it has no other members.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        Untrusted: others could have written it, or it is not a regular file.
    """
    if HAS_OWNERS:
        path = _resolve_checked(path)
    return _content(os.open(path, _FILE), str(path), max_bytes, private_group=private_group)


def _content(opened: int, name: str, max_bytes: int, *, private_group: bool) -> bytes:
    with os.fdopen(opened, "rb") as file:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            raise Untrusted("it is not a regular file", "Replace it by a regular file.")
        if HAS_OWNERS:
            _check_owner("it", status)
            if _others_may_write(status) or (status.st_mode & stat.S_IWGRP and not private_group):
                raise Untrusted(
                    f"others may write to it (mode {_mode(status)})",
                    f"Check its contents, and make it private: chmod 600 {name}",
                )
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise Untrusted(f"it is larger than {max_bytes:,} bytes", "Make it shorter.")
    return content


def _resolve_checked(path: Path) -> Path:
    """The target of `path`, after checking every directory and link on the way to it."""
    path = path.absolute()
    for _ in range(_MAX_LINKS):
        real = path.parent.resolve()
        for folder in dict.fromkeys((*reversed(path.parents), *reversed(real.parents), real)):
            _check_owner(f"the folder {folder}", folder.lstat())
            status = folder.stat()
            _check_owner(f"the folder {folder}", status)
            if not status.st_mode & stat.S_ISVTX and _others_may_write(status):
                raise Untrusted(
                    f"others may write to the folder {folder} (mode {_mode(status)})",
                    f"Remove that permission (chmod go-w {folder}), or use another folder.",
                )
        entry = path.lstat()
        if not stat.S_ISLNK(entry.st_mode):
            return real / path.name
        _check_owner("a link to it", entry)
        path = (real / path.readlink()).parent.resolve() / path.readlink().name
    raise Untrusted("its path has too many symbolic links", "Name their target.")


def _check_owner(what: str, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), _ROOT):
        raise Untrusted(f"{what} belongs to another user (number {status.st_uid})", _ELSEWHERE)


def _others_may_write(status: os.stat_result) -> bool:
    """True if users other than the owner and root may write.

    Several systems give each user a group of its own with write permission to everything the user
    creates. Such a group does not count as long as it has no other members. Group 0 does count:
    containers put every user into it.
    """
    if status.st_mode & stat.S_IWOTH or not status.st_mode & stat.S_IWGRP:
        return bool(status.st_mode & stat.S_IWOTH)
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(status.st_gid)
    except KeyError:
        return True
    is_private = group.gr_name == user.pw_name and group.gr_gid == user.pw_gid != 0
    return not (is_private and set(group.gr_mem) <= {user.pw_name})


def _mode(status: os.stat_result) -> str:
    return f"{stat.S_IMODE(status.st_mode):04o}"
