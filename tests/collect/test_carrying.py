"""Carrying: a run that stands on another sees what a full one sees, or says how old its view is."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.app.received_events import KeptEvents, named_users
from auditor.collect.carrying import (
    CARRIED,
    CarryPolicy,
    PreviousRun,
    chances,
    differs_too_much,
    sample_size,
)
from auditor.collect.collector import Collector
from auditor.evidence.read_plan import ReadPlan
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.evidence.view import LOCKS, SETTINGS, Document
from auditor.store.runs import Runs
from auditor.watch.events import parse
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import Transient
from tests.collect.test_collector import Zoom

PLAN = ReadPlan(account=(LOCKS, SETTINGS), group=(LOCKS, SETTINGS), user=(SETTINGS,))
START = datetime(2026, 11, 1, 2, tzinfo=UTC)
NIGHT = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass
class Account(Zoom):
    """An account whose users inherit one setting, unless they have set it or a lock forces it."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    own: dict[str, bool] = field(default_factory=dict)
    values: dict[str, bool] = field(default_factory=lambda: {"account": False})
    locks: dict[str, bool] = field(default_factory=lambda: {"account": False})
    phones: dict[str, bool] = field(default_factory=dict)
    """An item of Zoom Phone by account, site, group or user; empty without Zoom Phone."""
    sites: list[str] = field(default_factory=list)
    changed_alone: set[str] = field(default_factory=set)
    """Users who ever changed a value of their own."""

    def _ask(self, request: str) -> Any:
        super()._ask(request)
        _, kind, zoom_id, *document = [*request.partition("?")[0].split("/"), ""]
        if kind == "phone":
            return self._phone(zoom_id, document[0])
        where = "account" if kind == "accounts" else zoom_id
        if document[:1] == ["lock_settings"]:
            return {"meeting": {"ai": self.locks.get(where, False)}}
        if document[:1] == ["settings"]:
            value = self.effective(where) if kind == "users" else self.values.get(where, False)
            phone = {"feature": {"zoom_phone": True}} if self.phones and kind == "users" else {}
            return {"meeting": {"ai": value}, **phone}
        return None

    def _phone(self, kind: str, zoom_id: str) -> Any:
        """A document of Zoom Phone, where one item is set."""
        place = {"account_settings": "account", "sites": zoom_id, "groups": zoom_id}.get(kind, "")
        item = {"enable": self.phones.get(place or zoom_id, self.phones["account"])}
        return {"policy": {"e2e_encryption": item}, "e2e_encryption": item}

    def effective(self, user: str) -> bool:
        """The value that applies to a user."""
        if self.locks["account"]:
            return self.values["account"]
        groups = self.people[user]["group_ids"]
        for group in groups:
            if self.locks.get(group):
                return self.values[group]
        if user in self.own:
            return self.own[user]
        return self.values[groups[0]] if groups else self.values["account"]

    def items(self, endpoint: Endpoint, **query: Any) -> Iterator[dict[str, Any]]:
        if endpoint.path == "/phone/sites":
            self._ask(endpoint.path)
            return iter([{"id": site, "name": site} for site in self.sites])
        return super().items(endpoint, **query)

    def listed(self) -> None:
        """Let the lists say who there is."""
        self.groups = [{"id": name, "name": name} for name in self.values if name != "account"]
        self.users = {"active": [*self.people.values()], "inactive": [], "pending": []}


def person(number: int, *groups: str, licence: int = 2) -> dict[str, Any]:
    name = f"u{number:05d}"
    return {
        "id": name,
        "email": f"{name}@example.com",
        "type": licence,
        "group_ids": list(groups),
    }


def company(users: int) -> Account:
    account = Account()
    for group in ("g1", "g2", "g3"):
        account.values[group], account.locks[group] = False, False
    for number in range(users):
        groups = [f"g{number % 4}"] if number % 4 else []
        account.people[f"u{number:05d}"] = person(number, *groups)
    return account


def night(
    account: Account,
    at: datetime,
    before: Snapshot | None = None,
    *,
    sample: int = 0,
    named: frozenset[str] = frozenset(),
    draw: random.Random | None = None,
    snapshot: Snapshot | None = None,
    refresh: timedelta = WEEK,
    plan: ReadPlan = PLAN,
    **fields: Any,
) -> Snapshot:
    account.listed()
    account.requests.clear()
    is_resumed = snapshot is not None
    snapshot = snapshot or Snapshot.create()
    if not is_resumed:
        snapshot.set_metadata("started_at", format_rfc3339(at))
    Collector(
        account,
        snapshot,
        plan,
        "acc",
        now=fields.pop("now", lambda: format_rfc3339(at + timedelta(minutes=10))),
        since=format_rfc3339(at - timedelta(hours=24)) if is_resumed else None,
        carry_policy=CarryPolicy(refresh, sample),
        previous=PreviousRun("before", before, named, draw or random.Random(7)) if before else None,
        **fields,
    ).collect()
    snapshot.set_metadata("finished_at", format_rfc3339(at + timedelta(minutes=10)))
    return snapshot


