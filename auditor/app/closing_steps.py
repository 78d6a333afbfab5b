"""The steps that close most deviations of a run, for its reports.

Only the search for them: a report needs no predicted verdicts, so the run is not judged again.
"""

from pydantic import ValidationError

from auditor.app.audit import EvaluationConfig
from auditor.app.fix_plans import PlanOptions, failing_settings, planner_of
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.closing_steps import ClosingStep, ClosingSteps
from auditor.findings.run import Run
from auditor.fix import wording

MOST_PEOPLE = 20_000
"""In larger accounts a report does not work the steps out: the search grows with the people who
differ from each other, and a report is written every night."""


def closing_steps_of(snapshot: Snapshot, config: EvaluationConfig, run: Run) -> ClosingSteps:
    """The steps that bring the account of a judged run to its baseline."""
    if run.summary.coverage.get(Level.USER, 0) > MOST_PEOPLE:
        return ClosingSteps(
            (), 0, f"Reports on more than {MOST_PEOPLE:,} people do not work out the steps"
        )
    try:
        planner = planner_of(snapshot, config, PlanOptions())
        steps = planner.plan(failing_settings(run))
    except ValidationError:  # an id or a name is longer than a plan can hold
        return ClosingSteps((), 0, "The steps could not be worked out")
    rows = sorted(wording.rows(steps), key=lambda row: -row.resolves)
    return ClosingSteps(
        tuple(
            ClosingStep(
                row.numbers,
                row.title,
                row.resolves,
                row.place,
                row.is_manual,
                row.details,
                row.controls,
            )
            for row in rows
        ),
        len(steps),
    )
