"""What the keyring keeps: three values a profile, and the names of all profiles."""

from collections.abc import Mapping
from contextlib import suppress

from keyring.backend import KeyringBackend

from auditor.credentials.backends import (
    INDEX,
    KeyringUnavailable,
    delete,
    get,
    in_use,
    put,
    try_writing,
    writable_backends,
)
from auditor.credentials.parsing import NAMES


def load(profile: str, name: str) -> str | None:
    """The value of `name` (account_id, client_id or client_secret) kept for a profile.

    None where nothing is kept.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    ring = in_use()
    return get(ring, f"{profile}:{name}")


def profiles() -> list[str]:
    """The names of the profiles the keyring keeps something for, sorted.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    return _index(in_use())


def check_writable(allow_plain_text: bool = False) -> None:
    """Make sure that `keep` can work, before anybody is asked for a secret.

    Raises:
        KeyringUnavailable: it cannot.
    """
    ring = in_use()
    chosen = writable_backends(ring, allow_plain_text)
    _index(ring)
    try_writing(ring, chosen)


def save(profile: str, values: Mapping[str, str], allow_plain_text: bool = False) -> str:
    """Keep the three values for a profile, all or none; the name of the keyring they went to.

    Raises:
        KeyringUnavailable: it does not keep them. What was there before
            is put back.
    """
    ring = in_use()
    chosen = writable_backends(ring, allow_plain_text)
    before = {name: load(profile, name) for name in NAMES}
    kept_by = ""
    try:
        for name in NAMES:
            kept_by = put(ring, chosen, f"{profile}:{name}", values[name])
        put(ring, chosen, INDEX, "\n".join(sorted({*_index(ring), profile})))
    except KeyringUnavailable as error:
        _restore(ring, chosen, profile, before)
        reason = error.reason
        for value in values.values():
            reason = reason.replace(value, "[redacted]")
        raise KeyringUnavailable(reason, error.state) from None
    return kept_by


def remove(profile: str) -> bool:
    """Forget a profile. False where nothing was kept for it.

    Raises:
        KeyringUnavailable: the keyring does not work, or does not let go.
    """
    ring = in_use()
    known = _index(ring)
    found = profile in known
    for name in NAMES:
        found = delete(ring, f"{profile}:{name}") or found
    if profile in known:
        others = [name for name in known if name != profile]
        if others:
            put(ring, writable_backends(ring, allow_plain_text=True), INDEX, "\n".join(others))
        else:
            delete(ring, INDEX)
    return found


def _index(ring: KeyringBackend) -> list[str]:
    return sorted((get(ring, INDEX) or "").split())


def _restore(
    ring: KeyringBackend,
    chosen: list[KeyringBackend],
    profile: str,
    before: Mapping[str, str | None],
) -> None:
    """As it was before, as far as the keyring lets us."""
    for name, value in before.items():
        with suppress(KeyringUnavailable):
            if value is None:
                delete(ring, f"{profile}:{name}")
            else:
                put(ring, chosen, f"{profile}:{name}", value)
