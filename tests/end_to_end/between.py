"""A man in the middle for tests: passes requests on to a served account, and keeps or changes them.

Standard library alone, so that nothing it sees or sends depends on what it watches.
"""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from auditor.sandbox import Sandbox


@dataclass(frozen=True)
class Request:
    """What came."""

    verb: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What goes back."""

    status: int
    headers: dict[str, str]
    body: bytes


Change = Callable[[Request, Reply], Reply]


@dataclass
class Between:
    """A served account, seen from here: it has the same credentials and other addresses."""

    account: Sandbox
    origin: str = ""
    requests: list[Request] = field(default_factory=list)

    @property
    def api_url(self) -> str:
        """Base of the API."""
        return self.origin + urlsplit(self.account.api_url).path

    @property
    def oauth_url(self) -> str:
        """The token endpoint."""
        return self.origin + urlsplit(self.account.oauth_url).path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.account, name)

    @property
    def verbs(self) -> set[tuple[str, str]]:
        """Verbs with what they were sent to: the token endpoint, or the API."""
        token = urlsplit(self.account.oauth_url).path
        return {(r.verb, "token" if r.path == token else "api") for r in self.requests}


def _as_it_is(request: Request, reply: Reply) -> Reply:
    return reply


@contextmanager
def between(account: Sandbox, change: Change = _as_it_is) -> Iterator[Between]:
    """Stand in front of `account` on a free port of this machine, and let `change` do its work."""
    made = Between(account)
    host = urlsplit(account.api_url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def handle_one_request(self) -> None:
            """Whatever verb it has, known or not."""
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            self._pass_on()
            self.wfile.flush()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), body)
            made.requests.append(request)
            reply = change(request, self._fetched(request))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _fetched(self, request: Request) -> Reply:
            behind = http.client.HTTPConnection(host, timeout=30)
            sent = {k: v for k, v in request.headers.items() if k.lower() != "accept-encoding"}
            behind.request(request.verb, request.path, request.body or None, sent)
            answer = behind.getresponse()
            dropped = {"content-length", "transfer-encoding", "connection", "date", "server"}
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in dropped}
            reply = Reply(answer.status, headers, answer.read())
            behind.close()
            return reply

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is no news."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        made.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
