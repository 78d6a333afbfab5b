"""The snapshot: the evidence of one run in one SQLite file.

Which documents were read for which scope, by which request, when, or why not. Equal documents are
stored once, so 100,000 users with 500 distinct settings cost 500 documents.
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, Outcome, Refusal, View

FORMAT = "auditor/snapshot/v1"
CACHED_DOCUMENTS = 4096
"""How many parsed documents are kept in memory while reading."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY, level TEXT NOT NULL, zoom_id TEXT NOT NULL, name TEXT NOT NULL,
    email TEXT NOT NULL, groups TEXT NOT NULL, licence INTEGER, status TEXT NOT NULL,
    UNIQUE (level, zoom_id));
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, surface TEXT NOT NULL, option TEXT NOT NULL, source TEXT NOT NULL,
    UNIQUE (surface, option, source));
CREATE TABLE reads (
    scope INTEGER NOT NULL REFERENCES scopes, request INTEGER NOT NULL REFERENCES requests,
    at INTEGER NOT NULL, document INTEGER REFERENCES documents, cause TEXT, detail TEXT,
    PRIMARY KEY (scope, request)) WITHOUT ROWID;
"""


class SnapshotError(Exception):
    """A file cannot be used as a snapshot."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as the snapshot holds it. Equal documents have equal `digest`."""

    digest: str
    body: JsonValue


@dataclass(frozen=True, slots=True)
class ScopeEvidence:
    """All that was read for one scope."""

    scope: Scope
    outcomes: Mapping[View, Outcome]
    digests: Mapping[View, str]
    """View to digest of its document; refused views are not in it."""


