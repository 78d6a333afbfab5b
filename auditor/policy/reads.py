"""Which documents an assessment needs: no view is read that no assessed control looks at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.evidence.read_plan import (
    AI_FEATURES,
    ANSWERS_PREFIX,
    DISCLAIMERS,
    LOGS,
    MEETING,
    NOTICES,
    PHONE,
    PHONE_VIEWS,
    ROLES,
    SITE,
    SUMMARIES,
    TOKEN,
    WORKFLOWS,
    ReadPlan,
    apps,
    history,
)
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.policy import name_patterns
from auditor.policy.baseline import Baseline, ControlExpectation
from auditor.policy.catalogue import SETTINGS_LEVELS, SETTINGS_SURFACE, Check
from auditor.policy.operators import Expectation

DEPTHS: tuple[Level, ...] = (Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING)
"""The levels `--depth` may name, from the account down."""

BESIDE: Mapping[Level, tuple[Level, ...]] = {
    Level.ACCOUNT: (Level.APP, Level.PHONE_ACCOUNT, Level.PHONE_SITE),
    Level.GROUP: (Level.PHONE_GROUP,),
    Level.USER: (Level.PHONE_USER,),
    Level.MEETING: (Level.WEBINAR,),
}
"""The levels that are reached together with one of `DEPTHS`."""

SAMPLED_MEETINGS = 20
"""Of how many past meetings with AI the participants' answers are read."""

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


def needed(
    baseline: Baseline, depth: Level, parameters: Mapping[str, JsonValue] | None = None
) -> ReadPlan:
    """The reads that `baseline` needs down to `depth` (account, group, user or meeting).

    `parameters` are the organisation's; those of the baseline hold where it sets none. Beside the
    settings, nothing is read for an expectation whose parameter is not set: nobody could judge it.
    """
    views: dict[Level, set[View]] = {level: set() for level in SETTINGS_LEVELS}
    within = [level for level in levels(depth) if level in views]
    for check in _assessed_checks(baseline):
        if check.surface != SETTINGS_SURFACE:
            continue
        for level in within:
            if level in check.levels:
                views[level].add(check.document)
            if check.lock is not None and level in check.lock_levels:
                views[level].add(check.lock_document)
    if NEW_SETTINGS_CONTROL in baseline.assessed:  # they may appear in any view
        for level, anywhere in LOOKED_THROUGH.items():
            views[level].update(anywhere)
    beside = _Beside(baseline, reached(depth), {**baseline.parameters, **(parameters or {})})
    notices = bool(beside.of(NOTICES.surface))
    features = {check.view for check, _ in beside.of(history("").surface)}
    answered = tuple(sorted({notice_kind(check) for check, _ in beside.of(DISCLAIMERS.surface)}))
    if "archive" in answered:  # whether notices were due, the settings tell
        views[Level.ACCOUNT].add(SETTINGS)
    return ReadPlan(
        account=tuple(sorted(views[Level.ACCOUNT])),
        group=tuple(sorted(views[Level.GROUP])) if Level.GROUP in within else (),
        user=tuple(sorted(views[Level.USER])) if Level.USER in within else (),
        token=bool(beside.of(TOKEN.surface)),
        phone=beside.phone(Level.PHONE_ACCOUNT),
        phone_group=beside.phone(Level.PHONE_GROUP),
        phone_site=beside.phone(Level.PHONE_SITE),
        phone_user=beside.phone(Level.PHONE_USER),
        apps=tuple(sorted({check.view for check, _ in beside.of(apps("").surface)})),
        privileges=_if(beside.of(ROLES.surface), name_patterns.shipped().privileges.patterns),
        logs=_if(beside.of(LOGS.surface), name_patterns.shipped().log_categories.patterns),
        features=tuple(sorted(features | (set(AI_FEATURES) if notices else set()))),
        summaries=bool(beside.of(SUMMARIES.surface)),
        hosts=any(
            wish.op == "subset_of_param"
            for surface in (history("").surface, SUMMARIES.surface)
            for _, wish in beside.of(surface)
        ),
        notices=SAMPLED_MEETINGS if notices else 0,
        answered=answered,
        workflows=bool(beside.of(WORKFLOWS.surface)),
        meeting=beside.meeting(Level.MEETING),
        webinar=beside.meeting(Level.WEBINAR),
    )


@dataclass(frozen=True)
class _Beside:
    """What is assessed beside the settings documents."""

    baseline: Baseline
    reached: tuple[Level, ...]
    parameters: Mapping[str, JsonValue]

    def of(self, *surfaces: str) -> list[tuple[Check, Expectation]]:
        """The checks on `surfaces` that can be judged, with their expectations."""
        return [
            (check, wish)
            for each in self.baseline.assessed.values()
            for check in checks(each)
            if check.surface in surfaces and not set(self.reached).isdisjoint(check.levels)
            for wish in (each.expectations[check.setting],)
            if wish.is_decided(self.parameters)
        ]

    def phone(self, level: Level) -> tuple[str, ...]:
        """The items of Zoom Phone's settings that are needed at `level`."""
        if level not in self.reached or not any(
            level in check.levels for check, _ in self.of(PHONE.surface, SITE.surface)
        ):
            return ()
        items = {
            check.setting.partition(".")[0]
            for check in _assessed_checks(self.baseline)
            if check.surface in (PHONE.surface, SITE.surface) and level in check.levels
        }
        return tuple(sorted(items))

    def meeting(self, level: Level) -> tuple[str, ...]:
        """The settings of a meeting or webinar that are needed."""
        if level not in self.reached or not any(
            level in check.levels for check, _ in self.of(MEETING.surface)
        ):
            return ()
        settings = {
            check.setting.removeprefix("settings.")
            for each in self.baseline.assessed.values()
            for check in each.control.checks
            if check.surface == MEETING.surface and level in check.levels
        }
        return tuple(sorted(settings))


def _if(wanted: object, names: tuple[str, ...]) -> tuple[str, ...]:
    return names if wanted else ()


def document_at(check: Check, level: Level) -> View:
    """The document in which `check` is read at `level`. Zoom Phone has one a level."""
    return PHONE_VIEWS.get(level, check.document)


def notice_kind(check: Check) -> str:
    """The kind of notices, of `NOTICE_KINDS`, whose answers a check is about."""
    return check.setting.removeprefix(ANSWERS_PREFIX)


def reached(depth: Level) -> tuple[Level, ...]:
    """Every level that an assessment down to `depth` looks at."""
    return tuple(each for level in levels(depth) for each in (level, *BESIDE[level]))


def levels(depth: Level) -> tuple[Level, ...]:
    """The levels from the account down to `depth`."""
    return DEPTHS[: DEPTHS.index(depth) + 1]


def checks(assessed: ControlExpectation) -> Iterator[Check]:
    """The checks of a control that the baseline has an expectation for."""
    for check in assessed.control.checks:
        if check.setting in assessed.expectations:
            yield check


def _assessed_checks(baseline: Baseline) -> Iterator[Check]:
    for each in baseline.assessed.values():
        yield from checks(each)
