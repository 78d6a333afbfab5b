"""`auditor nightly`: audit, store, compare, tell, prune, in one command made for a scheduler."""

import hashlib
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from auditor import config
from auditor import run as runs
from auditor.cli import history, output
from auditor.cli.choices import (
    AllowUnknownOption,
    BaselineOption,
    Depth,
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
    Selection,
    StrictOption,
    TopicOption,
    VerifyLocksOption,
    span,
)
from auditor.cli.collecting import Account, Going, Pace, collected
from auditor.cli.handing_on import Manner
from auditor.cli.keeping import kept, since_before, stored_runs, with_past
from auditor.cli.notify import (
    Announcer,
    HeartbeatOption,
    NotifyNamesOption,
    NotifyOnOption,
    NotifyOption,
)
from auditor.cli.reporting import Destinations
from auditor.cli.sandbox import Scenario, ScenarioOption
from auditor.cli.terminal import Terminal
from auditor.config import Settings
from auditor.config_files import DEFAULT_PROFILE
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import SnapshotError
from auditor.findings.drift import Drift
from auditor.findings.exit_code import ExitCode
from auditor.findings.run import Run
from auditor.notify.occasions import News
from auditor.private import NotPrivate
from auditor.report import Options, by_name, drift_report, wording
from auditor.run import Extent, Judgement
from auditor.store.errors import StoreError
from auditor.store.runs import Runs

METRICS_MODE = 0o644
"""Metrics name nobody, and the node exporter that reads them is another user."""


