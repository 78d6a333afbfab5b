"""The words about the past of a row: what is new in it, since when it stands, who made it so."""

from collections.abc import Sequence

from auditor.evidence.scope import Scope
from auditor.findings.finding_history import LifecycleState
from auditor.findings.history_summary import CHANGED, ChangeAuthor, HistorySummary
from auditor.report import wording

_ONE = {
    LifecycleState.NEW: "new since the run before: a deviation for the first time",
    LifecycleState.REGRESSED: "deviating again since the run before: it had been put right",
    LifecycleState.PERSISTING: "persisting: a deviation before, too",
}


_WORD = {
    LifecycleState.NEW: "new",
    LifecycleState.REGRESSED: "deviating again",
    LifecycleState.PERSISTING: "as before",
    LifecycleState.RESOLVED: "put right",
}


def word(life: LifecycleState) -> str:
    """What became of a finding, in a word or two."""
    return _WORD[life]


def badges(lives: HistorySummary, count: int) -> Sequence[tuple[LifecycleState, str]]:
    """What changed in a row of `count` findings: each life, and how many in a word or two."""
    return [
        (life, word(life) if changed == count else f"{wording.number(changed)} {word(life)}")
        for life in CHANGED
        if (changed := lives.by_life[life])
    ]


def lifecycle_text(lives: HistorySummary, count: int) -> str:
    """How many of `count` findings are new, came back or stand as they did; empty for none."""
    present = [life for life in (*CHANGED, LifecycleState.PERSISTING) if lives.by_life[life]]
    if not present:
        return ""
    if count == 1:
        return _ONE[present[0]]
    first, *others = present
    whole = wording.number(count)
    number = wording.number(lives.by_life[first])
    opening = f"all {whole}" if number == whole else f"{number} of {whole}"
    opening += f" {word(first)}"
    if lives.changed:
        opening += " since the run before"
    rest = [f"{wording.number(lives.by_life[life])} {word(life)}" for life in others]
    return ", ".join([opening, *rest])


def named(
    lives: HistorySummary, count: int
) -> Sequence[tuple[LifecycleState, Sequence[Scope], int]]:
    """Which findings changed, where not all of them did: the life, scopes, and how many more."""
    return [
        (life, lives.named[life], lives.by_life[life] - len(lives.named[life]))
        for life in CHANGED
        if 0 < lives.by_life[life] < count
    ]


def spans(lives: HistorySummary) -> Sequence[tuple[str, tuple[str, str]]]:
    """The times worth telling, each with what it is the time of."""
    first = ("First seen", lives.first_seen)
    if lives.since == lives.first_seen:
        return [first]
    return [first, ("Deviates since", lives.since)]


def share(author: ChangeAuthor, count: int) -> str:
    """How many of the `count` findings of a row somebody changed; empty where there is one."""
    return "" if count == 1 else f"{wording.number(author.count)} of {wording.number(count)}"
