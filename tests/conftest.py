"""What every test may rely on: nothing of the machine it runs on reaches it."""

import gc
import logging
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.names import same_everywhere
from tests.programs import PROGRAMS, is_installed

_MISSING = "not installed: "
"""How the reason of a skip begins where system programs are missing."""

_slow_left_out = pytest.StashKey[int]()


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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose system programs are missing."""
    needed = {program for mark in item.iter_markers("needs") for program in mark.args}
    missing = sorted(program for program in needed if not is_installed(program))
    if missing:
        pytest.skip(_MISSING + ", ".join(missing))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, and give them more time than the others."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)
    if config.pluginmanager.hasplugin("timeout"):
        for item in items:
            if item.get_closest_marker("longest"):
                item.add_marker(pytest.mark.timeout(1200))


def pytest_collection_finish() -> None:
    """Keep modules and tests out of garbage collection: they are many, and never garbage.

    Searching them again and again took a sixth of the processor time of commands.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the slow tests that this run leaves out. A worker of xdist passes its count on."""
    if items:
        config = items[0].config
        slow = sum(item.get_closest_marker("slow") is not None for item in items)
        config.stash[_slow_left_out] = config.stash.get(_slow_left_out, 0) + slow
        if hasattr(config, "workeroutput"):
            config.workeroutput["slow_left_out"] = config.stash[_slow_left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count from a worker: each of them collects, and leaves out, the same tests."""
    left_out = getattr(node, "workeroutput", {}).get("slow_left_out", 0)
    node.config.stash[_slow_left_out] = left_out


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say at the end what was not run, and what would run it."""
    missing: set[str] = set()
    count = 0
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(_MISSING):
            count += 1
            missing.update(reason.removeprefix(_MISSING).split(", "))
    if missing:
        packages = sorted({PROGRAMS[program] for program in missing})
        terminalreporter.line(
            f"Tests skipped: {count}. Not installed: {', '.join(sorted(missing))}."
        )
        terminalreporter.line(f"To run them (Debian, Ubuntu): apt-get install {' '.join(packages)}")
    if left_out := config.stash.get(_slow_left_out, 0):
        terminalreporter.line(f"Slow tests left out: {left_out}. `make test-all` runs them too.")
