"""What must not be carried over: whatever could hide a change, or be older than it says."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auditor.collect.carrying import CARRIED, CarryPolicy, PreviousRun
from auditor.collect.collector import Collector
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.timestamps import format_rfc3339
from auditor.evidence.view import LOCKS, SETTINGS, Document, View
from auditor.zoom.errors import Transient
from tests.collect.test_carrying import (
    NIGHT,
    PLAN,
    START,
    WEEK,
    Account,
    Unlucky,
    company,
    night,
    person,
    read,
    seen,
)

ITEMS = ("e2e_encryption",)
PHONES = replace(PLAN, phone=ITEMS, phone_group=ITEMS, phone_site=ITEMS, phone_user=ITEMS)


def members(account: Account, group: str) -> set[str]:
    return {user for user, row in account.people.items() if group in row["group_ids"]}


def everybody(account: Account) -> set[str]:
    return set(account.people)


def second_night(account: Account, **fields: Any) -> set[str]:
    """Whom the night after a full one reads if nobody is drawn, and `account` is as it is now."""
    fields.setdefault("draw", Unlucky())
    night(account, START + NIGHT, **fields)
    return read(account)


def test_a_document_that_was_read_after_the_end_of_its_run_is_of_a_wrong_clock() -> None:
    account = company(40)
    clock = iter(range(10_000))

    def ahead() -> str:  # ten days, until it is set back while users are read
        late = START + timedelta(days=10) if next(clock) < 40 else START
        return format_rfc3339(late)

    first = night(account, START, now=ahead)
    wrong = {name for name, (_, at) in seen(first).items() if at > START + NIGHT}
    assert 0 < len(wrong) < 40
    assert second_night(account, before=first) >= wrong


def test_a_shorter_bound_applies_to_what_a_longer_one_carried() -> None:
    account = company(40)
    first = night(account, START)
    second = night(account, START + 5 * NIGHT, first, draw=Unlucky())
    night(account, START + 6 * NIGHT, second, draw=Unlucky(), refresh=timedelta(days=2))
    assert read(account) == everybody(account)


def test_a_person_or_a_group_of_the_same_name_is_another_one() -> None:
    account = company(40)
    first = night(account, START)
    again = {**account.people.pop("u00004"), "id": "new"}
    account.people["new"] = again
    account.values["g9"], account.locks["g9"] = account.values.pop("g3"), account.locks.pop("g3")
    moved = members(account, "g3")
    for user in moved:
        account.people[user]["group_ids"] = ["g9"]
    assert second_night(account, before=first) == {"new", *moved}


def test_a_group_that_is_not_listed_tonight_may_have_changed() -> None:
    account = company(40)
    first = night(account, START)
    account.broken = {"/groups": Transient("GET /groups")}
    reached = members(account, "g1") | members(account, "g2") | members(account, "g3")
    assert second_night(account, before=first) == reached


def test_everybody_is_due_while_it_is_not_known_who_belongs_to_which_group() -> None:
    account = company(40)
    for row in account.people.values():
        row["group_ids"] = []
    account.broken = {"/members": Transient("GET /groups/{groupId}/members")}
    first = night(account, START)
    assert second_night(account, before=first) == everybody(account)


APART = View("settings", "meeting_security")
"""A view whose locks are in a document of their own."""


@pytest.mark.parametrize(
    ("account_views", "group_views", "due"),
    [
        ((LOCKS, SETTINGS, APART), (LOCKS, SETTINGS, APART), everybody),
        (
            (LOCKS, SETTINGS, APART, View("lock_settings", APART.option)),
            (LOCKS, SETTINGS),
            lambda account: {user for user, row in account.people.items() if row["group_ids"]},
        ),
    ],
)
def test_people_are_due_below_what_decides_their_settings_and_is_not_read(
    account_views: tuple[View, ...],
    group_views: tuple[View, ...],
    due: Callable[[Account], set[str]],
) -> None:
    account = company(40)
    plan = ReadPlan(account=account_views, group=group_views, user=(SETTINGS, APART))
    first = night(account, START, plan=plan)
    assert second_night(account, before=first, plan=plan) == due(account)


def test_a_view_that_the_run_before_did_not_read_is_read_of_everybody() -> None:
    account = company(40)
    first = night(account, START)
    more = replace(PLAN, user=(SETTINGS, View("settings", "security")))
    assert second_night(account, before=first, plan=more) == everybody(account)


def test_another_role_makes_a_person_due() -> None:
    account = company(40)
    for row in account.people.values():
        row["role_id"] = "2"
    account.people["u00007"]["role_id"] = "1"
    first = night(account, START)
    account.people["u00003"]["role_id"] = "1"
    account.people["u00007"]["role_id"] = "2"
    account.people["u00009"]["role_id"] = "custom"
    assert second_night(account, before=first) == {"u00003", "u00007", "u00009"}


class Locks:
    """Locks that prove the settings of users, as long as the sample of users confirms them."""

    def __init__(self, holds: bool) -> None:
        self.holds = holds

    def prepare(self, snapshot: Snapshot) -> None:
        pass

    def provable(self, views: tuple[View, ...]) -> tuple[View, ...]:
        return (SETTINGS,)

    def confirms(self, user: ScopeEvidence, view: View) -> bool:
        return self.holds


def test_what_the_sample_for_locks_read_tonight_is_not_replaced_by_older_evidence() -> None:
    account = company(200)
    first = night(account, START)
    account.own = dict.fromkeys(account.people, True)
    account.changed_alone = everybody(account)
    second = night(
        account, START + NIGHT, first, lock_verifier=Locks(False), sample=0, draw=Unlucky()
    )
    sampled = read(account)
    assert len(sampled) == 25
    assert {name for name, (value, _) in seen(second).items() if value} == sampled


def test_a_document_that_locks_proved_the_night_before_is_read() -> None:
    account = company(200)
    first = night(account, START, lock_verifier=Locks(True))
    sampled = read(account)
    assert len(sampled) == 25
    night(account, START + NIGHT, first, lock_verifier=Locks(False), draw=Unlucky())
    assert read(account) >= everybody(account) - sampled


def stopped(account: Account, first: Snapshot, after: int, **fields: Any) -> Snapshot:
    """The evidence of a second night that was interrupted after some requests for users."""
    left = iter(range(after))
    snapshot = Snapshot.create()
    begun = START + NIGHT
    snapshot.set_metadata("started_at", format_rfc3339(begun))

    def stop() -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return None

    account.listed()
    account.broken = {"/users/u": stop}
    policy = CarryPolicy(WEEK, fields.get("sample", 0))
    with pytest.raises(KeyboardInterrupt):
        Collector(
            account,
            snapshot,
            PLAN,
            "acc",
            now=lambda: format_rfc3339(begun),
            target_concurrency=lambda: 1,
            carry_policy=policy,
            previous=PreviousRun("before", first, draw=random.Random(7)),
        ).collect()
    account.broken = {}
    return snapshot


def test_a_run_that_is_resumed_after_its_account_is_too_old_relies_on_nothing_carried() -> None:
    account = company(200)
    first = night(account, START)
    snapshot = stopped(account, first, after=5)
    account.values["account"] = account.values["g1"] = True
    night(account, START + 3 * NIGHT, snapshot=snapshot)
    assert read(account) == everybody(account)
    assert all(value == account.effective(name) for name, (value, _) in seen(snapshot).items())


def test_whoever_a_resumed_run_read_before_the_account_is_due_in_the_next() -> None:
    account = company(60)
    clock, left = iter(range(10_000)), iter(range(20))

    def first_attempt() -> str:  # the account and its groups first, users two hours later
        return format_rfc3339(START + timedelta(hours=2) * (next(clock) > 20))

    def stop() -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return None

    snapshot = Snapshot.create()
    snapshot.set_metadata("started_at", format_rfc3339(START))
    account.broken = {"/users/u": stop}
    with pytest.raises(KeyboardInterrupt):
        night(account, START, now=first_attempt, snapshot=snapshot, target_concurrency=lambda: 1)
    account.broken = {}
    account.values = dict.fromkeys(account.values, True)
    night(account, START + timedelta(hours=25), snapshot=snapshot)
    before = {name for name, (value, _) in seen(snapshot).items() if not value}
    assert 0 < len(before) < 60  # read before the account changed, which was read again
    second = night(account, START + 2 * NIGHT, snapshot, draw=Unlucky())
    assert read(account) >= before
    assert all(value for value, _ in seen(second).values())


def test_a_run_that_is_resumed_in_time_keeps_what_it_carried() -> None:
    account = company(200)
    first = night(account, START)
    snapshot = stopped(account, first, after=5)
    night(account, START + NIGHT + timedelta(hours=2), snapshot=snapshot)
    assert len(read(account)) < 50


def test_a_run_that_was_stopped_while_it_read_everybody_reads_everybody_when_resumed() -> None:
    account = company(200)
    first = night(account, START)
    account.own = dict.fromkeys(account.people, True)
    snapshot = stopped(account, first, after=80, sample=40)
    assert "had changed unnoticed" in (snapshot.meta(CARRIED) or "")
    night(account, START + NIGHT + timedelta(hours=1), snapshot=snapshot)
    assert all(value for value, _ in seen(snapshot).values())


def test_people_who_cannot_be_read_are_no_differences() -> None:
    account = company(100)
    first = night(account, START)
    account.people["u00500"] = person(500)
    account.broken = {"/users/u00500": Transient("GET /users/u00500/settings")}
    second = night(account, START + NIGHT, first, sample=100, draw=Unlucky())
    assert '"sample": 100, "differences": 0' in (second.meta(CARRIED) or "")
    assert sum("u00500" in request for request in account.requests) == 1


def test_a_run_that_takes_too_long_reads_again_what_became_too_old() -> None:
    account = company(40)
    first = night(account, START)
    begun = START + WEEK - timedelta(hours=1)
    slow = iter(range(100_000))

    def now() -> str:  # ten minutes pass with every look at the clock
        return format_rfc3339(begun + timedelta(minutes=10) * next(slow))

    second = night(account, begun, first, draw=Unlucky(), now=now, target_concurrency=lambda: 1)
    ended = begun + timedelta(minutes=10) * next(slow)
    assert all(ended - at < WEEK for _, at in seen(second).values())


def test_the_draw_and_the_sample_come_from_the_operating_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []

    class Source(random.SystemRandom):
        def random(self) -> float:
            drawn.append(1)
            return super().random()

        def sample(self, *arguments: Any, **options: Any) -> Any:
            drawn.append(2)
            return super().sample(*arguments, **options)

    assert isinstance(PreviousRun("x", Snapshot.create()).draw, random.SystemRandom)
    monkeypatch.setattr("random.SystemRandom", Source)
    account = company(40)
    first = night(account, START)
    night(account, START + NIGHT, first, sample=5)
    assert 2 in drawn


def phone_company(users: int = 60) -> Account:
    account = company(users)
    account.phones, account.sites = {"account": False}, ["s1", "s2"]
    return account


def phones_read(account: Account) -> set[str]:
    return {r.rpartition("/")[2] for r in account.requests if r.startswith("/phone/users/")}


def phone_night(account: Account, *before: Snapshot, **fields: Any) -> Snapshot:
    fields.setdefault("draw", Unlucky())
    return night(account, START + NIGHT * len(before), *before, plan=PHONES, **fields)


def test_the_phones_of_people_are_carried_with_them() -> None:
    account = phone_company()
    first = phone_night(account)
    assert phones_read(account) == everybody(account)
    second = phone_night(account, first, named=frozenset({"u00003"}))
    assert phones_read(account) == read(account) == {"u00003"}
    assert second.digest() == first.digest()
    assert second.count(Level.PHONE_USER) == 60


PHONE_CHANGES: dict[str, tuple[Callable[[Account], Any], str | None]] = {
    "the account": (lambda a: a.phones.update(account=True), None),
    "a site": (lambda a: a.phones.update(s2=True), None),
    "a new site": (lambda a: a.sites.append("s3"), None),
    "another site": (lambda a: a.sites.__setitem__(0, "s3"), None),
    "the list of sites": (lambda a: a.broken.update({"/phone/sites": Transient("x")}), None),
    "the failing account": (
        lambda a: a.broken.update({"/phone/account_settings": Transient("x")}),
        None,
    ),
    "a group": (lambda a: a.phones.update(g2=True), "g2"),
    "a failing group": (lambda a: a.broken.update({"/phone/groups/g2": Transient("x")}), "g2"),
}


@pytest.mark.parametrize("name", PHONE_CHANGES)
def test_a_change_of_zoom_phone_reaches_the_phones_below_it(name: str) -> None:
    account = phone_company()
    first = phone_night(account)
    change, group = PHONE_CHANGES[name]
    change(account)
    phone_night(account, first)
    assert phones_read(account) == (members(account, group) if group else everybody(account))
    assert not read(account)


def test_phones_of_which_the_run_needs_more_are_read() -> None:
    account = phone_company()
    first = phone_night(account)
    more = (*ITEMS, "voicemail_tasks")
    plan = replace(PHONES, phone=more, phone_group=more, phone_user=more)
    night(account, START + NIGHT, first, draw=Unlucky(), plan=plan)
    assert phones_read(account) == everybody(account)


def test_the_sample_compares_phones_as_well_and_makes_everybody_due() -> None:
    account = phone_company(200)
    first = phone_night(account)
    account.phones.update(dict.fromkeys([*account.people][:150], True))
    second = phone_night(account, first, sample=50)
    assert phones_read(account) == read(account) == everybody(account)
    assert "had changed unnoticed" in (second.meta(CARRIED) or "")


def test_phones_become_no_older_than_the_bound() -> None:
    account = phone_company()
    evidence = phone_night(account)
    for number in range(1, 16):
        at = START + number * NIGHT
        evidence = night(account, at, evidence, plan=PHONES, sample=0, draw=random.Random(number))
        for phone in evidence.evidence(Level.PHONE_USER):
            (document,) = phone.outcomes.values()
            assert isinstance(document, Document)
            assert document.observed_at > format_rfc3339(at + timedelta(minutes=10) - WEEK)
    assert evidence.count(Level.PHONE_USER) == 60
