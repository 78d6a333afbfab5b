"""Visibility: whether a scope was present when a run read the account, as far as its evidence
shows."""

from functools import cached_property

from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import SnapshotError
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.view import Document, Outcome, ReadFailure, View


class ScopeVisibility:
    """The scopes in the evidence of a run."""

    def __init__(self, evidence: SnapshotReader) -> None:
        self._evidence = evidence

    def was_present(self, scope: Scope) -> bool | None:
        """True if the scope was present, False if it was not, None if unknown."""
        if scope.level is Level.ACCOUNT or self._evidence.has(scope):
            return True
        return False if self.is_fully_listed(scope.level) else None

    def was_refused(self, scope: Scope, source: str) -> bool:
        """True if a request for the scope, or for its account, failed."""
        return source in self._refused_sources(scope) or source in self._refused_for_account

    def is_fully_listed(self, level: Level) -> bool:
        """True if every scope of the level is known."""
        if level is Level.ACCOUNT:
            return True
        first = next(self._evidence.scopes(level), None)
        if first is not None and first.is_placeholder:
            return False  # a placeholder for the meetings of a host that could not be listed
        views = LISTINGS.get(level) or tuple(
            {view for (at, _), view in COVERAGE_VIEWS.items() if at is level}
        )
        outcomes = [
            self._account_outcomes[view] for view in views if view in self._account_outcomes
        ]
        was_requested = len(outcomes) == len(views) if level in LISTINGS else bool(outcomes)
        return was_requested and all(isinstance(outcome, Document) for outcome in outcomes)

    def _refused_sources(self, scope: Scope) -> frozenset[str]:
        if scope.level is Level.ACCOUNT or not self._evidence.has(scope):
            return frozenset()
        outcomes = self._evidence.evidence_of(scope).outcomes.values()
        return frozenset(outcome.source for outcome in outcomes if isinstance(outcome, ReadFailure))

    @cached_property
    def _refused_for_account(self) -> frozenset[str]:
        return frozenset(
            outcome.source
            for outcome in self._account_outcomes.values()
            if isinstance(outcome, ReadFailure)
        )

    @cached_property
    def _account_outcomes(self) -> dict[View, Outcome]:
        try:
            return dict(self._evidence.account().outcomes)
        except SnapshotError:
            return {}
