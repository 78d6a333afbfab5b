"""Export: copies the evidence of a snapshot into a new one, in an order independent of timing.

People can be renamed in the copy. Requests, groups, times and causes stay as they are.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from auditor.evidence.content_store import ProfileEntry
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Scope
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.snapshot_reader import CHUNK, SnapshotReader
from auditor.evidence.view import View

Digests = dict[tuple[int, View], bytes]


class Renamer(Protocol):
    """Replaces the names of people. One person always gets the same replacement."""

    def scope(self, scope: Scope) -> Scope:
        """The scope under its new name; its level, groups, licence and status stay."""

    def body(self, view: View, body: JsonValue) -> JsonValue:
        """A document of a view without the original names."""

    def detail(self, text: str) -> str:
        """The text of a refusal without the original names."""


def copy_snapshot(
    source: SnapshotReader, target: Snapshot, facts: Mapping[str, str], names: Renamer | None = None
) -> None:
    """Fill the empty snapshot `target` with the evidence of `source`, and finish it.

    `facts` becomes the metadata of `target`. Memory grows with distinct documents and outcomes
    only.

    Raises:
        SnapshotError: `target` cannot be written, or two scopes would get the same name.
    """
    _SnapshotCopier(source, target, names).run(facts)


class _SnapshotCopier:
    def __init__(self, source: SnapshotReader, target: Snapshot, names: Renamer | None) -> None:
        self._source, self._target, self._names = source, target, names
        self._from, self._to = source._db, target._db

    def run(self, facts: Mapping[str, str]) -> None:
        for key, value in sorted(facts.items()):
            self._target.set_metadata(key, value)
        with self._target.transaction():
            used = self._from.execute("SELECT DISTINCT profile FROM scopes")
            profiles = sorted(row[0] for row in used)
            digests = self._documents(profiles)
            requests = self._requests(profiles)
            memberships = self._memberships()
            outcomes = self._profiles(profiles, digests, requests)
            self._scopes(memberships, outcomes)
        self._target.finish()

    def _documents(self, profiles: list[int]) -> Digests:
        """Store the documents in order of digest. Returns the digest of each document by view."""
        digests: Digests = {}
        self._to.execute(
            "CREATE TEMP TABLE new_documents (digest BLOB PRIMARY KEY, body BLOB NOT NULL)"
        )
        for profile in profiles:
            for entry in self._source._contents.profile(profile):
                if entry.document is not None and (entry.document, entry.view) not in digests:
                    digest, packed = self._document(entry.view, entry.document)
                    digests[entry.document, entry.view] = digest
                    self._to.execute(
                        "INSERT OR IGNORE INTO new_documents VALUES (?, ?)", (digest, packed)
                    )
        self._to.execute(
            "INSERT INTO documents SELECT row_number() OVER (ORDER BY digest), digest, body"
            " FROM new_documents ORDER BY digest"
        )
        self._to.execute("DROP TABLE new_documents")
        return digests

    def _document(self, view: View, number: int) -> tuple[bytes, bytes]:
        query = "SELECT digest, body FROM documents WHERE id = ?"
        digest, packed = self._from.execute(query, (number,)).fetchone()
        if self._names is None:
            return digest, packed
        body = self._names.body(view, self._source._contents.body(number))
        raw = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        return hashlib.sha256(raw).digest(), zlib.compress(raw)

    def _requests(self, profiles: list[int]) -> dict[tuple[View, str], int]:
        used = sorted(
            {
                (entry.view.surface, entry.view.option, entry.source)
                for profile in profiles
                for entry in self._source._contents.profile(profile)
            }
        )
        self._to.executemany(
            "INSERT INTO requests VALUES (?, ?, ?, ?)",
            ((number, *request) for number, request in enumerate(used, 1)),
        )
        return {(View(a, b), c): number for number, (a, b, c) in enumerate(used, 1)}

    def _memberships(self) -> dict[int, int]:
        query = (
            "SELECT membership, id FROM memberships"
            " WHERE id IN (SELECT DISTINCT membership FROM scopes) ORDER BY membership"
        )
        rows = self._from.execute(query).fetchall()
        self._to.executemany(
            "INSERT INTO memberships VALUES (?, ?)",
            ((number, text) for number, (text, _) in enumerate(rows, 1)),
        )
        return {old: number for number, (_, old) in enumerate(rows, 1)}

    def _profiles(
        self, profiles: list[int], digests: Digests, requests: Mapping[tuple[View, str], int]
    ) -> dict[int, int]:
        documents = dict(self._to.execute("SELECT digest, id FROM documents"))

        def outcome(entry: ProfileEntry) -> list[JsonValue]:
            request = requests[entry.view, entry.source]
            if entry.document is not None:
                return [request, documents[digests[entry.document, entry.view]]]
            detail = entry.detail if self._names is None else self._names.detail(entry.detail)
            return [request, None, entry.cause, detail]

        texts = {
            profile: json.dumps(
                [outcome(entry) for entry in self._source._contents.profile(profile)],
                separators=(",", ":"),
            )
            for profile in profiles
        }
        numbers = {text: number for number, text in enumerate(sorted(set(texts.values())), 1)}
        self._to.executemany(
            "INSERT INTO profiles VALUES (?, ?)",
            ((number, text) for text, number in numbers.items()),
        )
        return {profile: numbers[text] for profile, text in texts.items()}

    def _scopes(self, memberships: Mapping[int, int], profiles: Mapping[int, int]) -> None:
        for rows in self._portions():
            added = self._to.executemany(
                "INSERT OR IGNORE INTO scopes VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (*self._named(row), memberships[row[4]], profiles[row[5]], row[6])
                    for row in rows
                ),
            )
            if added.rowcount != len(rows):
                raise SnapshotError(
                    "Two scopes would get the same pseudonym. Use another key: set "
                    "AUDITOR_PSEUDONYM_KEY to a long random text."
                )

    def _named(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._names is None:
            return row[:4]
        scope = self._names.scope(self._source._contents.scope(row))
        return scope.level, scope.id, scope.name, scope.email

    def _portions(self) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._from.execute(
            "SELECT level, zoom_id, name, email, membership, profile, times FROM scopes"
            " ORDER BY level, zoom_id"
        )
        while rows := cursor.fetchmany(CHUNK):
            yield rows
