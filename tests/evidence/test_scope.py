"""The order and the names of scopes, views and causes in reports."""

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope, UserStatus, placeholder_id
from auditor.evidence.view import View


def test_reports_go_from_the_account_down() -> None:
    scopes = [
        Scope(Level.USER, "b"),
        Scope(Level.MEETING, "a"),
        Scope(Level.USER, "a"),
        Scope(Level.GROUP, "z"),
        Scope(Level.ACCOUNT, "z"),
    ]
    ordered = sorted(scopes, key=lambda scope: scope.order)
    assert [(s.level.value, s.id) for s in ordered] == [
        ("account", "z"),
        ("group", "z"),
        ("user", "a"),
        ("user", "b"),
        ("meeting", "a"),
    ]
    assert len({level.rank for level in Level}) == len(Level)


@pytest.mark.parametrize(
    ("scope", "label"),
    [
        (Scope(Level.USER, "u1", "Ada", "ada@example.com"), "Ada"),
        (Scope(Level.USER, "u1", "", "ada@example.com"), "ada@example.com"),
        (Scope(Level.USER, "u1"), "u1"),
    ],
)
def test_people_know_a_scope_by_name_then_address_then_id(scope: Scope, label: str) -> None:
    assert scope.label == label


def test_a_scope_that_represents_others_is_known_by_its_id() -> None:
    level = Scope(Level.USER, placeholder_id(), "users")
    host = Scope(Level.MEETING, placeholder_id("u1"), "Ada")
    listed = Scope(Level.USER, "u1")
    assert [(s.id, s.is_placeholder, s.is_level_placeholder) for s in (level, host, listed)] == [
        ("*", True, True),
        ("*u1", True, False),
        ("u1", False, False),
    ]
    assert (level.represents, host.represents) == ("", "u1")


@pytest.mark.parametrize("status", [*UserStatus, "", "a status of a later Zoom"])
def test_only_a_pending_user_is_invited(status: str | UserStatus) -> None:
    scope = Scope(Level.USER, "u1", status=status)
    assert scope.status == status
    assert scope.is_invited == (status == "pending")


def test_a_view_reads_like_its_request() -> None:
    assert str(View("settings")) == "settings"
    assert str(View("settings", "security")) == "settings?option=security"


def test_only_what_was_asked_for_and_not_had_is_a_failed_read() -> None:
    failed = {cause for cause in Cause if cause.is_failed_read}
    assert failed == {Cause.DENIED, Cause.NOT_COLLECTED, Cause.ERROR}
