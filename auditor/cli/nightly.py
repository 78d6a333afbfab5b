"""`auditor nightly`: audit, store, compare, notify and prune in one command for a scheduler."""

import hashlib
import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from auditor.app.audit import CollectionScope, EvaluationConfig, judge
from auditor.app.collection import Collection, CollectionOptions
from auditor.app.connection import AccountSource, RateOptions
from auditor.app.nightly import NotificationBaseline
from auditor.app.runs import stored_runs
from auditor.app.selection import Selection
from auditor.app.storing import drift_since_previous, store_run, with_history
from auditor.cli import history, output
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
    StrictOption,
    TopicOption,
    VerifyLocksOption,
    parse_duration,
)
from auditor.cli.progress import progress
from auditor.cli.reporting import REPORT_ERRORS, Destinations
from auditor.cli.sandbox import ScenarioName, ScenarioOption, account_source
from auditor.cli.terminal import Terminal
from auditor.config import settings as config
from auditor.config.settings import Settings
from auditor.config.sources import DEFAULT_PROFILE
from auditor.errors import ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.files.permissions import InsecureDirectory
from auditor.findings.drift import Drift
from auditor.findings.run import Run
from auditor.notify.triggers import RunEvent
from auditor.report import Options, by_name, drift_report, waiver_wording, wording
from auditor.store.errors import StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, place

METRICS_MODE = 0o644
"""Metrics name no one, and the node exporter that reads them runs as another user."""


