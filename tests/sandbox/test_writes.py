"""Writing: partial updates, what a PATCH leaves alone, inheritance, locks, errors and scopes."""

from typing import Any

import pytest
import requests

from auditor.sandbox import Faults
from tests.sandbox.conftest import Client, Start

ACCOUNT, LOCKS = "/accounts/me/settings", "/accounts/me/lock_settings"
SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
STREAMING = "in_meeting.allow_live_streaming"


def writing(client: Client) -> Client:
    """The same sandbox, signed in with the writing app."""
    sandbox = client.sandbox
    form = {"grant_type": "account_credentials", "account_id": sandbox.account_id}
    pair = sandbox.writing_client_id, sandbox.writing_client_secret
    reply = client.session.post(sandbox.oauth_url, auth=pair, data=form, timeout=10)
    client.session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    return client


def patch(client: Client, path: str, body: Any, **query: str) -> requests.Response:
    return client.session.patch(client.sandbox.api_url + path, json=body, params=query, timeout=10)


def nested(path: str, value: Any) -> Any:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def value(client: Client, path: str, setting: str, option: str = "") -> Any:
    return client.leaves(path, (option,)).get(setting)


def first_of(client: Client, listing: str) -> str:
    return str(client.all(f"/{listing}", listing)[0]["id"])


@pytest.fixture
def client(start: Start) -> Client:
    client = start(scenario="drifted", users=60, fresh=True)
    return writing(client)


def groups_of(client: Client) -> list[str]:
    world = client.sandbox.world
    return [world.group_id(number) for number in range(world.group_count)]


def test_a_patch_changes_the_leaf_and_nothing_besides(client: Client) -> None:
    before = client.leaves(ACCOUNT, ("",))
    reply = patch(client, ACCOUNT, nested("chat.ai_compose.enable", False))
    assert (reply.status_code, reply.content) == (204, b"")
    after = client.leaves(ACCOUNT, ("",))
    assert {path for path in before if before[path] != after[path]} == {"chat.ai_compose.enable"}


@pytest.mark.parametrize(
    ("path", "setting", "query"),
    [
        (ACCOUNT, SUMMARY, ""),
        (ACCOUNT, "smart_recognition.personalized_audio_isolation", ""),
        (LOCKS, "in_meeting.meeting_reactions", ""),
        (LOCKS, "in_meeting.meeting_summary_with_ai_companion", ""),
        (ACCOUNT, "meeting_security.meeting_password", "meeting_security"),
    ],
)
def test_what_is_read_only_or_of_another_view_is_left_alone_with_a_204(
    client: Client, path: str, setting: str, query: str
) -> None:
    before = value(client, path, setting, query)
    assert isinstance(before, bool)
    assert patch(client, path, nested(setting, not before)).status_code == 204
    assert value(client, path, setting, query) is before


def test_a_view_is_written_with_its_option(client: Client) -> None:
    setting, option = "meeting_security.meeting_password", "meeting_security"
    before = value(client, ACCOUNT, setting, option)
    assert patch(client, ACCOUNT, nested(setting, not before), option=option).status_code == 204
    assert value(client, ACCOUNT, setting, option) is not before
    assert patch(client, LOCKS, nested(setting, False)).status_code == 204
    assert value(client, LOCKS, setting, option) is False


def test_an_account_value_moves_whoever_has_no_value_of_their_own(client: Client) -> None:
    setting = "in_meeting.breakout_room"
    groups = groups_of(client)
    before = value(client, ACCOUNT, setting)
    patch(client, LOCKS, nested(setting, False))
    paths = [f"/groups/{group}/settings" for group in groups]
    assert {value(client, path, setting) for path in paths} == {before} == {True}
    patch(client, paths[0], nested(setting, False))
    patch(client, ACCOUNT, nested(setting, False))
    patch(client, paths[0], nested(setting, True))
    assert [value(client, path, setting) for path in paths] == [True] + [False] * (len(paths) - 1)
    user = client.sandbox.world.members(0)[0][0]
    assert value(client, f"/users/{client.sandbox.world.user_id(user)}/settings", setting) is True


