"""`auditor report`: render a stored run, or print the schema of the JSON report."""

import json
from dataclasses import replace
from typing import Annotated

import typer

from auditor import config
from auditor.cli.choices import (
    BaselineOption,
    FormatOption,
    FrameworkOption,
    OrgOption,
    OutputOption,
    PassesOption,
    PseudonymiseOption,
    Selection,
)
from auditor.cli.handing_on import Manner
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
    framework: FrameworkOption = None,
    pseudonymise: PseudonymiseOption = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON report.")
    ] = False,
) -> None:
    """Render a stored run again, in any format. Needs no network.

    Examples:

    **auditor report --format html --output report.html**

    **auditor report --framework gdpr --pseudonymise --output report.html**

    **auditor report --format bundle --output run.zip**

    **auditor report --schema > report-v1.schema.json**
    """
    if schema:
        typer.echo(json.dumps(report_schema(), indent=2, ensure_ascii=False))
        return
    settings = config.load()
    destinations = Destinations.chosen(format_ or [], output or [])
    manner = Manner.chosen(framework, pseudonymise, settings)
    keep = include_passes or destinations.needs_passes or framework is not None
    selection = Selection(baseline=baseline, org=org, include_passes=keep)
    stored = Runs(settings.data)
    with (
        Snapshot.open(stored.path(run)) as snapshot,
        manner.judged(snapshot, selection.rejudgement(snapshot)) as judged,
    ):
        finished = replace(judged.run, trend=stored.trend(judged.run))
        destinations.emit(replace(judged, run=finished), ctx.obj, include_passes, settings)
