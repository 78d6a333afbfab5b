"""The events that webhooks reported: how they are kept, and whom they make due."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import DiskFull, Snapshot
from auditor.evidence.timestamps import format_rfc3339
from auditor.policy.catalogue import word_lists
from auditor.store.errors import StoreError
from auditor.store.events import EventRow, EventTable
from auditor.store.runs import Runs
from auditor.watch.events import ReceivedEvent

_log = logging.getLogger(__name__)

RETENTION = timedelta(days=35)
"""How long events are kept: longer than the longest time for which a run may be carried over."""
_CLOCKS = timedelta(minutes=5)
"""Tolerated difference between the clocks of the machines that receive and that audit."""


class KeptEvents:
    """Keeps received events in the history's database."""

    def __init__(self, stored: Runs) -> None:
        self._table = EventTable(stored.history.database)

    def add(self, events: Iterable[ReceivedEvent]) -> frozenset[str]:
        """Store events in one transaction; returns the digests of those that were not known.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        return self._table.add(map(_row, events))


def named_users(stored: Runs, account_id: str, since: datetime) -> frozenset[str]:
    """The ids of the users that an event named since the start of an earlier run.

    Raises:
        StoreError: the history cannot be read.
    """
    return frozenset(
        user
        for row in EventTable(stored.history.database).since(account_id, since - _CLOCKS)
        for user in _users(row.details)
    )


def prune(stored: Runs) -> None:
    """Delete events that no run can need any more.

    Raises:
        StoreError: the history cannot be written.
    """
    EventTable(stored.history.database).remove_before(datetime.now(UTC) - RETENTION)


def log_document(
    stored: Runs, account_id: str, since: datetime, snapshot: Snapshot
) -> JsonValue | None:
    """What events say was changed since a time, as entries of an operation log; None without any.

    An event has the keys of the API where the log has the portal's labels, so that only settings
    with a known label are in it. A history that cannot be read costs the names of authors alone.
    """
    try:
        rows = EventTable(stored.history.database).since(account_id, since - _CLOCKS)
    except (StoreError, DiskFull) as error:
        _log.warning("The kept events could not be read. %s", error)
        return None
    labels = word_lists.portal_labels().names
    groups = {group.id: group.name for group in snapshot.scopes(Level.GROUP)}
    entries: list[JsonValue] = []
    for row in rows:
        is_lock = "lock_settings" in row.name
        for change in row.details.get("changes", ()):
            names = labels.get(str(change.get("setting")), ())
            for label in sorted(names)[:1]:
                entries.append(_log_entry(row, label, change, is_lock=is_lock, groups=groups))
    return {"entries": entries, "read": len(entries)} if entries else None


def change_texts(event: ReceivedEvent) -> list[str]:
    """What an event about the account or a group says was changed, as clauses; settings for which
    the portal has no word are left out."""
    labels = word_lists.portal_labels().names
    where = "the account" if event.level is Level.ACCOUNT else "a group"
    return [
        f"{label} was {_happened(change.after, is_lock=event.is_lock)} at {where}"
        for change in event.changes
        for label in sorted(labels.get(change.setting, ()))[:1]
    ]


def _happened(after: object, *, is_lock: bool) -> str:
    if isinstance(after, bool):
        locked, unlocked = ("locked", "unlocked") if is_lock else ("turned on", "turned off")
        return locked if after else unlocked
    return "changed" if after is None else f"set to {after}"


def _log_entry(
    row: EventRow,
    label: str,
    change: Mapping[str, Any],
    *,
    is_lock: bool,
    groups: Mapping[str, str],
) -> JsonValue:
    category, subject = {
        "group": ("User Group", f"Edit Group {groups.get(row.scope_id, row.scope_id)}  - "),
        "user": ("User", f"Update User {row.scope_id}  - "),
    }.get(row.level, ("Account", ""))
    before, after = (_word(change.get(key), is_lock=is_lock) for key in ("before", "after"))
    values = f"from {before} to {after}" if before else f"set to {after}"
    return {
        "time": format_rfc3339(row.occurred_at),
        "operator": row.operator,
        "category_type": category,
        "action": "Update",
        "operation_detail": f"{subject}{label}: {values}",
    }


def _word(value: object, *, is_lock: bool) -> str:
    """A value as the portal's log has it; empty for a value that is not known."""
    if isinstance(value, bool):
        on, off = ("Locked", "Unlocked") if is_lock else ("On", "Off")
        return on if value else off
    return "" if value is None else str(value)


def pending_since(stored: Runs, account_id: str, since: datetime) -> bool:
    """True if an event that makes something due was received since a time.

    Raises:
        StoreError: the history cannot be read.
    """
    rows = EventTable(stored.history.database).since(account_id, since)
    return any(row.details.get("topic") in ("account", "group", "user") for row in rows)


def _row(event: ReceivedEvent) -> EventRow:
    details: dict[str, Any] = {
        "topic": event.topic.value,
        "users": [*event.users],
        "app": event.app,
        "changes": [asdict(change) for change in event.changes],
    }
    return EventRow(
        digest=event.digest,
        account_id=event.account_id,
        name=event.name,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        level=event.level.value,
        scope_id=event.scope_id,
        operator=event.operator,
        details={key: value for key, value in details.items() if value},
    )


def _users(details: Mapping[str, Any]) -> list[str]:
    users = details.get("users")
    return [user for user in users if isinstance(user, str)] if isinstance(users, list) else []
