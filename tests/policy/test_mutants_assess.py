"""Scopes nobody listed, and how many users a sentence speaks of."""

from dataclasses import replace

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.findings.model import Status
from tests.policy.builders import (
    ACCOUNT,
    LISTED,
    USER,
    assessed,
    baseline,
    check,
    judged,
    locks_of,
    rows,
    settings_of,
    world,
)
from tests.policy.decisions import catalogue_of, decided, override

WANTED = baseline(assessed(check()))
GROUPS = View("groups")


def test_a_list_nobody_asked_for_is_told_without_a_request() -> None:
    listings = {view: body for view, body in LISTED.items() if view != GROUPS}
    found = rows(judged(world((ACCOUNT, settings_of(False)), listings=listings), WANTED))
    (verdict,) = [v for scope, v in found if scope.id == "*"]
    assert (verdict.status, verdict.cause) == (Status.UNKNOWN, Cause.NOT_COLLECTED)
    assert (verdict.detail, verdict.source) == ("nobody asked Zoom for the list", "")


def test_a_control_only_an_override_asks_for_is_unknown_where_nobody_was_listed() -> None:
    (asked,) = WANTED.assessed.values()
    snapshot = world((ACCOUNT, settings_of(False)), listings={**LISTED, GROUPS: Cause.DENIED})
    found = decided(
        snapshot,
        baseline(),
        overrides=[override(level="group")],
        catalogue=catalogue_of(asked.control),
        depth=Level.GROUP,
    )
    assert [(s.id, v.cause) for s, v in rows(found)] == [("*", Cause.DENIED)]


def test_a_level_a_check_does_not_have_is_not_unknown_there() -> None:
    only_users = baseline(assessed(check(levels=(Level.USER,), lock=None, lock_levels=())))
    found = rows(judged(world(listings={**LISTED, GROUPS: Cause.DENIED}), only_users))
    assert [scope.level for scope, _ in found if scope.id == "*"] == []


def test_who_can_change_a_value_is_counted_without_invited_users() -> None:
    users = [replace(USER, id=f"u{n}") for n in range(3)]
    invited = replace(USER, id="u9", status="pending", licence=None)
    scopes = [(scope, settings_of(False)) for scope in users]
    account = {**settings_of(True), **locks_of(False)}
    found = rows(judged(world((ACCOUNT, account), *scopes, (invited, {})), WANTED))
    (verdict,) = [v for scope, v in found if scope == ACCOUNT]
    assert verdict.changeable.startswith("Any of 3 users, any group admin or an account admin")
