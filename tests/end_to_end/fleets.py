"""Fleets of simulated accounts, and the command that looks at them."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.sandbox import Conduct, Faults, Sandbox, World
from tests.end_to_end.conftest import COMMAND, FAST, Auditor, Ran, serving, variables


@dataclass(frozen=True)
class FleetAuditor(Auditor):
    """The command in a folder with a `fleet.yaml`."""

    sandboxes: dict[str, Sandbox] = field(default_factory=dict)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        credentials = {
            f"{name.upper()}_{variable}": value
            for name, sandbox in self.sandboxes.items()
            for variable, value in variables(sandbox).items()
        }
        return super().environment({**credentials, **(env or {})})

    def fleet(self, command: str, *words: object, env: Mapping[str, str] | None = None) -> Ran:
        fast = FAST if command in ("audit", "nightly") else ()
        ran = self("fleet", command, *fast, *words, env=env)
        assert "Traceback" not in ran.err
        return ran

    def write(self, **more: Mapping[str, Any]) -> None:
        """The fleet file: a line for each account, with `more` about those named."""
        accounts = [
            {"name": name, "credentials": {"environment": name.upper()}, **more.get(name, {})}
            for name in self.sandboxes
        ]
        file = self.folder / "fleet.yaml"
        file.write_text(json.dumps({"name": "Demo", "plan": "business", "accounts": accounts}))

    def begun(self, command: str, *words: object) -> "subprocess.Popen[str]":
        """A command that is under way, in a process of its own."""
        return subprocess.Popen(
            [COMMAND, "fleet", command, *FAST, *map(str, words)],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def folders(self) -> list[str]:
        """Runs that are not, or not only, in the history."""
        return sorted(path.name for path in self.data.glob("runs/*"))

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self("history", "--all-accounts", "--format", "json").out
        )
        return found


@contextmanager
def fleet_of(folder: Path, **accounts: str | Faults | Conduct) -> Iterator[FleetAuditor]:
    """Accounts by name, each in a scenario, or drifted with faults or a conduct of its own."""
    with ExitStack() as stack:
        sandboxes = {}
        for seed, (name, how) in enumerate(accounts.items(), 1):
            scenario = how if isinstance(how, str) else "drifted"
            conduct = how if isinstance(how, Conduct) else Conduct(plan="none")
            if isinstance(how, Faults):
                conduct = Conduct(plan="none", faults=how)
            world = World(users=5, groups=1, seed=seed, scenario=scenario)
            sandboxes[name] = stack.enter_context(serving(world, conduct))
        auditor = FleetAuditor(folder, sandboxes=sandboxes)
        auditor.write()
        yield auditor


@contextmanager
def primary_of(folder: Path, *sub_accounts: str, **conduct: Any) -> Iterator[FleetAuditor]:
    """A clean primary account with sub accounts in these scenarios."""
    worlds = tuple(
        World(users=3, groups=1, seed=10 + number, scenario=scenario)
        for number, scenario in enumerate(sub_accounts)
    )
    world = World(users=3, groups=1, seed=9, scenario="clean")
    how = Conduct(**{"plan": "none", **conduct}, sub_accounts=worlds)
    with serving(world, how) as sandbox:
        auditor = FleetAuditor(folder, sandboxes={"top": sandbox})
        primary = {"credentials": {"environment": "TOP"}}
        (folder / "fleet.yaml").write_text(json.dumps({"name": "Demo", "primary": primary}))
        yield auditor
