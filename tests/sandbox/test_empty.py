"""An account that returns nothing: empty documents, listings without rows."""

from typing import Any

import pytest

from tests.sandbox.conftest import Client, Start


@pytest.fixture
def client(start: Start) -> Client:
    return start(empty=True)


@pytest.mark.parametrize(
    "path",
    ["/accounts/me/settings", "/accounts/me/lock_settings", "/users/me/settings"],
)
def test_every_document_is_an_empty_object(client: Client, path: str) -> None:
    assert client.json(path) == {}


@pytest.mark.parametrize(
    ("path", "name"), [("/users", "users"), ("/groups", "groups"), ("/roles", "roles")]
)
def test_a_listing_keeps_its_shape_and_has_no_rows(client: Client, path: str, name: str) -> None:
    page: dict[str, Any] = client.json(path)
    assert (page[name], page["total_records"]) == ([], 0)
    assert page.get("next_page_token", "") == ""


def test_a_listing_of_several_pages_ends_at_once(start: Start) -> None:
    assert start(empty=True, users=100).all("/users", "users", page_size=10) == []


def test_nothing_but_lists_of_rows_is_left_out_of_a_listing(client: Client) -> None:
    assert client.json("/users", page_size=7)["page_size"] == 7


def test_what_is_refused_stays_refused(start: Start) -> None:
    client = start(empty=True, scopes=("user:read:list_users:admin",))
    assert client.get("/groups").json()["code"] == 4711
    assert client.get("/users/nobody@example.com").status_code == 400
