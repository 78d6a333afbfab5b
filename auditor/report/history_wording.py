"""Text about the history of a row: what is new, since when, and who changed it."""

from collections.abc import Sequence
from datetime import datetime

from auditor.evidence.scope import Scope
from auditor.findings.history_summary import CHANGED, ChangeAuthor, HistorySummary
from auditor.findings.model import LifecycleState
from auditor.report import wording

_SINGLE_FINDING = {
    LifecycleState.NEW: "new since the previous run: broken for the first time",
    LifecycleState.REGRESSED: "broken again since the previous run: it had been put right",
    LifecycleState.PERSISTING: "as before: broken then, too",
}


_LIFECYCLE_WORD = {
    LifecycleState.NEW: "new",
    LifecycleState.REGRESSED: "broken again",
    LifecycleState.PERSISTING: "as before",
    LifecycleState.RESOLVED: "put right",
}


def lifecycle_word(state: LifecycleState) -> str:
    """The lifecycle state in a word or two."""
    return _LIFECYCLE_WORD[state]


def badges(summary: HistorySummary, count: int) -> Sequence[tuple[LifecycleState, str]]:
    """The changed findings in a row of `count`: each state with its number and label."""
    return [
        (
            state,
            lifecycle_word(state)
            if changed == count
            else f"{wording.number(changed)} {lifecycle_word(state)}",
        )
        for state in CHANGED
        if (changed := summary.by_lifecycle[state])
    ]


def lifecycle_text(summary: HistorySummary, count: int) -> str:
    """How many of `count` findings are new, returned or persist; empty if none has a state."""
    present = [
        state for state in (*CHANGED, LifecycleState.PERSISTING) if summary.by_lifecycle[state]
    ]
    if not present:
        return ""
    if count == 1:
        return _SINGLE_FINDING[present[0]]
    first, *others = present
    total = wording.number(count)
    number = wording.number(summary.by_lifecycle[first])
    opening = f"all {total}" if number == total else f"{number} of {total}"
    opening += f" {lifecycle_word(first)}"
    if summary.changed:
        opening += " since the previous run"
    others_text = [
        f"{wording.number(summary.by_lifecycle[state])} {lifecycle_word(state)}" for state in others
    ]
    return ", ".join([opening, *others_text])


def partly_changed(
    summary: HistorySummary, count: int
) -> Sequence[tuple[LifecycleState, Sequence[Scope], int]]:
    """The changed findings, unless all changed: state, named scopes and number of others."""
    return [
        (state, summary.named[state], summary.by_lifecycle[state] - len(summary.named[state]))
        for state in CHANGED
        if 0 < summary.by_lifecycle[state] < count
    ]


def time_ranges(summary: HistorySummary) -> Sequence[tuple[str, tuple[datetime, datetime]]]:
    """The labelled time ranges; `since` is omitted if it equals `first_seen`."""
    first = ("First seen", summary.first_seen)
    if summary.since == summary.first_seen:
        return [first]
    return [first, ("Broken since", summary.since)]


def author_share(author: ChangeAuthor, count: int) -> str:
    """`3 of 12`: the findings of a row changed by `author`; empty if the row has only one."""
    return "" if count == 1 else f"{wording.number(author.count)} of {wording.number(count)}"
