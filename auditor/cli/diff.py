"""`auditor diff`: what changed between two runs."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from auditor.cli import output as files
from auditor.cli.encoding import stdout_for_json, stdout_for_text
from auditor.cli.options import AccountOption, SandboxRunsOption
from auditor.cli.terminal import Terminal

if TYPE_CHECKING:
    from auditor.findings.drift import Drift
    from auditor.report.diff_output import Titles

MAX_WIDTH = 120
"""Maximum columns of the text report."""


class DiffFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


_SUFFIXES = {".json": DiffFormat.JSON, ".md": DiffFormat.MARKDOWN}


def diff(
    ctx: typer.Context,
    earlier: Annotated[
        str | None,
        typer.Argument(metavar="[A]", help="The earlier run. [default: the one before B]"),
    ] = None,
    later: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="The later run. [default: the newest]"),
    ] = None,
    format_: Annotated[
        DiffFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="The format. [default: text, for a file by its suffix]",
            show_default=False,
        ),
    ] = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the comparison to this file."),
    ] = None,
) -> None:
    """Show what changed between two runs of an account: deviations, unknowns, settings, scopes.

    A single run is compared with the one before it.

    Examples:

    **auditor diff**

    **auditor diff 20261120T220501-042Z-4f9c2a latest --format json**
    """
    from auditor.app.compare import open_chosen_comparison
    from auditor.app.runs import RunSource
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    if output is not None:
        files.check_writable(output)
    chosen = format_ or _SUFFIXES.get(output.suffix.lower() if output else "", DiffFormat.TEXT)
    source = RunSource.chosen(config.load(), terminal.say, account=account, sandbox=sandbox)
    with open_chosen_comparison(source, earlier, later) as (drift, titles):
        write = partial(_write, drift, titles, chosen, min(terminal.width, MAX_WIDTH))
        if output is not None:
            files.write(output, write)
        else:
            out = stdout_for_json() if chosen is DiffFormat.JSON else stdout_for_text()
            write(out)
            out.flush()


def _write(drift: "Drift", titles: "Titles", chosen: DiffFormat, width: int, out: BinaryIO) -> None:
    from auditor.report import diff_output

    if chosen is DiffFormat.JSON:
        for piece in diff_output.as_json(drift, titles):
            out.write(piece.encode("utf-8", "replace"))
        return
    if chosen is DiffFormat.MARKDOWN:
        text = diff_output.as_markdown(drift, titles)
    else:
        text = diff_output.as_text(drift, titles, width)
    out.write(text.encode("utf-8", "replace"))
