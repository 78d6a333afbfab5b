"""What a random sample says about those who were not looked at."""

from math import exp, lgamma, log, log1p

CONFIDENCE = 0.95
_PRECISION = 1e-9


def upper_bound(differences: int, sample: int, confidence: float = CONFIDENCE) -> float:
    """The largest share that may differ, from 0 to 1, at a one-sided confidence.

    The exact bound of Clopper and Pearson (1934): the share at which so few differences in the
    sample would have a probability of `1 - confidence`. Without a difference in 200 it is 1.5 %. It
    takes the sample as drawn with replacement, so it never claims too much for a small account.

    Raises:
        ValueError: the sample is empty, or smaller than the number of differences.
    """
    if not 0 <= differences <= sample or sample == 0:
        raise ValueError(f"{differences} differences in a sample of {sample}")
    if differences == sample:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if _at_most(differences, sample, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(differences: int, sample: int, share: float) -> float:
    """The probability of at most so many differences if each has the probability `share`."""
    if share <= 0.0:
        return 1.0
    if share >= 1.0:
        return 0.0
    ways = lgamma(sample + 1)
    return sum(
        exp(
            ways
            - lgamma(count + 1)
            - lgamma(sample - count + 1)
            + count * log(share)
            + (sample - count) * log1p(-share)
        )
        for count in range(differences + 1)
    )
