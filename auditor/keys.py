"""Keys of the auditor's own, in the system's keyring: for pseudonyms, and for signing.

Where a machine has no keyring, an environment variable can hold them.
"""

import secrets
from typing import TYPE_CHECKING

from auditor.credentials.backends import KeyringUnavailable, get, in_use, put, writable_backends
from auditor.errors import AuditorError, ExitCode

if TYPE_CHECKING:  # loaded only where something is signed or verified
    from auditor.signing import PublicKey, Signer

PSEUDONYM_KEY = "pseudonym-key"
SIGNING_KEY = "signing-key"
PUBLIC_KEY = "public-key"

MIN_LENGTH = 16
"""Characters of a key in the environment: a shorter one could be guessed."""


class KeyUnavailable(AuditorError):
    """A key is not there, or cannot be kept. The message says where it could be."""

    exit_code = ExitCode.USAGE


def load_key(name: str) -> str | None:
    """The key that the keyring keeps under `name`; None where it has none, or does not work."""
    try:
        return get(in_use(), name)
    except KeyringUnavailable:
        return None


def save_key(name: str, value: str) -> bool:
    """Keep a key in the keyring. False where there is no encrypted keyring that keeps it."""
    try:
        ring = in_use()
        put(ring, writable_backends(ring), name, value)
    except KeyringUnavailable:
        return False
    return True


def pseudonym_key(configured: str | None) -> bytes:
    """The key of all pseudonyms: `given`, or the keyring's, which is made at first use.

    Raises:
        KeyUnavailable: there is neither, or the one that was given is too short.
    """
    if configured:
        if len(configured) < MIN_LENGTH:
            raise KeyUnavailable(
                f"AUDITOR_PSEUDONYM_KEY is shorter than {MIN_LENGTH} characters, so pseudonyms "
                "could be guessed. Set it to a long random text, and keep that text."
            )
        return configured.encode()
    key = load_key(PSEUDONYM_KEY)
    if key is None:
        key = secrets.token_hex(32)
        if not save_key(PSEUDONYM_KEY, key):
            raise KeyUnavailable(
                "Pseudonyms need a key, and this machine has no keyring that keeps one. Set up "
                "the operating system's keyring, or set AUDITOR_PSEUDONYM_KEY to a long random "
                "text, and keep that text: the same key gives the same pseudonyms."
            )
    return key.encode()


def signer(configured: str | None) -> "Signer | None":
    """Who signs: `given`, the key in AUDITOR_SIGNING_KEY, or the keyring's; None without a key.

    Raises:
        KeyUnavailable: what is there is no key.
    """
    text = configured or load_key(SIGNING_KEY)
    if not text:
        return None
    from auditor.signing import BadKey, Signer

    try:
        return Signer.read(text)
    except BadKey as error:
        raise KeyUnavailable(str(error)) from error


def public_key(text: str, name: str) -> "PublicKey":
    """The public key in `text`, which `name` gave.

    Raises:
        KeyUnavailable: it is none.
    """
    from auditor.signing import BadKey, PublicKey

    try:
        return PublicKey.read(text)
    except BadKey as error:
        raise KeyUnavailable(f"{name}: {error}") from error
