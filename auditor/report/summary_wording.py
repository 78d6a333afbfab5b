"""Text for the summary of a run: its gate, due waivers, and the trend."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.at_risk import PeopleAtRisk
from auditor.findings.exposure import Exposure
from auditor.findings.model import (
    FindingKind,
    Layer,
    Status,
    TrendPoint,
    Verdict,
    WaiverResult,
    WaiverState,
)
from auditor.findings.rollup import FindingGroup, Rollup, ScopeRollup, identity
from auditor.findings.run import Run
from auditor.plain_text import join_and, pluralize
from auditor.policy.catalogue.words import value_words
from auditor.report import wording
from auditor.report.display import printable, shorten

_GATE: Mapping[int, str] = {
    0: "PASS",
    1: "FAIL",
    3: "FAIL, evidence is incomplete",
    4: "FAIL, there is no evidence",
}


def gate(run: Run) -> str:
    """The gate in one line: its result, deviations, unknowns and waivers that need attention."""
    info = run.info
    by_status = run.summary.by_status
    outcome = _GATE.get(info.exit_code, "FAIL")
    threshold = printable(info.fail_on)
    if info.exit_code == 0:
        if threshold == "never":
            due = waivers_due(run)
            return f"{wording.exit_code(run)}{f' Also: {join_and(due)}.' if due else ''}"
        result = f"Gate: PASS at --fail-on {threshold}"
    else:
        result = f"Gate: {outcome} (exit code {info.exit_code}, --fail-on {threshold})"
    parts = [
        result,
        pluralize(by_status.get(Status.FAIL, 0), "deviation"),
        f"{wording.number(by_status.get(Status.UNKNOWN, 0))} unknown{wording.in_blind_spots(run)}",
        *waivers_due(run),
    ]
    return f"{parts[0]} – {', '.join(parts[1:])}."


def waivers_due(run: Run) -> list[str]:
    """Waivers that expired, match nothing or expire soon, one phrase per kind."""
    states = Counter(waiver.state for waiver in run.waivers)
    parts = []
    if expired := states[WaiverState.EXPIRED]:
        parts.append(pluralize(expired, "expired waiver"))
    if unmatched := states[WaiverState.UNMATCHED]:
        covers = "covers" if unmatched == 1 else "cover"
        parts.append(f"{pluralize(unmatched, 'waiver')} that {covers} nothing")
    if blind_spots := sum(blind_spot.is_stale for blind_spot in run.blind_spots):
        parts.append(f"{pluralize(blind_spots, 'blind spot')} to review")
    if stale_names := sum(reference.is_stale for reference in run.references):
        parts.append(wording.stale_names(stale_names))
    soon = [waiver for waiver in run.waivers if waiver.state is WaiverState.EXPIRING]
    if soon:
        parts.append(
            f"{pluralize(len(soon), 'waiver')} "
            f"{'runs' if len(soon) == 1 else 'run'} out {_soonest(run, soon)}"
        )
    return parts


def _soonest(run: Run, soon: Sequence[WaiverResult]) -> str:
    expiry = min(waiver.expires for waiver in soon)
    days = (expiry - run.info.finished_at.date()).days
    remaining = "today" if days <= 0 else f"in {pluralize(days, 'day')}"
    return remaining if len(soon) == 1 else f"soon, the first {remaining}"


def change(before: int, now: int) -> str:
    """`12 more`, `3 fewer` or `the same`."""
    if before == now:
        return "the same"
    more = now - before
    return f"{wording.number(abs(more))} {'more' if more > 0 else 'fewer'}"


def since(before: TrendPoint, now: TrendPoint) -> str:
    """The change of the counts since an earlier run, in one sentence."""
    return (
        f"Since {wording.when(before.finished_at)}: broken "
        f"{_number_change(before.deviations, now.deviations)}, without an answer "
        f"{_number_change(before.unknown, now.unknown)}, checks "
        f"{_number_change(before.judged, now.judged)}."
    )


def _number_change(before: int, now: int) -> str:
    if before == now:
        return f"{wording.number(now)} as before"
    return f"{wording.number(before)} → {wording.number(now)} ({change(before, now)})"


def layers_of(verdict: Verdict, levels: Collection[Level]) -> Sequence[Layer]:
    """The chain of a verdict. For a person without a value, no layer decides and the group's is
    shown: either may hold. `levels` are those of the rule."""
    layers = verdict.layers
    if not _is_unread_person(verdict):
        return layers
    layers = tuple(replace(layer, decides=False) for layer in layers)
    if Level.GROUP in levels and all(layer.level is not Level.GROUP for layer in layers):
        layers = (*layers[:-1], Layer(Level.GROUP), layers[-1])
    return layers


def _is_unread_person(verdict: Verdict) -> bool:
    """True if no value of the person was seen, so that it cannot be what decides."""
    last = verdict.layers[-1] if verdict.layers else None
    return (
        verdict.kind is FindingKind.VALUE
        and verdict.status is Status.UNKNOWN
        and last is not None
        and last.level is Level.USER
        and not last.seen
    )


def layer_value(
    verdict: Verdict, layer: Layer, width: int, at_risk: Sequence[PeopleAtRisk] = ()
) -> str:
    """The value of a layer of the chain in words, or a note that it has none.

    For people without a value, the group's layer names the groups whose value breaks the rule.
    """
    if not layer.seen and _is_unread_person(verdict):
        if layer.level is Level.USER:
            cause = wording.cause_name(verdict.cause)
            return f"{cause}: whether the group's or the account's value holds is not known"
        broken = [
            f"{wording.observation(each.broken, width)} in "
            f"{wording.listed([f'“{shorten(name, 60)}”' for name in each.groups], 5)}"
            for each in at_risk
            if (each.broken.control, each.broken.setting) == (verdict.control, verdict.setting)
            and each.groups
        ]
        if layer.level is Level.GROUP:
            return "; ".join(broken) or "see the groups in the inventory"
    if not layer.seen:
        return "no value of its own, or not seen"
    return shorten(value_words(verdict.setting, layer.value), width)


def same_as_group(shared: Sequence[tuple[str, int]], count: int) -> str:
    """A note that users have the value of their group; empty if they do not.

    `shared` has the groups and how many of the `count` users belong to each.
    """
    if not shared:
        return ""
    if count == 1:
        groups = wording.listed([f"“{shorten(name, 60)}”" for name, _ in shared], 3)
        return f"The same value as their group {groups}."
    groups = wording.listed(
        [f"“{shorten(name, 60)}” ({wording.number(members)})" for name, members in shared], 5
    )
    return (
        f"The same value as their group, for members of {groups} of these "
        f"{wording.number(count)} people."
    )


def group_cause(group: FindingGroup, exposed: Exposure) -> str:
    """The groups that people have a value from: `41 of these 51 as in their group “A”`.

    Empty for other places, and for people who share it with no group.
    """
    shared = exposed.same_as(group.verdict) if set(group.by_level) == {Level.USER} else ()
    if not shared:
        return ""
    if len(shared) == 1:
        [(name, members)] = shared
        of_all = f"{wording.number(members)} of these {wording.number(group.count)} as"
        who = "as" if group.count == 1 else "all as" if members == group.count else of_all
        return f"{who} in their group “{shorten(name, 60)}”"
    groups = [f"“{shorten(name, 60)}” ({wording.number(members)})" for name, members in shared]
    return f"as in their groups {wording.listed(groups, 5)}"


def in_groups(group: FindingGroup, exposed: Exposure) -> str:
    """Whether people with a value that no group of theirs has are in groups at all: two rows with
    the same words are of members and of others. Empty for other places."""
    is_value = group.verdict.kind is FindingKind.VALUE and group.verdict.status is Status.FAIL
    is_people = set(group.by_level) == {Level.USER} and exposed.groups
    if not is_people or not is_value or exposed.same_as(group.verdict):
        return ""
    alone = exposed.without_group.get(identity(group.verdict), 0)
    if alone == group.count:
        return "in no group"
    if alone:
        return f"{wording.number(alone)} of them in no group"
    return "in a group" if group.count == 1 else "all in groups"


def layer_lock(locked: JsonValue) -> str:
    """The lock of a layer in words."""
    return "no lock, or not seen" if locked is None else "locked" if locked else "not locked"


def relaxing(rollup: Rollup) -> list[FindingGroup]:
    """Rows of groups that deviate in a setting whose value at the account does not.

    A missing lock of the account is no deviation of its value: it is how a group can relax it.
    """
    open_at_account = {
        (group.verdict.control, group.verdict.setting)
        for group in rollup.groups
        if Level.ACCOUNT in group.by_level
        and group.verdict.kind is FindingKind.VALUE
        and group.verdict.status not in (Status.PASS, Status.NOT_APPLICABLE)
    }
    return [
        group
        for group in rollup.deviations
        if Level.GROUP in group.by_level
        and (group.verdict.control, group.verdict.setting) not in open_at_account
    ]


MOST_RULES = 5
"""Rules that the table of the places with most broken rules names."""


def worst_rules(row: ScopeRollup) -> str:
    """The worst rules that are broken at one place: `AI-02, AI-11, TP-07`."""
    return wording.listed([*map(printable, row.rules)], MOST_RULES)


def one_person(run: Run) -> str:
    """How to see one person's settings."""
    return wording.with_sandbox(
        run, "One person, setting by setting: auditor explain NAME, or an address."
    )
