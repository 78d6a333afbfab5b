"""The bound that a sample gives holds as often as it says."""

import random

import pytest

from auditor.findings.sampling import CONFIDENCE, upper_bound


@pytest.mark.parametrize(
    ("differences", "sample", "bound"),
    [(0, 200, 0.01487), (0, 25, 0.1129), (1, 25, 0.1761), (2, 200, 0.0311), (5, 10, 0.7776)],
)
def test_the_bound_of_clopper_and_pearson(differences: int, sample: int, bound: float) -> None:
    """The figures solve P(X <= differences) = 0.05 for the binomial distribution."""
    assert upper_bound(differences, sample) == pytest.approx(bound, abs=5e-4)


def test_a_sample_that_differs_throughout_bounds_nothing_and_an_empty_one_is_refused() -> None:
    assert upper_bound(3, 3) == 1.0
    for differences, sample in ((0, 0), (2, 1), (-1, 5)):
        with pytest.raises(ValueError, match="in a sample of"):
            upper_bound(differences, sample)


def test_in_95_of_100_accounts_no_more_differ_than_the_bound_says() -> None:
    rng = random.Random(5)
    held = trials = 0
    for _ in range(2_000):
        users = rng.randrange(300, 3_000)
        share = rng.random() ** 3 / 2
        differing = round(users * share)
        sample = rng.sample(range(users), 200)
        found = sum(each < differing for each in sample)
        trials += 1
        held += differing / users <= upper_bound(found, 200)
    assert held / trials >= CONFIDENCE
