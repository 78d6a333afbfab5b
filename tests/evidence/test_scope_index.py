"""The scope index: a number for each scope, in the orders that reports need."""

from pathlib import Path

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document

AT, LATER = "2026-11-21T20:00:00.000Z", "2026-11-21T20:00:01.500Z"
NAMED = {
    "u1": Scope(Level.USER, "u1", "beta"),
    "u2": Scope(Level.USER, "u2", "Alpha"),
    "u3": Scope(Level.USER, "u3", "", "alps@example.com"),
    "u4": Scope(Level.USER, "u4"),
    "u5": Scope(Level.USER, "u5", "BETA", group_ids=("g1",), licence=2, status="active"),
}


def people() -> Snapshot:
    snapshot = Snapshot.create()
    for scope in NAMED.values():
        snapshot.add_scope(scope)
    snapshot.add_scope(Scope(Level.GROUP, "u1", "a group"))
    return snapshot


def test_scopes_come_by_id_with_their_numbers() -> None:
    index = people().scope_index()
    index.set([(Level.USER, "u5", 7), (Level.USER, "u1", 3), (Level.USER, "u2", 7)])
    result = [(each.scope, each.number) for each in index.scopes(Level.USER, [3, 7])]
    assert result == [(NAMED["u1"], 3), (NAMED["u2"], 7), (NAMED["u5"], 7)]


def test_scopes_come_by_the_name_people_know_then_by_id() -> None:
    index = people().scope_index()
    index.set((Level.USER, zoom_id, 0) for zoom_id in NAMED)
    result = [each.scope.id for each in index.scopes(Level.USER, [0], by_name=True)]
    assert result == ["u2", "u3", "u1", "u5", "u4"]
    by_label = sorted(NAMED.values(), key=lambda scope: (scope.label.casefold(), scope.id))
    assert result == [scope.id for scope in by_label]


def test_names_that_no_ascii_order_knows_are_ordered_as_python_does() -> None:
    snapshot = Snapshot.create()
    names = ["Ärger", "zebra", "Straße", "STRASSE", "日本", "👩‍⚕️", "a\x00b", "A", ""]
    for number, name in enumerate(names):
        snapshot.add_scope(Scope(Level.USER, f"u{number}", name))
    index = snapshot.scope_index()
    index.set((Level.USER, f"u{number}", 0) for number in range(len(names)))
    result = [each.scope for each in index.scopes(Level.USER, [0], by_name=True)]
    assert result == sorted(result, key=lambda scope: (scope.label.casefold(), scope.id))


def test_only_the_numbers_asked_for_come_and_only_of_that_level() -> None:
    index = people().scope_index()
    index.set([(Level.USER, "u1", 1), (Level.USER, "u2", 2), (Level.GROUP, "u1", 1)])
    assert [each.scope.id for each in index.scopes(Level.USER, [1])] == ["u1"]
    assert list(index.scopes(Level.USER, [])) == []


def test_a_later_number_replaces_the_earlier_one() -> None:
    index = people().scope_index()
    index.set([(Level.USER, "u1", 1)])
    index.set([(Level.USER, "u1", 2)])
    assert [each.number for each in index.scopes(Level.USER, [1, 2])] == [2]


def test_each_judgement_of_a_snapshot_has_marks_of_its_own() -> None:
    snapshot = people()
    first, second = snapshot.scope_index(), snapshot.scope_index()
    first.set([(Level.USER, "u1", 1)])
    assert list(second.scopes(Level.USER, [1])) == []


def test_a_scope_tells_when_each_of_its_requests_was_answered() -> None:
    snapshot = people()
    snapshot.record(NAMED["u1"], SETTINGS, Document({}, "GET /settings", LATER))
    snapshot.record(NAMED["u1"], LOCKS, Document({}, "GET /locks", AT))
    index = snapshot.scope_index()
    index.set([(Level.USER, "u1", 0)])
    (only,) = index.scopes(Level.USER, [0])
    assert only.observed_at == {"GET /settings": LATER, "GET /locks": AT}


def test_very_many_numbers_can_be_asked_for() -> None:
    index = people().scope_index()
    index.set([(Level.USER, "u1", 299_999)])
    assert len(list(index.scopes(Level.USER, range(300_000)))) == 1


def test_marks_can_be_made_beside_a_snapshot_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    written = Snapshot.create(path)
    written.add_scope(NAMED["u1"])
    written.close()
    before = path.read_bytes()
    with Snapshot.open(path) as snapshot:
        index = snapshot.scope_index()
        index.set([(Level.USER, "u1", 4)])
        assert [each.number for each in index.scopes(Level.USER, [4])] == [4]
    assert path.read_bytes() == before


def test_each_number_tells_between_which_times_its_requests_were_answered() -> None:
    snapshot = people()
    times = {"u1": (AT, LATER), "u2": (LATER, AT), "u3": (AT, AT)}
    for zoom_id, (of_settings, of_locks) in times.items():
        snapshot.record(NAMED[zoom_id], SETTINGS, Document({}, "GET /settings", of_settings))
        snapshot.record(NAMED[zoom_id], LOCKS, Document({}, "GET /locks", of_locks))
    index = snapshot.scope_index()
    index.set([(Level.USER, "u1", 1), (Level.USER, "u2", 1), (Level.USER, "u3", 2)])
    assert sorted(index.time_ranges()) == [
        (1, "GET /locks", AT, LATER),
        (1, "GET /settings", AT, LATER),
        (2, "GET /locks", AT, AT),
        (2, "GET /settings", AT, AT),
    ]


def test_what_was_not_read_has_no_times() -> None:
    index = people().scope_index()
    index.set([(Level.USER, "u1", 1)])
    assert list(index.time_ranges()) == []
