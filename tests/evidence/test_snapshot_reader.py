"""Reading a snapshot while it is filled: its contents, and the pending reads."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence import snapshot_reader
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, ReadFailure, View
from tests.builders import ACCOUNT

OLD, AT, NEW = "2026-11-20T00:00:00.000Z", "2026-11-21T20:00:00.000Z", "2026-11-21T21:00:00.000Z"
SECURITY = View("settings", "security")
VIEWS = (LOCKS, SETTINGS)


def user(number: int, *groups: str, status: str = "active", name: str = "") -> Scope:
    return Scope(Level.USER, f"u{number}", name, group_ids=groups, status=status)


def document(body: JsonValue = None, at: str = AT) -> Document:
    return Document({"body": body}, "GET /settings", at)


def refusal(cause: Cause, at: str = AT) -> ReadFailure:
    return ReadFailure(Unseen(cause, "why"), "GET /settings", at)


def listed(snapshot: Snapshot, *scopes: Scope, status: str = "active") -> int:
    return snapshot.list_scopes(Level.USER, status, iter(scopes))


def users(snapshot: Snapshot) -> list[Scope]:
    return list(snapshot.scopes(Level.USER))


def due(snapshot: Snapshot, since: str | None = None, **fields: Any) -> dict[str, set[View]]:
    pending = snapshot.pending_reads(Level.USER, VIEWS, since, **fields)
    return {scope.id: set(views) for scope, views in pending}


# What is still to be read


def test_a_scope_of_which_nothing_was_read_misses_everything() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(user(1))
    assert due(snapshot) == {"u1": {SETTINGS, LOCKS}}


def test_a_scope_of_which_all_was_read_is_not_named() -> None:
    snapshot = Snapshot.create()
    for number in (1, 2):
        snapshot.add_scope(user(number))
    for view in VIEWS:
        snapshot.record(user(1), view, document())
    snapshot.record(user(2), SETTINGS, document())
    assert due(snapshot) == {"u2": {LOCKS}}


@pytest.mark.parametrize("cause", Cause)
def test_only_a_refusal_that_may_pass_is_asked_about_again(cause: Cause) -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(user(1))
    snapshot.record(user(1), SETTINGS, refusal(cause))
    again = cause in (Cause.ERROR, Cause.NOT_COLLECTED)
    assert (SETTINGS in due(snapshot)["u1"]) is again


@pytest.mark.parametrize(("since", "again"), [(OLD, False), (AT, False), (NEW, True)])
@pytest.mark.parametrize("outcome", [document(), refusal(Cause.DENIED)], ids=["document", "denied"])
def test_what_is_older_than_allowed_is_read_again(
    since: str, again: bool, outcome: Outcome
) -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(user(1))
    snapshot.record(user(1), SETTINGS, outcome)
    assert (SETTINGS in due(snapshot, since)["u1"]) is again


def test_each_document_has_an_age_of_its_own() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(user(1))
    snapshot.record(user(1), LOCKS, document(at=NEW))
    snapshot.record(user(1), SECURITY, document(at=NEW))
    snapshot.record(user(1), SETTINGS, document(at=OLD))
    assert due(snapshot, AT) == {"u1": {SETTINGS}}


def test_only_some_scopes_can_be_looked_at_and_strangers_are_passed_over() -> None:
    snapshot = Snapshot.create()
    for number in (1, 2):
        snapshot.add_scope(user(number))
    assert set(due(snapshot, scopes=[user(2), user(9)])) == {"u2"}


def test_documents_can_be_written_while_what_is_missing_is_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshot_reader, "CHUNK", 3)
    snapshot = Snapshot.create()
    for number in range(10):
        snapshot.add_scope(user(number))
    seen = []
    for scope, _ in snapshot.pending_reads(Level.USER, [SETTINGS]):
        snapshot.record(scope, SETTINGS, document())
        seen.append(scope.id)
    assert seen == [f"u{number}" for number in range(10)]
    assert list(snapshot.pending_reads(Level.USER, [SETTINGS])) == []


# What is there


def test_a_snapshot_is_empty_until_a_document_came() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    snapshot.record(ACCOUNT, SETTINGS, refusal(Cause.DENIED))
    assert snapshot.is_empty()
    snapshot.record(ACCOUNT, SETTINGS, document())
    assert not snapshot.is_empty()


def test_scopes_are_counted_by_level() -> None:
    snapshot = Snapshot.create()
    for scope in (ACCOUNT, user(1), user(2)):
        snapshot.add_scope(scope)
    assert [snapshot.count(level) for level in (Level.ACCOUNT, Level.GROUP, Level.USER)] == [
        1, 0, 2,
    ]  # fmt: skip
    assert snapshot.has(user(1))
    assert not snapshot.has(user(3))


def test_members_are_known_where_a_user_names_a_group() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(user(1))
    assert not snapshot.has_members()
    snapshot.add_scope(user(2, "g1"))
    assert snapshot.has_members()


def test_a_group_that_nobody_names_any_more_makes_no_members() -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1, "g1"))
    listed(snapshot, user(1))
    assert not snapshot.has_members()


def test_a_meeting_carries_the_groups_of_its_host_but_makes_no_members() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(Scope(Level.MEETING, "81", group_ids=("g1",)))
    assert not snapshot.has_members()


def test_a_snapshot_without_an_account_says_that_its_run_broke_off() -> None:
    with pytest.raises(SnapshotError, match="contains no account"):
        Snapshot.create().account()


def test_users_alike_in_all_but_their_times_have_one_profile_and_one_membership() -> None:
    snapshot = Snapshot.create()
    for number, at in ((1, AT), (2, NEW)):
        snapshot.add_scope(user(number, "g1"))
        snapshot.record(user(number), SETTINGS, document(at=at))
    snapshot.add_scope(user(3))
    first, second, third = snapshot.evidence(Level.USER)
    assert (first.profile, first.membership) == (second.profile, second.membership)
    assert third.profile != first.profile
    assert third.membership != first.membership
    assert second.outcomes[SETTINGS].observed_at == NEW


def test_what_is_recorded_for_a_scope_that_is_not_there_is_left_out() -> None:
    snapshot = Snapshot.create()
    snapshot.record(user(1), SETTINGS, document())
    assert users(snapshot) == []


def test_a_dropped_scope_is_gone_with_all_that_was_read_of_it() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(user(1))
    snapshot.record(user(1), SETTINGS, document())
    snapshot.drop(user(1))
    snapshot.add_scope(user(1))
    assert due(snapshot) == {"u1": {SETTINGS, LOCKS}}


# Lists that are read, and read again


def test_a_list_counts_whom_it_names_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.evidence.snapshot.CHUNK", 2)
    snapshot = Snapshot.create()
    assert listed(snapshot, user(1), user(2), user(1), user(3), user(2)) == 3
    assert len(users(snapshot)) == 3


def test_a_list_that_is_read_again_forgets_who_is_gone() -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1), user(2))
    snapshot.record(user(2), SETTINGS, document())
    assert listed(snapshot, user(1)) == 1
    assert users(snapshot) == [user(1)]


def test_a_list_that_is_read_again_takes_over_new_names_and_groups_and_keeps_documents() -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1, "g1", name="Ada"))
    snapshot.record(user(1), SETTINGS, document("kept"))
    listed(snapshot, user(1, "g2", name="Ada Lovelace"))
    (only,) = snapshot.evidence(Level.USER)
    assert only.scope == user(1, "g2", name="Ada Lovelace")
    assert only.outcomes[SETTINGS] == document("kept")


def test_a_list_leaves_those_of_other_lists_and_levels_alone() -> None:
    snapshot = Snapshot.create()
    snapshot.list_scopes(Level.GROUP, "", iter([Scope(Level.GROUP, "g1")]))
    listed(snapshot, user(1))
    listed(snapshot, user(2, status="inactive"), status="inactive")
    assert listed(snapshot) == 0
    assert [scope.id for scope in users(snapshot)] == ["u2"]
    assert snapshot.count(Level.GROUP) == 1


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ("active", "inactive", "active"),
        ("active", "pending", "active"),
        ("inactive", "pending", "inactive"),
        ("inactive", "active", "active"),
        ("pending", "active", "active"),
        ("pending", "inactive", "inactive"),
    ],
)
def test_a_user_in_two_lists_is_active_before_inactive_before_invited(
    first: str, second: str, wins: str
) -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1, status=first), status=first)
    listed(snapshot, user(1, status=second), status=second)
    assert [scope.status for scope in users(snapshot)] == [wins]


@pytest.mark.parametrize("before", ["inactive", "pending"])
def test_a_user_who_has_become_active_is_not_lost_when_the_lists_are_read_again(
    before: str,
) -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1, status=before), status=before)
    listed(snapshot, user(1))
    listed(snapshot, status=before)
    assert users(snapshot) == [user(1)]


def test_a_list_that_breaks_off_has_named_these_and_forgets_nobody() -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1), user(2))

    def broken() -> Iterator[Scope]:
        yield user(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshot.list_scopes(Level.USER, "active", broken())
    assert [scope.id for scope in users(snapshot)] == ["u1", "u2", "u3"]


def test_groups_can_be_told_afterwards_and_only_of_scopes_that_are_there() -> None:
    snapshot = Snapshot.create()
    listed(snapshot, user(1))
    snapshot.set_groups(Level.USER, "u1", ("g1", "g2"))
    snapshot.set_groups(Level.USER, "u9", ("g1",))
    assert users(snapshot) == [user(1, "g1", "g2")]


# Files


def noise(number: int, size: int = 60_000) -> Document:
    return document(random.Random(number).randbytes(size).hex())


def filled(path: Path, numbers: Iterable[int]) -> Snapshot:
    snapshot = Snapshot.create(path)
    snapshot.add_scope(ACCOUNT)
    for number in numbers:
        snapshot.add_scope(user(number))
        snapshot.record(user(number), SETTINGS, noise(number))
    return snapshot


def limit_disk(snapshot: Snapshot, free_pages: int) -> None:
    """Let SQLite report a full disk; only the snapshot's own connection can be told to."""
    pages = snapshot._db.execute("PRAGMA page_count").fetchone()[0]
    snapshot._db.execute(f"PRAGMA max_page_count = {pages + free_pages}")


