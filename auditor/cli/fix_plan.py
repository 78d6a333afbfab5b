"""`auditor fix plan`: the fewest changes that bring the account of a stored run to its baseline."""

import json
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from auditor.cli import output as files
from auditor.cli.encoding import echo_json, stdout_for_json, stdout_for_text
from auditor.cli.options import AccountOption, OnlyOption, SandboxRunsOption, TopicOption
from auditor.cli.terminal import Terminal
from auditor.errors import ExitCode

if TYPE_CHECKING:
    from auditor.fix.model import FixPlan

MAX_WIDTH = 80
"""Maximum columns of the text."""


class PlanFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class PlanLevel(StrEnum):
    """The values of `--level`."""

    ACCOUNT = "account"
    GROUP = "group"
    USER = "user"


_SUFFIXES = {
    ".txt": PlanFormat.TEXT,
    ".html": PlanFormat.HTML,
    ".md": PlanFormat.MARKDOWN,
}


def plan(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|FILE]",
            help="A stored run's id, or latest, or a snapshot file (a path with a slash or ending "
            "in .sqlite).",
        ),
    ] = "latest",
    only: OnlyOption = None,
    topic: TopicOption = None,
    level: Annotated[
        PlanLevel | None,
        typer.Option(
            "--level",
            help="The lowest level whose settings may be changed. [default: user]",
            show_default=False,
        ),
    ] = None,
    no_locks: Annotated[bool, typer.Option("--no-locks", help="Set no lock; values only.")] = False,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME|FILE", help="Another baseline than the run's."),
    ] = None,
    org: Annotated[
        Path | None,
        typer.Option(
            "--org", metavar="FILE", help="The organisation file as it is now, not as in the run."
        ),
    ] = None,
    what_if: Annotated[
        Path | None,
        typer.Option(
            "--what-if",
            metavar="PLAN",
            help="Predict the verdicts for the steps in this file, which you may have changed.",
        ),
    ] = None,
    format_: Annotated[
        PlanFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="The format. [default: text; for a file by its suffix, else json]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PLAN", help="Write the plan to this file."),
    ] = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the plan.")
    ] = False,
) -> None:
    """Plan the fewest changes that bring the account of a stored run to its baseline. Needs no
    network.

    A value right and locked at the account replaces a change to each person. What a waiver, an
    override or a parameter allows is kept. Steps that Zoom has no request for say where a person
    makes them. Nothing is changed. The exit code is 3 if the run could not read everything, since
    the plan may then miss deviations.

    Examples:

    **auditor fix plan --output plan.json**

    **auditor fix plan --topic ai --no-locks**

    **auditor fix plan --what-if plan.json**
    """
    from auditor.app.fix_plans import PlanOptions, plan_fix, try_plan
    from auditor.app.runs import RunSource
    from auditor.app.selection import Selection
    from auditor.config import settings as config
    from auditor.evidence.scope import Level
    from auditor.fix import model

    if schema:
        echo_json(json.dumps(model.schema(), indent=2, ensure_ascii=False))
        return
    terminal: Terminal = ctx.obj
    if output is not None:
        files.check_writable(output)
    source = RunSource.chosen(config.load(), terminal.say, account=account, sandbox=sandbox)
    options = PlanOptions(
        only=tuple(only or ()),
        topics=tuple(topic or ()),
        level=None if level is None else Level(level.value),
        locks=not no_locks,
        policy=Selection(baseline=baseline, org=org),
    )
    found = plan_fix(source, run, options) if what_if is None else try_plan(source, what_if, run)
    chosen = format_ or format_of(output)
    write = partial(write_plan, found, chosen, min(terminal.width, MAX_WIDTH))
    if output is None:
        out = stdout_for_json() if chosen is PlanFormat.JSON else stdout_for_text()
        write(out)
        out.flush()
    else:
        files.write(output, write)
        if chosen is PlanFormat.JSON:
            from auditor.fix import wording

            for sentence in (wording.headline(found), *wording.summary(found)):
                terminal.say(sentence)
    if not found.complete:
        raise typer.Exit(ExitCode.INCOMPLETE)


def format_of(output: Path | None) -> PlanFormat:
    """The format of a file by its suffix, JSON for unknown ones; text without a file."""
    if output is None:
        return PlanFormat.TEXT
    return _SUFFIXES.get(output.suffix.lower(), PlanFormat.JSON)


def write_plan(found: "FixPlan", chosen: PlanFormat, width: int, out: BinaryIO) -> None:
    """Write a plan to `out`; `width` is the columns of the text."""
    from auditor.fix import page, text

    match chosen:
        case PlanFormat.JSON:
            out.write(found.dumped().encode("utf-8", "replace"))
        case PlanFormat.MARKDOWN:
            out.write(page.as_markdown(found).encode("utf-8", "replace"))
        case PlanFormat.HTML:
            out.write(page.as_html(found).encode("utf-8", "replace"))
        case PlanFormat.TEXT:
            lines = "\n".join(text.as_text(found, width)) + "\n"
            out.write(lines.encode("utf-8", "replace"))
