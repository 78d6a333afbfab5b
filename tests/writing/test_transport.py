"""The connections of the writing app send reads, the token request, and PATCH of five documents."""

import pytest
import requests

from auditor.writing.endpoints import is_permitted
from auditor.writing.transport import WriteTransport
from auditor.zoom.bounded_http import BoundedAdapter, WriteMethodBlocked, pools
from auditor.zoom.transport import Bearer


@pytest.mark.parametrize(
    "target",
    [
        "/v2/accounts/me/settings",
        "/v2/accounts/me/settings?option=meeting_security",
        "/v2/accounts/me/lock_settings",
        "/v2/groups/a-b_C/settings",
        "/v2/groups/a%2Fb/lock_settings?option=meeting_security",
        "/v2/users/ada%40example.com/settings",
        "http://127.0.0.1:8080/v2/users/x/settings",
    ],
)
def test_the_five_documents_can_be_written(target: str) -> None:
    assert is_permitted("PATCH", target)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PATCH", "/v2/accounts/other/settings"),
        ("PATCH", "/v2/users/x/lock_settings"),
        ("PATCH", "/v2/users/x"),
        ("PATCH", "/v2/users/x/settings/y"),
        ("PATCH", "/v2/users/x/settings?option=a&delete=1"),
        ("PATCH", "/v2/groups/a/b/settings"),
        ("PATCH", "/v2/meetings/1"),
        ("PUT", "/v2/accounts/me/settings"),
        ("DELETE", "/v2/users/x/settings"),
        ("patch", "/v2/accounts/me/settings"),
    ],
)
def test_nothing_else_can(method: str, target: str) -> None:
    assert not is_permitted(method, target)
    session = requests.Session()
    session.mount("http://", BoundedAdapter(pools(1, 1000, lambda: 0.0, is_permitted)))
    with session, pytest.raises(WriteMethodBlocked):
        session.request(method if method != "patch" else "TRACE", f"http://127.0.0.1:9{target}")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/v2/users/x",
        "http://127.0.0.1:9/v2/users/x/settings?a=1",
        "http://127.0.0.1:9/v2/groups/../users/x/settings",
    ],
)
def test_the_transport_refuses_another_address_before_it_connects(url: str) -> None:
    with WriteTransport() as transport, pytest.raises(WriteMethodBlocked):
        transport.patch(url, {}, {}, Bearer("token"), "PATCH")
