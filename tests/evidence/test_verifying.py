"""Verification: evidence altered after it was recorded is an error, never a verdict."""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from auditor.evidence.errors import EvidenceAltered, SnapshotError
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import parse_rfc3339
from auditor.evidence.view import LOCKS, SETTINGS, Document
from tests.evidence.test_snapshot import ACCOUNT, AT, DENIED, GROUP, USER, document

OTHER = Scope(Level.USER, "u2", "Bob", "bob@example.com", ("g1",), 2, "active")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A finished snapshot in which two users have the same settings."""
    path = tmp_path / "run.sqlite"
    with Snapshot.create(path) as snapshot:
        for scope in (ACCOUNT, GROUP, USER, OTHER):
            snapshot.add_scope(scope)
        snapshot.record(ACCOUNT, SETTINGS, document({"a": True}))
        snapshot.record(ACCOUNT, LOCKS, DENIED)
        for user in (USER, OTHER):
            snapshot.record(user, SETTINGS, document({"b": True}, "GET /users/{userId}/settings"))
        snapshot.finish()
    return path


def write(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def refusal(path: Path) -> str:
    with pytest.raises(SnapshotError) as caught, Snapshot.open(path) as snapshot:
        snapshot.verified()
    return str(caught.value)


def bodies(path: Path, change: Callable[[bytes], bytes]) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for number, body in db.execute("SELECT id, body FROM documents").fetchall():
            db.execute("UPDATE documents SET body = ? WHERE id = ?", (change(body), number))


def test_untouched_evidence_comes_to_the_same_however_often_it_is_asked(path: Path) -> None:
    with Snapshot.open(path) as one, Snapshot.open(path) as other:
        assert one.verified() == one.verified() == other.verified()
        assert one.verified().oldest == parse_rfc3339(AT)


def test_the_digest_is_the_one_that_earlier_versions_gave(path: Path) -> None:
    """Rows in order: names, membership, then each view with the digest of its document."""
    total = hashlib.sha256()

    def of(body: object) -> str:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    read = {
        ACCOUNT: [["lock_settings", "", "denied"], ["settings", "", of({"a": True})]],
        GROUP: [],
        USER: [["settings", "", of({"b": True})]],
        OTHER: [["settings", "", of({"b": True})]],
    }
    for scope, rows in read.items():
        named = json.dumps([scope.level, scope.id, scope.name, scope.email])
        membership = json.dumps([scope.group_ids, scope.licence, scope.status])
        total.update("\n".join((named, membership, json.dumps(rows), "")).encode())
    with Snapshot.open(path) as snapshot:
        assert snapshot.digest() == "sha256:" + total.hexdigest()


def test_a_body_that_was_changed_under_its_digest_is_named_with_its_scopes(path: Path) -> None:
    changed = zlib.compress(b'{"b":false}')
    bodies(path, lambda body: changed if b'"b"' in zlib.decompress(body) else body)
    with pytest.raises(EvidenceAltered) as caught, Snapshot.open(path) as snapshot:
        snapshot.digest()
    message = str(caught.value)
    assert "GET /users/{userId}/settings" in message
    assert 'user "Ada" (u1) and 1 more scope' in message
    assert "does not match its digest" in message


def test_a_changed_body_is_refused_wherever_it_is_read(path: Path) -> None:
    bodies(path, lambda _: zlib.compress(b'{"a":false}'))
    with Snapshot.open(path) as snapshot, pytest.raises(EvidenceAltered):
        snapshot.account()


@pytest.mark.parametrize(
    "body",
    [zlib.compress(b'{"a":true}') + b"x", zlib.compress(b'{"a":true}')[:-1], b"", "text", 7],
)
def test_a_body_that_is_no_whole_stream_is_refused(path: Path, body: object) -> None:
    write(path, "UPDATE documents SET body = ?", body)
    assert "is not as it was recorded" in refusal(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE scopes SET times = x'' WHERE level = 'user'",
        "UPDATE scopes SET times = x'7f' WHERE level = 'user'",
        "UPDATE scopes SET times = x'feffffffffffffffff7f' WHERE level = 'user'",
        "UPDATE scopes SET level = 'nobody' WHERE level = 'group'",
        "UPDATE scopes SET name = x'00'",
        "UPDATE scopes SET profile = 999",
        "UPDATE scopes SET membership = 999",
        "UPDATE memberships SET membership = '[7]' WHERE id = 1",
        "UPDATE memberships SET membership = '[[7], null, \"\"]' WHERE id = 1",
        "UPDATE memberships SET membership = '{' WHERE id = 1",
        "DELETE FROM documents",
        "DELETE FROM requests",
        "UPDATE documents SET digest = zeroblob(32) WHERE id = 1",
        "UPDATE profiles SET outcomes = replace(outcomes, ',', ',99')",
        "UPDATE profiles SET outcomes = replace(outcomes, 'denied', 'allowed')",
        "UPDATE profiles SET outcomes = replace(outcomes, '[', '{')",
        "UPDATE profiles SET outcomes = printf('%.*c', 100000 + id, '[')",
        "DROP TABLE scopes",
    ],
)
def test_what_was_written_to_in_any_table_is_refused(path: Path, statement: str) -> None:
    before = path.read_bytes()
    write(path, statement)
    assert path.read_bytes() != before
    assert refusal(path)


def test_times_and_requests_are_told_apart_from_the_evidence(path: Path) -> None:
    with Snapshot.open(path) as snapshot:
        before = snapshot.verified()
    write(path, "UPDATE requests SET source = source || 'x'")
    with Snapshot.open(path) as snapshot:
        after = snapshot.verified()
    assert after.digest == before.digest
    assert after.circumstances != before.circumstances


def test_what_is_written_is_looked_at_anew(path: Path) -> None:
    with Snapshot.open(path, write=True) as snapshot:
        before = snapshot.digest()
        snapshot.record(GROUP, SETTINGS, Document({"c": 1}, "GET /groups", AT))
        assert snapshot.digest() != before


@pytest.mark.parametrize("body", [b"[" * 900 + b"]" * 900, b"[" * 99_999, b"[NaN]", b"{", b"\xff"])
def test_a_document_that_no_version_wrote_is_a_sentence(path: Path, body: bytes) -> None:
    """With a matching digest: the author of the file made both."""
    digest = hashlib.sha256(body).digest()
    write(
        path, "UPDATE documents SET digest = ?, body = ? WHERE id = 1", digest, zlib.compress(body)
    )
    with Snapshot.open(path) as snapshot:
        snapshot.verified()
        with pytest.raises(EvidenceAltered):
            snapshot.account()
