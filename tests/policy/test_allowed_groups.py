"""A parameter that lets groups differ is one decision: the account's lock may be off for them.

Everybody else is judged all the same: each other group has to lock the value, and nobody may be
outside every group.
"""

from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.findings.model import FindingKind, Status
from auditor.policy.evaluation.evaluate import Evaluation
from tests.builders import (
    ACCOUNT,
    LISTED,
    baseline_of,
    check,
    evaluated_with,
    expected_control,
    expected_derived,
    group,
    locks_body,
    nested,
    scope_verdicts,
    settings_body,
    snapshot_of,
    user,
)

MAY_DIFFER = {"op": "eq", "value": False, "group_exception_param": "ai_allowed_groups"}
SALES, LEGAL = group(1, "Sales"), group(2, "Legal")
FAIL, PASS, UNKNOWN, ALLOWED = Status.FAIL, Status.PASS, Status.UNKNOWN, Status.NOT_APPLICABLE


def judged(
    legal_lock: Any = True,
    *,
    account_lock: Any = False,
    outsider: bool = False,
    allowed: tuple[str, ...] = ("Sales",),
    listings: Any = LISTED,
    depth: Level = Level.USER,
    lock_levels: tuple[Level, ...] = (Level.ACCOUNT, Level.GROUP),
    overrides: Any = (),
) -> Evaluation:
    """An account whose Sales may differ, and whose lock of the setting is as given."""
    people = [user(1, "g1"), user(2, "g2"), *([user(3)] if outsider else [])]
    summary = expected_control(check(lock_levels=lock_levels), op=MAY_DIFFER, lock=True)
    return evaluated_with(
        snapshot_of(
            (ACCOUNT, {**settings_body(False), **locks_body(account_lock)}),
            (SALES, {**settings_body(True), **locks_body(False)}),
            (LEGAL, {**settings_body(False), **locks_body(legal_lock)}),
            *((person, settings_body(person.id == "u1")) for person in people),
            listings=listings,
        ),
        baseline_of(summary, expected_derived("CC-01")),
        parameters={"ai_allowed_groups": list(allowed)},
        depth=depth,
        overrides=overrides,
    )


def locks(evaluation: Evaluation) -> dict[str, Status]:
    """Scope id to the status of its lock; and CC-01, which counts the locks."""
    found = {s.id: v.status for s, v in scope_verdicts(evaluation) if v.kind is FindingKind.LOCK}
    derived = [v.status for _, v in scope_verdicts(evaluation) if v.control == "CC-01"]
    return {**found, "CC-01": derived[0]}


DENIED_GROUPS = {**LISTED, View("groups"): Cause.DENIED}
ACCOUNT_ONLY = (Level.ACCOUNT,)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        ({}, {"acc": ALLOWED, "g2": PASS, "CC-01": PASS}),
        ({"account_lock": True}, {"acc": PASS, "CC-01": PASS}),
        ({"legal_lock": False}, {"acc": ALLOWED, "g2": FAIL, "CC-01": FAIL}),
        ({"legal_lock": "maybe"}, {"acc": ALLOWED, "g2": UNKNOWN, "CC-01": UNKNOWN}),
        ({"outsider": True}, {"acc": FAIL, "g2": PASS, "CC-01": FAIL}),
        ({"allowed": ()}, {"acc": FAIL, "CC-01": FAIL}),
        ({"allowed": ("Nobody",)}, {"acc": ALLOWED, "g1": FAIL, "g2": PASS, "CC-01": FAIL}),
        ({"account_lock": None}, {"acc": UNKNOWN, "CC-01": UNKNOWN}),
        ({"depth": Level.GROUP}, {"acc": UNKNOWN, "g2": PASS, "CC-01": UNKNOWN}),
        ({"depth": Level.ACCOUNT}, {"acc": UNKNOWN, "CC-01": UNKNOWN}),
        ({"listings": DENIED_GROUPS}, {"acc": UNKNOWN, "g2": PASS, "*": UNKNOWN, "CC-01": UNKNOWN}),
        ({"lock_levels": ACCOUNT_ONLY}, {"acc": FAIL, "CC-01": FAIL}),
    ],
    ids=lambda value: "-".join(map(str, value)),
)
def test_the_lock_at_the_account_follows_from_the_groups_that_may_differ(
    world: dict[str, Any], expected: dict[str, Status]
) -> None:
    assert locks(judged(**world)) == expected


EIGHT = tuple(f"Team {number}" for number in range(1, 9))


@pytest.mark.parametrize(
    ("world", "says"),
    [
        ({}, "1 group differ: Sales. Every other group has to lock it for its members."),
        (
            {"outsider": True},
            "1 group differ: Sales. 1 person is in no group, so no lock binds them.",
        ),
        (
            {"lock_levels": ACCOUNT_ONLY},
            "1 group differ: Sales. Zoom has no lock of groups for it, "
            "so nothing binds the others.",
        ),
        (
            {"depth": Level.ACCOUNT, "allowed": EIGHT},
            "8 groups differ: Team 1, Team 2, Team 3, Team 4, Team 5 and 3 more. "
            "Whether a group binds everybody else is unknown: ",
        ),
    ],
    ids=["others lock", "one in no group", "no lock of groups", "groups unread"],
)
def test_a_lock_that_is_off_for_groups_names_them_and_says_who_is_not_bound(
    world: dict[str, Any], says: str
) -> None:
    (found,) = (
        verdict
        for scope, verdict in scope_verdicts(judged(**world))
        if verdict.kind is FindingKind.LOCK and scope == ACCOUNT
    )
    begins = f"The lock in_meeting.thing is off. ai_allowed_groups lets {says}"
    assert found.detail.startswith(begins)
    assert (found.detail == begins) is (found.status is not UNKNOWN)


def test_an_override_that_asks_for_no_lock_at_the_account_asks_no_group_for_one() -> None:
    unlocked = {"match": {"level": "account"}, "controls": {"AI-01": {"lock": False}}}
    assert set(locks(judged(False, overrides=[unlocked]))) == {"CC-01"}


def test_one_flag_covers_all_settings_of_an_object() -> None:
    part = {"lock": "in_meeting.thing", "lock_levels": (Level.ACCOUNT, Level.GROUP)}
    body = nested("in_meeting.thing", {"enable": False, "auto": False})
    found = evaluated_with(
        snapshot_of(
            (ACCOUNT, {View("settings"): body, **locks_body(False)}),
            (SALES, {View("settings"): body, **locks_body(False)}),
            (LEGAL, {View("settings"): body, **locks_body(True)}),
        ),
        baseline_of(
            expected_control(check("in_meeting.thing.enable", **part), op=MAY_DIFFER, id="AI-01"),
            expected_control(check("in_meeting.thing.auto", **part), lock=True, id="AI-02"),
        ),
        parameters={"ai_allowed_groups": ["Sales"]},
    )
    at = {s.id: v for s, v in scope_verdicts(found) if v.kind is FindingKind.LOCK}
    assert {scope: each.status for scope, each in at.items()} == {"acc": ALLOWED, "g2": PASS}
    assert (at["acc"].control, at["acc"].allowed_by) == ("AI-02", "ai_allowed_groups")
