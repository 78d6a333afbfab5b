import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from auditor.sandbox import Faults
from auditor.sandbox.faults import Draw
from tests.sandbox.conftest import Clock, Start

ZOOMS = ("x-zm-trackingid", "x-ratelimit-category")


def test_without_faults_nothing_is_drawn() -> None:
    assert [Draw(Faults()).next("/v2/users") for _ in range(50)] == [None] * 50


def test_equal_seeds_meet_equal_faults() -> None:
    def drawn(seed: int) -> list[object]:
        draw = Draw(Faults(seed=seed, errors_5xx=0.3, rate_429=0.2))
        return [draw.next(f"/v2/users/{n % 7}") for n in range(100)]

    assert drawn(4) == drawn(4)
    assert drawn(4) != drawn(5)


def test_the_order_of_requests_does_not_matter() -> None:
    faults = Faults(errors_5xx=0.5)
    urls = [f"/v2/users/{n}" for n in range(60)]
    forwards, backwards = Draw(faults), Draw(faults)
    there = {url: forwards.next(url) for url in urls}
    assert there == {url: backwards.next(url) for url in reversed(urls)}


def test_the_rate_is_the_share_of_requests() -> None:
    draw = Draw(Faults(errors_5xx=0.1, rate_429=0.2))
    kinds = [drawn[0] for n in range(5000) if (drawn := draw.next(f"/{n}"))]
    assert 400 < kinds.count("5xx") < 600
    assert 850 < kinds.count("429") < 1150


def test_a_faulty_answer_may_be_a_server_error(start: Start) -> None:
    client = start(faults=Faults(errors_5xx=1.0))
    statuses = {client.get("/users", page_size=n).status_code for n in range(1, 40)}
    assert statuses == {500, 502, 503, 504}


def test_a_faulty_answer_may_be_a_rate_limit(start: Start) -> None:
    answer = start(faults=Faults(rate_429=1.0)).get("/users")
    assert (answer.status_code, answer.headers["x-ratelimit-type"]) == (429, "QPS")


def test_a_faulty_answer_may_be_a_page_with_status_200(start: Start) -> None:
    answer = start(faults=Faults(html_200=1.0)).get("/users")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")


def test_a_faulty_answer_may_end_in_the_middle(start: Start) -> None:
    answer = start(faults=Faults(truncated_json=1.0)).get("/users")
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_faulty_connection_is_reset(start: Start) -> None:
    client = start(faults=Faults(reset=1.0))
    with pytest.raises(requests.exceptions.ConnectionError):
        client.get("/users")
    assert client.sandbox.requests.status(0) == 1


def test_a_repeated_request_gets_through(start: Start) -> None:
    client = start(faults=Faults(seed=2, errors_5xx=0.5))
    assert 200 in {client.get("/users").status_code for _ in range(20)}


def test_faults_spare_the_token_endpoint(start: Start) -> None:
    assert start(signed_in=False, faults=Faults(errors_5xx=1.0)).token().status_code == 200


def test_the_documented_shape_of_a_users_authentication_view_can_be_had(start: Start) -> None:
    client = start(faults=Faults(nested_auth_view=True))
    body = client.json("/users/me/settings", option="meeting_authentication")
    assert body["authentication_options"]["meeting_authentication"]["meeting_authentication"]


def test_latency_holds_answers_back(start: Start) -> None:
    client = start(latency_ms=60)
    began = time.perf_counter()
    client.get("/users")
    assert time.perf_counter() - began >= 0.06


@pytest.mark.parametrize("status", [200, 403, 429])
def test_a_proxys_page_has_its_status_and_none_of_zooms_headers(start: Start, status: int) -> None:
    faults: Any = {f"html_{status}": 1.0}
    answer = start(faults=Faults(**faults)).get("/users")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<!doctype html>")
    assert [name for name in ZOOMS if name in answer.headers] == []


def test_a_bare_rate_limit_has_zooms_text_and_no_rate_limit_header(start: Start) -> None:
    answer = start(faults=Faults(rate_429_bare=1.0)).get("/users")
    assert answer.status_code == 429
    assert "per-second rate limit" in answer.json()["message"]
    assert [name for name in answer.headers if "rate" in name.lower()] == []
    assert "retry-after" not in answer.headers
    assert "x-zm-trackingid" in answer.headers


@pytest.mark.parametrize("fault", ["rate_429", "rate_429_bare"])
def test_a_rate_limit_may_name_a_wait_in_seconds(start: Start, fault: str) -> None:
    faults: Any = {fault: 1.0}
    answer = start(faults=Faults(retry_after="seconds", **faults)).get("/users")
    assert answer.headers["retry-after"] == "1"


