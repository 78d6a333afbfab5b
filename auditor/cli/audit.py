"""`auditor audit`: read an account, judge it, report, and store the evidence."""

import shlex
from contextlib import nullcontext
from typing import Annotated

import typer

from auditor.cli.config import tell_dotenv
from auditor.cli.options import (
    AccountOption,
    AllowUnknownOption,
    BaselineOption,
    Depth,
    FailOnOption,
    FormatOption,
    FrameworkOption,
    MaxEvidenceAgeOption,
    MaxRateOption,
    OnlyOption,
    OrgOption,
    OutputOption,
    PassesOption,
    PlanOption,
    PseudonymiseOption,
    RateShareOption,
    RefreshOption,
    StrictOption,
    TopicOption,
    VerifyCarriedOption,
    VerifyLocksOption,
    meeting_selection,
    parse_duration,
    refresh_seconds,
)
from auditor.cli.output import ignore_broken_pipe
from auditor.cli.sandbox import ScenarioName, ScenarioOption, account_source
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError


def audit(
    ctx: typer.Context,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth,
        typer.Option(
            "--depth",
            help="The deepest level to read. meeting: also every upcoming meeting, with one "
            "request each, and how participants of past meetings answered the AI notice.",
        ),
    ] = Depth.USER,
    plan: PlanOption = None,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Audit a simulated account; needs no credentials. Its runs are stored separately; "
            "with --from: use those.",
        ),
    ] = False,
    scenario: ScenarioOption = ScenarioName.DRIFTED,
    users: Annotated[
        int, typer.Option("--users", min=1, help="With --sandbox: the number of users.")
    ] = 300,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN|FILE",
            help="Judge stored evidence again instead of reading from Zoom: a run's id, latest, or "
            "a snapshot file (a path with a slash or ending in .sqlite).",
        ),
    ] = None,
    account: AccountOption = None,
    verify_locks: VerifyLocksOption = 25,
    meetings_per_host: Annotated[
        int | None,
        typer.Option(
            "--meetings-per-host",
            metavar="N",
            min=1,
            help="With --depth meeting: the next N upcoming meetings of each host. [default: all]",
            show_default=False,
        ),
    ] = None,
    meetings_within: Annotated[
        str | None,
        typer.Option(
            "--meetings-within",
            metavar="30d",
            help="With --depth meeting: only meetings that begin within this time. [default: all]",
            show_default=False,
        ),
    ] = None,
    meetings_of: Annotated[
        list[str] | None,
        typer.Option(
            "--meetings-of",
            metavar="user:NAME|group:NAME",
            help="With --depth meeting: only meetings of these hosts (id, address or name) or of "
            "members of these groups; * matches any text. May be repeated.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume the interrupted run; nothing is read twice."),
    ] = False,
    max_evidence_age: MaxEvidenceAgeOption = "24h",
    refresh: RefreshOption = None,
    verify_carried: VerifyCarriedOption = None,
    fail_on: FailOnOption = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    include_passes: PassesOption = False,
    allow_unknown: AllowUnknownOption = False,
    strict: StrictOption = False,
    format_: FormatOption = None,
    output: OutputOption = None,
    framework: FrameworkOption = None,
    pseudonymise: PseudonymiseOption = False,
) -> None:
    """Read the account's settings, compare them with a baseline, report the deviations.

    Read-only. The evidence is stored under AUDITOR_HOME, so that --from can judge it again.

    Examples:

    **auditor audit --sandbox**

    **auditor audit --baseline strict --output report.html --output report.json**

    **auditor audit --topic ai --fail-on high --format json**

    **auditor audit --plan business --resume**
    """
    from auditor.app.audit import CollectionScope, judge
    from auditor.app.collection import Collection, CollectionOptions, ResumeRequest
    from auditor.app.connection import RateOptions
    from auditor.app.export import ExportOptions
    from auditor.app.forecast import next_commands
    from auditor.app.runs import RunSource, stored_runs
    from auditor.app.selection import Selection
    from auditor.app.storing import drift_since_previous, store_run, with_history
    from auditor.cli.progress import progress
    from auditor.cli.reporting import Destinations
    from auditor.config import settings as config
    from auditor.evidence.scope import Level
    from auditor.report import Options, diff_output

    terminal: Terminal = ctx.obj
    settings = config.load()
    tell_dotenv(settings, terminal)
    simulated = sandbox or _is_on_command_line(ctx, "scenario") or _is_on_command_line(ctx, "users")
    if account is not None and from_ is None:
        raise ConfigError(
            f"--account {account}: only with --from. An audit reads the account of the credentials."
        )
    stored = stored_runs(settings, sandbox=simulated)
    destinations = Destinations.chosen(format_ or [], output or [])
    export = ExportOptions.chosen(framework, pseudonymise, settings)
    selection = Selection(
        baseline=baseline,
        org=org,
        fail_on=fail_on,
        only=only or [],
        topic=topic or [],
        include_passes=include_passes or destinations.needs_passes or framework is not None,
        allow_unknown=allow_unknown,
        strict=strict,
    )
    if from_ is not None:
        source = RunSource.chosen(settings, terminal.say, account=account, sandbox=simulated)
        stored, snapshot = source.opened_file(from_)
        requested_depth = Level(depth) if _is_on_command_line(ctx, "depth") else None
        judgement = selection.rejudgement(snapshot, requested_depth)
    else:
        requested = selection.judgement(Level(depth), settings.baseline, settings.org)
        export.framework_in(requested)  # a typing error is told before the account is read
        meetings = meeting_selection(meetings_per_host, meetings_within, meetings_of)
        request = ResumeRequest(
            selection,
            Level(depth) if _is_on_command_line(ctx, "depth") else None,
            verify_locks if _is_on_command_line(ctx, "verify_locks") else None,
            meetings,
            refresh_seconds(refresh, verify_carried),
        )
        options = CollectionOptions(
            rate=RateOptions(plan, max_rate, rate_share),
            collection_scope=CollectionScope(
                verify_locks,
                meetings,
                refresh=refresh_seconds(refresh, verify_carried),
                verify_carried=verify_carried,
            ),
            resume=request if resume else None,
            max_age=parse_duration(max_evidence_age, "--max-evidence-age"),
        )
        account_to_read = account_source(settings, scenario if simulated else None, users)
        snapshot = Collection(
            account_to_read, options, requested, terminal, progress(terminal)
        ).run()
        judgement = selection.recorded(snapshot, requested)
    with snapshot:
        run = judge(snapshot, judgement)
        is_stored = from_ is None and store_run(stored, snapshot, run, judgement, terminal)
        needs_drift = is_stored or destinations.tell_changes
        comparison = drift_since_previous(
            stored, run.info.id, judgement.catalogue, noting=is_stored
        )
        with comparison if needs_drift else nullcontext() as drift:
            if is_stored and drift is not None:
                headline = diff_output.headline(drift)
                terminal.say(f"Since run {drift.earlier.id}: {headline} More: auditor diff")
            run = with_history(stored, run, drift)
            with export.evaluate(snapshot, judgement, run) as evaluated, ignore_broken_pipe():
                destinations.emit(evaluated, terminal, Options(include_passes), settings)
        is_complete = is_stored and not snapshot.meta("stopped")
    if is_complete:
        stored.discard(run.info.id)
    if is_stored and terminal.is_interactive:
        name = next_commands(run)[0] if org or settings.org else "init"
        words = (["--org", str(org)] if org else []) + ["--sandbox"] * simulated
        if name == "waive":
            first = shlex.join(["auditor", "fix", "plan", *words])
            terminal.say(f"First, put right what can be: {first}")
        terminal.say(f"Next: {shlex.join(['auditor', name, *words])}")
    raise typer.Exit(run.info.exit_code)


def _is_on_command_line(ctx: typer.Context, name: str) -> bool:
    """True if the option is on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
