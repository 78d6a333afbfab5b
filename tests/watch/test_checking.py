"""The check from outside says what is wrong with a receiver, and is not fooled by one."""

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from auditor.app.received_events import KeptEvents
from auditor.store.runs import Runs
from auditor.watch import checking
from auditor.watch.checking import InvalidAddress
from tests.notify.receivers import closed_port
from tests.watch.sender import ACCOUNT, SECRET, receiving


@contextlib.contextmanager
def answering(status: int, body: bytes = b"{}") -> Iterator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


def rights(url: str, secret: str = SECRET) -> list[bool]:
    return [each.is_right for each in checking.check(url, secret, ACCOUNT)]


def test_a_receiver_that_works_answers_all_five_as_it_should(tmp_path: Path) -> None:
    with receiving(KeptEvents(Runs(tmp_path))) as running:
        url = f"http://127.0.0.1:{running.sender.port}/webhook"
        assert rights(url) == [True] * 5
        assert rights(url, "another") == [False, False, False, True, True]


def test_a_server_that_says_yes_to_everything_is_not_one_that_works() -> None:
    with answering(200) as url:
        assert rights(url) == [False, True, True, False, False]
    with answering(200, b"not json") as url:
        assert rights(url)[0] is False
    with answering(500) as url:
        assert rights(url) == [False] * 5


def test_a_receiver_that_cannot_be_reached_or_called_is_told() -> None:
    results = list(checking.check(f"http://127.0.0.1:{closed_port()}/", SECRET, ACCOUNT))
    assert {each.detail for each in results} == {"It could not be reached."}
    for url in ("http://example.com/", "ftp://127.0.0.1/", "nonsense"):
        with pytest.raises(InvalidAddress):
            list(checking.check(url, SECRET, ACCOUNT))
