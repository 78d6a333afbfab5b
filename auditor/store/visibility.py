"""Presence: whether a scope was there when a run looked, as far as its evidence tells."""

from functools import cached_property

from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import SnapshotError
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.view import Document, Outcome, ReadFailure, View


class ScopeVisibility:
    """Which scopes the evidence of a run knows."""

    def __init__(self, evidence: SnapshotReader) -> None:
        self._evidence = evidence

    def of(self, scope: Scope) -> bool | None:
        """True where it was there, False where it was not, None where nobody can tell."""
        if scope.level is Level.ACCOUNT or self._evidence.has(scope):
            return True
        return False if self.is_whole(scope.level) else None

    def refused(self, scope: Scope, source: str) -> bool:
        """True where a request was not answered for the scope, or for its account."""
        return source in self._refusals(scope) or source in self._of_account

    def is_whole(self, level: Level) -> bool:
        """True where every scope of the level is known."""
        if level is Level.ACCOUNT:
            return True
        first = next(self._evidence.scopes(level), None)
        if first is not None and first.id.startswith("*"):
            return False  # it stands for the meetings of a host that nobody could list
        views = LISTINGS.get(level) or tuple(
            {view for (at, _), view in COVERAGE_VIEWS.items() if at is level}
        )
        found = [self._listed[view] for view in views if view in self._listed]
        asked = len(found) == len(views) if level in LISTINGS else bool(found)
        return asked and all(isinstance(each, Document) for each in found)

    def _refusals(self, scope: Scope) -> frozenset[str]:
        if scope.level is Level.ACCOUNT or not self._evidence.has(scope):
            return frozenset()
        outcomes = self._evidence.evidence_of(scope).outcomes.values()
        return frozenset(each.source for each in outcomes if isinstance(each, ReadFailure))

    @cached_property
    def _of_account(self) -> frozenset[str]:
        return frozenset(
            each.source for each in self._listed.values() if isinstance(each, ReadFailure)
        )

    @cached_property
    def _listed(self) -> dict[View, Outcome]:
        try:
            return dict(self._evidence.account().outcomes)
        except SnapshotError:
            return {}
