"""Locks: the meaning of flags, the deciding layer, and who can still change a value."""

from typing import Any

import pytest

from auditor.evidence.reading import Cause, JsonValue, Seen, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, Outcome, View
from auditor.policy.catalogue.controls import Check
from auditor.policy.reading import locks
from auditor.policy.reading.locks import STRING_FLAGS, LockDocuments
from tests.builders import (
    ACCOUNT,
    GROUP,
    USER,
    Bodies,
    check,
    document,
    locks_body,
    nested,
    outcomes,
    read_failure,
    user,
)
from tests.names import same_everywhere

SECURITY = View("lock_settings", "meeting_security")
E2E = check("meeting_security.e2e", view="meeting_security")
CHIME = check("in_meeting.entry_exit_chime", type="string")


@pytest.mark.parametrize(
    ("value", "locked"),
    [
        (True, True),
        (False, False),
        ({"locked": True}, True),
        ({"locked": False, "other": True}, False),
    ],
)
def test_a_flag_says_locked_or_not(value: JsonValue, locked: bool) -> None:
    assert locks.flag("a.b", value) == Seen(locked, "a.b")


@pytest.mark.parametrize(
    ("path", "value", "locked"),
    [
        ("ai", {"a": True, "b": {"c": True}}, True),
        ("ai", {"a": True, "b": {"c": False}}, False),
        ("ai", {"a": True, "b": False}, False),
        ("recording.ip_address_access_control", {"enable": True}, True),
        ("recording.ip_address_access_control", {"enable": False, "ip_addresses": "x"}, False),
    ],
)
def test_an_object_says_locked_where_zoom_documents_one(
    path: str, value: JsonValue, locked: bool
) -> None:
    assert locks.flag(path, value) == Seen(locked, path)


@pytest.mark.parametrize(
    "value",
    [{"unlocked": True}, {"enable": True}, {"value": False}, {"a": True, "b": {"c": True}}],
)
def test_an_object_of_no_documented_shape_is_no_flag(
    value: JsonValue,
) -> None:
    reading = locks.flag("recording.local_recording", value)
    assert isinstance(reading, Unseen)
    assert reading.cause is Cause.WRONG_TYPE
    assert reading.detail


@pytest.mark.parametrize("value", [{}, {"x": {}}, {"x": "on"}, {"unlocked": True}, {"x": [True]}])
def test_an_umbrella_object_without_a_flag_for_each_setting_says_nothing(
    value: JsonValue,
) -> None:
    reading = locks.flag("ai", value)
    assert isinstance(reading, Unseen)
    assert reading.cause is Cause.WRONG_TYPE
    assert reading.detail


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (None, Cause.WRONG_TYPE),
        (1, Cause.WRONG_TYPE),
        (0, Cause.WRONG_TYPE),
        (1.0, Cause.WRONG_TYPE),
        ("true", Cause.WRONG_TYPE),
        ("locked", Cause.WRONG_TYPE),
        ([], Cause.WRONG_TYPE),
        ([True], Cause.WRONG_TYPE),
        ({}, Cause.WRONG_TYPE),
        ({"locked": "true"}, Cause.WRONG_TYPE),
        ({"locked": None}, Cause.WRONG_TYPE),
        ({"enable": 1}, Cause.WRONG_TYPE),
        ({"a": True, "b": "text"}, Cause.WRONG_TYPE),
        ({"a": {}}, Cause.WRONG_TYPE),
        ({"a": True, "b": []}, Cause.WRONG_TYPE),
    ],
    ids=same_everywhere,
)
def test_a_flag_that_says_neither_is_not_seen(value: Any, cause: Cause) -> None:
    reading = locks.flag("a.b", value)
    assert isinstance(reading, Unseen)
    assert reading.cause is cause
    assert reading.detail


@pytest.mark.parametrize("path", sorted(STRING_FLAGS))
@pytest.mark.parametrize(
    ("word", "locked"), [("true", True), ("Locked", True), ("false", False), ("UNLOCKED", False)]
)
def test_if_zoom_types_the_flag_as_text_its_words_count(path: str, word: str, locked: bool) -> None:
    assert locks.flag(path, word) == Seen(locked, path)