def test_a_full_disk_is_told_and_what_was_read_before_is_kept(tmp_path: Path) -> None:
    snapshot = filled(tmp_path / "run.db", range(3))
    snapshot.add_scope(user(3))
    limit_disk(snapshot, free_pages=2)
    with pytest.raises(
        DiskFull, match=r"Everything read so far is kept. Free some space, then continue with"
    ):
        snapshot.record(user(3), SETTINGS, noise(3))
    with Snapshot.open(tmp_path / "run.db") as reader:
        assert [SETTINGS in each.outcomes for each in reader.evidence(Level.USER)] == [
            True, True, True, False,
        ]  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "run.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    snapshot.close()


def test_after_room_was_made_the_same_snapshot_goes_on(tmp_path: Path) -> None:
    snapshot = filled(tmp_path / "run.db", range(3))
    snapshot.add_scope(user(3))
    limit_disk(snapshot, free_pages=2)
    with pytest.raises(DiskFull):
        snapshot.record(user(3), SETTINGS, noise(3))
    limit_disk(snapshot, free_pages=1_000_000)
    snapshot.record(user(3), SETTINGS, noise(3))
    snapshot.record(user(2), SETTINGS, noise(3))
    *_, second, third = snapshot.evidence(Level.USER)
    assert third.outcomes[SETTINGS] == second.outcomes[SETTINGS] == noise(3)
    snapshot.close()


