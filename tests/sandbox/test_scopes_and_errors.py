import pytest

from tests.sandbox.conftest import Client, Start

NOBODY = "AAAAAAAAAAAAAAAAAAAAAA"


def test_a_missing_scope_is_named_in_a_400_4711(start: Start) -> None:
    answer = start(scopes=("user:read:list_users:admin",)).get("/users/me/settings")
    assert answer.status_code == 400
    assert answer.json() == {
        "code": 4711,
        "message": "Invalid access token, does not contain scopes:[user:read:settings:admin].",
    }


def test_alternative_scopes_are_all_named(start: Start) -> None:
    answer = start(scenario="denied").get("/accounts/me/lock_settings")
    assert answer.json()["message"] == (
        "Invalid access token, does not contain scopes:"
        "[account:read:lock_settings:admin, account:read:lock_settings:master]."
    )


@pytest.mark.parametrize("scope", ["account:read:lock_settings:master", "account:read:admin"])
def test_an_alternative_or_a_classic_scope_suffices(start: Start, scope: str) -> None:
    assert start(scopes=(scope,)).get("/accounts/me/lock_settings").status_code == 200


def test_no_scope_at_all_opens_nothing(start: Start) -> None:
    client = start(scopes=())
    assert client.get("/marketplace/apps").json()["code"] == 4711


def test_the_denied_account_lets_people_be_listed_but_not_their_settings(start: Start) -> None:
    client = start(scenario="denied")
    user = client.json("/users")["users"][0]["id"]
    group = client.json("/groups")["groups"][0]["id"]
    refused = (
        f"/users/{user}/settings",
        f"/groups/{group}/settings",
        f"/groups/{group}/lock_settings",
        "/accounts/me/lock_settings",
    )
    assert [client.get(path).json()["code"] for path in refused] == [4711] * 4
    assert client.get("/accounts/me/settings").status_code == 200


REFUSED = {
    "/accounts/other/settings": (404, 2001),
    "/accounts/other/lock_settings": (400, 2001),
    f"/groups/{NOBODY}": (404, 4130),
    f"/groups/{NOBODY}/settings": (404, 4130),
    "/groups/short/members": (404, 4130),
    f"/users/{NOBODY}": (404, 1001),
    "/users/nobody@example.com/settings": (404, 1001),
    "/users/ada.berg.999999@example.com": (404, 1001),
    "/users/%C3%A9AAAAAAAAAAAAAAAAAAAAA/settings": (404, 1001),
    "/users/!AAAAAAAAAAAAAAAAAAAAA/settings": (404, 1001),
    "/users/me/settings?option=nonsense": (400, 300),
    "/users/me/settings?option=default": (400, 300),
    "/users?status=gone": (400, 300),
    "/users?page_size=2001": (400, 300),
    "/users?page_size=0": (400, 300),
    "/users?page_size=many": (400, 300),
    "/groups?page_size=301": (400, 300),
    "/roles/77": (400, 1034),
    "/marketplace/apps?type=odd": (400, 300),
    "/users/me/meetings?type=odd": (400, 300),
    "/meetings/1": (404, 3001),
    "/meetings/80000000003": (404, 3001),
    "/meetings/word": (404, 3001),
    "/phone/sites/none": (404, 404),
    "/report/operationlogs": (400, 300),
    "/report/operationlogs?from=2026-01-01&to=soon": (400, 300),
    "/report/history_meetings?from=2026-01-01&to=2026-03-01": (400, 300),
    "/no/such/thing": (404, 2300),
}
"""Paths of things that do not exist, with the status and the code that Zoom answers."""


def test_what_does_not_exist_is_refused_with_zooms_code(start: Start) -> None:
    answers = {path: start().get(path) for path in REFUSED}
    found = {path: (each.status_code, each.json()["code"]) for path, each in answers.items()}
    assert found == REFUSED


def test_the_accounts_own_id_stands_for_me(start: Start) -> None:
    client = start()
    own = client.sandbox.account_id
    assert client.json(f"/accounts/{own}/settings") == client.json("/accounts/me/settings")


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_the_only_verb_that_writes_is_patch(start: Start, verb: str) -> None:
    client = start()
    url = f"{client.sandbox.api_url}/accounts/me/settings"
    answer = client.session.request(verb, url, json={}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (405, 405)


def test_phone_and_dashboards_are_refused_where_not_licensed(start: Start) -> None:
    client = start(scenario="partial")
    paths = ("/phone/account_settings", "/phone/sites", "/phone/sites/x")
    answers = [client.get(path) for path in (*paths, "/metrics/meetings/1/participants")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, 200)] * 4


def test_one_users_settings_of_the_partial_account_always_fail(start: Start) -> None:
    client = start(scenario="partial")
    broken = client.sandbox.world.broken_user
    assert broken is not None
    path = f"/users/{client.sandbox.world.user_id(broken)}/settings"
    assert [client.get(path).status_code for _ in range(3)] == [500] * 3


def test_one_user_of_the_partial_account_is_gone_after_the_listing(start: Start) -> None:
    client = start(scenario="partial")
    deleted = client.sandbox.world.deleted_user
    assert deleted is not None
    user = client.sandbox.world.user_id(deleted)
    assert user in {row["id"] for row in client.all("/users", "users")}
    answer = client.get(f"/users/{user}/settings")
    assert (answer.status_code, answer.json()["code"]) == (404, 1001)


def test_pending_users_of_the_partial_account_have_no_id(start: Start) -> None:
    rows = start(scenario="partial").json("/users", status="pending")["users"]
    assert rows
    assert all("id" not in row for row in rows)


def test_a_pending_users_invitation_is_not_a_settings_document(start: Start) -> None:
    client = start()
    user = client.json("/users", status="pending")["users"][0]["id"]
    answer = client.get(f"/users/{user}/settings")
    assert (answer.status_code, answer.json()["code"]) == (400, 1120)


def headers_of(client: Client, path: str) -> tuple[str, str]:
    headers = client.get(path).headers
    return headers["x-ratelimit-category"], headers["content-type"]


def test_answers_carry_category_tracking_id_and_json(start: Start) -> None:
    client = start()
    assert headers_of(client, "/users/me") == ("Light", "application/json;charset=UTF-8")
    assert headers_of(client, "/users/me/settings")[0] == "Medium"
    assert client.get("/users/me").headers["x-zm-trackingid"].startswith("v=2.0;")
