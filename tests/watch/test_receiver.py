"""The receiver over real HTTP: what it believes and keeps, and what it cannot be made to do."""

import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from auditor.app.received_events import KeptEvents, named_users
from auditor.evidence.timestamps import parse_rfc3339
from auditor.store.errors import HistoryLocked
from auditor.store.events import EventTable
from auditor.store.runs import Runs
from auditor.watch.events import ReceivedEvent
from auditor.watch.signing import digest
from tests.watch.sender import ACCOUNT, SECRET, Receiving, changed, receiving

LONG_AGO = parse_rfc3339("2026-01-01T00:00:00Z")


@pytest.fixture
def stored(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture
def receiver(stored: Runs) -> Iterator[Receiving]:
    with receiving(KeptEvents(stored)) as running:
        yield running


def rows(stored: Runs) -> list[str]:
    return [row.scope_id for row in EventTable(stored.history.database).since(ACCOUNT, LONG_AGO)]


def test_a_signed_event_is_kept_once_however_often_it_is_sent(
    receiver: Receiving, stored: Runs
) -> None:
    assert receiver.sender.send(changed()) == (200, {"status": "kept"})
    # A retry has the same body, and a new time and signature.
    assert receiver.sender.send(changed(), at=time.time() - 100) == (200, {"status": "known"})
    assert receiver.sender.send(changed(1), path="/") == (200, {"status": "kept"})
    assert rows(stored) == ["user-0", "user-1"]
    assert [event.scope_id for event in receiver.new] == ["user-0", "user-1"]
    assert named_users(stored, ACCOUNT, LONG_AGO) == {"user-0", "user-1"}


def test_only_what_zoom_signed_just_now_is_believed(receiver: Receiving, stored: Runs) -> None:
    now = time.time()
    no = {"x-zm-signature": "", "x-zm-request-timestamp": ""}
    send = receiver.sender.send
    refused = {
        "another secret": send(changed(), secret="another"),
        "no signature": send(changed(), headers=no),
        "an empty signature": send(changed(), headers={"x-zm-signature": "v0="}),
        "a signature of another body": send(
            changed(), headers={"x-zm-signature": f"v0={digest(SECRET, b'x')}"}
        ),
        "letters that are not ASCII": send(changed(), headers={"x-zm-signature": "v0=\xe9"}),
        "six minutes ago": send(changed(), at=now - 360),
        "six minutes ahead": send(changed(), at=now + 360),
        "a validation without a signature": send(
            {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}, headers=no
        ),
    }
    assert {name: status for name, (status, _) in refused.items()} == dict.fromkeys(refused, 401)
    assert all(body == {"error": "The signature is not valid."} for _, body in refused.values())
    assert rows(stored) == []
    assert send(changed(), at=now - 290)[0] == 200
    assert send(changed(1), at=(now + 2) * 1000)[0] == 200  # milliseconds


def test_bodies_that_are_no_events_are_refused(receiver: Receiving, stored: Runs) -> None:
    send = receiver.sender.send
    statuses = [
        send(None, body=b"not json")[0],
        send([changed()])[0],
        send({"payload": {}})[0],
        send({"event": 5})[0],
        send({"event": "x" * 500})[0],
        send(None, body=b'{"event": "' + b"[" * 100_000)[0],
        send(None, body=b"\xff\xfe")[0],
        send(None, body=("[" * 50_000 + "]" * 50_000).encode())[0],
    ]
    assert statuses == [400] * len(statuses)
    assert send(changed(), headers={"Content-Type": "text/plain"})[0] == 415
    assert send(changed(), headers={"Content-Type": "application/x-www-form-urlencoded"})[0] == 415
    assert receiver.sender.request("GET", "/webhook")[0] == 405
    assert receiver.sender.request("POST", "/elsewhere")[0] == 404
    assert rows(stored) == []


def test_events_of_other_accounts_are_answered_and_ignored(
    receiver: Receiving, stored: Runs
) -> None:
    assert receiver.sender.send(changed(account="acc-2")) == (204, b"")
    assert receiver.sender.send({"event": "meeting.rtms_started", "payload": {}})[0] == 204
    assert rows(stored) == []


def test_the_address_is_validated_but_nothing_else_is_signed(receiver: Receiving) -> None:
    token = "qgg8vlvZRS6UYooatFL8Aw"
    question = {"event": "endpoint.url_validation", "payload": {"plainToken": token}}
    answer = {"plainToken": token, "encryptedToken": digest(SECRET, token.encode())}
    assert receiver.sender.send(question) == (200, answer)
    # Whoever could have a text of their choice signed could sign events.
    for token in ("v0:1795950000:{}", "", "a b", "x" * 500):
        question["payload"] = {"plainToken": token}
        assert receiver.sender.send(question)[0] == 400


def test_what_people_said_or_wrote_is_not_kept(receiver: Receiving, stored: Runs) -> None:
    said = "CANARY what was said"
    content = {
        "event": "meeting.summary_completed",
        "event_ts": 1_795_950_000_000,
        "payload": {
            "account_id": ACCOUNT,
            "object": {"meeting_topic": said, "summary_content": said, "summary_doc_url": said},
        },
    }
    settings = changed(3)
    settings["payload"]["object"]["settings"]["in_meeting"] = {"disclaimer": said, said: True}
    for event in (content, settings):
        assert receiver.sender.send(event)[0] == 200
    found = EventTable(stored.history.database).since(ACCOUNT, LONG_AGO)
    assert [row.name for row in found] == ["meeting.summary_completed", "user.settings_updated"]
    assert "CANARY" not in repr(found)
    assert "CANARY" not in Path(stored.home / "history.sqlite").read_bytes().decode("latin-1")
    assert found[1].details["changes"] == [
        {"setting": "recording.auto", "before": "none", "after": "cloud"},
        {"setting": "in_meeting.disclaimer", "before": None, "after": None},
    ]
    assert found[1].operator == "dana@example.com"


def test_large_and_slow_senders_are_bounded(receiver: Receiving) -> None:
    send = receiver.sender.send
    assert send(None, body=b" " * (1024 * 1024 + 1))[0] == 413
    assert send(None, body=b" " * (10 * 1024 * 1024))[0] == 413
    with socket.create_connection(("127.0.0.1", receiver.sender.port)) as connection:
        connection.sendall(
            b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        with suppress(OSError):  # the connection is closed
            while sent < 500:
                connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
                sent += 1
        assert sent < 100  # MiB
    with socket.create_connection(("127.0.0.1", receiver.sender.port)) as connection:
        connection.sendall(
            b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        began = time.monotonic()
        assert b"408" in connection.recv(1000)
        assert time.monotonic() - began < 3
    with socket.create_connection(("127.0.0.1", receiver.sender.port)) as connection:
        connection.sendall(b"POST /webhook HTTP/1.1\r\nHost:")
        connection.settimeout(10)
        assert connection.recv(1000) == b""  # closed while the head is incomplete
    assert send(changed())[0] == 200


def test_an_event_that_cannot_be_stored_is_not_answered_with_200() -> None:
    class Locked:
        def add(self, events: Iterable[ReceivedEvent]) -> frozenset[str]:
            raise HistoryLocked("The history is locked.")

    class Stuck:
        def add(self, events: Iterable[ReceivedEvent]) -> frozenset[str]:
            released.wait(20)
            return frozenset(event.digest for event in events)

    released = threading.Event()
    with receiving(Locked()) as running:
        assert running.sender.send(changed())[0] == 503
        assert running.sender.request("GET", "/healthz")[0] == 503
        assert b"auditor_watch_failing 1" in running.sender.request("GET", "/metrics")[1]
    with receiving(Stuck()) as running:
        began = time.monotonic()
        assert running.sender.send(changed())[0] == 503
        assert time.monotonic() - began < 3
        released.set()


def test_health_and_metrics_say_that_it_works(receiver: Receiving) -> None:
    status, health = receiver.sender.request("GET", "/healthz")
    assert (status, health["status"], health["last_event_at"]) == (200, "ok", None)
    receiver.sender.send(changed())
    receiver.sender.send(changed(), secret="another")
    assert receiver.sender.request("GET", "/healthz")[1]["last_event_at"] is not None
    metrics = receiver.sender.request("GET", "/metrics")[1].decode()
    assert 'auditor_watch_requests_total{result="kept"} 1' in metrics
    assert 'auditor_watch_requests_total{result="refused"} 1' in metrics
    receiver.state.audit_problem = "The last audit failed."
    receiver.sender.send(changed(1))  # that it is kept does not hide the audit
    assert receiver.sender.request("GET", "/healthz")[0] == 503


@pytest.mark.slow
def test_a_thousand_events_at_once_are_all_kept(receiver: Receiving, stored: Runs) -> None:
    numbers = range(1_000)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: receiver.sender.send(changed(n))[0], numbers))
    kept = sum(status == 200 for status in answers)
    assert set(answers) <= {200, 503}
    assert len(rows(stored)) >= kept > 900
    again = [n for n in numbers if answers[n] != 200]
    assert all(receiver.sender.send(changed(n))[0] == 200 for n in again)
    assert len(rows(stored)) == 1_000


def test_what_is_kept_can_be_read_as_json(receiver: Receiving, stored: Runs) -> None:
    receiver.sender.send(changed(event="group.member_added"))
    [row] = EventTable(stored.history.database).since(ACCOUNT, LONG_AGO)
    assert json.loads(json.dumps(dict(row.details)))["topic"] == "group"
