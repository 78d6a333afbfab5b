"""The content store: keeps documents, requests, profiles and memberships once per snapshot."""

import hashlib
import json
import marshal
import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from auditor.evidence import json_values
from auditor.evidence.errors import EvidenceAltered
from auditor.evidence.inflating import DamagedStream, inflate
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, Outcome, View

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

DOCUMENTS = 128
"""The number of parsed documents cached in memory, some 100 KB each."""
SMALL = 4_000
"""The number of other values in each cache, some 500 bytes each."""

LONGEST_BODY = 64 * 1024 * 1024
"""Bytes of a document. Zoom's responses are bounded well below it (`zoom.transport`)."""
MOST_VALUES = 3_000_000
"""Values in a document, and in all cached documents. The largest document lists hosts of meetings,
with six values each."""
MOST_OUTCOMES = 1_000
"""Outcomes in a profile. A scope has some hundred views at most."""
LONGEST_TEXT = 1024 * 1024
"""Characters of a profile or a membership: more than 10,000 groups."""
DEEPEST_BODY = 120
"""Levels of nesting of a document. A response of Zoom has at most 100 (`zoom.payload`)."""

_SHALLOW = 2
"""Levels of nesting of a profile and of a membership."""

TRANSIENT_CAUSES = frozenset({Cause.NOT_COLLECTED, Cause.ERROR})
"""Causes that may be gone at the next attempt."""


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """One outcome of a profile, without its time."""

    view: View
    request: int
    source: str
    document: int | None
    cause: str | None = None
    detail: str = ""


class _BoundedCache(Generic[K, V]):
    """A FIFO cache in front of `make`, bounded by the total weight of its values."""

    def __init__(
        self, make: Callable[[K], V], most: int, weigh: Callable[[V], int] = lambda _: 1
    ) -> None:
        self._make, self._most, self._weigh = make, most, weigh
        self._values: OrderedDict[K, V] = OrderedDict()
        self._weight = 0

    def __call__(self, key: K) -> V:
        try:
            return self._values[key]
        except KeyError:
            value = self[key] = self._make(key)
            return value

    def __setitem__(self, key: K, value: V) -> None:
        self._weight += self._weigh(value)
        if key in self._values:
            self._weight -= self._weigh(self._values[key])
        self._values[key] = value
        while self._weight > self._most and len(self._values) > 1:
            self._weight -= self._weigh(self._values.popitem(last=False)[1])


@dataclass(frozen=True, slots=True)
class _Body:
    """A document and its weight in the cache."""

    value: JsonValue
    weight: int


