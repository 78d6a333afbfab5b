"""Connects to PostgreSQL with a verified certificate, and never sends a password in clear text.

For remote hosts `sslmode` is `verify-full` unless the address sets it; environment variables and
service files of libpq cannot weaken it. Loopback and sockets work without TLS. A server without a
verified certificate gets no password in clear text (`require_auth`, libpq 16). Source:
https://www.postgresql.org/docs/18/libpq-connect.html, read 2026-11.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from auditor.store.errors import HistoryUnfit
from auditor.zoom.proxy_checks import BUNDLED_CERTIFICATES

VERIFIED = "verify-full"

_REQUIRE_AUTH_VERSION = 16_00_00
"""The first version of libpq that knows `require_auth`."""

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables that name the certificate authorities, for Zoom and for PostgreSQL."""

_UNVERIFIED_SERVER = "the identity of the server is not checked"
_WEAKNESSES: Mapping[str, str] = {
    "disable": "nothing is encrypted, so anybody on the network path can read and change the "
    "evidence",
    "allow": f"the connection may be unencrypted, and {_UNVERIFIED_SERVER}",
    "prefer": f"the connection may be unencrypted, and {_UNVERIFIED_SERVER}",
    "require": "the server's certificate is not checked, so anybody on the network path can "
    "impersonate the server",
    "verify-ca": "the server's name is not checked, so anybody with another certificate of the "
    "same authority can impersonate the server",
}
"""Consequences of an `sslmode` weaker than `verify-full`."""

_DOCUMENTATION = "docs/operations/history.md shows how."
_ADVICE: Mapping[str, str] = {
    "does not support SSL": "Turn on TLS in the server (ssl = on). If the network path is private, "
    "add ?sslmode=disable to AUDITOR_STORE. {_DOCUMENTATION}",
    "certificate": "Name the certificate file of the authority that signed the server's "
    "certificate, and the host as in the certificate: "
    "postgresql://user@host/database?sslrootcert=FILE in "
    f"AUDITOR_STORE. {_DOCUMENTATION}",
    "authentication method requirement": "The server asked for the password in clear text. "
    "Configure it for scram-sha-256, or use TLS with a certificate that can be verified (sslmode="
    f"{VERIFIED}). If clear text is required, add ?require_auth=password to AUDITOR_STORE.",
}
_DEFAULT_ADVICE = "Start the database, or check AUDITOR_STORE."


def connect_arguments(url: URL) -> dict[str, Any]:
    """Arguments for the driver, in addition to the address."""
    # A lock keeps a connection for as long as a night lasts; firewalls forget idle ones.
    arguments: dict[str, Any] = {"client_encoding": "UTF8", "keepalives_idle": 60}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = 10
    mode = url.query.get("sslmode")
    if mode is None and not is_local(url):
        arguments["sslmode"] = mode = VERIFIED
    if not is_local(url) and "gssencmode" not in url.query:
        arguments["gssencmode"] = "disable"  # it takes precedence over TLS
    if mode in (VERIFIED, "verify-ca") and not _has_root_certificate(url):
        arguments["sslrootcert"] = _trusted_certificates()
    if mode != VERIFIED and _supports_require_auth() and not _parameter(url, "require_auth"):
        arguments["require_auth"] = "!password"
    return arguments


def weakness(url: URL) -> str:
    """The consequence of the address's `sslmode`, as a sentence; empty if it is not weakened."""
    mode = url.query.get("sslmode")
    if is_local(url) or mode in (None, VERIFIED):
        return ""
    consequence = _WEAKNESSES.get(str(mode), f"it is not {VERIFIED}")
    return f"AUDITOR_STORE says sslmode={mode}: {consequence}. Omit sslmode for {VERIFIED}."


def is_local(url: URL) -> bool:
    """True if the address leads to this machine only: loopback or a socket."""
    if _parameter(url, "service"):
        return False  # the service file decides the host
    hosts = _parameter(url, "hostaddr") or url.host or _parameter(url, "host")
    return all(_is_local(host) for host in hosts.split(","))


def advice(reason: str) -> str:
    """What to do if a server cannot be reached."""
    matching = (advice for part, advice in _ADVICE.items() if part in reason)
    return next(matching, _DEFAULT_ADVICE)


def check_encoding(connection: Connection, shown: str) -> None:
    """Check that the database can store every name.

    Raises:
        HistoryUnfit: its encoding is not UTF8.
    """
    encoding = connection.execute(sa.text("SHOW server_encoding")).scalar()
    name = encoding.decode() if isinstance(encoding, bytes) else str(encoding)
    if name != "UTF8":
        raise HistoryUnfit(
            f"The history {shown} is a database in the encoding {name}, which cannot hold every "
            "name. The auditor needs one in UTF8: CREATE DATABASE auditor ENCODING 'UTF8' "
            "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0. Name it in AUDITOR_STORE. Runs that "
            "wait in the data directory are stored by the next audit."
        )


def _is_local(host: str) -> bool:
    name = host.strip().strip("[]")
    if not name or name.startswith(("/", "@")) or name.rstrip(".").casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        without_port, _, port = name.rpartition(":")
        return port.isdecimal() and bool(without_port) and _is_local(without_port)


def _parameter(url: URL, name: str) -> str:
    """A connection parameter as libpq resolves it: from the address, else from the environment."""
    value = url.query.get(name)
    if value is None:
        return os.environ.get(f"PG{name.replace('_', '').upper()}", "")
    return value if isinstance(value, str) else ",".join(value)


def _has_root_certificate(url: URL) -> bool:
    """True if libpq already has a root certificate configured."""
    if _parameter(url, "sslrootcert"):
        return True
    try:
        return (Path.home() / ".postgresql" / "root.crt").exists()
    except (OSError, RuntimeError):
        return False


def _trusted_certificates() -> str:
    """The file of certificates that are trusted for connections to Zoom.

    `sslrootcert=system` is not used: the library in psycopg's packages looks for the system's
    certificates at the path they had on its build machine.
    """
    named = (os.environ.get(variable) or "" for variable in _CA_VARIABLES)
    return next((file for file in named if Path(file).is_file()), BUNDLED_CERTIFICATES)


def _supports_require_auth() -> bool:
    import psycopg

    return bool(psycopg.pq.version() >= _REQUIRE_AUTH_VERSION)
