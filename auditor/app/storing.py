"""Stores finished runs in the history, and compares them with earlier ones."""

import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from auditor.app.audit import EvaluationConfig, NothingSelected, judge
from auditor.app.compare import note_actors, open_comparison
from auditor.app.messages import Messages
from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.findings.drift import Drift
from auditor.findings.run import Run
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.store.errors import RunNotFound, StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, place

_WRITING = threading.Lock()
"""One thread stores at a time: the history lets others wait for half a minute only."""

_DAMAGED = (sqlite3.Error, zlib.error, ValueError)
_UNFIT = (PolicyError, SnapshotError, NothingSelected, RunNotFound, *_DAMAGED)
"""Reasons to skip a pending run: it was written by another version, was deleted, or is damaged."""


def store_run(
    stored: Runs, snapshot: Snapshot, run: Run, judgement: EvaluationConfig, messages: Messages
) -> bool:
    """Store a finished run and all pending ones; False if that failed.

    A run that cannot be stored now stays in its directory, and the next audit stores it.
    """
    try:
        with _WRITING:
            of_account = RunFilter(run.info.account_id, place(run.info.api_url))
            _store_pending(stored, of_account, judgement.catalogue, messages, run.info.id)
            aside = stored.archive(snapshot, run, judgement.selected_subset)
    except (StoreError, DiskFull, OSError, sqlite3.Error) as error:
        messages.complain(
            f"{str(error).rstrip('.')}. Run {run.info.id} is not in the history yet; its evidence "
            f"is kept in {stored.home / 'runs' / run.info.id}, and the next audit stores it."
        )
        return False
    if aside is not None:
        _report_quarantine(stored, aside, messages)
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
                comparison = open_comparison(stored.history, before, entry, catalogue)
                drift = stack.enter_context(comparison)
                if noting:
                    note_actors(stored.history, drift, entry)
        except (StoreError, SnapshotError):
            drift = None
        yield drift


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
        same_baseline = entry.facts.baseline.digest == run.info.baseline.digest
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


def store_pending(
    stored: Runs, of_account: RunFilter, catalogue: Catalogue, messages: Messages
) -> None:
    """Store the finished runs of an account that could not be stored.

    Raises:
        DiskFull: the disk is full.
        StoreError: the history cannot be written.
    """
    with _WRITING:
        _store_pending(stored, of_account, catalogue, messages)


def _store_pending(
    stored: Runs, of_account: RunFilter, catalogue: Catalogue, messages: Messages, but: str = ""
) -> None:
    """Store earlier runs of the account. Those of others may still be in the hands of a thread."""
    for run_id in stored.unarchived(of_account):
        if run_id == but:
            continue
        with ExitStack() as stack:
            try:
                snapshot = stack.enter_context(stored.open_folder(run_id))
                judgement = EvaluationConfig.from_snapshot(snapshot, catalogue)
                pending = judge(snapshot, judgement)
            except DiskFull:
                raise
            except _UNFIT as error:
                _report_unfit(stored, run_id, error, messages)
                continue
            try:  # damage to the evidence; faults of the history are StoreErrors
                aside = stored.archive(snapshot, pending, judgement.selected_subset)
            except (sqlite3.Error, zlib.error) as error:
                _report_unfit(stored, run_id, error, messages)
                continue
        stored.discard(run_id)
        if aside is not None:
            _report_quarantine(stored, aside, messages)


def _report_unfit(stored: Runs, run_id: str, error: Exception, messages: Messages) -> None:
    is_damaged = isinstance(error, _DAMAGED)
    why = f"its file in {stored.home / 'runs' / run_id} is damaged ({error})."
    messages.say(f"Run {run_id} is not stored in the history: {why if is_damaged else error}")


def _report_quarantine(stored: Runs, aside: object, messages: Messages) -> None:
    messages.complain(
        f"the history {stored.history} was damaged. It is kept as {aside}, and a new one was "
        "started. Recover its data with: sqlite3 FILE .recover"
    )