class ContentStore:
    """Stores shared contents under numbers, and returns them by number."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.clear_caches()

    def clear_caches(self) -> None:
        """Clear all caches, after a transaction was rolled back."""
        self._bodies: _BoundedCache[int, _Body] = _BoundedCache(
            self._read_body, MOST_VALUES, lambda body: body.weight
        )
        self.profile: _BoundedCache[int, tuple[ProfileEntry, ...]] = _BoundedCache(
            self._read_profile, SMALL
        )
        """The entries of a profile, sorted by view."""
        self.digests: _BoundedCache[int, Mapping[View, str]] = _BoundedCache(
            self._read_digests, SMALL
        )
        """For a profile: view to the `sha256:` digest of its document."""
        self.completed_views: _BoundedCache[int, frozenset[View]] = _BoundedCache(
            self._read_completed_views, SMALL
        )
        """The views of a profile that need not be requested again."""
        self.profile_text: _BoundedCache[int, str] = _BoundedCache(self._read_profile_text, SMALL)
        """A profile as text that does not depend on the numbers of this file."""
        self.membership_text: _BoundedCache[int, str] = _BoundedCache(self._read_membership, SMALL)
        """[group ids, licence, status] as JSON."""
        self._member: _BoundedCache[int, tuple[tuple[str, ...], int | None, str]] = _BoundedCache(
            self._parsed_membership, SMALL
        )
        self._memberships: _BoundedCache[str, int] = _BoundedCache(
            partial(self._number, "memberships", "membership"), SMALL
        )
        self._profiles: _BoundedCache[str, int] = _BoundedCache(
            partial(self._number, "profiles", "outcomes"), SMALL
        )
        self._documents: _BoundedCache[bytes, int | None] = _BoundedCache(
            self._find_document, SMALL
        )
        self._added: _BoundedCache[tuple[int, ProfileEntry], tuple[int, tuple[int | None, ...]]] = (
            _BoundedCache(self._with_entry, SMALL)
        )
        self._shapes: dict[bytes, int] = {}
        self._source: ContentStore | None = None
        self._adopted: dict[ProfileEntry, ProfileEntry] = {}
        """By the entry in `_source`."""
        self._requests: dict[tuple[str, str, str], int] = {}
        self._by_request: dict[int, tuple[View, str]] = {}

    def body(self, number: int) -> JsonValue:
        """The document with a number.

        Raises:
            EvidenceAltered: the document is not as it was recorded.
        """
        return self._bodies(number).value

    def scope(self, row: tuple[Any, ...]) -> Scope:
        """The scope of a row whose first columns are level, id, name, address and membership."""
        level, zoom_id, name, email, membership = row[:5]
        groups, licence, status = self._member(membership)
        return Scope(_LEVELS[level], zoom_id, name, email, groups, licence, status)

    def membership_id(self, scope: Scope) -> int:
        """The number of the scope's groups, licence and status."""
        return self._memberships(json.dumps([scope.group_ids, scope.licence, scope.status]))

    def memberships_with(self, status: str) -> list[int]:
        """The numbers of all memberships with a status."""
        rows = self._db.execute("SELECT id, membership FROM memberships")
        return [number for number, text in rows if json.loads(text)[2] == status]

    def any_groups(self, level: Level) -> bool:
        """True if a scope of a level names a group."""
        query = (
            "SELECT membership FROM memberships"
            " WHERE id IN (SELECT membership FROM scopes WHERE level = ?)"
        )
        rows = self._db.execute(query, (level,))
        return any(json.loads(text)[0] for (text,) in rows)

    def with_entry(self, profile: int, entry: ProfileEntry) -> tuple[int, tuple[int | None, ...]]:
        """The number of a profile with `entry` added, replacing an earlier entry of the same view.

        Also returns the position of each outcome in `profile`: None for the new one.
        """
        return self._added((profile, entry))

    def with_bodies(self, profile: int, bodies: Mapping[View, JsonValue]) -> int:
        """The number of a profile with other documents; the requests and the order stay."""
        return self.profile_id(
            replace(entry, document=self._document_id(bodies[entry.view]))
            if entry.view in bodies and entry.document is not None
            else entry
            for entry in self.profile(profile)
        )

    def _with_entry(self, added: tuple[int, ProfileEntry]) -> tuple[int, tuple[int | None, ...]]:
        number, entry = added
        others: list[tuple[ProfileEntry, int | None]] = [
            (existing, position)
            for position, existing in enumerate(self.profile(number))
            if existing.view != entry.view
        ]
        ordered = sorted([*others, (entry, None)], key=lambda item: item[0].view)
        return self.profile_id([item for item, _ in ordered]), tuple(
            position for _, position in ordered
        )

    def profile_id(self, entries: Iterable[ProfileEntry]) -> int:
        """The number of a set of outcomes, which have to be sorted by view."""
        rows = [
            [entry.request, entry.document]
            if entry.cause is None
            else [entry.request, None, entry.cause, entry.detail]
            for entry in entries
        ]
        return self._profiles(json.dumps(rows, separators=(",", ":")))

    def entry(self, view: View, outcome: Outcome) -> ProfileEntry:
        """Store the request and document of an outcome, and return its entry."""
        request = self._request_id(view, outcome.source)
        if isinstance(outcome, Document):
            return ProfileEntry(view, request, outcome.source, self._document_id(outcome.body))
        unseen = outcome.unseen
        return ProfileEntry(view, request, outcome.source, None, str(unseen.cause), unseen.detail)

    def adopted(self, entry: ProfileEntry, source: "ContentStore") -> ProfileEntry:
        """The entry here for a document of another snapshot, whose bytes are copied as they are.

        Raises:
            EvidenceAltered: the document is not as it was recorded.
        """
        if self._source is not source:
            self._source = source
            self._adopted.clear()
        known = self._adopted.get(entry)
        if known is None:
            if len(self._adopted) >= SMALL:
                self._adopted.clear()
            known = self._adopted[entry] = self._adopt(entry, source)
        return known

    def _adopt(self, entry: ProfileEntry, source: "ContentStore") -> ProfileEntry:
        assert entry.document is not None
        digest, packed = source.packed(entry.document)
        known = self._documents(digest)
        if known is None:
            known = self._insert_document(digest, packed)
        return ProfileEntry(
            entry.view, self._request_id(entry.view, entry.source), entry.source, known
        )

    def packed(self, number: int) -> tuple[bytes, bytes]:
        """The digest of a document and its compressed bytes, after comparing them.

        Raises:
            EvidenceAltered: they do not match.
        """
        try:
            self._raw(number)
        except ValueError as error:
            raise _altered(error) from error
        digest, packed = self._one("SELECT digest, body FROM documents WHERE id = ?", number)
        return digest, packed

    def _document_id(self, body: JsonValue) -> int:
        """The number of a document. A document with the same bytes as before is found in a cache.

        The cache key is made with `marshal`, which is stable within a process; version 2 encodes
        equal values equally.
        """
        shape = hashlib.blake2b(marshal.dumps(body, 2), digest_size=16).digest()
        known = self._shapes.get(shape)
        if known is None:
            known = self._shapes[shape] = self._canonical_id(body)
            if len(self._shapes) > SMALL:
                self._shapes.clear()
        return known

    def _canonical_id(self, body: JsonValue) -> int:
        raw = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        digest = hashlib.sha256(raw).digest()
        known = self._documents(digest)
        if known is None:
            known = self._insert_document(digest, zlib.compress(raw))
        return known

    def _insert_document(self, digest: bytes, packed: bytes) -> int:
        added = self._db.execute(
            "INSERT INTO documents (digest, body) VALUES (?, ?)", (digest, packed)
        )
        number = self._documents[digest] = int(added.lastrowid or 0)
        return number

    def _find_document(self, digest: bytes) -> int | None:
        row = self._db.execute("SELECT id FROM documents WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else int(row[0])

    def _number(self, table: str, column: str, text: str) -> int:
        query = f"SELECT id FROM {table} WHERE {column} = ?"
        row = self._db.execute(query, (text,)).fetchone()
        if row is None:
            insert = f"INSERT INTO {table} ({column}) VALUES (?)"
            return int(self._db.execute(insert, (text,)).lastrowid or 0)
        return int(row[0])

    def _request_id(self, view: View, source: str) -> int:
        key = (view.surface, view.option, source)
        known = self._requests.get(key)
        if known is None:
            self._db.execute(
                "INSERT OR IGNORE INTO requests (surface, option, source) VALUES (?, ?, ?)", key
            )
            query = "SELECT id FROM requests WHERE surface = ? AND option = ? AND source = ?"
            known = self._requests[key] = int(self._db.execute(query, key).fetchone()[0])
        return known

    def _request(self, number: int) -> tuple[View, str]:
        known = self._by_request.get(number)
        if known is None:
            query = "SELECT surface, option, source FROM requests WHERE id = ?"
            surface, option, source = self._one(query, number)
            known = self._by_request[number] = (View(surface, option), source)
        return known

    def _read_profile(self, number: int) -> tuple[ProfileEntry, ...]:
        query = "SELECT outcomes FROM profiles WHERE id = ?"
        rows = json_values.parse(
            self._text(query, number), values=5 * MOST_OUTCOMES, depth=_SHALLOW
        )
        entries = []
        for request, document, *refused in rows:
            view, source = self._request(request)
            entries.append(ProfileEntry(view, request, source, document, *refused))
        return tuple(entries)

    def _read_digests(self, number: int) -> Mapping[View, str]:
        query = "SELECT digest FROM documents WHERE id = ?"
        return {
            entry.view: "sha256:" + self._one(query, entry.document)[0].hex()
            for entry in self.profile(number)
            if entry.document is not None
        }

    def _read_completed_views(self, number: int) -> frozenset[View]:
        return frozenset(
            entry.view for entry in self.profile(number) if entry.cause not in TRANSIENT_CAUSES
        )

    def _read_profile_text(self, number: int) -> str:
        digests = self.digests(number)
        rows = [
            [entry.view.surface, entry.view.option, digests.get(entry.view, entry.cause)]
            for entry in self.profile(number)
        ]
        return json.dumps(rows)

    def _read_membership(self, number: int) -> str:
        return self._text("SELECT membership FROM memberships WHERE id = ?", number)

    def _parsed_membership(self, number: int) -> tuple[tuple[str, ...], int | None, str]:
        groups, licence, status = json_values.parse(
            self.membership_text(number), values=LONGEST_TEXT, depth=_SHALLOW
        )
        return tuple(groups), licence, status

    def check(self, number: int) -> None:
        """Check that a document matches its digest.

        Raises:
            ValueError: it does not. The text completes "it is not as it was recorded: …".
        """
        self._raw(number)

    def _read_body(self, number: int) -> _Body:
        try:
            text = self._raw(number).decode("utf-8", "surrogatepass")
            body: JsonValue = json_values.parse(text, values=MOST_VALUES, depth=DEEPEST_BODY)
        except ValueError as error:
            raise _altered(error) from error
        return _Body(body, max(json_values.count(text), MOST_VALUES // DOCUMENTS))

    def _raw(self, number: int) -> bytes:
        """The bytes of a document, checked against its digest."""
        digest, packed = self._one("SELECT digest, body FROM documents WHERE id = ?", number)
        if not isinstance(packed, bytes) or not isinstance(digest, bytes):
            raise DamagedStream("it is not in the form that the program writes")
        raw = inflate(packed, LONGEST_BODY)
        if hashlib.sha256(raw).digest() != digest:
            raise ValueError("its content does not match its digest")
        return raw

    def _text(self, query: str, number: int) -> str:
        """The text in the row with a number."""
        text = self._one(query, number)[0]
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise ValueError("it is not in the form that the program writes")
        return text

    def _one(self, query: str, number: int | None) -> Any:
        """The row with a number that the snapshot refers to."""
        row = self._db.execute(query, (number,)).fetchone()
        if row is None:
            raise ValueError("it is missing")
        return row


def _altered(error: ValueError) -> EvidenceAltered:
    return EvidenceAltered(
        f"A document of the evidence is not as it was recorded: {error}. It cannot be used as "
        "evidence. Use an untouched copy, or audit again."
    )


_LEVELS = {level.value: level for level in Level}
