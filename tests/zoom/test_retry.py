import logging
from collections.abc import Callable
from typing import Any

import pytest

from auditor.zoom.errors import Denied, RateLimited, Transient
from auditor.zoom.retry import RetryPolicy
from tests.zoom.conftest import Clock


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


def policy(clock: Clock, **options: Any) -> RetryPolicy:
    return RetryPolicy(sleep=clock.sleep, chance=lambda: 1.0, **options)


def test_a_passing_fault_is_retried_with_growing_waits(clock: Clock) -> None:
    assert policy(clock).call(failing(*[Transient("r") for _ in range(4)])) == "done"
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


def test_waits_do_not_grow_for_ever(clock: Clock) -> None:
    policy(clock, attempts=12).call(failing(*[Transient("r") for _ in range(11)]))
    assert max(clock.slept) == 30


def test_jitter_spreads_waits_down_to_nothing(clock: Clock) -> None:
    RetryPolicy(sleep=clock.sleep, chance=lambda: 0.0).call(failing(Transient("r")))
    assert clock.slept == [0.0]


def test_after_the_last_attempt_the_error_is_raised_and_not_worth_another(clock: Clock) -> None:
    last = Transient("r")
    with pytest.raises(Transient) as caught:
        policy(clock, attempts=2).call(failing(Transient("r"), last))
    assert caught.value is last
    assert not last.worth_retrying
    assert len(clock.slept) == 1


def test_what_will_not_pass_is_not_retried(clock: Clock) -> None:
    with pytest.raises(Denied):
        policy(clock).call(failing(Denied("r")))
    assert clock.slept == []


def test_a_daily_limit_is_not_retried(clock: Clock) -> None:
    with pytest.raises(RateLimited):
        policy(clock).call(failing(RateLimited("r", daily=True)))
    assert clock.slept == []


def test_a_wait_that_zoom_names_is_never_cut_short(clock: Clock) -> None:
    policy(clock).call(failing(RateLimited("r", retry_after=7), RateLimited("r", retry_after=900)))
    assert clock.slept == [7, 900]


def test_a_wait_too_long_to_keep_ends_it(clock: Clock) -> None:
    error = RateLimited("r", retry_after=61)
    with pytest.raises(RateLimited):
        policy(clock, longest_retry_after=60).call(failing(error))
    assert clock.slept == []
    assert not error.worth_retrying


def test_each_retry_is_logged_with_its_wait(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "auditor"):
        policy(clock).call(failing(Transient("GET /a"), Transient("GET /b")))
    first, second = caplog.messages
    assert "GET /a" in first
    assert first.endswith("Retrying in 0.5 s (attempt 2 of 5).")
    assert second.endswith("Retrying in 1.0 s (attempt 3 of 5).")


def test_after_the_deadline_nothing_is_retried(clock: Clock) -> None:
    late = RetryPolicy(deadline=clock() + 2.0, sleep=clock.sleep, clock=clock, chance=lambda: 1.0)
    with pytest.raises(Transient):
        late.call(failing(*[Transient("r") for _ in range(4)]))
    assert clock.slept == [0.5, 1.0]  # the next would end after 3.5 s