class Unlucky(random.Random):
    """Draws nobody, so that only those are read who are due."""

    def random(self) -> float:
        return 1.0


def read(account: Account) -> set[str]:
    """The users whose settings were requested."""
    return {r.split("/")[2] for r in account.requests if r.startswith("/users/")}


def seen(snapshot: Snapshot) -> dict[str, tuple[bool, datetime]]:
    found = {}
    for user in snapshot.evidence(Level.USER):
        document = user.outcomes[SETTINGS]
        assert isinstance(document, Document), document
        body: Any = document.body
        found[user.scope.id] = body["meeting"]["ai"], parse_rfc3339(document.observed_at)
    return found


def test_what_carries_nothing_reads_everybody() -> None:
    account = company(40)
    first = night(account, START)
    assert len(read(account)) == 40
    assert first.meta(CARRIED) is None


def test_a_quiet_night_reads_a_part_and_keeps_the_times_of_the_rest() -> None:
    account = company(2_000)
    first = night(account, START)
    second = night(account, START + NIGHT, first)
    assert 200 < len(read(account)) < 400
    for name, (_, at) in seen(second).items():
        assert at == START + timedelta(minutes=10) + (
            NIGHT if name in read(account) else timedelta()
        )
    assert second.digest() == first.digest()
    assert second.count_by_age(Level.USER, second.meta("started_at") or "") == (
        len(read(account)),
        2_000 - len(read(account)),
    )


