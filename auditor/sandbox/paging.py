"""Page tokens: opaque, bound to their listing, valid for 15 minutes."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LIFE: Final = 15 * 60
"""Seconds a page token is valid."""


class StaleToken(Exception):
    """A page token that has expired, was altered or belongs to another listing."""


class _Place(NamedTuple):
    listing: str
    start: int
    expires: float


@dataclass
class PageTokens:
    """Issues and reads page tokens. Stores one place for each page boundary that was reached.

    A token depends only on its listing and place, not on time, so that equal runs get equal tokens
    and equal faults; issuing it again extends its validity.
    """

    key: bytes
    expire_first: bool = False
    """Treat the first token of each listing as expired."""
    loops: bool = False
    """On the first reading of each listing, let the second page give its own token."""
    repeats: bool = False
    """The same, but only once."""
    _places: dict[str, _Place] = field(default_factory=dict)
    _expired: set[str] = field(default_factory=set)
    _wrong: dict[str, str] = field(default_factory=dict)
    """Listing to the wrong token of its second page; empty once it was served."""

    def following(self, listing: str, requested: str, start: int | None, now: float) -> str:
        """The next-page token for a page requested with the token `requested` (empty: first page).

        `start` is the place of the next page, None after the last, whose token is empty.
        """
        token = "" if start is None else self._issue(listing, start, now)
        if not (self.loops or self.repeats):
            return token
        if not requested:
            if token:
                self._wrong[listing] = "" if listing in self._wrong else token
            return token
        if self._wrong.get(listing) != requested:
            return token
        if not self.loops:
            self._wrong[listing] = ""
        return requested

    def start(self, listing: str, token: str, now: float) -> int:
        """The place at which a token continues; 0 for an empty token.

        Raises:
            StaleToken: expired, altered, or of another listing.
        """
        if not token:
            return 0
        place = self._places.get(token)
        if place is None or place.listing != listing or now > place.expires:
            raise StaleToken
        if self.expire_first and listing not in self._expired:
            self._expired.add(listing)
            raise StaleToken
        return place.start

    def _issue(self, listing: str, start: int, now: float) -> str:
        text = f"{start}\x1f{listing}".encode()
        sealed = hashlib.blake2b(text, digest_size=24, key=self.key).digest()
        token = base64.urlsafe_b64encode(sealed).decode()
        self._places[token] = _Place(listing, start, now + LIFE)
        return token
