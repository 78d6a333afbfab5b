"""Differences between two snapshots: compared by value, counted once, never guessed."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from auditor.evidence.diff import SettingChange, compare, setting_changes
from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS, LOGS, MEETING, PHONE
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, ReadFailure, View
from tests.builders import ACCOUNT

AT = "2026-11-21T20:00:00.000Z"
SECURITY = View("settings", "security")
Row = tuple[Scope, Mapping[View, Any]]


def user(zoom_id: str, status: str = "active", **fields: Any) -> Scope:
    return Scope(Level.USER, zoom_id, status=status, **fields)


def group(zoom_id: str, name: str = "") -> Scope:
    return Scope(Level.GROUP, zoom_id, name)


def outcome(view: View, body: Any, at: str = AT) -> Outcome:
    if isinstance(body, Cause):
        return ReadFailure(Unseen(body, "why"), f"GET /{view}", at)
    return Document(body, f"GET /{view}", at)


LISTED: dict[View, Any] = {view: {"listed": 1} for views in LISTINGS.values() for view in views}


def snapshot(
    *rows: Row, account: Mapping[View, Any] | None = None, extent: str = "{}", at: str = AT
) -> Snapshot:
    made = Snapshot.create()
    made.set_metadata("extent", extent)
    for scope, documents in ((ACCOUNT, {**LISTED, **(account or {})}), *rows):
        made.add_scope(scope)
        for view, body in documents.items():
            made.record(scope, view, outcome(view, body, at))
    return made


def of_account(before: Any, after: Any, view: View = SETTINGS) -> list[SettingChange]:
    one, other = (snapshot(account={view: body}) for body in (before, after))
    return list(setting_changes(one, other))


def summary(changes: Iterable[SettingChange]) -> list[tuple[str, Any, Any]]:
    return [(each.setting, each.before, each.after) for each in changes]


def test_a_value_that_changed_is_told_with_its_path_request_and_scope() -> None:
    (change,) = of_account({"a": {"b": True, "c": 1}}, {"a": {"b": False, "c": 1}})
    assert change == SettingChange(ACCOUNT, "GET /settings", "a.b", True, False)


def test_equal_documents_differ_in_nothing_whenever_they_were_read() -> None:
    body = {"a": {"b": [1, {"c": 2}]}, "d": None}
    one, other = snapshot(account={SETTINGS: body}), snapshot(account={SETTINGS: body}, at=AT[:-1])
    assert compare(one, other) == compare(other, one)
    assert compare(one, other).settings == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"a": {"b": 1, "c": {"d": 2}}}, [("a.b", None, 1), ("a.c.d", None, 2)]),
        ({"a": 1}, {"a": 1, "b": {}}, [("b", None, {})]),
        ({"a": 1}, {"a": 1, "b": None}, [("b", None, None)]),
    ],
)
def test_what_appears_is_told_leaf_by_leaf_and_what_vanishes_likewise(
    before: Any, after: Any, expected: list[tuple[str, Any, Any]]
) -> None:
    result = of_account(before, after)
    assert summary(result) == expected
    assert all(each.appeared and not each.vanished for each in result)
    gone = of_account(after, before)
    assert summary(gone) == [(path, value, None) for path, _, value in expected]
    assert all(each.vanished and not each.appeared for each in gone)


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, True), (0, False), ("1", 1), (None, False), ({"b": 1}, True), ([], {}), ("", None)],
)
def test_a_value_of_another_type_is_another_value(before: Any, after: Any) -> None:
    assert summary(of_account({"a": before}, {"a": after})) == [("a", before, after)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["US", "EU"], ["EU", "US"]),
        ([{"x": 1}, {"x": 2}], [{"x": 2}, {"x": 1}]),
        ([{"id": "p", "n": [1, 2]}, {"id": "q"}], [{"id": "q"}, {"id": "p", "n": [2, 1]}]),
        (1, 1.0),
    ],
)
def test_another_order_or_another_way_to_write_a_number_is_no_change(
    before: Any, after: Any
) -> None:
    assert of_account({"a": before}, {"a": after}) == []


def test_objects_of_a_list_are_told_apart_by_their_ids() -> None:
    before = [{"id": "p", "on": True}, {"id": "q", "on": True}]
    after = [{"id": "r", "on": True}, {"id": "q", "on": False}]
    assert summary(of_account({"a": before}, {"a": after})) == [
        ("a[p].id", "p", None),
        ("a[p].on", True, None),
        ("a[q].on", True, False),
        ("a[r].id", None, "r"),
        ("a[r].on", None, True),
    ]


@pytest.mark.parametrize("ids", [("p", "p"), ("p", None), ("p", True), ("p", "")])
def test_a_list_whose_objects_have_no_ids_of_their_own_is_one_value(ids: tuple[Any, Any]) -> None:
    before = [{"id": each} for each in ids]
    assert summary(of_account({"a": before}, {"a": before[:1]})) == [("a", before, before[:1])]


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("turned", [False, True])
def test_a_document_that_one_run_could_not_read_is_no_change_but_unread(
    cause: Cause, turned: bool
) -> None:
    runs = [snapshot(account={SETTINGS: body}) for body in ({"a": 1}, cause)]
    result = compare(*reversed(runs)) if turned else compare(*runs)
    assert result.settings == ()
    assert result.unread == {Level.ACCOUNT: 1}


def test_a_document_that_one_run_did_not_ask_for_is_no_change() -> None:
    runs = snapshot(account={SETTINGS: {"a": 1}}), snapshot(account={LOCKS: {"a": True}})
    assert compare(*runs).settings == ()


def test_locks_are_settings_and_told_by_their_request() -> None:
    (change,) = of_account({"a": True}, {"a": False}, LOCKS)
    assert change.source == "GET /lock_settings"


def test_counters_lists_and_logs_are_no_settings() -> None:
    volatile = (LOGS, LISTINGS[Level.GROUP][0], COVERAGE_VIEWS[Level.MEETING, "meeting"])
    for view in volatile:
        assert of_account({"listed": 1}, {"listed": 2}, view) == []


def test_a_section_that_stands_in_two_views_changes_once() -> None:
    runs = (
        snapshot(account={view: {"security": {"a": on}} for view in (SETTINGS, SECURITY)})
        for on in (True, False)
    )
    (change,) = compare(*runs).settings
    assert change.source == "GET /settings"


def test_what_only_an_option_view_has_is_told_too() -> None:
    (change,) = of_account({"security": {"a": 1}}, {"security": {"a": 2}}, SECURITY)
    assert change.source == "GET /settings?option=security"


def test_equal_changes_of_a_level_are_one_with_their_number_and_the_first_scope() -> None:
    def run(on: bool) -> Snapshot:
        people = ((user(f"u{n}"), {SETTINGS: {"a": on, "other": n % 3}}) for n in range(9))
        teams = ((group(f"g{n}", f"Team {n}"), {SETTINGS: {"a": on}}) for n in (1, 2))
        return snapshot(*people, *teams)

    result = compare(run(False), run(True)).settings
    assert [(each.scope.id, each.scope.level, each.scopes) for each in result] == [
        ("g1", Level.GROUP, 2),
        ("u0", Level.USER, 9),
    ]


def test_the_first_scope_is_the_first_by_id_whatever_order_evidence_comes_in() -> None:
    def run(values: Mapping[str, int]) -> Snapshot:
        return snapshot(*((user(name), {SETTINGS: {"a": on}}) for name, on in values.items()))

    before = run({"b": 1, "a": 1, "c": 1})
    after = run({"c": 2, "b": 2, "a": 1})
    (change,) = compare(before, after).settings
    assert (change.scope.id, change.scopes) == ("b", 2)


def test_a_scope_goes_by_its_newest_name() -> None:
    runs = (
        snapshot((group("g1", name), {SETTINGS: {"a": name}})) for name in ("Sales", "Field sales")
    )
    (change,) = compare(*runs).settings
    assert change.scope.name == "Field sales"


def test_scopes_that_came_or_went_are_counted_and_their_settings_are_no_changes() -> None:
    before = snapshot(*((user(name), {SETTINGS: {"a": 1}}) for name in "abc"), (group("g1"), {}))
    after = snapshot(*((user(name), {SETTINGS: {"a": 2}}) for name in "de"), (group("g1"), {}))
    result = compare(before, after)
    assert (result.settings, result.added, result.removed) == ((), {Level.USER: 2}, {Level.USER: 3})
    assert result.unlisted == ()


@pytest.mark.parametrize("view", LISTINGS[Level.USER])
@pytest.mark.parametrize("refused_first", [False, True])
def test_a_level_that_one_run_could_not_list_has_lost_nobody(
    view: View, refused_first: bool
) -> None:
    whole = snapshot((user("a"), {}), (user("b"), {}), (group("g1"), {}))
    partial = snapshot((user("a"), {}), account={view: Cause.DENIED})
    result = compare(partial, whole) if refused_first else compare(whole, partial)
    assert Level.USER not in {**result.added, **result.removed}
    assert result.unlisted == (Level.USER,)
    assert (result.added if refused_first else result.removed) == {Level.GROUP: 1}


def test_an_invited_user_is_nobody_yet() -> None:
    before = snapshot((user("a", "pending"), {}), (user("b", "pending"), {}))
    after = snapshot((user("a"), {}), (user("c", "pending"), {}))
    assert compare(before, after).added == {Level.USER: 1}
    assert compare(before, after).removed == {}


def test_a_meeting_that_is_over_counts_only_where_both_runs_looked_for_the_same() -> None:
    listed = {COVERAGE_VIEWS[Level.MEETING, "meeting"]: {"listed": 1, "read": 1}}
    meeting: Row = (
        Scope(Level.MEETING, "1", "Review", status="active"),
        {MEETING: {"settings": {}}},
    )
    past: Row = Scope(Level.MEETING, "uuid", "past meeting"), {}
    before = snapshot(meeting, past, account=listed)
    assert compare(before, snapshot(account=listed)).removed == {Level.MEETING: 1}
    other = snapshot(account=listed, extent='{"meetings": {"per_host": 1}}')
    assert compare(before, other).removed == {}


def test_phone_policies_are_compared() -> None:
    phone = Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone")
    runs = (snapshot((phone, {PHONE: {"call_summary": {"enable": on}}})) for on in (False, True))
    (change,) = compare(*runs).settings
    assert (change.setting, change.scope.level) == ("call_summary.enable", Level.PHONE_ACCOUNT)


def test_users_whose_settings_only_one_run_read_are_counted() -> None:
    documents: list[Mapping[View, Any]] = [{SETTINGS: {"a": 1}}, {}]
    before = snapshot((user("a"), documents[0]), (user("b"), documents[1]), (user("c"), {}))
    after = snapshot((user("a"), documents[1]), (user("b"), documents[0]), (user("c"), {}))
    assert compare(before, after).unread == {Level.USER: 2}


@pytest.mark.parametrize("users", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_many_users_with_few_documents_are_compared_in_seconds(users: int) -> None:
    """40 distinct documents; the time allowed is some ten times what 20,000 users take."""

    def run(flip: bool) -> Snapshot:
        made = snapshot()
        with made.transaction():
            for n in range(users):
                scope = user(f"u{n:06}", email=f"u{n}@example.com")
                made.add_scope(scope)
                body: JsonValue = {"section": {"kind": n % 40, "on": flip and n % 2 == 0}}
                made.record(scope, SETTINGS, Document(body, "GET /settings", AT))
        return made

    before, after = run(False), run(True)
    began = time.process_time()
    (change,) = compare(before, after).settings
    assert time.process_time() - began < 10
    assert (change.setting, change.scopes, change.scope.id) == (
        "section.on", users // 2, "u000000",
    )  # fmt: skip
