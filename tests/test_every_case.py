"""A test over every case fails where one case does, and names it."""

import pytest

from tests.every_case import every_case


def test_every_failing_case_is_named_and_none_hides_another() -> None:
    seen = []

    @every_case("number", {"one": 1, "two": 2, "three": 3})
    def is_two(number: int) -> None:
        seen.append(number)
        assert number == 2, f"{number} is not two"

    with pytest.raises(
        AssertionError, match=r"^2 of 3 cases fail\none: .*1 is not two[^~]*\nthree:"
    ):
        is_two()
    assert seen == [1, 2, 3]


def test_an_error_is_a_failure_and_no_case_is_one_too() -> None:
    @every_case("a, b", [(1, 0)])
    def divides(a: int, b: int) -> None:
        assert a / b

    @every_case("a", list)
    def nothing(a: int) -> None: ...

    with pytest.raises(AssertionError, match=r"0 \('\(1, 0\)'\): ZeroDivisionError"):
        divides()
    with pytest.raises(AssertionError, match="no case"):
        nothing()


@pytest.mark.parametrize("twice", [1, 2])
@every_case("a", iter([1]))
def test_fixtures_and_parameters_reach_the_test(a: int, twice: int, tmp_path: object) -> None:
    assert tmp_path
    assert twice
