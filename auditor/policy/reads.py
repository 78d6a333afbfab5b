"""Which documents an assessment needs: no view is read that no assessed control looks at."""

from collections.abc import Iterator, Mapping

from auditor.evidence.plan import PHONE, TOKEN, Reads
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.policy.baseline import Assessed, Baseline
from auditor.policy.catalogue import SETTINGS_LEVELS, SETTINGS_SURFACE, Check

DEPTHS: tuple[Level, ...] = (Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING)
"""The levels `--depth` may name, from the account down."""

NEW_SETTINGS_CONTROL = "CC-07"
"""The control about settings that nobody here knows: it looks at every document."""

ACCOUNT_VIEWS = (
    SETTINGS,
    View("settings", "meeting_authentication"),
    View("settings", "meeting_security"),
    View("settings", "recording_authentication"),
    View("settings", "security"),
    LOCKS,
    View("lock_settings", "meeting_security"),
)
"""Every view of account settings and locks. Source: `option` of GET account settings, RIV types."""


LOOKED_THROUGH: Mapping[Level, tuple[View, ...]] = {
    Level.ACCOUNT: ACCOUNT_VIEWS,
    Level.GROUP: (SETTINGS, LOCKS),
    Level.USER: (SETTINGS,),
}
"""The documents in which new settings may stand: without one of them, nobody can say there is none.
"""


def needed(baseline: Baseline, depth: Level) -> Reads:
    """The reads that `baseline` needs down to `depth` (account, group, user or meeting)."""
    views: dict[Level, set[View]] = {level: set() for level in SETTINGS_LEVELS}
    reached = [level for level in levels(depth) if level in views]
    other: set[View] = set()
    phone: set[str] = set()
    for check in _assessed_checks(baseline):
        if check.surface == PHONE.surface:
            phone.add(check.setting.partition(".")[0])
        if check.surface != SETTINGS_SURFACE:
            other.add(check.document)
            continue
        for level in reached:
            if level in check.levels:
                views[level].add(check.document)
            if check.lock is not None and level in check.lock_levels:
                views[level].add(check.lock_document)
    if NEW_SETTINGS_CONTROL in baseline.assessed:  # they may appear in any view
        for level, anywhere in LOOKED_THROUGH.items():
            views[level].update(anywhere)
    return Reads(
        account=tuple(sorted(views[Level.ACCOUNT])),
        group=tuple(sorted(views[Level.GROUP])) if Level.GROUP in reached else (),
        user=tuple(sorted(views[Level.USER])) if Level.USER in reached else (),
        token=TOKEN in other,
        phone=tuple(sorted(phone)),
    )


def levels(depth: Level) -> tuple[Level, ...]:
    """The levels from the account down to `depth`."""
    return DEPTHS[: DEPTHS.index(depth) + 1]


def checks(assessed: Assessed) -> Iterator[Check]:
    """The checks of a control that the baseline has an expectation for."""
    for check in assessed.control.checks:
        if check.setting in assessed.expectations:
            yield check


def _assessed_checks(baseline: Baseline) -> Iterator[Check]:
    for each in baseline.assessed.values():
        yield from checks(each)