@pytest.mark.parametrize("word", ["", "yes", "1", "on", "host", "x" * 500])
def test_other_words_say_nothing(word: str) -> None:
    reading = locks.flag("in_meeting.entry_exit_chime", word)
    assert isinstance(reading, Unseen)
    assert reading.cause is Cause.UNDOCUMENTED_VALUE
    assert reading.detail
    assert len(reading.detail) < 150


# Where the flag stands


def found(one: Check, bodies: Bodies) -> Seen | Unseen:
    return locks.find(one, outcomes(bodies)).reading


def test_a_flag_stands_at_the_path_of_its_lock() -> None:
    one = check("in_meeting.thing.enable", lock="in_meeting.thing")
    assert found(one, locks_body(True)) == Seen(True, "in_meeting.thing")


@pytest.mark.parametrize(
    "bodies",
    [
        {SECURITY: {"meeting_security": {"e2e": True}}},
        {SECURITY: {"e2e": True}},
        {SECURITY: {}, LOCKS: {"meeting_security": {"e2e": True}}},
    ],
)
def test_a_flag_of_the_security_section_is_found_in_every_shape(
    bodies: Bodies,
) -> None:
    assert found(E2E, bodies) == Seen(True, "meeting_security.e2e")


@pytest.mark.parametrize(
    ("bodies", "cause"),
    [
        ({}, Cause.NOT_COLLECTED),
        ({LOCKS: {"meeting_security": {"e2e": True}}}, Cause.NOT_COLLECTED),
        ({SECURITY: Cause.DENIED, LOCKS: {"meeting_security": {"e2e": True}}}, Cause.DENIED),
        ({SECURITY: Cause.ERROR}, Cause.ERROR),
        ({SECURITY: {}}, Cause.ABSENT),
        ({SECURITY: {}, LOCKS: Cause.DENIED}, Cause.ABSENT),
        ({SECURITY: {}, LOCKS: {"e2e": True}}, Cause.ABSENT),
        ({SECURITY: []}, Cause.ABSENT),
        ({SECURITY: {"meeting_security": {"e2e": "true"}}}, Cause.WRONG_TYPE),
    ],
    ids=same_everywhere,
)
def test_a_flag_that_is_not_there_says_why(bodies: Bodies, cause: Cause) -> None:
    reading = found(E2E, bodies)
    assert isinstance(reading, Unseen)
    assert reading.cause is cause
    assert reading.detail


@pytest.mark.parametrize(
    "outcome",
    [
        document(nested("in_meeting.thing", True), "GET /locks"),
        document({}, "GET /locks"),
        read_failure(Cause.DENIED, "GET /locks"),
    ],
)
def test_a_flag_comes_with_its_request_whether_it_was_seen_or_not(outcome: Outcome) -> None:
    assert locks.find(check(), {LOCKS: outcome}).source == "GET /locks"
    assert locks.find(check(), {}).source == ""


def test_an_absent_flag_is_named() -> None:
    assert found(check(), {LOCKS: {}}) == Unseen(
        Cause.ABSENT, "Zoom did not return the lock in_meeting.thing"
    )


# The chain

BOTH = check()
ON, OFF = locks_body(True), locks_body(False)
UNREAD: Bodies = {}
WRONG = locks_body("maybe")
ALONE = Scope(Level.USER, "u1", group_ids=("g1",))
EVERYONE = ("user", "group_admin", "account_admin")
ADMINS = ("group_admin", "account_admin")
OWNER = ("account_admin",)


def chained(
    scope: Scope,
    account: Bodies,
    group: Bodies,
    one: Check = BOTH,
) -> Any:
    documents = LockDocuments(outcomes(account), {"g1": outcomes(group)})
    found = locks.resolve(one, scope, documents)
    return found.locked, found.decided_by, found.changeable_by


