"""Groups: which users are equivalent, and that only equivalent users share verdicts."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evidence.read_plan import MEMBERS
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import Status, Verdict
from auditor.findings.verdict_store import Assessment
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.waivers import Waiver, WaiversAndAttestations
from auditor.policy.judging import members
from auditor.policy.judging.assess import Assessor
from auditor.policy.judging.groups import Groups, population
from auditor.policy.reading.explanations import Population
from tests.builders import (
    ACCOUNT,
    FIXED,
    LISTED,
    TODAY,
    Bodies,
    baseline_of,
    check,
    control_statuses,
    control_verdicts,
    evaluated_with,
    expected_control,
    group,
    locks_body,
    nested,
    outcomes,
    override_entry,
    overrides_of,
    settings_body,
    snapshot_of,
    user,
    waiver_entry,
)

LEGAL, SALES = group(1, "Legal EU"), group(2, "Sales")
DENIED = Unseen(Cause.DENIED, "Zoom said so")


def groups(
    parameters: Mapping[str, Any] | None = None,
    account: Bodies = LISTED,
    **locks: Bodies,
) -> Groups:
    """Groups of an account, `g1` Legal EU and `g2` Sales, with their lock documents."""
    known = Groups(parameters or {})
    known.read_listing_status(ScopeEvidence(ACCOUNT, outcomes(account), {}))
    for scope in (LEGAL, SALES):
        given = outcomes(locks.get(scope.id, {}), scope)
        digests = {view: str(given[view]) for view in given}
        known.add(ScopeEvidence(scope, given, digests))
    return known


def standing(known: Groups, scope: Scope) -> object:
    return known.equivalence_key(scope, known.of(scope))


def stand_alike(known: Groups, one: Scope, other: Scope) -> bool:
    return standing(known, one) == standing(known, other)


# What is known of groups


def test_a_user_belongs_to_groups_by_id_and_by_name_whatever_the_case() -> None:
    assert groups().of(user(1, "g1")) == {"id:g1", "name:legal eu", "named:legal eu"}


def test_a_group_nobody_met_is_known_by_its_id() -> None:
    assert groups().of(user(1, "G9")) == {"id:G9"}


def test_a_group_is_itself() -> None:
    assert groups().of(LEGAL) == {"id:g1", "name:legal eu", "named:legal eu"}
    desk = {"id:g7", "name:desk", "named:desk"}
    assert groups().of(Scope(Level.PHONE_GROUP, "g7", "Desk")) == desk


def test_a_group_that_is_named_like_the_id_of_another_is_no_plain_name() -> None:
    known = Groups({})
    known.read_listing_status(ScopeEvidence(ACCOUNT, outcomes(LISTED), {}), ["g1", "g2"])
    named_like_another = Scope(Level.GROUP, "g2", "g1")
    known.add(ScopeEvidence(named_like_another, {}, {}))
    assert known.of(named_like_another) == known.of(user(1, "g2")) == {"id:g2", "named:g1"}


@pytest.mark.parametrize(
    ("account", "unseen"),
    [
        (LISTED, None),
        ({}, Unseen(Cause.NOT_COLLECTED, "the list was not requested")),
        ({View("groups"): Cause.DENIED}, DENIED),
        ({**LISTED, MEMBERS: {"listed": 3}}, None),
        ({**LISTED, MEMBERS: Cause.DENIED}, DENIED),
        ({View("groups"): Cause.DENIED, MEMBERS: {"listed": 3}}, DENIED),
    ],
    ids=["listed", "not asked", "refused", "members listed", "members refused", "both"],
)
def test_why_groups_are_not_known_is_what_came_of_their_lists(
    account: Bodies, unseen: Unseen | None
) -> None:
    assert groups(account=account).unseen == unseen


def test_all_groups_of_a_user_are_known_where_each_was_met() -> None:
    assert groups().has_all_names(user(1, "g1", "g2"))
    assert not groups().has_all_names(user(1, "g1", "g9"))
    assert groups().has_all_names(user(1))


def test_no_users_groups_are_all_known_where_members_could_not_be_listed() -> None:
    known = groups(account={**LISTED, MEMBERS: Cause.DENIED})
    assert not known.has_all_names(user(1))
    assert known.has_all_names(LEGAL)


def test_people_are_counted_in_each_of_their_groups_and_invited_ones_in_none() -> None:
    invited = Scope(Level.USER, "u9", group_ids=("g1",), status="pending")
    people = [user(1, "g1"), user(2, "g1"), user(3, "g1", "g2"), user(4), user(5), user(6, "g9")]
    snapshot = snapshot_of(
        (ACCOUNT, LISTED), (LEGAL, {}), (SALES, {}), *((each, {}) for each in (*people, invited))
    )
    found = population(snapshot, snapshot.account())
    assert found == Population(6, {"g1": 3, "g2": 1, "g9": 1}, without_group=3)


# Who stands alike


def test_users_of_groups_with_equal_locks_stand_alike() -> None:
    known = groups(g1=locks_body(True), g2=locks_body(True))
    assert stand_alike(known, user(1, "g1"), user(2, "g2"))
    assert stand_alike(known, user(1, "g1", "g2"), user(2, "g2"))


@pytest.mark.parametrize("other", [locks_body(False), {LOCKS: Cause.DENIED}, {}], ids=repr)
def test_users_of_groups_with_other_locks_stand_apart(other: Bodies) -> None:
    known = groups(g1=locks_body(True), g2=other)
    assert not stand_alike(known, user(1, "g1"), user(2, "g2"))
    assert not stand_alike(known, user(1, "g1"), user(2, "g1", "g2"))


def test_only_locks_of_groups_count_not_their_values() -> None:
    known = groups(g1=settings_body(True), g2=settings_body(False))
    assert stand_alike(known, user(1, "g1"), user(2, "g2"))


@pytest.mark.parametrize("named", ["g1", "legal EU", " Legal EU "])
@pytest.mark.parametrize("listed", [True, False])
def test_a_group_that_a_parameter_names_sets_its_users_apart(named: str, listed: bool) -> None:
    known = groups({"ai_allowed_groups": [named, 3] if listed else named})
    assert not stand_alike(known, user(1, "g1"), user(2, "g2"))
    assert stand_alike(known, user(1, "g1"), user(2, "g1", "g2"))


def test_another_licence_or_an_unknown_group_sets_a_user_apart() -> None:
    known = groups()
    unlicensed = Scope(Level.USER, "u2", licence=1, status="active")
    assert not stand_alike(known, user(1), unlicensed)
    assert not stand_alike(known, user(1, "g1"), user(2, "g9"))


def test_names_addresses_and_status_set_nobody_apart() -> None:
    known = groups()
    other = Scope(Level.USER, "u9", "Eve", "eve@example.com", (), 2, "inactive")
    assert stand_alike(known, user(1), other)


# Verdicts where groups are in doubt

REFUSED = {**LISTED, MEMBERS: Cause.DENIED}
LOOSE = baseline_of(expected_control(check(), op=True))
"""The account's wish is met by everything that is on; an override for Legal wants it off."""


