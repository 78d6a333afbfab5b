"""Every request the client can make stands in Zoom's own description of the API."""

import re
from typing import Any

import pytest

from auditor.zoom import endpoints
from auditor.zoom.endpoints import ENDPOINTS, Endpoint
from tests.every_case import every_case
from tests.real_input.conftest import Read

pytestmark = pytest.mark.real_input

USERS_API, MEETINGS_API = "users-2025-03.openapi", "meetings-2025-06.openapi"
NEWER = {"disclaimers", "remote_support"}
"""Endpoints that are newer than the files, which are of 2025."""
DESCRIBED = {
    name: MEETINGS_API if re.search("/(meetings|webinars|report)", endpoint.path) else USERS_API
    for name, endpoint in ENDPOINTS.items()
    if re.match("/(users|groups|meetings|webinars|report)/?", endpoint.path) and name not in NEWER
}
"""Endpoints of the Users and of the Meetings API, and the file that describes them."""
ELSEWHERE = ("accounts", "phone", "roles", "marketplace", "metrics", "ai")
"""First parts of the paths of APIs of which there is no file."""
BY_NUMBER = {"user_webinars"}
"""Listings whose description knows page numbers only, which the client falls back to."""
SENT = {
    "users": {"status"},
    "user_meetings": {"type"},
    "meeting_summaries": {"from", "to"},
    "operation_logs": {"from", "to", "category_type"},
    "history_meetings": {"from", "to"},
}
"""Query parameters beside option and paging."""


def operation(specs: Any, endpoint: Endpoint) -> Any:
    return specs["paths"].get(endpoint.path, {}).get("get")


def parameters(specs: Any, endpoint: Endpoint) -> dict[str, Any]:
    rows = [*specs["paths"][endpoint.path].get("parameters", ())]
    rows += operation(specs, endpoint).get("parameters", ())
    return {row["name"]: row for row in (resolved(specs, row) for row in rows)}


def resolved(specs: Any, row: Any) -> Any:
    if "$ref" not in row:
        return row
    value = specs
    for part in row["$ref"].removeprefix("#/").split("/"):
        value = value[part]
    return value


def test_every_endpoint_is_accounted_for() -> None:
    known = DESCRIBED.keys() | NEWER
    others = {e.path.split("/")[1] for name, e in ENDPOINTS.items() if name not in known}
    assert others <= set(ELSEWHERE)
    assert len(DESCRIBED) >= 10


@every_case("name", list(DESCRIBED))
def test_the_request_exists(description: Read, name: str) -> None:
    specs, endpoint = description(DESCRIBED[name]), ENDPOINTS[name]
    assert operation(specs, endpoint) is not None
    in_path = {key for key, row in parameters(specs, endpoint).items() if row["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", endpoint.path))


@every_case("name", list(DESCRIBED))
def test_its_query_parameters_exist(description: Read, name: str) -> None:
    endpoint = ENDPOINTS[name]
    known = parameters(description(DESCRIBED[name]), endpoint)
    sent = set(SENT.get(name, ()))
    sent |= {"option"} if endpoint.options else set()
    position = "page_number" if name in BY_NUMBER else "next_page_token"
    sent |= {"page_size", position} if endpoint.page_size else set()
    assert {key for key in sent if known.get(key, {}).get("in") == "query"} == sent


@every_case("name", [name for name in DESCRIBED if ENDPOINTS[name].page_size])
def test_its_page_size_is_within_bounds(description: Read, name: str) -> None:
    endpoint = ENDPOINTS[name]
    row = parameters(description(DESCRIBED[name]), endpoint)["page_size"]
    maximum = row["schema"].get("maximum")
    if maximum is None:
        stated = re.search(r"maximum (?:value |of )?[^0-9]*([0-9,]+)", str(row), re.IGNORECASE)
        maximum = int(stated[1].replace(",", "")) if stated else 300
    assert 0 < endpoint.page_size <= maximum


@every_case("name", [name for name in DESCRIBED if ENDPOINTS[name].items])
def test_its_rows_stand_where_they_are_looked_for(description: Read, name: str) -> None:
    specs, endpoint = description(DESCRIBED[name]), ENDPOINTS[name]
    answer = resolved(specs, operation(specs, endpoint)["responses"]["200"])
    schema = resolved(specs, answer["content"]["application/json"]["schema"])
    assert endpoint.items in properties(specs, schema)


def properties(specs: Any, schema: Any) -> set[str]:
    schema = resolved(specs, schema)
    found = set(schema.get("properties", ()))
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        found |= properties(specs, part)
    return found


@pytest.mark.parametrize("endpoint", [endpoints.USER_SETTINGS, endpoints.GROUP_SETTINGS])
def test_its_views_are_described(description: Read, endpoint: Endpoint) -> None:
    row = parameters(description(USERS_API), endpoint)["option"]
    assert [option for option in endpoint.options if option not in str(row)] == []
