"""`fix apply` broken off by Ctrl-C or a full disk: nothing is half done without saying so."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.errors import DiskFull
from auditor.store.journals import Journals
from auditor.writing.client import SettingsWriter
from tests.end_to_end.conftest import Auditor, served
from tests.end_to_end.plans import PlanBuilder
from tests.end_to_end.test_fix_apply import COMPOSE, DROPBOX, Fix


@pytest.fixture
def fix(tmp_path: Path) -> Iterator[Fix]:
    with served(users=10) as sandbox:
        fix = Fix(Auditor(tmp_path, sandbox), sandbox, PlanBuilder(sandbox))
        fix.builder.value(COMPOSE, True, False)
        fix.builder.value(DROPBOX, True, False)
        yield fix


def failing(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int, error: Any) -> None:
    """Let a method raise at its call number `at`."""
    method, calls = getattr(owner, name), iter(range(1, 100))

    def instead(*words: Any, **named: Any) -> Any:
        if next(calls) == at:
            raise error
        return method(*words, **named)

    monkeypatch.setattr(owner, name, instead)


@pytest.mark.parametrize(
    ("owner", "name", "at", "error", "code", "sent"),
    [
        (Journals, "begin", 1, DiskFull("The disk is full."), 4, 0),
        (Journals, "intend", 1, DiskFull("The disk is full."), 4, 0),
        (Journals, "intend", 2, DiskFull("The disk is full."), 1, 1),
        (Journals, "conclude", 1, DiskFull("The disk is full."), 1, 1),
        (Journals, "conclude", 2, DiskFull("The disk is full."), 1, 2),
        (Journals, "finish", 1, DiskFull("The disk is full."), 1, 2),
        (SettingsWriter, "write", 2, KeyboardInterrupt(), 130, 1),
        (SettingsWriter, "read", 2, KeyboardInterrupt(), 130, 1),
    ],
    ids=lambda value: str(value) if isinstance(value, str | int) else "",
)
def test_it_says_how_far_it_came_and_the_same_command_continues(
    fix: Fix,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    at: int,
    error: Any,
    code: int,
    sent: int,
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, owner, name, at, error)
        ran = fix("apply", "--yes")
    assert (ran.code, fix.writes) == (code, sent)
    assert "journal" in ran.err or code == 4
    done = fix.result("apply")
    assert (done[0], fix.writes) == (0, 2)
    assert fix.result("rollback")[0] == 0
    assert (fix.value(COMPOSE), fix.value(DROPBOX)) == (True, True)


def test_the_journal_that_is_named_is_undone_and_another_name_does_nothing(fix: Fix) -> None:
    journals = []
    for setting in (COMPOSE, DROPBOX):
        fix.builder = PlanBuilder(fix.sandbox)
        fix.builder.value(setting, True, False)
        ran = fix("apply", "--yes", "--format", "json")
        journals.append(json.loads(ran.out)["journal"])
    assert fix.run("rollback", "fix-1", "--yes").code == 4
    assert fix.run("rollback", journals[0], "--yes").code == 0
    assert (fix.value(COMPOSE), fix.value(DROPBOX)) == (True, False)
    assert fix.run("rollback", journals[0], "--yes").code == 4
    assert fix.run("rollback", "--yes").code == 0
    assert fix.value(DROPBOX) is True
