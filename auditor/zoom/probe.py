"""The probe: checks the route to a host, TLS and its clock, before credentials are sent.

It sends one HEAD request without credentials over the same route as every other request: same
proxies, same certificate store. If the certificate is not trusted, a second connection makes only
the handshake, sends nothing, and reads the certificate.
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
"""Seconds to wait for a connection and for each packet; the whole probe may take twice as long."""
_ROOM = 64 * 1024
"""Bytes of a response. The response to HEAD has no body."""
_VERB = "HEAD"
_HEADERS = {"User-Agent": f"zoom-privacy-auditor/{__version__}"}


class ProbeFailure(StrEnum):
    """Why a host could not be reached."""

    NAME = "name"
    """Its name has no address."""
    REFUSED = "refused"
    """Nothing listens on the port, or a firewall rejects the connection."""
    SILENT = "silent"
    """No response in time."""
    NETWORK = "network"
    """The network is down, or has no route to the host."""
    BROKEN = "broken"
    """The connection was interrupted."""
    PROXY = "proxy"
    """The proxy cannot be reached."""
    PROXY_ADDRESS = "proxy_address"
    """The proxy's address is ambiguous: the host in it is not clear."""
    PROXY_REFUSED = "proxy_refused"
    """The proxy refuses to connect."""
    PROXY_LOGIN = "proxy_login"
    """The proxy requires a user name and a password, or other ones."""
    CA_FILE = "ca_file"
    """The file or folder with trusted certificates does not exist, or is not readable."""
    NO_PEM = "no_pem"
    """The file with trusted certificates contains no valid one."""
    SELF_SIGNED = "self_signed"
    """Its certificate, or the root of its chain, is self-signed and not trusted."""
    ISSUER = "issuer"
    """The issuer of its certificate is not known."""
    HOSTNAME = "hostname"
    """Its certificate is for another name."""
    EXPIRED = "expired"
    """Its certificate has expired, or this machine's clock is ahead."""
    NOT_YET = "not_yet"
    """Its certificate is not valid yet, or this machine's clock is behind."""
    TLS = "tls"
    """The handshake failed for another reason."""

    @property
    def is_tls(self) -> bool:
        """True if the host was reached and the handshake failed."""
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
"""Result codes of OpenSSL. Source: `X509_V_ERR_*`, openssl-verification-options(1)."""


@dataclass(frozen=True, slots=True)
class Route:
    """The route to a host: its proxy (empty: none), and how certificates are verified."""

    proxy: str = field(default="", repr=False)
    """As configured, with its password. `shown_proxy` is for people."""
    verify: bool | str = True

    @property
    def shown_proxy(self) -> str:
        """Scheme, host and port of the proxy; empty if there is none."""
        return proxy_checks.shown_proxy(self.proxy)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that a host presented."""

    subject: str
    issuer: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of probing a host."""

    host: str
    """With its port, unless it is the default one."""
    route: Route
    failure: ProbeFailure | None = None
    """None if the host answered."""
    refusal: int | None = None
    """The HTTP status of the proxy's refusal."""
    status: int | None = None
    seconds: float = 0.0
    """Time until the response, including the connection."""
    ahead: float | None = None
    """Seconds that its clock is ahead of this machine's; None if it sent no time."""
    tls: str = ""
    """The negotiated version, such as `TLSv1.3`; empty without TLS."""
    certificate: Certificate | None = None


def route_to(url: str) -> Route:
    """The route to the host of `url` according to the environment, as for every request."""
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
    """Send a HEAD request without credentials to `url`, and return the result."""
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
    # The Date header has whole seconds, so half a second is the best estimate of the fraction.
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
    """The TLS version and the certificate of a handshake."""

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
    """An adapter that records the handshake of each connection."""

    def __init__(self, seen: _TlsFacts, timeout: float, *, look_only: bool = False) -> None:
        self._seen, self._look_only = seen, look_only
        super().__init__(pools(2 * timeout, _ROOM, time.monotonic, lambda verb, _: verb == _VERB))

    def get_connection_with_tls_context(self, *words: Any, **named: Any) -> Any:
        """The pool for a request, whose connections record their handshake."""
        pool = super().get_connection_with_tls_context(*words, **named)
        seen, look_only = self._seen, self._look_only

        if not isinstance(pool, HTTPSConnectionPool):
            return pool
        bounded: Any = pool.ConnectionCls

        class RecordingConnection(bounded):  # type: ignore[misc] # the base class depends on the bounds
            def connect(self) -> None:
                super().connect()
                seen.note(self.sock)
                if look_only:
                    self.close()
                    raise _HandshakeDone

        pool.ConnectionCls = RecordingConnection
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
    """The facts of a handshake without verification. Nothing is sent after it."""
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
    """The failure that an error of the libraries below means."""
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
    """The status of a proxy's refusal; None if there was none."""
    if not isinstance(error, ProxyError | InvalidProxyURL | InvalidSchema):
        return None
    statuses = (proxy_checks.refusal(str(cause)) for cause in _causes(error))
    return next((status for status in statuses if status is not None), None)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all its causes, in whichever attribute the libraries store them."""
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
    """Organisation and common name of a certificate's subject or issuer."""
    names = [
        value if isinstance(value, str) else value.decode("utf-8", "replace")
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for value in [attribute.value for attribute in name.get_attributes_for_oid(oid)][:1]
    ]
    if not names:
        return name.rfc4514_string() or "nobody named"
    return names[0] if len(names) == 1 else f"{names[0]} ({names[1]})"
