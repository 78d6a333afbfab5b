"""How fast an account is read: as requested, else by AUDITOR_PLAN, else carefully."""

import time

import pytest

from auditor.app.connection import Account, AccountSource, RateOptions
from auditor.config import settings as config
from auditor.zoom.auth import Credentials
from auditor.zoom.hosts import COMMERCIAL, Cloud
from auditor.zoom.limits import RateLabel, RatePlan

LOCAL = Cloud("http://127.0.0.1:1/v2", "http://127.0.0.1:1/oauth/token")


def light(account: Account, rate: RateOptions) -> float:
    """Requests per second of the endpoints with the label `light`."""
    return account.limiter(rate, time.sleep).rate(RateLabel.LIGHT)


@pytest.mark.parametrize(
    ("variable", "option", "plan"),
    [
        (None, None, RatePlan.AUTO),
        ("business", None, RatePlan.BUSINESS),
        ("business", RatePlan.FREE, RatePlan.FREE),
    ],
)
def test_the_plan_is_the_requested_one_else_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, option: RatePlan | None, plan: RatePlan
) -> None:
    for name in ("ACCOUNT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"ZOOM_{name}", f"{name.lower()}-of-a-test-0000")
    if variable is not None:
        monkeypatch.setenv("AUDITOR_PLAN", variable)
    with AccountSource(config.load()).opened() as account:
        assert light(account, RateOptions(option)) == pytest.approx(
            0.8 * plan.limits[RateLabel.LIGHT]
        )


@pytest.mark.parametrize(
    ("cloud", "is_simulated", "rate", "expected"),
    [
        (COMMERCIAL, False, RateOptions(share=0.5), 15),
        (COMMERCIAL, False, RateOptions(max_rate=10), 8),
        (LOCAL, False, RateOptions(), 64),
        (LOCAL, False, RateOptions("free"), 3.2),
        (LOCAL, True, RateOptions(), 5000),
        (LOCAL, True, RateOptions(share=0.5), 2500),
        (LOCAL, True, RateOptions(max_rate=10), 8),
    ],
)
def test_a_local_api_is_read_faster_than_zoom(
    cloud: Cloud, is_simulated: bool, rate: RateOptions, expected: float
) -> None:
    account = Account(cloud, Credentials("a", "b", "c"), RatePlan.AUTO, is_simulated)
    assert light(account, rate) == pytest.approx(expected)
