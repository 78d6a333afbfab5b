"""Credentials in the keyring: three values for each profile, and the names of all profiles."""

from collections.abc import Mapping
from contextlib import suppress

from keyring.backend import KeyringBackend

from auditor.secrets.backends import (
    INDEX,
    KeyringUnavailable,
    delete,
    get,
    in_use,
    put,
    try_writing,
    writable_backends,
)
from auditor.secrets.parsing import NAMES


def load(profile: str, name: str) -> str | None:
    """The value of `name` (account_id, client_id or client_secret) of a profile; None if absent.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    ring = in_use()
    return get(ring, f"{profile}:{name}")


def profiles() -> list[str]:
    """The names of the stored profiles, sorted.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    return _index(in_use())


def check_writable(allow_plain_text: bool = False) -> None:
    """Check that `save` can work, before the user is prompted for a secret.

    Raises:
        KeyringUnavailable: it cannot work.
    """
    ring = in_use()
    chosen = writable_backends(ring, allow_plain_text)
    _index(ring)
    try_writing(ring, chosen)


def save(profile: str, values: Mapping[str, str], allow_plain_text: bool = False) -> str:
    """Store the three values of a profile, all or none, and return the name of the keyring.

    Raises:
        KeyringUnavailable: the keyring does not store them. The previous values are restored.
    """
    ring = in_use()
    chosen = writable_backends(ring, allow_plain_text)
    before = {name: load(profile, name) for name in NAMES}
    ring_name = ""
    try:
        for name in NAMES:
            ring_name = put(ring, chosen, f"{profile}:{name}", values[name])
        put(ring, chosen, INDEX, "\n".join(sorted({*_index(ring), profile})))
    except KeyringUnavailable as error:
        _restore(ring, chosen, profile, before)
        reason = error.reason
        for value in values.values():
            reason = reason.replace(value, "[redacted]")
        raise KeyringUnavailable(reason, error.state) from None
    return ring_name


def remove(profile: str) -> bool:
    """Delete a profile. False if it did not exist.

    Raises:
        KeyringUnavailable: the keyring does not work, or does not delete it.
    """
    ring = in_use()
    known = _index(ring)
    existed = profile in known
    for name in NAMES:
        existed = delete(ring, f"{profile}:{name}") or existed
    if profile in known:
        others = [name for name in known if name != profile]
        if others:
            put(ring, writable_backends(ring, allow_plain_text=True), INDEX, "\n".join(others))
        else:
            delete(ring, INDEX)
    return existed


def _index(ring: KeyringBackend) -> list[str]:
    return sorted((get(ring, INDEX) or "").split())


def _restore(
    ring: KeyringBackend,
    chosen: list[KeyringBackend],
    profile: str,
    before: Mapping[str, str | None],
) -> None:
    """Restore the previous values, as far as the keyring allows."""
    for name, value in before.items():
        with suppress(KeyringUnavailable):
            if value is None:
                delete(ring, f"{profile}:{name}")
            else:
                put(ring, chosen, f"{profile}:{name}", value)
