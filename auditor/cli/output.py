"""Where reports go: standard output, or a file that is whole or not there at all.

A file is for its owner alone (0600), also where it takes the place of one that was not: a report
names people. A link is not followed, so that nobody can have another file overwritten; a pipe or a
device (`/dev/stdout`, `>(gzip)`) is written to as it is.
"""

import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_STREAMS = re.compile(r"/dev/(?:fd/\d+|std(?:out|err))|/proc/(?:self|\d+)/fd/\d+")
"""Names the system gives to open files; they are links, and cannot be replaced."""


class OutputError(Exception):
    """A report cannot be written where it should go."""

    def __init__(self, path: Path, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        super().__init__(f"{path} cannot be written: {reason}. Choose another place.")


class Exists(OutputError):
    """A file stands where a new one should be written; it may hold somebody's work."""

    def __init__(self, path: Path) -> None:
        Exception.__init__(self, f"{path} exists already. Choose another name, or delete it first.")


class IsLink(OutputError):
    """A link stands where a file should be written; what it leads to may be anybody's."""

    def __init__(self, path: Path) -> None:
        Exception.__init__(
            self, f"{path} is a link. Name the file it leads to, or delete the link first."
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
        if not _is_stream(path):
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "permission denied")
    except OSError as error:
        raise OutputError(path, error) from error


def write(path: Path, render: Callable[[BinaryIO], None], mode: int = 0o600) -> None:
    """Write a file beside `path`, then rename it, so that nobody ever sees half of it.

    Unless another `mode` is given, the file is readable by its owner alone: a report names people.

    Raises:
        OutputError: it cannot be written. What stood there before is still there.
    """
    partial: Path | None = None
    try:
        if _is_stream(path):
            with path.open("wb") as out:
                render(out)
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        partial = Path(name)
        with os.fdopen(handle, "wb") as out:
            if hasattr(os, "fchmod"):
                os.fchmod(handle, mode)  # a umask may have taken even the owner's bits
            render(out)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
        partial = None
    except OSError as error:
        raise OutputError(path, error) from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


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
def readers_may_leave() -> Iterator[None]:
    """Go on where nobody reads standard output any more, so that the exit code is as it would be.

    Without it, a reader that went away (`| head`) would turn a failure into a success.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
