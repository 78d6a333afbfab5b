import pytest

from auditor.sandbox.documents import REMOVED, Departure, Documents, changed, differences, leaves
from tests.sandbox.conftest import Client, Start

SUMMARY = "meeting_summary_with_ai_companion"


@pytest.fixture
def client(start: Start) -> Client:
    return start(users=60)


def group_path(client: Client) -> str:
    return f"/groups/{client.json('/groups')['groups'][0]['id']}"


def user_path(client: Client, licence: int) -> str:
    rows = client.all("/users", "users")
    return f"/users/{next(row['id'] for row in rows if row['type'] == licence)}/settings"


def test_users_have_no_chat_or_security_section(client: Client) -> None:
    sections = client.json(user_path(client, 2)).keys()
    assert sections.isdisjoint({"chat", "security", "smart_recognition"})
    assert {"whiteboard", "integration", "other_options"} <= sections


def test_the_same_idea_has_another_name_at_user_level(client: Client) -> None:
    account, user = client.json("/accounts/me/settings"), client.json(user_path(client, 2))
    assert "record_play_own_voice" in account["in_meeting"]
    assert "participant_video" in account["schedule_meeting"]
    assert {"record_play_voice"} == {k for k in user["in_meeting"] if k.startswith("record_play")}
    assert "participants_video" in user["schedule_meeting"]


def test_the_consent_disclaimer_stands_at_user_level_only(client: Client) -> None:
    name = "ask_participants_to_consent_disclaimer"
    assert name in client.json(user_path(client, 2))["recording"]
    assert name not in client.json("/accounts/me/settings")["recording"]
    assert name not in client.json(f"{group_path(client)}/settings")["recording"]


def test_the_waiting_room_has_two_homes_below_the_account(client: Client) -> None:
    group = f"{group_path(client)}/settings"
    assert "waiting_room" not in client.json("/accounts/me/settings")["in_meeting"]
    assert client.json(group)["in_meeting"]["waiting_room"] is True
    for path in ("/accounts/me/settings", group, user_path(client, 2)):
        view = client.json(path, option="meeting_security")
        assert view["meeting_security"]["waiting_room"] is True


def test_some_locks_exist_for_groups_only_and_some_for_the_account_only(client: Client) -> None:
    account = client.json("/accounts/me/lock_settings")
    group = client.json(f"{group_path(client)}/lock_settings")
    assert "waiting_room" in group["in_meeting"]
    assert "waiting_room" not in account["in_meeting"]
    assert "chat" in account
    assert "chat" not in group


def test_locks_are_booleans_but_for_the_documented_odd_ones(client: Client) -> None:
    for path, odd in (
        ("/accounts/me/lock_settings", {"entry_exit_chime", "enforce_login_domains"}),
        (f"{group_path(client)}/lock_settings", {"entry_exit_chime", "ip_addresses_or_ranges"}),
    ):
        served = dict(leaves(client.json(path)))
        assert {k.split(".")[-1] for k, v in served.items() if not isinstance(v, bool)} == odd
        assert all(value is not False for value in served.values())


def test_groups_carry_ai_values_and_lock_flags(client: Client) -> None:
    path = group_path(client)
    assert client.json(f"{path}/settings")["in_meeting"][SUMMARY]["enable"] is False
    assert client.json(f"{path}/lock_settings")["in_meeting"][SUMMARY] is True


def test_every_flag_of_the_ai_object_is_off_at_every_level(client: Client) -> None:
    group = client.json(f"{group_path(client)}/settings")["ai"]
    user = client.json(user_path(client, 2))["ai"]
    account = client.json("/accounts/me/settings")["ai"]
    for body in (account, group, user):
        flags = [value for path, value in leaves(body) if path != "ai_model_type"]
        assert flags == [False] * 5
        assert body["ai_model_type"] == "zoom_hosted"


def test_a_basic_user_lacks_some_twenty_seven_keys(client: Client) -> None:
    basic = dict(leaves(client.json(user_path(client, 1))))
    licensed = dict(leaves(client.json(user_path(client, 2))))
    assert basic.keys() < licensed.keys()
    assert 27 <= len(licensed) - len(basic) <= 35
    assert "recording.cloud_recording" not in basic


def test_the_authentication_view_of_a_user_has_the_live_shape(client: Client) -> None:
    view = client.json(user_path(client, 2), option="meeting_authentication")
    assert view["meeting_authentication"] is True
    assert isinstance(view["authentication_options"], list)


