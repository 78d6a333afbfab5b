"""What collection needs from the outside: an API to read, and somebody to tell how far it is."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.zoom.endpoints import Endpoint


class Api(Protocol):
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


class Listener(Protocol):
    """Is told how far collection is. Called from one thread."""

    def found(self, level: Level, scopes: int) -> None:
        """So many scopes of a level are going to be read."""

    def read(self, level: Level) -> None:
        """All documents of one more scope were asked for."""


class Silent:
    """A listener that does nothing."""

    def found(self, level: Level, scopes: int) -> None:
        """Ignored."""

    def read(self, level: Level) -> None:
        """Ignored."""
