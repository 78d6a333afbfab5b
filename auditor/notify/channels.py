"""Channels: where messages go. Every address holds a secret and is never shown as a whole."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from auditor.errors import AuditorError, ExitCode
from auditor.notify.escaping import escape_markup

OPEN_HOSTS = frozenset(
    f"{scheme}{secure}"
    for scheme in ("mailto", "json", "xml", "form", "gotify", "mmost", "workflow")
    for secure in ("", "s")
) | {"http", "https"}
"""Schemes in which the place of the host holds a host; in others it may hold a token."""
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


class NotifyError(AuditorError):
    """A channel cannot be used as it was given. The message never has its address."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go. Its address is never shown: `shown` is what people may see of it."""

    name: str
    url: str = field(repr=False)

    @property
    def scheme(self) -> str:
        """What the address begins with: `slack`, `mailtos`."""
        return scheme_of(self.url)

    @property
    def shown(self) -> str:
        """Scheme, and the host where that is no secret: `mailtos://example.com`, `slack`."""
        host = host_of(self.url)
        return f"{self.scheme}://{host}" if self.scheme in OPEN_HOSTS and host else self.scheme


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message to one channel."""

    channel: str
    """The channel's name."""
    shown: str
    sent: bool
    reason: str = ""
    """Why it was not sent, as a sentence without secrets."""


def scheme_of(url: str) -> str:
    """The scheme of an address in small letters; empty where it has none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def host_of(url: str) -> str:
    """The host of an address, harmless; empty where there is none, or where it is not clear.

    It is not with a second `@`: a password may hold one as it stands, and what follows it is no
    host then.
    """
    if url.partition("?")[0].count("@") > 1:
        return ""
    try:
        return escape_markup(urlsplit(url.strip()).hostname or "").replace("\u2024", ".")
    except ValueError:
        return ""
