"""Verification: checks in one pass, before evaluation, that the evidence is as it was recorded.

Each document is hashed and compared with its content address, each profile and each membership is
parsed, and the scopes have to be in order, which a damaged index would not yield. The result is one
digest over scopes and outcomes, and one over times and requests.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from auditor.evidence import facts
from auditor.evidence.content_store import MOST_OUTCOMES, ContentStore, ProfileEntry
from auditor.evidence.errors import EvidenceAltered, SnapshotError, UnsuitableSnapshot
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import EARLIEST, LATEST, decode, from_milliseconds
from auditor.plain_text import pluralize

LONGEST_NAME = 20_000
"""Characters of an id, a name or an address. Zoom allows fewer than 500."""
LONGEST_TIMES = 10 * MOST_OUTCOMES
"""Bytes of the times of a scope's reads. One time needs fewer than ten."""

_COLUMNS = "level, zoom_id, name, email, membership, profile, times"
_LEVELS = frozenset(map(str, Level))
_CAUSES = frozenset(map(str, Cause))
_UNREADABLE = (ValueError, KeyError, TypeError, RecursionError, OverflowError)
_TEXT_AND_NUMBERS = [str] * 4 + [int] * 2 + [bytes]


@dataclass(frozen=True, slots=True)
class Totals:
    """The digests of a verified snapshot, and its oldest read."""

    digest: str
    """`sha256:` over the scopes and their outcomes, without times."""
    circumstances: str
    """`sha256:` over the times, requests and details of all outcomes."""
    oldest: datetime | None
    """The time of the oldest read; None if nothing was read."""


def verified(db: sqlite3.Connection, contents: ContentStore, name: str) -> Totals:
    """Verify the evidence of a snapshot, and return its digests. Errors call it `name`.

    Raises:
        EvidenceAltered: evidence is not as it was recorded.
        SnapshotError: the file cannot be read to its end.
    """
    try:
        return _Pass(db, contents, name).totals()
    except sqlite3.Error as error:
        raise SnapshotError(f"{name}: cannot be read to its end: {error}.") from error


