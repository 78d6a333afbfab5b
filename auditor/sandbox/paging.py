"""Page tokens: opaque, bound to their listing, good for 15 minutes."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Final

LIFE: Final = 15 * 60
"""Seconds a page token is valid."""
_SHAPE: Final = struct.Struct(">Qd")


class StaleToken(Exception):
    """A page token that has expired, was altered or belongs to another listing."""


@dataclass
class PageTokens:
    """Issues and reads page tokens. Nothing is stored for a token."""

    key: bytes
    expire_first: bool = False
    """Treat the first token of each listing as expired."""
    _expired: set[str] = field(default_factory=set)

    def issue(self, listing: str, start: int, now: float) -> str:
        """A token to continue `listing` at place `start`."""
        raw = _SHAPE.pack(start, now + LIFE)
        return base64.urlsafe_b64encode(raw + self._seal(listing, raw)).decode()

    def start(self, listing: str, token: str, now: float) -> int:
        """The place a token continues at; 0 for an empty token.

        Raises:
            StaleToken: expired, altered, or of another listing.
        """
        if not token:
            return 0
        try:
            sealed = base64.urlsafe_b64decode(token.encode())
        except (binascii.Error, UnicodeEncodeError) as error:
            raise StaleToken from error
        raw, seal = sealed[: _SHAPE.size], sealed[_SHAPE.size :]
        if not hmac.compare_digest(seal, self._seal(listing, raw)):
            raise StaleToken
        start, expires = _SHAPE.unpack(raw)
        if now > expires:
            raise StaleToken
        if self.expire_first and listing not in self._expired:
            self._expired.add(listing)
            raise StaleToken
        return int(start)

    def _seal(self, listing: str, raw: bytes) -> bytes:
        return hashlib.blake2b(listing.encode() + raw, digest_size=8, key=self.key).digest()
