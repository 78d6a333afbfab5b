"""The command, in this process or installed, and simulated accounts to point it at."""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest
from _pytest.mark import ParameterSet
from typer.testing import CliRunner

from auditor.sandbox import Conduct, Faults, Sandbox, World, serve

COMMAND_LINE = importlib.import_module("auditor.cli.main")
COMMAND = Path(sys.executable).parent / "auditor"
FAST = ("--max-rate", "5000", "--rate-share", "1")
"""The simulated account is this machine's alone."""


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Standard output as a JSON report."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """A clean environment: nothing of the host but the paths, and what coverage needs.

    A variable of coverage that `more` empties is left out: the process is not measured then.
    """
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    base = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AUDITOR_HOME": str(home / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    merged = {**kept, **base, **more}
    return {name: value for name, value in merged.items() if value or not name.startswith("COV")}


def variables(account: Any) -> dict[str, str]:
    """The environment variables that point the command at a served account."""
    return {
        "ZOOM_API_URL": account.api_url,
        "ZOOM_OAUTH_URL": account.oauth_url,
        "ZOOM_ACCOUNT_ID": account.account_id,
        "ZOOM_CLIENT_ID": account.client_id,
        "ZOOM_CLIENT_SECRET": account.client_secret,
    }


def _without_this_network() -> dict[str, None]:
    """No proxy and no certificates of the machine that runs the tests."""
    return {
        name: None
        for name in os.environ
        if name.upper().endswith(("_PROXY", "_CA_BUNDLE")) or name.startswith("SSL_CERT_")
    }


@dataclass(frozen=True)
class Auditor:
    """The command, in a folder of its own: in this process, which saves a second each time."""

    folder: Path
    account: Any = None

    @property
    def data(self) -> Path:
        """Where runs are kept."""
        return self.folder / "data"

    def at(self, account: Any) -> Self:
        """The same, pointed at another account."""
        return replace(self, account=account)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment it runs in."""
        pointed = variables(self.account) if self.account is not None else {}
        return environment(self.folder, **{**pointed, **(env or {})})

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> Ran:
        """Run it."""
        hoisted = COMMAND_LINE.move_global_options_first([str(argument) for argument in arguments])
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(
                COMMAND_LINE.app,
                hoisted,
                prog_name="auditor",
                input=stdin,
                env={**_without_this_network(), **self.environment(env)},
            )
        return Ran(result.exit_code, result.stdout, result.stderr)

    def audit(self, *arguments: object, env: Mapping[str, str] | None = None) -> Ran:
        """Run an audit of the account."""
        return self("audit", *FAST, *arguments, env=env)

    def report(self, *arguments: object) -> dict[str, Any]:
        """The JSON report of an audit of the account."""
        ran = self.audit("--format", "json", *arguments)
        assert ran.code in (0, 1, 3), ran.err
        return ran.report


class Installed(Auditor):
    """The command as a user runs it, for what only a process of its own can show."""

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> Ran:
        """Run it."""
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(env),
            input=(stdin or "").encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def slow(*values: object) -> ParameterSet:
    """Parameters of a test that is slow with these: the others keep the promise in `make test`."""
    return pytest.param(*values, marks=pytest.mark.slow)


@contextlib.contextmanager
def serving(world: World, conduct: Conduct) -> Iterator[Sandbox]:
    """A simulated account. Stopping takes a quarter of a second, for which no test has to wait."""
    manager = serve(world, conduct=conduct)
    sandbox = manager.__enter__()
    try:
        yield sandbox
    finally:
        threading.Thread(target=manager.__exit__, args=(None, None, None)).start()


@contextlib.contextmanager
def served(
    scenario: str = "drifted",
    users: int = 20,
    faults: Faults | None = None,
    groups: int | None = None,
    **conduct: Any,
) -> Iterator[Sandbox]:
    """A simulated account without rate limits."""
    world = World(users=users, scenario=scenario, groups=groups)
    how = Conduct(plan="none", faults=faults or Faults(), **conduct)
    with serving(world, how) as sandbox:
        yield sandbox


Accounts = Callable[[str], Sandbox]


@pytest.fixture(scope="session")
def accounts() -> Iterator[Accounts]:
    """Undisturbed accounts of 20 users by scenario, each served once."""
    with contextlib.ExitStack() as stack:
        known: dict[str, Sandbox] = {}

        def account(scenario: str) -> Sandbox:
            if scenario not in known:
                known[scenario] = stack.enter_context(served(scenario))
            return known[scenario]

        yield account


@pytest.fixture(scope="session")
def drifted(accounts: Accounts) -> Sandbox:
    """The account in which things have gone wrong."""
    return accounts("drifted")


@pytest.fixture
def auditor(tmp_path: Path, drifted: Sandbox) -> Auditor:
    """The command in an empty folder, pointed at the drifted account."""
    return Auditor(tmp_path, drifted)


@pytest.fixture
def installed(tmp_path: Path, drifted: Sandbox) -> Installed:
    """The same in a process of its own."""
    return Installed(tmp_path, drifted)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, drifted: Sandbox) -> tuple[Auditor, Ran]:
    """The command in a folder with one stored run of the drifted account, and that run.

    Tests that share it only read it.
    """
    auditor = Auditor(tmp_path_factory.mktemp("stored"), drifted)
    ran = auditor.audit("--format", "json")
    assert ran.code in (0, 3), ran.err
    return auditor, ran


def keys(report: Mapping[str, Any], status: str = "fail") -> set[tuple[str, ...]]:
    """Where findings of a status stand: level, scope id, control, setting, kind."""
    return {
        (f["scope"]["level"], f["scope"]["id"], f["control"], f["setting"], f["kind"])
        for f in report["findings"]
        if f["status"] == status
    }
