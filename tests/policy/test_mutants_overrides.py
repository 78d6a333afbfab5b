"""Overrides of controls that the baseline omits, or expects an answer for."""

from dataclasses import replace
from typing import Any

import pytest

from auditor.policy.baseline.overrides import Overrides
from tests.builders import CATALOGUE, baseline_of, check, expected_control, overrides_of
from tests.policy.samples import BASELINES


def of(controls: dict[str, Any], silent: bool = True) -> Overrides:
    expected = baseline_of() if silent else BASELINES["strict"].only(frozenset(controls))
    one = {"match": {"level": "account"}, "controls": controls}
    return overrides_of(expected, one, catalogue=CATALOGUE)


def test_an_answer_that_only_an_override_asks_for_is_asked_for() -> None:
    assert of({"TR-01": {"attest": "copies kept"}}).union().assessed["TR-01"].attest == (
        "copies kept"
    )


def test_the_baselines_answer_stands_until_the_override_holds() -> None:
    overrides = of({"TR-01": {"attest": "copies kept"}}, silent=False)
    known = BASELINES["strict"].assessed["TR-01"].attest
    assert known not in (None, "copies kept")
    assert overrides.union().assessed["TR-01"].attest == known
    (wish,) = overrides.expected_controls((0,))["TR-01"]
    assert wish.assessed.attest == "copies kept"


def test_no_answer_is_asked_for_where_nobody_does() -> None:
    assert of({"AI-01": {"expect": False}}).union().assessed["AI-01"].attest is None


@pytest.mark.parametrize("locked", [True, False])
def test_a_lock_is_wanted_only_where_the_override_asks_for_it(locked: bool) -> None:
    choice = {"expect": False, **({"lock": True} if locked else {})}
    overrides = of({"AI-01": choice})
    assert overrides.union().assessed["AI-01"].lock is locked
    (wish,) = overrides.expected_controls((0,))["AI-01"]
    assert wish.assessed.lock is locked


def test_several_overrides_of_one_control_add_up() -> None:
    one, other = check("a.one"), check("a.other")
    known = expected_control(one, other)
    silent = replace(known, expectations={"a.one": known.expectations["a.one"]})
    overrides = overrides_of(
        baseline_of(silent),
        {"match": {"group": "A"}, "controls": {"AI-01": {"settings": {"a.other": True}}}},
        {"match": {"group": "B"}, "controls": {"AI-01": {"lock": True}}},
    )
    found = overrides.union().assessed["AI-01"]
    assert set(found.expectations) == {"a.one", "a.other"}
    assert found.lock is True
