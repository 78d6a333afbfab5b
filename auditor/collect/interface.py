"""What collection needs from its caller: a lock verifier and a progress listener."""

from collections.abc import Iterable
from typing import Protocol

from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import View


class LockVerifier(Protocol):
    """Decides what the account's values and locks prove about its users."""

    def prepare(self, snapshot: Snapshot) -> None:
        """Evaluate the account and its groups, which have been read."""

    def provable(self, views: Iterable[View]) -> tuple[View, ...]:
        """The `views` in which every evaluated setting is compliant and locked by the account."""

    def confirms(self, user: ScopeEvidence, view: View) -> bool:
        """True if a user's own document agrees with the account's locks."""


class ProgressListener(Protocol):
    """Receives the progress of a collection. Called from one thread."""

    def level_started(self, level: Level, scopes: int) -> None:
        """`scopes` scopes of a level are going to be read."""

    def read(self, level: Level) -> None:
        """All documents of one more scope were requested."""


class NoProgress:
    """A listener that does nothing."""

    def level_started(self, level: Level, scopes: int) -> None:
        """Ignored."""

    def read(self, level: Level) -> None:
        """Ignored."""
