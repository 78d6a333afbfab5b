"""A proxy as organisations have them: it tunnels to the hosts it knows, for those who may."""

import contextlib
import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

_REASONS = {403: "Forbidden", 407: "Proxy Authentication Required", 502: "Bad Gateway"}


@dataclass
class Proxy:
    """A running proxy, and what it was asked for."""

    port: int = 0
    login: str = ""
    """USER:PASSWORD that it wants; empty: nobody has to say who they are."""
    tunnels: Mapping[str, int] = field(default_factory=dict)
    """By host, the port of this machine that stands for it."""
    asked: list[str] = field(default_factory=list)
    """Hosts that tunnels were made to."""
    refused: list[str] = field(default_factory=list)
    status: int = 403
    """Of a refusal."""

    def url(self, login: str = "") -> str:
        """What HTTPS_PROXY has to be."""
        return f"http://{login}{'@' if login else ''}127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        """Deal with one connection."""
        head = _head(connection)
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        host = words[1].partition(":")[0] if words[1:] else ""
        if self.login and self._login_in(head) != self.login:
            self._refuse(connection, host, 407, 'Proxy-Authenticate: Basic realm="acme"\r\n')
        elif words[0] != "CONNECT" or host not in self.tunnels:
            self._refuse(connection, host, self.status)
        else:
            self.asked.append(host)
            with socket.create_connection(("127.0.0.1", self.tunnels[host])) as there:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(connection, there)

    def _refuse(self, connection: socket.socket, host: str, status: int, more: str = "") -> None:
        self.refused.append(host)
        line = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{more}Content-Length: 0\r\n\r\n"
        connection.sendall(line.encode())

    def _login_in(self, head: bytes) -> str:
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "proxy-authorization" and value.startswith("Basic "):
                return b64decode(value.removeprefix("Basic ")).decode()
        return ""


@contextlib.contextmanager
def proxying(tunnels: Mapping[str, int], login: str = "", status: int = 403) -> Iterator[Proxy]:
    """A proxy on a free port of this machine."""
    made = Proxy(login=login, tunnels=tunnels, status=status)
    with _listening(made.serve) as made.port:
        yield made


@contextlib.contextmanager
def over_tls(context: ssl.SSLContext, behind: str) -> Iterator[int]:
    """The port of a server that speaks TLS and hands all on to the http server `behind`."""
    host, _, port = behind.rpartition("//")[2].partition(":")

    def serve(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as secure,
            socket.create_connection((host, int(port))) as there,
        ):
            relay(secure, there)

    with _listening(serve) as found:
        yield found


def relay(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides are done."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()


def _head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            break
        received += chunk
    return received


@contextlib.contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def one(connection: socket.socket) -> None:
        # Refused handshakes and hung-up tunnels are what the tests are about.
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