def judge_uncertain(listings: Bodies, *who: Scope, match: Mapping[str, str]) -> dict[str, Verdict]:
    snapshot = snapshot_of(
        (ACCOUNT, settings_body(True)),
        (LEGAL, settings_body(True)),
        *((each, settings_body(True)) for each in who),
        listings=listings,
    )
    return control_verdicts(
        evaluated_with(snapshot, LOOSE, overrides=[override_entry(False, **match)])
    )


@pytest.mark.parametrize("match", [{"group": "Legal*"}, {"group": "g1", "level": "user"}], ids=repr)
def test_if_members_were_refused_an_override_for_a_group_leaves_no_pass(
    match: dict[str, str],
) -> None:
    verdict = judge_uncertain(REFUSED, user(1), match=match)["u1"]
    assert (verdict.status, verdict.cause) == (Status.UNKNOWN, Cause.DENIED)
    assert "override for a group may apply here" in verdict.detail


def test_if_members_were_listed_who_is_in_no_group_passes() -> None:
    listings = {**LISTED, MEMBERS: {"listed": 1}}
    found = judge_uncertain(listings, user(1), user(2, "g1"), match={"group": "Legal*"})
    assert found["u1"].status is Status.PASS
    assert found["u2"].status is Status.FAIL


def test_if_members_were_refused_an_override_for_a_person_holds_all_the_same() -> None:
    found = judge_uncertain(REFUSED, user(1), user(2), match={"user": "u1"})
    assert found["u1"].status is Status.FAIL
    assert found["u2"].status is Status.PASS


def test_if_members_were_refused_a_group_that_may_differ_makes_a_deviation_unknown() -> None:
    wish = {"op": "eq", "value": False, "group_exception_param": "ai_allowed_groups"}
    snapshot = snapshot_of(
        (ACCOUNT, settings_body(False)), (user(1), settings_body(True)), listings=REFUSED
    )
    found = evaluated_with(
        snapshot,
        baseline_of(expected_control(check(), op=wish)),
        parameters={"ai_allowed_groups": ["X"]},
    )
    assert control_statuses(found)["u1"] is Status.UNKNOWN


# Judged alike is judged alone


class Alone(Assessor):
    """Judges every scope as if it were the only one."""

    def assessment(self, evidence: ScopeEvidence) -> Assessment:
        self._cache.clear()
        self._expected.clear()
        return super().assessment(replace(evidence, membership=None))


