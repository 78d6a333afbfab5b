"""Events of webhooks in the history database: each kept once, by the digest of its body."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.store import tables
from auditor.store.batching import batched
from auditor.store.database import Database

_BATCH = 200


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it is stored."""

    digest: str
    account_id: str
    name: str
    occurred_at: datetime
    received_at: datetime
    level: str
    scope_id: str
    operator: str
    details: Mapping[str, Any]
    """Further fields, as JSON values."""


class EventTable:
    """The kept events of a history database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, rows: Iterable[EventRow]) -> frozenset[str]:
        """Store rows in one transaction; returns the digests of those that were not known.

        Raises:
            DiskFull: the disk is full.
            StoreError: the history cannot be written.
        """
        by_digest = {row.digest: row for row in rows}
        column = tables.events.c.digest
        with self._database.writing() as connection:
            known: set[str] = set()
            for batch in batched(by_digest, _BATCH):
                query = sa.select(column).where(column.in_(batch))
                known.update(connection.execute(query).scalars())
            new = [row for digest, row in by_digest.items() if digest not in known]
            if new:
                connection.execute(sa.insert(tables.events), [_columns(row) for row in new])
        return frozenset(row.digest for row in new)

    def since(self, account_id: str, moment: datetime) -> list[EventRow]:
        """The events of an account received at `moment` or later, in the order of receipt.

        Raises:
            StoreError: the history cannot be read.
        """
        if not self._database.exists():
            return []
        table = tables.events
        query = (
            sa.select(table)
            .where(table.c.account_id == account_id)
            .where(table.c.received_at >= format_rfc3339(moment))
            .order_by(table.c.received_at, table.c.digest)
        )
        with self._database.reading() as connection:
            return [_row(row) for row in connection.execute(query)]

    def remove_before(self, moment: datetime) -> int:
        """Delete the events received before `moment`; returns their number.

        Raises:
            StoreError: the history cannot be written.
        """
        if not self._database.exists():
            return 0
        table = tables.events
        is_old = table.c.received_at < format_rfc3339(moment)
        with self._database.reading() as connection:
            count = connection.execute(sa.select(sa.func.count()).where(is_old)).scalar() or 0
        if count:
            with self._database.writing() as connection:
                connection.execute(sa.delete(table).where(is_old))
        return count


def _columns(row: EventRow) -> dict[str, Any]:
    return {
        "digest": row.digest,
        "account_id": row.account_id,
        "name": row.name,
        "occurred_at": format_rfc3339(row.occurred_at),
        "received_at": format_rfc3339(row.received_at),
        "level": row.level,
        "scope_id": row.scope_id,
        "operator": row.operator,
        "details": json.dumps(row.details),
    }


def _row(row: Any) -> EventRow:
    return EventRow(
        digest=row.digest,
        account_id=row.account_id,
        name=row.name,
        occurred_at=parse_rfc3339(row.occurred_at),
        received_at=parse_rfc3339(row.received_at),
        level=row.level,
        scope_id=row.scope_id,
        operator=row.operator,
        details=json.loads(row.details),
    )