def test_a_document_of_a_batch_that_was_undone_is_stored_when_it_comes_again(
    tmp_path: Path,
) -> None:
    snapshot = filled(tmp_path / "run.db", range(3))
    limit_disk(snapshot, free_pages=2)

    def undone() -> None:
        with snapshot.transaction():
            snapshot.record(user(0), SETTINGS, document("small"))
            snapshot.record(user(1), SETTINGS, noise(9))

    with pytest.raises(DiskFull):
        undone()
    assert next(snapshot.evidence(Level.USER)).outcomes[SETTINGS] == noise(0)
    snapshot.record(user(2), SETTINGS, document("small"))
    snapshot.close()
    with Snapshot.open(tmp_path / "run.db") as reader:
        *_, last = reader.evidence(Level.USER)
        assert last.outcomes[SETTINGS] == document("small")


def test_an_error_that_is_no_matter_of_room_is_told_as_it_is(tmp_path: Path) -> None:
    snapshot = filled(tmp_path / "run.db", range(1))
    with closing(sqlite3.connect(tmp_path / "run.db")) as db:
        db.execute("DROP TABLE meta")
    with pytest.raises(SnapshotError, match="cannot be written: no such table: meta") as caught:
        snapshot.set_metadata("a", "b")
    assert not isinstance(caught.value, DiskFull)
    snapshot.close()


