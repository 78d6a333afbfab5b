"""Checks of configured proxies and trusted certificates, and how to show their addresses.

The sentences are here because an audit and the doctor report the same problems.
"""

import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies

from auditor.zoom.hosts import is_loopback

BUNDLED_CERTIFICATES = DEFAULT_CA_BUNDLE_PATH
"""The file of the certificates that are trusted by default."""

_HOST = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
_PROXY = re.compile(
    rf"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?"
    rf"(?:[^\s@/?#\\]*@(?P<behind>{_HOST})/?|(?P<alone>{_HOST})(?:/[^\s@?#\\]*)?)",
    re.ASCII,
)
"""At most one @, and with one, no / that could be part of a password."""
_SPOKEN = ("http", "https")
"""The supported proxy schemes. SOCKS would need another library."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""The names by which OpenSSL looks up certificates in a folder. Source: openssl-rehash(1)."""
_BEHIND = (502, 503, 504)
"""The statuses of a proxy whose upstream does not answer."""
_PROXY_VARIABLES = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")
_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class ConnectionProblem:
    """A problem of a connection, as a clause without full stop, and advice."""

    what: str
    advice: str
    worth_retrying: bool = False

    def __str__(self) -> str:
        return f"{self.what}. {self.advice}"


def from_environment(url: str) -> tuple[dict[str, str], bool | str]:
    """Proxies by scheme, and what verifies certificates, for requests to `url`.

    There is no proxy for addresses of this machine. Certificates are always verified: with those
    of the requests library (True), or with the file or folder that the environment names.
    """
    proxies = {} if is_loopback(url) else get_environ_proxies(url)
    named = (os.environ.get(variable) for variable in _BUNDLE_VARIABLES)
    return proxies, next(filter(None, named), True)


def shown_proxy(address: str) -> str:
    """A proxy for people: scheme, host and port; empty if there is none.

    If the address is ambiguous, a part of the password could be mistaken for the host. Then only
    the variable is named.
    """
    if not address:
        return ""
    match = _PROXY.fullmatch(address)
    if match is None:
        return f"the proxy in {_variable(_PROXY_VARIABLES, address)}"
    return f"{match['scheme'] or 'http'}://{match['behind'] or match['alone']}"


def is_parseable(address: str) -> bool:
    """True if there is no proxy, or if its scheme is supported and its address unambiguous.

    An ambiguous address is not used: a part of the password could be looked up as a host.
    """
    match = _PROXY.fullmatch(address)
    return not address or (match is not None and (match["scheme"] or "http").lower() in _SPOKEN)


def proxy_unclear(address: str) -> ConnectionProblem:
    """A proxy's address cannot be used: its scheme is not supported, or it is ambiguous."""
    variable = _variable(_PROXY_VARIABLES, address)
    scheme = _SCHEME.match(address.strip())
    if scheme is not None and scheme[1].lower() not in _SPOKEN:
        return ConnectionProblem(
            f"{variable} names a proxy of the kind {scheme[1].lower()}, which is not supported",
            "Name an HTTP proxy, with http:// in front (programs with SOCKS often offer an HTTP "
            "port, too), or unset the variable and allow direct connections to Zoom's hosts.",
        )
    if address != address.strip() and is_parseable(address.strip()):
        return ConnectionProblem(
            f"the address in {variable} begins or ends with a space or a line break",
            "Set the variable again without it.",
        )
    return ConnectionProblem(
        f"it is not clear which part of {variable} is the host",
        "In the user name and the password in front of the host, @ has to be written as %40, : as "
        "%3A, / as %2F, % as %25, # as %23 and ? as %3F (docs/operations/network.md shows how).",
    )


def proxy_unreachable(shown: str = "") -> ConnectionProblem:
    """The proxy cannot be reached."""
    return ConnectionProblem(
        f"{_the_proxy(shown)} could not be reached",
        "Check HTTPS_PROXY (address, port, http:// in front) and NO_PROXY.",
        worth_retrying=True,
    )


def proxy_refused(status: int, shown: str = "") -> ConnectionProblem:
    """The proxy refuses to connect."""
    if status == 407:
        return ConnectionProblem(
            f"{_the_proxy(shown)} requires a user name and a password, or other ones",
            "Put them into HTTPS_PROXY, in front of the host (docs/operations/network.md shows "
            "how).",
        )
    if status in _BEHIND:
        return ConnectionProblem(
            f"{_the_proxy(shown)} refused (HTTP {status}): most often it could not reach Zoom "
            "itself",
            "Try again. If the problem persists, ask whoever runs it whether it reaches Zoom's "
            "hosts (docs/operations/network.md lists them).",
            worth_retrying=True,
        )
    return ConnectionProblem(
        f"{_the_proxy(shown)} refused (HTTP {status})",
        "Ask whoever runs it to let Zoom's hosts through (docs/operations/network.md lists them), "
        "or check HTTPS_PROXY and NO_PROXY.",
        worth_retrying=status >= 500,
    )


def refusal(text: str) -> int | None:
    """The status of a proxy's refusal, from the text of the error: libraries keep only that."""
    match = re.search(r"Tunnel connection failed: (\d{3})", text)
    return int(match[1]) if match else None


def is_invalid_ca_bundle(bundle: bool | str) -> bool:
    """True if OpenSSL finds no certificate in the file or folder with trusted certificates."""
    if not isinstance(bundle, str):
        return False
    if Path(bundle).is_dir():
        return _is_unhashed(Path(bundle))
    if not Path(bundle).is_file():
        return False
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bundle)
    except ssl.SSLError:
        return True
    except OSError:
        return False
    return False


def no_pem(bundle: bool | str) -> ConnectionProblem:
    """The file with trusted certificates holds none in PEM format, or the folder has no index."""
    if Path(bundle if isinstance(bundle, str) else "").is_dir() and bundle:
        return ConnectionProblem(
            f"{bundle}, which {_variable(_BUNDLE_VARIABLES, str(bundle))} names, is a folder "
            "without the links that OpenSSL needs to find certificates",
            f"Put PEM files there and create the links: openssl rehash {bundle}",
        )
    return ConnectionProblem(
        f"{bundle}, which {_variable(_BUNDLE_VARIABLES, str(bundle))} names, contains no "
        "PEM certificates",
        "If it is a DER file, convert it: openssl x509 -inform der -in FILE -out FILE.pem, and "
        "name FILE.pem. Otherwise name another file, or unset the variable.",
    )


def _is_unhashed(folder: Path) -> bool:
    try:
        return not any(_HASHED.fullmatch(entry.name) for entry in folder.iterdir())
    except OSError:
        return False


def shown_url(url: str) -> str:
    """A configured address of Zoom; not shown if it could contain a password."""
    if any(mark in url for mark in "@?#\\"):
        return "not shown: it may contain a password"
    return url


def _the_proxy(shown: str) -> str:
    return shown if shown.startswith("the proxy") else f"the proxy {shown}".strip()


def _variable(names: tuple[str, ...], value: str) -> str:
    """The variable that holds `value`; the first one if it is unknown."""
    for name in names:
        for variable in (name, name.lower()):
            if os.environ.get(variable) == value:
                return variable
    return names[0]
