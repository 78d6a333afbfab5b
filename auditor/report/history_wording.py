"""The words about the past of a row: what is new in it, since when it stands, who made it so."""

from collections.abc import Sequence

from auditor.evidence.scope import Scope
from auditor.findings.finding_history import LifecycleState
from auditor.findings.history_summary import CHANGED, ChangeAuthor, HistorySummary
from auditor.report import wording

_SINGLE_FINDING = {
    LifecycleState.NEW: "new since the run before: a deviation for the first time",
    LifecycleState.REGRESSED: "deviating again since the run before: it had been put right",
    LifecycleState.PERSISTING: "persisting: a deviation before, too",
}


_LIFECYCLE_WORD = {
    LifecycleState.NEW: "new",
    LifecycleState.REGRESSED: "deviating again",
    LifecycleState.PERSISTING: "as before",
    LifecycleState.RESOLVED: "put right",
}


def lifecycle_word(state: LifecycleState) -> str:
    """What became of a finding, in a word or two."""
    return _LIFECYCLE_WORD[state]


def badges(summary: HistorySummary, count: int) -> Sequence[tuple[LifecycleState, str]]:
    """What changed in a row of `count` findings: each life, and how many in a word or two."""
    return [
        (
            state,
            lifecycle_word(state)
            if changed == count
            else f"{wording.number(changed)} {lifecycle_word(state)}",
        )
        for state in CHANGED
        if (changed := summary.by_life[state])
    ]


def lifecycle_text(summary: HistorySummary, count: int) -> str:
    """How many of `count` findings are new, came back or stand as they did; empty for none."""
    present = [state for state in (*CHANGED, LifecycleState.PERSISTING) if summary.by_life[state]]
    if not present:
        return ""
    if count == 1:
        return _SINGLE_FINDING[present[0]]
    first, *others = present
    total = wording.number(count)
    number = wording.number(summary.by_life[first])
    opening = f"all {total}" if number == total else f"{number} of {total}"
    opening += f" {lifecycle_word(first)}"
    if summary.changed:
        opening += " since the run before"
    others_text = [
        f"{wording.number(summary.by_life[state])} {lifecycle_word(state)}" for state in others
    ]
    return ", ".join([opening, *others_text])


def partly_changed(
    summary: HistorySummary, count: int
) -> Sequence[tuple[LifecycleState, Sequence[Scope], int]]:
    """Which findings changed, where not all of them did: the life, scopes, and how many more."""
    return [
        (state, summary.named[state], summary.by_life[state] - len(summary.named[state]))
        for state in CHANGED
        if 0 < summary.by_life[state] < count
    ]


def time_ranges(summary: HistorySummary) -> Sequence[tuple[str, tuple[str, str]]]:
    """The times worth telling, each with what it is the time of."""
    first = ("First seen", summary.first_seen)
    if summary.since == summary.first_seen:
        return [first]
    return [first, ("Deviates since", summary.since)]


def author_share(author: ChangeAuthor, count: int) -> str:
    """How many of the `count` findings of a row somebody changed; empty where there is one."""
    return "" if count == 1 else f"{wording.number(author.count)} of {wording.number(count)}"
