"""Own controls: rules that an organisation adds, on any setting that Zoom returns.

They are judged, reported, waived and overridden like shipped controls. A documented setting brings
its levels, type, values and lock from the settings catalogue; an undocumented one has no lock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from auditor.errors import nearest
from auditor.evidence.scope import Level
from auditor.findings.model import Severity
from auditor.policy.baseline import fitting
from auditor.policy.baseline.baselines import (
    Baseline,
    ControlChoice,
    ControlExpectation,
)
from auditor.policy.baseline.match import NonBlank
from auditor.policy.catalogue import documented, files
from auditor.policy.catalogue.controls import (
    SETTINGS_LEVELS,
    SETTINGS_SURFACE,
    Catalogue,
    Check,
    Control,
    Family,
    Fix,
)
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.yaml_source import Location, Source

NAME = "Own controls"
"""The family of own controls in reports."""

ORIGIN = "organisation file"
"""Where the expectation of an own control comes from, instead of a baseline."""


class OwnControl(BaseModel):
    """A control of the organisation file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*-[0-9]+$")]
    """A prefix that the catalogue does not use, and a number: `ORG-01`."""
    title: NonBlank
    """The rule, in a sentence."""
    why: NonBlank
    severity: Severity
    topic: NonBlank
    """A value of `--topic`."""
    setting: NonBlank
    """The path of the setting in Zoom's documents: `in_meeting.file_transfer`."""
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    expect: Expectation
    lock: bool = False
    """Whether the account must lock the setting."""
    documented: bool = True
    """False for a setting that the settings catalogue does not have."""
    fix: NonBlank
    """The place in the admin centre."""
    mappings: Mapping[str, tuple[str, ...]] = {}
    """References of frameworks, the organisation's own included: framework to references."""

    @field_validator("expect", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return ControlChoice(expect=value).expect

    @property
    def prefix(self) -> str:
        """The id without its number."""
        return self.id.rsplit("-", 1)[0]

    @property
    def control(self) -> Control:
        """The control, as the catalogue would have it."""
        return Control(
            id=self.id,
            title=self.title,
            why=self.why,
            severity=self.severity,
            observed_by="api",
            checks=(self._check,),
            fix=Fix(portal=self.fix),
            mappings=self.mappings,
        )

    @property
    def expectation(self) -> ControlExpectation:
        """The control with what the organisation expects."""
        control = self.control
        return ControlExpectation(
            control, self.severity, self.lock, {self.setting: self.expect}, origin=ORIGIN
        )

    @property
    def _check(self) -> Check:
        shipped = _shipped_checks().get(self.setting)
        if (
            shipped is not None
        ):  # it knows how the setting is read, such as what an empty list means
            conditions = dict.fromkeys(("only_when", "legacy_of", "when_absent"))
            whole = {"levels": self.levels, "leave_out": (), "by_name": False, "optional": False}
            return shipped.model_copy(update={**conditions, **whole})
        entry = documented.settings().get(self.setting, {})
        return Check(
            setting=self.setting,
            view=entry.get("view", ""),
            type=entry.get("type", ()),
            values=tuple(entry["values"]) if "values" in entry else None,
            meaning=entry.get("meaning", {}),
            levels=self.levels,
            lock=entry.get("lock"),
            lock_levels=entry.get("lock_levels", ()),
            lock_inferred=entry.get("lock_inferred", False),
            since=entry.get("since", {}),
        )


@cache
def _shipped_checks() -> Mapping[str, Check]:
    """Setting to the shipped check of it, for settings of accounts, groups and users.

    Of several, one that counts people instead of naming them, or takes an empty list for unknown.
    """
    checks = [check for control in files.shipped_catalogue() for check in control.checks]
    checks.sort(key=lambda check: (check.counted, check.when_empty == "unknown"))
    return {check.setting: check for check in checks if check.surface == SETTINGS_SURFACE}


def extended(catalogue: Catalogue, own: Iterable[OwnControl]) -> Catalogue:
    """The catalogue with an organisation's controls, one family for each of their topics."""
    by_topic: dict[str, list[Control]] = {}
    for each in own:
        by_topic.setdefault(each.topic, []).append(each.control)
    families = tuple(
        Family(family=NAME, name=NAME, topic=topic, controls=tuple(controls))
        for topic, controls in by_topic.items()
    )
    return Catalogue(catalogue.families + families) if families else catalogue


def assessed(baseline: Baseline, own: Iterable[OwnControl]) -> Baseline:
    """The baseline with an organisation's controls. Its digest stays that of the baseline alone.

    The digest of the organisation file covers them.
    """
    added = {each.id: each.expectation for each in own}
    return replace(baseline, assessed={**baseline.assessed, **added}) if added else baseline


def problems(source: Source, own: Iterable[OwnControl], catalogue: Catalogue) -> Iterator[str]:
    """The problems of own controls under `controls` in `source`, one line each.

    `catalogue` is the shipped one.
    """
    prefixes = {control_id.rsplit("-", 1)[0].casefold() for control_id in catalogue.controls}
    known = documented.settings()
    for position, each in enumerate(own):
        at: Location = ("controls", position)
        if each.prefix.casefold() in prefixes:
            message = f'the prefix "{each.prefix}" belongs to shipped controls; use another one.'
            yield source.problem((*at, "id"), message)
        entry = known.get(each.setting)
        if each.documented and entry is None:
            message = (
                f"this setting is not in Zoom's references.{nearest(each.setting, known)} If Zoom "
                "returns it nevertheless, add: documented: false"
            )
            yield source.problem((*at, "setting"), message)
            continue
        if not each.documented and entry is not None:
            message = "the setting is documented; remove this line."
            yield source.problem((*at, "documented"), message)
            continue
        yield from _level_problems(source, at, each, entry)
        if each.lock and (entry is None or "lock" not in entry):
            message = "Zoom publishes no lock for this setting; remove this line."
            yield source.problem((*at, "lock"), message)
        if entry is not None:
            yield from fitting.problems(source, (*at, "expect"), each.control.checks, each.expect)


def _level_problems(
    source: Source, at: Location, own: OwnControl, entry: Mapping[str, Any] | None
) -> Iterator[str]:
    possible = SETTINGS_LEVELS if entry is None else tuple(map(Level, entry["levels"]))
    for place, level in enumerate(own.levels):
        if level not in possible:
            message = f"Zoom returns this setting at {', '.join(possible)} only."
            yield source.problem((*at, "levels", place), message)
