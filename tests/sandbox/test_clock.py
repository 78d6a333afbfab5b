"""The service's clock, if it differs from ours."""

import base64
import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from auditor.sandbox import Faults
from tests.sandbox.conftest import Clock, Start

DAY = 86_400
NOW = Clock().now


def seconds(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()


@pytest.mark.parametrize("skew", [DAY, -90.0])
@pytest.mark.parametrize("path", ["/users", "/nowhere"])
def test_answers_carry_the_one_date_of_the_services_clock(
    start: Start, clock: Clock, skew: float, path: str
) -> None:
    answer = start(clock=clock, faults=Faults(clock_skew=skew)).get(path)
    assert 0 <= NOW + skew - seconds(answer.headers["date"]) < 1


def test_answers_carry_a_date_where_nothing_is_skewed(start: Start) -> None:
    assert start().get("/users").headers["date"].endswith(" GMT")


def test_access_tokens_live_by_the_services_clock(start: Start, clock: Clock) -> None:
    client = start(clock=clock, faults=Faults(clock_skew=DAY, token_life=30))
    claims: Any = client.session.headers["Authorization"]
    decoded = json.loads(base64.urlsafe_b64decode(claims.split(".")[1] + "=="))
    assert decoded["exp"] == int(NOW + DAY) + 30
    clock.now += 29
    assert client.get("/users").status_code == 200
    clock.now += 1
    assert client.get("/users").status_code == 401


def test_a_date_to_retry_after_is_one_of_the_services_clock(start: Start, clock: Clock) -> None:
    faults = Faults(clock_skew=DAY, rate_429=1.0, retry_after="http_date")
    answer = start(clock=clock, faults=faults).get("/users")
    assert 1 <= seconds(answer.headers["retry-after"]) - (NOW + DAY) < 2


def test_the_day_of_a_daily_limit_is_one_of_the_services_clock(start: Start, clock: Clock) -> None:
    faults = Faults(clock_skew=10 * DAY, daily_limit=0)
    ends = start(clock=clock, faults=faults).get("/users").headers["retry-after"]
    assert 0 < datetime.fromisoformat(ends).timestamp() - (NOW + 10 * DAY) <= DAY