def test_the_accounts_security_view_repeats_the_default_one(client: Client) -> None:
    view = client.json("/accounts/me/settings", option="security")
    assert view["security"] == client.json("/accounts/me/settings")["security"]


def test_secrets_are_in_clear_and_recognisable(client: Client) -> None:
    archive = client.json("/accounts/me/settings")["chat"][
        "send_data_to_third_party_archiving_service"
    ]
    user = client.json(user_path(client, 2))["schedule_meeting"]
    secrets = [
        archive["passcode"],
        archive["authorized_channel_token"],
        archive["smtp_delivery_address"],
        user["pmi_password"],
        user["default_password_for_scheduled_meetings"],
        client.sandbox.client_secret,
        client.token().json()["access_token"],
    ]
    assert all("CANARY" in secret for secret in secrets)


def test_each_user_has_secrets_of_their_own(client: Client) -> None:
    served = {
        client.json(f"/users/{row['id']}/settings", option="meeting_security")["meeting_security"][
            "password_for_pmi"
        ]
        for row in client.json("/users")["users"]
    }
    assert len(served) == 30


def test_no_placeholder_is_left_in_what_is_served(client: Client) -> None:
    for option in ("", "meeting_security"):
        text = client.get(user_path(client, 2), option=option).text
        assert "%" not in text


def test_telephony_regions_are_misspelt_for_users_as_seen_live(client: Client) -> None:
    regions = client.json(user_path(client, 2))["telephony"]["telephony_regions"]
    assert "selection_value" in regions
    assert "selection_values" not in regions


def test_a_meeting_carries_its_ai_settings_and_its_secrets(client: Client) -> None:
    row = client.json("/users/me/meetings")["meetings"][0]
    assert "settings" not in row
    body = client.json(f"/meetings/{row['id']}")
    assert body["settings"]["auto_start_meeting_summary"] is False
    assert all("CANARY" in body[name] for name in ("password", "start_url", "join_url"))


def test_only_scheduled_meetings_are_listed(client: Client) -> None:
    assert client.json("/users/me/meetings", type="previous_meetings")["meetings"] == []


def test_phone_settings_can_be_narrowed_and_tell_who_locked_them(client: Client) -> None:
    body = client.json("/phone/account_settings", setting_types="voicemail_transcription,none")
    assert body == {
        "voicemail_transcription": {"enable": False, "locked": True, "locked_by": "account"}
    }
    assert len(client.json("/phone/account_settings")) > 10


def test_a_phone_site_carries_its_policy(client: Client) -> None:
    site = client.json("/phone/sites")["sites"][0]["id"]
    assert client.json(f"/phone/sites/{site}")["policy"]["call_summary"]["enable"] is False


def test_a_change_applies_only_where_the_path_exists() -> None:
    before: Documents = {"default": {"a": {"b": 1}, "c": {"d": True}}, "other": {"c": {"d": True}}}
    changes = [
        Departure("a.x", 2),
        Departure("a.b.c", 2),
        Departure("z.y", 2),
        Departure("a", 5),
        Departure("c.d", False),
    ]
    after = changed(before, changes)
    assert after == {"default": {"a": {"b": 1}, "c": {"d": False}}, "other": {"c": {"d": False}}}
    assert before["default"]["c"]["d"] is True


def test_differences_tell_changed_added_and_absent_leaves() -> None:
    before: Documents = {"default": {"a": {"b": 1, "c": [1]}, "d": True}}
    changes = [Departure("a.c", REMOVED), Departure("a.new", 3, added=True), Departure("d", False)]
    assert differences(before, changed(before, changes)) == {
        "a.c": ("absent", None),
        "a.new": ("added", 3),
        "d": ("changed", False),
    }


def test_phone_groups_and_users_tell_whether_they_differ(client: Client) -> None:
    group = client.json("/groups")["groups"][0]["id"]
    body = client.json(f"/phone/groups/{group}/settings", setting_types="e2e_encryption,none")
    assert set(body) == {"e2e_encryption"}
    assert body["e2e_encryption"]["modified"] is False
    user = client.json("/users")["users"][0]["id"]
    policy = client.json(f"/phone/users/{user}")["policy"]
    assert policy["voicemail_transcription"]["locked_by"] == "account"
    assert "call_live_transcription" not in policy


def test_only_active_users_have_a_phone(client: Client) -> None:
    user = client.json("/users", status="inactive")["users"][0]["id"]
    assert client.get(f"/phone/users/{user}").status_code == 404
    assert client.get("/phone/groups/none/settings").json()["code"] == 4130
