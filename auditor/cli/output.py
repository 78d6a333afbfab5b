"""Where reports go: standard output, or a file that is whole or not there at all.

A file is for its owner alone (0600), also where it takes the place of one that was not: a report
names people. A link is not followed, so that nobody can have another file overwritten; a pipe or a
device (`/dev/stdout`, `>(gzip)`) is written to as it is. So is a file that cannot be replaced,
as it is mounted or its folder cannot be written: it gets the whole report, once that is rendered.
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
"""Names the system gives to open files; they are links, and cannot be replaced."""


_NOT_REPLACED = frozenset(
    {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS, errno.EINVAL}
)
"""How systems say that no file can be made or renamed in a folder, though one that is there may be
writable: a mount point, another file system, somebody else's folder."""


class OutputError(AuditorError):
    """A report cannot be written where it should go."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: Path, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        super().__init__(f"{path} cannot be written: {reason}.", "Choose another place.")


class Exists(OutputError):
    """A file stands where a new one should be written; it may hold somebody's work."""

    def __init__(self, path: Path) -> None:
        AuditorError.__init__(
            self, f"{path} exists already.", "Choose another name, or delete it first."
        )


class IsLink(OutputError):
    """A link stands where a file should be written; what it leads to may be anybody's."""

    def __init__(self, path: Path) -> None:
        AuditorError.__init__(
            self, f"{path} is a link.", "Name the file it leads to, or delete the link first."
        )


def refuse_to_replace(path: Path) -> None:
    """Make sure that writing `path` destroys nothing.

    Raises:
        Exists: a file or folder of that name is there.
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
    """Find out before a long run whether `path` can be written at its end.

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
    """Write a file beside `path`, then rename it, so that nobody ever sees half of it.

    Unless another `mode` is given, the file is readable by its owner alone: a report names people.
    A file that cannot be replaced is written in its place, once everything is rendered.

    Raises:
        OutputError: it cannot be written. What stood there before is still there, unless the disk
            filled up while a file that cannot be replaced was written.
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
                os.fchmod(out.fileno(), mode)  # a umask may have taken even the owner's bits
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
    """A new file beside `path`; None where none can be made, and there is one to write to.

    Raises:
        OSError: neither.
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
    """Write into the file that is there, of which no link and nobody else's is taken.

    Raises:
        OSError: it cannot be written, or belongs to somebody else.
    """
    with os.fdopen(_in_place(path), "r+b") as out:
        if hasattr(os, "fchmod"):
            with suppress(OSError):  # root's file that we may write to stays as root made it
                os.fchmod(out.fileno(), mode)
        rendered.seek(0)
        shutil.copyfileobj(rendered, out)
        out.truncate()
        out.flush()
        with suppress(OSError):
            os.fsync(out.fileno())


def _in_place(path: Path) -> int:
    """A file that is there, open for writing as it is."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    found = os.fstat(handle)
    if hasattr(os, "geteuid") and os.geteuid() != 0 and found.st_uid not in (os.geteuid(), 0):
        os.close(handle)
        raise PermissionError(13, "belongs to another user")
    return handle


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` as a whole. Raises like `write`."""
    write(path, lambda out: _put(out, content))


def _is_stream(path: Path) -> bool:
    """True for what is there and is no file, and takes what is written to it.

    Raises:
        IsLink: a link, which may lead anywhere.
        OSError: a folder, or somebody else's pipe.
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
    """Go on where nobody reads standard output any more, so that the exit code is as it would be.

    Without it, a reader that went away (`| head`) would turn a failure into a success.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