def test_a_rate_limit_may_name_a_wait_as_an_http_date(start: Start, clock: Clock) -> None:
    faults = Faults(rate_429=1.0, retry_after="http_date")
    named = start(faults=faults, clock=clock).get("/users").headers["retry-after"]
    assert named.endswith(" GMT")
    assert 1 <= parsedate_to_datetime(named).timestamp() - clock.now < 2


def test_a_rate_limit_may_name_a_wait_as_an_instant(start: Start, clock: Clock) -> None:
    faults = Faults(rate_429_bare=1.0, retry_after="iso")
    named = start(faults=faults, clock=clock).get("/users").headers["retry-after"]
    moment = datetime.strptime(named, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 1 <= moment.timestamp() - clock.now < 2


def test_a_faulty_body_may_be_whole_and_yet_no_json(start: Start) -> None:
    client = start(faults=Faults(invalid_json=1.0))
    bodies = [client.get("/users", page_size=n) for n in range(1, 30)]
    for answer in bodies:
        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.content)
    assert {answer.text[:9] for answer in bodies} == {"undefined", "{'result'", '{"page_si'}


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_body_that_is_no_json_is_none_for_an_empty_document_either(
    start: Start, seed: int
) -> None:
    answer = start(faults=Faults(seed=seed, invalid_json=1.0), empty=True).get("/users/me/settings")
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)


def test_a_faulty_answer_may_be_empty(start: Start) -> None:
    answer = start(faults=Faults(empty_200=1.0)).get("/users")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("application/json")


def test_a_faulty_answer_may_be_xml(start: Start) -> None:
    answer = start(faults=Faults(xml_200=1.0)).get("/users")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/xml")
    assert answer.text.startswith("<?xml")


def test_a_slow_answer_is_right_and_late(start: Start) -> None:
    client = start(faults=Faults(slow=1.0, slow_seconds=0.08))
    began = time.perf_counter()
    assert client.json("/users")["total_records"] == client.sandbox.world.count("active")
    assert time.perf_counter() - began >= 0.08


def test_a_slow_answer_holds_nobody_else_back(start: Start) -> None:
    client = start(faults=Faults(seed=1, slow=0.5, slow_seconds=30.0))
    late = 0
    for n in range(1, 9):
        url = f"{client.sandbox.api_url}/users?page_size={n}"
        try:
            client.session.get(url, timeout=0.5)
        except requests.exceptions.ReadTimeout:
            late += 1
    assert 0 < late < 8


def test_a_refusal_may_be_slow_too(start: Start) -> None:
    client = start(faults=Faults(slow=1.0, slow_seconds=0.08))
    began = time.perf_counter()
    assert client.get("/users/nobody").status_code == 404
    assert time.perf_counter() - began >= 0.08


@pytest.mark.parametrize("fault", ["truncated_json", "invalid_json"])
def test_the_body_of_a_refusal_stays_whole(start: Start, fault: str) -> None:
    faults: Any = {fault: 1.0}
    assert start(faults=Faults(**faults)).get("/users/nobody").json()["code"] == 1001


def test_slow_answers_are_two_seconds_late_unless_told_otherwise() -> None:
    assert Faults().slow_seconds == 2.0


def test_a_fault_more_leaves_the_draws_of_the_others_as_they_were() -> None:
    urls = [f"/{n}" for n in range(300)]
    before, after = Draw(Faults(reset=0.2)), Draw(Faults(reset=0.2, html_403=0.3, slow=0.1))
    resets = {url for url in urls if before.next(url)}
    kinds = {url: drawn[0] for url in urls if (drawn := after.next(url))}
    assert resets == {url for url, kind in kinds.items() if kind == "reset"}
    assert {"html_403", "slow"} < set(kinds.values())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("errors_5xx", 1.5, "errors_5xx is a share from 0 to 1; got 1.5"),
        ("slow", -0.1, "slow is a share"),
        ("html_403", float("nan"), "html_403 is a share"),
        ("limit_below", 2.0, "limit_below is a share"),
        ("deleted_users", -1, "deleted_users must be a number from 0 on"),
        ("slow_seconds", float("inf"), "slow_seconds must be a number from 0 on"),
        ("clock_skew", 1e12, "clock_skew must be within ten years"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(field: str, value: float, message: str) -> None:
    faults: Any = {field: value}
    with pytest.raises(ValueError, match=message):
        Faults(**faults)
