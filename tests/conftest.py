"""What every test may rely on: nothing of the machine it runs on reaches it."""

import logging
import os
import signal
from collections.abc import Iterator

import pytest

from tests.names import same_everywhere


@pytest.fixture(autouse=True, scope="session")
def _nothing_of_this_machine() -> Iterator[None]:
    """No Zoom credentials, no settings of ours, no config file, no keyring."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("ZOOM_", "AUDITOR_")) and name != "AUDITOR_REAL_INPUT":
                patch.delenv(name)
        patch.delenv("CI", raising=False)
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        patch.setenv("AUDITOR_CONFIG", os.devnull)
        yield


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_interrupts() -> None:
    """A shell starts background jobs with Ctrl-C ignored, and every process inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The command sets up logging for its process; each test finds it as a new process would.

    Also where a fixture of a whole module ran the command before.
    """
    logger = logging.getLogger("auditor")
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
    yield
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names a set the same in every process: parallel workers have to agree on all names."""
    return same_everywhere(val) if isinstance(val, set | frozenset) else None
