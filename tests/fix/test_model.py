"""A plan file is read strictly: what was edited into nonsense names its step."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auditor.fix.model import FixPlan, PlanInvalid, schema
from tests.fix.plans import lock_step, plan, step

MANUAL = {"place": "Account Settings > Recording", "reason": "There is no request."}


def parsed(document: dict[str, Any]) -> FixPlan:
    return FixPlan.parse(json.dumps(document), "plan.json")


def test_a_plan_is_written_and_read_without_loss_and_as_its_schema_says() -> None:
    manual = step(3, setting="in_meeting.chat", request=None, manual=MANUAL)
    first = parsed(plan(step(), lock_step(), manual))
    text = first.dumped()
    assert FixPlan.parse(text, "plan.json") == first
    Draft202012Validator(schema()).validate(json.loads(text))
    assert [each.id for each in first.automatic] == [1, 2]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (plan(schema="auditor/plan/v2"), 'its schema is "auditor/plan/v2"'),
        (plan(tool={"name": "auditor", "version": "9.9"}), "version 9.9 of the program wrote it"),
        (plan(step(form=1)), 'step 1: unknown key "form". Did you mean "from"?'),
        (plan(step(to="x"), stepz=[]), 'unknown key "stepz". Did you mean "steps"?'),
        (plan(step(resolves="3")), "step 1: resolves: expected a valid integer."),
        (plan(step(kind="unlock")), "step 1: kind: expected 'value' or 'lock'."),
        (plan({k: v for k, v in step(7).items() if k != "to"}), 'step 7: "to" is missing.'),
        (plan(lock_step(2)), "step 2: it comes after step 1, which is not before it."),
        (plan(step(1), lock_step(1, after=[])), "step 1: another step has the same id."),
        (plan(step(1), step(2)), "step 2: another step changes the same value"),
        (plan(step(to=True)), "step 1: its request is not the one that makes this change."),
        (plan(lock_step(1, after=[], to="on")), "step 1: a lock is on or off"),
        (plan(step(manual=MANUAL)), 'step 1: exactly one of "request" and "manual" must be null.'),
        (plan(step(scope={"level": "account", "id": "b", "name": ""})), "step 1: its scope is"),
        (
            plan(step(setting="in_meeting.ai_companion_questions.enable")),
            "step 1: Zoom documents no request that changes in_meeting.ai_companion_questions",
        ),
        (
            plan(lock_step(1, after=[], setting="in_meeting.meeting_reactions")),
            "step 1: Zoom documents no request that changes in_meeting.meeting_reactions",
        ),
        (plan(created_at="2026-11-29T06:00:00Z"), "it is older than the run that it names"),
        (plan(created_at="yesterday"), "created_at: expected a time"),
        (plan(step(), manual=2), '"manual" is 2, and the plan has 0 manual steps.'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nonsense_in_a_plan_is_refused_with_its_place(
    document: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PlanInvalid) as caught:
        parsed(document)
    assert f"plan.json: {problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"schema": 1,}', "plan.json:1: not JSON"),
        ('{"schema": 1, "schema": 2}', 'the key "schema" stands twice'),
        ("[]", "expected an object"),
        ("[" * 100 + "]" * 100, "nested"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PlanInvalid, match=problem.replace("(", r"\(")):
        FixPlan.parse(text, "plan.json")
