"""The control catalogue: the checks, the documents they read, and why they matter."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.findings.model import ControlInfo, Severity
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.errors import PolicyError

SettingType = Literal["boolean", "integer", "string", "array", "object"]
SETTINGS_SURFACE = "settings"
ATTESTATION = "attestation"
"""The setting name in findings on controls without settings, which only a person can answer."""
LOCKED_SURFACES = (SETTINGS_SURFACE, "phone_account_settings", "phone_site")
"""Surfaces whose settings can be locked."""
SETTINGS_LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class _CatalogueModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Condition(_CatalogueModel):
    """A check applies only when another setting of the same scope has this value."""

    setting: str
    is_: JsonValue = Field(alias="is")


class Check(_CatalogueModel):
    """One setting of a control, and where Zoom returns it."""

    setting: str
    surface: str = SETTINGS_SURFACE
    view: str = ""
    """The `option` that returns it, the feature or the kind of app; empty for the default view."""
    type: Annotated[tuple[SettingType, ...], BeforeValidator(_as_tuple)] = ()
    """The documented types; empty where Zoom documents none."""
    values: tuple[JsonValue, ...] | None = None
    """The documented values; others have no known meaning."""
    values_ignore_case: bool = False
    meaning: Mapping[str, str] = {}
    levels: tuple[Level, ...]
    lock: str | None = None
    """The path of its flag in the lock documents; None if Zoom publishes none."""
    lock_levels: tuple[Level, ...] = ()
    lock_inferred: bool = False
    """True if the pairing of setting and lock is our inference: never a hard verdict."""
    find_key: str | None = None
    """The parent object is inferred: look for this key anywhere in the document."""
    when_empty: Literal["value", "unknown"] = "value"
    """Whether an empty list is a value, or its meaning is not documented."""
    leave_out: tuple[str, ...] = ()
    """Keys of the object that another control judges."""
    only_when: Condition | None = None
    counted: bool = False
    """The list names people: only their number is judged and reported."""
    by_name: bool = False
    """A baseline must name it under `settings`: `expect` covers the other checks of the control."""
    optional: bool = False
    """Read only if the app has the scope; no finding otherwise."""
    parent: str | None = None
    """The parent switch: while it is off, the setting has no effect and a deviation is latent."""
    legacy_of: str | None = None
    """The newer setting of the same control. Both are read, and either deviates."""
    format: Literal["duration"] | None = None
    """The format that a text value must have."""
    since: Mapping[str, str] = {}
    """Since when Zoom has returned it: level (or `lock:level`) to date."""
    when_absent: Literal["unknown", "not_applicable"] | None = None
    """The verdict if it is absent, if that differs from the control's `when_absent`."""
    confidence: Literal["schema", "changelog", "inferred", "derived"] = "schema"

    @property
    def document(self) -> View:
        """The document it is read from."""
        return View(self.surface, self.view)

    @property
    def lock_document(self) -> View:
        """The document with its lock flag; in Zoom Phone, the document with the value itself.

        Source: facts of `lock_settings`; phone account settings of @zoom/rivet 0.4.0, 2025-12-04.
        """
        if self.surface != SETTINGS_SURFACE:
            return self.document
        in_security = (self.lock or "").startswith("meeting_security.")
        return View("lock_settings", "meeting_security" if in_security else "")


class AttestationQuestion(_CatalogueModel):
    """A question for a person, because no API shows the answer."""

    question: str
    evidence: str
    renew_days: int = Field(gt=0)
    evidence_api: tuple[str, ...] = ()


def _only_whom(pattern: str) -> str:
    if re.search(r"[{}]", pattern.replace("{whom}", "", 1)):
        raise ValueError("only {whom} may stand in it, once.")
    return pattern


FactPattern = Annotated[str, AfterValidator(_only_whom)]
"""A sentence without full stop; `{whom}` stands for "1 person", "the whole account" …"""


class Facts(_CatalogueModel):
    """What is the case if a control deviates, passes or lacks its lock.

    They hold for what the title asks. Where an organisation or a captured baseline expects another
    value of a setting, or one setting is meant, `words.setting_fact` says what is the case.
    """

    broken: FactPattern
    obeyed: FactPattern
    unlocked: FactPattern = ""
    """Empty if no shipped baseline asks for a lock."""


class Fix(_CatalogueModel):
    """How to close a deviation."""

    portal: str
    api: str | None = None
    note: str | None = None


