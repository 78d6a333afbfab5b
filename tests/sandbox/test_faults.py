import time

import pytest
import requests

from auditor.sandbox import Faults
from auditor.sandbox.faults import Draw
from tests.sandbox.conftest import Start


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
