"""`auditor inventory`: what every feature of AI, sharing and recording is set to."""

import json
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from auditor.cli import output as files
from auditor.cli.encoding import echo_json, stdout_for_json, stdout_for_text
from auditor.cli.options import (
    AccountOption,
    PseudonymiseOption,
    SandboxRunsOption,
    SettingPathOption,
)
from auditor.cli.terminal import Terminal

if TYPE_CHECKING:
    from auditor.findings.inventory import Inventory

MAX_WIDTH = 110
"""Maximum columns of the text."""


class InventoryFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"
    MARKDOWN = "markdown"


_SUFFIXES = {
    ".json": InventoryFormat.JSON,
    ".csv": InventoryFormat.CSV,
    ".html": InventoryFormat.HTML,
    ".md": InventoryFormat.MARKDOWN,
}


def inventory(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|FILE]",
            help="A stored run's id, or latest, or a snapshot file (a path with a slash or ending "
            "in .sqlite).",
        ),
    ] = "latest",
    topic: Annotated[
        list[str] | None,
        typer.Option(
            "--topic",
            metavar="TOPIC",
            help="Only this topic, e.g. ai or retention; may be repeated. "
            "[default: ai, third-party-sharing and recording]",
            show_default=False,
        ),
    ] = None,
    setting: SettingPathOption = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="NAME|ID",
            help="Only this group and its members; may be repeated.",
        ),
    ] = None,
    format_: Annotated[
        InventoryFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="The format. [default: text, for a file by its suffix]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the inventory to this file."),
    ] = None,
    pseudonymise: PseudonymiseOption = False,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON inventory.")
    ] = False,
) -> None:
    """List what is on of AI, sharing and recording, for whom, who can change it. Needs no network.

    These are facts from a stored run. No baseline takes part; a value that was not read has a
    cause instead.

    Examples:

    **auditor inventory --topic ai**

    **auditor inventory --group Sales --output sales.csv**

    **auditor inventory --setting 'recording.\\*'**
    """
    from auditor.app.export import ExportOptions
    from auditor.app.inventory import FeatureSelection, take_inventory
    from auditor.app.runs import RunSource
    from auditor.config import settings as config
    from auditor.report import inventory_output

    if schema:
        echo_json(json.dumps(inventory_output.schema(), indent=2, ensure_ascii=False))
        return
    terminal: Terminal = ctx.obj
    if output is not None:
        files.check_writable(output)
    suffix = output.suffix.lower() if output is not None else ""
    chosen = format_ or _SUFFIXES.get(suffix, InventoryFormat.TEXT)
    settings = config.load()
    export = ExportOptions.chosen(None, pseudonymise, settings)
    source = RunSource.chosen(settings, terminal.say, account=account, sandbox=sandbox)
    selection = FeatureSelection(tuple(topic or ()), tuple(setting or ()), tuple(group or ()))
    found = take_inventory(source, run, selection, export)
    write = partial(_write, found, chosen, min(terminal.width, MAX_WIDTH))
    if output is not None:
        files.write(output, write)
    else:
        out = stdout_for_json() if chosen is InventoryFormat.JSON else stdout_for_text()
        write(out)
        out.flush()


def _write(found: "Inventory", chosen: InventoryFormat, width: int, out: BinaryIO) -> None:
    from auditor.report import inventory_output

    match chosen:
        case InventoryFormat.JSON:
            for piece in inventory_output.as_json(found):
                out.write(piece.encode("utf-8", "replace"))
        case InventoryFormat.CSV:
            for row in inventory_output.as_csv(found):
                out.write(row)
        case InventoryFormat.HTML:
            out.write(inventory_output.as_html(found).encode("utf-8", "replace"))
        case InventoryFormat.MARKDOWN:
            out.write(inventory_output.as_markdown(found).encode("utf-8", "replace"))
        case InventoryFormat.TEXT:
            out.write(inventory_output.as_text(found, width).encode("utf-8", "replace"))
