"""First looks: what events name is judged at once, as the audit that follows will judge it."""

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from auditor.app import first_look
from auditor.app.announcer import Announcer
from auditor.app.audit import CollectionScope
from auditor.app.collection import CollectionOptions
from auditor.app.connection import AccountSource, RateOptions
from auditor.app.first_look import FirstLooks, Place, look, place_of
from auditor.app.nightly import NightlyJob, WrittenReports
from auditor.app.selection import Selection
from auditor.collect.interface import NoProgress
from auditor.config import settings as config
from auditor.evidence.scope import Level
from auditor.notify.message import compose
from auditor.notify.triggers import RunEvent
from auditor.store.runs import Runs
from auditor.watch.events import parse
from tests.cli.accounts import SUMMARY, Account
from tests.end_to_end.conftest import Auditor, served, slow
from tests.notify.receivers import webhook
from tests.watch.sender import changed

USERS = 30
AUTOMATIC = "in_meeting.meeting_summary_with_ai_companion.auto_enable"


class Quiet:
    """Nobody reads what is said."""

    def say(self, message: str) -> None: ...

    def complain(self, message: str) -> None: ...


def nightly(channel: str | None = None) -> NightlyJob:
    """The job of a watch that is configured by the environment."""
    settings = config.load()
    channels = [channel] if channel else None
    return NightlyJob(
        source=AccountSource(settings),
        selection=Selection(),
        depth=Level.USER,
        collection=CollectionOptions(
            rate=RateOptions(max_rate=1_000.0),
            collection_scope=CollectionScope(refresh=7 * 86400.0, verify_carried=0),
        ),
        progress=nullcontext(NoProgress()),
        write_reports=lambda *_: WrittenReports((), ()),
        announcer=Announcer.chosen(settings, channels, None, False),
        keep=None,
        keep_monthly=24,
        messages=Quiet(),
    )


