"""Probing a host before anything is sent to it: the way there, TLS, and the clock of its answer.

One HEAD request without credentials, sent the way every other request goes: same proxies, same
certificate store. Where the certificate is not trusted, a second look makes the handshake alone,
sends nothing, and reads the certificate that was shown.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from cryptography import x509
from cryptography.x509.oid import NameOID
from requests.exceptions import InvalidProxyURL, InvalidSchema, ProxyError
from requests.structures import CaseInsensitiveDict
from requests.utils import select_proxy
from urllib3 import HTTPSConnectionPool

from auditor import __version__
from auditor.zoom import proxy_checks
from auditor.zoom.bounded_http import BoundedAdapter, ResponseTooLarge, ResponseTooSlow, pools
from auditor.zoom.responses import utc_now

TIMEOUT = 10.0
"""Seconds to wait for a connection, and for each packet; twice as many for all of it."""
_ROOM = 64 * 1024
"""Bytes: what is asked for has no body."""
_VERBS = frozenset(("HEAD",))
_HEADERS = {"User-Agent": f"zoom-privacy-auditor/{__version__}"}


class ProbeFailure(StrEnum):
    """Why a host could not be talked to."""

    NAME = "name"
    """No address is known for its name."""
    REFUSED = "refused"
    """Nothing listens there, or a firewall says no."""
    SILENT = "silent"
    """No answer in time."""
    NETWORK = "network"
    """The network is down, or has no way there."""
    BROKEN = "broken"
    """The connection broke."""
    PROXY = "proxy"
    """Nothing answers where the proxy should be."""
    PROXY_ADDRESS = "proxy_address"
    """Nobody can tell what is the host in the proxy's address."""
    PROXY_REFUSED = "proxy_refused"
    """The proxy answered, and makes no connection."""
    PROXY_LOGIN = "proxy_login"
    """The proxy wants a user name and a password, or other ones."""
    CA_FILE = "ca_file"
    """The file or folder with trusted certificates is not there, or may not be read."""
    NO_PEM = "no_pem"
    """The file with trusted certificates holds none that can be read."""
    SELF_SIGNED = "self_signed"
    """Its certificate, or the one at the top of its chain, is signed by itself and not trusted."""
    ISSUER = "issuer"
    """Who issued its certificate is not known here."""
    HOSTNAME = "hostname"
    """Its certificate is for another name."""
    EXPIRED = "expired"
    """Its certificate has expired, or this machine's clock is ahead."""
    NOT_YET = "not_yet"
    """Its certificate is not valid yet, or this machine's clock is behind."""
    TLS = "tls"
    """The handshake failed otherwise."""

    @property
    def is_tls(self) -> bool:
        """True where the host was reached, and the handshake failed."""
        return self in _OF_TLS


_OF_TLS = frozenset(
    (
        ProbeFailure.CA_FILE,
        ProbeFailure.NO_PEM,
        ProbeFailure.SELF_SIGNED,
        ProbeFailure.ISSUER,
        ProbeFailure.HOSTNAME,
        ProbeFailure.EXPIRED,
        ProbeFailure.NOT_YET,
        ProbeFailure.TLS,
    )
)
_BY_VERIFY_CODE = {
    9: ProbeFailure.NOT_YET,
    10: ProbeFailure.EXPIRED,
    18: ProbeFailure.SELF_SIGNED,
    19: ProbeFailure.SELF_SIGNED,
    20: ProbeFailure.ISSUER,
    21: ProbeFailure.ISSUER,
    62: ProbeFailure.HOSTNAME,
    64: ProbeFailure.HOSTNAME,
}
"""What OpenSSL's verification says. Source: `X509_V_ERR_*`, openssl-verification-options(1)."""


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a host: its proxy (empty: none), and what certificates are verified with."""

    proxy: str = field(default="", repr=False)
    """As configured, with its password. For people there is `shown_proxy`."""
    verify: bool | str = True

    @property
    def shown_proxy(self) -> str:
        """Scheme, host and port of the proxy; empty where there is none."""
        return proxy_checks.shown_proxy(self.proxy)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a host showed for itself."""

    subject: str
    issuer: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of probing a host."""

    host: str
    """With its port, where it is not the usual one."""
    route: Route
    failure: ProbeFailure | None = None
    """None where it answered."""
    refusal: int | None = None
    """The HTTP status with which the proxy refused."""
    status: int | None = None
    seconds: float = 0.0
    """Until the answer; connecting included."""
    ahead: float | None = None
    """Seconds that its clock is ahead of this machine's; None where it told no time."""
    tls: str = ""
    """The version that was agreed on, such as `TLSv1.3`; empty without TLS."""
    certificate: Certificate | None = None


