"""The snapshot reader: reads scopes, their outcomes and the metadata of a snapshot."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from auditor.evidence.content_store import ContentStore, ProfileEntry
from auditor.evidence.errors import SnapshotError
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.scope_index import ScopeIndex
from auditor.evidence.timestamps import decode, milliseconds, rfc3339
from auditor.evidence.verifying import Totals, verified
from auditor.evidence.view import Document, Outcome, ReadFailure, View

CHUNK = 500
"""Scopes read per query while the file may be written."""

_COLUMNS = "level, zoom_id, name, email, membership, profile, times"


@dataclass(frozen=True, slots=True)
class ScopeEvidence:
    """All evidence of one scope."""

    scope: Scope
    outcomes: Mapping[View, Outcome]
    digests: Mapping[View, str]
    """View to the digest of its document, without refused views."""
    profile: int | None = None
    """Equal numbers in one snapshot mean equal outcomes, except for times."""
    membership: int | None = None
    """Equal numbers in one snapshot mean equal groups, licence and status."""


@dataclass(frozen=True, slots=True)
class RecordedReads:
    """A recorded scope, and its reads with their times in milliseconds since 1970."""

    scope: Scope
    reads: tuple[tuple[ProfileEntry, int], ...]

    def documents(self, views: Iterable[View]) -> dict[View, int]:
        """When each document of `views` was read. Failures and what was not read are left out."""
        requested = frozenset(views)
        return {
            entry.view: time
            for entry, time in self.reads
            if entry.view in requested and entry.document is not None
        }


class SnapshotReader:
    """Reads one snapshot. May be used only by the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, name: str = "") -> None:
        self._db, self._name = connection, name
        self._contents = ContentStore(connection)
        self._totals: Totals | None = None

    def close(self) -> None:
        """Close the file. Everything recorded is in it."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def meta(self, key: str) -> str | None:
        """A fact about the run; None if it was not recorded."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def is_empty(self) -> bool:
        """True if no document was recorded."""
        return self._db.execute("SELECT 1 FROM documents LIMIT 1").fetchone() is None

    def has(self, scope: Scope) -> bool:
        """True if the scope is recorded."""
        return self._row(scope) is not None

    def has_members(self) -> bool:
        """True if at least one user is known to belong to a group."""
        return self._contents.any_groups(Level.USER)

    def count(self, level: Level) -> int:
        """How many scopes of a level there are."""
        query = "SELECT count(*) FROM scopes WHERE level = ?"
        return int(self._db.execute(query, (level,)).fetchone()[0])

    def scopes(self, level: Level) -> Iterator[Scope]:
        """The scopes of a level, by id."""
        for row in self._rows(level):
            yield self._contents.scope(row)

    def evidence(self, level: Level) -> Iterator[ScopeEvidence]:
        """The evidence of each scope of a level, by id, including scopes without any outcome.

        Documents are loaded on access.
        """
        for row in self._rows(level):
            yield self._evidence(row)

    def grouped_by_profile(self, level: Level) -> Iterator[tuple[ScopeEvidence, int]]:
        """The scopes grouped by groups, licence, status and outcomes: the first, and their number.

        In no particular order.
        """
        rows = self._db.execute(
            "SELECT level, min(zoom_id), name, email, membership, profile, times, count(*)"
            " FROM scopes WHERE level = ? GROUP BY membership, profile",
            (level,),
        )
        for *row, count in rows:
            yield self._evidence(tuple(row)), count

    def memberships(self, level: Level) -> Iterator[tuple[Scope, int]]:
        """Scopes without a name that stand for all with equal groups, licence and status."""
        rows = self._db.execute(
            "SELECT level, '', '', '', membership, count(*) FROM scopes WHERE level = ?"
            " GROUP BY membership",
            (level,),
        )
        for *row, count in rows:
            yield self._contents.scope(tuple(row)), count

    def refusals(self, level: Level) -> Iterator[tuple[View, str, Unseen, int]]:
        """The failures of a level: view, request, cause, and the number of scopes."""
        rows = self._db.execute(
            "SELECT profile, count(*) FROM scopes WHERE level = ? GROUP BY profile", (level,)
        )
        for profile, count in rows.fetchall():
            for entry in self._contents.profile(profile):
                if entry.cause is not None:
                    yield entry.view, entry.source, Unseen(Cause(entry.cause), entry.detail), count

    def evidence_of(self, scope: Scope) -> ScopeEvidence:
        """The evidence of one scope, which has to be recorded."""
        return self._evidence(self._row(scope))

    def account(self) -> ScopeEvidence:
        """The evidence of the account itself.

        Raises:
            SnapshotError: the snapshot has no account.
        """
        for account in self.evidence(Level.ACCOUNT):
            return ScopeEvidence(account.scope, dict(account.outcomes), dict(account.digests))
        raise SnapshotError(
            "The snapshot contains no account: its run was interrupted at the start."
        )

    def pending_reads(
        self,
        level: Level,
        views: Iterable[View],
        since: str | None = None,
        scopes: Iterable[Scope] | None = None,
    ) -> Iterator[tuple[Scope, tuple[View, ...]]]:
        """The scopes of a level, by id, with those of `views` that have yet to be read.

        A view has been read if there is a document or a failure that is not transient, not older
        than `since` (RFC 3339). With `scopes`, only these are examined. The file may be written
        during the iteration.
        """
        requested = tuple(views)
        oldest = None if since is None else milliseconds(since)
        for row in self._rows(level) if scopes is None else self._some(scopes):
            done = self._contents.completed_views(row[5])
            if oldest is not None:
                times = zip(self._contents.profile(row[5]), decode(row[6]), strict=True)
                done = done & {entry.view for entry, time in times if time >= oldest}
            due = tuple(view for view in requested if view not in done)
            if due:
                yield self._contents.scope(row), due

    def recorded(self, scope: Scope) -> "RecordedReads | None":
        """The scope as it is recorded, and its reads; None if it is not recorded."""
        row = self._row(scope)
        if row is None:
            return None
        return RecordedReads(
            self._contents.scope(row),
            tuple(zip(self._contents.profile(row[5]), decode(row[6]), strict=True)),
        )

    def count_by_age(self, level: Level, since: str) -> tuple[int, int]:
        """How many scopes of a level have only documents read since a time (RFC 3339), and how many
        have one that was read before. Scopes without any document are in neither number."""
        oldest = milliseconds(since)
        newer = older = 0
        for row in self._rows(level):
            times = [
                time
                for entry, time in zip(self._contents.profile(row[5]), decode(row[6]), strict=True)
                if entry.document is not None
            ]
            newer += bool(times) and min(times) >= oldest
            older += bool(times) and min(times) < oldest
        return newer, older

    @property
    def contents(self) -> ContentStore:
        """The documents, which another snapshot may copy."""
        return self._contents

    def scope_index(self) -> ScopeIndex:
        """A new index that stores a number for each scope while the snapshot is open."""
        return ScopeIndex(self._db, self._contents)

    def verified(self) -> Totals:
        """Verify all evidence in one pass, and return its digests.

        The result is cached until the snapshot is written.

        Raises:
            SnapshotError: evidence was altered, or the file cannot be read.
        """
        if self._totals is None:
            self._totals = verified(self._db, self._contents, self._name or "The snapshot")
        return self._totals

    def oldest(self) -> datetime | None:
        """The time of the oldest read; None if nothing was read."""
        return self.verified().oldest

    def digest(self) -> str:
        """`sha256:` over the scopes and their outcomes, without times."""
        return self.verified().digest

    def facts(self) -> dict[str, str]:
        """All facts of the run."""
        return {key: str(value) for key, value in self._db.execute("SELECT key, value FROM meta")}

    def _rows(self, level: Level) -> Iterator[tuple[Any, ...]]:
        """The rows of a level by id. Read in chunks, because the file may be written meanwhile."""
        query = (
            f"SELECT {_COLUMNS} FROM scopes WHERE level = ? AND zoom_id > ?"
            " ORDER BY zoom_id LIMIT ?"
        )
        after = ""
        while rows := self._db.execute(query, (level, after, CHUNK)).fetchall():
            yield from rows
            after = rows[-1][1]

    def _some(self, scopes: Iterable[Scope]) -> Iterator[Any]:
        """The rows of the recorded ones among `scopes`."""
        return (row for row in map(self._row, scopes) if row is not None)

    def _row(self, scope: Scope) -> Any:
        query = f"SELECT {_COLUMNS} FROM scopes WHERE level = ? AND zoom_id = ?"
        return self._db.execute(query, (scope.level, scope.id)).fetchone()

    def _evidence(self, row: tuple[Any, ...]) -> ScopeEvidence:
        membership, profile, times = row[4:7]
        entries = self._contents.profile(profile)
        return ScopeEvidence(
            self._contents.scope(row),
            _OutcomeReader(entries, times, self._contents),
            self._contents.digests(profile),
            profile,
            membership,
        )


class _OutcomeReader(Mapping[View, Outcome]):
    """The outcomes of a scope, loaded on first access."""

    def __init__(
        self, entries: tuple[ProfileEntry, ...], times: bytes, contents: ContentStore
    ) -> None:
        self._entries, self._times, self._contents = entries, times, contents
        self._outcomes: dict[View, Outcome] | None = None

    def __getitem__(self, view: View) -> Outcome:
        return self._load()[view]

    def __iter__(self) -> Iterator[View]:
        return (entry.view for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _load(self) -> dict[View, Outcome]:
        if self._outcomes is None:
            self._outcomes = {}
            for entry, moment in zip(self._entries, decode(self._times), strict=True):
                self._outcomes[entry.view] = _outcome(entry, rfc3339(moment), self._contents.body)
        return self._outcomes


def _outcome(entry: ProfileEntry, observed_at: str, body: Callable[[int], Any]) -> Outcome:
    if entry.document is not None:
        return Document(body(entry.document), entry.source, observed_at)
    assert entry.cause is not None
    return ReadFailure(Unseen(Cause(entry.cause), entry.detail), entry.source, observed_at)