@pytest.mark.parametrize(
    ("scope", "account", "group", "expected"),
    [
        (ACCOUNT, ON, OFF, (True, "account", OWNER)),
        (ACCOUNT, OFF, ON, (False, "account", EVERYONE)),
        (ACCOUNT, UNREAD, ON, (None, "account", EVERYONE)),
        (ACCOUNT, WRONG, ON, (None, "account", EVERYONE)),
        (GROUP, ON, ON, (True, "account", OWNER)),
        (GROUP, ON, OFF, (True, "account", OWNER)),
        (GROUP, ON, UNREAD, (True, "account", OWNER)),
        (GROUP, OFF, ON, (True, "group", ADMINS)),
        (GROUP, OFF, OFF, (False, "group", EVERYONE)),
        (GROUP, OFF, UNREAD, (None, "group", EVERYONE)),
        (GROUP, UNREAD, ON, (True, None, ADMINS)),
        (GROUP, UNREAD, OFF, (False, None, EVERYONE)),
        (GROUP, UNREAD, UNREAD, (None, None, EVERYONE)),
        (ALONE, ON, ON, (True, "account", OWNER)),
        (ALONE, ON, OFF, (True, "account", OWNER)),
        (ALONE, ON, UNREAD, (True, "account", OWNER)),
        (ALONE, OFF, ON, (True, "group", ADMINS)),
        (ALONE, OFF, OFF, (False, "user", EVERYONE)),
        (ALONE, OFF, UNREAD, (None, None, EVERYONE)),
        (ALONE, OFF, WRONG, (None, None, EVERYONE)),
        (ALONE, UNREAD, ON, (True, None, ADMINS)),
        (ALONE, UNREAD, OFF, (None, None, EVERYONE)),
        (ALONE, WRONG, OFF, (None, None, EVERYONE)),
        (ALONE, UNREAD, UNREAD, (None, None, EVERYONE)),
    ],
)
def test_an_account_lock_beats_a_group_lock_and_an_unread_lock_leaves_it_open(
    scope: Scope,
    account: Bodies,
    group: Bodies,
    expected: Any,
) -> None:
    assert chained(scope, account, group) == expected


def test_one_locking_group_of_several_binds_the_user() -> None:
    member = Scope(Level.USER, "u1", group_ids=("g2", "g1"))
    documents = LockDocuments(outcomes(OFF), {"g1": outcomes(ON), "g2": outcomes(OFF)})
    assert locks.resolve(BOTH, member, documents).decided_by == "group"


def test_a_group_whose_locks_nobody_read_leaves_it_open() -> None:
    member = Scope(Level.USER, "u1", group_ids=("g1", "gone"))
    assert chained(member, OFF, OFF) == (None, None, EVERYONE)


def test_a_user_without_a_group_decides_where_the_account_does_not_lock() -> None:
    loner = Scope(Level.USER, "u1")
    assert chained(loner, OFF, ON) == (False, "user", EVERYONE)


@pytest.mark.parametrize(
    ("lock_levels", "scope", "expected"),
    [
        ((Level.GROUP,), ACCOUNT, (None, "account", EVERYONE)),
        ((Level.GROUP,), GROUP, (True, "group", ADMINS)),
        ((Level.GROUP,), ALONE, (True, "group", ADMINS)),
        ((Level.ACCOUNT,), GROUP, (True, "account", OWNER)),
        ((Level.ACCOUNT,), ALONE, (True, "account", OWNER)),
    ],
)
def test_a_lock_counts_only_at_the_levels_that_have_it(
    lock_levels: tuple[Level, ...],
    scope: Scope,
    expected: tuple[bool | None, str, tuple[str, ...]],
) -> None:
    one = check(lock_levels=lock_levels)
    assert chained(scope, ON, ON, one) == expected


@pytest.mark.parametrize("levels", [(Level.ACCOUNT,), (Level.GROUP,), ()])
def test_a_user_is_unlocked_where_any_level_could_lock_and_none_does(
    levels: tuple[Level, ...],
) -> None:
    off = outcomes(locks_body(False))
    documents = LockDocuments(off, {"g1": off})
    one = check(lock_levels=levels)
    assert locks.resolve(one, USER, documents).locked is (False if levels else None)