def route_to(url: str) -> Route:
    """The way to the host of `url`, as the environment says: the same as every request takes."""
    proxies, verify = proxy_checks.from_environment(url)
    return Route(select_proxy(url, proxies) or "", verify)


def probe(
    url: str,
    route: Route,
    *,
    timeout: float = TIMEOUT,
    now: Callable[[], datetime] = utc_now,
    clock: Callable[[], float] = time.monotonic,
) -> ProbeResult:
    """Send a HEAD request without credentials to `url`, and tell what came of it."""
    parts = urlsplit(url)
    seen = _TlsFacts()
    made = ProbeResult(parts.netloc.rpartition("@")[2], route)
    if not proxy_checks.is_parseable(route.proxy):
        return replace(made, failure=ProbeFailure.PROXY_ADDRESS)
    began, sent = clock(), now()
    try:
        with _head(url, route, seen, timeout) as response:
            status, date = response.status_code, response.headers.get("Date", "")
    except ResponseTooSlow:
        return replace(made, failure=ProbeFailure.SILENT, certificate=seen.certificate())
    except (
        ResponseTooLarge,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        ValueError,
    ) as error:
        failure = _classify(error, route)
        handshake = _unverified(url, route, timeout) if failure.is_tls else seen
        return replace(
            made, failure=failure, refusal=_proxy_status(error), certificate=handshake.certificate()
        )
    took = clock() - began
    is_proxy_login = status == 407
    server_time = None if is_proxy_login else _moment(date)
    # The Date header has whole seconds: half of one is the fairest guess at the rest.
    middle = sent.timestamp() + took / 2 - 0.5
    return replace(
        made,
        failure=ProbeFailure.PROXY_LOGIN if is_proxy_login else None,
        refusal=407 if is_proxy_login else None,
        status=status,
        seconds=took,
        ahead=None if server_time is None else server_time.timestamp() - middle,
        tls=seen.version,
        certificate=seen.certificate(),
    )


@dataclass
class _TlsFacts:
    """What a handshake showed."""

    version: str = ""
    encoded: bytes | None = None

    def note(self, connected: Any) -> None:
        if isinstance(connected, ssl.SSLSocket):
            self.version = connected.version() or ""
            self.encoded = connected.getpeercert(binary_form=True)

    def certificate(self) -> Certificate | None:
        if self.encoded is None:
            return None
        try:
            certificate = x509.load_der_x509_certificate(self.encoded)
            return Certificate(
                _name(certificate.subject),
                _name(certificate.issuer),
                certificate.not_valid_after_utc,
            )
        except ValueError:
            return None


class _HandshakeDone(Exception):
    """Ends a connection after its handshake, before anything is sent."""


class _TlsRecordingAdapter(BoundedAdapter):
    """An adapter that looks at the handshake of each connection it makes."""

    def __init__(self, seen: _TlsFacts, timeout: float, *, look_only: bool = False) -> None:
        self._seen, self._look_only = seen, look_only
        super().__init__(pools(2 * timeout, _ROOM, time.monotonic, _VERBS))

    def get_connection_with_tls_context(self, *words: Any, **named: Any) -> Any:
        """The pool for a request, which makes connections that are looked at."""
        pool = super().get_connection_with_tls_context(*words, **named)
        seen, look_only = self._seen, self._look_only

        if not isinstance(pool, HTTPSConnectionPool):
            return pool
        bounded: Any = pool.ConnectionCls

        class Looked(bounded):  # type: ignore[misc] # it is made where the bounds are known
            def connect(self) -> None:
                super().connect()
                seen.note(self.sock)
                if look_only:
                    self.close()
                    raise _HandshakeDone

        pool.ConnectionCls = Looked
        return pool


