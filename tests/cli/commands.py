"""The command in this process, and runs for it to look at."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner, Result

from auditor.app.audit import EvaluationConfig
from auditor.cli.main import app, move_global_options_first
from auditor.evidence.scope import Scope
from auditor.evidence.snapshot import Snapshot
from auditor.store.runs import Runs
from tests.app.stored import finished
from tests.builders import ACCOUNT, LISTED, Bodies, outcome

Command = Callable[..., Result]


def ran(*words: object, stdin: str = "") -> Result:
    """What comes of a command; `stdin` is what a person types."""
    return CliRunner().invoke(
        app, move_global_options_first([str(word) for word in words]), input=stdin
    )


@functools.cache
def program() -> Any:
    """The program with every command imported, to look at options and help."""
    root: Any = typer.main.get_command(app)
    root.commands = {name: command.imported() for name, command in root.commands.items()}
    return root


def store(home: Path, judged_with: EvaluationConfig, *scopes: tuple[Scope, Bodies]) -> str:
    """Store a finished run under `home`; its id."""
    runs = Runs(home)
    run_id = runs.new_id()
    with runs.new(run_id) as snapshot:
        fill(snapshot, *scopes)
        finished(snapshot, judged_with, run_id)
    snapshot.close()
    return run_id


def fill(snapshot: Snapshot, *scopes: tuple[Scope, Bodies]) -> None:
    with snapshot.transaction():
        for scope, bodies in [*scopes, (ACCOUNT, LISTED)]:
            snapshot.add_scope(scope)
            for view, body in bodies.items():
                snapshot.record(scope, view, outcome(scope, view, body))


def output_text(result: Result) -> str:
    """Everything it said, on one line."""
    return " ".join(result.output.split())


def answers(*lines: Any) -> str:
    return "".join(f"{line}\n" for line in lines)
