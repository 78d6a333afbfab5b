"""Signing bundles with Ed25519: keys as hexadecimal text, signatures as a small JSON file."""

import hashlib
import json
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CONTEXT = b"auditor/bundle/v1\n"
"""Signed before the manifest, so that no signature of something else passes for one of a bundle."""
LONGEST = 4096
"""Bytes of a signature file."""


class BadKey(Exception):
    """A text is no key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The key that verifies."""

    raw: bytes

    @classmethod
    def read(cls, text: str) -> "PublicKey":
        """The key written as 64 hexadecimal digits.

        Raises:
            BadKey: it is something else.
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

    def accepts(self, signature: bytes, manifest: bytes) -> bool:
        """True if `signature` was made of `manifest` by the key's other half."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, CONTEXT + manifest)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """The key that signs."""

    key: Ed25519PrivateKey

    @classmethod
    def read(cls, text: str) -> "Signer":
        """The key written as 64 hexadecimal digits.

        Raises:
            BadKey: it is something else.
        """
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip())))
        except ValueError as error:
            raise BadKey(
                "The signing key is not 64 hexadecimal digits. Make one with: auditor bundle keygen"
            ) from error

    @property
    def public(self) -> PublicKey:
        """The key that verifies what this one signs."""
        return PublicKey(self.key.public_key().public_bytes_raw())

    def sign(self, manifest: bytes) -> bytes:
        """The signature file for a manifest."""
        return Signature(self.public, self.key.sign(CONTEXT + manifest)).written()


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and the key that is said to have made it."""

    public: PublicKey
    signature: bytes

    @classmethod
    def read(cls, content: bytes) -> "Signature":
        """The signature in a file.

        Raises:
            BadKey: it is none, or not as `written` writes it.
        """
        try:
            told = json.loads(content)
            found = cls(PublicKey.read(told["public_key"]), bytes.fromhex(told["signature"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadKey("it is no signature") from error
        if found.written() != content:
            raise BadKey("it is not as it was written")
        return found

    def written(self) -> bytes:
        """The signature file."""
        told = {
            "algorithm": "ed25519",
            "key_id": self.public.id,
            "public_key": self.public.text,
            "signature": self.signature.hex(),
        }
        return (json.dumps(told, indent=1) + "\n").encode()


def new_key() -> str:
    """A fresh signing key: 64 hexadecimal digits."""
    return secrets.token_hex(32)
