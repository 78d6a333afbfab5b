"""Stores channels by name in the operating system's keyring."""

import json
import logging
import re
from collections.abc import Sequence

from keyring.backend import KeyringBackend

from auditor.notify.channels import Channel, NotifyError, scheme_of
from auditor.secrets.backends import (
    KeyringState,
    KeyringUnavailable,
    delete,
    get,
    in_use,
    put,
    writable_backends,
)

VARIABLE = "AUDITOR_NOTIFY"
_INDEX = "notify"
"""The entry with the names of all channels: a keyring cannot list its entries."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

_log = logging.getLogger(__name__)


class NoKeyring(NotifyError):
    """No keyring can store channels, or the keyring does not work at present."""

    def __init__(self, error: KeyringUnavailable) -> None:
        self.state = error.state
        self.reason = error.reason
        super().__init__(
            f"{error.reason} Channels can be stored only in a keyring. Without one, set {VARIABLE} "
            "to the addresses, separated by spaces."
        )


def load() -> list[Channel]:
    """The stored channels, by name. Channels without an address are omitted.

    Raises:
        NoKeyring: the keyring does not work.
    """
    try:
        ring = in_use()
        addresses = ((name, get(ring, _entry(name))) for name in _names(ring))
        return [Channel(name, url) for name, url in addresses if url]
    except KeyringUnavailable as error:
        raise NoKeyring(error) from None


def check_writable(name: str) -> None:
    """Check that `save` can succeed, before the user is asked for an address.

    Raises:
        NotifyError: the name is invalid, or no keyring can store the channel.
    """
    if not _NAME.fullmatch(name):
        raise NotifyError(
            "The name of a channel has up to 40 letters, digits, dots, hyphens and underscores, "
            "such as ops-mail."
        )
    try:
        ring = in_use()
        writable_backends(ring)
        _names(ring)
    except KeyringUnavailable as error:
        raise NoKeyring(error) from None


def save(channel: Channel) -> None:
    """Store a channel, replacing one with the same name.

    Raises:
        NotifyError: the name is invalid, or no keyring can store the channel.
    """
    check_writable(channel.name)
    try:
        ring = in_use()
        names = sorted({*_names(ring), channel.name})
        put(ring, writable_backends(ring), _entry(channel.name), channel.url)
        put(ring, writable_backends(ring), _INDEX, json.dumps(names))
    except KeyringUnavailable as error:
        reason = error.reason.replace(channel.url, "[redacted]")
        raise NoKeyring(KeyringUnavailable(reason, error.state)) from None


def forget(name: str) -> None:
    """Delete a channel.

    Raises:
        NotifyError: no channel has this name, or the keyring cannot delete it.
    """
    try:
        ring = in_use()
        names = _names(ring)
        if name not in names:
            raise NotifyError(_unknown(name))
        put(
            ring,
            writable_backends(ring),
            _INDEX,
            json.dumps([other for other in names if other != name]),
        )
        delete(ring, _entry(name))
    except KeyringUnavailable as error:
        raise NoKeyring(error) from None


def resolve(requested: Sequence[str], variable: str | None = None) -> list[Channel]:
    """The channels to notify: those requested, else those of the variable, else all stored ones.

    Each word of `requested` and of `variable` is an address or the name of a stored channel.
    Without either, a keyring that does not work yields no channels; that is logged.

    Raises:
        NotifyError: no channel has this name.
    """
    words = list(requested) or (variable or "").split()
    if not words:
        try:
            return load()
        except NoKeyring as error:
            if error.state is not KeyringState.NONE:
                _log.warning("No message is sent to the channels in the keyring: %s", error.reason)
            return []
    source = "--notify" if requested else VARIABLE
    known = {} if all(map(scheme_of, words)) else {channel.name: channel for channel in load()}
    channels: list[Channel] = []
    for number, word in enumerate(words, 1):
        if scheme_of(word):
            channels.append(Channel(f"{source} {number}" if len(words) > 1 else source, word))
        elif word in known:
            channels.append(known[word])
        else:
            # A word of the variable may be an address without its scheme, so it is not repeated.
            raise NotifyError(_unknown(word if requested else ""))
    return channels


def _names(ring: KeyringBackend) -> list[str]:
    try:
        names = json.loads(get(ring, _INDEX) or "[]")
    except ValueError:
        return []
    return sorted(map(str, names)) if isinstance(names, list) else []


def _unknown(word: str) -> str:
    called = f'No channel is called "{word}".'
    if not _NAME.fullmatch(word):
        called = (
            f"{VARIABLE} or --notify contains a word that is neither an address nor a channel's "
            "name."
        )
    return (
        f"{called} List the channels with: auditor notify list. "
        "Add one with: auditor notify add NAME"
    )


def _entry(name: str) -> str:
    return f"notify/{name}"  # names of profiles have no slash, so the entries cannot collide
