"""Pseudonyms: keyed names for people, so that a run can be shared without naming them.

The evidence is rewritten before it is judged. Order, counts and digests of a report therefore
derive from pseudonyms, no format ever sees a real name, and the evidence can be judged again.

People are the users, hosts, operators, alternative hosts and role members in the evidence, and the
people who own waivers, attest and triage. Their meetings get pseudonyms as well, because ids and
topics reveal their hosts. Groups, sites, roles and apps keep their names.
"""

import hmac
import json
import re
import sqlite3
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from auditor.evidence.names import is_pattern
from auditor.evidence.read_plan import HOSTS, LEFT
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope, UserStatus, placeholder_id
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.view import Document, View
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.match import DisplayName, Match, Name, Names, listed
from auditor.policy.baseline.match_index import MatchIndex
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.waivers import Attestation, Waiver
from auditor.surfaces import SURFACES
from auditor.surfaces.model import People

LENGTH = 10
"""Characters of a pseudonym after its prefix: 50 bits of the HMAC."""

PEOPLE = (Level.USER, Level.PHONE_USER)
EVENTS = (Level.MEETING, Level.WEBINAR)

MIN_WORD_LENGTH = 3
"""Minimum characters of a one-word name or local part that is searched for in free text."""

MAX_NAME_WORDS = 40
"""Words of the longest name that is searched for."""

_ADDRESS = re.compile(r"[\w.!#$%&'+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*")
_WORD = re.compile(r"\w+")
_CONTACTS = frozenset({"contact_name", "contact_email"})


