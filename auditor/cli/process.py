"""Hardening of the process: file modes, temporary files, core dumps and tracebacks."""

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

from auditor.cli.encoding import make_streams_lossless
from auditor.files import permissions
from auditor.redaction.text import redacted_traceback

TEMPORARY = "auditor-"
"""Prefix of temporary directories."""
_STALE_SECONDS = 24 * 3600.0
"""Seconds after which a temporary directory is stale: its process was killed."""


_PR_SET_DUMPABLE = 4
"""From <sys/prctl.h>."""

_log = logging.getLogger(__name__)
_hardened = False
_temporary: str | None = None


_AFTER_CALLBACK = 0.02
"""Seconds after which an interrupt that a callback swallowed is sent again; callbacks take less."""


def harden_process() -> None:
    """Harden this process, which must belong to the program alone.

    New files are private to their owner, whatever the umask. Uncaught errors in any thread are
    printed without secrets. No output fails because of its encoding. A crash leaves no core dump,
    which would contain secrets.
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
    """Check that the data directory is private, and use it for temporary files.

    Also sets the temporary directory of SQLite; TMPDIR may name another place. Temporary files stay
    where they are in a process that `harden_process` did not harden: TMPDIR belongs to the process.
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
            "Others could write to %s (mode %04o); that right was taken from them (mode %04o now).",
            data,
            *modes,
        )
    if make:
        with suppress(OSError):  # the first write reports the reason
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _hardened or os.environ.get("TMPDIR") not in ("", None, _temporary):
        return
    # tempfile reads TMPDIR when it creates the first file; without the directory it uses /tmp.
    if data.is_dir() and not os.access(data, os.W_OK):
        return  # read-only: temporary files go to the system's directory
    _temporary = os.environ["TMPDIR"] = str(data.absolute())
    if data.is_dir():
        _remove_stale_folders(data)
        _set_sqlite_directory(_temporary)


def _disable_core_dumps() -> None:
    """Keep the system from writing this process's memory to disk, or showing it to other processes.

    A limit of 0 prevents core files, but not the programs that Linux may pipe a core dump to (`|`
    in /proc/sys/kernel/core_pattern); they get nothing from a process that is not dumpable. Nor can
    a debugger or py-spy attach to it, unless root runs it. The process can still open its own
    /dev/stdout. Source: core(5), PR_SET_DUMPABLE in prctl(2).
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
