"""Output of reports: to standard output, or to a file that is written completely or not at all.

A file is readable by its owner only (0600), even if it replaces one that was not: a report names
people. A link is not followed, so that no other file can be overwritten through it. A pipe or a
device (`/dev/stdout`, `>(gzip)`) is written to directly. A file that cannot be replaced, because it
is a mount point or its directory is read-only, is overwritten once the report is rendered.
"""

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from auditor.errors import AuditorError, ExitCode

_STREAMS = re.compile(r"/dev/(?:fd/\d+|std(?:out|err))|/proc/(?:self|\d+)/fd/\d+")
"""The system's names of open files; they are links, and cannot be replaced."""


_NOT_REPLACED = frozenset(
    {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS, errno.EINVAL}
)
"""System errors for a directory in which no file can be created or renamed, although an existing
file may be writable: a mount point, another file system, another user's directory."""


class OutputError(AuditorError):
    """A report cannot be written to its destination."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: Path, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        super().__init__(f"{path} cannot be written: {reason}.", "Choose another place.")


class Exists(OutputError):
    """The destination of a new file exists; it may hold someone's work."""

    def __init__(self, path: Path) -> None:
        AuditorError.__init__(
            self, f"{path} exists already.", "Choose another name, or delete it first."
        )


class IsLink(OutputError):
    """The destination is a link, which may lead anywhere."""

    def __init__(self, path: Path) -> None:
        AuditorError.__init__(
            self, f"{path} is a link.", "Name the file it leads to, or delete the link first."
        )


def refuse_to_replace(path: Path) -> None:
    """Check that writing `path` destroys nothing.

    Raises:
        Exists: a file or directory of that name exists.
        OutputError: it could not be written anyway.
    """
    try:
        exists = path.exists()
    except OSError as error:
        raise OutputError(path, error) from error
    if exists:
        raise Exists(path)
    check_writable(path)


def check_writable(path: Path) -> None:
    """Check before a long run that `path` can be written at its end.

    Raises:
        OutputError: it cannot.
    """
    try:
        is_stream = _is_stream(path)
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "permission denied")
        if not is_stream:
            try:
                with tempfile.TemporaryFile(dir=path.parent):
                    pass
            except OSError as error:
                if error.errno not in _NOT_REPLACED or not path.exists():
                    raise
                os.close(_in_place(path))
    except OSError as error:
        raise OutputError(path, error) from error


def write(path: Path, render: Callable[[BinaryIO], None], mode: int = 0o600) -> None:
    """Write a temporary file next to `path`, then rename it, so that no reader ever sees half of
    it.

    By default the file is readable by its owner only: a report names people. A file that cannot be
    replaced is overwritten once everything is rendered.

    Raises:
        OutputError: it cannot be written. The previous content is intact, unless the disk filled up
            while a file that cannot be replaced was overwritten.
    """
    try:
        if _is_stream(path):
            with path.open("wb") as out:
                render(out)
            return
        partial = _temporary_path(path)
        if partial is None:
            with tempfile.TemporaryFile() as rendered:
                render(rendered)
                _put_in_place(path, rendered, mode)
            return
    except OSError as error:
        raise OutputError(path, error) from error
    try:
        with partial.open("r+b") as out:
            if hasattr(os, "fchmod"):
                os.fchmod(out.fileno(), mode)  # a umask may clear even the owner's bits
            render(out)
            out.flush()
            os.fsync(out.fileno())
            try:
                partial.replace(path)
            except OSError as error:
                if error.errno not in _NOT_REPLACED or not path.exists():
                    raise
                _put_in_place(path, out, mode)
    except OSError as error:
        raise OutputError(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _temporary_path(path: Path) -> Path | None:
    """A new file next to `path`; None if none can be created, but `path` exists and can be
    overwritten.

    Raises:
        OSError: neither is possible.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        if error.errno not in _NOT_REPLACED or not path.exists():
            raise
        return None
    os.close(handle)
    return Path(name)


def _put_in_place(path: Path, rendered: BinaryIO, mode: int) -> None:
    """Overwrite an existing file, unless it is a link or belongs to another user.

    Raises:
        OSError: it cannot be written, or belongs to another user.
    """
    with os.fdopen(_in_place(path), "r+b") as out:
        if hasattr(os, "fchmod"):
            with suppress(OSError):  # a writable file of root keeps its mode
                os.fchmod(out.fileno(), mode)
        rendered.seek(0)
        shutil.copyfileobj(rendered, out)
        out.truncate()
        out.flush()
        with suppress(OSError):
            os.fsync(out.fileno())


def _in_place(path: Path) -> int:
    """Open an existing file for writing without truncating it."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    found = os.fstat(handle)
    if hasattr(os, "geteuid") and os.geteuid() != 0 and found.st_uid not in (os.geteuid(), 0):
        os.close(handle)
        raise PermissionError(13, "belongs to another user")
    return handle


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` as a whole. Raises like `write`."""
    write(path, lambda out: _put(out, content))


def rewrite_bytes(path: Path, content: bytes) -> None:
    """As `write_bytes`, but an existing file keeps its permissions: a nightly job under another
    user may have to read it. Raises like `write`."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mode = 0o600
    write(path, lambda out: _put(out, content), mode)


def _is_stream(path: Path) -> bool:
    """True if `path` is an existing pipe or device that can be written to.

    Raises:
        IsLink: a link, which may lead anywhere.
        OSError: a directory, or another user's pipe.
    """
    is_open = _STREAMS.fullmatch(str(path.absolute())) is not None
    if path.is_symlink() and not is_open:
        raise IsLink(path)
    if not path.exists():
        return False
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(21, "is a folder")
    if stat.S_ISREG(found.st_mode):
        return is_open
    if not (stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode)):
        raise OSError(22, "is no file")
    if hasattr(os, "geteuid") and found.st_uid not in (os.geteuid(), 0):
        raise PermissionError(13, "belongs to another user")
    return True


def _put(out: BinaryIO, content: bytes) -> None:
    out.write(content)


@contextmanager
def ignore_broken_pipe() -> Iterator[None]:
    """Continue if standard output has no reader any more, so that the exit code stays the same.

    Otherwise a reader that closed the pipe (`| head`) would turn a failure into a success.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
