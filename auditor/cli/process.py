"""Hardening of the process: file modes, core dumps and tracebacks."""

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress
from types import TracebackType

from auditor.cli.encoding import make_streams_lossless
from auditor.files import data_folder, permissions
from auditor.redaction.text import redacted_traceback

_PR_SET_DUMPABLE = 4
"""From <sys/prctl.h>."""

_AFTER_CALLBACK = 0.02
"""Seconds after which an interrupt that a callback swallowed is sent again; callbacks take less."""


def harden_process() -> None:
    """Harden this process, which must belong to the program alone.

    New files are private to their owner, whatever the umask. Uncaught errors in any thread are
    printed without secrets. No output fails because of its encoding. A crash leaves no core dump,
    which would contain secrets.
    """
    _disable_core_dumps()
    make_streams_lossless()
    data_folder.allow_temporary_files()
    os.umask(permissions.MASK)
    sys.excepthook = _show
    threading.excepthook = _show_of_thread
    sys.unraisablehook = _show_unraisable


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
