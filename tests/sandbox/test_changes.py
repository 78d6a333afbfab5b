"""Changes of settings while the sandbox serves, and their log entries."""

from typing import Any

import pytest
import requests

from auditor.evidence.operation_log import normalize_label
from auditor.policy.catalogue import word_lists
from auditor.sandbox.edits import LABELS
from tests.sandbox.conftest import Client, Clock, Start
from tests.sandbox.test_usage import month

SUMMARY = "in_meeting.meeting_summary_with_ai_companion"
SETTINGS = {"account": "/accounts/me/settings", "group": "/groups/{}/settings"}


def value(client: Client, path: str, setting: str = f"{SUMMARY}.enable") -> Any:
    return client.leaves(path, ("",)).get(setting)


def log(client: Client, **query: str) -> list[dict[str, Any]]:
    parameters = {**month(client), **query}
    rows: list[dict[str, Any]] = client.json("/report/operationlogs", **parameters)[
        "operation_logs"
    ]
    return [row for row in rows if "Add User" not in row["operation_detail"]]


def post(client: Client, body: Any, kind: str = "application/json") -> requests.Response:
    return client.session.post(
        f"{client.sandbox.origin}/sandbox/changes",
        data=body if isinstance(body, str) else None,
        json=None if isinstance(body, str) else body,
        headers={"Content-Type": kind},
        timeout=10,
    )


def groups(client: Client) -> dict[str, str]:
    return {row["name"]: row["id"] for row in client.all("/groups", "groups")}


def members(client: Client, group: str) -> set[str]:
    return {row["id"] for row in client.all(f"/groups/{group}/members", "members")}


def test_what_is_set_at_the_account_reaches_every_group_and_user(start: Start) -> None:
    client = start(fresh=True)
    assert value(client, "/accounts/me/settings") is False
    client.sandbox.change(level="account", setting=f"{SUMMARY}.enable", value=True)
    assert value(client, "/accounts/me/settings") is True
    assert all(value(client, f"/groups/{each}/settings") for each in groups(client).values())
    users = client.all("/users", "users")
    assert all(value(client, f"/users/{user['id']}/settings") for user in users)


def test_what_is_set_at_a_group_reaches_its_members_alone(start: Start) -> None:
    client = start(fresh=True, users=60)
    name, group = sorted(groups(client).items())[0]
    client.sandbox.change(level="group", id=name, setting=f"{SUMMARY}.enable", value=True)
    assert value(client, "/accounts/me/settings") is False
    belonging = members(client, group)
    for user in client.all("/users", "users"):
        assert value(client, f"/users/{user['id']}/settings") is (user["id"] in belonging)


def test_what_is_set_for_a_user_is_the_users_alone_and_keeps_the_users_secrets(
    start: Start,
) -> None:
    client = start(fresh=True)
    first, second = client.all("/users", "users")[:2]
    before = client.get(f"/users/{first['id']}/settings").text
    client.sandbox.change(level="user", id=first["email"], setting=f"{SUMMARY}.enable", value=True)
    assert value(client, f"/users/{first['id']}/settings") is True
    assert value(client, f"/users/{second['id']}/settings") is False
    assert before.count(first["id"]) == client.get(f"/users/{first['id']}/settings").text.count(
        first["id"]
    )


def test_the_last_change_wins_and_another_sandbox_knows_nothing_of_it(start: Start) -> None:
    client, other = start(fresh=True), start(fresh=True)
    for on in (True, False, True):
        client.sandbox.change(level="account", setting=f"{SUMMARY}.enable", value=on)
    assert value(client, "/accounts/me/settings") is True
    assert value(other, "/accounts/me/settings") is False
    assert len(log(client)) == 3


def test_a_change_in_an_option_view_is_served_there(start: Start) -> None:
    client = start(fresh=True)
    setting = "meeting_security.meeting_password"
    client.sandbox.change(level="account", setting=setting, value=False)
    served = client.leaves("/accounts/me/settings", ("meeting_security",))
    assert served[setting] is False


def test_a_lock_is_found_from_the_path_of_the_setting(start: Start) -> None:
    client = start(fresh=True)
    (path, group) = "/accounts/me/lock_settings", next(iter(groups(client).values()))
    client.sandbox.change(level="account", setting=f"{SUMMARY}.enable", locked=False)
    assert value(client, path, SUMMARY) is False
    assert value(client, f"/groups/{group}/lock_settings", SUMMARY) is False
    assert (
        log(client)[0]["operation_detail"] == "Settings  - Meeting summary locked: from On to Off"
    )


