"""The steps that close the deviations of a run, the worst first, for its reports.

The account is judged once more as it would be afterwards: a reader has to know what no step closes.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from auditor.app.audit import EvaluationConfig
from auditor.app.fix_plans import (
    PlanOptions,
    failing_settings,
    planner_of,
    remaining_after,
)
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.closing_steps import ClosingStep, ClosingSteps, RemainingDeviations
from auditor.findings.model import Severity, Status
from auditor.findings.run import Run
from auditor.fix import wording
from auditor.fix.model import UnfixableRow
from auditor.fix.steps import NOBODY_CAN_SWITCH, OWN_VALUES_STAY, StepPlayer
from auditor.plain_text import printable

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
    severities = _severities(run)

    def ranked(row: wording.StepRow) -> tuple[Severity, int]:
        found = (severities[cid] for cid in row.controls if cid in severities)
        worst = min(found, key=lambda each: each.rank, default=Severity.LOW)
        return worst, row.resolves

    rows, player = wording.rows(steps), planner.player()
    return ClosingSteps(
        tuple(
            ClosingStep(
                row.numbers,
                row.title,
                row.resolves,
                severity,
                _place(row, player),
                row.is_manual,
                row.details,
                row.controls,
                row.steps[0].setting if _locks_the_account(row) else "",
            )
            for row, severity in in_order(rows, ranked)
        ),
        len(steps),
        refused_locks={path: printable(why) for path, why in planner.refused_locks.items()},
        remaining=_by_reason(remaining_after(snapshot, config, planner, run, steps)),
        may_stay=may_stay(rows),
        keep_on=[row.numbers for row in rows if _says(row, NOBODY_CAN_SWITCH)],
    )


def may_stay(rows: Sequence[wording.StepRow]) -> int:
    """The most values that people may keep: those that no later step locks at the same scope."""
    locked = {
        (number, step.scope)
        for row in rows
        for step in row.steps
        if step.kind == "lock" and step.to is True
        for number in step.after
    }
    return sum(
        step.affects.users
        for row in rows
        if _says(row, OWN_VALUES_STAY)
        for step in row.steps
        if (step.id, step.scope) not in locked
    )


def _says(row: wording.StepRow, words: str) -> bool:
    return any(words in sentence for sentence in row.details)


def _by_reason(rows: Sequence[UnfixableRow]) -> list[RemainingDeviations]:
    """By the reason, in the order of `wording.REASONS`."""
    by_why: dict[tuple[str, str], Counter[str]] = {}
    for row in sorted(rows, key=lambda row: [*wording.REASONS].index(row.reason)):
        detail = printable(row.detail).rstrip(".") if row.reason in wording.EXPLAINED else ""
        by_why.setdefault((row.reason, detail), Counter())[row.control] += row.count
    return [
        RemainingDeviations(_why(reason, detail), dict(sorted(counts.items())))
        for (reason, detail), counts in by_why.items()
    ]


def _why(reason: str, detail: str) -> str:
    if reason == "not_settings":
        return detail
    return f"{wording.REASONS[reason]}{f'. {detail}' if detail else ''}"


def in_order(
    rows: Sequence[wording.StepRow], ranked: Callable[[wording.StepRow], tuple[Severity, int]]
) -> list[tuple[wording.StepRow, Severity]]:
    """Rows with what they close, by severity and then by number; what closes nothing by itself
    stands before the step that waits for it, and has its severity.
    """
    by_step = {step.id: row for row in rows for step in row.steps}
    placed: dict[str, tuple[wording.StepRow, Severity]] = {}

    def put(row: wording.StepRow, severity: Severity) -> None:
        for number in sorted({number for step in row.steps for number in step.after}):
            earlier = by_step[number]
            if earlier is not row and earlier.numbers not in placed:
                put(earlier, severity)
        placed[row.numbers] = row, severity

    order = {row.numbers: ranked(row) for row in rows}
    for row in sorted(rows, key=lambda row: (order[row.numbers][0].rank, -order[row.numbers][1])):
        if row.resolves and row.numbers not in placed:
            put(row, order[row.numbers][0])
    return list(placed.values())


def _severities(run: Run) -> dict[str, Severity]:
    """Control to the severity of its worst deviation."""
    worst: dict[str, Severity] = {}
    for share in run.assessments.shares():
        for verdict in share.verdicts:
            if verdict.status is Status.FAIL:
                known = worst.setdefault(verdict.control, verdict.severity)
                worst[verdict.control] = min(known, verdict.severity, key=lambda each: each.rank)
    return worst


def _place(row: wording.StepRow, player: StepPlayer) -> str:
    if row.is_manual:
        return row.place
    first = row.steps[0]
    path = player.place(first.kind, first.scope, first.setting, row.controls)
    return printable(wording.place_of(row.steps, path))


def _locks_the_account(row: wording.StepRow) -> bool:
    step = row.steps[0]
    return step.kind == "lock" and step.level is Level.ACCOUNT and step.to is True
