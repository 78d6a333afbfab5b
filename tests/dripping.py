"""A server that keeps whoever calls it waiting: a byte now and then, on a real socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

PAUSE = 0.05
"""Seconds between two bytes."""
PATIENCE = 30.0
"""Seconds that a test waits for what is over at once, also on a busy machine."""

DRIPS = {
    "header bytes": (b"HTTP/1.1 200 OK\r\n", b"X-Drip: drop\r\n"),
    "one header without end": (b"HTTP/1.1 200 OK\r\nX-Drip: ", b"drop"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body bytes": (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b" "),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a handshake": (b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00"),
}
"""What comes at once, and what drips after it, for ever."""


@contextmanager
def dripping(at_once: bytes, drip: bytes) -> Iterator[str]:
    """Host and port of a server that answers each connection so."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def answer(caller: socket.socket) -> None:
            with caller, suppress(OSError):
                caller.sendall(at_once)
                for byte in cycle(drip):
                    if over.wait(PAUSE):
                        return
                    caller.sendall(bytes((byte,)))

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    caller, _ = listener.accept()
                    threads.append(threading.Thread(target=answer, args=(caller,), daemon=True))
                    threads[-1].start()

        threads = [threading.Thread(target=serve, daemon=True)]
        threads[0].start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            for thread in threads:
                thread.join()
