"""Words for the steps that close the deviations of a run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.findings.closing_steps import ClosingStep, ClosingSteps
from auditor.findings.model import Status
from auditor.findings.run import Run
from auditor.plain_text import join_and, pluralize, printable
from auditor.report import wording

MOST_STEPS = 5
LONGEST_DETAILS = 1_000
"""Columns of what a step leads to before it is cut."""
HEADING = "What to do first"
ORDER = (
    "The worst broken rules come first; among equals, the steps that put most values right. A step "
    "that another one needs stands before it. A broken value is one setting or lock at one place: "
    "a group's value and that of each member count."
)
AUTOMATIC = (
    "Automatic: auditor fix apply makes the change, after you approve it, and reads whether Zoom "
    "took it. By hand: you make it, at the place named."
)
"""What becomes of the steps."""
LOCKING = (
    "Locking at the account gives the account's value to every group and person: nobody has to "
    "change it there first."
)


@dataclass(frozen=True)
class ClosingOutline:
    """What a report says about how to close its deviations."""

    steps: Sequence[ClosingStep]
    """Those to make first, at most `MOST_STEPS`."""
    sentence: str
    """What the steps shown lead to; empty without steps."""
    remaining: str
    """How much stands after the whole plan; empty if nothing does."""
    reasons: Sequence[str]
    """Why it stands, a sentence for each reason."""
    whole: str
    """Without a full stop: the command follows."""
    note: str
    """What `automatic` means, and what a lock does; empty if no step shown needs it."""
    command: str
    """Works out the whole plan."""
    by_control: Mapping[str, Sequence[ClosingStep]]
    """Control id to the steps that close its deviations, in the order of the plan."""
    account_locks: frozenset[str] = frozenset()
    """The locks that the whole plan sets at the account."""
    refused_locks: Mapping[str, str] = field(default_factory=dict)
    """Those that it leaves out there although a rule asks for them, and why."""


def outline(run: Run) -> ClosingOutline | None:
    """How to close the deviations of a run; None without deviations or without evidence.

    Works the steps out, which takes seconds in large accounts.
    """
    deviations = run.summary.by_status.get(Status.FAIL, 0)
    if run.closing_steps is None or not deviations:
        return None
    found = run.closing_steps()
    shown = found.steps[:MOST_STEPS]
    by_control: dict[str, list[ClosingStep]] = {}
    for step in sorted(found.steps, key=lambda each: int(each.numbers.partition("-")[0])):
        for control in step.controls:
            by_control.setdefault(control, []).append(step)
    return ClosingOutline(
        shown,
        _sentence(shown, by_control, found, deviations),
        _remaining(found),
        [*_reasons(found)],
        _whole(shown, found),
        " ".join(
            note
            for note, is_needed in (
                (AUTOMATIC, any(not step.is_manual for step in shown)),
                (LOCKING, any(step.account_lock for step in shown)),
            )
            if is_needed
        ),
        f"auditor fix plan {printable(run.info.id)}",
        by_control,
        frozenset(step.account_lock for step in found.steps if step.account_lock),
        found.refused_locks,
    )


def how(step: ClosingStep) -> str:
    """The number in the plan, and whether a request or a person makes it, and where."""
    number = f"{'Steps' if '-' in step.numbers else 'Step'} {step.numbers} of the plan, "
    if not step.is_manual:
        return f"{number}automatic{f'; in the portal: {step.place}' if step.place else ''}."
    return f"{number}by hand: {step.place}." if step.place else f"{number}by hand."


def closes(step: ClosingStep) -> str:
    """`critical, puts 598 broken values right`, each counted at every place."""
    if not step.closes:
        return f"{step.severity}, a later step needs it"
    return f"{step.severity}, puts {pluralize(step.closes, 'broken value')} right"


def _sentence(
    shown: Sequence[ClosingStep],
    by_control: Mapping[str, Sequence[ClosingStep]],
    found: ClosingSteps,
    deviations: int,
) -> str:
    if not shown:
        return ""
    closed = sum(step.closes for step in shown)
    subject = "This puts" if len(shown) == 1 else "Together they put"
    sentences = [
        f"{subject} {wording.number(closed)} of {pluralize(deviations, 'broken value')} right, "
        "each counted at every place."
    ]
    for control in shown[0].controls[:1]:
        if len(needed := [step.numbers for step in by_control[control]]) > 1:
            is_open = any(control in row.counts for row in found.remaining)
            sentences.append(
                f"No single step puts {control} right: it needs steps {join_and(needed)} of the "
                f"plan{', and is still broken after them' if is_open else ''}."
            )
    return " ".join(sentences)


def _remaining(found: ClosingSteps) -> str:
    """How much no step closes."""
    count = sum(sum(row.counts.values()) for row in found.remaining)
    if not count or not found.steps:
        return ""
    verb = "remains" if count == 1 else "remain"
    values = f"{pluralize(count, 'broken value')} {verb}"
    if not found.may_stay:
        return f"After the whole plan, {values}."
    return (
        f"After the whole plan, at least {values}. Up to {wording.number(found.may_stay)} more "
        "may, where people chose the value themselves: audit again."
    )


def _reasons(found: ClosingSteps) -> Iterator[str]:
    """Why no step closes it."""
    for row in found.remaining:
        rules = [f"{cid} ({n:,})" if n > 1 else cid for cid, n in row.counts.items()]
        yield f"{join_and(rules)}: {row.why[0].lower()}{row.why[1:]}."


def _whole(shown: Sequence[ClosingStep], found: ClosingSteps) -> str:
    if found.omitted:
        return found.omitted
    if not shown:
        return "No change of a setting puts any of them right. Why"
    sentences = ["What no rule judges has no step of its own."]
    if found.keep_on:
        noun, verb = ("Step", "locks") if len(found.keep_on) == 1 else ("Steps", "lock")
        sentences.append(
            f"{noun} {join_and(found.keep_on)} {verb} such a setting while it is on: afterwards, "
            "the people there cannot switch it off."
        )
    sentences.append(f"The whole plan has {pluralize(found.planned, 'step')}")
    return " ".join(sentences)
