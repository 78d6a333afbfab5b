"""An API that means harm: answers without end or measure, redirects, and bad certificates.

Plain sockets, because no server library would say such things. Beside it stands a recorder, the
place the token is lured to, which must never hear anything.
"""

import gzip
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import RequestBounds, Transport

TOKEN = "hostile-test-token-7d1f"
Send = Callable[[bytes], None]
Attack = Callable[[Send], None]

MB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GZIP = OK + b"Content-Encoding: gzip\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"


def whole(body: bytes, head: bytes = OK, *headers: str) -> Attack:
    """One complete answer."""
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *headers))
    return lambda send: send(head + lines.encode() + b"\r\n" + body)


def endless(first: bytes, again: bytes, pause: float = 0.0) -> Attack:
    """The same over and over, until the other side hangs up."""

    def attack(send: Send) -> None:
        send(first)
        while True:
            send(again)
            time.sleep(pause)

    return attack


def bomb(size: int, wbits: int = 31) -> bytes:
    """So many spaces, compressed."""
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(b" " * MB) for _ in range(size // MB)) + packer.flush()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


WITHOUT_END: dict[str, Attack] = {
    "body drips": endless(OK + b"\r\n", b" ", 0.02),
    "body floods": endless(OK + b"\r\n", b" " * MB),
    "chunks flood": endless(CHUNKED + b"\r\n", b"100000\r\n" + b" " * MB + b"\r\n"),
    "chunks drip": endless(CHUNKED + b"\r\n", b"1\r\n \r\n", 0.02),
    "chunk extensions": endless(CHUNKED + b"\r\n", b"1;" + b"a" * 60_000 + b"\r\n \r\n"),
    "trailers": endless(CHUNKED + b"\r\n0\r\n", b"a: b\r\n"),
    "status line drips": endless(b"HTTP/1.1 2", b"0", 0.02),
    "status line floods": endless(b"HTTP/1.1 2", b"0" * MB),
    "header line drips": endless(b"HTTP/1.1 200 OK\r\nx: ", b"a", 0.02),
    "header line floods": endless(b"HTTP/1.1 200 OK\r\nx: ", b"a" * MB),
    "headers drip": endless(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", 0.02),
    "headers flood": endless(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 1000),
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "empty gzip members": endless(GZIP + b"\r\n", gzip.compress(b"")),
    "gzip drips": endless(GZIP + b"\r\n", gzip.compress(b" "), 0.02),
    "no HTTP": endless(b"\0\1\2", b"\0" * 1000),
    "silence": lambda send: time.sleep(3),
}

LARGE: dict[str, Callable[[], bytes]] = {
    "too large": lambda: b'{"a":"' + b"x" * (60 * MB) + b'"}',
    "deep objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep lists": lambda: b'{"a":' + b"[" * 3_500_000 + b"]" * 3_500_000 + b"}",
    "deep, half a character": lambda: b'{"a":' * 700 + rb'"\ud83d"' + b"}" * 700,
    "many objects": lambda: b'{"a":[' + b"{}," * 2_500_000 + b"{}]}",
    "one number": lambda: b'{"a":' + b"9" * (8 * MB - 100) + b"}",
}
"""Bodies that are refused; made when they are wanted."""
LARGE_ENOUGH: dict[str, Callable[[], bytes]] = {
    "most values": lambda: b'{"a":[' + b"{}," * 199_000 + b"{}]}",
    "many keys": lambda: _json({f"k{i}": i for i in range(390_000)}),
    "long keys": lambda: _json({f"{i:04}" + "k" * 20_000: i for i in range(380)}),
    "wide text": lambda: b'{"a":"' + b"x" * (8 * MB - 100) + '😀"}'.encode(),
    "secrets without end": lambda: _json({"a": "pwd: x " * 1_000_000}),
    "many labels": lambda: _json({"a": ["a:" * 90_000] * 40}),
}
"""Bodies just within all bounds, as expensive as they can be."""
BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip bomb": lambda: bomb(1024 * MB),
    "gzip in gzip": lambda: gzip.compress(bomb(256 * MB)),
}

STRANGE: dict[str, Attack] = {
    "UTF-16": whole('{"a": "b"}'.encode("utf-16")),
    "Latin-1": whole('{"a": "é"}'.encode("latin-1")),
    "nothing": whole(b""),
    "a list": whole(b"[]"),
    "half": whole(b'{"a": tr'),
    "a page": whole(b"<html>", OK.replace(b"application/json", b"text/html")),
    "deflate": whole(zlib.compress(b"{}"), OK, "Content-Encoding: deflate"),
    "brotli": whole(b"\x0b\x02\x80{}\x03", OK, "Content-Encoding: br"),
    "zstd": whole(b"\x28\xb5\x2f\xfd", OK, "Content-Encoding: zstd"),
    "gzip twice": whole(gzip.compress(gzip.compress(b"{}")), OK, "Content-Encoding: gzip, gzip"),
    "broken gzip": whole(b"no gzip at all", GZIP),
    "two lengths": whole(b"{}", OK, "Content-Length: 99"),
    "another protocol": whole(b"{}", b"HTTP/1.1 101 Switching Protocols\r\n", "Upgrade: h2c"),
    "terminal codes": whole(
        _json({"code": 300, "message": "\x1b]0;owned\x07\x1b[2J\u202eevil\nError: fine"}),
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n",
    ),
}


@dataclass
class Recorder:
    """A place that should hear nothing. Keeps the first bytes of every connection."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    _listening: socket.socket | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"


@dataclass
class Hostile:
    """A served API: a token endpoint that works, and everything else as `attack` has it."""

    attack: Attack
    token_answer: dict[str, Any] = field(default_factory=dict)
    token_attack: Attack | None = None
    scheme: str = "http"
    host: str = "127.0.0.1"
    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    account_id: str = "account-of-tests"
    client_id: str = "client-of-tests"
    client_secret: str = "secret-of-tests-55e2"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """Base of the API."""
        return f"{self.origin}/v2"

    @property
    def oauth_url(self) -> str:
        """The token endpoint."""
        return f"{self.origin}/oauth/token"

    def answer(self, request: bytes, send: Send) -> None:
        """Answer one request."""
        if not request.startswith(b"POST"):
            self.attack(send)
        elif self.token_attack is not None:
            self.token_attack(send)
        else:
            token = {"access_token": TOKEN, "token_type": "bearer", "expires_in": 3599}
            whole(_json({**token, **self.token_answer}))(send)


def client(server: Hostile, bounds: RequestBounds | None = None) -> ZoomClient:
    """A client that asks twice, quickly."""
    transport = Transport(bounds or RequestBounds())
    again = RetryPolicy(attempts=2, first_wait=0.01)
    tokens = TokenSource(
        Credentials(server.account_id, server.client_id, server.client_secret),
        transport,
        token_url=server.oauth_url,
        retries=again,
    )
    limiter = RateLimiter(RatePlan.BUSINESS.limits, max_rate=1000)
    return ZoomClient(server.api_url, tokens, transport, limiter, retries=again)


@contextmanager
def hostile(
    attack: Attack, context: ssl.SSLContext | None = None, **more: Any
) -> Iterator[Hostile]:
    """Serve an attack on a free port of this machine, over TLS with a context."""
    made = Hostile(attack, scheme="https" if context else "http", **more)

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            plain = context.wrap_socket(connection, server_side=True) if context else connection
            with plain:
                request = _request(plain)
                if request:
                    made.heard.append(request)
                    made.answer(request, plain.sendall)

    with _listening(talk) as made.port:
        yield made


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A place to be lured to."""
    made = Recorder()

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            made.heard.append(connection.recv(65536))
            whole(b"{}")(connection.sendall)

    with _listening(talk) as made.port:
        yield made


def _request(connection: socket.socket) -> bytes:
    """One request, with the form it may bring."""
    connection.settimeout(10)
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            return b""
        received += more
    if received.startswith(b"POST") and not received.partition(b"\r\n\r\n")[2]:
        received += connection.recv(65536)
    return received


@contextmanager
def _listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    open_now: set[socket.socket] = set()

    def one(connection: socket.socket) -> None:
        try:
            talk(connection)
        finally:
            open_now.discard(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_now.add(connection)
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in list(open_now):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Authority:
    """Somebody who signs certificates. Who trusts `file` trusts them."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, folder: Path, name: str = "Authority of tests") -> "Authority":
        """An authority, with its certificate in `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(folder, key, _certificate(name, key, None, None, days=(-30, 30)))
        made.file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
        return made

    @property
    def file(self) -> Path:
        """What trusts it."""
        return self.folder / f"{self.certificate.serial_number}.pem"

    def context(
        self, host: str, *, days: tuple[int, int] = (-1, 1), self_signed: bool = False
    ) -> ssl.SSLContext:
        """A server's side of TLS with a certificate for `host`, valid so many days from today."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = None if self_signed else self
        made = _certificate(host, key, signer, host, days=days)
        file = self.folder / f"{made.serial_number}.both.pem"
        file.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: Authority | None,
    host: str | None,
    days: tuple[int, int],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signing = signer.key if signer else key
    issuer = signer.certificate.subject if signer else subject
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        True, False, False, False, False, host is None, host is None, False, False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
    )
    if host is not None:
        names: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signing, hashes.SHA256())