class _Pass:
    def __init__(self, db: sqlite3.Connection, contents: ContentStore, name: str) -> None:
        self._db, self._contents, self._name = db, contents, name
        self._documents: set[int] = set()
        self._profiles: dict[int, tuple[int, bytes]] = {}
        """For each checked profile: the number of its outcomes, and their requests as JSON."""
        self._memberships: set[int] = set()
        self._requests: dict[bytes, bytes] = {}
        """Equal requests are stored once: nearly all scopes of a level share theirs."""

    def totals(self) -> Totals:
        self._check_facts()
        digest, circumstances = hashlib.sha256(), hashlib.sha256()
        oldest = LATEST
        before = ("", "")
        membership_text, profile_text = self._contents.membership_text, self._contents.profile_text
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM scopes ORDER BY level, zoom_id")
        for row in rows:
            if [*map(type, row)] != _TEXT_AND_NUMBERS:
                self._refuse("a scope is not in the form that the program writes")
            if max(map(len, row[:4])) > LONGEST_NAME or len(row[6]) > LONGEST_TIMES:
                self._refuse("a scope has a name or times that are too long")
            key = row[:2]
            if key <= before or key[0] not in _LEVELS:
                self._refuse(
                    f"the scopes are not in order, or one has an unknown level: {_describe(key)}"
                )
            before = key
            membership, profile, times = row[4:]
            if membership not in self._memberships:
                self._check_membership(membership, row)
            known = self._profiles.get(profile)
            if known is None:
                known = self._profiles[profile] = self._check_profile(profile, row)
            count, requests = known
            moments = decode(times)
            if len(moments) != count:
                self._refuse(f"the times of {_describe(row)} do not match its documents")
            if moments:
                first = min(moments)
                if first < EARLIEST or max(moments) > LATEST:
                    self._refuse(f"a time of {_describe(row)} is not a possible time of a read")
                oldest = min(first, oldest)
            circumstances.update(requests + times)
            named = json.dumps(row[:4])
            contents = membership_text(membership), profile_text(profile)
            digest.update("\n".join((named, *contents, "")).encode())
        return Totals(
            "sha256:" + digest.hexdigest(),
            "sha256:" + circumstances.hexdigest(),
            None if oldest == LATEST else from_milliseconds(oldest),
        )

    def _check_facts(self) -> None:
        rows = self._db.execute("SELECT key, value FROM meta LIMIT ?", (facts.MOST_FACTS + 1,))
        try:
            facts.check(rows)
        except ValueError as error:
            self._refuse(f"the facts of the run cannot be used: {error}")

    def _check_membership(self, number: int, row: Sequence[Any]) -> None:
        try:
            groups, licence, status = json.loads(self._contents.membership_text(number))
            right = all(type(group) is str for group in groups) and type(groups) is list
            right = right and type(licence) in (int, type(None)) and type(status) is str
        except _UNREADABLE:
            right = False
        if not right:
            self._refuse(f"the groups of {_describe(row)} cannot be read")
        self._memberships.add(number)

    def _check_profile(self, number: int, row: Sequence[Any]) -> tuple[int, bytes]:
        try:
            entries = self._contents.profile(number)
            views = [entry.view for entry in entries]
            right = all(map(_is_right, entries)) and views == sorted(set(views))
        except _UNREADABLE:
            right = False
        if not right:
            self._refuse(f"what was read of {_describe(row)} cannot be read")
        for entry in entries:
            if entry.document is not None and entry.document not in self._documents:
                self._check_document(entry, row)
        requests = json.dumps([[entry.source, entry.detail] for entry in entries]).encode()
        requests = len(requests).to_bytes(4, "big") + requests
        return len(entries), self._requests.setdefault(requests, requests)

    def _check_document(self, entry: ProfileEntry, row: Sequence[Any]) -> None:
        assert entry.document is not None
        try:
            self._contents.check(entry.document)
        except ValueError as error:
            others = self._scopes_with(entry.document) - 1
            more = f" and {pluralize(others, 'more scope')}" if others else ""
            raise EvidenceAltered(
                f"{self._name}: the document that {entry.source} returned for "
                f"{_describe(row)}{more} is not as it was recorded: {error}. It cannot be used as "
                "evidence. Use an untouched copy, or audit again."
            ) from error
        self._documents.add(entry.document)

    def _scopes_with(self, document: int) -> int:
        """How many scopes have the document."""
        counts: Mapping[int, int] = dict(
            self._db.execute("SELECT profile, count(*) FROM scopes GROUP BY profile").fetchall()
        )
        total = 0
        for profile, count in counts.items():
            try:
                entries = self._contents.profile(profile)
            except _UNREADABLE:
                continue
            total += count if any(entry.document == document for entry in entries) else 0
        return total

    def _refuse(self, what: str) -> NoReturn:
        raise UnsuitableSnapshot(
            f"{self._name}: {what}. It is damaged, or was altered, and cannot be used as evidence. "
            "Use an untouched copy, or audit again."
        )


def _is_right(entry: ProfileEntry) -> bool:
    """True if the fields of an outcome have the types that the program writes."""
    texts = entry.view.surface, entry.view.option, entry.source, entry.detail
    if not all(type(text) is str for text in texts):
        return False
    if entry.cause is None:
        return type(entry.document) is int
    return entry.document is None and entry.cause in _CAUSES


def _describe(row: Sequence[Any]) -> str:
    """A scope as named in errors: level, name and id."""
    level, zoom_id = row[:2]
    name = next((label for label in row[2:4] if label), "")
    quoted = json.dumps(str(zoom_id)[:100], ensure_ascii=False)
    return (
        f"{level} {json.dumps(name[:100], ensure_ascii=False)} ({zoom_id})"
        if name
        else (f"{level} {quoted}")
    )
