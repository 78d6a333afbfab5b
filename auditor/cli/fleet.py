"""`auditor fleet`: many accounts, audited together."""

import json
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from auditor.app.choices import FailOn
from auditor.cli import output
from auditor.cli.encoding import echo_json, stdout_for_json, stdout_for_text
from auditor.cli.fleet_engine import (
    AT_ONCE,
    AtOnceOption,
    Engine,
    EngineChoice,
    EngineOption,
    SchedulerOption,
    WorkersOption,
)
from auditor.cli.notify import (
    HeartbeatOption,
    NotifyNamesOption,
    NotifyOnOption,
    NotifyOption,
)
from auditor.cli.options import (
    AllowUnknownOption,
    DeadlineOption,
    Depth,
    DepthOption,
    FailOnOption,
    GateAllowUnknownOption,
    GateFailOnOption,
    KeepMonthlyOption,
    KeepOption,
    MaxAgeOption,
    MaxEvidenceAgeOption,
    MaxRateOption,
    NewOnlyOption,
    OnlyOption,
    PseudonymiseOption,
    RateShareOption,
    ReportFilesOption,
    RequireSignatureOption,
    StrictOption,
    TextOrJson,
    TopicOption,
    VerifyLocksOption,
    deadline_time,
    parse_duration,
)
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import ExitCode, nearest
from auditor.plain_text import pluralize, printable

if TYPE_CHECKING:
    from auditor.app.fleet_audit import AccountResult, JobOptions
    from auditor.app.fleet_gate import AccountGate
    from auditor.app.fleet_members import FleetMember, FleetMembers, FleetPolicy
    from auditor.fleet.gate_output import GateRow
    from auditor.fleet.rollup import FleetSummary

app = typer.Typer(
    help="Many accounts: audited together, each with credentials and limits of its own."
)

