"""A nightly job: audit, store the run, announce what changed, and remove old runs."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from auditor.evidence.snapshot import DiskFull
from auditor.notify.delivery_state import LastAnnounced
from auditor.store.errors import StoreError
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from auditor.store.series import place


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