def point(monkeypatch: pytest.MonkeyPatch, auditor: Auditor) -> None:
    for name, value in auditor.environment({"AUDITOR_BASELINE": "strict"}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with one night, which this process is pointed at."""
    with served("clean", users=USERS, groups=3) as sandbox:
        account = Account(sandbox, Auditor(tmp_path, sandbox))
        account.night()
        point(monkeypatch, account.auditor)
        yield account


def looked(places: set[Place], job: NightlyJob | None = None) -> RunEvent:
    found = look(job or nightly(), places, threading.Event())
    assert found is not None
    return found.event


def worse(event: RunEvent) -> set[tuple[str, str, str, str]]:
    assert event.drift is not None
    return {
        (state.control, state.kind, state.scope.id, state.setting)
        for change in event.drift.changes
        for state in [change.state]
    }


@pytest.mark.parametrize("scenario", ["clean", "drifted", "unlocked", slow("partial")])
def test_where_nothing_changed_it_finds_nothing_at_any_place(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(scenario, users=USERS, groups=3) as sandbox:
        auditor = Auditor(tmp_path, sandbox)
        assert auditor.audit(env={"AUDITOR_BASELINE": "strict"}).code in (0, 1, 3)
        point(monkeypatch, auditor)
        world = sandbox.world
        groups: set[Place] = {(Level.GROUP, world.group_id(index)) for index in range(3)}
        people: set[Place] = {(Level.USER, world.user_id(index)) for index in range(USERS)}
        for places in ({(Level.ACCOUNT, "")}, groups, people, {next(iter(people))}):
            assert worse(looked(places)) == set()


def test_it_finds_what_the_audit_finds_at_the_places_that_were_named(company: Account) -> None:
    world = company.sandbox.world
    user, group = world.user_id(7), world.group_id(1)
    places: set[Place] = {(Level.ACCOUNT, ""), (Level.GROUP, group), (Level.USER, user)}
    for level, zoom_id, setting in (
        ("account", "", "in_meeting.ai_companion_questions.enable"),
        ("group", group, SUMMARY),
        ("user", user, SUMMARY),
        ("user", user, AUTOMATIC),
    ):
        company.sandbox.change(level=level, id=zoom_id, setting=setting, value=True, operator="eve")
    found = worse(looked(places))
    company.night()
    diff = json.loads(company("diff", "--format", "json").out)
    ids = {scope_id for _, _, scope_id, _ in found}  # those named, and the person's group
    assert ids >= {user, group, company.sandbox.account_id}
    expected = {
        (change["control"], change["kind"], change["scope"]["id"], change["setting"])
        for change in diff["changes"]
        if change["move"] == "regressed"
        and change["scope"]["id"] in ids
        and change["kind"] in ("value", "lock")
    }
    assert found == expected


def test_it_reads_next_to_nothing(company: Account) -> None:
    requests = company.sandbox.requests
    before = requests.total
    looked({(Level.USER, company.sandbox.world.user_id(7))})
    assert 0 < requests.total - before <= 25


def test_it_does_not_wait_for_a_run_that_is_under_way(company: Account) -> None:
    user, sandbox = company.sandbox.world.user_id(7), company.sandbox
    sandbox.change(level="user", id=user, setting=SUMMARY, value=True, operator="eve")
    with Runs(company.auditor.data).lock_account(sandbox.account_id, sandbox.api_url):
        assert worse(looked({(Level.USER, user)}))


def test_what_cannot_be_read_is_not_told(company: Account) -> None:
    user = company.sandbox.world.user_id(7)
    company.sandbox.change(level="user", id=user, setting=SUMMARY, value=True, operator="eve")
    company.withhold("user:read:settings")
    assert worse(looked({(Level.USER, user)})) == set()


def test_a_place_that_no_run_knows_is_left_to_the_audit(company: Account) -> None:
    assert look(nightly(), {(Level.USER, "nobody")}, threading.Event()) is None
    assert look(nightly(), {(Level.GROUP, "none")}, threading.Event()) is None


def test_the_message_says_what_changed_and_that_an_audit_follows(company: Account) -> None:
    user = company.sandbox.world.user_id(7)
    company.sandbox.change(level="user", id=user, setting=SUMMARY, value=True, operator="eve")
    message = compose(looked({(Level.USER, user)}))
    assert "off → on for 1 person" in message.subject
    assert "The audit that follows" in message.body.text
    assert "auditor diff" not in message.body.text


def received(name: str, place: str = "x") -> Any:
    body = changed(event=name)
    body["payload"]["object"]["id"] = place
    return parse(body, json.dumps(body).encode(), datetime.now(UTC))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("account.settings_updated", (Level.ACCOUNT, "")),
        ("account.lock_settings_updated", (Level.ACCOUNT, "")),
        ("group.lock_settings_updated", (Level.GROUP, "x")),
        ("user.settings_updated", (Level.USER, "x")),
        ("user.updated", None),
        ("group.member_added", None),
        ("phone.account_settings_updated", None),
        ("meeting.ai_companion_started", None),
    ],
)
def test_it_looks_where_settings_or_locks_changed(name: str, place: Place | None) -> None:
    assert place_of(received(name)) == place


def test_channels_are_told_once(company: Account) -> None:
    user = company.sandbox.world.user_id(7)
    with webhook(200) as hook:
        looks = FirstLooks(lambda _: nightly(f"json://{hook.host}/in"), quiet=0.05, longest=0.2)
        thread = threading.Thread(target=looks.run)
        thread.start()
        company.sandbox.change(level="user", id=user, setting=SUMMARY, value=True, operator="eve")
        looks.notice(received("user.settings_updated", user))
        announced = looks.announced()
        assert len(hook.documents) == 1
        assert announced
        looks.notice(received("user.settings_updated", user))  # the same once more
        assert looks.announced() == announced
        assert len(hook.documents) == 1
        looks.forget(announced)
        assert looks.announced() == frozenset()
        looks.end()
        thread.join(10)
        assert not thread.is_alive()


def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []

    def failing(_: object, __: object, stopping: threading.Event) -> None:
        ended.append(stopping.is_set())
        stopping.set()  # as the collector does when it is broken off
        raise RuntimeError("a bug")

    monkeypatch.setattr(first_look, "look", failing)
    looks = FirstLooks(lambda _: cast("NightlyJob", None), quiet=0.01, longest=0.05)
    thread = threading.Thread(target=looks.run)
    thread.start()
    for _ in range(2):
        looks.notice(received("user.settings_updated"))
        assert looks.announced() == frozenset()
    looks.end()
    thread.join(10)
    assert not thread.is_alive()
    assert ended == [False, False]
