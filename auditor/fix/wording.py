"""What a plan says to people, for every format: rows of steps, and why the rest is not closed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.fix.model import FixPlan, PlanStep
from auditor.fix.titles import counted_people, scope_name
from auditor.plain_text import join_and, pluralize, printable
from auditor.policy.catalogue import words

SHOWN_NAMES = 3
SHOWN_CONTROLS = 12

REASONS: Mapping[str, str] = {
    "unread": "Nothing was read: no value to fix",
    "undecided": "The organisation has to decide first (auditor decide)",
    "attestation": "A person has to look and attest it (auditor attest)",
    "phone_portal": "The plan has no steps for Zoom Phone: change it by hand where the rule says",
    "not_settings": "No setting of the account, but use of Zoom, meetings, or results of others",
    "no_value": "No value is right without breaking something else",
    "would_break": "A lock would do harm, so it can be changed again",
    "excluded": "Left out by the options of this plan",
}
"""Reason of an `UnfixableRow` to its heading."""


EXPLAINED = ("would_break", "not_settings")
"""Reasons that differ from row to row: their `detail` says more."""


@dataclass(frozen=True)
class StepRow:
    """One step, or equal steps for several people."""

    numbers: str
    """`3`, or `6-17`."""
    title: str
    resolves: int
    details: tuple[str, ...]
    """Sentences: whom it affects, what people lose, who notices."""
    place: str
    """Where in the portal; empty for an automatic step."""
    reason: str
    """Why it is manual; empty for an automatic step."""
    request: str
    """The request; empty for a manual step."""
    controls: tuple[str, ...]
    is_manual: bool
    steps: tuple[PlanStep, ...]


@dataclass(frozen=True)
class UnfixableSection:
    """What no step closes, for one reason."""

    heading: str
    count: int
    controls: str
    why: tuple[str, ...] = ()
    """Of locks, what harm each would do; of what is no setting, what it is."""


def headline(plan: FixPlan) -> str:
    """What the plan does, in a sentence."""
    fails = plan.current.by_status.get("fail", 0)
    if not fails:
        return "There is no deviation to close."
    if not plan.steps:
        return f"No step closes any of the {pluralize(fails, 'deviation')}."
    steps = len(plan.automatic)
    closes = "closes" if steps == 1 else "close"
    return (
        f"{pluralize(steps, 'automatic step')} {closes} {plan.resolves:,} of "
        f"{pluralize(fails, 'deviation')}."
    )


def summary(plan: FixPlan) -> Iterator[str]:
    """Further sentences on the whole plan."""
    if plan.manual:
        after = plan.predicted_with_manual.by_status.get("fail", 0)
        more = plan.remains - after
        closes = "closes" if plan.manual == 1 else "close"
        yield (
            f"{pluralize(plan.manual, 'step')} in the web portal {closes} {more:,} more. "
            f"Then {pluralize(after, 'deviation')} {'remains' if after == 1 else 'remain'}."
        )
    elif plan.steps:
        verb = "remains" if plan.remains == 1 else "remain"
        yield f"Then {pluralize(plan.remains, 'deviation')} {verb}."
    users = sum(step.scope.level == "user" for step in plan.automatic)
    if users:
        yield (
            f"{pluralize(users, 'step')} {'changes' if users == 1 else 'change'} the settings of "
            "single people: apply needs --max-users for that."
        )
    if not plan.complete:
        yield (
            "The run could not read everything, so the plan may miss deviations. Audit and plan "
            "again, or accept that: auditor fix apply --allow-incomplete."
        )
    yield from plan.warnings


def origin(plan: FixPlan) -> str:
    """Which account and run the plan is for."""
    simulated = "simulated " if plan.simulated else ""
    return printable(
        f"Plan for {simulated}account {plan.account_id}, from run {plan.run}, to the baseline "
        f"{plan.baseline.id} {plan.baseline.version}."
    )


def rows(steps: Sequence[PlanStep]) -> list[StepRow]:
    """Steps of a plan; consecutive ones that change several people alike are one row."""

    def key(step: PlanStep) -> object:
        if step.scope.level != "user":
            return step.id
        return step.kind, step.setting, repr(step.from_), repr(step.to), step.manual is not None

    return [_row(list(together)) for _, together in groupby(steps, key)]


def unfixable(plan: FixPlan) -> list[UnfixableSection]:
    """What no step closes, by reason."""
    sections = []
    for reason, heading in REASONS.items():
        found = [row for row in plan.unfixable if row.reason == reason]
        if found:
            counts: Counter[str] = Counter()
            for row in found:
                counts[row.control] += row.count
            listed = [
                f"{control} ({count:,})" if count > 1 else control
                for control, count in sorted(counts.items())
            ]
            rest = len(listed) - SHOWN_CONTROLS
            shown = ", ".join(listed[:SHOWN_CONTROLS]) + (f" and {rest} more" if rest > 0 else "")
            why = dict.fromkeys(row.detail for row in found if reason in EXPLAINED)
            sections.append(
                UnfixableSection(heading, counts.total(), shown, tuple(map(printable, why)))
            )
    return sections


def _row(steps: Sequence[PlanStep]) -> StepRow:
    first = steps[0]
    details = []
    people = sum(step.affects.users for step in steps)
    if first.scope.level == "user" and people:
        details.append(f"Changes the value for {counted_people(people)}.")
    details += [*first.notices, *first.loses]
    if first.after and len(steps) == 1:
        details.append(f"After step {join_and([str(number) for number in first.after])}.")
    numbers = str(first.id) if len(steps) == 1 else f"{first.id}-{steps[-1].id}"
    request = ""
    if first.request is not None:
        request = f"{first.request.method} {first.request.path}"
    return StepRow(
        numbers=numbers,
        title=printable(_title(steps)),
        resolves=sum(step.resolves for step in steps),
        details=tuple(map(printable, details)),
        place=printable(place_of(steps, first.manual.place) if first.manual else ""),
        reason=printable(first.manual.reason if first.manual else ""),
        request=printable(request),
        controls=tuple(dict.fromkeys(cid for step in steps for cid in step.controls)),
        steps=tuple(steps),
        is_manual=first.manual is not None,
    )


def place_of(steps: Sequence[PlanStep], place: str) -> str:
    """The place of equal steps, from that of the first: the people are in the title."""
    return place if len(steps) == 1 else place.replace(scope_name(steps[0].scope), "NAME", 1)


def _title(steps: Sequence[PlanStep]) -> str:
    first = steps[0]
    if len(steps) == 1:
        return first.title
    change = f"from {words.value_words(first.setting, first.from_)} to "
    change += words.value_words(first.setting, first.to)
    names = [scope_name(step.scope) for step in steps[:SHOWN_NAMES]]
    rest = len(steps) - SHOWN_NAMES
    listed = ", ".join(names) + (f" and {rest} more" if rest > 0 else "")
    name = words.setting_name(first.setting)
    return f"{name}: {change}, for {counted_people(len(steps))}: {listed}"
