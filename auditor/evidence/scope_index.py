"""Maps each scope to the number of its verdict set, in a temporary table of the open snapshot.

Keeps memory independent of the number of users, and lets SQLite sort them for a report.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count

from auditor.evidence.content_store import ContentStore, ProfileEntry
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import decode, rfc3339

_TABLES = count(1)
"""Numbers of the tables: one open snapshot may be evaluated more than once."""


@dataclass(frozen=True, slots=True)
class IndexedScope:
    """A scope and its number."""

    scope: Scope
    number: int
    observed_at: Mapping[str, str]
    """When Zoom answered each request of this scope: source to RFC 3339 time."""


class TimeRange(Mapping[str, str]):
    """Maps a source to the RFC 3339 time of its response. Times are decoded on access."""

    def __init__(self, entries: Sequence[ProfileEntry], moments: bytes) -> None:
        self._entries, self._moments = entries, moments

    def __getitem__(self, source: str) -> str:
        moments = decode(self._moments)
        for position in range(len(moments) - 1, -1, -1):
            if self._entries[position].source == source:
                return rfc3339(moments[position])
        raise KeyError(source)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(entry.source for entry in self._entries))

    def __len__(self) -> int:
        return len({entry.source for entry in self._entries})


class ScopeIndex:
    """Numbers of scopes. Valid in the thread of its snapshot, while that is open."""

    def __init__(self, db: sqlite3.Connection, contents: ContentStore) -> None:
        self._db, self._contents = db, contents
        self._table = f"temp.marks_{next(_TABLES)}"
        db.execute(
            f"CREATE TABLE {self._table} (level TEXT, zoom_id TEXT, number INTEGER NOT NULL,"
            " PRIMARY KEY (level, zoom_id)) WITHOUT ROWID"
        )
        db.create_function("label_order", 3, _label_order, deterministic=True)

    def set(self, rows: Iterable[tuple[Level, str, int]]) -> None:
        """Set the numbers of scopes, named by level and id."""
        self._db.execute("BEGIN")
        self._db.executemany(
            f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?)",
            rows,
        )
        self._db.execute("COMMIT")

    def scopes(
        self, level: Level, numbers: Iterable[int], *, by_name: bool = False
    ) -> Iterator[IndexedScope]:
        """The scopes of a level with one of `numbers`, sorted by id or by label."""
        order = "label_order(s.name, s.email, s.zoom_id), s.zoom_id" if by_name else "m.zoom_id"
        query = (
            "SELECT s.level, s.zoom_id, s.name, s.email, s.membership, s.profile, s.times,"
            f" m.number FROM {self._table} m CROSS JOIN scopes s"
            f" ON s.level = m.level AND s.zoom_id = m.zoom_id"
            f" WHERE m.level = ? AND m.number IN (SELECT value FROM json_each(?)) ORDER BY {order}"
        )
        with closing(self._db.cursor()) as cursor:
            for row in cursor.execute(query, (level, json.dumps([*numbers]))):
                times = TimeRange(self._contents.profile(row[5]), row[6])
                yield IndexedScope(self._contents.scope(row), row[7], times)

    def time_ranges(self) -> Iterator[tuple[int, str, str, str]]:
        """For each number and source, the times (RFC 3339) of the first and the last response."""
        ranges: dict[tuple[int, int], list[list[int]]] = {}
        query = (
            f"SELECT m.number, s.profile, s.times FROM {self._table} m CROSS JOIN scopes s"
            " ON s.level = m.level AND s.zoom_id = m.zoom_id"
        )
        with closing(self._db.cursor()) as cursor:
            for number, profile, times in cursor.execute(query):
                moments = decode(times)
                known = ranges.get((number, profile))
                if known is None:
                    ranges[number, profile] = [[moment, moment] for moment in moments]
                    continue
                for span, moment in zip(known, moments, strict=True):
                    if moment < span[0]:
                        span[0] = moment
                    elif moment > span[1]:
                        span[1] = moment
        for (number, profile), scope_ranges in ranges.items():
            for entry, (first, last) in zip(
                self._contents.profile(profile), scope_ranges, strict=True
            ):
                yield number, entry.source, rfc3339(first), rfc3339(last)


def _label_order(name: str, email: str, zoom_id: str) -> str:
    return (name or email or zoom_id).casefold()
