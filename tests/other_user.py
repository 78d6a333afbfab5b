"""Two real users, for tests that run as root: files of one, a process of the other."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ME, SOMEBODY = 65534, 64321
"""Numbers of users that no system gives to a person."""


@contextmanager
def folder_of_mine() -> Iterator[Path]:
    """A folder that belongs to ME alone, where ME gets at it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can be two users")
    made = Path(tempfile.mkdtemp(prefix="two-users-"))
    try:
        os.chown(made, ME, ME)
        yield made
    finally:
        shutil.rmtree(made)


def as_me(action: Callable[[], object]) -> str:
    """What `action` returns, or the error it ends with, in a process of ME.

    Modules that it needs have to be loaded: ME need not get at where they are.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setgroups([])
            os.setgid(ME)
            os.setuid(ME)
            try:
                outcome = f"{action()}"
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"
            os.write(writing, outcome.encode()[:60_000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        outcome = answer.read()
    os.waitpid(child, 0)
    return outcome