def test_a_setting_without_any_lock_is_decided_where_it_stands() -> None:
    free = check(lock=None, lock_levels=())
    assert chained(ACCOUNT, ON, ON, free) == (None, "account", EVERYONE)
    assert chained(GROUP, ON, ON, free) == (None, "group", EVERYONE)
    assert chained(ALONE, ON, ON, free) == (None, "user", EVERYONE)


def test_only_those_can_change_a_value_who_have_it() -> None:
    account_only = check(levels=[Level.ACCOUNT])
    assert chained(ACCOUNT, OFF, OFF, account_only)[2] == OWNER
    no_user = check(levels=[Level.ACCOUNT, Level.GROUP])
    assert chained(ACCOUNT, OFF, OFF, no_user)[2] == ADMINS
    assert chained(GROUP, OFF, OFF, no_user)[2] == ADMINS


@pytest.mark.parametrize("level", [Level.APP, Level.PHONE_ACCOUNT, Level.MEETING])
def test_beside_account_group_and_user_there_is_no_chain(level: Level) -> None:
    assert chained(Scope(level, "x"), ON, ON) == (None, None, ())


def test_the_locking_layer_is_named() -> None:
    documents = LockDocuments(outcomes(OFF), {"g1": outcomes(ON)})
    assert locks.resolve(BOTH, ALONE, documents).locked_by == "group"
    assert locks.resolve(BOTH, GROUP, documents).locked_by == "group"
    documents = LockDocuments(outcomes(ON), {})
    for scope in (ACCOUNT, GROUP, ALONE):
        assert locks.resolve(BOTH, scope, documents).locked_by == "account"
    documents = LockDocuments(outcomes(OFF), {"g1": outcomes(OFF)})
    for scope in (ACCOUNT, GROUP, ALONE):
        assert locks.resolve(BOTH, scope, documents).locked_by is None


def test_a_text_flag_counts_in_the_chain() -> None:
    on = locks_body("locked", "in_meeting.entry_exit_chime")
    assert chained(ALONE, on, OFF, CHIME) == (True, "account", OWNER)


def test_locks_that_were_not_requested_are_not_collected() -> None:
    reading = locks.find(check(), {}).reading
    assert isinstance(reading, Unseen)
    assert reading.cause is Cause.NOT_COLLECTED
    assert reading.detail


LOCKED, UNLOCKED = outcomes(locks_body(True)), outcomes(locks_body(False))
MEMBER_OF_BOTH = user(1, "g1", "g2")


@pytest.mark.parametrize(
    ("scope", "states"),
    [
        (ACCOUNT, {Level.ACCOUNT: False}),
        (GROUP, {Level.ACCOUNT: False, Level.GROUP: True}),
        (Scope(Level.GROUP, "g2", group_ids=("g1",)), {Level.ACCOUNT: False, Level.GROUP: False}),
        (user(1), {Level.ACCOUNT: False}),
        (user(1, "g2"), {Level.ACCOUNT: False, Level.GROUP: False}),
        (MEMBER_OF_BOTH, {Level.ACCOUNT: False, Level.GROUP: True}),
        (user(1, "g2", "g9"), {Level.ACCOUNT: False, Level.GROUP: None}),
        (user(1, "g1", "g9"), {Level.ACCOUNT: False, Level.GROUP: True}),
    ],
)
def test_the_locks_of_the_account_and_of_the_groups_of_a_scope_are_told_by_level(
    scope: Scope, states: dict[Level, bool | None]
) -> None:
    documents = LockDocuments(UNLOCKED, {"g1": LOCKED, "g2": UNLOCKED})
    assert locks.lock_state_by_level(check(), scope, documents) == states


def test_a_level_that_cannot_lock_has_no_state() -> None:
    documents = LockDocuments(LOCKED, {"g1": UNLOCKED, "g2": UNLOCKED})
    of_groups, of_account = (check(lock_levels=(each,)) for each in (Level.GROUP, Level.ACCOUNT))
    assert locks.lock_state_by_level(of_groups, MEMBER_OF_BOTH, documents) == {Level.GROUP: False}
    assert locks.lock_state_by_level(of_account, MEMBER_OF_BOTH, documents) == {Level.ACCOUNT: True}
    assert locks.lock_state_by_level(check(lock=None), MEMBER_OF_BOTH, documents) == {}