CHANGES: dict[str, tuple[Callable[[Account], None], set[str] | None]] = {
    "a value of the account": (lambda a: a.values.update(account=True), None),
    "a lock of the account": (lambda a: a.locks.update(account=True), None),
    "a value of a group": (lambda a: a.values.update(g2=True), {"g2"}),
    "a lock of a group": (lambda a: a.locks.update(g2=True), {"g2"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_above_makes_everybody_below_it_due(name: str) -> None:
    account = company(400)
    first = night(account, START)
    change, groups = CHANGES[name]
    change(account)
    night(account, START + NIGHT, first)
    reached = {
        user
        for user, row in account.people.items()
        if groups is None or groups & {*row["group_ids"]}
    }
    assert reached <= read(account)
    assert groups is None or len(read(account)) < 300


def test_a_user_who_is_new_or_moved_or_named_is_due() -> None:
    account = company(400)
    first = night(account, START)
    account.people["u09999"] = person(9999)
    account.people["u00000"] = person(0, "g1")
    account.people["u00001"] = person(1, "g1", licence=1)
    night(account, START + NIGHT, first, named=frozenset({"u00002"}))
    assert {"u09999", "u00000", "u00001", "u00002"} <= read(account)
    assert len(read(account)) < 200


def test_a_document_that_could_not_be_read_is_not_carried() -> None:
    account = company(200)
    account.broken = {"/users/u00005": Transient("GET /users/u00005/settings")}
    first = night(account, START)
    account.broken = {}
    night(account, START + NIGHT, first)
    assert "u00005" in read(account)


def test_if_the_account_or_a_group_cannot_be_compared_everybody_below_it_is_due() -> None:
    account = company(200)
    first = night(account, START)
    account.broken = {"/groups/g1/lock_settings": Transient("GET /groups/g1/lock_settings")}
    night(account, START + NIGHT, first)
    members = {user for user, row in account.people.items() if "g1" in row["group_ids"]}
    assert members <= read(account)
    assert len(read(account)) < 150
    account.broken = {"/accounts/me/lock_settings": Transient("GET /accounts/me/lock_settings")}
    second = night(account, START + NIGHT, first)
    assert len(read(account)) == 200
    assert "lock_settings" in (second.meta(CARRIED) or "")


def test_nothing_older_than_the_refresh_time_is_carried() -> None:
    account = company(100)
    first = night(account, START)
    night(account, START + WEEK - timedelta(minutes=14), first, draw=Unlucky())
    assert not read(account)
    # It would be too old at the end of the run, which may take as long as the one before.
    night(account, START + WEEK - timedelta(minutes=6), first, draw=Unlucky())
    assert read(account) == set(account.people)


def test_a_sample_that_differs_twice_makes_everybody_due() -> None:
    account = company(200)
    first = night(account, START)
    account.own = dict.fromkeys([*account.people][:150], True)
    second = night(account, START + NIGHT, first, sample=50)
    assert read(account) == set(account.people)
    assert {value for value, _ in seen(second).values()} == {True, False}
    assert "had changed unnoticed" in (second.meta(CARRIED) or "")


def test_the_default_sample_and_what_it_tolerates() -> None:
    assert [sample_size(n, None) for n in (0, 10, 100, 5_000, 100_000)] == [0, 10, 25, 100, 200]
    assert sample_size(100, 7) == 7
    tolerated = [(0, 200), (1, 25), (1, 1), (2, 200)]
    assert not any(differs_too_much(*case) for case in tolerated)
    assert all(differs_too_much(*case) for case in [(2, 25), (3, 200), (2, 199)])


def test_an_interrupted_run_that_is_resumed_relies_on_nothing_older_than_the_refresh_time() -> None:
    account = company(300)
    first = night(account, START)
    broken = iter(range(40))

    def stop() -> Any:
        if next(broken, None) is None:
            raise KeyboardInterrupt
        return {"meeting": {"ai": False}}

    account.broken = {"/users/u": stop}
    snapshot = Snapshot.create()
    snapshot.set_metadata("started_at", format_rfc3339(START + 2 * NIGHT))
    account.listed()
    with pytest.raises(KeyboardInterrupt):
        Collector(
            account,
            snapshot,
            PLAN,
            "acc",
            now=lambda: format_rfc3339(START + 2 * NIGHT),
            carry_policy=CarryPolicy(timedelta(days=3), 0),
            previous=PreviousRun("before", first, draw=random.Random(7)),
        ).collect()
    account.broken = {}
    night(
        account,
        START + 2 * NIGHT + timedelta(hours=1),
        snapshot=snapshot,
        refresh=timedelta(days=3),
    )
    assert len(seen(snapshot)) == 300
    assert len(read(account)) < 200
    night(account, START + 4 * NIGHT, snapshot=snapshot, refresh=timedelta(days=3))
    assert all(at > START + NIGHT for _, at in seen(snapshot).values())


@pytest.mark.slow
def test_thirty_nights_read_everybody_in_time_at_a_sixth_of_the_cost_and_in_no_fixed_order() -> (
    None
):
    users = 2_000
    account = company(users)
    evidence = night(account, START)
    draw = random.Random(11)
    last = dict.fromkeys(account.people, 0)
    gaps: dict[str, list[int]] = {name: [] for name in account.people}
    cost = []
    for number in range(1, 31):
        evidence = night(account, START + number * NIGHT, evidence, draw=draw)
        cost.append(len(read(account)))
        for name in read(account):
            gaps[name].append(number - last[name])
            last[name] = number
        oldest = min(at for _, at in seen(evidence).values())
        assert START + number * NIGHT + timedelta(minutes=10) - oldest <= WEEK
    assert max(cost) < users / 5
    assert sum(cost) / len(cost) < users / 6
    assert max(max(each) for each in gaps.values()) <= 7
    settled = Counter(gap for each in gaps.values() for gap in each[1:])
    assert settled[7] < 0.9 * settled.total()  # nobody can count on seven nights


def test_chances_read_no_more_than_the_rotation_needs() -> None:
    assert chances({1: 1_000}, 1_000, 7) == {1: pytest.approx(0.15)}
    assert chances({1: 500, 6: 100}, 1_000, 7) == {1: 0.0, 6: 0.0}  # 400 are due anyhow
    assert chances({}, 0, 7) == {}
    few = chances({1: 600, 6: 100}, 800, 7)
    assert few[6] > 30 * few[1]


@dataclass
class Post:
    """Delivers events about changes as Zoom may: never, twice or late, and in any order."""

    stored: Runs
    rng: random.Random
    due: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Nights until delivery, and the event."""

    def send(self, name: str, subject: Mapping[str, Any]) -> None:
        payload = {"account_id": "acc", "object": subject}
        body = {"event": name, "event_ts": self.rng.randrange(10**12), "payload": payload}
        fate = self.rng.choice(("lost", "on time", "on time", "twice", "late"))
        if fate != "lost":
            self.due.append((self.rng.randrange(1, 4) if fate == "late" else 0, body))
        if fate == "twice":
            self.due.append((self.rng.randrange(2), body))

    def deliver(self, since: datetime, until: datetime) -> set[str]:
        """Keep what arrives in a while; the users that it names."""
        arriving = [body for nights, body in self.due if nights <= 0]
        self.due = [(nights - 1, body) for nights, body in self.due if nights > 0]
        self.rng.shuffle(arriving)
        events = [
            parse(body, json.dumps(body).encode(), since + (until - since) * self.rng.random())
            for body in arriving
        ]
        new = KeptEvents(self.stored).add(events)
        return {user for event in events if event.digest in new for user in event.users}


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 10))]
)
def test_over_random_histories_a_run_shows_what_a_full_one_would_or_how_old_its_view_is(
    seed: int, tmp_path: Path
) -> None:
    """Whatever changes above a user or in the lists is seen the same night, and so is whatever an
    event named, also in a run that was interrupted and resumed. A user's own change is seen at the
    latest when the refresh time ends, and until then with the time of the old read."""
    rng = random.Random(seed)
    account, post = company(60), Post(Runs(tmp_path), rng)
    truth: dict[tuple[str, datetime], bool] = {}
    evidence: Snapshot | None = None
    refresh = timedelta(days=rng.choice((2, 3, 7)))
    before = at = START
    for _ in range(12):
        at += rng.choice((NIGHT, NIGHT, timedelta(hours=5), timedelta(days=2)))
        for _ in range(rng.randrange(4)):
            _change(account, rng, post)
        # Whoever is named while a run is under way is due in the next one.
        arrived = post.deliver(before, at)
        named = named_users(post.stored, "acc", before)
        assert arrived <= named
        moment = at + timedelta(minutes=10)
        truth.update({(name, moment): account.effective(name) for name in account.people})
        full = night(account, at)
        interrupted = None
        if evidence is not None and rng.random() < 0.3:
            interrupted = Snapshot.create()
            interrupted.set_metadata("started_at", format_rfc3339(at))
            account.broken = {"/users/u": _stopping_after(rng.randrange(1, 20))}
            with suppress(KeyboardInterrupt):
                night(account, at, evidence, snapshot=interrupted, refresh=refresh, named=named)
            account.broken = {}
            moment += timedelta(hours=1)
            truth.update({(name, moment): account.effective(name) for name in account.people})
            evidence = night(
                account, at + timedelta(hours=1), snapshot=interrupted, refresh=refresh
            )
        else:
            evidence = night(account, at, evidence, draw=rng, refresh=refresh, named=named)
        now, full_view = seen(evidence), seen(full)
        assert set(now) == set(full_view) == set(account.people)
        for name, (value, observed) in now.items():
            assert value == truth[name, observed]
            assert moment - observed <= refresh
        # Only a change that users make themselves shows nowhere else.
        due = (account.people.keys() - account.changed_alone) | read(account) | named
        for name in due & account.people.keys():
            assert now[name][0] == full_view[name][0], name
        for level in (Level.ACCOUNT, Level.GROUP):
            views = [
                {e.scope.id: dict(e.digests) for e in run.evidence(level)}
                for run in (evidence, full)
            ]
            assert views[0] == views[1]
        before = at


def _stopping_after(requests: int) -> Callable[[], Any]:
    left = iter(range(requests))

    def stop() -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return None

    return stop


def _change(account: Account, rng: random.Random, post: Post) -> None:
    name = rng.choice([*account.people])
    place = rng.choice(["account", "g1", "g2", "g3"])
    level = "account" if place == "account" else "group"
    kind = rng.randrange(7)
    if kind == 0:
        account.values[place] = not account.values[place]
        post.send(f"{level}.settings_updated", {"id": place})
    elif kind == 1:
        account.locks[place] = not account.locks[place]
        post.send(f"{level}.lock_settings_updated", {"id": place})
    elif kind == 2:
        account.own[name] = not account.effective(name)
        account.changed_alone.add(name)
        post.send("user.settings_updated", {"id": name})
    elif kind == 3:
        account.people[name]["group_ids"] = rng.choice([[], ["g1"], ["g2", "g3"], ["g3", "g2"]])
        post.send("group.member_added", {"id": "g1", "members": [{"id": name}]})
    elif kind == 4:
        account.people[name]["type"] = rng.choice([1, 2])
        post.send("user.updated", {"id": name})
    elif kind == 5 and len(account.people) > 50:
        del account.people[name]
        post.send("user.deleted", {"id": name})
    else:
        new = rng.randrange(1_000, 9_999)
        account.people[f"u{new:05d}"] = person(new)
        post.send("user.created", {"id": f"u{new:05d}"})
