import base64
import json

import pytest
import requests

from auditor.sandbox import Faults
from tests.sandbox.conftest import Clock, Start


def test_a_token_comes_with_its_life_scopes_and_api_host(start: Start) -> None:
    client = start(signed_in=False)
    body = client.token().json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 3599
    assert "user:read:settings:admin" in body["scope"].split()
    assert body["api_url"] + "/v2" == client.sandbox.api_url


def test_the_token_names_the_account_in_its_claims(start: Start) -> None:
    client = start(signed_in=False)
    claims = client.token().json()["access_token"].split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert decoded["aid"] == client.sandbox.account_id


def test_the_parameters_may_stand_in_the_query_string(start: Start) -> None:
    sandbox = start(signed_in=False).sandbox
    answer = requests.post(
        sandbox.oauth_url,
        auth=(sandbox.client_id, sandbox.client_secret),
        params={"grant_type": "account_credentials", "account_id": sandbox.account_id},
        timeout=10,
    )
    assert answer.status_code == 200


def test_no_granted_scope_can_write(start: Start) -> None:
    scopes = start(signed_in=False).token().json()["scope"].split()
    assert [scope for scope in scopes if ":read:" not in scope] == []


@pytest.mark.parametrize(
    ("change", "reason", "error"),
    [
        ({"account_id": "someone-else"}, "Bad Request", "invalid_request"),
        (
            {"grant_type": "client_credentials"},
            "unsupported grant type",
            "unsupported_grant_type",
        ),
        ({"secret": "wrong"}, "Invalid client_id or client_secret", "invalid_client"),
    ],
)
def test_a_bad_token_request_is_refused_as_zoom_words_it(
    start: Start, change: dict[str, str], reason: str, error: str
) -> None:
    answer = start(signed_in=False).token(**change)
    assert answer.status_code == 400
    assert answer.json() == {"reason": reason, "error": error}


@pytest.mark.parametrize("header", ["Basic !!!", "Basic /////w==", "Bearer x", ""])
def test_a_malformed_authorization_header_is_a_wrong_client(start: Start, header: str) -> None:
    sandbox = start(signed_in=False).sandbox
    answer = requests.post(sandbox.oauth_url, headers={"Authorization": header}, timeout=10)
    assert answer.json()["error"] == "invalid_client"


def test_a_deactivated_app_gets_no_token(start: Start) -> None:
    answer = start(signed_in=False, deactivated=True).token()
    assert (answer.status_code, answer.json()["reason"]) == (400, "The app has been disabled")


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic abc"])
def test_a_missing_or_unknown_bearer_is_401_124(start: Start, header: str | None) -> None:
    client = start(signed_in=False)
    if header:
        client.session.headers["Authorization"] = header
    answer = client.get("/users")
    assert answer.status_code == 401
    assert answer.json() == {"code": 124, "message": "Invalid access token."}


def test_a_token_expires_after_its_life(start: Start, clock: Clock) -> None:
    client = start(clock=clock, faults=Faults(token_life=30))
    clock.now += 29
    assert client.get("/users").status_code == 200
    clock.now += 1
    answer = client.get("/users")
    assert (answer.status_code, answer.json()["message"]) == (401, "Access token is expired.")


def test_several_tokens_are_good_at_once(start: Start) -> None:
    client = start()
    client.token()
    assert client.get("/users").status_code == 200


def test_revoked_tokens_are_unknown(start: Start) -> None:
    client = start(fresh=True)
    client.sandbox.revoke_tokens()
    assert client.get("/users").json()["message"] == "Invalid access token."
