"""The plan is the smallest that an exhaustive search finds, and predicts what an audit says."""

import pytest

from auditor.findings.model import Status
from tests.fix.accounts import SmallAccount


@pytest.mark.parametrize(
    ("seeds", "most"),
    [
        pytest.param(range(25), 2, id="few"),
        pytest.param(range(400), 2, marks=pytest.mark.slow, id="many"),
        pytest.param(range(1000, 1100), 3, marks=pytest.mark.slow, id="larger"),
    ],
)
def test_no_plan_is_smaller_or_closes_more_and_the_prediction_is_the_verdict(
    seeds: range, most: int
) -> None:
    for seed in seeds:
        account = SmallAccount.generated(seed, most)
        snapshot = account.snapshot
        before = account.judged(snapshot).summary.by_status[Status.FAIL]
        steps = account.plan(snapshot)
        remaining = account.fails_after(snapshot, steps)
        assert (remaining, len(steps)) == account.fewest(), f"seed {seed}: {account}"
        assert before - remaining == sum(step.resolves for step in steps), f"seed {seed}"