@pytest.mark.parametrize(
    ("level", "category", "query_category", "detail"),
    [
        ("account", "Account", "account", "Settings  - Meeting summary: from Off to On"),
        ("group", "User Group", "user", "Edit Group {}  - Meeting summary: from Off to On"),
        ("user", "User", "user_settings", "Update User {}  - Meeting summary: from Off to On"),
    ],
)
def test_the_log_tells_who_changed_what_and_when(
    start: Start, clock: Clock, level: str, category: str, query_category: str, detail: str
) -> None:
    client = start(clock=clock)
    who = {
        "account": "",
        "group": next(iter(groups(client))),
        "user": client.all("/users", "users")[5]["email"],
    }[level]
    entry = client.sandbox.change(
        level=level, id=who, setting=f"{SUMMARY}.enable", value=True, operator="eve@example.com"
    )
    assert entry == {
        "time": "2026-11-18T11:06:40Z",
        "operator": "eve@example.com",
        "category_type": category,
        "action": "Update",
        "operation_detail": detail.format(who),
    }
    assert log(client) == log(client, category_type=query_category) == [entry]
    assert log(client, category_type="billing") == []


def test_the_newest_entry_comes_first(start: Start, clock: Clock) -> None:
    client = start(clock=clock, scenario="drifted")
    for on in (False, True):
        client.sandbox.change(level="account", setting=f"{SUMMARY}.enable", value=on)
        clock.now += 60
    times = [row["time"] for row in log(client)]
    assert times == sorted(times, reverse=True)


def test_what_changes_nothing_or_is_a_persons_own_has_no_entry(start: Start) -> None:
    client = start(fresh=True)
    user = client.all("/users", "users")[3]
    change = {"level": "user", "id": user["id"], "setting": f"{SUMMARY}.enable"}
    assert client.sandbox.change(**change, value=False) is None
    assert client.sandbox.change(**change, value=True, operator=user["email"]) is None
    assert value(client, f"/users/{user['id']}/settings") is True
    assert log(client) == []


def test_a_label_can_be_given_and_else_comes_of_the_path(start: Start) -> None:
    client = start(fresh=True)
    client.sandbox.change(level="account", setting="recording.local_recording", value=True)
    client.sandbox.change(
        level="account", setting="recording.local_recording", value=False, label="Record to files"
    )
    details = [row["operation_detail"] for row in log(client)]
    assert details == [
        "Settings  - Record to files: from On to Off",
        "Settings  - Local recording: from Off to On",
    ]


@pytest.mark.parametrize("setting", LABELS)
def test_the_labels_are_those_that_the_portal_has(setting: str) -> None:
    names = word_lists.portal_labels().names
    known = names.get(setting) or names[f"{setting}.enable"]
    assert normalize_label(LABELS[setting]) in {normalize_label(name) for name in known}


def test_a_change_can_be_asked_for_over_http(start: Start) -> None:
    client = start(fresh=True)
    answer = post(client, {"level": "account", "setting": f"{SUMMARY}.enable", "value": True})
    assert answer.status_code == 200
    assert answer.json()["operation_log"] == log(client)[0]
    assert value(client, "/accounts/me/settings") is True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Expecting"),
        ("[]", "Send a JSON object."),
        ({}, "level must be one of account, group, user."),
        ({"level": "phone"}, "level must be one of"),
        ({"level": "account"}, "setting must be"),
        ({"level": "account", "setting": 3, "value": 1}, "setting must be"),
        ({"level": "account", "setting": "a.b"}, "Give either value or locked."),
        ({"level": "account", "setting": "a", "value": 1, "locked": True}, "Give either"),
        ({"level": "account", "setting": "a.b", "value": 1}, "The account has no setting 'a.b'."),
        ({"level": "account", "setting": SUMMARY, "value": 1}, "has no setting"),
        ({"level": "account", "setting": "a.b", "locked": True}, "The account has no lock 'a.b'."),
        ({"level": "account", "setting": SUMMARY, "locked": "yes"}, "locked must be true or false"),
        ({"level": "group", "id": "nobody", "setting": "a", "value": 1}, "no group 'nobody'"),
        ({"level": "user", "id": "nobody", "setting": "a", "value": 1}, "no user 'nobody'"),
        ({"level": "user", "id": "me", "setting": SUMMARY, "locked": True}, "locked must be"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_reason(
    start: Start, body: Any, message: str
) -> None:
    answer = post(start(), body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_a_page_in_a_browser_cannot_change_anything_unasked(start: Start) -> None:
    body = f'{{"level": "account", "setting": "{SUMMARY}.enable", "value": true}}'
    client = start()
    assert post(client, body, "text/plain").status_code == 415
    assert value(client, "/accounts/me/settings") is False
    assert client.session.get(f"{client.sandbox.origin}/sandbox/changes", timeout=10).ok is False
