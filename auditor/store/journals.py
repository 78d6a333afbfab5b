"""Journals: what was to be changed in an account, what was sent, and what came of it.

A step is written down before its request is sent (`intend`) and once more when its outcome is known
(`conclude`). A process that is killed in between leaves an entry without an outcome.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor import __version__
from auditor.evidence.reading import JsonValue
from auditor.evidence.timestamps import format_rfc3339
from auditor.store import tables
from auditor.store.database import Database
from auditor.store.errors import CorruptRow, JournalNotFound

JournalKind = Literal["apply", "rollback"]

_HEADS, _ENTRIES = tables.change_journals, tables.journal_entries


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One step of a journal."""

    step: int
    kind: str
    """`value` or `lock`."""
    level: str
    scope_id: str
    scope_name: str
    setting: str
    before: JsonValue
    """The value that was found before the first request."""
    target: JsonValue
    """The value that was sent."""
    siblings: Mapping[str, list[JsonValue]]
    """The other leaves of its object by path: the value before the first request, followed by the
    value after it if that differs."""
    intended_at: str = ""
    """Empty if no request was prepared."""
    outcome: str = ""
    """Empty while it is not known."""
    detail: str = ""
    concluded_at: str = ""
    undone_at: str = ""
    sequence: int = 0
    """Order of the first intentions."""

    @property
    def may_have_changed(self) -> bool:
        """True if the account may still be as this step left it."""
        return bool(self.intended_at) and self.outcome in ("", "changed", "unverified")

    @property
    def is_to_undo(self) -> bool:
        """True if a rollback has to look at it."""
        return self.may_have_changed and not self.undone_at


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """One journal, with its steps in the order of the first intentions."""

    id: str
    kind: JournalKind
    account_id: str
    place: str
    plan_digest: str
    run_id: str
    undoes: str
    """The journal that a rollback undoes; empty otherwise."""
    started_at: str
    finished_at: str
    """Empty until every step has an outcome."""
    client_id: str
    """The beginning of the client id of the app that wrote."""
    entries: tuple[JournalEntry, ...] = ()

    @property
    def is_to_undo(self) -> bool:
        """True if something of it may still stand."""
        return self.kind == "apply" and any(entry.is_to_undo for entry in self.entries)


class Journals:
    """The journals of the accounts in a history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        kind: JournalKind,
        account_id: str,
        place: str,
        *,
        client_id: str,
        plan_digest: str = "",
        run_id: str = "",
        undoes: str = "",
        now: datetime | None = None,
    ) -> StoredJournal:
        """A new journal without entries.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        moment = now or datetime.now(UTC)
        prefix = "fix" if kind == "apply" else "undo"
        journal = StoredJournal(
            id=f"{prefix}-{moment:%Y%m%dT%H%M%S}Z-{secrets.token_hex(3)}",
            kind=kind,
            account_id=account_id,
            place=place,
            plan_digest=plan_digest,
            run_id=run_id,
            undoes=undoes,
            started_at=format_rfc3339(moment),
            finished_at="",
            client_id=client_id,
        )
        with self._database.writing() as connection:
            last = connection.execute(sa.select(sa.func.max(_HEADS.c.sequence))).scalar() or 0
            row = {name: getattr(journal, name) for name in _HEAD_NAMES}
            row |= {"sequence": last + 1, "tool_version": __version__}
            connection.execute(sa.insert(_HEADS), row)
        return journal

    def all(self, account_id: str, place: str) -> list[StoredJournal]:
        """The journals of an account, newest first.

        Raises:
            StoreError: the history cannot be read.
        """
        if not self._database.exists():
            return []
        query = (
            sa.select(_HEADS)
            .where(_HEADS.c.account_id == account_id, _HEADS.c.place == place)
            .order_by(_HEADS.c.sequence.desc())
        )
        with self._database.reading() as connection:
            heads = [_journal(row) for row in connection.execute(query).mappings()]
            return [replace(each, entries=_entries(connection, each.id)) for each in heads]

    def get(self, journal_id: str, account_id: str, place: str) -> StoredJournal:
        """A journal of an account.

        Raises:
            JournalNotFound: the account has none with this id.
            StoreError: the history cannot be read.
        """
        for journal in self.all(account_id, place):
            if journal.id == journal_id:
                return journal
        raise JournalNotFound(
            f'There is no journal "{journal_id}" of account {account_id}, so nothing was done.',
            "auditor fix rollback without a name takes the newest one.",
        )

    def intend(self, journal_id: str, entry: JournalEntry) -> None:
        """Write down that a request is about to be sent. The first `before` of a step stays.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        now = format_rfc3339(datetime.now(UTC))
        with self._database.writing() as connection:
            known = _entry(connection, journal_id, entry.step)
            if known is not None and known.intended_at:
                values = {"intended_at": now, "outcome": "", "detail": "", "concluded_at": ""}
                values["undone_at"] = ""
                _update(connection, journal_id, entry.step, values)
                return
            if known is not None:
                connection.execute(sa.delete(_ENTRIES).where(*_is(journal_id, entry.step)))
            _insert(connection, journal_id, replace(entry, intended_at=now))

    def conclude(self, journal_id: str, entry: JournalEntry) -> None:
        """Write down the outcome of a step, for which a request may have been sent or not.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        now = format_rfc3339(datetime.now(UTC))
        with self._database.writing() as connection:
            if _entry(connection, journal_id, entry.step) is None:
                _insert(connection, journal_id, replace(entry, concluded_at=now))
                return
            values = {"outcome": entry.outcome, "detail": entry.detail, "concluded_at": now}
            values["siblings"] = json.dumps(entry.siblings)
            _update(connection, journal_id, entry.step, values)

    def mark_undone(self, journal_id: str, step: int) -> None:
        """Write down that a step is undone.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        now = format_rfc3339(datetime.now(UTC))
        with self._database.writing() as connection:
            _update(connection, journal_id, step, {"undone_at": now})

    def finish(self, journal_id: str) -> None:
        """Write down that every step has an outcome.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        now = format_rfc3339(datetime.now(UTC))
        with self._database.writing() as connection:
            this = sa.update(_HEADS).where(_HEADS.c.id == journal_id)
            connection.execute(this.values(finished_at=now))


