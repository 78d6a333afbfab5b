"""`auditor gate`: pass or fail for a pipeline."""

import os
import sqlite3
import zlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.app.choices import FailOn
from auditor.cli import output
from auditor.cli.config import tell_dotenv
from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    BaselineOption,
    Depth,
    GateAllowUnknownOption,
    GateFailOnOption,
    MaxAgeOption,
    NewOnlyOption,
    OnlyOption,
    OrgOption,
    RequireSignatureOption,
    StrictOption,
    TopicOption,
    parse_duration,
)
from auditor.cli.sandbox import ScenarioName, ScenarioOption, account_source
from auditor.cli.terminal import Terminal, wrapped
from auditor.config import ConfigError
from auditor.errors import AuditorError
from auditor.evidence.scope import Level
from auditor.plain_text import printable
from auditor.redaction.text import redact_text, redacted_traceback

if TYPE_CHECKING:
    from auditor.app.gate import GateResult

app = typer.Typer()


class GateFormat(StrEnum):
    """The values of `--format`."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@app.callback(invoke_without_command=True)
def gate(
    ctx: typer.Context,
    fail_on: GateFailOnOption = FailOn.HIGH,
    max_age: MaxAgeOption = "26h",
    new_only: NewOnlyOption = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Read the account and its groups now, in a few dozen requests, and store and "
            "judge the result.",
        ),
    ] = False,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth | None,
        typer.Option(
            "--depth",
            help="The minimum depth of the stored run, or the depth of --live: account or group. "
            "[default: user; with --live: group]",
            show_default=False,
        ),
    ] = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    account: AccountOption = None,
    allow_unknown: GateAllowUnknownOption = False,
    strict: StrictOption = False,
    min_checks: Annotated[
        int,
        typer.Option(
            "--min-checks", min=0, metavar="N", help="The minimum number of judged checks."
        ),
    ] = 0,
    expect_baseline_digest: Annotated[
        str,
        typer.Option(
            "--expect-baseline-digest",
            metavar="SHA256",
            help="The required digest of the baseline, as reports show it.",
        ),
    ] = "",
    expect_org_digest: Annotated[
        str | None,
        typer.Option(
            "--expect-org-digest",
            metavar="SHA256",
            help="The required digest of the organisation file; none: no file.",
            show_default=False,
        ),
    ] = None,
    require_signature: RequireSignatureOption = False,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Judge the newest stored run of the simulated account; with --live or --scenario, "
            "or without such a run, a simulated account created for this call.",
        ),
    ] = False,
    scenario: ScenarioOption = ScenarioName.DRIFTED,
    format_: Annotated[
        GateFormat, typer.Option("--format", "-f", help="The format of the answer.")
    ] = GateFormat.TEXT,
) -> None:
    """Pass or fail for a pipeline, from the newest stored run or --live.

    The stored run must be recent and complete, and judged with these options; otherwise the exit
    code is 4. In GitHub Actions the gate also writes annotations and the job summary.

    Examples:

    **auditor gate**

    **auditor gate --fail-on medium --max-age 7d**

    **auditor gate accept latest && auditor gate --new-only**

    **auditor gate --live --topic ai**
    """
    if ctx.invoked_subcommand is not None:
        _refuse_misplaced_options(ctx)
        return
    from auditor.app.collection import Collection, CollectionOptions
    from auditor.app.gate import Gate, GatePolicy, NoRun, closed, closing_reason
    from auditor.app.runs import configured_account, stored_runs
    from auditor.app.selection import Selection
    from auditor.cli.progress import progress
    from auditor.config import settings as config

    terminal: Terminal = ctx.obj
    settings = config.load()
    tell_dotenv(settings, terminal)
    policy = GatePolicy(
        fail_on.severity,
        parse_duration(max_age, "--max-age"),
        allow_unknown,
        new_only,
        strict,
        min_checks,
        expect_baseline_digest.strip(),
        None if expect_org_digest is None else expect_org_digest.strip().removeprefix("none"),
        require_signature,
    )
    selection = Selection(
        baseline=baseline,
        org=org,
        fail_on=fail_on,
        only=only or [],
        topic=topic or [],
        allow_unknown=allow_unknown,
    )
    stored = stored_runs(settings, sandbox=sandbox)
    source_of_scenario = ctx.get_parameter_source("scenario")
    is_chosen = source_of_scenario is not None and source_of_scenario.name == "COMMANDLINE"
    is_live = live or (sandbox and (is_chosen or not stored.ids()))
    chosen = _depth(depth, is_live)
    judgement = selection.judgement(chosen, settings.baseline, settings.org)
    if is_live and account not in (None, configured_account(settings)):
        raise ConfigError(
            f"--account {account}: only a stored run can be of any account. --live reads the one "
            "of the credentials, --sandbox one of its own."
        )
    has_organisation = (org or settings.org) is not None
    the_gate = Gate(stored, settings, judgement, policy, terminal, has_organisation, sandbox)
    try:
        if is_live:
            source = account_source(settings, scenario if sandbox else None)
            collection = Collection(
                source, CollectionOptions(), judgement, terminal, progress(terminal)
            )
            result = the_gate.judge_live(collection)
        else:
            result = the_gate.judge_stored(account)
    except NoRun as error:
        result = error.result
    except (AuditorError, OSError, sqlite3.Error, zlib.error) as error:
        reason = closing_reason(error)
        if reason is None:
            raise
        if terminal.verbosity >= 2:
            terminal.say(redacted_traceback(error))
        if format_ is not GateFormat.TEXT:  # standard output is read by a program
            terminal.complain(reason)
        result = closed(
            " ".join(redact_text(reason).split()),
            "Try again. If the problem persists, see why: auditor doctor",
        )
    with output.ignore_broken_pipe():
        _report_result(result, format_, terminal)
    raise typer.Exit(result.code)


@app.command()
def accept(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or latest.")],
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="The reason, for later readers.")
    ] = "",
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth | None,
        typer.Option("--depth", help="The depth of the gate. [default: user]", show_default=False),
    ] = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    account: AccountOption = None,
) -> None:
    """Accept a run as the reference in which --new-only finds what is new.

    Give the options of the gate that compares with it. A run that was judged with others is
    refused.

    Examples:

    **auditor gate accept latest --note "agreed with the works council"**

    **auditor gate accept latest --depth group** for auditor gate --live
    """
    from auditor.app.gate import accept as accept_run
    from auditor.app.runs import RunSource
    from auditor.app.selection import Selection
    from auditor.config import settings as config

    settings = config.load()
    tell_dotenv(settings, ctx.obj)
    selection = Selection(baseline=baseline, org=org, only=only or [], topic=topic or [])
    judgement = selection.judgement(_depth(depth, False), settings.baseline, settings.org)
    source = RunSource.chosen(settings, ctx.obj.say, account=account, writing=True)
    accepted = accept_run(source, judgement, run, account, note)
    facts = accepted.facts
    selected = ", a selection of controls" if accepted.is_selection else ""
    ctx.obj.print(
        f"Accepted run {facts.id} of account {printable(facts.account_id)}, baseline "
        f"{facts.baseline.id} {facts.baseline.version}, depth {facts.depth}{selected}, "
        f"organisation file {facts.organisation_digest or 'none'}: {facts.deviations:,} deviations "
        f"and {facts.unknown:,} unknown count as known for auditor gate --new-only with the same "
        "options."
    )


def _colored(line: str, code: int) -> str:
    """The first line of a result with its result word in colour."""
    name, word, reason = line.split(": ", 2)
    color = {0: "green", 1: "red"}.get(code, "magenta")
    return f"{name}: {typer.style(word, fg=color, bold=True)}: {reason}"


def _refuse_misplaced_options(ctx: typer.Context) -> None:
    """Reject options of the gate before the name of a subcommand, where they would be ignored."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise ConfigError(
                f"{parameter.opts[0]} has no effect before {ctx.invoked_subcommand}. Write it "
                f"after: auditor gate {ctx.invoked_subcommand} {parameter.opts[0]} …"
            )