THING, OTHER = "in_meeting.thing", "in_meeting.other"
WISHES = [
    True,
    {"op": "eq", "value": False, "group_exception_param": "ai_allowed_groups"},
    {"op": "user_in_group_param", "param": "ai_allowed_groups"},
]
NAMES = ["Legal EU", "g2", "sales", "Board", "g4", "Nobody"]
VALUES: list[Any] = [True, False, None, "odd"]


def random_world(dice: random.Random) -> tuple[Snapshot, Overrides, dict[str, Any], list[Any]]:
    """An account with groups and users, some of them alike, and what an organisation decided."""

    def document() -> Any:
        body: dict[str, Any] = {} if dice.random() < 0.2 else {**nested(THING, dice.choice(VALUES))}
        return dice.choice([body, body, body, Cause.DENIED, Cause.NOT_LICENSED])

    pool = [{SETTINGS: document(), LOCKS: document()} for _ in range(2)] + [{}]
    of_users = [{SETTINGS: document()} for _ in range(2)]
    places = [group(n, name) for n, name in enumerate(["Legal EU", "Sales", "Board", "Legal US"])]
    ids = [place.id for place in places] + ["g9"]
    people = [
        Scope(
            Level.USER,
            f"u{number}",
            dice.choice(["Ada", "Ben"]),
            group_ids=tuple(sorted(dice.sample(ids, dice.randrange(3)))),
            licence=dice.choice([1, 2, 2, 2]),
            status=dice.choice(["active", "active", "inactive"]),
        )
        for number in range(16)
    ]
    listings: dict[View, Any] = dict(LISTED)
    if dice.random() < 0.3:
        listings[View("groups")] = Cause.DENIED
    if dice.random() < 0.3:
        listings[MEMBERS] = Cause.ERROR
    snapshot = snapshot_of(
        (ACCOUNT, pool[0]),
        *((place, dice.choice(pool)) for place in places),
        *((person, dice.choice(of_users)) for person in people),
        listings=listings,
    )
    expected = baseline_of(
        expected_control(check(), op=dice.choice(WISHES), lock=True, when_absent="not_applicable"),
        expected_control(check(OTHER, find_key="thing"), op=dice.choice(WISHES), id="AI-02"),
    )
    matches: list[dict[str, Any]] = [
        {"group": "Legal*"},
        {"group": "g2"},
        {"user": {"name": "Ada"}},
        {"level": "user"},
    ]
    decisions = [
        override_entry(
            {dice.choice(["AI-01", "AI-02"]): {"expect": dice.choice([True, False])}}, **match
        )
        for match in dice.sample(matches, dice.randrange(4))
    ]
    waivers = [
        Waiver.model_validate(waiver_entry(scope=match))
        for match in dice.sample(matches, dice.randrange(3))
    ]
    parameters = {"ai_allowed_groups": dice.choice([None, [], dice.sample(NAMES, 2)])}
    return snapshot, overrides_of(expected, *decisions), parameters, waivers


def assessor(
    world_: tuple[Snapshot, Overrides, dict[str, Any], list[Any]], kind: type[Assessor] = Assessor
) -> Assessor:
    _, overrides, parameters, waivers = world_
    settled = WaiversAndAttestations(waivers, [], TODAY)
    return kind(overrides.baseline, parameters, Level.USER, overrides, settled)


@settings(FIXED, max_examples=60)
@given(seed=st.integers(0, 10**9))
def test_users_judged_alike_get_the_verdicts_they_would_get_alone(seed: int) -> None:
    given_ = random_world(random.Random(seed))
    alike, alone = assessor(given_), assessor(given_, Alone)
    together = {each.scope: each.verdicts for each in alike.run(given_[0])}
    apart = {each.scope: each.verdicts for each in alone.run(given_[0])}
    assert together == apart


def test_users_keep_their_verdicts_where_not_every_membership_can_be_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_ = random_world(random.Random(7))
    all_ = {each.scope: each.verdicts for each in assessor(given_).run(given_[0])}
    monkeypatch.setattr(members, "MOST_MEMBERS", 2)
    assert {each.scope: each.verdicts for each in assessor(given_).run(given_[0])} == all_


@settings(FIXED, max_examples=25)
@given(seed=st.integers(0, 10**9))
def test_waivers_count_the_users_they_meet_as_if_each_were_counted_alone(seed: int) -> None:
    given_ = random_world(random.Random(seed))
    judge = assessor(given_)
    one_by_one = WaiversAndAttestations(given_[3], [], TODAY)
    for each in judge.run(given_[0]):
        matching = one_by_one.matching(each.scope, judge.groups.of(each.scope))
        one_by_one.count(each.verdicts, matching)
    judge.count_exceptions()
    assert judge.exceptions is not None
    known = {"AI-01"}
    assert judge.exceptions.waiver_results(known) == one_by_one.waiver_results(known)