_HEAD_NAMES = (
    *("id", "kind", "account_id", "place", "plan_digest", "run_id", "undoes"),
    *("started_at", "finished_at", "client_id"),
)
_ENTRY_NAMES = (
    *("step", "kind", "level", "scope_id", "scope_name", "setting"),
    *("intended_at", "outcome", "detail", "concluded_at", "undone_at", "sequence"),
)
_AS_JSON = ("before", "target", "siblings")


def _journal(row: Mapping[Any, Any]) -> StoredJournal:
    return StoredJournal(**{name: row[name] for name in _HEAD_NAMES})


def _entries(connection: Connection, journal_id: str) -> tuple[JournalEntry, ...]:
    query = sa.select(_ENTRIES).where(_ENTRIES.c.journal_id == journal_id)
    rows = connection.execute(query.order_by(_ENTRIES.c.sequence)).mappings()
    return tuple(_stored_entry(row) for row in rows)


def _stored_entry(row: Mapping[Any, Any]) -> JournalEntry:
    values = {name: json.loads(row[name]) for name in _AS_JSON}
    if not isinstance(values["siblings"], dict):
        raise CorruptRow("the siblings of a journal entry are not an object")
    return JournalEntry(**{name: row[name] for name in _ENTRY_NAMES}, **values)


def _entry(connection: Connection, journal_id: str, step: int) -> JournalEntry | None:
    query = sa.select(_ENTRIES).where(*_is(journal_id, step))
    row = connection.execute(query).mappings().first()
    return None if row is None else _stored_entry(row)


def _insert(connection: Connection, journal_id: str, entry: JournalEntry) -> None:
    of_journal = _ENTRIES.c.journal_id == journal_id
    newest = sa.select(sa.func.max(_ENTRIES.c.sequence)).where(of_journal)
    row = {name: getattr(entry, name) for name in _ENTRY_NAMES}
    row |= {name: json.dumps(getattr(entry, name)) for name in _AS_JSON}
    row |= {"journal_id": journal_id, "sequence": (connection.execute(newest).scalar() or 0) + 1}
    connection.execute(sa.insert(_ENTRIES), row)


def _update(
    connection: Connection, journal_id: str, step: int, values: Mapping[str, object]
) -> None:
    connection.execute(sa.update(_ENTRIES).where(*_is(journal_id, step)).values(**values))


def _is(journal_id: str, step: int) -> tuple[sa.ColumnElement[bool], ...]:
    return _ENTRIES.c.journal_id == journal_id, _ENTRIES.c.step == step