class Control(_CatalogueModel):
    """One checkable statement, with the reason for it and the fix."""

    id: str
    title: str
    """The rule."""
    facts: Facts | None = None
    """None in a control of an organisation."""
    why: str
    know: str = ""
    """What a reader of a report should know besides."""
    severity: Severity
    observed_by: Literal["api", "attestation", "both"]
    """`both`: an API shows a part of it, and a person must check the rest."""
    when_absent: Literal["unknown", "not_applicable"] = "unknown"
    checks: tuple[Check, ...] = ()
    attestation: AttestationQuestion | None = None
    fix: Fix
    mappings: Mapping[str, tuple[str, ...]] = {}
    prerequisites: str = ""
    pitfalls: str = ""
    """A note between authors of controls; no reader sees it."""
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_what_it_is_observed_by(self) -> "Control":
        if self.by_api and not self.checks:
            raise ValueError(f"{self.id} is observed by API but names no checks.")
        if self.by_person and self.attestation is None:
            raise ValueError(f"{self.id} needs an attestation question.")
        settings = [check.setting for check in self.checks]
        for setting in settings:
            if settings.count(setting) > 1:
                raise ValueError(f"{self.id} checks {setting} twice.")
        for check in self.checks:
            if check.legacy_of is not None and check.legacy_of not in settings:
                raise ValueError(f"{check.setting}: {check.legacy_of} is not a check of {self.id}.")
        return self

    @property
    def by_api(self) -> bool:
        """True if an API shows all or part of it."""
        return self.observed_by != "attestation"

    @property
    def by_person(self) -> bool:
        """True if a person must check all or part of it."""
        return self.observed_by != "api"

    def check(self, setting: str) -> Check:
        """The check of `setting`; KeyError if there is none."""
        return {check.setting: check for check in self.checks}[setting]

    @property
    def info(self) -> ControlInfo:
        """The control as shown in reports."""
        return ControlInfo(
            id=self.id,
            title=self.title,
            family=self.id.rsplit("-", 1)[0],
            severity=self.severity,
            why=self.why,
            fix_portal=self.fix.portal,
            fix_api=self.fix.api or "",
            fix_note=self.fix.note or "",
            know=self.know,
            broken=self.facts.broken if self.facts else "",
            obeyed=self.facts.obeyed if self.facts else "",
            unlocked=self.facts.unlocked if self.facts else "",
            mappings=self.mappings,
        )


class Family(_CatalogueModel):
    """The controls of one file."""

    family: str
    name: str
    topic: str
    controls: tuple[Control, ...]


@dataclass(frozen=True)
class Catalogue:
    """All controls, in the order of their files."""

    families: tuple[Family, ...]

    @cached_property
    def controls(self) -> Mapping[str, Control]:
        """Control id to control."""
        return {control.id: control for family in self.families for control in family.controls}

    @cached_property
    def topics(self) -> Mapping[str, str]:
        """Control id to topic."""
        return {c.id: family.topic for family in self.families for c in family.controls}

    @cached_property
    def family_names(self) -> Mapping[str, str]:
        """Control id to the name of its family."""
        return {c.id: family.name for family in self.families for c in family.controls}

    def __iter__(self) -> Iterator[Control]:
        return iter(self.controls.values())

    def select(self, only: Iterable[str], topics: Iterable[str]) -> frozenset[str]:
        """The ids selected by `--only` and `--topic`; all ids if both are empty.

        Raises:
            PolicyError: a name is neither a control nor a topic.
        """
        ids = {control_id.casefold(): control_id for control_id in self.controls}
        known_topics = set(self.topics.values())
        chosen: set[str] = set()
        problems: list[str] = []
        for name in only:
            if name.casefold() in ids:
                chosen.add(ids[name.casefold()])
            else:
                hint = nearest(name, ids.values())
                problems.append(f'--only: no control is called "{name}".{hint}')
        for topic in topics:
            if topic in known_topics:
                chosen.update(c for c, its_topic in self.topics.items() if its_topic == topic)
            else:
                names = ", ".join(sorted(known_topics))
                problems.append(f'--topic: no topic is called "{topic}". Topics: {names}.')
        if problems:
            raise PolicyError(problems)
        return frozenset(chosen) if (*only, *topics) else frozenset(self.controls)


def load(folder: Path) -> Catalogue:
    """Load the catalogue in `folder`, one file per family.

    Raises:
        PolicyError: a file is not valid, or two controls have the same id.
    """
    families = [
        yaml_source.load(yaml_source.read(path), Family) for path in sorted(folder.glob("*.yaml"))
    ]
    if not families:
        raise PolicyError([f"{folder}: no control files found. Reinstall the package."])
    seen: set[str] = set()
    for family in families:
        for control in family.controls:
            if control.id in seen:
                raise PolicyError([f"{folder}: control {control.id} is defined in two files."])
            seen.add(control.id)
    return Catalogue(tuple(families))
