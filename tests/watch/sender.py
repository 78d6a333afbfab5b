"""A sender of webhooks, as Zoom signs them, and a receiver on this machine."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from auditor.watch.events import ReceivedEvent
from auditor.watch.inbox import EventStore, Inbox
from auditor.watch.receiver import Receiver, ReceiverState
from auditor.watch.serving import bound, server
from auditor.watch.signing import signed

SECRET = "a-secret-token-of-the-app"
ACCOUNT = "acc-1"


def changed(number: int = 0, *, account: str = ACCOUNT, **fields: Any) -> dict[str, Any]:
    """An event: a user's settings changed."""
    return {
        "event": "user.settings_updated",
        "event_ts": 1_795_950_000_000 + number,
        "payload": {
            "account_id": account,
            "operator": "dana@example.com",
            "operator_id": "op-1",
            "object": {"id": f"user-{number}", "settings": {"recording": {"auto": "cloud"}}},
            "old_object": {"id": f"user-{number}", "settings": {"recording": {"auto": "none"}}},
        },
        **fields,
    }


@dataclass(frozen=True)
class Sender:
    """Sends requests to a receiver, each on a connection of its own."""

    port: int

    def send(
        self,
        event: object,
        *,
        secret: str = SECRET,
        at: float | None = None,
        path: str = "/webhook",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, Any]:
        raw = json.dumps(event).encode() if body is None else body
        timestamp = str(int(time.time() if at is None else at))
        sent = {
            "Content-Type": "application/json; charset=utf-8",
            "x-zm-request-timestamp": timestamp,
            "x-zm-signature": signed(secret, timestamp, raw),
            **(headers or {}),
        }
        return self.request("POST", path, raw, {k: v for k, v in sent.items() if v})

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        kind = response.headers.get_content_type()
        return response.status, json.loads(content) if kind == "application/json" else content


@dataclass
class Receiving:
    """A running receiver, its state, and the events it was told of first."""

    sender: Sender
    state: ReceiverState
    new: list[ReceivedEvent]


@contextmanager
def receiving(store: EventStore) -> Iterator[Receiving]:
    """A receiver on a free port."""
    listener = bound("127.0.0.1:0", None)
    new: list[ReceivedEvent] = []
    with Inbox(store, new.append) as inbox:
        receiver = Receiver(SECRET, ACCOUNT, inbox)
        served = server(receiver.application(), None)
        thread = threading.Thread(target=served.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield Receiving(Sender(listener.getsockname()[1]), receiver.state, new)
        finally:
            served.should_exit = True
            thread.join(10)
            listener.close()
