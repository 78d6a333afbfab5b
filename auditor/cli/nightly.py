"""`auditor nightly`: audit, store, compare, tell, prune, in one command made for a scheduler."""

import hashlib
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from auditor import config
from auditor import run as runs
from auditor.cli import history, output
from auditor.cli.collection import Account, CollectionOptions, RateOptions, collect
from auditor.cli.config import tell_dotenv
from auditor.cli.export import ExportOptions
from auditor.cli.notify import (
    Announcer,
    HeartbeatOption,
    NotifyNamesOption,
    NotifyOnOption,
    NotifyOption,
)
from auditor.cli.options import (
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
from auditor.cli.reporting import UNWRITTEN, Destinations
from auditor.cli.sandbox import ScenarioName, ScenarioOption
from auditor.cli.storing import (
    NotificationBaseline,
    drift_since_previous,
    store_run,
    stored_runs,
    with_history,
)
from auditor.cli.terminal import Terminal
from auditor.config import Settings
from auditor.config_files import DEFAULT_PROFILE
from auditor.errors import ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.findings.drift import Drift
from auditor.findings.run import Run
from auditor.notify.triggers import RunEvent
from auditor.permissions import InsecureDirectory
from auditor.report import Options, by_name, drift_report, waiver_wording, wording
from auditor.run import CollectionScope, EvaluationConfig
from auditor.store.errors import StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, place

METRICS_MODE = 0o644
"""Metrics name nobody, and the node exporter that reads them is another user."""


@dataclass(frozen=True)
class NightlyJob:
    """What a night is to do, checked before it begins."""

    settings: Settings
    selection: Selection
    account: Account
    going: CollectionOptions
    depth: Level
    destinations: Destinations
    manner: ExportOptions
    metrics: Path | None
    announcer: Announcer
    keep: str
    keep_monthly: int
    terminal: Terminal

    def done(self) -> ExitCode:
        """Do it all; the exit code of the night.

        Raises:
            OutputError: a file cannot be written; all else is done.
        """
        with ExitStack() as stack:
            try:
                stored = self._stored()
                wanted = self.selection.judgement(
                    self.depth, self.settings.baseline, self.settings.org
                )
                snapshot = collect(self.account, self.settings, self.going, wanted, self.terminal)
                stack.enter_context(snapshot)
                judgement = self._begun_with(snapshot, wanted)
                run = runs.judge(snapshot, judgement)
            except Exception as error:
                self._tell_failure(error)
                raise
            try:
                is_kept, troubles = self._handed_on(stored, snapshot, judgement, run)
                stopped = snapshot.meta("stopped")
            except Exception as error:
                self._tell_failure(error, run)
                raise
        if is_kept and not stopped:
            stored.discard(run.info.id)
        self._prune(stored, RunFilter(run.info.account_id, place(run.info.api_url)))
        return self._ended(run, is_kept, troubles)

    def _stored(self) -> Runs:
        return stored_runs(self.settings, sandbox=self.account.is_sandbox)

    def _begun_with(self, snapshot: Snapshot, wanted: EvaluationConfig) -> EvaluationConfig:
        """What the run is judged with: one that went on, with what it was begun with."""
        begun = EvaluationConfig.recalled(snapshot, wanted.catalogue)
        if begun.record() == wanted.record():
            return wanted
        return replace(self.selection, baseline=None, org=None).rejudgement(snapshot)

    def _handed_on(
        self, stored: Runs, snapshot: Snapshot, judgement: EvaluationConfig, run: Run
    ) -> tuple[bool, list[Exception]]:
        """Store the run, write its files, tell of it; whether it is stored, and what failed."""
        late = frozenset(stored.unarchived())
        is_kept = store_run(stored, snapshot, run, judgement, self.terminal)
        channels = bool(self.announcer.channels)
        audience = NotificationBaseline(stored, self.settings.profile, channels, late)
        with drift_since_previous(
            stored, run.info.id, judgement.catalogue, earlier=audience.before
        ) as drift:
            run = with_history(stored, run, drift)
            written, troubles = self._write(snapshot, judgement, run)
            news = RunEvent(
                later=None,
                stopped_before=stored.failed_before(self._name()),
                undone=tuple(map(str, troubles)),
                titles={control: info.title for control, info in run.controls.items()},
                waivers=run.waivers,
                account=self._called(run.info.account_id),
                report=str(written[0].absolute()) if written else "",
            )
            entry = stored.history.find(run.info.id) if is_kept else None
            if entry is None:
                why = "The run could not be stored in the history. The next night tries again."
                news = replace(news, stopped=why, found=", ".join(wording.headline(run)))
                self.announcer.announce(news, ExitCode.NOTHING_EVALUATED, self.terminal)
            else:
                code = ExitCode.USAGE if troubles else ExitCode(run.info.exit_code)
                going_on = bool(snapshot.meta("stopped"))
                self._tell(audience, entry, drift, run, news, code, going_on)
        stored.note_failure(self._name(), entry is None or bool(troubles))
        return entry is not None, troubles

    def _write(
        self, snapshot: Snapshot, judgement: EvaluationConfig, run: Run
    ) -> tuple[list[Path], list[Exception]]:
        """Write every file that can be written; those there are, and why others are not."""
        written: list[Path] = []
        troubles: list[Exception] = []
        parts = self.destinations.apart()
        try:
            with self.manner.judged(snapshot, judgement, run) as judged:
                for part in parts:
                    try:
                        part.emit(judged, self.terminal, False, self.settings)
                        written += [*(path for path, _ in part.files), *part.bundles]
                    except Exception as error:  # what a renderer does must not keep the night quiet
                        troubles.append(error)
        except Exception as error:
            troubles.append(error)
        try:
            self._write_metrics(run)
        except Exception as error:
            troubles.append(error)
        return written, troubles

    def _write_metrics(self, run: Run) -> None:
        if self.metrics is not None:
            format_ = by_name("prometheus")
            render = partial(format_.render, run)
            output.write(self.metrics, lambda out: render(out, Options()), METRICS_MODE)

    def _tell(
        self,
        audience: NotificationBaseline,
        entry: StoredRun,
        drift: Drift | None,
        run: Run,
        news: RunEvent,
        code: ExitCode,
        going_on: bool,
    ) -> None:
        """Say and announce what a stored run came to, and what changed since people were told."""
        since = f" Since run {drift.earlier.id}: {drift_report.headline(drift)}" if drift else ""
        told = ", ".join(wording.headline(run))
        self.terminal.say(f"Run {run.info.id} is stored: {told}.{since}")
        for line in waiver_wording.problem_lines(run):
            self.terminal.say(line)
        forgotten = audience.forgotten(entry)
        if forgotten:
            self.terminal.say(forgotten)
            drift = replace(drift, notes=(forgotten, *drift.notes)) if drift else None
        earlier = drift.earlier if drift else None
        uncompared = audience.uncompared(entry) if drift is None else ""
        if uncompared:
            self.terminal.complain(uncompared)
            news = replace(news, undone=(*news.undone, uncompared))
        # A deviation may have vanished with the group that an override named: no recovery.
        lost = (waiver_wording.reference_line(each) for each in run.references if each.is_stale)
        news = replace(news, undone=(*news.undone, *map(wording.sentence_case, lost)))
        news = replace(news, later=entry.facts, earlier=earlier, drift=drift)
        deliveries = self.announcer.announce(news, code, self.terminal)
        reached = all(each.sent for each in deliveries)
        # Where the next night stores this very run anew, or nobody knows what changed, it is not
        # the one to compare with.
        if not (reached and (going_on or uncompared)):
            audience.note(entry, earlier.id if earlier else None, reached)

    def _tell_failure(self, error: Exception, run: Run | None = None) -> None:
        """Tell that the night broke off, and why; of a run that was evaluated, what was found."""
        try:
            stored = self._stored()
        except (InsecureDirectory, StoreError):
            # What is remembered there cannot be found, or not be trusted; still, people are told.
            stored = None
        news = RunEvent(
            later=None,
            stopped=self.going.advised(str(error)) or type(error).__name__,
            found=", ".join(wording.headline(run)) if run is not None else "",
            stopped_before=stored is not None and stored.failed_before(self._name()),
            account=self._called(self.settings.account_id or ""),
        )
        self.announcer.announce(news, ExitCode.NOTHING_EVALUATED, self.terminal)
        if stored is not None:
            stored.note_failure(self._name(), True)

    def _ended(self, run: Run, is_kept: bool, troubles: Sequence[Exception]) -> ExitCode:
        """The exit code. A run that could not be stored has one of its own, for those who retry.

        Raises:
            Exception: why a file is not there, the first of them.
        """
        ours = [error for error in troubles if not isinstance(error, UNWRITTEN)]
        raised = ours[0] if ours else troubles[0] if troubles and is_kept else None
        for error in troubles:
            if error is not raised:
                self.terminal.complain(str(error) or type(error).__name__)
        if raised is not None:
            raise raised
        return ExitCode(run.info.exit_code) if is_kept else ExitCode.NOTHING_EVALUATED

    def _prune(self, stored: Runs, wanted: RunFilter) -> None:
        """Remove old runs of the account that was audited, and of no other."""
        keep = span(self.keep, "--keep")
        try:
            old = history.prunable(stored, keep, self.keep_monthly, wanted)
            broken = history.abandoned(stored, keep, wanted)
            if old or broken:
                self.terminal.say(history.pruned(stored, old, broken, wanted))
        except (StoreError, SnapshotError) as error:
            self.terminal.complain(f"old runs were not removed. {error}")

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
    scenario: ScenarioOption = ScenarioName.DRIFTED,
) -> None:
    """Audit, store the run, compare it with the last one told, tell what changed, remove old runs.

    Goes on with a run of its own that was not finished. Two at once on one account are refused.
    Says what it did on standard error, one line each; reports go to files.

    Examples:

    **auditor nightly**

    **auditor nightly --org org.yaml --report report.html --deadline 6h --notify slack**

    **auditor --log-format json nightly --metrics /var/lib/node_exporter/auditor.prom**
    """
    terminal: Terminal = ctx.obj
    settings = config.load()
    tell_dotenv(settings, terminal)
    destinations = Destinations.chosen([], report or [])
    if metrics is not None:
        output.check_writable(metrics)
    seconds = None if deadline is None else span(deadline, "--deadline").total_seconds()
    span(keep, "--keep")
    night = NightlyJob(
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
        going=CollectionOptions(
            pace=RateOptions.chosen(settings, plan, max_rate, rate_share),
            extent=CollectionScope(verify_locks),
            resume=True,
            oldest=span(max_evidence_age, "--max-evidence-age"),
            deadline=None if seconds is None else time.monotonic() + seconds,
            is_own=True,
        ),
        depth=Level(depth),
        destinations=replace(destinations, stdout=None),
        manner=ExportOptions.chosen(None, pseudonymise, settings),
        metrics=metrics,
        announcer=Announcer.chosen(
            settings, notify, notify_on, notify_names and not pseudonymise, heartbeat
        ),
        keep=keep,
        keep_monthly=keep_monthly,
        terminal=terminal,
    )
    raise typer.Exit(night.done())
