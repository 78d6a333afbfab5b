"""Explanations of who can still change a value: one sentence per state of the chain."""

from itertools import product

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, Outcome, View
from auditor.findings.model import Role
from auditor.policy.catalogue.controls import Check
from auditor.policy.reading.effective_value import effective_value
from auditor.policy.reading.explanations import Population, who_can_change
from auditor.policy.reading.locks import EffectiveValue, LockDocuments
from tests.builders import ACCOUNT, GROUP, USER, check, nested, outcomes

KNOWN = Population(293, {"g1": 12})
CHECK = check()


def locked(flag: bool | None) -> dict[View, Outcome]:
    if flag is None:
        return outcomes({LOCKS: Cause.DENIED})
    return outcomes({LOCKS: nested("in_meeting.thing", flag)})


def explanation(
    scope: Scope = ACCOUNT,
    account: bool | None = False,
    group: bool | None = False,
    population: Population = KNOWN,
    one: Check = CHECK,
) -> str:
    locks = LockDocuments(locked(account), {"g1": locked(group)})
    return who_can_change(one, scope, effective_value(one, scope, {}, locks), population)


BY_ACCOUNT = "Only an account admin. The account lock is on."
BY_GROUP = "Group admins and account admins. The group lock is on."
BY_OWN_GROUP = "Group admins for the group; account admins. The group lock is on."
OPEN = "Not every lock could be read: look in the portal whether it is locked."
AT_ACCOUNT = (
    "People for themselves, unless their group locks it; group admins for their group; account "
    "admins for all."
)
IN_GROUP = (
    "Each of the 12 people in group “Clinical” for themselves; group admins for the group; "
    "account admins."
)
OF_PERSON = "The person, group admins and account admins."
EXPECTED = {
    (ACCOUNT, False): f"{AT_ACCOUNT} The account lock is off.",
    (ACCOUNT, None): f"{AT_ACCOUNT} {OPEN}",
    (GROUP, False, False): f"{IN_GROUP} No lock is on.",
    (GROUP, False, None): f"{IN_GROUP} {OPEN}",
    (GROUP, None, False): f"{IN_GROUP} {OPEN}",
    (GROUP, None, None): f"{IN_GROUP} {OPEN}",
    (USER, False, False): f"{OF_PERSON} No lock is on.",
    (USER, False, None): f"{OF_PERSON} {OPEN}",
    (USER, None, False): f"{OF_PERSON} {OPEN}",
    (USER, None, None): f"{OF_PERSON} {OPEN}",
}


@pytest.mark.parametrize(
    ("scope", "account", "group"),
    list(product((ACCOUNT, GROUP, USER), (True, False, None), (True, False, None))),
)
def test_every_state_of_the_chain_has_its_sentence(
    scope: Scope, account: bool | None, group: bool | None
) -> None:
    if account:
        expected = BY_ACCOUNT
    elif scope is ACCOUNT:
        expected = EXPECTED[scope, account]
    elif group:
        expected = BY_OWN_GROUP if scope is GROUP else BY_GROUP
    else:
        expected = EXPECTED[scope, account, group]
    assert explanation(scope, account, group) == expected


@pytest.mark.parametrize(
    ("population", "account", "group"),
    [
        (Population(), "People for", "People in group “Clinical” for"),
        (Population(1, {"g1": 1}), "People for", "The one person in group “Clinical” for"),
        (Population(12_345, {"g1": 1_000}), "People for", "Each of the 1,000 people in"),
        (Population(0), "Group admins for", "Group admins for the group;"),
        (Population(5, {"g2": 5}), "People for", "Group admins for the group;"),
    ],
)
def test_the_sentence_counts_the_people(population: Population, account: str, group: str) -> None:
    assert explanation(ACCOUNT, population=population).startswith(account)
    assert explanation(GROUP, population=population).startswith(group)


def test_a_group_is_called_by_its_name_or_its_id() -> None:
    nameless = Scope(Level.GROUP, "g1")
    assert explanation(nameless).startswith("Each of the 12 people in group “g1” for")


def test_a_setting_that_no_user_has_is_changed_by_admins() -> None:
    one = check(levels=[Level.ACCOUNT, Level.GROUP])
    assert explanation(one=one) == (
        "Group admins for their group; account admins for all. The account lock is off."
    )


@pytest.mark.parametrize("flag", [False, None])
def test_a_setting_of_the_account_alone_is_changed_by_its_admins_whatever_the_lock(
    flag: bool | None,
) -> None:
    assert explanation(account=flag, one=check(levels=[Level.ACCOUNT])) == "Only an account admin."


def test_without_a_published_lock_the_sentence_says_so() -> None:
    one = check(lock=None, lock_levels=())
    assert explanation(one=one) == (
        "People for themselves; group admins for their group; account admins for all. Zoom "
        "publishes no lock for it: look in the portal whether it is locked."
    )


@pytest.mark.parametrize(
    ("level", "scope", "why"),
    [
        (Level.ACCOUNT, GROUP, "The account lock is off."),
        (Level.ACCOUNT, USER, "The account lock is off."),
        (Level.GROUP, ACCOUNT, "The account has no lock for it."),
        (Level.GROUP, GROUP, "The group lock is off."),
        (Level.GROUP, USER, "The group lock is off."),
    ],
)
def test_only_locks_that_exist_are_spoken_of(level: Level, scope: Scope, why: str) -> None:
    assert explanation(scope, one=check(lock_levels=[level])).endswith(why)


def test_a_lock_of_no_known_level_is_no_lock() -> None:
    assert "Zoom publishes no lock for it:" in explanation(one=check(lock_levels=[]))


def test_a_lock_that_somebody_unknown_holds_is_not_ascribed_to_anybody() -> None:
    held = EffectiveValue(True, None, (Role.ACCOUNT_ADMIN,))
    assert who_can_change(CHECK, USER, held, KNOWN) == "Only an account admin."


@pytest.mark.parametrize("level", [Level.MEETING, Level.WEBINAR])
def test_a_meeting_is_its_hosts(level: Level) -> None:
    one = check(surface="meeting", levels=[level], lock=None, lock_levels=())
    assert explanation(Scope(level, "m1", "Weekly"), one=one) == (
        "The host and account admins. Zoom publishes no lock for it: look in the portal whether it "
        "is locked."
    )


@pytest.mark.parametrize(
    ("scope", "who"),
    [
        (Scope(Level.PHONE_USER, "u1", "Ada"), "The person and"),
        (
            Scope(Level.PHONE_GROUP, "g1", "Clinical"),
            "Each of the 12 people in group “Clinical” for themselves and",
        ),
        (Scope(Level.PHONE_SITE, "s1", "Main"), "People at phone site “Main” for themselves and"),
        (Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone"), "People for themselves and"),
    ],
)
def test_zoom_phone_is_its_users_as_far_as_no_lock_is_on(scope: Scope, who: str) -> None:
    levels = [Level.PHONE_ACCOUNT, Level.PHONE_GROUP, Level.PHONE_SITE, Level.PHONE_USER]
    one = check("a.b", surface="phone_account_settings", levels=levels, lock_levels=levels)
    off = EffectiveValue(False, scope.level, (Role.USER, Role.ACCOUNT_ADMIN))
    sentence = f"{who} account admins. No lock is on."
    assert who_can_change(one, scope, off, KNOWN) == sentence


def test_beside_the_settings_nothing_is_claimed() -> None:
    app = Scope(Level.APP, "acc", "the auditor's own app")
    assert explanation(app) == ""
