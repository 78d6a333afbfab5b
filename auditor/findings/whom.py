"""Whom a fact is about, in words: people before groups, groups before the account."""

import re
from collections.abc import Mapping, Sequence

from auditor.evidence.scope import Level
from auditor.plain_text import join_and

_PEOPLE = (Level.USER, Level.PHONE_USER)
_EVENTS = (Level.MEETING, Level.WEBINAR)
_WHOLE: Mapping[Level, str] = {
    Level.ACCOUNT: "the whole account",
    Level.PHONE_ACCOUNT: "the whole phone account",
}
_MOST_FELT: Sequence[Level] = (
    *_PEOPLE,
    *_EVENTS,
    Level.GROUP,
    Level.PHONE_GROUP,
    Level.PHONE_SITE,
    Level.ACCOUNT,
    Level.PHONE_ACCOUNT,
    Level.APP,
)
"""The levels by how directly people feel them."""
_PLACES = (Level.GROUP, Level.PHONE_GROUP, Level.PHONE_SITE)
"""Levels of many people: the only one of its kind may be everybody."""


def whom(by_level: Mapping[Level, int], totals: Mapping[Level, int] | None = None) -> str:
    """Those who feel a fact most: `64 people`, or `1 group` if it holds for no person.

    `totals` are the numbers that were read: `all 6 groups`.
    """
    for level in _MOST_FELT:
        if count := by_level.get(level, 0):
            if level in _WHOLE:
                return _WHOLE[level]
            if level in _PLACES and count == (totals or {}).get(level) == 1:
                return f"the only {level.noun} of the account"
            every = "all " if count == (totals or {}).get(level) and count > 1 else ""
            return every + level.counted(count)
    return "nobody"


def in_fact(
    fact: str, by_level: Mapping[Level, int], totals: Mapping[Level, int] | None = None
) -> str:
    """A fact with those who feel it most in the place of `{whom}`.

    `meetings of {whom}` are meetings that people host, not meetings with so many participants.
    """
    people = whom(by_level, totals)
    if any(by_level.get(level, 0) for level in _PEOPLE):
        verb = "hosts" if people.startswith("1 ") else "host"
        fact = _HOSTED.sub(rf"\1 that {_WHOM} {verb}", fact)
    return fact.replace(_WHOM, people)


_WHOM = "{whom}"
_HOSTED = re.compile(r"\b([Mm]eetings(?: (?:and|or) webinars)?|[Ww]ebinars) of \{whom\}")


def places(by_level: Mapping[Level, int], totals: Mapping[Level, int] | None = None) -> str:
    """All of them, from the account down: `the account, 1 of 6 groups and 64 of 293 people`."""
    present = sorted((item for item in by_level.items() if item[1]), key=lambda i: i[0].rank)
    return join_and(
        [_place(level, count, (totals or {}).get(level, 0)) for level, count in present]
    )


def _place(level: Level, count: int, total: int) -> str:
    if level in _WHOLE:
        return f"the {level.noun}"
    if count == total and count > 1:
        return f"all {level.counted(count)}"
    return f"{count:,} of {level.counted(total)}" if count < total else level.counted(count)
