"""What collection needs from its caller: an API, a lock verifier and a progress listener."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import View
from auditor.zoom.endpoints import Endpoint


class ZoomApi(Protocol):
    """Reads Zoom's API. Safe to use from many threads. Raises `ZoomError`."""

    def authenticate(self) -> frozenset[str]:
        """The scopes of the app's token. Requests a token if there is none."""

    def get(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, JsonValue]:
        """One document, without secrets."""

    def items(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, JsonValue]]:
        """The rows of a listing, page after page."""


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
