"""Hosts that credentials and tokens may be sent to: Zoom's own, and this machine."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from auditor.errors import AuditorError, ExitCode

_ZOOM_DOMAINS = ("zoom.us", "zoomgov.com")
_ADDRESS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
"""A complete URL. Libraries parse URLs in different ways and tolerate different mistakes, so an
ambiguous one is rejected."""
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FORBIDDEN = re.compile(r"[^\x21-\x7e]|\\")


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
"""Every cloud by name. A region is the commercial cloud with its own API address. Tokens come from
the same address, and api.zoom.us still serves every region.
Source: Zoom's changelog "regional cluster API URL updates", and 2026-02-02 for uk; read 2026-11."""


class UnsafeUrl(AuditorError, ValueError):
    """An address to which credentials or tokens must not be sent. The message says why."""

    exit_code = ExitCode.USAGE


def check_url(url: str, kind: str) -> str:
    """Check that `url` is safe, and return it without surrounding blanks and trailing slash.

    `kind` names the setting in the message: `ZOOM_API_URL`.

    Raises:
        UnsafeUrl: it is not https, not of Zoom, or has more than scheme, host, port and path.
    """
    url = url.strip()
    if _FORBIDDEN.search(url):
        raise UnsafeUrl(f"{kind} contains a blank, a backslash or a letter no address has.")
    if "@" in url:  # before parsing: an error could quote a part of the password
        raise UnsafeUrl(f"{kind} must not contain a user name or password.")
    if "?" in url or "#" in url:
        raise UnsafeUrl(f"{kind} must end with its path: no '?' and no '#'.")
    scheme, host = scheme_and_host(url)
    if scheme not in ("http", "https") or not host:
        raise UnsafeUrl(
            f"{kind} must be a full address like {COMMERCIAL.api_url}, with https and a host."
        )
    if is_loopback(url):
        return url.rstrip("/")
    if scheme != "https":
        raise UnsafeUrl(f"{kind} must use https: http is accepted for this machine only.")
    if not any(host == domain or host.endswith("." + domain) for domain in _ZOOM_DOMAINS):
        raise UnsafeUrl(
            f"{kind} points to {host}, which does not belong to Zoom. "
            "Only zoom.us, zoomgov.com and their subdomains get this account's credentials."
        )
    return url.rstrip("/")


def scheme_and_host(url: str) -> tuple[str, str]:
    """Scheme and host of a URL in lower case; an IPv6 host without brackets.

    Both are empty unless the URL is unambiguous: no user name, no blank, no backslash, nothing
    between host and path but a port from 1 to 65535, a host of ASCII letters without a trailing
    dot, and an IPv4 address in four decimal numbers.
    """
    match = None if _FORBIDDEN.search(url) else _ADDRESS.fullmatch(url)
    if match is None or not 0 < int(match["port"] or 1) < 65536:
        return "", ""
    host = (match["six"] or match["name"]).lower()
    labels = host.split(".")
    try:
        if match["six"]:
            ipaddress.IPv6Address(host)
        elif _NUMBER.fullmatch(labels[-1]):  # such as 127.1, which some libraries read as 127.0.0.1
            ipaddress.IPv4Address(host)
        elif not all(map(_LABEL.fullmatch, labels)):
            return "", ""
    except ValueError:
        return "", ""
    return match["scheme"].lower(), host


def is_loopback(url: str) -> bool:
    """True if the host of `url` is this machine: localhost, 127.0.0.0/8 or ::1."""
    _, host = scheme_and_host(url)
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
