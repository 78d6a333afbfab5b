"""Plans the reads of an assessment: only views that an assessed control uses."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.evidence.read_plan import (
    DISCLAIMERS,
    MEETING,
    NOTICES,
    PHONE,
    PHONE_VIEWS,
    SITE,
    TOKEN,
    ReadPlan,
)
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue import word_lists
from auditor.policy.catalogue.controls import SETTINGS_LEVELS, SETTINGS_SURFACE, Check
from auditor.policy.catalogue.operators import Expectation
from auditor.surfaces import SURFACES, Surface
from auditor.surfaces.notices import notice_kind

DEPTHS: tuple[Level, ...] = (Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING)
"""The values of `--depth`, from the account down."""

COMPANION_LEVELS: Mapping[Level, tuple[Level, ...]] = {
    Level.ACCOUNT: (Level.APP, Level.PHONE_ACCOUNT, Level.PHONE_SITE),
    Level.GROUP: (Level.PHONE_GROUP,),
    Level.USER: (Level.PHONE_USER,),
    Level.MEETING: (Level.WEBINAR,),
}
"""The levels that are included with each of `DEPTHS`."""

SAMPLED_MEETINGS = 20
"""The number of past meetings with AI whose participants' answers are read."""

COMPARED_CONTROL = "CC-02"
"""The control that compares groups and people with the account."""
NEW_SETTINGS_CONTROL = "CC-07"
"""The control for undocumented settings: it scans every document."""

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


SCANNED_VIEWS: Mapping[Level, tuple[View, ...]] = {
    Level.ACCOUNT: ACCOUNT_VIEWS,
    Level.GROUP: (SETTINGS, LOCKS),
    Level.USER: (SETTINGS,),
}
"""The documents scanned for new settings: if one is missing, the result is unknown."""


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A check whose documents are read, and at which levels."""

    check: Check
    expectation: Expectation
    levels: tuple[Level, ...]
    lock_levels: tuple[Level, ...]

    @property
    def surface(self) -> Surface:
        """The kind of its document."""
        return SURFACES[self.check.surface]

    @property
    def compares_groups(self) -> bool:
        """True if it compares the groups of hosts, which are then read, too."""
        return self.surface.names_hosts and self.expectation.op == "subset_of_param"


def planned(
    assessed: ControlExpectation, depth: Level, parameters: Mapping[str, JsonValue]
) -> Iterator[PlannedCheck]:
    """The checks of a control whose documents are read down to `depth`.

    Outside the settings, nothing is read for an expectation whose parameter is not set: it cannot
    be judged. Derived checks have no documents of their own.
    """
    within = reached(depth)
    for check in checks(assessed):
        if check.surface not in SURFACES:
            continue
        expectation = assessed.expectations[check.setting]
        is_setting = check.surface == SETTINGS_SURFACE
        if is_setting or expectation.is_decided(parameters):
            at = tuple(level for level in check.levels if level in within)
            lockable = is_setting and check.lock is not None
            locks = tuple(level for level in check.lock_levels if lockable and level in within)
            if at or locks:
                yield PlannedCheck(check, expectation, at, locks)


def needed(
    baseline: Baseline, depth: Level, parameters: Mapping[str, JsonValue] | None = None
) -> ReadPlan:
    """The reads that `baseline` needs down to `depth` (account, group, user or meeting).

    `parameters` are the organisation's and take precedence over those of the baseline.
    """
    values = {**baseline.parameters, **(parameters or {})}
    due = [each for one in baseline.assessed.values() for each in planned(one, depth, values)]
    views: dict[Level, set[View]] = {level: set() for level in SETTINGS_LEVELS}
    reports: set[View] = set()
    for each in due:
        check, surface = each.check, each.surface
        if check.surface == SETTINGS_SURFACE:
            for level in each.levels:
                views[level].add(check.document)
            for level in each.lock_levels:
                views[level].add(check.lock_document)
        elif surface.is_account_report:
            reports.add(check.document)
        for view in surface.requires(check.setting) if surface.requires is not None else ():
            (views[Level.ACCOUNT] if view == SETTINGS else reports).add(view)
    if NEW_SETTINGS_CONTROL in baseline.assessed:  # new settings may appear in any view
        for level in set(SCANNED_VIEWS) & set(levels(depth)):
            views[level].update(SCANNED_VIEWS[level])
    on = {each.check.surface for each in due}
    return ReadPlan(
        account=tuple(sorted(views[Level.ACCOUNT])),
        group=tuple(sorted(views[Level.GROUP])),
        user=tuple(sorted(views[Level.USER])),
        token=TOKEN.surface in on,
        use={
            view: getattr(word_lists.name_patterns(), surface.patterns).patterns
            if surface.patterns
            else ()
            for surface in SURFACES.values()
            for view in sorted(reports)
            if view.surface == surface.name
        },
        phone=_items(due, baseline, Level.PHONE_ACCOUNT),
        phone_group=_items(due, baseline, Level.PHONE_GROUP),
        phone_site=_items(due, baseline, Level.PHONE_SITE),
        phone_user=_items(due, baseline, Level.PHONE_USER),
        hosts=any(each.compares_groups for each in due),
        notices=SAMPLED_MEETINGS if NOTICES.surface in on else 0,
        answered=tuple(
            sorted(
                {
                    notice_kind(each.check.setting)
                    for each in due
                    if each.check.surface == DISCLAIMERS.surface
                }
            )
        ),
        meeting=_event_settings(due, baseline, Level.MEETING),
        webinar=_event_settings(due, baseline, Level.WEBINAR),
    )


def _items(due: Iterable[PlannedCheck], baseline: Baseline, level: Level) -> tuple[str, ...]:
    """The items of Zoom Phone's settings that are needed at `level`."""
    surfaces = (PHONE.surface, SITE.surface)
    if not any(each.check.surface in surfaces and level in each.levels for each in due):
        return ()
    items = {
        check.setting.partition(".")[0]
        for assessed in baseline.assessed.values()
        for check in checks(assessed)
        if check.surface in surfaces and level in check.levels
    }
    return tuple(sorted(items))


def _event_settings(
    due: Iterable[PlannedCheck], baseline: Baseline, level: Level
) -> tuple[str, ...]:
    """The settings of a meeting or webinar that are needed."""
    if not any(each.check.surface == MEETING.surface and level in each.levels for each in due):
        return ()
    settings = {
        check.setting.removeprefix("settings.")
        for assessed in baseline.assessed.values()
        for check in assessed.control.checks
        if check.surface == MEETING.surface and level in check.levels
    }
    return tuple(sorted(settings))


def document_at(check: Check, level: Level) -> View:
    """The document in which `check` is read at `level`. Zoom Phone has one document per level."""
    return PHONE_VIEWS.get(level, check.document)


def reached(depth: Level) -> tuple[Level, ...]:
    """Every level that an assessment down to `depth` includes."""
    return tuple(
        reached_level
        for level in levels(depth)
        for reached_level in (level, *COMPANION_LEVELS[level])
    )


def levels(depth: Level) -> tuple[Level, ...]:
    """The levels from the account down to `depth`."""
    return DEPTHS[: DEPTHS.index(depth) + 1]


def checks(assessed: ControlExpectation) -> Iterator[Check]:
    """The checks of a control with an expectation in the baseline."""
    for check in assessed.control.checks:
        if check.setting in assessed.expectations:
            yield check
