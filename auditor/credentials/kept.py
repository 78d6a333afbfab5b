"""What the keyring keeps: three values a profile, and the names of all profiles."""

from collections.abc import Mapping
from contextlib import suppress

from keyring.backend import KeyringBackend

from auditor.credentials.backends import (
    INDEX,
    SERVICE,
    KeyringUnavailable,
    asked,
    in_use,
    name_of,
    parts,
    places,
)
from auditor.credentials.given import NAMES


def fetched(profile: str, name: str) -> str | None:
    """The value of `name` (account_id, client_id or client_secret) kept for a profile.

    None where nothing is kept.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    ring = in_use()
    return asked(ring, lambda: ring.get_password(SERVICE, f"{profile}:{name}"))


def profiles() -> list[str]:
    """The names of the profiles the keyring keeps something for, sorted.

    Raises:
        KeyringUnavailable: the keyring does not work.
    """
    return _index(in_use())


def ready(allow_plain_text: bool = False) -> None:
    """Make sure that `keep` can work, before anybody is asked for a secret.

    Raises:
        KeyringUnavailable: it cannot.
    """
    ring = in_use()
    places(ring, allow_plain_text)
    _index(ring)


def keep(profile: str, values: Mapping[str, str], allow_plain_text: bool = False) -> str:
    """Keep the three values for a profile, all or none; the name of the keyring they went to.

    Raises:
        KeyringUnavailable: it does not keep them. What was there before
            is put back.
    """
    ring = in_use()
    chosen = places(ring, allow_plain_text)
    before = {name: fetched(profile, name) for name in NAMES}
    kept_by = ""
    try:
        for name in NAMES:
            kept_by = _put(ring, chosen, f"{profile}:{name}", values[name])
        _put(ring, chosen, INDEX, "\n".join(sorted({*_index(ring), profile})))
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
        found = _delete(ring, f"{profile}:{name}") or found
    if profile in known:
        others = [name for name in known if name != profile]
        if others:
            _put(ring, places(ring, allow_plain_text=True), INDEX, "\n".join(others))
        else:
            _delete(ring, INDEX)
    return found


def _index(ring: KeyringBackend) -> list[str]:
    return sorted((asked(ring, lambda: ring.get_password(SERVICE, INDEX)) or "").split())


def _put(ring: KeyringBackend, chosen: list[KeyringBackend], entry: str, value: str) -> str:
    """Write to the first keyring that writes, and read it back as it will be read later."""
    for place in chosen:
        try:
            asked(place, lambda place=place: place.set_password(SERVICE, entry, value))  # type: ignore[misc]
        except NotImplementedError:  # some only read, such as those for package indexes
            continue
        if asked(ring, lambda: ring.get_password(SERVICE, entry)) == value:
            return name_of(place)
        break
    raise KeyringUnavailable(f"The keyring, {name_of(ring)}, did not keep what it was given.")


def _delete(ring: KeyringBackend, entry: str) -> bool:
    found = False
    for part in parts(ring):
        if asked(part, lambda part=part: part.get_password(SERVICE, entry)) is None:  # type: ignore[misc]
            continue
        found = True
        with suppress(NotImplementedError):
            asked(part, lambda part=part: part.delete_password(SERVICE, entry))  # type: ignore[misc]
    if found and asked(ring, lambda: ring.get_password(SERVICE, entry)) is not None:
        raise KeyringUnavailable(f"The keyring, {name_of(ring)}, did not delete what it keeps.")
    return found


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
                _delete(ring, f"{profile}:{name}")
            else:
                _put(ring, chosen, f"{profile}:{name}", value)