def test_a_finished_run_is_one_compact_file_that_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    snapshot = filled(path, range(3))
    for _ in range(3):
        snapshot.record(user(0), SETTINGS, refusal(Cause.ERROR))
        snapshot.record(user(0), SETTINGS, noise(0))
    before = snapshot.digest()
    snapshot.finish()
    assert snapshot.digest() == before
    snapshot.record(user(1), LOCKS, document())
    assert set(next(snapshot.evidence(Level.USER)).outcomes) == {SETTINGS}
    snapshot.close()
    assert [each.name for each in tmp_path.iterdir()] == ["run.db"]
    with sqlite3.connect(path) as db:
        used = db.execute("SELECT count(DISTINCT profile) FROM scopes").fetchone()
        profiles = db.execute("SELECT count(*) FROM profiles").fetchone()
    db.close()
    assert profiles[0] - used[0] <= 1


def test_a_run_that_cannot_be_made_compact_is_whole_all_the_same(tmp_path: Path) -> None:
    snapshot = filled(tmp_path / "run.db", range(3))
    reader = sqlite3.connect(tmp_path / "run.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM scopes").fetchone()
    snapshot._db.execute("PRAGMA busy_timeout = 0")
    before = snapshot.digest()
    snapshot.finish()
    assert snapshot.digest() == before
    reader.close()
    snapshot.close()


def test_a_snapshot_that_broke_off_can_be_opened_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path, range(2)).close()
    with Snapshot.open(path, write=True) as snapshot:
        snapshot.record(user(1), LOCKS, document())
        assert due(snapshot) == {"u0": {LOCKS}}


def test_a_snapshot_can_be_read_while_another_process_fills_it(tmp_path: Path) -> None:
    writer = filled(tmp_path / "run.db", range(2))
    with writer.transaction():
        writer.record(user(0), LOCKS, document())
        with Snapshot.open(tmp_path / "run.db") as reader:
            assert due(reader) == {"u0": {LOCKS}, "u1": {LOCKS}}
    writer.close()


def test_equal_documents_are_told_after_very_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of documents is bounded; other documents are looked up."""
    monkeypatch.setattr("auditor.evidence.content_store.SMALL", 3)
    snapshot = Snapshot.create()
    for number in range(12):
        snapshot.add_scope(user(number))
        snapshot.record(user(number), SETTINGS, document(number % 6))
    read = [each.outcomes[SETTINGS] for each in snapshot.evidence(Level.USER)]
    bodies = [outcome.body for outcome in read if isinstance(outcome, Document)]
    assert sorted(str(body) for body in bodies) == sorted(str({"body": n % 6}) for n in range(12))
