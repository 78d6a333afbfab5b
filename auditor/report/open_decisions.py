"""The decisions that a run waits for, as questions that a person answers."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind
from auditor.findings.rollup import FindingGroup, Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.policy.catalogue.parameters import known_parameters
from auditor.report import facts, wording
from auditor.report.display import printable, shorten
from auditor.report.json_report import title

MOST_STATES = 3
"""What the account shows today, in so many sentences."""
LONGEST_STATE = 200
HEADING = "What your organisation has to decide"
COMMAND = "auditor decide"
"""Asks all of them, one by one."""

_ADVICE = re.compile(r"\s*Decide it with: auditor decide \w+\.?")
"""Says as a command what the question says in words."""


@dataclass(frozen=True, slots=True)
class OpenDecision:
    """A question to the organisation."""

    question: str
    now: str
    """What the account shows today, and where, or that it was not read: sentences; may be empty."""
    controls: tuple[str, ...]
    """Ids of the rules that wait for the answer."""
    command: str
    """Takes the answer."""


_NOT_READ = (
    "Not read: this needs requests and access rights of its own, which an audit uses only after a "
    "first answer. To see it, give the strictest answer first (0, or none) with {command}, and "
    "audit again: this changes nothing in Zoom. Then read this rule in the new report, and correct "
    "the answer."
)
"""Outside the settings, nothing is read that cannot be judged."""


@dataclass
class _Waiting:
    controls: set[str] = field(default_factory=set)
    is_unread: bool = True
    states: dict[str, dict[str, Counter[Level]]] = field(default_factory=dict)
    """Scopes by sentence and control: two controls may read the same setting of one scope."""


def of_run(run: Run, rollup: Rollup) -> list[OpenDecision]:
    """The open decisions of a run, the most severe first; one for each parameter."""
    waiting: dict[tuple[str, str], _Waiting] = {}
    for group in rollup.decisions:
        verdict = group.verdict
        param = str((verdict.expected or {}).get("param") or "")
        key = (param, "") if param else ("", verdict.control)
        entry = waiting.setdefault(key, _Waiting())
        entry.controls.add(printable(verdict.control))
        entry.is_unread &= verdict.observed is None and not verdict.source
        if state := _state(group):
            by_control = entry.states.setdefault(state, {})
            by_control.setdefault(verdict.control, Counter()).update(group.by_level)
    decisions = []
    for (param, control), entry in waiting.items():
        command = f"{COMMAND} {printable(param)}" if param else f"auditor control show {control}"
        unread = _NOT_READ.format(command=command) if entry.is_unread and param else ""
        decisions.append(
            OpenDecision(
                _question(run, param, control),
                _now(entry.states) or unread,
                tuple(sorted(entry.controls)),
                command,
            )
        )
    return decisions


def summary(decisions: Iterable[OpenDecision]) -> str:
    """How many rules wait for how many answers, in a sentence."""
    decisions = list(decisions)
    rules = len({control for decision in decisions for control in decision.controls})
    wait = "waits" if rules == 1 else "wait"
    return f"{pluralize(rules, 'rule')} {wait} for {pluralize(len(decisions), 'answer')}."


def _question(run: Run, param: str, control: str) -> str:
    known = known_parameters().get(param)
    if known is not None:
        return known.question
    return f"What is allowed: {printable(param or title(run, control))}?"


def _state(group: FindingGroup) -> str:
    """What is the case today, in a sentence without its end."""
    verdict = group.verdict
    explanation = _ADVICE.sub("", facts.detail(verdict)).rstrip(".")
    fact = facts.of_verdict(verdict)
    return shorten(
        (fact or explanation) if verdict.kind is FindingKind.VALUE else explanation, LONGEST_STATE
    )


def _now(states: Mapping[str, Mapping[str, Counter[Level]]]) -> str:
    most = {state: reduce(or_, by_control.values()) for state, by_control in states.items()}
    by_count = sorted(most.items(), key=lambda item: (-item[1].total(), item[0]))
    sentences = [f"{state} ({wording.levels(at)})." for state, at in by_count[:MOST_STATES]]
    if len(by_count) > MOST_STATES:
        sentences.append(f"And {wording.number(len(by_count) - MOST_STATES)} more.")
    return " ".join(sentences)
