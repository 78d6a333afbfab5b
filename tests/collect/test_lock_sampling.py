"""Lock sampling: which users are sampled, and the effect of a contradiction."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from auditor.collect.collector import Collector
from auditor.collect.interface import LockVerifier, ProgressListener
from auditor.evidence.read_plan import ReadPlan, lock_sample_view
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document, View
from auditor.zoom.errors import NotFound
from tests.collect.surfaces import Zoom, account

AT, LATER = "2026-11-21T20:00:00.000Z", "2026-11-22T20:00:00.000Z"
SECURITY = View("settings", "meeting_security")
PLAN = ReadPlan(account=(LOCKS, SETTINGS), user=(SETTINGS,))
BOTH = ReadPlan(account=(LOCKS, SETTINGS), user=(SETTINGS, SECURITY))
USERS = 20


@dataclass
class Locks(LockVerifier):
    """Proves the given views; users confirm them unless they have `thing` on."""

    views: tuple[View, ...] = (SETTINGS,)
    prepared: list[set[View]] = field(default_factory=list)

    def prepare(self, snapshot: Snapshot) -> None:
        self.prepared.append(set(snapshot.account().outcomes))

    def provable(self, views: Iterable[View]) -> tuple[View, ...]:
        return tuple(view for view in views if view in self.views)

    def confirms(self, user: ScopeEvidence, view: View) -> bool:
        outcome = user.outcomes[view]
        return isinstance(outcome, Document) and outcome.body == {"thing": False}


def company(
    *contradicting: int, pending: int = 0, users: int = USERS, **values: Any
) -> dict[str, Any]:
    """An account whose users have `thing` off, with exceptions."""
    return {
        "/accounts/me/settings": {"thing": False, **values},
        "/accounts/me/lock_settings": {"thing": True},
        "/groups": [],
        "/users?status=active": [{"id": f"u{n:02}", "group_ids": ["g"]} for n in range(users)],
        "/users?status=inactive": [],
        "/users?status=pending": [{"id": f"p{n}"} for n in range(pending)],
        **{f"/users/u{n:02}/settings": {"thing": n in contradicting} for n in range(users)},
    }


def collected(
    answers: dict[str, Any],
    lock_verifier: LockVerifier | None = None,
    sample: int = 4,
    reads: ReadPlan = PLAN,
    day: str = AT,
    **fields: Any,
) -> tuple[Snapshot, Zoom]:
    zoom, snapshot = Zoom(answers), Snapshot.create()
    snapshot.set_metadata("started_at", day)
    Collector(
        zoom, snapshot, reads, "acc", lambda: 2, now=lambda: AT,
        lock_verifier=lock_verifier or Locks(), sample=sample, **fields,
    ).collect()  # fmt: skip
    return snapshot, zoom


def read(zoom: Zoom) -> list[str]:
    """The users whose default document was requested."""
    ends = "/settings"
    paths = [
        request
        for request in zoom.requests
        if request.startswith("/users/") and request.endswith(ends)
    ]
    return sorted(path.removeprefix("/users/").removesuffix(ends) for path in paths)


def of_sample(snapshot: Snapshot, view: View = SETTINGS) -> Any:
    return account(snapshot, lock_sample_view(view))


def test_a_document_that_every_sampled_user_confirms_is_read_of_nobody_else() -> None:
    snapshot, zoom = collected(company())
    assert len(read(zoom)) == 4
    assert of_sample(snapshot) == {"users": USERS, "sampled": 4, "confirmed": 4}


@pytest.mark.parametrize(
    ("contradicting", "decision"),
    [
        ((), "4 of 4 sampled users confirm them, so the documents of the other 16 are not read."),
        (range(USERS), "0 of 4 sampled users confirm them, so all 20 are read."),
    ],
)
def test_what_the_sample_decides_is_logged(
    caplog: pytest.LogCaptureFixture, contradicting: Iterable[int], decision: str
) -> None:
    with caplog.at_level(logging.DEBUG, "auditor"):
        collected(company(*contradicting))
    assert f"Locks, settings: {decision}" in caplog.messages


@pytest.mark.parametrize("everybody", [True, False])
def test_one_contradiction_has_it_read_of_everybody(everybody: bool) -> None:
    _, zoom = collected(company())
    drawn = [int(user[1:]) for user in read(zoom)]
    contradicting = range(USERS) if everybody else drawn[:1]
    snapshot, zoom = collected(company(*contradicting))
    assert read(zoom) == [f"u{n:02}" for n in range(USERS)]
    assert of_sample(snapshot)["confirmed"] == (0 if everybody else 3)


def test_a_sampled_document_that_could_not_be_read_has_it_read_of_everybody() -> None:
    _, zoom = collected(company())
    (drawn, *_) = read(zoom)
    refused = {**company(), f"/users/{drawn}/settings": NotFound("GET /x")}
    snapshot, zoom = collected(refused)
    assert len(set(read(zoom))) == USERS
    assert of_sample(snapshot)["confirmed"] == 3


def test_if_nothing_is_provable_no_sample_is_drawn() -> None:
    snapshot, zoom = collected(company(), Locks(views=()))
    assert len(read(zoom)) == USERS
    assert lock_sample_view(SETTINGS) not in snapshot.account().outcomes


@pytest.mark.parametrize("users", [3, 4])
def test_a_sample_that_would_be_everybody_is_not_drawn(users: int) -> None:
    snapshot, zoom = collected(company(users=users, pending=5))
    assert len(read(zoom)) == users
    assert lock_sample_view(SETTINGS) not in snapshot.account().outcomes


def test_only_what_is_provable_is_left_out() -> None:
    _, zoom = collected(company(), reads=BOTH)
    requests = [request for request in zoom.requests if request.endswith("option=meeting_security")]
    assert len(requests) == USERS
    assert len(read(zoom)) == 4


def test_each_document_is_confirmed_by_itself() -> None:
    answers = company()
    for n in range(USERS):
        answers[f"/users/u{n:02}/settings?option=meeting_security"] = {"thing": True}
    snapshot, zoom = collected(answers, Locks((SETTINGS, SECURITY)), reads=BOTH)
    assert of_sample(snapshot)["confirmed"] == 4
    assert of_sample(snapshot, SECURITY)["confirmed"] == 0
    assert len(read(zoom)) == 4


def test_the_prover_sees_the_account_before_any_user() -> None:
    locks = Locks()
    collected(company(), locks)
    (seen,) = locks.prepared
    assert {SETTINGS, LOCKS} <= seen
    assert lock_sample_view(SETTINGS) not in seen


# Who is drawn


def drawn(answers: dict[str, Any], **fields: Any) -> list[str]:
    return read(collected(answers, **fields)[1])


def test_the_same_account_draws_the_same_users_on_the_same_day() -> None:
    assert drawn(company()) == drawn(company(), day=AT.replace("T20", "T23"))


def test_other_days_and_other_settings_draw_others() -> None:
    samples = {
        tuple(drawn(company())),
        tuple(drawn(company(), day=LATER)),
        tuple(drawn(company(other=1))),
    }
    assert len(samples) == 3


def test_who_is_invited_or_listed_beside_makes_no_difference_to_who_is_drawn() -> None:
    assert drawn(company()) == drawn(company(pending=9))


def test_invited_users_who_are_known_by_now_are_not_drawn_when_a_run_goes_on() -> None:
    answers = company(pending=40)
    snapshot, _ = collected(answers)
    before, zoom = snapshot.digest(), Zoom(answers)
    Collector(
        zoom, snapshot, PLAN, "acc", now=lambda: AT, since=AT, lock_verifier=Locks(), sample=4
    ).collect()
    assert zoom.requests == []
    assert snapshot.digest() == before


def test_everybody_has_the_same_chance() -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 11)]
    times = dict.fromkeys((f"u{n:02}" for n in range(USERS)), 0)
    for day in days:
        for user in drawn(company(), day=day):
            times[user] += 1
    assert min(times.values()) > 8  # of 120 days with 4 of 20 users: 24 are expected
    assert max(times.values()) < 48


class RecordingListener(ProgressListener):
    """Counts the announced users."""

    def __init__(self) -> None:
        self.announced = self.done = 0

    def level_started(self, level: Level, scopes: int) -> None:
        self.announced += scopes if level is Level.USER else 0

    def read(self, level: Level) -> None:
        self.done += level is Level.USER


def test_a_few_users_with_another_licence_are_in_every_sample() -> None:
    answers = company(users=200)
    for row, licence in zip(answers["/users?status=active"], [1, 1, *[2] * 198], strict=True):
        row["type"] = licence
    for day in range(1, 9):
        sample = drawn(answers, day=f"2026-11-{day:02}T20:00:00.000Z", sample=10)
        assert {"u00", "u01"} <= set(sample)
        assert len(sample) == 10


def test_the_sample_is_not_announced_as_the_users_to_read() -> None:
    listener = RecordingListener()
    collected(company(*range(USERS)), listener=listener)
    assert listener.announced == USERS
