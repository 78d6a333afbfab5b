"""The steps that close the deviations of a run, for reports: the worst first."""

import json
from dataclasses import replace
from typing import Any

import pytest

from auditor.app.closing_steps import MOST_PEOPLE, closing_steps_of, in_order, may_stay
from auditor.evidence.scope import Level
from auditor.findings.model import Severity
from auditor.fix import wording
from auditor.fix.model import PlanStep
from auditor.fix.steps import OWN_VALUES_STAY
from tests.app.stored import judgement
from tests.builders import snapshot_of
from tests.fix import plans
from tests.report import worlds


def test_reports_on_large_accounts_leave_the_steps_to_the_plan() -> None:
    small = worlds.everything()
    coverage = {Level.USER: MOST_PEOPLE + 1}
    run = replace(small, summary=replace(small.summary, coverage=coverage))
    with snapshot_of() as snapshot:
        found = closing_steps_of(snapshot, judgement(), run)
    assert not found.steps
    assert "20,000 people" in found.omitted


def _step(document: dict[str, Any]) -> PlanStep:
    return PlanStep.model_validate_json(json.dumps(document))


SEVERITIES = {"AI-02": Severity.CRITICAL, "RC-02": Severity.HIGH, "TP-01": Severity.HIGH}


@pytest.mark.parametrize(
    ("steps", "order"),
    [
        ([("TP-01", 115, []), ("RC-02", 57, []), ("AI-02", 98, [])], [3, 1, 2]),
        ([("TP-01", 4, []), ("RC-02", 57, []), ("AI-02", 9, [1])], [1, 3, 2]),
        ([("TP-01", 0, []), ("TP-01", 9, [1]), ("RC-02", 0, [])], [1, 2]),
    ],
    ids=["severity before number", "after the step it waits for", "nothing that helps nothing"],
)
def test_steps_for_the_worst_rules_come_first(
    steps: list[tuple[str, int, list[int]]], order: list[int]
) -> None:
    rows = wording.rows(
        [
            _step(plans.step(number, controls=[control], resolves=closes, after=after))
            for number, (control, closes, after) in enumerate(steps, 1)
        ]
    )
    found = in_order(rows, lambda row: (SEVERITIES[row.controls[0]], row.resolves))
    assert [row.steps[0].id for row, _ in found] == order


def test_what_a_worse_step_needs_counts_as_much() -> None:
    low, critical = (
        _step(plans.step(1, controls=["TP-01"], resolves=0)),
        _step(plans.lock_step(2, controls=["AI-02"])),
    )
    found = in_order(
        wording.rows([low, critical]), lambda row: (SEVERITIES[row.controls[0]], row.resolves)
    )
    assert [severity for _, severity in found] == [Severity.CRITICAL, Severity.CRITICAL]


@pytest.mark.parametrize(("after", "count"), [([], 7), ([1], 0)])
def test_a_value_that_a_later_step_locks_cannot_stay(after: list[int], count: int) -> None:
    reach = {"groups": 0, "users": 7}
    value = plans.step(1, notices=[f"Changes it; {OWN_VALUES_STAY}"], affects=reach)
    steps = [_step(value), _step(plans.lock_step(2, after=after, scope=value["scope"]))]
    assert may_stay(wording.rows(steps)) == count
