import json
import re
from typing import Any

import pytest

from auditor.zoom.endpoints import (
    ACCOUNT_LOCK_SETTINGS,
    ENDPOINTS,
    USER_SETTINGS,
    USERS,
    Endpoint,
)

from .conftest import real_input


def test_every_scope_only_reads() -> None:
    for endpoint in ENDPOINTS.values():
        for scope in endpoint.scopes:
            assert re.fullmatch(r"[a-z_]+:read:[a-z_]+:(admin|master)", scope)
        for scope in endpoint.classic_scopes:
            assert "write" not in scope


def test_the_registry_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        ENDPOINTS["x"] = USERS  # type: ignore[index]


def test_names_are_unique_and_the_keys() -> None:
    assert all(name == endpoint.name for name, endpoint in ENDPOINTS.items())
    assert len({endpoint.path for endpoint in ENDPOINTS.values()}) == len(ENDPOINTS)


def test_a_request_is_named_with_placeholders() -> None:
    assert USER_SETTINGS.request == "GET /users/{userId}/settings"


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        ({"account:read:lock_settings:master"}, True),
        ({"account:read:lock_settings:admin"}, True),
        ({"account:read:admin", "x"}, True),
        ({"account:read:settings:admin"}, False),
        (set(), False),
    ],
)
def test_one_of_the_scopes_suffices(granted: set[str], allowed: bool) -> None:
    assert ACCOUNT_LOCK_SETTINGS.is_allowed_by(granted) is allowed


@pytest.fixture(scope="module")
def described() -> dict[str, dict[str, Any]]:
    files = real_input("specs", "*.openapi.json")
    if not files:
        pytest.skip("Zoom's API descriptions are not here")
    merged = {}
    for file in files:
        for path, operations in json.loads(file.read_text("utf-8"))["paths"].items():
            if "get" in operations:
                merged[path] = operations["get"]
    return merged


NEWER = ("/report/disclaimer", "/report/remote_support", "/ai/workflows/")
"""Added to the API after the descriptions were published: 2026-03, 2026-05 and 2026-09."""


@pytest.mark.real_input
@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_scopes_and_labels_agree_with_zooms_descriptions(
    described: dict[str, dict[str, Any]], endpoint: Endpoint
) -> None:
    operation = described.get(endpoint.path)
    if operation is None:
        assert endpoint.path.startswith(
            ("/accounts/", "/phone/", "/role", "/marketplace", "/metr", *NEWER)
        )
        return
    extensions = operation["x-extensions"]
    assert set(endpoint.scopes) <= set(extensions["x-granular-scopes"])
    assert set(endpoint.classic_scopes) <= set(extensions["x-macro-scopes"])
    label = re.search(r"rate-limits[^`]*`([A-Za-z-]+)`", operation["description"])
    assert label
    assert endpoint.label.value.replace("_", "-") == label[1].lower()
    for parameter in operation.get("parameters", []):
        if parameter.get("name") == "page_size" and "maximum" in parameter.get("schema", {}):
            assert endpoint.page_size == parameter["schema"]["maximum"]
