"""Retention: the runs of a history that need not be kept, and their removal."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auditor.plain_text import pluralize
from auditor.store.history import StoredRun
from auditor.store.retention import expired
from auditor.store.runs import Runs
from auditor.store.series import RunFilter

_MIN_ABANDONED_AGE = timedelta(days=2)
"""How long after its last write a run may still be in progress."""


@dataclass(frozen=True)
class ExpiredRuns:
    """Runs of a history that need not be kept."""

    stored: Runs
    run_filter: RunFilter
    entries: list[StoredRun]
    abandoned: list[str]
    """Ids of runs that stopped before they were stored and were never resumed."""

    @classmethod
    def find(
        cls, stored: Runs, run_filter: RunFilter, keep: timedelta, monthly: int
    ) -> "ExpiredRuns":
        """The runs older than `keep`, except the last one of each of `monthly` months.

        Raises:
            StoreError: the history cannot be read.
        """
        history, now = stored.history, datetime.now(UTC)
        entries = expired(history.runs(run_filter), now, keep, monthly, history.acceptances())
        return cls(stored, run_filter, entries, _abandoned(stored, now - keep, run_filter))

    @property
    def ids(self) -> list[str]:
        """The ids of all these runs."""
        return [*(entry.facts.id for entry in self.entries), *self.abandoned]

    def remove(self) -> str:
        """Remove these runs; returns a sentence on what was removed.

        Raises:
            StoreError: the history cannot be written.
        """
        history = self.stored.history
        if self.entries:
            history.remove(self.entries)
        for run_id in self.abandoned:
            self.stored.discard(run_id)
        removed = pluralize(len(self.entries), "stored run")
        broken = pluralize(len(self.abandoned), "run")
        also = f", {broken} that broke off" if self.abandoned else ""
        return f"Removed {removed}{also}; kept {len(history.runs(self.run_filter))}."


def _abandoned(stored: Runs, before: datetime, run_filter: RunFilter) -> list[str]:
    """Runs that stopped before this time and were never resumed.

    Never a run that may still be in progress or that the next night resumes, nor a run of another
    account. A run that stopped before it recorded its account belongs to none.
    """
    oldest = min(before, datetime.now(UTC) - _MIN_ABANDONED_AGE).timestamp()
    pending = set(stored.unarchived())
    others = {
        folder.id
        for folder in stored.run_folders()
        if folder.facts["account_id"]
        and not run_filter.admits(folder.facts["account_id"], folder.place)
    }
    return [
        run_id
        for run_id in stored.folders()
        if run_id not in others and run_id not in pending and stored.last_modified(run_id) < oldest
    ]
