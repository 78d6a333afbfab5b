"""What collection needs from the outside: an API to read, and somebody to tell how far it is."""

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
        """The scopes of the app's token, which is got where there is none yet."""

    def get(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, JsonValue]:
        """One document, secrets dropped."""

    def items(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, JsonValue]]:
        """The rows of a listing, page after page."""


class LockVerifier(Protocol):
    """Tells what the account's values and locks prove about its users."""

    def prepare(self, snapshot: Snapshot) -> None:
        """Look at the account and its groups, which have been read."""

    def provable(self, views: Iterable[View]) -> tuple[View, ...]:
        """Those of `views` in which every setting looked at is right and locked at the account."""

    def confirms(self, user: ScopeEvidence, view: View) -> bool:
        """True where a user's own document says what the account's locks promise."""


class ProgressListener(Protocol):
    """Is told how far collection is. Called from one thread."""

    def level_started(self, level: Level, scopes: int) -> None:
        """So many scopes of a level are going to be read."""

    def read(self, level: Level) -> None:
        """All documents of one more scope were asked for."""


class NoProgress:
    """A listener that does nothing."""

    def level_started(self, level: Level, scopes: int) -> None:
        """Ignored."""

    def read(self, level: Level) -> None:
        """Ignored."""
