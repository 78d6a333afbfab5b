"""An exported snapshot has the same evidence, and no trace of the order of its reads."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.evidence.export import copy_snapshot
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, ReadFailure, View
from tests.builders import ACCOUNT

AT, LATER = "2026-11-21T20:00:00.000Z", "2026-11-21T21:00:00.000Z"
ADA = Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 2, "active")
BOB = Scope(Level.USER, "u2", "Bob", "bob@example.com", (), 1, "active")


def document(body: JsonValue, at: str = AT) -> Document:
    return Document(body, "GET /settings", at)


def filled(snapshot: Snapshot, *, backwards: bool = False) -> Snapshot:
    """The same evidence, recorded in one order or the other."""
    rows: list[tuple[Scope, View, Outcome]] = [
        (ACCOUNT, SETTINGS, document({"a": 1})),
        (ACCOUNT, LOCKS, document({"a": True})),
        (ADA, SETTINGS, document({"name": "Ada"}, LATER)),
        (BOB, SETTINGS, document({"name": "Bob"})),
        (BOB, LOCKS, ReadFailure(Unseen(Cause.ERROR, "Bob is not there"), "GET /locks", AT)),
    ]
    for scope, view, outcome in reversed(rows) if backwards else rows:
        snapshot.add_scope(scope)
        snapshot.record(scope, view, outcome)
    return snapshot


class Shouting:
    def scope(self, scope: Scope) -> Scope:
        return replace(scope, id=scope.id.upper(), name="", email="")

    def body(self, view: View, body: JsonValue) -> JsonValue:
        return {"view": str(view), "was": str(body).upper()}

    def detail(self, text: str) -> str:
        return text.upper()


class Blurred(Shouting):
    def scope(self, scope: Scope) -> Scope:
        return replace(scope, id="same")


def contents(snapshot: Snapshot) -> list[object]:
    return [
        (each.scope, dict(each.outcomes), dict(each.digests))
        for level in Level
        for each in snapshot.evidence(level)
    ]


def test_a_copy_holds_the_same_evidence_with_the_same_digest_and_times() -> None:
    source, target = filled(Snapshot.create()), Snapshot.create()
    copy_snapshot(source, target, {"run_id": "r1"})
    assert contents(target) == contents(source)
    assert target.digest() == source.digest()
    assert target.meta("run_id") == "r1"


def test_only_the_facts_that_are_given_are_in_a_copy() -> None:
    source, target = filled(Snapshot.create()), Snapshot.create()
    source.set_metadata("use", "ada@example.com")
    copy_snapshot(source, target, {})
    assert target.meta("use") is None
    assert target.meta("format") == source.meta("format")


def test_the_order_of_reading_does_not_show_in_a_copy(tmp_path: Path) -> None:
    files = []
    for backwards in (False, True):
        path = tmp_path / f"{backwards}.sqlite"
        with Snapshot.create(path) as target:
            copy_snapshot(
                filled(Snapshot.create(), backwards=backwards), target, {"a": "1", "b": "2"}
            )
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_what_no_scope_has_any_more_is_not_copied(tmp_path: Path) -> None:
    source, target = filled(Snapshot.create()), Snapshot.create(tmp_path / "copy.db")
    source.record(ADA, SETTINGS, document({"name": "New"}))
    copy_snapshot(source, target, {})
    target.close()
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("SELECT count(*) FROM documents").fetchone() == (4,)


def test_other_names_reach_scopes_documents_and_reasons() -> None:
    source, target = filled(Snapshot.create()), Snapshot.create()
    copy_snapshot(source, target, {}, Shouting())
    by_id = {each.scope.id: each for each in target.evidence(Level.USER)}
    assert set(by_id) == {"U1", "U2"}
    ada = by_id["U1"]
    assert (ada.scope.group_ids, ada.scope.licence, ada.scope.email) == (("g1",), 2, "")
    assert ada.outcomes[SETTINGS] == document({"view": "settings", "was": "{'NAME': 'ADA'}"}, LATER)
    refused = by_id["U2"].outcomes[LOCKS]
    assert isinstance(refused, ReadFailure)
    assert refused.unseen == Unseen(Cause.ERROR, "BOB IS NOT THERE")


def test_two_scopes_of_one_name_are_refused() -> None:
    with pytest.raises(SnapshotError, match="AUDITOR_PSEUDONYM_KEY"):
        copy_snapshot(filled(Snapshot.create()), Snapshot.create(), {}, Blurred())
