"""The answer of a run in a few sentences: the worst fact, the broken rules, what is open."""

from collections.abc import Iterator

from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind, Severity, Status
from auditor.findings.rollup import ControlRollup, Rollup, roll_up
from auditor.findings.run import Run
from auditor.findings.whom import places
from auditor.plain_text import join_and, pluralize, printable
from auditor.report import open_questions, unknown_features, wording
from auditor.report.facts import ControlFacts

_COMPUTED = (FindingKind.DERIVED, FindingKind.UNCOVERED)
"""Kinds that sum up other findings: never the worst fact while there is another."""


def sentences(run: Run, rollup: Rollup) -> list[str]:
    """The answer, most important first; the first sentence stands on its own."""
    return [worst_fact(run, rollup), *rest(run, rollup)]


def of_run(run: Run) -> str:
    """All sentences in one line, for a run that has not been rolled up."""
    return " ".join(sentences(run, roll_up(run, names=0, worst=0)))


def totals(run: Run) -> str:
    """The broken rules and those without an answer, for a run that has not been rolled up."""
    rollup = roll_up(run, names=0, worst=0)
    if not wording.judged(run):
        return worst_fact(run, rollup)
    nothing = () if rollup.deviating_controls else (worst_fact(run, rollup),)
    return " ".join((*nothing, *_broken(run, rollup), *_unknown(run, rollup)))


def worst_fact(run: Run, rollup: Rollup) -> str:
    """The worst that is the case: `AI can start by itself in meetings that 64 people host, and the
    account does not lock it.` Without a broken rule, that none was found."""
    if not wording.judged(run):
        return "Nothing was judged, so this run says nothing about the account."
    facts = ControlFacts(run, rollup)
    worst = _worst(run, rollup)
    if worst is not None:
        unlocked = ", and the account does not lock it" if Level.ACCOUNT in worst.unlocked else ""
        return f"{facts.of(worst)}{unlocked if worst.broken else ''}."
    if _has_open(run):
        return "No broken rule was found, but not every rule has an answer."
    return "No rule is broken, and every rule has an answer."


def why_worst(run: Run, rollup: Rollup) -> str:
    """Why the worst fact matters; empty without a broken rule, or if its rule does not say why."""
    worst = _worst(run, rollup) if wording.judged(run) else None
    return f"Why it matters: {printable(worst.info.why)}" if worst and worst.info.why else ""


def rest(run: Run, rollup: Rollup) -> list[str]:
    """What follows the worst fact: the broken rules, and what has no answer or is undecided."""
    if not wording.judged(run):
        return []
    return [*_broken(run, rollup), *_for_everybody(run, rollup), *unanswered(run, rollup)]


def unanswered(run: Run, rollup: Rollup) -> list[str]:
    """What has no answer, and what waits for a decision or for a person to look."""
    features = unknown_features.sentence(run)
    return [*_unknown(run, rollup), *filter(None, [features]), *_undecided(run, rollup)]


def _has_open(run: Run) -> bool:
    return bool(run.summary.by_status.get(Status.UNKNOWN, 0) or run.summary.undecided)


def _worst(run: Run, rollup: Rollup) -> ControlRollup | None:
    """The most severe broken rule, of these the one that most people feel."""
    computed: dict[str, bool] = {}
    for group in rollup.deviations:
        verdict = group.verdict
        sums_up = verdict.kind in _COMPUTED
        computed[verdict.control] = computed.get(verdict.control, True) and sums_up

    def order(control: ControlRollup) -> tuple[bool, bool, int, int, str]:
        people = control.broken.get(Level.USER, 0)
        if Level.ACCOUNT in control.broken and not people:
            people = run.summary.coverage.get(Level.USER, 1)
        is_computed = computed.get(control.info.id, False)
        return not control.broken, is_computed, control.severity.rank, -people, control.info.id

    return min(rollup.deviating_controls, key=order, default=None)


def _broken(run: Run, rollup: Rollup) -> Iterator[str]:
    broken = rollup.deviating_controls
    if not broken:
        return
    by_severity = {s: sum(control.severity is s for control in broken) for s in Severity}
    total = wording.number(len(run.controls))
    verb = "is" if len(broken) == 1 else "are"
    coverage = run.summary.coverage
    people: dict[Level, int] = {Level.USER: rollup.deviating.get(Level.USER, 0)}
    others = {**rollup.deviating}
    others.pop(Level.USER, None)
    own = ""
    if others and (count := people[Level.USER]):
        whose = wording.sentence_case(places(people, coverage))
        own = f" {whose} {'has' if count == 1 else 'have'} a broken value in their own settings."
    yield (
        f"{wording.number(len(broken))} of {total} rules {verb} broken "
        f"({wording.severities(by_severity)}), at {places(others or people, coverage)}.{own}"
    )


def _for_everybody(run: Run, rollup: Rollup) -> Iterator[str]:
    """That rules without a setting per person are broken for more people than are counted."""
    facts = ControlFacts(run, rollup)
    rules = [each for each in rollup.deviating_controls if facts.holds_for_everybody(each)]
    reaching = {control.info.id: facts.for_everybody(control) for control in rules}
    everywhere = {rule: fact for rule, fact in reaching.items() if fact}
    elsewhere = [printable(rule) for rule in reaching if rule not in everywhere]
    if len(everywhere) == 1:
        [(rule, fact)] = everywhere.items()
        yield f"{fact}, as Zoom has no setting per person ({printable(rule)})."
    elif everywhere:
        people = Level.USER.counted(run.summary.coverage[Level.USER])
        yield (
            f"{pluralize(len(everywhere), 'rule')} are broken for all {people}, as Zoom has no "
            f"setting per person: {join_and([*map(printable, everywhere)])}."
        )
    if elsewhere:
        has = "has" if len(elsewhere) == 1 else "have"
        yield (
            f"{join_and(elsewhere)} {has} no setting per person: broken for everybody whose group "
            "or account has the broken value."
        )


def _unknown(run: Run, rollup: Rollup) -> Iterator[str]:
    rules = sum(bool(control.unknown) for control in rollup.controls)
    if not rules:
        return
    verb = "has" if rules == 1 else "have"
    whose = places(rollup.unanswered, run.summary.coverage)
    covered = run.summary.accepted_blind_spots
    is_all = covered == run.summary.by_status.get(Status.UNKNOWN, 0)
    accepted = f"; {'this' if is_all else 'a part of this'} is accepted" if covered else ""
    yield f"{pluralize(rules, 'rule')} {verb} no answer for {whose}{accepted}."


def _undecided(run: Run, rollup: Rollup) -> Iterator[str]:
    decisions = {group.verdict.control for group in rollup.decisions}
    new_settings = {
        group.verdict.setting
        for group in rollup.uncovered
        if group.verdict.status is Status.NEEDS_DECISION
    }
    parts = []
    if decisions:
        verb = "waits" if len(decisions) == 1 else "wait"
        parts.append(
            f"{pluralize(len(decisions), 'rule')} {verb} for a decision of your organisation"
        )
    if rollup.attestations_due:
        parts.append(f"{open_questions.counted(rollup)} must be looked up by hand")
    if new_settings:
        is_ = "is" if len(new_settings) == 1 else "are"
        parts.append(f"{pluralize(len(new_settings), 'new setting')} {is_} not reviewed")
    if not_compared := run.summary.not_compared:
        does = "does" if not_compared == 1 else "do"
        what = pluralize(not_compared, "attestation")
        parts.append(f"{what} {does} not say whether what was seen is as expected")
    if parts:
        yield f"{join_and(parts)}."
