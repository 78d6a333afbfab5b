"""What surrounds the program in its process: modes of files, temporary ones, what a crash shows."""

import ctypes
import logging
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType

from auditor import permissions
from auditor.cli.encoding import make_streams_lossless
from auditor.zoom.redaction import redacted_traceback

TEMPORARY = "auditor-"
"""What the names of temporary folders begin with."""
_STALE_SECONDS = 24 * 3600.0
"""Seconds after which a temporary folder belongs to no run any more: its process was killed."""


_PR_SET_DUMPABLE = 4
"""Of <sys/prctl.h>."""

_log = logging.getLogger(__name__)
_hardened = False
_temporary: str | None = None


_AFTER_CALLBACK = 0.02
"""Seconds after which an interrupt that a callback swallowed is sent again; callbacks take less."""


def harden_process() -> None:
    """Make this process, which is the program's own, a safe place.

    Files are made for their owner alone, whatever the umask was. Errors that nobody catches, in
    any thread, are shown without secrets. No output fails because of its encoding. The memory of a
    crash, in which secrets are, goes nowhere.
    """
    global _hardened
    _disable_core_dumps()
    make_streams_lossless()
    _hardened = True
    os.umask(permissions.MASK)
    sys.excepthook = _show
    threading.excepthook = _show_of_thread
    sys.unraisablehook = _show_unraisable


def prepare_data_dir(data: Path, *, make: bool = False, writing: bool = False) -> None:
    """Make sure that the data directory is private, and have temporary files made there.

    SQLite's too; TMPDIR may name another place. Only in a process that was settled: the variable
    is the process's own. Who is `writing` there takes it from others who may write to it, and says
    so; who only reads leaves it as it is. With `make`, which is writing, too, it is made where it
    can be.

    Raises:
        NotPrivate: others can change what is in the data directory.
    """
    global _temporary
    permissions.check_folder(data)
    modes = permissions.restrict(data) if make or writing else None
    if modes is not None:
        permissions.check_folder(data)  # nobody can have put anything there since
        _log.warning(
            "Others could write to %s (mode %04o); that right was taken from them (mode %04o now).",
            data,
            *modes,
        )
    if make:
        with suppress(OSError):  # whoever wants to write there tells why it cannot be
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _hardened or os.environ.get("TMPDIR") not in ("", None, _temporary):
        return
    # Looked at when the first such file is made; where there is no folder yet, /tmp is used.
    if data.is_dir() and not os.access(data, os.W_OK):
        return  # it is only read; the system's folder for temporary files is used
    _temporary = os.environ["TMPDIR"] = str(data.absolute())
    if data.is_dir():
        _remove_stale_folders(data)
        _set_sqlite_directory(_temporary)


def _disable_core_dumps() -> None:
    """Have the system write no memory of this process to disk, and show it to no other of the user.

    A limit of 0 keeps core files away, but not the programs that Linux may hand the memory to
    (`|` in /proc/sys/kernel/core_pattern): these get none of a process that is not dumpable. Nor
    can a debugger or py-spy then attach to it, unless it is root's. The process still reaches its
    own /dev/stdout. Source: core(5), PR_SET_DUMPABLE in prctl(2).
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _set_sqlite_directory(folder: str) -> None:
    """Name the place to SQLite, which has read TMPDIR before the program could set it.

    The pragma holds for the process. It is deprecated; a SQLite without it ignores it.
    """
    quoted = folder.replace("'", "''")
    with suppress(sqlite3.Error, UnicodeEncodeError), closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA temp_store_directory = '{quoted}'")


def _remove_stale_folders(data: Path) -> None:
    """Remove the temporary folders of processes that were killed."""
    with suppress(OSError):
        for folder in data.glob(f"{TEMPORARY}*"):
            if folder.is_dir() and folder.lstat().st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    _print_traceback(error)


def _show_of_thread(caught: threading.ExceptHookArgs) -> None:
    if caught.exc_value is not None:
        _print_traceback(caught.exc_value)


def _show_unraisable(caught: "sys.UnraisableHookArgs") -> None:
    """Show an exception in a destructor or a weak reference's callback, which Python ignores.

    A Ctrl-C that arrives there is not ignored: it is sent again once the callback has ended.
    """
    if isinstance(caught.exc_value, KeyboardInterrupt):
        main = threading.main_thread().ident
        if main is not None:
            again = threading.Timer(_AFTER_CALLBACK, signal.pthread_kill, (main, signal.SIGINT))
            again.daemon = True
            again.start()
    elif caught.exc_value is not None:
        _print_traceback(caught.exc_value)


def _print_traceback(error: BaseException) -> None:
    with suppress(OSError, ValueError, AttributeError):  # standard error may be closed
        sys.stderr.write(f"{redacted_traceback(error)}\n")
