"""Ed25519 keys as hexadecimal text, which sign and verify bundles and stored runs.

Import this module only to sign or verify: `cryptography` is slow to load.
"""

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from auditor.errors import AuditorError


class BadKey(AuditorError):
    """A text is not a key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key."""

    raw: bytes

    @classmethod
    def read(cls, text: str) -> "PublicKey":
        """Parse 64 hexadecimal digits.

        Raises:
            BadKey: the text is something else.
        """
        try:
            raw = bytes.fromhex(text.strip())
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise BadKey("A public key is 64 hexadecimal digits, as auditor bundle keygen prints.")
        return cls(raw)

    @property
    def text(self) -> str:
        """64 hexadecimal digits."""
        return self.raw.hex()

    @property
    def id(self) -> str:
        """`ed25519:` and 16 hexadecimal digits of its SHA-256."""
        return "ed25519:" + hashlib.sha256(self.raw).hexdigest()[:16]

    def accepts(self, signature: bytes, context: bytes, content: bytes) -> bool:
        """True if the private key made `signature` for `content`.

        `context` is signed before the content, so that a signature for one purpose is not valid for
        another.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, context + content)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key."""

    key: Ed25519PrivateKey

    @classmethod
    def read(cls, text: str) -> "Signer":
        """Parse 64 hexadecimal digits.

        Raises:
            BadKey: the text is something else.
        """
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip())))
        except ValueError as error:
            raise BadKey(
                "The signing key is not 64 hexadecimal digits. Create one with: auditor bundle "
                "keygen"
            ) from error

    @property
    def public(self) -> PublicKey:
        """The public key that verifies this key's signatures."""
        return PublicKey(self.key.public_key().public_bytes_raw())

    def sign(self, context: bytes, content: bytes) -> bytes:
        """The signature of `content`, 64 bytes."""
        return self.key.sign(context + content)


def new_key() -> str:
    """A new signing key: 64 hexadecimal digits."""
    return secrets.token_hex(32)
