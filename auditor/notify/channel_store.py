"""Channels kept in the operating system's keyring: by name, so that no address is typed again."""

import json
import logging
import re
from collections.abc import Sequence

from keyring.backend import KeyringBackend

from auditor.credentials.backends import (
    KeyringState,
    KeyringUnavailable,
    delete,
    get,
    in_use,
    put,
    writable_backends,
)
from auditor.notify.channels import Channel, NotifyError, scheme_of

VARIABLE = "AUDITOR_NOTIFY"
_INDEX = "notify"
"""The entry that holds the names: a keyring cannot list what it keeps."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

_log = logging.getLogger(__name__)


class NoKeyring(NotifyError):
    """There is no keyring that keeps channels, or it does not work now."""

    def __init__(self, error: KeyringUnavailable) -> None:
        self.state = error.state
        self.reason = error.reason
        super().__init__(
            f"{error.reason} Channels are kept in a keyring alone. Without one, set {VARIABLE} "
            "to their addresses, with blanks between them."
        )


def load() -> list[Channel]:
    """The channels that are kept, by name. One whose address is gone is left out.

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
    """Make sure that `keep` can work, before anybody is asked for an address.

    Raises:
        NotifyError: no channel can go by that name, or there is no keyring that keeps it.
    """
    if not _NAME.fullmatch(name):
        raise NotifyError(
            "A channel's name has up to 40 letters, digits, dots, hyphens and underscores, such "
            "as ops-mail."
        )
    try:
        ring = in_use()
        writable_backends(ring)
        _names(ring)
    except KeyringUnavailable as error:
        raise NoKeyring(error) from None


def save(channel: Channel) -> None:
    """Keep a channel; one of that name is replaced.

    Raises:
        NotifyError: no channel can go by that name, or there is no keyring that keeps it.
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
    """Remove a channel.

    Raises:
        NotifyError: there is none of that name, or the keyring does not let go of it.
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
    """The channels to send to: those wanted, else those of the variable, else all kept ones.

    Each word of `wanted` and of `variable` is an address or the name of a channel that is kept.
    Where nobody said anything and the keyring does not work, there are none; that is logged.

    Raises:
        NotifyError: no channel goes by that name.
    """
    words = list(requested) or (variable or "").split()
    if not words:
        try:
            return load()
        except NoKeyring as error:
            if error.state is not KeyringState.NONE:
                _log.warning("Channels kept in the keyring get no message: %s", error.reason)
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
            # In the variable it may be an address without its scheme: it is not repeated.
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
        called = f"A word of {VARIABLE} or --notify is neither an address nor a channel's name."
    return (
        f"{called} See those there are with: auditor notify list. "
        "Add one with: auditor notify add NAME"
    )


def _entry(name: str) -> str:
    return f"notify/{name}"  # no profile has a slash in its name, so no entry of one is met