def _depth(depth: Depth | None, is_live: bool) -> Level:
    if is_live and depth in (Depth.USER, Depth.MEETING):
        raise ConfigError(
            f"--depth {depth}: --live reads the account and its groups, no users and no meetings. "
            f"For those, run first: auditor audit --depth {depth}, and then the gate without "
            "--live."
        )
    return Level(depth or (Depth.GROUP if is_live else Depth.USER))


def _report_result(result: "GateResult", format_: GateFormat, terminal: Terminal) -> None:
    from auditor.report import gate_output

    basis = result.basis
    catalogue_titles = (
        {cid: info.title for cid, info in basis.run.controls.items()} if basis else {}
    )
    outcome = result.code, result.reason, result.advice, basis
    counts = {
        "deviations": result.deviations,
        "unknown": result.unknown,
        "stale_waivers": result.stale_waivers,
        "stale_names": result.stale_names,
    }
    summary = gate_output.as_summary(*outcome, counts, result.examples, catalogue_titles)
    if format_ is GateFormat.JSON:
        echo_json(gate_output.as_json(*outcome, counts, result.examples), newline=False)
    elif format_ is GateFormat.MARKDOWN:
        typer.echo(summary)
    else:
        why = gate_output.describe_examples(result.examples)
        verdict, *basis_lines = gate_output.as_lines(*outcome, why)
        first = wrapped(verdict, terminal.line_width)
        typer.echo(_colored(first, result.code) if terminal.color else first)
        terminal.print("\n".join(basis_lines))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        lines = gate_output.annotations(
            result.code, result.reason, basis, result.examples, catalogue_titles
        )
        for line in lines:
            typer.echo(line, err=format_ is not GateFormat.TEXT)
        place_of_summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if place_of_summary:
            try:
                with Path(place_of_summary).open("a", encoding="utf-8", errors="replace") as out:
                    out.write(summary + "\n")
            except OSError as error:  # the exit code counts, not the summary
                terminal.complain(f"the job summary could not be written: {error.strerror}.")