@dataclass(frozen=True)
class NightlyJob:
    """A nightly job, validated before it starts."""

    settings: Settings
    selection: Selection
    account: AccountSource
    collection: CollectionOptions
    depth: Level
    destinations: Destinations
    export: ExportOptions
    metrics: Path | None
    announcer: Announcer
    keep: str
    keep_monthly: int
    terminal: Terminal

    def run(self) -> ExitCode:
        """Run the job; returns its exit code.

        Raises:
            OutputError: a file cannot be written; everything else is done.
        """
        with ExitStack() as stack:
            try:
                stored = self._stored()
                requested = self.selection.judgement(
                    self.depth, self.settings.baseline, self.settings.org
                )
                snapshot = Collection(
                    self.account, self.collection, requested, self.terminal, progress(self.terminal)
                ).run()
                stack.enter_context(snapshot)
                judgement = self.selection.recorded(snapshot, requested)
                run = judge(snapshot, judgement)
            except Exception as error:
                self._announce_failure(error)
                raise
            try:
                is_stored, errors = self._store_and_report(stored, snapshot, judgement, run)
                stopped = snapshot.meta("stopped")
            except Exception as error:
                self._announce_failure(error, run)
                raise
        if is_stored and not stopped:
            stored.discard(run.info.id)
        self._prune(stored, RunFilter(run.info.account_id, place(run.info.api_url)))
        return self._exit_code(run, is_stored, errors)

    def _stored(self) -> Runs:
        return stored_runs(self.settings, sandbox=self.account.is_simulated)

    def _store_and_report(
        self, stored: Runs, snapshot: Snapshot, judgement: EvaluationConfig, run: Run
    ) -> tuple[bool, list[Exception]]:
        """Store the run, write its files and announce it; returns whether it is stored, and all
        errors."""
        late = frozenset(stored.unarchived())
        is_stored = store_run(stored, snapshot, run, judgement, self.terminal)
        channels = bool(self.announcer.channels)
        notification_baseline = NotificationBaseline(stored, self.settings.profile, channels, late)
        with drift_since_previous(
            stored, run.info.id, judgement.catalogue, earlier=notification_baseline.before
        ) as drift:
            run = with_history(stored, run, drift)
            written, errors = self._write(snapshot, judgement, run)
            event = RunEvent(
                later=None,
                stopped_before=stored.failed_before(self._name()),
                undone=tuple(map(str, errors)),
                titles={control: info.title for control, info in run.controls.items()},
                waivers=run.waivers,
                account=self._display_name(run.info.account_id),
                report=str(written[0].absolute()) if written else "",
            )
            entry = stored.history.find(run.info.id) if is_stored else None
            if entry is None:
                why = "The run could not be stored in the history. The next night tries again."
                event = replace(event, stopped=why, found=", ".join(wording.headline(run)))
                self.announcer.announce(event, ExitCode.NOTHING_EVALUATED, self.terminal)
            else:
                code = ExitCode.USAGE if errors else ExitCode(run.info.exit_code)
                is_unfinished = bool(snapshot.meta("stopped"))
                self._announce(notification_baseline, entry, drift, run, event, code, is_unfinished)
        stored.note_failure(self._name(), entry is None or bool(errors))
        return entry is not None, errors

    def _write(
        self, snapshot: Snapshot, judgement: EvaluationConfig, run: Run
    ) -> tuple[list[Path], list[Exception]]:
        """Write every file that can be written; returns the written files and the errors."""
        written: list[Path] = []
        errors: list[Exception] = []
        parts = self.destinations.split()
        try:
            with self.export.evaluate(snapshot, judgement, run) as evaluated:
                for part in parts:
                    try:
                        part.emit(evaluated, self.terminal, False, self.settings)
                        written += [*(path for path, _ in part.files), *part.bundles]
                    except Exception as error:  # a failing renderer must not stop the job
                        errors.append(error)
        except Exception as error:
            errors.append(error)
        try:
            self._write_metrics(run)
        except Exception as error:
            errors.append(error)
        return written, errors

    def _write_metrics(self, run: Run) -> None:
        if self.metrics is not None:
            format_ = by_name("prometheus")
            render = partial(format_.render, run)
            output.write(self.metrics, lambda out: render(out, Options()), METRICS_MODE)

    def _announce(
        self,
        notification_baseline: NotificationBaseline,
        entry: StoredRun,
        drift: Drift | None,
        run: Run,
        event: RunEvent,
        code: ExitCode,
        is_unfinished: bool,
    ) -> None:
        """Print and announce a stored run, and the changes since the last announced one."""
        since = f" Since run {drift.earlier.id}: {drift_report.headline(drift)}" if drift else ""
        headline = ", ".join(wording.headline(run))
        self.terminal.say(f"Run {run.info.id} is stored: {headline}.{since}")
        for line in waiver_wording.problem_lines(run):
            self.terminal.say(line)
        lost_note = notification_baseline.lost_baseline_note(entry)
        if lost_note:
            self.terminal.say(lost_note)
            drift = replace(drift, notes=(lost_note, *drift.notes)) if drift else None
        earlier = drift.earlier if drift else None
        comparison_failure = notification_baseline.comparison_error(entry) if drift is None else ""
        if comparison_failure:
            self.terminal.complain(comparison_failure)
            event = replace(event, undone=(*event.undone, comparison_failure))
        # A deviation that vanished because an override names a deleted group is not a recovery.
        stale_names = (
            waiver_wording.reference_line(each) for each in run.references if each.is_stale
        )
        event = replace(event, undone=(*event.undone, *map(wording.sentence_case, stale_names)))
        event = replace(event, later=entry.facts, earlier=earlier, drift=drift)
        deliveries = self.announcer.announce(event, code, self.terminal)
        reached = all(each.sent for each in deliveries)
        # An unfinished run is stored again by the next night, and a run without a comparison
        # announced no changes: neither is the next one's baseline.
        if not (reached and (is_unfinished or comparison_failure)):
            notification_baseline.note(entry, earlier.id if earlier else None, reached)

    def _announce_failure(self, error: Exception, run: Run | None = None) -> None:
        """Announce that the job failed, and why; for an evaluated run, also its findings."""
        try:
            stored = self._stored()
        except (InsecureDirectory, StoreError):
            # The delivery state is missing or untrusted; announce the failure anyway.
            stored = None
        event = RunEvent(
            later=None,
            stopped=self.collection.resume_hint(str(error)) or type(error).__name__,
            found=", ".join(wording.headline(run)) if run is not None else "",
            stopped_before=stored is not None and stored.failed_before(self._name()),
            account=self._display_name(self.settings.account_id or ""),
        )
        self.announcer.announce(event, ExitCode.NOTHING_EVALUATED, self.terminal)
        if stored is not None:
            stored.note_failure(self._name(), True)

    def _exit_code(self, run: Run, is_stored: bool, errors: Sequence[Exception]) -> ExitCode:
        """The exit code. A run that could not be stored has its own, for callers that retry.

        Raises:
            Exception: the first error that prevented a file from being written.
        """
        bugs = [error for error in errors if not isinstance(error, REPORT_ERRORS)]
        raised = bugs[0] if bugs else errors[0] if errors and is_stored else None
        for error in errors:
            if error is not raised:
                self.terminal.complain(str(error) or type(error).__name__)
        if raised is not None:
            raise raised
        return ExitCode(run.info.exit_code) if is_stored else ExitCode.NOTHING_EVALUATED

    def _prune(self, stored: Runs, run_filter: RunFilter) -> None:
        """Remove old runs of the audited account only."""
        keep = parse_duration(self.keep, "--keep")
        try:
            old = history.prunable(stored, keep, self.keep_monthly, run_filter)
            broken = history.abandoned(stored, keep, run_filter)
            if old or broken:
                self.terminal.say(history.prune_runs(stored, old, broken, run_filter))
        except (StoreError, SnapshotError) as error:
            self.terminal.complain(f"old runs were not removed. {error}")

    def _display_name(self, account_id: str) -> str:
        """The account's name in messages: its profile, or its id for the default profile."""
        profile = self.settings.profile
        return account_id if profile == DEFAULT_PROFILE and account_id else profile

    def _name(self) -> str:
        """Identifies the account and baseline of this job in the data directory."""
        parts = self.settings.account_id or "", self.settings.profile, self.settings.api_url
        identity = "\n".join((*parts, self.selection.baseline or self.settings.baseline))
        return hashlib.sha256(identity.encode()).hexdigest()[:16]


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
    seconds = None if deadline is None else parse_duration(deadline, "--deadline").total_seconds()
    parse_duration(keep, "--keep")
    job = NightlyJob(
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
        account=account_source(settings, scenario if sandbox else None),
        collection=CollectionOptions(
            rate=RateOptions(plan, max_rate, rate_share),
            extent=CollectionScope(verify_locks),
            max_age=parse_duration(max_evidence_age, "--max-evidence-age"),
            deadline=math.inf if seconds is None else time.monotonic() + seconds,
            resumes_own=True,
        ),
        depth=Level(depth),
        destinations=replace(destinations, stdout=None),
        export=ExportOptions.chosen(None, pseudonymise, settings),
        metrics=metrics,
        announcer=Announcer.chosen(
            settings, notify, notify_on, notify_names and not pseudonymise, heartbeat
        ),
        keep=keep,
        keep_monthly=keep_monthly,
        terminal=terminal,
    )
    raise typer.Exit(job.run())
