"""Events: what a webhook says happened, reduced to what an audit needs.

Only named fields are taken from a payload. Texts that people wrote or said (summaries, transcripts,
topics, messages) are in none of them.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from auditor.errors import AuditorError
from auditor.evidence.json_values import as_text
from auditor.evidence.scope import Level

URL_VALIDATION = "endpoint.url_validation"
TEST_EVENT = "auditor.watch_check"
"""Sent by `auditor watch check`; Zoom has no event of this name."""

LONGEST_NAME = 100
MOST_USERS = 2_000
"""Members of a group that are kept of one event. Whoever joined or left a group is due anyhow,
because the list of users says so."""
MOST_CHANGES = 200
_ENUM = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
"""A string value that is kept: a word of Zoom's. Other texts may be people's."""
_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


class Topic(StrEnum):
    """What an event makes due."""

    ACCOUNT = "account"
    """Settings or locks of the account."""
    GROUP = "group"
    """Settings or locks of a group, or who belongs to it."""
    USER = "user"
    """A user's settings, licence or status."""
    NOTICE = "notice"
    """Nothing is due, but people may want to know at once."""
    NONE = "none"
    """Nothing is due: it is kept by name and time alone."""


TOPICS: Mapping[str, Topic] = {
    **dict.fromkeys(
        (
            "account.settings_updated",
            "account.lock_settings_updated",
            "account.updated",
            "phone.account_settings_updated",
            "phone.group_settings_updated",
            "phone.ai_call_summary_changed",
            "whiteboard.share_settings_updated",
        ),
        Topic.ACCOUNT,
    ),
    **dict.fromkeys(
        (
            "group.settings_updated",
            "group.lock_settings_updated",
            "group.created",
            "group.updated",
            "group.deleted",
            "group.member_added",
            "group.member_deleted",
            "group.admin_added",
            "group.admin_deleted",
        ),
        Topic.GROUP,
    ),
    **dict.fromkeys(
        (
            "user.settings_updated",
            "user.created",
            "user.updated",
            "user.activated",
            "user.deactivated",
            "user.deleted",
            "user.disassociated",
            "user.invitation_accepted",
        ),
        Topic.USER,
    ),
    **dict.fromkeys(
        (
            "meeting.ai_companion_started",
            "app.authorization_request_created",
            "app_deauthorized",
        ),
        Topic.NOTICE,
    ),
}
"""The known events. Source: the event references of developers.zoom.us, 2026-11."""


class InvalidEvent(AuditorError):
    """A signed body that is not an event of Zoom's form."""


@dataclass(frozen=True, slots=True)
class ReportedChange:
    """A setting that an event says changed. Values are booleans, numbers or words of Zoom's."""

    setting: str
    before: bool | int | float | str | None
    after: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event, without the payload it came in."""

    digest: str
    """SHA-256 of the body, hex: retries are signed anew, but have the same body."""
    name: str
    account_id: str
    occurred_at: datetime
    received_at: datetime
    topic: Topic
    scope_id: str = ""
    """The id of the group or user it is about; empty for the account."""
    users: tuple[str, ...] = ()
    """Ids of the users that it names: themselves, or members of a group."""
    operator: str = ""
    """The address, else the id, of who made the change; empty if it does not say."""
    app: str = ""
    """The app that an authorisation request or a deauthorisation is about."""
    changes: tuple[ReportedChange, ...] = ()

    @property
    def is_lock(self) -> bool:
        """True for an event about locks."""
        return "lock_settings" in self.name

    @property
    def level(self) -> Level:
        """The level that it is about."""
        return Level(self.topic) if self.topic in ("group", "user") else Level.ACCOUNT


def parse(body: Mapping[str, Any], raw: bytes, now: datetime) -> ReceivedEvent:
    """The event in a parsed body.

    Raises:
        InvalidEvent: the body has no name of an event.
    """
    name = body.get("event")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise InvalidEvent("it names no event")
    payload = _object(body.get("payload"))
    subject = _object(payload.get("object"))
    topic = TOPICS.get(name, Topic.NONE)
    members = subject.get("members")
    named = (
        [_id(row) for row in members if isinstance(row, dict)] if isinstance(members, list) else []
    )
    scope_id = _id(subject) if topic in (Topic.GROUP, Topic.USER) else ""
    users = [scope_id] if topic is Topic.USER else named
    return ReceivedEvent(
        digest=hashlib.sha256(raw).hexdigest(),
        name=name,
        account_id=_text(payload.get("account_id")),
        occurred_at=_moment(body.get("event_ts"), payload.get("time_stamp"), now),
        received_at=now,
        topic=topic,
        scope_id=scope_id,
        users=tuple(user for user in users if user)[:MOST_USERS],
        operator=_text(payload.get("operator")) or _text(payload.get("operator_id")),
        app=_text(subject.get("app_name") or payload.get("app_name"))
        if topic is Topic.NOTICE
        else "",
        changes=tuple(_changes(payload)) if name.endswith("settings_updated") else (),
    )


def _changes(payload: Mapping[str, Any]) -> Iterator[ReportedChange]:
    """The settings that differ between the old and the new object of a payload."""
    after = dict(_leaves(_object(_object(payload.get("object")).get("settings"))))
    before = dict(_leaves(_object(_object(payload.get("old_object")).get("settings"))))
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    for path in changed[:MOST_CHANGES]:
        yield ReportedChange(path, _storable(before.get(path)), _storable(after.get(path)))


def _leaves(tree: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            continue
        if isinstance(value, dict) and depth < 8:
            yield from _leaves(value, f"{prefix}{key}.", depth + 1)
        elif not isinstance(value, dict):
            yield prefix + key, value


def _storable(value: object) -> bool | int | float | str | None:
    if isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and _ENUM.fullmatch(value) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(row: Mapping[str, Any]) -> str:
    return _text(row.get("id"))


def _text(value: Any) -> str:
    return as_text(value)


def _moment(event_ts: Any, time_stamp: Any, now: datetime) -> datetime:
    """When it happened: the event's own time in milliseconds (a string in some samples)."""
    for value in (time_stamp, event_ts):
        text = as_text(value)
        if text.isdecimal() and len(text) <= 13:
            number = int(text)
            seconds = number / 1000 if number >= 10**11 else float(number)
            if 946_684_800 <= seconds <= now.timestamp() + 300:
                return datetime.fromtimestamp(seconds, UTC)
    return now
