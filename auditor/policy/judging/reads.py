"""Plans the reads of an assessment: only views that an assessed control uses."""

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
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue import name_patterns
from auditor.policy.catalogue.controls import SETTINGS_LEVELS, SETTINGS_SURFACE, Check
from auditor.policy.catalogue.operators import Expectation

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


def needed(
    baseline: Baseline, depth: Level, parameters: Mapping[str, JsonValue] | None = None
) -> ReadPlan:
    """The reads that `baseline` needs down to `depth` (account, group, user or meeting).

    `parameters` are the organisation's and take precedence over those of the baseline. Outside the
    settings, nothing is read for an expectation whose parameter is not set: it cannot be judged.
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
    if NEW_SETTINGS_CONTROL in baseline.assessed:  # new settings may appear in any view
        for level, anywhere in SCANNED_VIEWS.items():
            views[level].update(anywhere)
    other_surfaces = _OtherSurfaces(
        baseline, reached(depth), {**baseline.parameters, **(parameters or {})}
    )
    notices = bool(other_surfaces.of(NOTICES.surface))
    features = {check.view for check, _ in other_surfaces.of(history("").surface)}
    answered = tuple(
        sorted({notice_kind(check) for check, _ in other_surfaces.of(DISCLAIMERS.surface)})
    )
    if "archive" in answered:  # the settings say whether notices were due
        views[Level.ACCOUNT].add(SETTINGS)
    return ReadPlan(
        account=tuple(sorted(views[Level.ACCOUNT])),
        group=tuple(sorted(views[Level.GROUP])) if Level.GROUP in within else (),
        user=tuple(sorted(views[Level.USER])) if Level.USER in within else (),
        token=bool(other_surfaces.of(TOKEN.surface)),
        phone=other_surfaces.phone(Level.PHONE_ACCOUNT),
        phone_group=other_surfaces.phone(Level.PHONE_GROUP),
        phone_site=other_surfaces.phone(Level.PHONE_SITE),
        phone_user=other_surfaces.phone(Level.PHONE_USER),
        apps=tuple(sorted({check.view for check, _ in other_surfaces.of(apps("").surface)})),
        privileges=_patterns_if(
            other_surfaces.of(ROLES.surface), name_patterns.shipped().privileges.patterns
        ),
        logs=_patterns_if(
            other_surfaces.of(LOGS.surface), name_patterns.shipped().log_categories.patterns
        ),
        features=tuple(sorted(features | (set(AI_FEATURES) if notices else set()))),
        summaries=bool(other_surfaces.of(SUMMARIES.surface)),
        hosts=any(
            expectation.op == "subset_of_param"
            for surface in (history("").surface, SUMMARIES.surface)
            for _, expectation in other_surfaces.of(surface)
        ),
        notices=SAMPLED_MEETINGS if notices else 0,
        answered=answered,
        workflows=bool(other_surfaces.of(WORKFLOWS.surface)),
        meeting=other_surfaces.meeting(Level.MEETING),
        webinar=other_surfaces.meeting(Level.WEBINAR),
    )


@dataclass(frozen=True)
class _OtherSurfaces:
    """The assessed checks of all surfaces except settings."""

    baseline: Baseline
    reached: tuple[Level, ...]
    parameters: Mapping[str, JsonValue]

    def of(self, *surfaces: str) -> list[tuple[Check, Expectation]]:
        """The checks on `surfaces` that can be judged, with their expectations."""
        return [
            (check, expectation)
            for assessed in self.baseline.assessed.values()
            for check in checks(assessed)
            if check.surface in surfaces and not set(self.reached).isdisjoint(check.levels)
            for expectation in (assessed.expectations[check.setting],)
            if expectation.is_decided(self.parameters)
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
            for assessed in self.baseline.assessed.values()
            for check in assessed.control.checks
            if check.surface == MEETING.surface and level in check.levels
        }
        return tuple(sorted(settings))


def _patterns_if(condition: object, patterns: tuple[str, ...]) -> tuple[str, ...]:
    return patterns if condition else ()


def document_at(check: Check, level: Level) -> View:
    """The document in which `check` is read at `level`. Zoom Phone has one document per level."""
    return PHONE_VIEWS.get(level, check.document)


def notice_kind(check: Check) -> str:
    """The kind of notices, one of `NOTICE_KINDS`, whose answers a check reads."""
    return check.setting.removeprefix(ANSWERS_PREFIX)


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


def _assessed_checks(baseline: Baseline) -> Iterator[Check]:
    for assessed in baseline.assessed.values():
        yield from checks(assessed)
