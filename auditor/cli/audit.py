"""`auditor audit`: read an account, judge it, report, and keep the evidence."""

import math
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from auditor import config
from auditor import run as runs
from auditor.cli.choices import (
    AllowUnknownOption,
    BaselineOption,
    Depth,
    FailOn,
    FailOnOption,
    FormatOption,
    OnlyOption,
    OrgOption,
    OutputOption,
    PassesOption,
    Selection,
    StrictOption,
    TopicOption,
)
from auditor.cli.progress import progress
from auditor.cli.reporting import Destinations
from auditor.cli.sandbox import Scenario, started
from auditor.cli.terminal import Terminal
from auditor.config import Settings
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.run import Judgement, Target
from auditor.store.runs import Runs
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud, check_url, is_loopback
from auditor.zoom.limits import Plan, RateLabel, RateLimiter
from auditor.zoom.retry import RetryPolicy

SANDBOX_RATE = 5000.0
"""Requests a second for the sandbox, which is this machine's alone."""

LATENCY = 0.4
"""Seconds that an answer of Zoom's takes at most, nearly always: sets the number of workers."""

WORKERS = (4, 32)
"""The fewest and the most."""


def audit(
    ctx: typer.Context,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[
        Depth, typer.Option("--depth", help="How far down to look. meeting: not read yet.")
    ] = Depth.USER,
    plan: Annotated[
        Plan,
        typer.Option(
            "--plan", help="The account's Zoom plan, which sets the rate limits. auto: as pro."
        ),
    ] = Plan.AUTO,
    max_rate: Annotated[
        float | None,
        typer.Option(
            "--max-rate", metavar="N", min=0.01, help="Requests a second, in place of the plan's."
        ),
    ] = None,
    rate_share: Annotated[
        float | None,
        typer.Option(
            "--rate-share",
            metavar="0..1",
            min=0.01,
            max=1,
            help="The part of the limit to use; the rest is for other apps. [default: 0.8]",
            show_default=False,
        ),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Audit a simulated account; needs no credentials.")
    ] = False,
    scenario: Annotated[
        Scenario, typer.Option("--scenario", help="With --sandbox: which account to simulate.")
    ] = Scenario.DRIFTED,
    users: Annotated[
        int, typer.Option("--users", min=1, help="With --sandbox: how many users it has.")
    ] = 300,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN|FILE",
            help="Judge stored evidence again instead of asking Zoom: a run's id, latest, or "
            "the path of a snapshot.",
        ),
    ] = None,
    fail_on: FailOnOption = FailOn.NEVER,
    only: OnlyOption = None,
    topic: TopicOption = None,
    include_passes: PassesOption = False,
    allow_unknown: AllowUnknownOption = False,
    strict: StrictOption = False,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Read the account's settings, compare them with a baseline, report the deviations.

    Reads only. The evidence is kept under AUDITOR_HOME, so that every verdict can be computed
    again with --from.

    Examples:

    **auditor audit --sandbox**

    **auditor audit --baseline strict --output report.html --output report.json**

    **auditor audit --topic ai --fail-on high --format json**
    """
    terminal: Terminal = ctx.obj
    settings = config.load()
    selection = Selection(
        baseline=baseline,
        org=org,
        fail_on=fail_on,
        only=only or [],
        topic=topic or [],
        include_passes=include_passes,
        allow_unknown=allow_unknown,
        strict=strict,
    )
    destinations = Destinations.chosen(format_ or [], output or [])
    stored = Runs(settings.data)
    if from_ is not None:
        snapshot = Snapshot.open(stored.path(from_))
        recorded = Level(snapshot.meta("depth") or Level.USER)
        wanted = Level(depth) if _given(ctx, "depth") else recorded
        judgement = selection.judgement(wanted, snapshot.meta("baseline") or settings.baseline)
    else:
        judgement = selection.judgement(Level(depth), settings.baseline)
        pace = _Pace(plan, max_rate, rate_share)
        if sandbox or _given(ctx, "scenario") or _given(ctx, "users"):
            with started(scenario, users) as account:
                where = settings.model_copy(
                    update={"api_url": account.api_url, "oauth_url": account.oauth_url}
                )
                credentials = Credentials(
                    account.account_id, account.client_id, account.client_secret
                )
                local = pace if max_rate else _Pace(plan, SANDBOX_RATE, rate_share or 1.0)
                snapshot = _collected(where, credentials, local, judgement, stored, terminal)
        else:
            check_url(settings.api_url, "ZOOM_API_URL")
            check_url(settings.oauth_url, "ZOOM_OAUTH_URL")
            credentials = settings.credentials()
            snapshot = _collected(settings, credentials, pace, judgement, stored, terminal)
    run = runs.judge(snapshot, judgement)
    snapshot.close()
    destinations.emit(run, terminal, include_passes)
    raise typer.Exit(run.info.exit_code)


class _Pace:
    """How fast to ask."""

    def __init__(self, plan: Plan, max_rate: float | None, share: float | None) -> None:
        self._plan, self._max_rate, self._share = plan, max_rate, share or 0.8

    def limiter(self, api_url: str, sleep: Callable[[float], object]) -> RateLimiter:
        """The limiter for an API; a local one is not Zoom's, so `auto` need not be careful."""
        plan = Plan.BUSINESS if self._plan is Plan.AUTO and is_loopback(api_url) else self._plan
        return RateLimiter(plan.limits, share=self._share, max_rate=self._max_rate, sleep=sleep)


def _collected(
    settings: Settings,
    credentials: Credentials,
    pace: _Pace,
    judgement: Judgement,
    stored: Runs,
    terminal: Terminal,
) -> Snapshot:
    """The evidence of a new run, stored.

    Raises:
        NothingRead: Zoom let nothing be read.
        StoreError: the data directory cannot be written.
    """
    run_id = stored.new_id()
    stopping = threading.Event()
    limiter = pace.limiter(settings.api_url, stopping.wait)
    retries = RetryPolicy(sleep=stopping.wait)
    fewest, most = WORKERS
    workers = math.ceil(limiter.rate(RateLabel.MEDIUM) * LATENCY)
    cloud = Cloud(settings.api_url, settings.oauth_url)
    with (
        connect(credentials, limiter, cloud=cloud, retries=retries) as client,
        stored.new(run_id) as snapshot,
        progress(terminal) as shown,
    ):
        target = Target(
            client=client,
            account_id=credentials.account_id,
            workers=min(most, max(fewest, workers)),
            listener=shown,
            stopping=stopping,
        )
        runs.collect(target, snapshot, judgement, run_id)
    return snapshot


def _given(ctx: typer.Context, name: str) -> bool:
    """True if the option stands on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