def _head(
    url: str, route: Route, seen: _TlsFacts, timeout: float, *, look_only: bool = False
) -> requests.Response:
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url = "HEAD", url
    prepared.headers = CaseInsensitiveDict(_HEADERS)
    proxies = {urlsplit(url).scheme: route.proxy} if route.proxy else {}
    with closing(_TlsRecordingAdapter(seen, timeout, look_only=look_only)) as adapter:
        return adapter.send(
            prepared,
            timeout=(timeout, timeout),
            verify=False if look_only else route.verify,
            proxies=proxies,
        )


def _unverified(url: str, route: Route, timeout: float) -> _TlsFacts:
    """What the host shows in a handshake that trusts anybody. Nothing is sent after it."""
    seen = _TlsFacts()
    try:
        _head(url, route, seen, timeout, look_only=True)
    except (
        _HandshakeDone,
        ResponseTooSlow,
        ResponseTooLarge,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ):
        return seen
    return seen


def _classify(error: BaseException, route: Route) -> ProbeFailure:
    """What an error of the libraries below means."""
    causes = list(_causes(error))
    refused = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
    if refused and proxy_checks.is_invalid_ca_bundle(route.verify):
        return ProbeFailure.NO_PEM
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _BY_VERIFY_CODE.get(cause.verify_code, ProbeFailure.TLS)
    if isinstance(error, ProxyError | InvalidProxyURL | InvalidSchema):
        status = _proxy_status(error)
        if status is None:
            return ProbeFailure.PROXY
        return ProbeFailure.PROXY_LOGIN if status == 407 else ProbeFailure.PROXY_REFUSED
    if isinstance(route.verify, str) and not os.access(route.verify, os.R_OK):
        return ProbeFailure.CA_FILE
    if proxy_checks.is_invalid_ca_bundle(route.verify):
        return ProbeFailure.NO_PEM
    kinds: tuple[
        tuple[type[BaseException] | tuple[type[BaseException], ...], ProbeFailure], ...
    ] = (
        ((socket.gaierror, urllib3.exceptions.NameResolutionError), ProbeFailure.NAME),
        (ConnectionRefusedError, ProbeFailure.REFUSED),
        ((TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError), ProbeFailure.SILENT),
        ((ssl.SSLError, urllib3.exceptions.SSLError), ProbeFailure.TLS),
        (urllib3.exceptions.NewConnectionError, ProbeFailure.NETWORK),
    )
    for kind, failure in kinds:
        if any(isinstance(cause, kind) for cause in causes):
            return failure
    return ProbeFailure.BROKEN


def _proxy_status(error: BaseException) -> int | None:
    """The status of a proxy's refusal; None where there was none."""
    if not isinstance(error, ProxyError | InvalidProxyURL | InvalidSchema):
        return None
    statuses = (proxy_checks.refusal(str(cause)) for cause in _causes(error))
    return next((status for status in statuses if status is not None), None)


def _causes(error: BaseException) -> list[BaseException]:
    """The error with all it was made of, whichever way the libraries have kept it."""
    causes: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or cause in causes:
            continue
        causes.append(cause)
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    return causes


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _name(name: x509.Name) -> str:
    """Organisation and common name in a certificate's subject or issuer."""
    names = [
        value if isinstance(value, str) else value.decode("utf-8", "replace")
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for value in [attribute.value for attribute in name.get_attributes_for_oid(oid)][:1]
    ]
    if not names:
        return name.rfc4514_string() or "nobody named"
    return names[0] if len(names) == 1 else f"{names[0]} ({names[1]})"
