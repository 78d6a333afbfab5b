"""Hosts that credentials and tokens may be sent to: Zoom's own, and this machine."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

_ZOOM_DOMAINS = ("zoom.us", "zoomgov.com")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\uffff\\]")


@dataclass(frozen=True, slots=True)
class Cloud:
    """The two addresses of a Zoom cloud."""

    api_url: str
    token_url: str


COMMERCIAL = Cloud("https://api.zoom.us/v2", "https://zoom.us/oauth/token")
GOVERNMENT = Cloud("https://api.zoomgov.com/v2", "https://zoomgov.com/oauth/token")
"""Zoom for Government. Its apps come from marketplace.zoomgov.com."""

CloudName = Literal["commercial", "gov", "au", "ca", "eu", "in", "sa", "sg", "uk", "us"]
"""The values of ZOOM_CLOUD."""


def _region(name: str) -> Cloud:
    return Cloud(f"https://api-{name}.zoom.us/v2", COMMERCIAL.token_url)


CLOUDS: Mapping[CloudName, Cloud] = MappingProxyType(
    {
        "commercial": COMMERCIAL,
        "gov": GOVERNMENT,
        "au": _region("au"),
        "ca": _region("ca"),
        "eu": _region("eu"),
        "in": _region("in"),
        "sa": _region("sa"),
        "sg": _region("sg"),
        "uk": _region("uk"),
        "us": _region("us"),
    }
)
"""Every cloud by name. A region is the commercial cloud by an API address of its own; tokens come
from the same place, and api.zoom.us goes on serving every region.
Source: Zoom's changelog "regional cluster API URL updates", and 2026-02-02 for uk; read 2026-11."""


class UnsafeUrl(ValueError):
    """An address that no credential or token may be sent to. The message says why."""


def check_url(url: str, kind: str) -> str:
    """`url` without surrounding blanks and trailing slash, once it is known to be safe.

    `kind` names the setting in the message: `ZOOM_API_URL`.

    Raises:
        UnsafeUrl: not https, not Zoom's, or more than scheme, host, port and path.
    """
    url = url.strip()
    if _FORBIDDEN.search(url):
        raise UnsafeUrl(f"{kind} contains a blank, a backslash or a letter no address has.")
    if "@" in url:  # before it is taken apart: an error could quote a piece of the password
        raise UnsafeUrl(f"{kind} must not contain a user name or password.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnsafeUrl(f"{kind} is not an address: {error}.") from error
    host = parts.hostname or ""
    if "?" in url or "#" in url:
        raise UnsafeUrl(f"{kind} must end with its path: no '?' and no '#'.")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0:
        raise UnsafeUrl(
            f"{kind} must be a full address like {COMMERCIAL.api_url}, with https and a host."
        )
    if is_loopback(url):
        return url.rstrip("/")
    if parts.scheme != "https":
        raise UnsafeUrl(f"{kind} must use https: http is accepted for this machine only.")
    if not any(host == domain or host.endswith("." + domain) for domain in _ZOOM_DOMAINS):
        raise UnsafeUrl(
            f"{kind} points to {host}, which does not belong to Zoom. "
            "Only zoom.us, zoomgov.com and their subdomains get this account's credentials."
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """True where the host of `url` is this machine: localhost, 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
