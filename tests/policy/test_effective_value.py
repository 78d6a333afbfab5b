"""The deciding layer of phone and meeting settings, and who can still change them."""

from typing import Any

import pytest

from auditor.evidence.reading import Cause, Reading, Seen, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, View
from auditor.findings.model import Layer, Role
from auditor.policy.reading.effective_value import effective_value, explain
from auditor.policy.reading.locks import EffectiveValue, LockDocuments
from tests.builders import SETTING_LEVELS, check, document, locks_body, outcomes, read_failure

PHONE = View("phone_account_settings")
SITE = Scope(Level.PHONE_SITE, "s1", "Main site")
LEVELS = (Level.PHONE_ACCOUNT, Level.PHONE_GROUP, Level.PHONE_SITE)
ADMIN = (Role.ACCOUNT_ADMIN,)
ANYONE = (Role.USER, Role.ACCOUNT_ADMIN)
NOWHERE = LockDocuments({}, {})


def of_phone(body: Any, levels: tuple[Level, ...] = LEVELS, **fields: Any) -> EffectiveValue:
    """The layer that decides `summary.enable` of Zoom Phone, whose document is `body`."""
    fields = {"lock": "summary.locked", "lock_levels": levels, **fields}
    expectation = check("summary.enable", surface=PHONE.surface, levels=levels, **fields)
    outcome = read_failure(body) if isinstance(body, Cause) else document(body)
    return effective_value(expectation, SITE, {expectation.document: outcome}, NOWHERE)


def locked(**by: Any) -> dict[str, Any]:
    return {"summary": {"locked": True, **by}}


@pytest.mark.parametrize(
    ("by", "level"),
    [
        ("account", Level.PHONE_ACCOUNT),
        ("user_group", Level.PHONE_GROUP),
        ("site", Level.PHONE_SITE),
    ],
)
def test_zoom_phone_says_who_holds_a_setting(by: str, level: Level) -> None:
    expected = EffectiveValue(True, level, ADMIN, level)
    assert of_phone(locked(locked_by=by)) == expected


@pytest.mark.parametrize("by", [{}, {"locked_by": "invalid"}, {"locked_by": 7}])
def test_a_holder_that_nobody_documents_leaves_the_layer_open(by: dict[str, Any]) -> None:
    assert of_phone(locked(**by)) == EffectiveValue(True, None, ADMIN)


def test_an_unlocked_setting_is_its_own_scopes() -> None:
    body = {"summary": {"locked": False, "locked_by": "account"}}
    assert of_phone(body) == EffectiveValue(False, Level.PHONE_SITE, ADMIN)
    assert of_phone(body, (*LEVELS, Level.PHONE_USER)) == EffectiveValue(
        False, Level.PHONE_SITE, ANYONE
    )


@pytest.mark.parametrize("body", [Cause.DENIED, {}, {"summary": {"locked": "yes"}}])
def test_a_lock_that_was_not_seen_leaves_the_layer_open(body: Any) -> None:
    assert of_phone(body, (*LEVELS, Level.PHONE_USER)) == EffectiveValue(None, None, ANYONE)


def test_without_a_lock_the_value_is_the_scopes_own() -> None:
    body = locked(locked_by="account")
    assert of_phone(body, lock=None, lock_levels=()) == EffectiveValue(
        None, Level.PHONE_SITE, ADMIN
    )


@pytest.mark.parametrize("level", [Level.MEETING, Level.WEBINAR])
def test_a_meetings_settings_are_its_hosts(level: Level) -> None:
    found = effective_value(check(levels=(level,)), Scope(level, "m1"), {}, NOWHERE)
    assert found == EffectiveValue(None, level, ANYONE)


def test_what_was_done_has_no_layer() -> None:
    used = check("summaries_listed", surface="meeting_summaries", lock=None, lock_levels=())
    assert effective_value(used, Scope(Level.ACCOUNT, "acc"), {}, NOWHERE) == EffectiveValue()


def test_settings_of_groups_follow_the_lock_documents() -> None:
    held = LockDocuments(outcomes(locks_body(True)), {})
    found = effective_value(check(), Scope(Level.GROUP, "g1"), {LOCKS: document({})}, held)
    assert found == EffectiveValue(True, Level.ACCOUNT, ADMIN, Level.ACCOUNT)


# The chain of layers

A, G, U = SETTING_LEVELS


def test_the_chain_says_of_each_layer_what_it_holds_and_which_decides() -> None:
    readings: dict[Level, Reading] = {
        A: Seen(False, "a"),
        G: Unseen(Cause.ABSENT, ""),
        U: Seen(True, "a"),
    }
    states = {A: True, G: None, U: None}
    assert explain(check(), readings, states, A) == (
        Layer(A, value=False, seen=True, locked=True, decides=True),
        Layer(G),
        Layer(U, value=True, seen=True),
    )


def test_the_chain_leaves_out_layers_that_have_neither_a_value_nor_a_lock() -> None:
    readings: dict[Level, Reading] = {A: Seen(1, "a"), G: Seen(2, "a"), U: Seen(3, "a")}
    user = Layer(U, value=3, seen=True, decides=True)
    assert explain(check(levels=(U,)), readings, {}, U) == (user,)
    assert explain(check(), {U: readings[U]}, {}, U) == (user,)
    locked = Layer(A, locked=False)
    assert explain(check(levels=(U,)), {U: readings[U]}, {A: False}, U) == (locked, user)