@dataclass(frozen=True)
class Night:
    """What a night is to do, checked before it begins."""

    settings: Settings
    selection: Selection
    account: Account
    going: Going
    depth: Level
    destinations: Destinations
    manner: Manner
    metrics: Path | None
    announcer: Announcer
    keep: str
    keep_monthly: int
    terminal: Terminal

    def done(self) -> ExitCode:
        """Do it all; the exit code of the run."""
        stored = stored_runs(self.settings)
        judgement = self.selection.judgement(self.depth, self.settings.baseline)
        snapshot = collected(self.account, self.settings, self.going, judgement, self.terminal)
        with snapshot:
            begun = Judgement.recalled(snapshot, judgement.catalogue)
            if begun.record() != judgement.record():  # it went on with what it was begun with
                judgement = replace(self.selection, baseline=None, org=None).rejudgement(snapshot)
            run = runs.judge(snapshot, judgement)
            is_kept = kept(stored, snapshot, run, judgement, self.terminal)
            with since_before(stored, run.info.id, judgement.catalogue) as drift:
                run = with_past(stored, run, drift)
                with self.manner.judged(snapshot, judgement, run) as judged:
                    self.destinations.emit(judged, self.terminal, False, self.settings)
                self._write_metrics(run)
                self._tell(stored, run, drift, is_kept)
            stopped = snapshot.meta("stopped")
        if is_kept and not stopped:
            stored.discard(run.info.id)
        self._prune(stored)
        return ExitCode(run.info.exit_code)

    def _write_metrics(self, run: Run) -> None:
        if self.metrics is not None:
            format_ = by_name("prometheus")
            render = partial(format_.render, run)
            output.write(self.metrics, lambda out: render(out, Options()), METRICS_MODE)

    def _tell(self, stored: Runs, run: Run, drift: Drift | None, is_kept: bool) -> None:
        """Say and announce what the night came to, and what changed since the one before."""
        entry = stored.history.find(run.info.id) if is_kept else None
        is_stored = entry is not None
        if is_stored:
            since = (
                f" Since run {drift.earlier.id}: {drift_report.headline(drift)}" if drift else ""
            )
            told = ", ".join(wording.headline(run))
            self.terminal.say(f"Run {run.info.id} is stored: {told}.{since}")
        news = News(
            later=entry.facts if entry is not None else None,
            earlier=drift.earlier if drift is not None else None,
            drift=drift,
            waivers=run.waivers,
            stopped="" if is_stored else "The run could not be stored in the history.",
            stopped_before=stored.failed_before(self._name()),
            titles={control: info.title for control, info in run.controls.items()},
            account=self._called(run.info.account_id),
            report=self._report(),
        )
        code = run.info.exit_code if is_stored else ExitCode.NOTHING_EVALUATED
        self.announcer.announce(news, code, self.terminal)
        stored.note_failure(self._name(), not is_stored)

    def failed(self, error: BaseException, code: ExitCode) -> None:
        """Tell that nothing was evaluated, and why."""
        try:
            stored = stored_runs(self.settings)
        except NotPrivate:  # what is remembered there is not to be trusted; still, people are told
            stored = None
        news = News(
            later=None,
            stopped=str(error) or type(error).__name__,
            stopped_before=stored is not None and stored.failed_before(self._name()),
            account=self._called(self.settings.account_id or ""),
            report=self._report(),
        )
        self.announcer.announce(news, code, self.terminal)
        if stored is not None:
            stored.note_failure(self._name(), True)

    def _prune(self, stored: Runs) -> None:
        keep = span(self.keep, "--keep")
        try:
            old = history.prunable(stored, keep, self.keep_monthly)
            broken = history.abandoned(stored, keep)
            if old or broken:
                self.terminal.say(history.pruned(stored, old, broken))
        except (StoreError, SnapshotError) as error:
            self.terminal.complain(f"old runs were not removed. {error}")

    def _report(self) -> str:
        files = [*(path for path, _ in self.destinations.files), *self.destinations.bundles]
        return str(files[0].absolute()) if files else ""

    def _called(self, account_id: str) -> str:
        """The account as its people call it."""
        profile = self.settings.profile
        return account_id if profile == DEFAULT_PROFILE and account_id else profile

    def _name(self) -> str:
        """What tells this night's account and baseline from others of the data directory."""
        parts = self.settings.account_id or "", self.settings.profile, self.settings.api_url
        told = "\n".join((*parts, self.selection.baseline or self.settings.baseline))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def nightly(
    ctx: typer.Context,
    baseline: BaselineOption = None,
    org: OrgOption = None,
    depth: Annotated[Depth, typer.Option("--depth", help="How far down to look.")] = Depth.USER,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the report here, in the format of its suffix; may be repeated.",
        ),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(
            "--metrics",
            metavar="FILE",
            help="Write metrics for the textfile collector of Prometheus' node exporter.",
        ),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(
            "--deadline",
            metavar="6h",
            help="Stop asking Zoom after this time; the next night goes on. [default: none]",
            show_default=False,
        ),
    ] = None,
    notify: NotifyOption = None,
    notify_on: NotifyOnOption = None,
    notify_names: NotifyNamesOption = False,
    heartbeat: HeartbeatOption = None,
    keep: KeepOption = "90d",
    keep_monthly: KeepMonthlyOption = 24,
    max_evidence_age: MaxEvidenceAgeOption = "24h",
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
    scenario: ScenarioOption = Scenario.DRIFTED,
) -> None:
    """Audit, store the run, compare it with the one before, tell what changed, remove old runs.

    Goes on with a run of its own that was not finished. Two at once on one account are refused.
    Says what it did on standard error, one line each; reports go to files.

    Examples:

    **auditor nightly**

    **auditor nightly --org org.yaml --report report.html --deadline 6h --notify slack**

    **auditor --log-format json nightly --metrics /var/lib/node_exporter/auditor.prom**
    """
    terminal: Terminal = ctx.obj
    settings = config.load()
    destinations = Destinations.chosen([], report or [])
    if metrics is not None:
        output.check_writable(metrics)
    seconds = None if deadline is None else span(deadline, "--deadline").total_seconds()
    span(keep, "--keep")
    night = Night(
        settings=settings,
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
        account=Account(scenario if sandbox else None),
        going=Going(
            pace=Pace.chosen(settings, plan, max_rate, rate_share),
            extent=Extent(verify_locks),
            resume=True,
            oldest=span(max_evidence_age, "--max-evidence-age"),
            deadline=None if seconds is None else time.monotonic() + seconds,
            is_own=True,
        ),
        depth=Level(depth),
        destinations=replace(destinations, stdout=None),
        manner=Manner.chosen(None, pseudonymise, settings),
        metrics=metrics,
        announcer=Announcer.chosen(
            settings, notify, notify_on, notify_names and not pseudonymise, heartbeat
        ),
        keep=keep,
        keep_monthly=keep_monthly,
        terminal=terminal,
    )
    try:
        code = night.done()
    except Exception as error:
        night.failed(error, ExitCode.NOTHING_EVALUATED)
        raise
    raise typer.Exit(code)
