"""`auditor nightly`: audit, store, compare, notify and prune in one command for a scheduler."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli import output
from auditor.cli.config import tell_dotenv
from auditor.cli.notify import (
    HeartbeatOption,
    NotifyNamesOption,
    NotifyOnOption,
    NotifyOption,
)
from auditor.cli.options import (
    AllowUnknownOption,
    BaselineOption,
    DeadlineOption,
    Depth,
    DepthOption,
    FailOnOption,
    KeepMonthlyOption,
    KeepOption,
    MaxEvidenceAgeOption,
    MaxRateOption,
    OnlyOption,
    OrgOption,
    PlanOption,
    PseudonymiseOption,
    RateShareOption,
    RefreshOption,
    ReportFilesOption,
    StrictOption,
    TopicOption,
    VerifyCarriedOption,
    VerifyLocksOption,
    deadline_time,
    parse_duration,
    refresh_seconds,
)
from auditor.cli.sandbox import ScenarioName, ScenarioOption, account_source
from auditor.cli.terminal import Terminal


def nightly(
    ctx: typer.Context,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: DepthOption = Depth.USER,
    report: ReportFilesOption = None,
    metrics: Annotated[
        Path | None,
        typer.Option(
            "--metrics",
            metavar="FILE",
            help="Write metrics for the textfile collector of Prometheus' node exporter.",
        ),
    ] = None,
    fix_plan: Annotated[
        Path | None,
        typer.Option(
            "--fix-plan",
            metavar="FILE",
            help="Write the plan that closes the deviations here, as auditor fix plan does: "
            "Markdown for a ticket, JSON to apply.",
        ),
    ] = None,
    deadline: DeadlineOption = None,
    notify: NotifyOption = None,
    notify_on: NotifyOnOption = None,
    notify_names: NotifyNamesOption = False,
    heartbeat: HeartbeatOption = None,
    keep: KeepOption = "90d",
    keep_monthly: KeepMonthlyOption = 24,
    max_evidence_age: MaxEvidenceAgeOption = "24h",
    refresh: RefreshOption = None,
    verify_carried: VerifyCarriedOption = None,
    plan: PlanOption = None,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
    verify_locks: VerifyLocksOption = 25,
    fail_on: FailOnOption = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    allow_unknown: AllowUnknownOption = False,
    strict: StrictOption = False,
    pseudonymise: PseudonymiseOption = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Audit a simulated account; needs no credentials.")
    ] = False,
    scenario: ScenarioOption = ScenarioName.DRIFTED,
) -> None:
    """Audit, store the run, send what changed since the last announced run, remove old runs.

    Resumes an earlier nightly run that did not finish. A second run on the same account at the same
    time is refused. Each step is logged to standard error; reports go to files.

    Examples:

    **auditor nightly**

    **auditor nightly --org org.yaml --report report.html --deadline 6h --notify slack**

    **auditor --log-format json nightly --metrics /var/lib/node_exporter/auditor.prom**
    """
    from auditor.app.announcer import Announcer
    from auditor.app.audit import CollectionScope
    from auditor.app.collection import CollectionOptions
    from auditor.app.connection import RateOptions
    from auditor.app.export import ExportOptions
    from auditor.app.nightly import NightlyJob
    from auditor.app.selection import Selection
    from auditor.cli.progress import progress
    from auditor.cli.reporting import Destinations, NightlyReports, raise_first
    from auditor.config import ConfigError
    from auditor.config import settings as config
    from auditor.evidence.scope import Level

    terminal: Terminal = ctx.obj
    settings = config.load()
    tell_dotenv(settings, terminal)
    destinations = Destinations.chosen([], report or [])
    if fix_plan is not None and pseudonymise:
        raise ConfigError(
            "A plan names the people whose settings it changes. Leave out --fix-plan or "
            "--pseudonymise."
        )
    for path in (metrics, fix_plan):
        if path is not None:
            output.check_writable(path)
    stop_at = deadline_time(deadline)
    keep_for = parse_duration(keep, "--keep")
    reports = NightlyReports(
        replace(destinations, stdout=None),
        ExportOptions.chosen(None, pseudonymise, settings),
        metrics,
        settings,
        terminal,
        fix_plan,
    )
    job = NightlyJob(
        source=account_source(settings, scenario if sandbox else None),
        selection=Selection(
            baseline=baseline,
            org=org,
            fail_on=fail_on,
            only=only or [],
            topic=topic or [],
            include_passes=destinations.needs_passes,
            allow_unknown=allow_unknown,
            strict=strict,
        ),
        depth=Level(depth),
        collection=CollectionOptions(
            rate=RateOptions(plan, max_rate, rate_share),
            collection_scope=CollectionScope(
                verify_locks,
                refresh=refresh_seconds(refresh, verify_carried),
                verify_carried=verify_carried,
            ),
            max_age=parse_duration(max_evidence_age, "--max-evidence-age"),
            deadline=stop_at,
            resumes_own=True,
        ),
        progress=progress(terminal),
        write_reports=reports.write,
        announcer=Announcer.chosen(
            settings, notify, notify_on, notify_names and not pseudonymise, heartbeat
        ),
        keep=keep_for,
        keep_monthly=keep_monthly,
        messages=terminal,
    )
    result = job.run()
    raise_first(result.errors, terminal, only_bugs=not result.is_stored)
    raise typer.Exit(result.exit_code)