class Pseudonyms:
    """Creates pseudonyms with a key. Equal texts have equal pseudonyms in every run."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, text: str, prefix: str = "user") -> str:
        """`user-` and ten base32 characters of the HMAC-SHA256 of `text`."""
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return f"{prefix}-{b32encode(digest).decode().lower()[:LENGTH]}"


class NameIndex:
    """Index of the people in a snapshot by id, address and name, in a temporary SQLite file."""

    def __init__(self, source: SnapshotReader, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file, deleted on close
        self._db.executescript(
            """
            CREATE TABLE exact (text TEXT PRIMARY KEY, pseudonym TEXT NOT NULL) WITHOUT ROWID;
            CREATE TABLE spoken (
                first TEXT NOT NULL, words INTEGER NOT NULL, text TEXT NOT NULL,
                pseudonym TEXT NOT NULL, is_plain INTEGER NOT NULL,
                PRIMARY KEY (first, words, text)) WITHOUT ROWID;
            """
        )
        self._db.execute("BEGIN")
        for level in PEOPLE:
            for scope in source.scopes(level):
                self._add(scope.id, scope.email, scope.name)
        for row in _account_rows(source, HOSTS, "hosts"):
            self._add(str(row.get("id") or ""), str(row.get("email") or ""), "")
        for row in _account_rows(source, LEFT, "left"):
            if row.get("level") in PEOPLE:
                zoom_id, name, email = _texts(row)
                self._add(zoom_id, email, name)
        self._db.execute("COMMIT")
        self._lengths = lru_cache(20_000)(self._read_lengths)

    def close(self) -> None:
        """Delete the index."""
        self._db.close()

    def named(self, text: str) -> str:
        """The pseudonym of the person whose id, address or name is `text`."""
        if not text:
            return ""
        pseudonym = self._find(
            "SELECT pseudonym FROM exact WHERE text = ?", text.strip().casefold()
        )
        return pseudonym or self._pseudonyms.of(text.casefold() if "@" in text else text)

    def replace_names(self, text: str, *, free: bool) -> str:
        """Replace every person's name in `text` with a pseudonym.

        Replaces every address, known or not, and all ids and names of several words. In `free`
        text, which people wrote about people, also replaces one-word names and local parts of
        addresses.
        """
        if "@" in text:
            text = _ADDRESS.sub(lambda match: self.named(match[0]), text)
        words = list(_WORD.finditer(text))
        pieces, end, position = [], 0, 0
        while position < len(words):
            match = self._longest(words[position : position + MAX_NAME_WORDS], free)
            if match is None:
                position += 1
                continue
            pseudonym, count = match
            pieces += [text[end : words[position].start()], pseudonym]
            position += count
            end = words[position - 1].end()
        return "".join([*pieces, text[end:]])

    def _add(self, zoom_id: str, email: str, name: str) -> None:
        pseudonym = self._pseudonyms.of(zoom_id)
        for text in filter(None, (zoom_id, email)):
            self._db.execute(
                "INSERT OR IGNORE INTO exact VALUES (?, ?)", (text.casefold(), pseudonym)
            )
        self._index_words(zoom_id, pseudonym, plain=True)
        self._index_words(email.partition("@")[0], pseudonym, plain=False)
        if name:
            shared = self._pseudonyms.of(name.casefold())  # which of several people is unknown
            self._db.execute(
                "INSERT INTO exact VALUES (?, ?) ON CONFLICT DO UPDATE SET pseudonym = ?"
                " WHERE pseudonym <> excluded.pseudonym",
                (name.strip().casefold(), pseudonym, shared),
            )
            self._index_words(name, pseudonym, plain=len(_WORD.findall(name)) > 1, shared=shared)

    def _index_words(self, text: str, pseudonym: str, *, plain: bool, shared: str = "") -> None:
        words = [word.casefold() for word in _WORD.findall(text)]
        if not words or (not plain and len("".join(words)) < MIN_WORD_LENGTH):
            return
        self._db.execute(
            "INSERT INTO spoken VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " is_plain = max(is_plain, excluded.is_plain),"
            " pseudonym = CASE WHEN pseudonym = excluded.pseudonym THEN pseudonym ELSE ? END",
            (words[0], len(words), " ".join(words), pseudonym, plain, shared or pseudonym),
        )

    def _longest(self, words: list[re.Match[str]], free: bool) -> tuple[str, int] | None:
        for count in self._lengths(words[0][0].casefold()):
            if count > len(words):
                continue
            phrase = " ".join(word[0].casefold() for word in words[:count])
            query = "SELECT pseudonym FROM spoken WHERE first = ? AND words = ? AND text = ?"
            if not free:
                query += " AND is_plain"
            pseudonym = self._find(query, words[0][0].casefold(), count, phrase)
            if pseudonym is not None:
                return pseudonym, count
        return None

    def _read_lengths(self, first: str) -> tuple[int, ...]:
        query = "SELECT DISTINCT words FROM spoken WHERE first = ? ORDER BY words DESC"
        return tuple(row[0] for row in self._db.execute(query, (first,)))

    def _find(self, query: str, *values: str | int) -> str | None:
        row = self._db.execute(query, values).fetchone()
        return None if row is None else str(row[0])


@dataclass(frozen=True)
class Pseudonymizer:
    """Replaces the people in a snapshot with pseudonyms. For `auditor.evidence.export`."""

    people: NameIndex
    pseudonyms: Pseudonyms

    def scope(self, scope: Scope) -> Scope:
        """A user, meeting or webinar under its pseudonym; any other scope unchanged."""
        if scope.level in PEOPLE:
            own = scope.id if scope.is_placeholder else self.pseudonyms.of(scope.id)
            return replace(scope, id=own, name=own, email=own if scope.email else "")
        if scope.level not in EVENTS:
            return scope
        host = self.people.named(scope.email)
        if scope.is_placeholder:  # a host whose meetings could not be listed
            own = self.people.named(scope.represents)
            return replace(scope, id=placeholder_id(own), name=own, email=host)
        event = self.event(scope.id)
        listed = bool(scope.status)  # the name of a past meeting is only its time
        return replace(scope, id=event, name=event if listed else scope.name, email=host)

    def event(self, zoom_id: str) -> str:
        """The pseudonym of a meeting or webinar."""
        return self.pseudonyms.of(zoom_id, "meeting")

    def body(self, view: View, body: JsonValue) -> JsonValue:
        """A document with pseudonyms in place of all people."""
        if view == LEFT:
            return self._left(body)
        surface = SURFACES.get(view.surface)
        if surface is None or surface.people is None:
            return self.addresses(body)
        if not surface.people.rows:
            return self._all(body, self.detail)
        return self._rows(body, surface.people)

    def detail(self, text: str) -> str:
        """A value or message with pseudonyms for addresses, ids and names of several words."""
        return self._with_names_replaced(text, free=False)

    def addresses(self, value: JsonValue) -> JsonValue:
        """A value with pseudonyms for addresses only."""
        return self._all(value, self._addresses)

    def note(self, text: str) -> str:
        """Free text with pseudonyms in place of all people it names."""
        return self._with_names_replaced(text, free=True)

    def _with_names_replaced(self, text: str, *, free: bool) -> str:
        return self.people.replace_names(text, free=free)

    def _addresses(self, text: str) -> str:
        return _ADDRESS.sub(lambda match: self.people.named(match[0]), text)

    def _left(self, body: JsonValue) -> JsonValue:
        """The document of deleted scopes, renamed as the scopes themselves would be."""
        rows = body.get("left") if isinstance(body, dict) else None
        renamed: list[JsonValue] = []
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("level") in set(Level):
                zoom_id, name, email = _texts(row)
                level = Level(str(row["level"]))
                scope = self.scope(Scope(level, zoom_id, name, email, status=UserStatus.ACTIVE))
                changed = {"id": scope.id, "name": scope.name, "email": scope.email}
                renamed.append({**row, **changed})
        return {"left": sorted(renamed, key=lambda row: json.dumps(row, sort_keys=True))}

    def _rows(self, body: JsonValue, people: People) -> JsonValue:
        rows = people.rows
        for key in people.names:
            body = _each_row(body, rows, key, self.people.named)
        for key in people.texts:
            body = _each_row(body, rows, key, self.note)
        listed = body.get(rows) if isinstance(body, dict) else None
        # Sorted, because the original order would reveal names.
        if people.is_sorted and isinstance(body, dict) and isinstance(listed, list):
            return {**body, rows: sorted(listed, key=lambda row: json.dumps(row, sort_keys=True))}
        return body

    def _all(
        self, value: JsonValue, replace_text: Callable[[str], str], key: str = ""
    ) -> JsonValue:
        match value:
            case str():
                return self.people.named(value) if key in _CONTACTS else replace_text(value)
            case list():
                return [self._all(item, replace_text, key) for item in value]
            case dict():
                return {
                    self._addresses(name): self._all(item, replace_text, name)
                    for name, item in value.items()
                }
        return value


def organisation(
    original: Organisation, source: SnapshotReader, names: Pseudonymizer
) -> Organisation:
    """The organisation's overrides, waivers, attestations, blind spots and triage for the same
    people under pseudonyms."""
    matches = [entry.match for entry in original.overrides]
    matches += [entry.scope for entry in original.waivers]
    matches += [entry.scope for entry in original.attestations]
    matches += [entry.scope for entry in original.blind_spots]
    users = _renamed_names([entry.user for entry in matches], Level.USER, source, names)
    meetings = _renamed_names([entry.meeting for entry in matches], Level.MEETING, source, names)

    def match(old: Match) -> Match:
        changed = {
            key: tuple(
                dict.fromkeys(
                    pseudonym for name in listed(patterns) for pseudonym in pseudonyms_of[name]
                )
            )
            for key, patterns, pseudonyms_of in (
                ("user", old.user, users),
                ("meeting", old.meeting, meetings),
            )
            if patterns is not None
        }
        return old.model_copy(update=changed) if changed else old

    note, person = names.note, names.people.named

    def approval(entry: Waiver | Attestation | BlindSpot) -> dict[str, str]:
        approver = entry.approved_by
        return {} if approver is None else {"approved_by": person(approver)}

    return Organisation(
        original.baseline,
        {key: names.addresses(value) for key, value in original.parameters.items()},
        tuple(
            entry.model_copy(update={"match": match(entry.match), "reason": note(entry.reason)})
            for entry in original.overrides
        ),
        tuple(
            entry.model_copy(
                update={
                    "scope": match(entry.scope),
                    "reason": note(entry.reason),
                    "ticket": note(entry.ticket),
                    "owner": person(entry.owner),
                    **approval(entry),
                }
            )
            for entry in original.waivers
        ),
        tuple(
            entry.model_copy(
                update={
                    "scope": match(entry.scope),
                    "statement": note(entry.statement),
                    "evidence": note(entry.evidence),
                    "by": person(entry.by),
                    **approval(entry),
                }
            )
            for entry in original.attestations
        ),
        tuple(
            entry.model_copy(
                update={
                    "scope": match(entry.scope),
                    "reason": note(entry.reason),
                    "ticket": note(entry.ticket),
                    "owner": person(entry.owner),
                    **approval(entry),
                }
            )
            for entry in original.blind_spots
        ),
        tuple(
            entry.model_copy(update={"by": person(entry.by), "reason": note(entry.reason)})
            for entry in original.triage
        ),
        original.controls,
        original.require_approval,
    )


def _renamed_names(
    patterns: Iterable[Names | None], level: Level, source: SnapshotReader, names: Pseudonymizer
) -> Mapping[Name, tuple[str, ...]]:
    """For each name pattern, the pseudonyms of the people or meetings that match it.

    A pattern without a match still matches nothing afterwards. A wildcard pattern stays a wildcard
    pattern, so that an exact name keeps its precedence over it.
    """
    key = "user" if level is Level.USER else "meeting"
    distinct = list(dict.fromkeys(name for group in patterns for name in listed(group)))
    index = MatchIndex([Match.model_validate({key: name}) for name in distinct])
    by_name: dict[Name, list[str]] = {name: [] for name in distinct}
    for scope in source.scopes(level) if distinct else ():
        for position in index.matching(scope, frozenset()):
            by_name[distinct[position]].append(names.scope(scope).id)
    for name, pseudonyms in by_name.items():
        text = name.name if isinstance(name, DisplayName) else name
        if is_pattern(text):
            pseudonyms.append((pseudonyms or [names.pseudonyms.of(text, key)])[0] + "*")
        elif not pseudonyms:
            pseudonyms.append(names.pseudonyms.of(text, key))
    return {name: tuple(pseudonyms) for name, pseudonyms in by_name.items()}


def _texts(row: Mapping[str, JsonValue]) -> tuple[str, str, str]:
    """The id, name and address of a deleted scope."""
    return str(row.get("id") or ""), str(row.get("name") or ""), str(row.get("email") or "")


def _account_rows(
    source: SnapshotReader, view: View, key: str
) -> Iterator[Mapping[str, JsonValue]]:
    """The rows under `key` of a document of the account."""
    for evidence in source.evidence(Level.ACCOUNT):
        outcome = evidence.outcomes.get(view)
        body = outcome.body if isinstance(outcome, Document) else None
        rows = body.get(key) if isinstance(body, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                yield row


def _each_row(body: JsonValue, rows: str, key: str, change: Callable[[str], str]) -> JsonValue:
    """`body` with the texts under `key` in each of its `rows` changed; other shapes unchanged."""
    listed = body.get(rows) if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(listed, list):
        return body

    def changed(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, list):
            return sorted((changed(item) for item in value), key=str)
        return value

    return {
        **body,
        rows: [
            {**row, key: changed(row[key])} if isinstance(row, dict) and key in row else row
            for row in listed
        ],
    }
