"""`auditor report`: render a stored run, or print the schema of the JSON report."""

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    BaselineOption,
    FormatOption,
    FrameworkOption,
    OrgOption,
    OutputOption,
    PassesOption,
    PseudonymiseOption,
    SandboxRunsOption,
)
from auditor.cli.terminal import Terminal

if TYPE_CHECKING:
    from auditor.app.export import ExportOptions
    from auditor.app.runs import RunSource
    from auditor.app.selection import Selection
    from auditor.cli.reporting import Destinations
    from auditor.report import Options


def report(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|FILE]",
            help="A stored run's id, or latest, or a snapshot file (a path with a slash or ending "
            "in .sqlite).",
        ),
    ] = "latest",
    baseline: BaselineOption = None,
    org: OrgOption = None,
    include_passes: PassesOption = False,
    format_: FormatOption = None,
    output: OutputOption = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            "--control",
            metavar="CONTROL",
            help="Only this control, in the terminal with its people and its fix; may be repeated.",
        ),
    ] = None,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary",
            help="Three pages: the answer, what is on and for whom, what is broken and how to "
            "fix it, what nobody has answered. Text, Markdown, HTML and PDF.",
        ),
    ] = False,
    annex: Annotated[
        bool,
        typer.Option(
            "--annex/--no-annex",
            help="With the annex of the long lists: names, evidence, rows without an answer. "
            "Markdown, HTML and PDF.",
        ),
    ] = True,
    framework: FrameworkOption = None,
    pseudonymise: PseudonymiseOption = False,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON report.")
    ] = False,
) -> None:
    """Render a stored run again, in any format. Needs no network.

    Examples:

    **auditor report --format html --output report.html**

    **auditor report --control AI-02**

    **auditor report --summary --output summary.pdf**

    **auditor report --framework gdpr --pseudonymise --output report.html**

    **auditor report --format bundle --output run.zip**

    **auditor report --schema > report-v1.schema.json**
    """
    from auditor.app.export import ExportOptions
    from auditor.app.runs import RunSource
    from auditor.app.selection import Selection
    from auditor.cli.reporting import Destinations
    from auditor.config import settings as config
    from auditor.report import Options
    from auditor.report import schema as report_schema

    if schema:
        echo_json(json.dumps(report_schema(), indent=2, ensure_ascii=False))
        return
    settings = config.load()
    destinations = Destinations.chosen(format_ or [], output or [])
    export = ExportOptions.chosen(framework, pseudonymise, settings)
    keep = include_passes or destinations.needs_passes or framework is not None
    only = [name.upper() for name in control or ()]
    selection = Selection(baseline=baseline, org=org, only=only, include_passes=keep)
    source = RunSource.chosen(settings, ctx.obj.say, account=account, sandbox=sandbox)
    view = Options(
        include_passes=include_passes, controls=tuple(only), summary=summary, annex=annex
    )
    render(source, run, selection, export, destinations, view, ctx.obj)


def render(
    source: "RunSource",
    run: str,
    selection: "Selection",
    export: "ExportOptions",
    destinations: "Destinations",
    view: "Options",
    terminal: Terminal,
) -> None:
    """Render a run of `source`, by id, `latest` or file."""
    from auditor.app.storing import drift_since_previous, with_history

    stored, evidence = source.opened_file(run)
    with (
        evidence as snapshot,
        export.evaluate(snapshot, selection.rejudgement(snapshot)) as evaluated,
    ):
        finished = evaluated.run
        catalogue = evaluated.judgement.catalogue
        changes = drift_since_previous(stored, finished.info.id, catalogue, noting=False)
        # The history stores real names, so it is not read under pseudonyms.
        shows_changes = destinations.tell_changes and not finished.pseudonymised
        with changes if shows_changes else nullcontext() as drift:
            finished = with_history(stored, finished, drift)
            destinations.emit(replace(evaluated, run=finished), terminal, view, source.settings)
