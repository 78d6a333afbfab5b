"""`auditor baseline`: the baselines, what they expect, and whether a file is one."""

import textwrap
from typing import Annotated

import typer
from tabulate import tabulate

from auditor.cli.terminal import Terminal
from auditor.evidence.scope import Level
from auditor.policy import baseline as baselines
from auditor.policy import files
from auditor.policy.baseline import Assessed
from auditor.policy.evaluate import not_reached
from auditor.policy.operators import OPERATORS, Expectation

app = typer.Typer(no_args_is_help=True, help="The baselines: what the settings should be.")


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the baselines that come with the program.

    Example:

    **auditor baseline list**
    """
    terminal: Terminal = ctx.obj
    catalogue = files.shipped_catalogue()
    rows = []
    for name in baselines.names():
        loaded = baselines.load(name, catalogue)
        title = textwrap.shorten(loaded.info.title, max(20, terminal.width - 36), placeholder="…")
        rows.append((name, loaded.info.version, len(loaded.assessed), title))
    typer.echo(tabulate(rows, headers=("Baseline", "Version", "Controls", "In one line")))
    typer.echo("\nWhat one expects: auditor baseline show NAME")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|FILE")],
) -> None:
    """Show what a baseline expects of each control, with all that it extends.

    Example:

    **auditor baseline show strict**
    """
    terminal: Terminal = ctx.obj
    loaded = baselines.load(name, files.shipped_catalogue())
    width = terminal.width
    typer.echo(f"{loaded.info.id} {loaded.info.version}: {loaded.info.title}")
    for text in (loaded.meaning, loaded.who):
        if text:
            typer.echo(textwrap.fill(text, min(width, 100)))
    typer.echo(f"{loaded.info.digest}\n")
    rows = [row for each in loaded.assessed.values() for row in _rows(each, width)]
    typer.echo(tabulate(rows, headers=("Control", "Severity", "Lock", "Setting", "Expected")))


@app.command()
def check(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A baseline file.")],
) -> None:
    """Check a baseline file: every control, setting and operator in it has to exist.

    Example:

    **auditor baseline check our-baseline.yaml**
    """
    loaded = baselines.load(path, files.shipped_catalogue())
    checks = sum(len(each.expectations) for each in loaded.assessed.values())
    beyond = len(not_reached(loaded, Level.USER))
    typer.echo(
        f"{path}: valid. It assesses {len(loaded.assessed)} controls with {checks} settings"
        + (f"; {beyond} of them only at --depth meeting." if beyond else ".")
    )


def _rows(each: Assessed, width: int) -> list[tuple[str, str, str, str, str]]:
    lock = "yes" if each.lock else ""
    room = max(16, (width - 30) // 2)
    if each.attest is not None:
        expected = textwrap.shorten(f"attested: {each.attest}", room, placeholder="…")
        return [(each.control.id, each.severity, lock, "(attestation)", expected)]
    return [
        (
            each.control.id,
            each.severity,
            lock,
            _fitted(setting, room),
            textwrap.shorten(described(expectation), room, placeholder="…"),
        )
        for setting, expectation in each.expectations.items()
    ]


def _fitted(setting: str, room: int) -> str:
    """A path cut at its front, where it says least."""
    return setting if len(setting) <= room else "…" + setting[1 - room :]


def described(expectation: Expectation) -> str:
    """An expectation in words: `is one of the values [1, 2]`."""
    meaning = OPERATORS[expectation.op].meaning
    if expectation.param is not None:
        meaning += f" ({expectation.param})"
    elif expectation.op == "eq":
        meaning = str(expectation.value).lower()
    elif expectation.value is not None:
        meaning += f": {expectation.value}"
    if expectation.group_exception_param is not None:
        meaning += f", except groups in {expectation.group_exception_param}"
    return meaning
