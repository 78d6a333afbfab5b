"""Real receivers of messages: a webhook, a mail server, and some that fail."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope


@dataclass
class Webhook:
    """Answers each request with the next of `answers`, the last of them for ever."""

    port: int = 0
    answers: list[int] = field(default_factory=lambda: [200])
    delay: float = 0.0
    """Seconds before an answer."""
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Method, path and body of each request."""
    logins: list[str] = field(default_factory=list)
    """The Authorization header of each request, empty where there was none."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def documents(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.seen]

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.seen]


@contextlib.contextmanager
def webhook(*answers: int, delay: float = 0.0) -> Iterator[Webhook]:
    """A receiver on this machine."""
    hook = Webhook(answers=list(answers) or [200], delay=delay)
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hook.logins.append(self.headers.get("Authorization", ""))
            hook.seen.append((self.command, self.path, body))
            closing.wait(hook.delay)
            code = hook.answers[min(len(hook.seen), len(hook.answers)) - 1]
            with contextlib.suppress(OSError):
                self.send_response(code)
                if code in (301, 302, 307):
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

        do_GET = do_POST = answer  # noqa: N815 — http.server names them

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            closing.set()
            server.shutdown()
            thread.join()


@dataclass
class Mailbox:
    """What a mail server was given."""

    port: int
    envelopes: list[Envelope] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[EmailMessage]:
        return [
            message_from_bytes(each.original_content or b"", policy=policy.default)
            for each in self.envelopes
        ]

    async def handle_DATA(  # noqa: N802 — aiosmtpd names it
        self, server: object, session: object, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 Accepted"


@contextlib.contextmanager
def mail_server(password: str | None = None) -> Iterator[Mailbox]:
    """A mail server on this machine; it asks for `password` where there is one."""
    box = Mailbox(closed_port())

    def authenticate(
        server: object, session: object, envelope: object, kind: str, data: Any
    ) -> Any:
        return AuthResult(success=data.password == (password or "").encode(), handled=False)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        authenticator=authenticate,
        auth_required=password is not None,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
