"""A memoized value: computed once for the same verdict, and for no other."""

from itertools import count

import pytest

from auditor.findings import per_verdict
from auditor.findings.per_verdict import PerVerdict
from tests.findings.test_answers import verdict


def test_the_same_verdict_is_looked_at_once() -> None:
    made, one = PerVerdict(lambda each: [each.control]), verdict()
    assert made(one) is made(one)
    assert made(one) == ["AI-01"]


def test_another_verdict_is_another_one_even_if_it_is_equal() -> None:
    numbers = count()
    made = PerVerdict(lambda _: next(numbers))
    verdicts = [verdict(), verdict()]
    assert [made(each) for each in verdicts] == [0, 1]


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_verdict, "_MAX_ENTRIES", 2)
    numbers = count()
    made = PerVerdict(lambda _: next(numbers))
    verdicts = [verdict(control=f"AI-0{each}") for each in range(3)]
    assert [made(each) for each in (*verdicts, verdicts[0], verdicts[2])] == [0, 1, 2, 3, 2]
