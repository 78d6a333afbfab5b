"""Where reports go: standard output, or a file that is whole or not there at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


class OutputError(Exception):
    """A report cannot be written where it should go."""

    def __init__(self, path: Path, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        super().__init__(f"{path} cannot be written: {reason}. Choose another place.")


class Exists(OutputError):
    """A file stands where a new one should be written; it may hold somebody's work."""

    def __init__(self, path: Path) -> None:
        Exception.__init__(self, f"{path} exists already. Choose another name, or delete it first.")


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
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "permission denied")
    except OSError as error:
        raise OutputError(path, error) from error


def write(path: Path, render: Callable[[BinaryIO], None]) -> None:
    """Write a file beside `path`, then rename it, so that nobody ever sees half of it.

    The file is readable by its owner alone: a report names people.

    Raises:
        OutputError: it cannot be written. What stood there before is still there.
    """
    partial: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        partial = Path(name)
        with os.fdopen(handle, "wb") as out:
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


def _put(out: BinaryIO, content: bytes) -> None:
    out.write(content)
