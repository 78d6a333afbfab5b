"""`auditor report`: render a stored run, or print the schema of the JSON report."""

import json
from typing import Annotated

import typer

from auditor import config
from auditor import run as runs
from auditor.cli.choices import (
    BaselineOption,
    FormatOption,
    OrgOption,
    OutputOption,
    PassesOption,
    Selection,
)
from auditor.cli.reporting import Destinations
from auditor.evidence.snapshot import Snapshot
from auditor.report import schema as report_schema
from auditor.store.runs import Runs


def report(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="A run's id, or the path of a snapshot.")] = "latest",
    baseline: BaselineOption = None,
    org: OrgOption = None,
    include_passes: PassesOption = False,
    format_: FormatOption = None,
    output: OutputOption = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON report.")
    ] = False,
) -> None:
    """Render a stored run again, in any format. Needs no network.

    Examples:

    **auditor report --format html --output report.html**

    **auditor report --schema > report-v1.schema.json**
    """
    if schema:
        typer.echo(json.dumps(report_schema(), indent=2, ensure_ascii=False))
        return
    settings = config.load()
    destinations = Destinations.chosen(format_ or [], output or [])
    keep = include_passes or destinations.needs_passes
    selection = Selection(baseline=baseline, org=org, include_passes=keep)
    with Snapshot.open(Runs(settings.data).path(run)) as snapshot:
        finished = runs.judge(snapshot, selection.rejudgement(snapshot))
        destinations.emit(finished, ctx.obj, include_passes)