FleetOption = Annotated[
    Path | None,
    typer.Option(
        "--fleet",
        metavar="FILE",
        help="The fleet file. [default: AUDITOR_FLEET, else fleet.yaml in this directory]",
        show_default=False,
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only accounts with this tag; may be repeated."),
]
ReportsOption = Annotated[
    Path | None,
    typer.Option(
        "--reports", metavar="DIR", help="Write the HTML report of each account to this folder."
    ),
]


class FleetFormat(StrEnum):
    """The formats of a roll-up."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    XLSX = "xlsx"


@app.command("list")
def list_(
    fleet: FleetOption = None,
    tag: TagOption = None,
    format_: Annotated[
        TextOrJson, typer.Option("--format", "-f", help="The output format.")
    ] = TextOrJson.TEXT,
) -> None:
    """List the accounts of the fleet: where their credentials are, and what they are judged with.

    Nothing is read from Zoom.

    Examples:

    **auditor fleet list**

    **auditor fleet list --fleet fleet.yaml --tag clinical**
    """
    from auditor.app.fleet_members import FleetMembers

    members = list(FleetMembers.chosen(fleet, tag or ()))
    if format_ is TextOrJson.JSON:
        echo_json(json.dumps([_as_json(each) for each in members], indent=2, ensure_ascii=False))
        return
    with output.ignore_broken_pipe():
        typer.echo(_table(members))


@app.command()
def audit(
    ctx: typer.Context,
    fleet: FleetOption = None,
    tag: TagOption = None,
    depth: DepthOption = Depth.USER,
    fail_on: FailOnOption = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    allow_unknown: AllowUnknownOption = False,
    strict: StrictOption = False,
    engine: EngineOption = Engine.LOCAL,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    at_once: AtOnceOption = AT_ONCE,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
    verify_locks: VerifyLocksOption = 25,
    deadline: DeadlineOption = None,
    max_evidence_age: MaxEvidenceAgeOption = "24h",
    reports: ReportsOption = None,
    pseudonymise: PseudonymiseOption = False,
) -> None:
    """Audit the accounts, several at a time, store their runs, and print the roll-up.

    Each account has its own rate limit, and its errors are its own. Runs that were interrupted are
    resumed.

    Examples:

    **auditor fleet audit**

    **auditor fleet audit --tag clinical --fail-on high --reports reports**

    **auditor fleet audit --engine dask --scheduler tls://scheduler:8786**
    """
    from auditor.app.connection import RateOptions
    from auditor.app.fleet_members import FleetMembers, FleetPolicy

    terminal: Terminal = ctx.obj
    rate = RateOptions(None, max_rate, rate_share)
    members = FleetMembers.chosen(fleet, tag or (), rate)
    policy = FleetPolicy(
        fail_on, only or (), topic or (), allow_unknown, strict, include_passes=reports is not None
    )
    options = _job_options(
        policy, depth, (max_rate, rate_share), verify_locks, deadline, max_evidence_age
    )
    from auditor.cli.fleet_reports import AccountReports

    chosen = EngineChoice(engine, scheduler, workers, at_once)
    results = chosen.audit(members, options, AccountReports(reports, pseudonymise, terminal))
    with output.ignore_broken_pipe():
        _print_roll_up(members, policy, depth, tag or (), terminal)
    raise typer.Exit(_exit_code(results))


@app.command()
def nightly(
    ctx: typer.Context,
    fleet: FleetOption = None,
    tag: TagOption = None,
    depth: DepthOption = Depth.USER,
    report_file: ReportFilesOption = None,
    reports: ReportsOption = None,
    deadline: DeadlineOption = None,
    notify: NotifyOption = None,
    notify_on: NotifyOnOption = None,
    notify_names: NotifyNamesOption = False,
    heartbeat: HeartbeatOption = None,
    keep: KeepOption = "90d",
    keep_monthly: KeepMonthlyOption = 24,
    fail_on: FailOnOption = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    allow_unknown: AllowUnknownOption = False,
    strict: StrictOption = False,
    engine: EngineOption = Engine.LOCAL,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    at_once: AtOnceOption = AT_ONCE,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
    verify_locks: VerifyLocksOption = 25,
    max_evidence_age: MaxEvidenceAgeOption = "24h",
    pseudonymise: PseudonymiseOption = False,
) -> None:
    """Audit the accounts, send one message about those with news, remove old runs.

    The heartbeat is that of the fleet: it fails if an account could not be audited completely.

    Examples:

    **auditor fleet nightly**

    **auditor fleet nightly --deadline 6h --reports reports --report reports/index.html**
    """
    from auditor.app.announcer import Announcer
    from auditor.app.connection import RateOptions
    from auditor.app.fleet_members import FleetMembers, FleetPolicy
    from auditor.app.fleet_news import FleetNews
    from auditor.cli.fleet_reports import AccountReports

    terminal: Terminal = ctx.obj
    rate = RateOptions(None, max_rate, rate_share)
    members = FleetMembers.chosen(fleet, tag or (), rate)
    files = [(path, _roll_up_format(None, path)) for path in report_file or ()]
    account_reports = AccountReports(reports, pseudonymise, terminal)
    account_reports.prepare()
    for path, _ in files:
        output.check_writable(path)
    policy = FleetPolicy(
        fail_on, only or (), topic or (), allow_unknown, strict, include_passes=reports is not None
    )
    options = _job_options(
        policy, depth, (max_rate, rate_share), verify_locks, deadline, max_evidence_age
    )
    options = replace(options, keep=parse_duration(keep, "--keep"), keep_monthly=keep_monthly)
    names = notify_names and not pseudonymise
    news = FleetNews(Announcer.chosen(members.base, notify, notify_on, names, heartbeat))
    chosen = EngineChoice(engine, scheduler, workers, at_once)
    results = chosen.audit(members, options, account_reports, news.of)
    code = _exit_code(results)
    news.send(members.fleet.name, results, code, terminal)
    _write_roll_ups(members, policy, depth, tag or (), files, reports)
    raise typer.Exit(code)


@app.command()
def report(
    ctx: typer.Context,
    fleet: FleetOption = None,
    tag: TagOption = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="NAME",
            help="The newest run of this account instead of the roll-up, in any format of auditor "
            "report.",
        ),
    ] = None,
    depth: DepthOption = Depth.USER,
    only: OnlyOption = None,
    topic: TopicOption = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="text, json, html or xlsx. [default: text, for a file by its suffix]",
            show_default=False,
        ),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the report to this file."),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(
            "--reports",
            metavar="DIR",
            help="The folder with the reports of accounts, which the HTML page links to.",
        ),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON roll-up.")
    ] = False,
) -> None:
    """Show the roll-up of the newest runs: each account, and each control's accounts.

    Only runs judged with the policy of the fleet file count; --depth, --only and --topic are those
    of the audit. Needs no network, and no credentials for accounts whose id is in the fleet file.

    Examples:

    **auditor fleet report**

    **auditor fleet report --tag clinical --output clinical.xlsx**

    **auditor fleet report --reports reports --output index.html**

    **auditor fleet report --account emea --output emea.html**
    """
    from auditor.app.fleet_members import FleetMembers, FleetPolicy
    from auditor.app.fleet_rollup import roll_up
    from auditor.evidence.scope import Level
    from auditor.fleet import json_output

    if schema:
        echo_json(json.dumps(json_output.schema(), indent=2, ensure_ascii=False))
        return
    terminal: Terminal = ctx.obj
    members = FleetMembers.chosen(fleet, tag or ())
    policy = FleetPolicy(None, only or (), topic or ())
    if account is not None:
        _report_account(members, account, policy, depth, (format_, output_file), terminal)
        return
    chosen = _roll_up_format(format_, output_file)
    if output_file is not None:
        output.check_writable(output_file)
    summary = roll_up(members, policy, Level(depth), tag or ())
    write = partial(
        _write_roll_up, summary, chosen, terminal.text_width, (reports, output_file or Path("-"))
    )
    if output_file is not None:
        output.write(output_file, write)
        return
    if chosen is FleetFormat.XLSX:
        raise ConfigError("A workbook is a file: name it with --output fleet.xlsx.")
    with output.ignore_broken_pipe():
        out = stdout_for_json() if chosen is FleetFormat.JSON else stdout_for_text()
        write(out)
        out.flush()


@app.command()
def gate(
    ctx: typer.Context,
    fleet: FleetOption = None,
    tag: TagOption = None,
    fail_on: GateFailOnOption = FailOn.HIGH,
    max_age: MaxAgeOption = "26h",
    new_only: NewOnlyOption = False,
    depth: DepthOption = Depth.USER,
    only: OnlyOption = None,
    topic: TopicOption = None,
    allow_unknown: GateAllowUnknownOption = False,
    strict: StrictOption = False,
    require_signature: RequireSignatureOption = False,
    format_: Annotated[
        TextOrJson, typer.Option("--format", "-f", help="The output format.")
    ] = TextOrJson.TEXT,
) -> None:
    """Pass or fail for a pipeline: names each account that shuts the gate.

    Each account's newest stored run must be recent and complete, and judged with the policy of the
    fleet file. An account without such a run gives exit code 3, or 4 if no account has one.

    Examples:

    **auditor fleet gate**

    **auditor fleet gate --tag clinical --fail-on medium**
    """
    from auditor.app.fleet_gate import judge_fleet
    from auditor.app.fleet_members import FleetMembers, FleetPolicy
    from auditor.app.gate import GatePolicy
    from auditor.evidence.scope import Level
    from auditor.fleet import gate_output

    members = FleetMembers.chosen(fleet, tag or ())
    decision = judge_fleet(
        members,
        FleetPolicy(fail_on, only or (), topic or (), allow_unknown),
        GatePolicy(
            fail_on.severity,
            parse_duration(max_age, "--max-age"),
            allow_unknown,
            new_only,
            strict,
            require_signature=require_signature,
        ),
        Level(depth),
        ctx.obj,
    )
    shut = decision.shut
    rows = [_gate_row(each) for each in (*shut, *(x for x in decision.accounts if not x.is_shut))]
    with output.ignore_broken_pipe():
        if format_ is TextOrJson.JSON:
            echo_json(gate_output.as_json(decision.code, rows), newline=False)
        else:
            typer.echo("\n".join(gate_output.as_lines(decision.code, rows)))
    raise typer.Exit(decision.code)


@app.command()
def doctor(
    ctx: typer.Context,
    fleet: FleetOption = None,
    tag: TagOption = None,
    depth: DepthOption = Depth.USER,
    only: OnlyOption = None,
    topic: TopicOption = None,
    at_once: AtOnceOption = AT_ONCE,
    format_: Annotated[
        TextOrJson, typer.Option("--format", "-f", help="The output format.")
    ] = TextOrJson.TEXT,
) -> None:
    """Find out for which accounts an audit would be complete, and what to do about the others.

    Asks Zoom for a token and three documents of each account at most, and writes nothing.

    Exit codes: 0 an audit of all accounts would be complete · 3 something would be unknown · 4
    nothing of any account could be read.

    Examples:

    **auditor fleet doctor**

    **auditor fleet doctor --tag new --format json**
    """
    from auditor.app.connection import RateOptions
    from auditor.app.fleet_diagnosis import diagnose_fleet, exit_code
    from auditor.app.fleet_members import FleetMembers, FleetPolicy
    from auditor.cli import fleet_doctor
    from auditor.evidence.scope import Level

    terminal: Terminal = ctx.obj
    members = [*FleetMembers.chosen(fleet, tag or (), RateOptions())]
    policy = FleetPolicy(None, only or (), topic or ())
    diagnoses = diagnose_fleet(members, policy, Level(depth), terminal.say, at_once)
    code = exit_code(diagnoses)
    with output.ignore_broken_pipe():
        if format_ is TextOrJson.JSON:
            echo_json(fleet_doctor.as_json(diagnoses, code), newline=False)
        else:
            typer.echo(fleet_doctor.as_text(diagnoses, terminal.text_width))
    raise typer.Exit(code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of fleet files, for editors that check YAML.

    Example:

    **auditor fleet schema > fleet.schema.json**
    """
    from auditor.app import fleet_members

    echo_json(json.dumps(fleet_members.schema(), indent=2, ensure_ascii=False))


def _job_options(
    policy: "FleetPolicy",
    depth: Depth,
    rate: tuple[float | None, float | None],
    verify_locks: int,
    deadline: str | None,
    max_evidence_age: str,
) -> "JobOptions":
    """How each account is read; `rate` is the maximum and the share."""
    from auditor.app.audit import CollectionScope
    from auditor.app.connection import RateOptions
    from auditor.app.fleet_audit import JobOptions
    from auditor.evidence.scope import Level

    return JobOptions(
        policy,
        Level(depth),
        RateOptions(None, *rate),
        CollectionScope(verify_locks),
        parse_duration(max_evidence_age, "--max-evidence-age"),
        deadline_time(deadline),
    )


def _gate_row(account: "AccountGate") -> "GateRow":
    from auditor.fleet.gate_output import GateRow

    result = account.result
    return GateRow(
        account.name,
        account.account_id,
        int(result.code),
        result.reason,
        result.advice,
        result.basis.run.info.id if result.basis else "",
        result.deviations,
        result.unknown,
    )


def _exit_code(results: "Sequence[AccountResult]") -> "ExitCode":
    from auditor.app.fleet_audit import exit_code

    return exit_code(results)


def _write_roll_ups(
    members: "FleetMembers",
    policy: "FleetPolicy",
    depth: Depth,
    tags: Sequence[str],
    files: Sequence[tuple[Path, FleetFormat]],
    reports: Path | None,
) -> None:
    """Write the roll-up to each file."""
    from auditor.app.fleet_rollup import roll_up
    from auditor.evidence.scope import Level

    if not files:
        return
    summary = roll_up(members, policy, Level(depth), tags)
    for path, chosen in files:
        output.write(path, partial(_write_roll_up, summary, chosen, 80, (reports, path)))


def _print_roll_up(
    members: "FleetMembers",
    policy: "FleetPolicy",
    depth: Depth,
    tags: Sequence[str],
    terminal: Terminal,
) -> None:
    from auditor.app.fleet_rollup import roll_up
    from auditor.evidence.scope import Level

    summary = roll_up(members, policy, Level(depth), tags)
    out = stdout_for_text()
    _write_roll_up(summary, FleetFormat.TEXT, terminal.text_width, (None, Path("-")), out)
    out.flush()


def _roll_up_format(format_: str | None, file: Path | None) -> FleetFormat:
    """The format of `--format`, else of the suffix of `--output`.

    Raises:
        ConfigError: there is no such format.
    """
    if format_ is None:
        suffix = file.suffix.lower().removeprefix(".") if file is not None else ""
        return FleetFormat(suffix) if suffix in set(FleetFormat) else FleetFormat.TEXT
    if format_ not in set(FleetFormat):
        raise ConfigError(
            f'--format "{format_}": a roll-up is {", ".join(FleetFormat)}.'
            f"{nearest(format_, FleetFormat)} The report of one account (--account NAME) has more."
        )
    return FleetFormat(format_)


def _write_roll_up(
    summary: "FleetSummary",
    chosen: FleetFormat,
    width: int,
    places: tuple[Path | None, Path],
    out: BinaryIO,
) -> None:
    """Write the roll-up; `places` are the folder of the accounts' reports, and the page itself."""
    from auditor.fleet import html_output, json_output, text_output, xlsx_output

    match chosen:
        case FleetFormat.XLSX:
            xlsx_output.write_xlsx(summary, out)
            return
        case FleetFormat.JSON:
            text = json_output.as_json(summary)
        case FleetFormat.HTML:
            folder, page = places
            text = html_output.as_html(summary, html_output.links_to(folder, summary, page))
        case FleetFormat.TEXT:
            text = text_output.as_text(summary, width)
    out.write(text.encode("utf-8", "replace"))


def _report_account(
    members: "FleetMembers",
    name: str,
    policy: "FleetPolicy",
    depth: Depth,
    destination: tuple[str | None, Path | None],
    terminal: Terminal,
) -> None:
    """Render the newest run of an account; `destination` is the format and the file."""
    from auditor.app.export import ExportOptions
    from auditor.app.fleet_rollup import newest_run
    from auditor.app.selection import Selection
    from auditor.cli.report import render
    from auditor.cli.reporting import Destinations
    from auditor.evidence.scope import Level
    from auditor.report import Options

    format_, file = destination
    destinations = Destinations.chosen([format_] if format_ else [], [file] if file else [])
    source, run = newest_run(members, name, policy, Level(depth), terminal.say)
    selection = Selection(include_passes=destinations.needs_passes)
    render(source, run, selection, ExportOptions(), destinations, Options(), terminal)


def _as_json(member: "FleetMember") -> dict[str, Any]:
    account = member.account
    return {
        "name": account.name,
        "account_id": account.account_id,
        "credentials": account.credentials.model_dump(exclude_none=True),
        "problem": member.problem or None,
        "baseline": member.fleet.baseline_of(account) or member.fleet.common_baseline,
        "org": [str(path) for path in _files(member)],
        "plan": member.fleet.plan_of(account),
        "tags": list(account.tags),
    }


def _files(member: "FleetMember") -> list[Path]:
    """The organisation files of an account, the lowest first."""
    files = member.fleet.common_org or member.base.org, member.fleet.org_of(member.account)
    return [file for file in files if file is not None]


def _table(members: Sequence["FleetMember"]) -> str:
    from tabulate import tabulate

    rows = [
        (
            member.name,
            member.account.credentials.label,
            "no" if member.problem else "yes",
            _policy(member),
            member.fleet.plan_of(member.account) or "",
            printable(", ".join(member.account.tags)),
        )
        for member in members
    ]
    head = ("account", "credentials", "usable", "judged with", "plan", "tags")
    faulty = [member for member in members if member.problem]
    text = f"{tabulate(rows, head)}\n\n{pluralize(len(rows), 'account')}"
    if faulty:
        text += f", {len(faulty)} of which cannot be audited:"
    return "\n".join([text, *(f"  {member.name}: {member.problem}" for member in faulty)])


def _policy(member: "FleetMember") -> str:
    named = member.fleet.baseline_of(member.account) or member.fleet.common_baseline
    words = [Path(named).name] if named else []
    return printable(" + ".join([*words, *(file.name for file in _files(member))])) or "default"
