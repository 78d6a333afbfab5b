"""Channels: the addresses that messages are sent to. Each holds a secret and is never shown in
full."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from auditor.errors import AuditorError, ExitCode
from auditor.notify.markup import escape_markup

OPEN_HOSTS = frozenset(
    f"{scheme}{secure}"
    for scheme in ("mailto", "json", "xml", "form", "gotify", "mmost", "workflow")
    for secure in ("", "s")
) | {"http", "https"}
"""Schemes whose host part is a host; with other schemes it may be a token."""
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


class NotifyError(AuditorError):
    """A channel cannot be used as configured. The message never contains its address."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Channel:
    """An address for messages. Only `shown` may be displayed."""

    name: str
    url: str = field(repr=False)

    @property
    def scheme(self) -> str:
        """The scheme of the address: `slack`, `mailtos`."""
        return scheme_of(self.url)

    @property
    def shown(self) -> str:
        """The scheme, with the host if that is no secret: `mailtos://example.com`, `slack`."""
        host = host_of(self.url)
        return f"{self.scheme}://{host}" if self.scheme in OPEN_HOSTS and host else self.scheme


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of sending a message to one channel."""

    channel: str
    """The channel's name."""
    shown: str
    sent: bool
    reason: str = ""
    """Why it was not sent, as a sentence without secrets."""


def scheme_of(url: str) -> str:
    """The scheme of an address in lower case; empty if it has none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def host_of(url: str) -> str:
    """The host of an address, escaped; empty if there is none, or if it is ambiguous.

    A second `@` makes it ambiguous: a password may contain one unescaped, and the text after it is
    not the host then.
    """
    if url.partition("?")[0].count("@") > 1:
        return ""
    try:
        return escape_markup(urlsplit(url.strip()).hostname or "").replace("\u2024", ".")
    except ValueError:
        return ""
