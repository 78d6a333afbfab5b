"""Stores finished runs in the history, and compares them with earlier ones."""

import hashlib
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from auditor.app import audit as runs
from auditor.app import compare as comparing
from auditor.app.audit import EvaluationConfig, NothingSelected
from auditor.cli.terminal import Terminal
from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.findings.drift import Drift
from auditor.findings.run import Run
from auditor.notify.delivery_state import LastAnnounced
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.store.errors import HistoryDamaged, HistoryLocked, RunNotFound, StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, Series, place

_DAMAGED = (sqlite3.Error, zlib.error, ValueError)
_UNFIT = (PolicyError, SnapshotError, NothingSelected, RunNotFound, *_DAMAGED)
"""Reasons to skip a pending run: it was written by another version, was deleted, or is damaged."""


def open_history(stored: Runs) -> None:
    """Open the history for writing, and migrate its tables.

    This happens before an account is read, so that no night is spent on a run that cannot be
    stored. A locked history may be free by then, and a damaged file is quarantined when the run is
    stored.

    Raises:
        DiskFull: there is no space left.
        StoreError: it cannot be reached, opened or written.
    """
    try:
        with suppress(HistoryLocked), stored.history.database.writing():
            pass
    except HistoryDamaged:
        if stored.history.database.file is None:
            raise


def store_run(
    stored: Runs, snapshot: Snapshot, run: Run, judgement: EvaluationConfig, terminal: Terminal
) -> bool:
    """Store a finished run and all pending ones; False if that failed.

    A run that cannot be stored now stays in its directory, and the next audit stores it.
    """
    try:
        _store_pending(stored, run.info.id, judgement.catalogue, terminal)
        aside = stored.archive(snapshot, run, judgement.selected_subset)
    except (StoreError, DiskFull, OSError, sqlite3.Error) as error:
        terminal.complain(
            f"{str(error).rstrip('.')}. Run {run.info.id} is not in the history yet; its evidence "
            f"is kept in {stored.home / 'runs' / run.info.id}, and the next audit stores it."
        )
        return False
    if aside is not None:
        _report_quarantine(stored, aside, terminal)
    return True


@contextmanager
def drift_since_previous(
    stored: Runs,
    run_id: str,
    catalogue: Catalogue,
    *,
    noting: bool = True,
    earlier: Callable[[StoredRun], StoredRun | None] | None = None,
) -> Iterator[Drift | None]:
    """The changes since the previous run, for the duration of the block; None without one.

    The previous run is the preceding one in its series, unless `earlier` selects another. If
    `noting`, the authors of changes are stored with the findings; otherwise the history is only
    read.
    """
    with ExitStack() as stack:
        try:
            entry = stored.history.find(run_id)
            find_earlier = earlier or stored.history.before
            before = find_earlier(entry) if entry is not None else None
            drift = None
            if entry is not None and before is not None:
                comparison = comparing.open_comparison(stored.history, before, entry, catalogue)
                drift = stack.enter_context(comparison)
                if noting:
                    comparing.note_actors(stored.history, drift, entry)
        except (StoreError, SnapshotError):
            drift = None
        yield drift


@dataclass(frozen=True)
class NotificationBaseline:
    """The run that the channels of a profile were last notified of."""

    stored: Runs
    profile: str
    has_channels: bool
    """False if no channel is configured: then no state is kept."""
    late: Collection[str] = ()
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
            f"Run {last}, which was told last, is kept no longer: what changed is told since the "
            "run before this one."
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
            *(facts.baseline_id, facts.depth, entry.selection),
        )
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return LastAnnounced(self.stored.home, name)


def previous_start(
    stored: Runs, account_id: str, api_url: str, judgement: EvaluationConfig
) -> str | None:
    """Start of the run before the one that starts now, RFC 3339; None without one.

    That is the newest run of the same series, which the new run will be compared with, otherwise
    the newest of the account. The operation log is read from then on.
    """
    series = Series.for_selection(
        account_id, api_url, judgement.baseline.info.id, judgement.depth, judgement.selected_subset
    )
    try:
        comparable = stored.history.last_of(series)
        if comparable is not None:
            return comparable.facts.started_at
        newest = stored.history.newest(RunFilter(account_id, place(api_url)))
    except (StoreError, DiskFull):
        return None
    return None if newest is None else newest.facts.started_at


def with_history(stored: Runs, run: Run, drift: Drift | None = None) -> Run:
    """The run with its trend, the histories of its findings, and its `drift`.

    Unchanged if there is no readable history. The drift belongs to the run as stored, so a run
    judged differently since has none. Under pseudonyms only the trend is added: the history stores
    real names.
    """
    try:
        entry = stored.history.find(run.info.id)
        if entry is None:
            return run
        same_baseline = entry.facts.baseline_digest == run.info.baseline.digest
        has_history = same_baseline and not run.pseudonymised
        history = stored.history

        return replace(
            run,
            trend=history.trend(entry) if same_baseline else (),
            histories=(lambda fingerprints: history.histories(entry, fingerprints))
            if has_history
            else None,
            drift=drift if has_history and _as_stored(run, entry) else None,
        )
    except (StoreError, DiskFull):
        return run


def _as_stored(run: Run, entry: StoredRun) -> bool:
    """True if the results of a run are those that were stored."""
    facts, counts = entry.facts, run.summary.by_status
    return (
        facts.depth == run.info.depth
        and facts.controls == frozenset(run.controls)
        and dict(+Counter(facts.by_status)) == {str(key): n for key, n in counts.items() if n}
    )


def _store_pending(stored: Runs, except_run: str, catalogue: Catalogue, terminal: Terminal) -> None:
    for run_id in stored.unarchived():
        if run_id == except_run:
            continue
        with ExitStack() as stack:
            try:
                snapshot = stack.enter_context(stored.open_folder(run_id))
                judgement = EvaluationConfig.from_snapshot(snapshot, catalogue)
                run = runs.judge(snapshot, judgement)
            except DiskFull:
                raise
            except _UNFIT as error:
                _report_unfit(stored, run_id, error, terminal)
                continue
            try:  # damage to the evidence; faults of the history are StoreErrors
                aside = stored.archive(snapshot, run, judgement.selected_subset)
            except (sqlite3.Error, zlib.error) as error:
                _report_unfit(stored, run_id, error, terminal)
                continue
        stored.discard(run_id)
        if aside is not None:
            _report_quarantine(stored, aside, terminal)


def _report_unfit(stored: Runs, run_id: str, error: Exception, terminal: Terminal) -> None:
    is_damaged = isinstance(error, _DAMAGED)
    why = f"its file in {stored.home / 'runs' / run_id} is damaged ({error})."
    terminal.say(f"Run {run_id} stays out of the history: {why if is_damaged else error}")


def _report_quarantine(stored: Runs, aside: object, terminal: Terminal) -> None:
    terminal.complain(
        f"the history {stored.history} was damaged. It is kept as {aside}, and a new one was "
        "begun. What can be saved of it: sqlite3 FILE .recover"
    )