def test_a_lock_forces_the_value_down_and_holds_it(client: Client) -> None:
    groups = groups_of(client)
    paths = [f"/groups/{group}/settings" for group in groups]
    assert {value(client, path, STREAMING) for path in paths} == {False, True}
    assert patch(client, LOCKS, nested(STREAMING, True)).status_code == 204
    assert {value(client, path, STREAMING) for path in paths} == {False}
    assert {value(client, f"/groups/{group}/lock_settings", STREAMING) for group in groups} == {
        True
    }
    assert patch(client, paths[0], nested(STREAMING, True)).status_code == 204
    assert value(client, paths[0], STREAMING) is False
    patch(client, LOCKS, nested(STREAMING, False))
    assert {value(client, path, STREAMING) for path in paths} == {False, True}


def test_a_group_lock_forces_its_value_on_its_members(client: Client) -> None:
    group = groups_of(client)[0]
    setting = "in_meeting.annotation"
    patch(client, LOCKS, nested(setting, False))
    before = value(client, f"/groups/{group}/settings", setting)
    world = client.sandbox.world
    user = f"/users/{world.user_id(world.members(0)[0][0])}/settings"
    patch(client, user, nested(setting, not before))
    assert value(client, user, setting) is not before
    patch(client, f"/groups/{group}/lock_settings", nested(setting, True))
    assert value(client, user, setting) is before


@pytest.mark.parametrize(
    ("path", "body", "kind", "expected"),
    [
        (ACCOUNT, '{"chat": {"ai_recommend": "no"}}', "application/json", (400, 300)),
        (ACCOUNT, "{", "application/json", (400, 300)),
        (ACCOUNT, "{}", "text/plain", (400, 300)),
        ("/accounts/other/settings", "{}", "application/json", (404, 2001)),
        ("/accounts/other/lock_settings", "{}", "application/json", (404, 2001)),
        ("/groups/other/settings", "{}", "application/json", (404, 4130)),
        ("/groups/other/lock_settings", "{}", "application/json", (404, 4130)),
        ("/users/other/settings", "{}", "application/json", (404, 1001)),
    ],
)
def test_errors(client: Client, path: str, body: str, kind: str, expected: tuple[int, int]) -> None:
    reply = client.session.patch(
        client.sandbox.api_url + path, data=body, headers={"Content-Type": kind}, timeout=10
    )
    assert (reply.status_code, reply.json()["code"]) == expected
    if "ai_recommend" in body:
        assert reply.json()["errors"][0]["field"] == "chat.ai_recommend"


def test_the_reading_app_and_an_account_without_a_plan_cannot_write(start: Start) -> None:
    client = start(fresh=True)
    reply = patch(client, ACCOUNT, {})
    assert (reply.status_code, reply.json()["code"]) == (400, 4711)
    assert "account:update:settings:admin" in reply.json()["message"]
    free = writing(start(fresh=True, plan="free"))
    assert patch(free, ACCOUNT, {}).json()["code"] == 200


def test_a_service_that_replaces_objects_resets_what_was_left_out(start: Start) -> None:
    client = writing(start(scenario="drifted", fresh=True, keeps_siblings=False))
    assert value(client, ACCOUNT, "chat.ai_compose.shown_in_team_chat") is not None
    patch(client, ACCOUNT, nested("chat.ai_compose.enable", True))
    assert value(client, ACCOUNT, "chat.ai_compose.shown_in_team_chat") is False


FAULTS = {
    "ignored_writes": Faults(ignored_writes=1),
    "contested_writes": Faults(contested_writes=1),
    "lost_writes": Faults(lost_writes=1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_that_goes_wrong(start: Start, fault: str) -> None:
    client = writing(start(scenario="drifted", faults=FAULTS[fault]))
    body = nested("chat.ai_compose.enable", False)
    if fault == "lost_writes":
        with pytest.raises(requests.ConnectionError):
            patch(client, ACCOUNT, body)
    else:
        assert patch(client, ACCOUNT, body).status_code == 204
    assert value(client, ACCOUNT, "chat.ai_compose.enable") is (fault != "lost_writes")
