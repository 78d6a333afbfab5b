"""The snapshot: returns what was recorded, stores equal documents once, and has one digest."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence import content_store
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import FORMAT, ScopeEvidence, Snapshot, SnapshotError
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, ReadFailure, View
from tests.names import same_everywhere

AT = "2026-11-21T20:00:00.123Z"
ACCOUNT = Scope(Level.ACCOUNT, "acc", "account")
GROUP = Scope(Level.GROUP, "g1", "Legal")
USER = Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1", "g2"), 2, "active")
DENIED = ReadFailure(Unseen(Cause.DENIED, "Zoom said no"), "GET /locks", AT)


def document(body: Any, source: str = "GET /settings", at: str = AT) -> Document:
    return Document(body, source, at)


def body_of(evidence: ScopeEvidence) -> Any:
    outcome = evidence.outcomes[SETTINGS]
    assert isinstance(outcome, Document)
    return outcome.body


def filled(snapshot: Snapshot) -> Snapshot:
    for scope in (ACCOUNT, GROUP, USER):
        snapshot.add_scope(scope)
    snapshot.record(ACCOUNT, SETTINGS, document({"a": 1}))
    snapshot.record(ACCOUNT, LOCKS, DENIED)
    snapshot.record(USER, SETTINGS, document({"b": [None, True, 1.5, "ü"]}, "GET /users"))
    snapshot.record(USER, View("settings", "security"), document({}, "GET /users?option=security"))
    return snapshot


def everything(
    snapshot: Snapshot,
) -> dict[Level, list[tuple[Scope, dict[View, Outcome], dict[View, str]]]]:
    return {
        level: [(e.scope, dict(e.outcomes), dict(e.digests)) for e in snapshot.evidence(level)]
        for level in Level
    }


# Round trip


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_was_recorded_comes_back(tmp_path: Path, on_disk: bool) -> None:
    path = tmp_path / "run.db" if on_disk else None
    snapshot = filled(Snapshot.create(path))
    if path is not None:
        snapshot.close()
        snapshot = Snapshot.open(path)
    evidence = everything(snapshot)
    ((account, outcomes, digests),) = evidence[Level.ACCOUNT]
    assert account == ACCOUNT
    assert outcomes == {SETTINGS: document({"a": 1}), LOCKS: DENIED}
    assert set(digests) == {SETTINGS}
    ((user, outcomes, digests),) = evidence[Level.USER]
    assert user == USER
    assert outcomes == {
        SETTINGS: document({"b": [None, True, 1.5, "ü"]}, "GET /users"),
        View("settings", "security"): document({}, "GET /users?option=security"),
    }
    assert set(digests) == set(outcomes)
    assert evidence[Level.GROUP] == [(GROUP, {}, {})]
    assert evidence[Level.MEETING] == []
    snapshot.close()


def test_scopes_come_by_id_whatever_order_they_were_added_in() -> None:
    snapshot = Snapshot.create()
    for zoom_id in ("b", "a", "C", "10", "9"):
        snapshot.add_scope(Scope(Level.USER, zoom_id))
    assert [s.id for s in snapshot.scopes(Level.USER)] == ["10", "9", "C", "a", "b"]
    assert [e.scope.id for e in snapshot.evidence(Level.USER)] == ["10", "9", "C", "a", "b"]


def test_a_scope_that_is_known_stays_as_it_was_first_seen() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(USER)
    snapshot.add_scope(Scope(Level.USER, "u1", "Other", status="pending"))
    assert list(snapshot.scopes(Level.USER)) == [USER]


def test_equal_ids_at_two_levels_are_two_scopes() -> None:
    snapshot = Snapshot.create()
    for level in (Level.GROUP, Level.USER):
        snapshot.add_scope(Scope(level, "x"))
        snapshot.record(Scope(level, "x"), SETTINGS, document({"level": level.value}))
    for level in (Level.GROUP, Level.USER):
        (only,) = snapshot.evidence(level)
        assert body_of(only) == {"level": level.value}


def test_a_second_answer_to_the_same_request_replaces_the_first() -> None:
    snapshot = filled(Snapshot.create())
    snapshot.record(ACCOUNT, SETTINGS, ReadFailure(Unseen(Cause.ERROR), "GET /settings", AT))
    (only,) = snapshot.evidence(Level.ACCOUNT)
    failure = only.outcomes[SETTINGS]
    assert isinstance(failure, ReadFailure)
    assert failure.unseen == Unseen(Cause.ERROR, "")
    assert SETTINGS not in only.digests
    snapshot.record(ACCOUNT, SETTINGS, document({"a": 2}))
    (only,) = snapshot.evidence(Level.ACCOUNT)
    assert body_of(only) == {"a": 2}


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_comes_back(cause: Cause) -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    refusal = ReadFailure(Unseen(cause, "why"), "GET /x", AT)
    snapshot.record(ACCOUNT, SETTINGS, refusal)
    (only,) = snapshot.evidence(Level.ACCOUNT)
    assert only.outcomes == {SETTINGS: refusal}


@pytest.mark.parametrize(
    "body",
    [None, True, 0, 1.5, "", "text", [], {}, [1, [2]], {"ü": {"": None}}, {"x": 2**70}],
    ids=same_everywhere,
)
def test_any_json_comes_back(body: Any) -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    snapshot.record(ACCOUNT, SETTINGS, document(body))
    (only,) = snapshot.evidence(Level.ACCOUNT)
    assert body_of(only) == body
    assert type(body_of(only)) is type(body)


HOSTILE = {
    "quotes": "Robert'); DROP TABLE scopes;--",
    "newlines": "a\r\nb\tc",
    "nul": "a\x00b",
    "separators": "a\x1fb\x1ec",
    "rtl": "invoice\u202efdp.exe",
    "emoji": "👩‍⚕️ Klinik 日本語",
    "long": "x" * 10_000,
    "empty": "",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_come_back_as_they_are(text: str) -> None:
    scope = Scope(Level.USER, f"id{text}", text, text, ("g1", f"g{text}"), None, text)
    snapshot = Snapshot.create()
    snapshot.add_scope(scope)
    snapshot.record(scope, SETTINGS, document({text: text}, text))
    snapshot.set_metadata("k", text)
    (only,) = snapshot.evidence(Level.USER)
    assert only.scope == scope
    assert only.outcomes == {SETTINGS: document({text: text}, text)}
    assert snapshot.meta("k") == text
    assert snapshot.digest().startswith("sha256:")


def test_half_characters_in_a_document_come_back() -> None:
    body = {"half \ud83d": ["\udc00"]}
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    snapshot.record(ACCOUNT, SETTINGS, document(body))
    (only,) = snapshot.evidence(Level.ACCOUNT)
    assert body_of(only) == body


def test_a_group_id_with_a_space_stays_one_group() -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(Scope(Level.USER, "u", group_ids=("a b", "c")))
    (only,) = snapshot.scopes(Level.USER)
    assert only.group_ids == ("a b", "c")


@pytest.mark.parametrize(
    ("observed_at", "recorded_at"),
    [
        ("2026-11-21T20:00:00Z", "2026-11-21T20:00:00.000Z"),
        ("2026-11-21T21:30:00.5+01:30", "2026-11-21T20:00:00.500Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_kept_to_the_millisecond_in_utc(observed_at: str, recorded_at: str) -> None:
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    snapshot.record(ACCOUNT, SETTINGS, document({}, at=observed_at))
    (only,) = snapshot.evidence(Level.ACCOUNT)
    assert only.outcomes[SETTINGS].observed_at == recorded_at


def test_facts_of_the_run_are_kept_and_can_change() -> None:
    snapshot = Snapshot.create()
    assert snapshot.meta("depth") is None
    assert snapshot.meta("format") == FORMAT
    snapshot.set_metadata("depth", "user")
    snapshot.set_metadata("depth", "group")
    assert snapshot.meta("depth") == "group"


# Equal documents


def test_equal_documents_are_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    snapshot = Snapshot.create(path)
    with snapshot.transaction():
        for n in range(300):
            scope = Scope(Level.USER, f"u{n:03}")
            snapshot.add_scope(scope)
            body = (
                {"n": n % 3, "x": {"a": 1, "b": 2}}
                if n % 2
                else {"x": {"b": 2, "a": 1}, "n": n % 3}
            )
            snapshot.record(scope, SETTINGS, document(body))
    digests = {e.digests[SETTINGS] for e in snapshot.evidence(Level.USER)}
    bodies = {id(body_of(e)) for e in snapshot.evidence(Level.USER)}
    assert len(digests) == len(bodies) == 3
    snapshot.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM documents").fetchone() == (3,)
    db.close()


def test_documents_that_only_look_equal_are_not_one() -> None:
    snapshot = Snapshot.create()
    bodies = [{"a": 1}, {"a": True}, {"a": 1.0}, {"a": "1"}, {"a": None}, {"a": [1]}, {}, [], None]
    for n, body in enumerate(bodies):
        scope = Scope(Level.USER, f"u{n}")
        snapshot.add_scope(scope)
        snapshot.record(scope, SETTINGS, document(body))
    evidence = list(snapshot.evidence(Level.USER))
    assert len({e.digests[SETTINGS] for e in evidence}) == len(bodies)
    assert [repr(body_of(e)) for e in evidence] == [repr(body) for body in bodies]


def test_documents_recorded_after_reopening_are_recognised(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    first = filled(Snapshot.create(path))
    (before,) = first.evidence(Level.ACCOUNT)
    first.close()
    second = Snapshot(sqlite3.connect(path, isolation_level=None))
    second.add_scope(Scope(Level.USER, "u2"))
    second.record(Scope(Level.USER, "u2"), SETTINGS, document({"a": 1}))
    assert [e.digests.get(SETTINGS) for e in second.evidence(Level.USER)][1] == (
        before.digests[SETTINGS]
    )
    second.close()


def test_documents_beyond_the_cache_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(content_store, "DOCUMENTS", 4)
    snapshot = Snapshot.create()
    for n in range(20):
        scope = Scope(Level.USER, f"u{n:02}")
        snapshot.add_scope(scope)
        snapshot.record(scope, SETTINGS, document({"n": n}))
    evidence = [body_of(e)["n"] for e in snapshot.evidence(Level.USER)]
    assert evidence == list(range(20))


# The digest


def test_the_digest_does_not_depend_on_times_order_or_wording() -> None:
    one, other = filled(Snapshot.create()), Snapshot.create()
    late = "2027-01-01T00:00:00Z"
    for scope in (USER, ACCOUNT, GROUP):
        other.add_scope(scope)
    security = View("settings", "security")
    other.record(USER, security, document({}, "GET /users?option=security", late))
    other.record(USER, SETTINGS, document({"b": [None, True, 1.5, "ü"]}, "GET /users", late))
    denied = ReadFailure(Unseen(Cause.DENIED, "tracking id 5"), "GET /locks", late)
    other.record(ACCOUNT, LOCKS, denied)
    other.record(ACCOUNT, SETTINGS, document({"a": 1}, at=late))
    other.set_metadata("finished_at", late)
    assert one.digest() == other.digest()
    assert one.digest().startswith("sha256:")
    assert len(one.digest()) == len("sha256:") + 64


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.record(ACCOUNT, SETTINGS, document({"a": 2})),
        lambda s: s.record(ACCOUNT, SETTINGS, document({"a": True})),
        lambda s: s.record(ACCOUNT, LOCKS, ReadFailure(Unseen(Cause.ERROR), "GET /locks", AT)),
        lambda s: s.record(ACCOUNT, LOCKS, document({}, "GET /locks")),
        lambda s: s.record(GROUP, SETTINGS, document({"a": 1})),
        lambda s: s.record(ACCOUNT, View("settings", "x"), document({"a": 1}, "GET /x")),
        lambda s: s.add_scope(Scope(Level.GROUP, "g2")),
    ],
)
def test_other_evidence_has_another_digest(change: Callable[[Snapshot], None]) -> None:
    before = filled(Snapshot.create()).digest()
    snapshot = filled(Snapshot.create())
    change(snapshot)
    assert snapshot.digest() != before


@pytest.mark.parametrize(
    "other",
    [
        Scope(Level.USER, "u2", "Ada", "ada@example.com", ("g1",), 2, "active"),
        Scope(Level.USER, "u1", "Eve", "ada@example.com", ("g1",), 2, "active"),
        Scope(Level.USER, "u1", "Ada", "eve@example.com", ("g1",), 2, "active"),
        Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g2",), 2, "active"),
        Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 1, "active"),
        Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 2, "inactive"),
    ],
)
def test_what_a_list_says_of_a_user_is_evidence_too(other: Scope) -> None:
    """Groups and licences decide verdicts: another membership is other evidence."""
    one, two = Snapshot.create(), Snapshot.create()
    one.add_scope(Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 2, "active"))
    two.add_scope(other)
    assert one.digest() != two.digest()


def test_an_empty_snapshot_has_a_digest() -> None:
    assert Snapshot.create().digest() == Snapshot.create().digest()


# Files


def test_a_snapshot_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    Snapshot.create(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(SnapshotError, match="exists already"):
        Snapshot.create(path)
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="cannot be written: unable to open"):
        Snapshot.create(tmp_path / "nowhere" / "run.db")


def test_a_snapshot_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.db", tmp_path):
        with pytest.raises(SnapshotError, match="there is no such snapshot"):
            Snapshot.open(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00" + b"\x00" * 200])
def test_a_file_that_is_no_snapshot_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=r"some\.db: not a snapshot of the auditor"):
        Snapshot.open(path)


@pytest.mark.parametrize(("format_", "shown"), [("auditor/snapshot/v9", "v9"), (None, "unknown")])
def test_another_format_is_told_with_the_one_that_is_read(
    tmp_path: Path, format_: str | None, shown: str
) -> None:
    path = tmp_path / "run.db"
    snapshot = Snapshot.create(path)
    if format_ is not None:
        snapshot.set_metadata("format", format_)
    snapshot.close()
    if format_ is None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("DELETE FROM meta")
    with pytest.raises(SnapshotError) as caught:
        Snapshot.open(path)
    assert shown in str(caught.value)
    assert f"this version reads {FORMAT}" in str(caught.value)


def test_a_path_that_sqlite_cannot_open_is_told(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(6):
        deep /= "d" * 200
    deep.mkdir(parents=True)
    path = deep / "run.db"
    path.write_bytes(b"")
    with pytest.raises(SnapshotError):
        Snapshot.open(path)


def test_a_name_with_the_signs_of_an_address_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=rw#50%.db"
    filled(Snapshot.create(path)).close()
    snapshot = Snapshot.open(path)
    assert len(list(snapshot.scopes(Level.USER))) == 1
    snapshot.close()


def test_a_relative_path_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    filled(Snapshot.create(Path("run.db"))).close()
    Snapshot.open(Path("run.db")).close()


def test_an_opened_snapshot_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(Snapshot.create(path)).close()
    snapshot = Snapshot.open(path)
    with pytest.raises(SnapshotError, match="readonly"):
        snapshot.add_scope(Scope(Level.USER, "u2"))
    snapshot.close()


def test_what_was_written_before_an_error_in_a_batch_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    snapshot = Snapshot.create(path)

    def broken_off() -> None:
        with snapshot.transaction():
            snapshot.add_scope(USER)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    reader = Snapshot.open(path)
    assert list(reader.scopes(Level.USER)) == [USER]
    reader.close()
    snapshot.close()


def test_the_evidence_can_be_left_half_way_and_read_again() -> None:
    snapshot = Snapshot.create()
    for n in range(5):
        snapshot.add_scope(Scope(Level.USER, f"u{n}"))
    assert next(snapshot.evidence(Level.USER)).scope.id == "u0"
    assert len(list(snapshot.evidence(Level.USER))) == 5
