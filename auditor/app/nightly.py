"""A nightly job: audit, store the run, announce what changed, and remove old runs."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from auditor.app import received_events
from auditor.app.announcer import Announcer
from auditor.app.audit import EvaluationConfig, judge
from auditor.app.collection import Collection, CollectionOptions
from auditor.app.connection import AccountSource
from auditor.app.messages import Messages
from auditor.app.retention import ExpiredRuns
from auditor.app.runs import stored_runs
from auditor.app.selection import Selection
from auditor.app.storing import drift_since_previous, store_run, with_history
from auditor.collect.interface import ProgressListener
from auditor.config.settings import Settings
from auditor.config.sources import DEFAULT_PROFILE
from auditor.errors import ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.files.permissions import InsecureDirectory
from auditor.findings.drift import Drift, RunFacts
from auditor.findings.run import Run
from auditor.notify.delivery_state import LastAnnounced
from auditor.notify.triggers import RunEvent
from auditor.policy.catalogue.portal import RulePlace
from auditor.report import diff_output, headline, waiver_wording, wording
from auditor.store.errors import StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, place


@dataclass(frozen=True)
class NotificationBaseline:
    """The run that the channels of a profile were last notified of."""

    stored: Runs
    profile: str
    has_channels: bool
    """False if no channel is configured: then no state is kept."""
    late: frozenset[str] = frozenset()
    """Runs stored long after they ended, which were never announced."""

    def before(self, entry: StoredRun) -> StoredRun | None:
        """The run to compare this one with: the last of its series that all channels were notified
        of.

        If there is none, or it was removed: the preceding run that was not stored late.
        """
        history = self.stored.history
        last = self._memory(entry).last() if self.has_channels else None
        announced = history.find(last) if last is not None else None
        if announced is not None and self._precedes(announced, entry):
            return announced
        previous = candidate = history.before(entry)
        while candidate is not None and candidate.facts.id in self.late:
            candidate = history.before(candidate)
        return candidate or previous

    @staticmethod
    def _precedes(announced: StoredRun, entry: StoredRun) -> bool:
        is_earlier = announced.series == entry.series and announced.number < entry.number
        return is_earlier and not announced.set_aside

    def lost_baseline_note(self, entry: StoredRun) -> str:
        """A sentence if the last announced run was removed; otherwise empty."""
        last = self._memory(entry).last() if self.has_channels else None
        if last is None or self.stored.history.find(last) is not None:
            return ""
        return (
            f"Run {last}, which was announced last, was removed: changes are announced since the "
            "previous run this one."
        )

    def comparison_error(self, entry: StoredRun) -> str:
        """A sentence if the comparison with an existing earlier run failed; otherwise empty."""
        try:
            earlier = self.before(entry)
        except (StoreError, DiskFull) as error:
            return f"Run {entry.facts.id} could not be compared with an earlier one. {error}"
        if earlier is None:
            return ""
        return (
            f"Run {entry.facts.id} could not be compared with run {earlier.facts.id}. "
            f"See why: auditor diff {earlier.facts.id} {entry.facts.id}"
        )

    def note(self, entry: StoredRun, earlier: str | None, reached: bool) -> None:
        """Record that all channels were notified of a run; if some were not, record the earlier
        run.

        `earlier` is the run it was compared with; None if there was no comparison.
        """
        if not self.has_channels:
            return
        memory = self._memory(entry)
        if reached:
            memory.save(entry.facts.id)
        elif earlier is not None:
            memory.save(earlier)

    def _memory(self, entry: StoredRun) -> LastAnnounced:
        facts = entry.facts
        parts = (
            *(self.profile, facts.account_id, place(facts.api_url)),
            *(facts.baseline.id, facts.depth, entry.selection),
        )
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return LastAnnounced(self.stored.home, name)


@dataclass(frozen=True)
class WrittenReports:
    """The report files of a night."""

    paths: Sequence[Path]
    errors: Sequence[Exception]
    """What prevented other files from being written."""


@dataclass(frozen=True)
class NightResult:
    """How a night ended, if it got as far as a judged run."""

    exit_code: ExitCode
    """The exit code of the run; NOTHING_EVALUATED if it could not be stored, for callers that
    retry."""
    is_stored: bool
    errors: Sequence[Exception]
    """What prevented files from being written. The job itself did everything else."""
    run: RunFacts | None = None
    """The run as stored; None if it could not be stored."""
    note_announced: Callable[[], None] = lambda: None
    """Records that the channels were notified of the run, for an announcer that notifies them
    later."""


ReportWriter = Callable[[Snapshot, EvaluationConfig, Run], WrittenReports]
"""Writes the report files of a night."""


@dataclass(frozen=True)
class NightlyJob:
    """A nightly job, validated before it starts."""

    source: AccountSource
    selection: Selection
    depth: Level
    collection: CollectionOptions
    progress: AbstractContextManager[ProgressListener]
    write_reports: ReportWriter
    announcer: Announcer
    keep: timedelta | None
    """Every run younger than this is kept; None removes no run."""
    keep_monthly: int
    """For so many months, the last run of each is kept."""
    messages: Messages
    channels_of: str = ""
    """Whose channels are notified, if not those of the profile: a fleet's. Each remembers the run
    it was notified of."""
    announces_failures: bool = True
    """Whether channels hear of a run that could not be made."""
    announced: frozenset[str] = frozenset()
    """Fingerprints of findings whose change for the worse the channels know already."""

    @property
    def settings(self) -> Settings:
        """The settings of the account."""
        return self.source.settings

    def run(self) -> NightResult:
        """Run the job.

        Raises:
            AuditorError: the account could not be read or judged, which was announced.
        """
        with ExitStack() as stack:
            try:
                stored = self._stored()
                requested = self.selection.judgement(
                    self.depth, self.settings.baseline, self.settings.org
                )
                collection = Collection(
                    self.source, self.collection, requested, self.messages, self.progress
                )
                snapshot = stack.enter_context(collection.run())
                config = self.selection.recorded(snapshot, requested)
                run = judge(snapshot, config)
            except Exception as error:
                self._announce_failure(error)
                raise
            try:
                is_stored, errors, is_comparable = self._store_and_report(
                    stored, snapshot, config, run
                )
                stopped = snapshot.meta("stopped")
            except Exception as error:
                self._announce_failure(error, run)
                raise
        if is_stored and not stopped:
            stored.discard(run.info.id)
        self._prune(stored, RunFilter(run.info.account_id, place(run.info.api_url)))
        if not is_stored:
            return NightResult(ExitCode.NOTHING_EVALUATED, False, errors)
        return self._night(stored, stored.history.get(run.info.id), errors, is_comparable)

    def follow_up(self, run_id: str) -> NightResult:
        """Write the reports of a run that another machine has read and stored, and announce it.

        Raises:
            AuditorError: this machine cannot open the run.
        """
        stored = self._stored()
        entry = stored.history.get(run_id)
        with stored.history.verified(entry) as snapshot:
            requested = self.selection.judgement(
                self.depth, self.settings.baseline, self.settings.org
            )
            config = self.selection.recorded(snapshot, requested)
            run = judge(snapshot, config)
            errors, is_comparable = self._report(stored, snapshot, config, run)
        stored.note_failure(self._name(), bool(errors))
        return self._night(stored, entry, errors, is_comparable)

    def _night(
        self, stored: Runs, entry: StoredRun, errors: Sequence[Exception], is_comparable: bool
    ) -> NightResult:
        baseline = self._notification_baseline(stored)
        return NightResult(
            ExitCode(entry.facts.exit_code),
            True,
            errors,
            entry.facts,
            partial(baseline.note, entry, None, True) if is_comparable else lambda: None,
        )

    def _notification_baseline(
        self, stored: Runs, late: frozenset[str] = frozenset()
    ) -> NotificationBaseline:
        owner = f"{self.channels_of}\n" * bool(self.channels_of) + self.settings.profile
        return NotificationBaseline(stored, owner, bool(self.announcer.channels), late)

    def _stored(self) -> Runs:
        return stored_runs(self.settings, sandbox=self.source.is_simulated)

    def _store_and_report(
        self, stored: Runs, snapshot: Snapshot, config: EvaluationConfig, run: Run
    ) -> tuple[bool, Sequence[Exception], bool]:
        """Store the run, write its files and announce it; returns whether it is stored, all errors,
        and whether the next night may be compared with it."""
        late = frozenset(stored.unarchived())
        is_stored = store_run(stored, snapshot, run, config, self.messages)
        errors, is_comparable = self._report(
            stored, snapshot, config, run, late, is_stored=is_stored
        )
        stored.note_failure(self._name(), not is_stored or bool(errors))
        return is_stored, errors, is_comparable

    def _report(
        self,
        stored: Runs,
        snapshot: Snapshot,
        config: EvaluationConfig,
        run: Run,
        late: frozenset[str] = frozenset(),
        *,
        is_stored: bool = True,
    ) -> tuple[Sequence[Exception], bool]:
        """Write the files of a run and announce it; returns all errors, and whether the next night
        may be compared with it. `late` are the runs that were stored with it."""
        notification_baseline = self._notification_baseline(stored, late)
        with drift_since_previous(
            stored, run.info.id, config.catalogue, earlier=notification_baseline.before
        ) as drift:
            run = with_history(stored, run, drift)
            reports = self.write_reports(snapshot, config, run)
            event = RunEvent(
                later=None,
                stopped_before=stored.failed_before(self._name()),
                failed_steps=tuple(map(str, reports.errors)),
                titles={control: info.title for control, info in run.controls.items()},
                fixes={control: RulePlace.of(info) for control, info in run.controls.items()},
                totals=headline.totals(run),
                waivers=(*run.waivers, *run.blind_spots),
                account=self.display_name(run.info.account_id),
                report=str(reports.paths[0].absolute()) if reports.paths else "",
                announced=self.announced,
            )
            entry = stored.history.find(run.info.id) if is_stored else None
            is_comparable = False
            if entry is None:
                why = (
                    "The run could not be stored in the history. The next nightly run tries again."
                )
                event = replace(event, failure=why, result=headline.of_run(run))
                self.announcer.announce(event, ExitCode.NOTHING_EVALUATED, self.messages)
            else:
                code = ExitCode.USAGE if reports.errors else ExitCode(run.info.exit_code)
                is_unfinished = bool(snapshot.meta("stopped"))
                is_comparable = self._announce(
                    notification_baseline, entry, drift, run, event, code, is_unfinished
                )
        return reports.errors, is_comparable

    def _announce(
        self,
        notification_baseline: NotificationBaseline,
        entry: StoredRun,
        drift: Drift | None,
        run: Run,
        event: RunEvent,
        code: ExitCode,
        is_unfinished: bool,
    ) -> bool:
        """Print and announce a stored run, and the changes since the last announced one; returns
        whether the next night may be compared with it once it is announced."""
        since = f" Since run {drift.earlier.id}: {diff_output.headline(drift)}" if drift else ""
        self.messages.say(f"Run {run.info.id} is stored. {headline.of_run(run)}{since}")
        for line in waiver_wording.problem_lines(run):
            self.messages.say(line)
        lost_note = notification_baseline.lost_baseline_note(entry)
        if lost_note:
            self.messages.say(lost_note)
            drift = replace(drift, notes=(lost_note, *drift.notes)) if drift else None
        earlier = drift.earlier if drift else None
        comparison_failure = notification_baseline.comparison_error(entry) if drift is None else ""
        if comparison_failure:
            self.messages.complain(comparison_failure)
            event = replace(event, failed_steps=(*event.failed_steps, comparison_failure))
        # A deviation that vanished because an override names a deleted group is not a recovery.
        stale_names = (
            waiver_wording.reference_line(each) for each in run.references if each.is_stale
        )
        event = replace(
            event, failed_steps=(*event.failed_steps, *map(wording.sentence_case, stale_names))
        )
        event = replace(event, later=entry.facts, earlier=earlier, drift=drift)
        deliveries = self.announcer.announce(event, code, self.messages)
        reached = all(each.sent for each in deliveries)
        # An unfinished run is stored again by the next night, and a run without a comparison
        # announced no changes: neither is the next one's baseline.
        is_comparable = not (is_unfinished or comparison_failure)
        if is_comparable or not reached:
            notification_baseline.note(entry, earlier.id if earlier else None, reached)
        return is_comparable

    def _announce_failure(self, error: Exception, run: Run | None = None) -> None:
        """Announce that the job failed, and why; for an evaluated run, also its findings."""
        if not self.announces_failures:
            return
        try:
            stored = self._stored()
        except (InsecureDirectory, StoreError):
            # The delivery state is missing or untrusted; announce the failure anyway.
            stored = None
        event = RunEvent(
            later=None,
            failure=self.collection.resume_hint(str(error)) or type(error).__name__,
            result=headline.of_run(run) if run is not None else "",
            stopped_before=stored is not None and stored.failed_before(self._name()),
            account=self.display_name(self.settings.account_id or ""),
        )
        self.announcer.announce(event, ExitCode.NOTHING_EVALUATED, self.messages)
        if stored is not None:
            stored.note_failure(self._name(), True)

    def _prune(self, stored: Runs, run_filter: RunFilter) -> None:
        """Remove old runs of the audited account only."""
        if self.keep is None:
            return
        try:
            old = ExpiredRuns.find(stored, run_filter, self.keep, self.keep_monthly)
            if old.ids:
                self.messages.say(old.remove())
            received_events.prune(stored)
        except (StoreError, SnapshotError) as error:
            self.messages.complain(f"old runs were not removed. {error}")

    def display_name(self, account_id: str) -> str:
        """The account's name in messages: its profile, or its id for the default profile."""
        profile = self.settings.profile
        return account_id if profile == DEFAULT_PROFILE and account_id else profile

    def _name(self) -> str:
        """Identifies the account and baseline of this job in the data directory."""
        parts = self.settings.account_id or "", self.settings.profile, self.settings.api_url
        channels = (self.channels_of,) if self.channels_of else ()
        identity = "\n".join((*parts, self.selection.baseline or self.settings.baseline, *channels))
        return hashlib.sha256(identity.encode()).hexdigest()[:16]
