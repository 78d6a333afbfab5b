"""The auditor's own keys in the system's keyring: for pseudonyms and for signing.

On a machine without a keyring, environment variables can hold them.
"""

import secrets
from typing import TYPE_CHECKING

from auditor.errors import AuditorError, ExitCode
from auditor.secrets.backends import KeyringUnavailable, get, in_use, put, writable_backends

if TYPE_CHECKING:  # slow to load, and needed only to sign or verify
    from auditor.secrets.signing import PublicKey, Signer

PSEUDONYM_KEY = "pseudonym-key"
SIGNING_KEY = "signing-key"
PUBLIC_KEY = "public-key"

MIN_LENGTH = 16
"""Minimum characters of a pseudonym key in the environment: a shorter one could be guessed."""


class KeyUnavailable(AuditorError):
    """A key is missing or cannot be stored. The message names the places for it."""

    exit_code = ExitCode.USAGE


def load_key(name: str) -> str | None:
    """The key called `name` in the keyring; None if there is none or the keyring does not work."""
    try:
        return get(in_use(), name)
    except KeyringUnavailable:
        return None


def save_key(name: str, value: str) -> bool:
    """Store a key in the keyring. False if no encrypted keyring can store it."""
    try:
        ring = in_use()
        put(ring, writable_backends(ring), name, value)
    except KeyringUnavailable:
        return False
    return True


def pseudonym_key(configured: str | None) -> bytes:
    """The key of all pseudonyms: `configured`, or the keyring's, which is created on first use.

    Raises:
        KeyUnavailable: there is no key, or the configured one is too short.
    """
    if configured:
        if len(configured) < MIN_LENGTH:
            raise KeyUnavailable(
                f"AUDITOR_PSEUDONYM_KEY is shorter than {MIN_LENGTH} characters, so pseudonyms "
                f"could be guessed. Set it to a long random text, and keep a copy."
            )
        return configured.encode()
    key = load_key(PSEUDONYM_KEY)
    if key is None:
        key = secrets.token_hex(32)
        if not save_key(PSEUDONYM_KEY, key):
            raise KeyUnavailable(
                "Pseudonyms need a key, and this machine has no keyring to store one. Set up the "
                "operating system's keyring, or set AUDITOR_PSEUDONYM_KEY to a long random text, "
                "and keep a copy: the same key gives the same pseudonyms."
            )
    return key.encode()


def signer(configured: str | None) -> "Signer | None":
    """The signer with the key in `configured` (AUDITOR_SIGNING_KEY) or in the keyring; None without
    a key.

    Raises:
        KeyUnavailable: the text is not a key.
    """
    text = configured or load_key(SIGNING_KEY)
    if not text:
        return None
    from auditor.secrets.signing import BadKey, Signer

    try:
        return Signer.read(text)
    except BadKey as error:
        raise KeyUnavailable(str(error)) from error


def public_key(text: str, name: str) -> "PublicKey":
    """Parse the public key in `text`; `name` is its source, for error messages.

    Raises:
        KeyUnavailable: the text is not a key.
    """
    from auditor.secrets.signing import BadKey, PublicKey

    try:
        return PublicKey.read(text)
    except BadKey as error:
        raise KeyUnavailable(f"{name}: {error}") from error
