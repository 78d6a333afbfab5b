"""The snapshot: the evidence of one run in one SQLite file.

It records which documents were read for which scope, by which request and when, or why they were
not. Equal documents are stored once, so 100,000 users with 500 distinct settings need 500
documents. Equal sets of outcomes (profiles) and equal memberships are also stored once: a user
needs a name, two numbers and the times.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from auditor.evidence.content_store import ContentStore
from auditor.evidence.errors import DiskFull, SnapshotError
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope, UserStatus
from auditor.evidence.snapshot_reader import (
    CHUNK,
    RecordedReads,
    ScopeEvidence,
    SnapshotReader,
)
from auditor.evidence.timestamps import decode, encode, milliseconds
from auditor.evidence.view import Outcome, View

FORMAT = "auditor/snapshot/v2"

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, surface TEXT NOT NULL, option TEXT NOT NULL, source TEXT NOT NULL,
    UNIQUE (surface, option, source));
CREATE TABLE memberships (
    id INTEGER PRIMARY KEY, membership TEXT NOT NULL UNIQUE);
CREATE TABLE profiles (id INTEGER PRIMARY KEY, outcomes TEXT NOT NULL UNIQUE);
CREATE TABLE scopes (
    level TEXT NOT NULL, zoom_id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL,
    membership INTEGER NOT NULL REFERENCES memberships,
    profile INTEGER NOT NULL REFERENCES profiles, times BLOB NOT NULL,
    PRIMARY KEY (level, zoom_id)) WITHOUT ROWID;
"""
"""`membership` is [group ids, licence, status]; `outcomes` is a list of [request, document] or
[request, null, cause, detail], by surface and option; `times` has a time for each of them."""

LONGEST_VALUE = 64 * 1024 * 1024
"""Bytes of a text, a document as it is stored, or a row."""
STEPS_TO_OPEN = 100_000
"""SQLite steps allowed for reading the list of tables. A valid file needs a few hundred."""

_BY_STATUS = "FROM scopes WHERE level = ? AND membership IN (SELECT value FROM json_each(?))"

_ORDER: Mapping[str, int] = {status: at for at, status in enumerate(UserStatus)}

__all__ = ["FORMAT", "DiskFull", "RecordedReads", "ScopeEvidence", "Snapshot", "SnapshotError"]