class Snapshot:
    """Reads and writes one snapshot. Belongs to the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._documents: dict[int, Stored] = {}
        self._document_ids: dict[bytes, int] = {}
        self._request_ids: dict[tuple[str, str, str], int] = {}

    @classmethod
    def create(cls, path: Path | None = None) -> "Snapshot":
        """A new snapshot in the file at `path`, or in memory.

        Raises:
            SnapshotError: the file exists or cannot be written.
        """
        if path is not None and path.exists():
            raise SnapshotError(f"{path} exists already.")
        try:
            db = sqlite3.connect(path or ":memory:", isolation_level=None)
            if path is not None:
                path.chmod(0o600)
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise SnapshotError(f"{path}: cannot be written: {error}.") from error
        snapshot = cls(db)
        snapshot.set_meta("format", FORMAT)
        return snapshot

    @classmethod
    def open(cls, path: Path) -> "Snapshot":
        """The snapshot in the file at `path`, for reading.

        Raises:
            SnapshotError: there is no such file, or it is not a snapshot.
        """
        if not path.is_file():
            raise SnapshotError(f"{path}: there is no such snapshot.")
        address = f"{path.resolve().as_uri()}?mode=ro"
        try:
            db = sqlite3.connect(address, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise SnapshotError(f"{path}: cannot be read: {error}.") from error
        snapshot = cls(db)
        try:
            found = snapshot.meta("format")
        except sqlite3.Error as error:
            db.close()
            raise SnapshotError(f"{path}: not a snapshot of the auditor.") from error
        if found != FORMAT:
            db.close()
            raise SnapshotError(
                f"{path}: format {found or 'unknown'}; this version reads {FORMAT}."
            )
        return snapshot

    def close(self) -> None:
        """Close the file; it holds everything recorded."""
        self._db.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Group the writes of the block into one transaction."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        """A fact about the run, None if it was not recorded."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Record a fact about the run."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_scope(self, scope: Scope) -> None:
        """Record that the scope exists. A scope that is known already stays as it is."""
        self._db.execute(
            "INSERT OR IGNORE INTO scopes (level, zoom_id, name, email, groups, licence, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                scope.level,
                scope.id,
                scope.name,
                scope.email,
                json.dumps(scope.group_ids),
                scope.licence,
                scope.status,
            ),
        )

    def record(self, scope: Scope, view: View, outcome: Outcome) -> None:
        """Record what came of asking for a document of a scope that was added before."""
        document = cause = detail = None
        if isinstance(outcome, Document):
            document = self._document_id(outcome.body)
        else:
            cause, detail = outcome.unseen.cause, outcome.unseen.detail
        self._db.execute(
            "INSERT OR REPLACE INTO reads SELECT id, ?, ?, ?, ?, ? FROM scopes"
            " WHERE level = ? AND zoom_id = ?",
            (
                self._request_id(view, outcome.source),
                _milliseconds(outcome.observed_at),
                document,
                cause,
                detail,
                scope.level,
                scope.id,
            ),
        )

    def scopes(self, level: Level) -> Iterator[Scope]:
        """The scopes of a level, by id."""
        rows = self._db.execute(
            "SELECT level, zoom_id, name, email, groups, licence, status FROM scopes"
            " WHERE level = ? ORDER BY zoom_id",
            (level,),
        )
        for row in rows:
            yield _scope(row)

    def evidence(self, level: Level) -> Iterator[ScopeEvidence]:
        """Everything read for each scope of a level, by id; scopes nothing was read for too."""
        with closing(self._db.cursor()) as cursor:
            cursor.execute(
                "SELECT s.level, s.zoom_id, s.name, s.email, s.groups, s.licence, s.status,"
                " q.surface, q.option, q.source, r.at, r.document, r.cause, r.detail"
                " FROM scopes s LEFT JOIN reads r ON r.scope = s.id"
                " LEFT JOIN requests q ON q.id = r.request"
                " WHERE s.level = ? ORDER BY s.zoom_id, q.surface, q.option",
                (level,),
            )
            current: Scope | None = None
            outcomes: dict[View, Outcome] = {}
            digests: dict[View, str] = {}
            for row in cursor:
                if current is None or row[1] != current.id:
                    if current is not None:
                        yield ScopeEvidence(current, outcomes, digests)
                    current, outcomes, digests = _scope(row[:7]), {}, {}
                if row[7] is None:
                    continue
                view = View(row[7], row[8])
                observed_at = _rfc3339(row[10])
                if row[11] is None:
                    unseen = Unseen(Cause(row[12]), row[13] or "")
                    outcomes[view] = Refusal(unseen, row[9], observed_at)
                else:
                    stored = self._stored(row[11])
                    outcomes[view] = Document(stored.body, row[9], observed_at)
                    digests[view] = stored.digest
            if current is not None:
                yield ScopeEvidence(current, outcomes, digests)

    def account(self) -> ScopeEvidence:
        """What was read for the account itself.

        Raises:
            SnapshotError: the snapshot holds no account.
        """
        for evidence in self.evidence(Level.ACCOUNT):
            return evidence
        raise SnapshotError("The snapshot holds no account: its run was broken off at once.")

    def digest(self) -> str:
        """`sha256:` over the scopes, and what was read or refused for each. Times do not count."""
        total = hashlib.sha256()
        rows = self._db.execute(
            "SELECT s.level, s.zoom_id, s.name, s.email, s.groups, s.licence, s.status,"
            " q.surface, q.option, d.digest, r.cause"
            " FROM scopes s LEFT JOIN reads r ON r.scope = s.id"
            " LEFT JOIN requests q ON q.id = r.request LEFT JOIN documents d ON d.id = r.document"
            " ORDER BY s.level, s.zoom_id, q.surface, q.option"
        )
        for *row, digest, cause in rows:
            evidence = digest.hex() if digest is not None else cause
            total.update(json.dumps([*row, evidence]).encode() + b"\n")
        return "sha256:" + total.hexdigest()

    def _document_id(self, body: JsonValue) -> int:
        raw = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        digest = hashlib.sha256(raw).digest()
        known = self._document_ids.get(digest)
        if known is None:
            self._db.execute(
                "INSERT OR IGNORE INTO documents (digest, body) VALUES (?, ?)",
                (digest, zlib.compress(raw, 6)),
            )
            query = "SELECT id FROM documents WHERE digest = ?"
            known = self._document_ids[digest] = self._db.execute(query, (digest,)).fetchone()[0]
        return known

    def _request_id(self, view: View, source: str) -> int:
        key = (view.surface, view.option, source)
        known = self._request_ids.get(key)
        if known is None:
            self._db.execute(
                "INSERT OR IGNORE INTO requests (surface, option, source) VALUES (?, ?, ?)", key
            )
            query = "SELECT id FROM requests WHERE surface = ? AND option = ? AND source = ?"
            known = self._request_ids[key] = self._db.execute(query, key).fetchone()[0]
        return known

    def _stored(self, document: int) -> Stored:
        stored = self._documents.get(document)
        if stored is None:
            digest, body = self._db.execute(
                "SELECT digest, body FROM documents WHERE id = ?", (document,)
            ).fetchone()
            if len(self._documents) >= CACHED_DOCUMENTS:
                self._documents.clear()
            text = zlib.decompress(body).decode("utf-8", "surrogatepass")
            stored = self._documents[document] = Stored("sha256:" + digest.hex(), json.loads(text))
        return stored


def _scope(row: tuple[str, str, str, str, str, int | None, str]) -> Scope:
    level, zoom_id, name, email, groups, licence, status = row
    return Scope(Level(level), zoom_id, name, email, tuple(json.loads(groups)), licence, status)


def _milliseconds(rfc3339: str) -> int:
    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def _rfc3339(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
