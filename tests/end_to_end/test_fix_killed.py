"""`fix apply` and `fix rollback`, killed at every request once, then continued or rolled back."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import COMMAND, Auditor, served
from tests.end_to_end.plans import PlanBuilder
from tests.end_to_end.test_fix_apply import COMPOSE, DROPBOX, Fix, writing

STEPS = 3
REQUESTS = 13
"""Of an apply of `plan`: a read, a write and a read for each step, and one more read for the lock;
and more than it sends."""


class Killer:
    """Kills a process at one of its requests, before or after the server acts on it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.at, self.stage, self.count = 0, "", 0

    def __call__(self, stage: str, _operation: str) -> None:
        if self.process is None or stage != self.stage:
            return
        self.count += 1
        if self.count == self.at:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def run(self, fix: Fix, at: int, stage: str, *words: object) -> int:
        """Run the command and kill it at a request; its exit code, -9 if it was killed."""
        self.at, self.stage, self.count = at, stage, 0
        environment = fix.auditor.environment(writing(fix.sandbox))
        process = self.process = subprocess.Popen(
            [COMMAND, "fix", *map(str, words), "--yes"],
            cwd=fix.auditor.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        code = process.wait(60)
        self.process = None
        return code


def plan(sandbox: Sandbox) -> PlanBuilder:
    builder = PlanBuilder(sandbox)
    first = builder.value(COMPOSE, True, False)
    builder.value(DROPBOX, True, False)
    builder.lock("chat.ai_compose", after=(first,), requires={COMPOSE: False})
    assert len(builder.steps) == STEPS
    return builder


def documents(sandbox: Sandbox) -> list[Any]:
    """Everything that the account serves at the account and its groups."""
    bodies = sandbox.service.changes.bodies
    surfaces: tuple[Any, ...] = ("settings", "lock_settings")
    groups = range(sandbox.world.group_count)
    found = [bodies("account", 0, surface) for surface in surfaces]
    found += [bodies("group", group, surface) for group in groups for surface in surfaces]
    return [{name: json.loads(text) for name, text in each.items()} for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["received", "answered"])
@pytest.mark.parametrize("at", range(1, REQUESTS + 1))
def test_killed_at_every_request_it_continues_and_can_be_taken_back(
    tmp_path: Path, at: int, stage: str
) -> None:
    killer = Killer()
    with served(users=30, observer=killer) as sandbox:
        fix = Fix(Auditor(tmp_path, sandbox), sandbox, plan(sandbox))
        before = documents(sandbox)
        file = fix.builder.written(tmp_path)
        code = killer.run(fix, at, stage, "apply", file)
        assert code == (-9 if killer.count >= at else 0)
        assert fix.result("apply") == (0, dict.fromkeys((1, 2, 3), "changed")) or code == 0
        done = documents(sandbox)
        assert done != before
        assert sandbox.service.writes == STEPS
        assert fix.result("rollback")[0] == 0
        assert documents(sandbox) == before


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["received", "answered"])
@pytest.mark.parametrize("at", range(1, REQUESTS + 1))
def test_killed_at_every_request_it_is_taken_back_at_once_or_by_a_second_rollback(
    tmp_path: Path, at: int, stage: str
) -> None:
    killer = Killer()
    with served(users=30, observer=killer) as sandbox:
        fix = Fix(Auditor(tmp_path, sandbox), sandbox, plan(sandbox))
        before = documents(sandbox)
        file = fix.builder.written(tmp_path)
        killer.run(fix, at, stage, "apply", file)
        killer.run(fix, at, stage, "rollback")
        assert fix.run("rollback", "--yes").code in (0, 4)
        assert documents(sandbox) == before
        assert fix.run("rollback", "--yes").code == 4