class Snapshot(SnapshotReader):
    """Reads and writes one snapshot. May be used only by the thread that opened it."""

    @classmethod
    def create(cls, path: Path | None = None) -> "Snapshot":
        """A new snapshot in the file at `path`, or in memory.

        Raises:
            DiskFull: there is no space for it.
            SnapshotError: the file exists or cannot be written.
        """
        if path is not None and path.exists():
            raise SnapshotError(f"{path} exists already.")
        try:
            db = sqlite3.connect(path or ":memory:", isolation_level=None)
            if path is not None:
                path.chmod(0o600)
                _for_writing(db)
            db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            if _is_full(error):
                raise DiskFull(
                    f"{path}: nothing could be written ({error}). Free some space there."
                ) from error
            raise SnapshotError(f"{path}: cannot be written: {error}.") from error
        snapshot = cls(db, str(path or "in memory"))
        snapshot.set_metadata("format", FORMAT)
        return snapshot

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> "Snapshot":
        """The snapshot in the file at `path`, for reading or, with `write`, to resume it.

        Raises:
            SnapshotError: there is no such file, or it is not a snapshot.
        """
        if not path.is_file():
            raise SnapshotError(f"{path}: there is no such snapshot.")
        address = f"{path.resolve().as_uri()}?mode={'rw' if write else 'ro'}"
        try:
            db = sqlite3.connect(address, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise SnapshotError(f"{path}: cannot be read: {error}.") from error
        snapshot = cls(db, str(path))
        try:
            _bound(db)
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA cell_size_check = ON")
            if _schema(db) != _own_schema():  # before a table is read: it could be a view
                raise SnapshotError(f"{path}: not a snapshot of the auditor.")
            format_ = snapshot.meta("format")
            db.set_progress_handler(None, 0)
            if write:
                _for_writing(db)
        except sqlite3.Error as error:
            db.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
                raise SnapshotError(f"{path}: cannot be read to its end: {error}.") from error
            raise SnapshotError(f"{path}: not a snapshot of the auditor.") from error
        except SnapshotError:
            db.close()
            raise
        if format_ != FORMAT:
            db.close()
            raise SnapshotError(
                f"{path}: format {format_ or 'unknown'}; this version reads {FORMAT}."
            )
        return snapshot

    @classmethod
    def copy_of(cls, source: SnapshotReader) -> "Snapshot":
        """A copy in memory, which can be changed without changing `source`."""
        db = sqlite3.connect(":memory:", isolation_level=None)
        source._db.backup(db)
        return cls(db, source._name)

    @classmethod
    def excerpt(cls, source: SnapshotReader, scopes: Iterable[Scope]) -> "Snapshot":
        """The documents that were read of some scopes, in memory. Failed reads are left out."""
        snapshot = cls.create()
        with snapshot.transaction():
            for scope in scopes:
                reads = source.recorded(scope)
                if reads is not None and snapshot.add_scope(reads.scope):
                    snapshot.carry(reads, [entry.view for entry, _ in reads.reads], source)
        return snapshot

    def finish(self) -> None:
        """Compact the snapshot into one file. Skipped without loss if there is no space."""
        with suppress(sqlite3.Error):
            self._db.execute(
                "DELETE FROM profiles WHERE id NOT IN (SELECT DISTINCT profile FROM scopes)"
            )
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA journal_mode = DELETE")
        self._contents = ContentStore(self._db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group the writes of the block into one transaction.

        If the block raises, its earlier writes are committed.

        Raises:
            SnapshotError: the file cannot be written; the block is rolled back.
        """
        self._totals = None
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except sqlite3.Error:
                raise
            except BaseException:
                self._db.execute("COMMIT")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            self._contents.clear_caches()
            raise self._translate_error(error) from error

    def set_metadata(self, key: str, value: str) -> None:
        """Record a fact about the run."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_scope(self, scope: Scope) -> bool:
        """Record that a scope exists. Returns False, and changes nothing, if it is recorded."""
        with self.transaction():
            membership = self._contents.membership_id(scope)
            nothing = self._contents.profile_id(())
            added = self._db.execute(
                "INSERT OR IGNORE INTO scopes VALUES (?, ?, ?, ?, ?, ?, ?)",
                (scope.level, scope.id, scope.name, scope.email, membership, nothing, b""),
            )
        return added.rowcount == 1

    def list_scopes(self, level: Level, status: str, scopes: Iterable[Scope]) -> int:
        """Record the scopes of a level and status as they arrive. Returns their number.

        A user in several lists gets the first status of active, inactive and pending. After the
        last scope, scopes that only an earlier list of the same kind named are dropped.
        """
        self._db.execute("CREATE TABLE IF NOT EXISTS temp.listed (zoom_id TEXT PRIMARY KEY)")
        self._db.execute("DELETE FROM temp.listed")
        batch: list[Scope] = []
        try:
            for scope in scopes:
                batch.append(scope)
                if len(batch) >= CHUNK:
                    self._list(batch)
                    batch.clear()
        finally:  # the scopes of an incomplete list are recorded, too
            self._list(batch)
        by_status = level, json.dumps(self._contents.memberships_with(status))
        with self.transaction():
            self._db.execute(f"DELETE {_BY_STATUS} AND zoom_id NOT IN temp.listed", by_status)
        return int(self._db.execute(f"SELECT count(*) {_BY_STATUS}", by_status).fetchone()[0])

    def drop(self, scope: Scope) -> None:
        """Delete a scope and all its evidence."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM scopes WHERE level = ? AND zoom_id = ?", (scope.level, scope.id)
            )

    def set_groups(self, level: Level, zoom_id: str, groups: tuple[str, ...]) -> None:
        """Record the groups of a scope, if the list that named it did not contain them."""
        row = self._row(Scope(level, zoom_id))
        if row is not None:
            scope = replace(self._contents.scope(row), group_ids=groups)
            self._describe(scope)

    def _list(self, scopes: Iterable[Scope]) -> None:
        with self.transaction():
            for scope in scopes:
                if not self.add_scope(scope):
                    self._rename(scope)
                self._db.execute("INSERT OR IGNORE INTO temp.listed VALUES (?)", (scope.id,))

    def _rename(self, scope: Scope) -> None:
        """Update a scope from a newer list, unless a list with precedence named it."""
        known = self.evidence_of(scope).scope
        goes_before = _ORDER.get(known.status, 0) < _ORDER.get(scope.status, 0)
        if known != scope and not goes_before:
            self._describe(scope)

    def _describe(self, scope: Scope) -> None:
        with self.transaction():
            self._db.execute(
                "UPDATE scopes SET name = ?, email = ?, membership = ?"
                " WHERE level = ? AND zoom_id = ?",
                (
                    scope.name,
                    scope.email,
                    self._contents.membership_id(scope),
                    scope.level,
                    scope.id,
                ),
            )

    def record(self, scope: Scope, view: View, outcome: Outcome) -> None:
        """Record the outcome of a request for a document. Ignored if the scope is not recorded."""
        at = milliseconds(outcome.observed_at)
        with self.transaction():
            row = self._db.execute(
                "SELECT profile, times FROM scopes WHERE level = ? AND zoom_id = ?",
                (scope.level, scope.id),
            ).fetchone()
            if row is None:
                return
            entry, times = self._contents.entry(view, outcome), decode(row[1])
            profile, order = self._contents.with_entry(row[0], entry)
            moments = encode([at if place is None else times[place] for place in order])
            self._db.execute(
                "UPDATE scopes SET profile = ?, times = ? WHERE level = ? AND zoom_id = ?",
                (profile, moments, scope.level, scope.id),
            )

    def carry(self, before: RecordedReads, views: Iterable[View], source: SnapshotReader) -> None:
        """Take over the documents of `views` from another snapshot, with the times of their reads.

        `before` is the scope as `source` recorded it. Ignored if the scope is not recorded here.

        Raises:
            EvidenceAltered: a document is not as it was recorded.
        """
        requested = frozenset(views)
        with self.transaction():
            row = self._row(before.scope)
            if row is None:
                return
            profile, times = row[5], decode(row[6])
            for entry, time in before.reads:
                if entry.view in requested and entry.document is not None:
                    adopted = self._contents.adopted(entry, source.contents)
                    profile, order = self._contents.with_entry(profile, adopted)
                    times = [time if place is None else times[place] for place in order]
            self._db.execute(
                "UPDATE scopes SET profile = ?, times = ? WHERE level = ? AND zoom_id = ?",
                (profile, encode(times), before.scope.level, before.scope.id),
            )

    def revise(
        self, level: Level, change: Callable[[ScopeEvidence], Mapping[View, JsonValue]]
    ) -> None:
        """Replace documents of a level. `change` is called once for scopes with equal documents,
        groups, licence and status, and returns the new bodies of documents that were read.
        """
        rows = [evidence for evidence, _ in self.grouped_by_profile(level)]
        while rows:
            evidence = rows.pop()  # it keeps its documents in memory after they were read
            bodies = change(evidence)
            if bodies and evidence.profile is not None:
                with self.transaction():
                    self._db.execute(
                        "UPDATE scopes SET profile = ?"
                        " WHERE level = ? AND membership = ? AND profile = ?",
                        (
                            self._contents.with_bodies(evidence.profile, bodies),
                            level,
                            evidence.membership,
                            evidence.profile,
                        ),
                    )

    def revise_scope(self, scope: Scope, bodies: Mapping[View, JsonValue]) -> None:
        """Replace documents of one scope that were read."""
        row = self._row(scope)
        if row is not None and bodies:
            with self.transaction():
                self._db.execute(
                    "UPDATE scopes SET profile = ? WHERE level = ? AND zoom_id = ?",
                    (self._contents.with_bodies(row[5], bodies), scope.level, scope.id),
                )

    def _translate_error(self, error: sqlite3.Error) -> SnapshotError:
        if _is_full(error):
            return DiskFull(
                f"{self._name}: no more could be written ({error}). Everything read so far is "
                "kept. Free some space, then continue with: auditor audit --resume"
            )
        return SnapshotError(f"{self._name}: cannot be written: {error}.")


def _bound(db: sqlite3.Connection) -> None:
    """Bound the cost of reading a crafted file.

    Pages that refer to each other in a circle make a table without end. The list of tables has to
    be read before the schema can be compared, so the number of SQLite steps is limited there.
    Every other table is read in an order that cannot repeat, or up to a limit.
    """
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    db.set_progress_handler(lambda: 1, STEPS_TO_OPEN)


def _schema(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Every table, index, view and trigger of a file, with the statement that created it."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master LIMIT 100").fetchall()
    return sorted((str(kind), str(name), str(sql)) for kind, name, sql in rows)


@cache
def _own_schema() -> list[tuple[str, str, str]]:
    """The schema of a file of this program. A view or a trigger could run without end."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _schema(db)


def _is_full(error: Exception) -> bool:
    """True if the disk is full. SQLite reports a file at its size limit as an I/O error."""
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith(("SQLITE_FULL", "SQLITE_IOERR"))


def _for_writing(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
