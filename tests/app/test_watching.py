"""Watching: audits follow events one at a time, and fail without a flood."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.app.received_events import (
    RETENTION,
    KeptEvents,
    change_texts,
    log_document,
    prune,
)
from auditor.app.watching import AFTER_FAILURE, LONGEST_PAUSE, WHILE_BUSY, Follower, NoticeSender
from auditor.collect.collector import CollectionCancelled
from auditor.errors import AuditorError
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.notify.channels import Channel
from auditor.store.errors import AlreadyRunning
from auditor.store.events import EventTable
from auditor.store.runs import Runs
from auditor.watch.events import ReceivedEvent, parse
from auditor.watch.receiver import ReceiverState
from tests.notify.receivers import webhook
from tests.watch.sender import ACCOUNT, changed

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)

    def say(self, message: str) -> None:
        self.lines.append(message)

    complain = say


def received(body: dict[str, object], at: datetime = NOW) -> ReceivedEvent:
    return parse(body, json.dumps(body).encode(), at)


def follower(audit: Callable[[], object]) -> Follower:
    return Follower(lambda _: audit(), ReceiverState(), quiet=0.01, longest=0.05)


def test_events_in_a_row_are_followed_by_one_audit() -> None:
    done = threading.Event()
    audits: list[int] = []

    def audit() -> None:
        audits.append(1)
        done.set()

    following = follower(audit)
    following.quiet, following.longest = 0.2, 5.0
    thread = threading.Thread(target=following.run)
    thread.start()
    for number in range(20):
        following.notice(received(changed(number)))
    following.notice(received(changed(event="meeting.summary_completed")))  # makes nothing due
    assert done.wait(10)
    following.end()
    thread.join(10)
    assert audits == [1]


def test_people_who_change_their_settings_all_day_delay_only_audits_of_each_other() -> None:
    audits: list[int] = []
    done = threading.Event()

    def audit() -> None:
        audits.append(1)
        done.set()

    def followed(event: ReceivedEvent, within: float) -> bool:
        done.clear()
        following.notice(event)
        return done.wait(within)

    following = follower(audit)
    following.most_an_hour = 2
    thread = threading.Thread(target=following.run)
    thread.start()
    own = [received(changed(number)) for number in range(4)]
    assert followed(own[0], 10)
    assert followed(own[1], 10)
    assert not followed(own[2], 0.3)
    assert followed(received(changed(9, event="group.settings_updated")), 10)
    assert not followed(own[3], 0.3)
    following.end()
    thread.join(10)
    assert len(audits) == 3


def test_the_end_interrupts_an_audit_that_is_under_way() -> None:
    under_way = threading.Event()

    def audit(stopping: threading.Event) -> None:
        under_way.set()
        assert stopping.wait(10)
        raise CollectionCancelled

    following = Follower(audit, ReceiverState(), quiet=0.01, longest=0.05)
    thread = threading.Thread(target=following.run)
    thread.start()
    following.wake()
    assert under_way.wait(10)
    following.end()
    thread.join(10)
    assert not thread.is_alive()
    assert following.state.problem == ""


def test_the_pause_after_failures_grows_and_ends_with_a_success() -> None:
    errors: list[BaseException | None] = []

    def audit() -> None:
        error = errors.pop(0)
        if error is not None:
            raise error

    following = follower(audit)
    errors += [AlreadyRunning("acc"), *[AuditorError("Zoom is away.")] * 8, KeyError("bug"), None]
    assert following._follow() == WHILE_BUSY
    assert following.state.problem == ""
    pauses = [following._follow() for _ in range(9)]
    assert pauses[:3] == [AFTER_FAILURE, 2 * AFTER_FAILURE, 4 * AFTER_FAILURE]
    assert max(pauses) == pauses[-1] == LONGEST_PAUSE
    assert "unexpected error" in following.state.problem
    assert following._follow() == 0.0
    assert following.state.problem == ""
    errors.append(AuditorError("Zoom is away."))
    assert following._follow() == AFTER_FAILURE


def test_notices_of_a_while_come_in_one_message_without_names() -> None:
    with webhook(200) as hook:
        sender = NoticeSender(
            [Channel("in", f"json://{hook.host}/")], "branch", Said(), together=0.3
        )
        threading.Thread(target=sender.run, daemon=True).start()
        request = changed(event="app.authorization_request_created")
        request["payload"]["object"] = {"app_name": "Note\u202etaker [x](y)"}
        sender.notice(received(changed(event="meeting.ai_companion_started")))
        sender.notice(received(request))
        sender.notice(received(changed()))
        end = threading.Event()
        while not hook.seen:
            assert not end.wait(0.02)
    [document] = hook.documents
    text = json.dumps(document)
    assert "AI Companion was started in a meeting" in text
    assert "somebody asks to use the app" in text
    assert "dana@example.com" not in text
    assert "\\u202e" not in text
    assert "](y)" not in text


def test_a_change_of_the_account_is_told_before_the_audit_that_follows_it() -> None:
    tree = {"in_meeting": {"meeting_summary_with_ai_companion": {"enable": True}}}
    body = changed(event="account.settings_updated")
    body["payload"]["object"] = {"id": ACCOUNT, "settings": tree}
    body["payload"]["old_object"] = {"id": ACCOUNT, "settings": {}}
    assert change_texts(received(body)) == [
        "AI Companion meeting summary was turned on at the account"
    ]
    body["event"] = "group.lock_settings_updated"
    assert change_texts(received(body)) == ["AI Companion meeting summary was locked at a group"]
    sender = NoticeSender([], "branch", Said())
    sender.notice(received(body))
    sender.notice(received({**body, "event": "user.settings_updated"}))
    assert sender._waiting.qsize() == 1


def test_events_are_forgotten_after_five_weeks(tmp_path: Path) -> None:
    stored = Runs(tmp_path)
    today = datetime.now(UTC)
    old = today - RETENTION - timedelta(hours=1)
    KeptEvents(stored).add([received(changed(1), old), received(changed(2), today)])
    prune(stored)
    rows = EventTable(stored.history.database).since(ACCOUNT, today - timedelta(days=400))
    assert [row.scope_id for row in rows] == ["user-2"]


def test_what_events_say_was_changed_reads_like_the_operation_log(tmp_path: Path) -> None:
    def settings(name: str, after: object, before: object) -> dict[str, object]:
        tree = {"in_meeting": {"meeting_summary_with_ai_companion": {"enable": after}}}
        old = {"in_meeting": {"meeting_summary_with_ai_companion": {"enable": before}}}
        payload = {
            "account_id": ACCOUNT,
            "operator": "dana@example.com",
            "object": {"id": "g1", "settings": tree},
            "old_object": {"id": "g1", "settings": old},
        }
        return {"event": name, "event_ts": round(NOW.timestamp() * 1000), "payload": payload}

    stored = Runs(tmp_path)
    names = ("account.settings_updated", "group.settings_updated", "user.settings_updated")
    KeptEvents(stored).add([received(settings(name, True, False)) for name in names])
    locked = settings("group.lock_settings_updated", True, False)
    KeptEvents(stored).add([received(locked)])
    with Snapshot.create() as snapshot:
        snapshot.add_scope(Scope(Level.GROUP, "g1", "Sales"))
        document = log_document(stored, ACCOUNT, NOW - timedelta(days=1), snapshot)
    assert isinstance(document, dict)
    entries = document["entries"]
    assert isinstance(entries, list)
    details = {str(row["operation_detail"]) for row in entries if isinstance(row, dict)}
    label = next(text for text in details if text.startswith("Edit Group Sales"))
    label = label.partition("  - ")[2].partition(":")[0]
    assert details == {
        f"{label}: from Off to On",
        f"Edit Group Sales  - {label}: from Off to On",
        f"Edit Group Sales  - {label}: from Unlocked to Locked",
        f"Update User g1  - {label}: from Off to On",
    }
