"""`auditor watch`: receive Zoom's webhooks, and audit what they name at once."""

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.config import tell_dotenv
from auditor.cli.notify import NotifyNamesOption, NotifyOnOption, NotifyOption
from auditor.cli.options import (
    AllowUnknownOption,
    BaselineOption,
    FailOnOption,
    KeepMonthlyOption,
    KeepOption,
    MaxRateOption,
    OnlyOption,
    OrgOption,
    PlanOption,
    RateShareOption,
    StrictOption,
    TopicOption,
    VerifyLocksOption,
    parse_duration,
    refresh_seconds,
)
from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import ExitCode

app = typer.Typer(
    invoke_without_command=True,
    help="Receive Zoom's webhooks, audit what they name at once, and send what got worse.",
)


@app.callback()
def watch(
    ctx: typer.Context,
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="The address to receive on. Without TLS, only one of this machine.",
        ),
    ] = "127.0.0.1:8085",
    tls_certificate: Annotated[
        Path | None,
        typer.Option("--tls-certificate", metavar="FILE", help="The server's certificate, PEM."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, PEM.")
    ] = None,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    refresh: Annotated[
        str,
        typer.Option(
            "--refresh", metavar="7d", help="The oldest evidence that an audit may stand on."
        ),
    ] = "7d",
    notify: NotifyOption = None,
    notify_on: NotifyOnOption = None,
    notify_names: NotifyNamesOption = False,
    notices: Annotated[
        bool,
        typer.Option(
            "--notices",
            help="Also tell the channels at once of changes of the account and groups, of "
            "AI Companion starts, and of requests to use apps.",
        ),
    ] = False,
    keep: KeepOption = "90d",
    keep_monthly: KeepMonthlyOption = 24,
    plan: PlanOption = None,
    max_rate: MaxRateOption = None,
    rate_share: RateShareOption = None,
    verify_locks: VerifyLocksOption = 25,
    fail_on: FailOnOption = None,
    only: OnlyOption = None,
    topic: TopicOption = None,
    allow_unknown: AllowUnknownOption = False,
    strict: StrictOption = False,
) -> None:
    """Receive Zoom's webhooks, audit what they name at once, and send what got worse.

    Give the same baseline, organisation file and selection as nightly: these audits stand on its
    runs. Needs the secret token of the app (ZOOM_WEBHOOK_SECRET, or the keyring). The address of
    the receiver in Zoom is https://YOUR-HOST/webhook; /healthz and /metrics say whether it works.

    Examples:

    **auditor watch**

    **auditor watch --org org.yaml --notify slack**

    **auditor watch secret**

    **auditor watch check https://events.example.com/webhook**
    """
    if ctx.invoked_subcommand is not None:
        return
    try:
        from auditor.app.first_look import FirstLooks
        from auditor.app.watching import NoticeSender, Watch
        from auditor.watch.serving import TlsFiles
    except ImportError as error:
        raise ConfigError(
            "Receiving webhooks needs the extra [watch] of the auditor "
            "(docs/operations/installing.md)."
        ) from error
    from auditor.app.announcer import Announcer
    from auditor.app.audit import CollectionScope
    from auditor.app.collection import CollectionOptions
    from auditor.app.connection import AccountSource, RateOptions
    from auditor.app.nightly import NightlyJob, WrittenReports
    from auditor.app.selection import Selection
    from auditor.cli.progress import progress
    from auditor.config import settings as config
    from auditor.config.sources import DEFAULT_PROFILE
    from auditor.evidence.scope import Level

    terminal: Terminal = ctx.obj
    settings = config.load()
    tell_dotenv(settings, terminal)
    if (tls_certificate is None) != (tls_key is None):
        raise ConfigError("--tls-certificate and --tls-key belong together. Give both.")
    tls = TlsFiles(tls_certificate, tls_key) if tls_certificate and tls_key else None
    selection = Selection(
        baseline=baseline,
        org=org,
        fail_on=fail_on,
        only=only or [],
        topic=topic or [],
        allow_unknown=allow_unknown,
        strict=strict,
    )
    selection.judgement(Level.USER, settings.baseline, settings.org)  # typing errors are told now
    collection = CollectionOptions(
        rate=RateOptions(plan, max_rate, rate_share),
        collection_scope=CollectionScope(
            verify_locks, refresh=refresh_seconds(refresh, None), verify_carried=0
        ),
        resumes_own=True,
        follows_events=True,
    )
    announcer = Announcer.chosen(settings, notify, notify_on, notify_names)
    # The heartbeat is that of the nightly: an audit that follows an event must not answer for it.
    announcer = replace(announcer, heartbeat=None)
    keep_for = parse_duration(keep, "--keep")

    def job(stopping: threading.Event) -> NightlyJob:
        return NightlyJob(
            source=AccountSource(settings),
            selection=selection,
            depth=Level.USER,
            collection=replace(collection, stopping=stopping),
            progress=progress(terminal),
            write_reports=lambda *_: WrittenReports((), ()),
            announcer=announcer,
            keep=keep_for,
            keep_monthly=keep_monthly,
            messages=terminal,
            announces_failures=False,
        )

    sender = None
    if notices:
        account = settings.profile if settings.profile != DEFAULT_PROFILE else "your account"
        sender = NoticeSender(announcer.channels, account, terminal, notify_names)
    looks = FirstLooks(job) if announcer.channels else None
    Watch(settings, job, terminal, listen, tls, sender, looks).run()


@app.command()
def secret(
    ctx: typer.Context,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the secret token from standard input.")
    ] = False,
) -> None:
    """Store the secret token of the app in the keyring. Prompts for it without showing it.

    It is on the page of the app, under Features > Access > Token.

    Examples:

    **auditor watch secret**

    **pass show zoom/webhook | auditor watch secret --stdin**
    """
    from auditor.app.watching import store_webhook_secret
    from auditor.config import settings as config

    settings = config.load()
    text = (
        sys.stdin.read() if stdin else str(typer.prompt("Secret token", hide_input=True, err=True))
    )
    if not text.strip():
        raise ConfigError("The secret token is empty. Copy it from the page of the app.")
    store_webhook_secret(settings, text.strip())
    terminal: Terminal = ctx.obj
    terminal.say(f'Kept the secret token of profile "{settings.profile}" in the keyring.')


@app.command()
def check(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The address that Zoom calls, from outside.")
    ],
) -> None:
    """Prove that signed events arrive at an address, and that others do not.

    Run it from outside the network that the receiver is in, with the same secret token. It sends
    five requests. Exit codes: 0 all were answered as they should be, 1 one was not.

    Example:

    **auditor watch check https://events.example.com/webhook**
    """
    from auditor.app.watching import webhook_secret
    from auditor.config import settings as config
    from auditor.watch import checking

    settings = config.load()
    terminal: Terminal = ctx.obj
    is_right = True
    for result in checking.check(url, webhook_secret(settings), settings.credentials().account_id):
        is_right = is_right and result.is_right
        terminal.print(f"{'ok  ' if result.is_right else 'FAIL'}  {result.title}: {result.detail}")
    if not is_right:
        terminal.complain(
            "the receiver does not answer as it should. Is it running with this secret?"
        )
        raise typer.Exit(ExitCode.DEVIATIONS)
