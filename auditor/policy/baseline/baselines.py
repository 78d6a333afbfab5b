"""Baselines: the values that an organisation is measured against."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from auditor.config.sources import is_baseline_path
from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.findings.model import BaselineInfo, Severity
from auditor.policy.baseline import fitting
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.controls import Catalogue, Control
from auditor.policy.catalogue.errors import BaselineNotFound, PolicyError
from auditor.policy.catalogue.operators import OPERATORS, Expectation
from auditor.policy.catalogue.parameters import known_parameters
from auditor.policy.catalogue.yaml_source import Location, Source

MAX_EXTENDS = 8


def _expectation(value: Any) -> Any:
    """`expect: false` is short for `expect: {op: eq, value: false}`."""
    return value if isinstance(value, dict) else {"op": "eq", "value": value}


class ControlChoice(BaseModel):
    """The choices of a baseline for one control."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expect: Expectation | None = None
    """Expected of every check of the control."""
    settings: Mapping[str, Expectation] | None = None
    """Expected per setting; a setting that is not named is not assessed."""
    attest: str | None = None
    """The answer expected in an attestation."""
    lock: bool = False
    """Whether the account must lock the settings."""
    severity: Severity | None = None
    """Replaces the severity of the catalogue."""
    assess: bool = True
    """False drops a control of an extended baseline."""

    @field_validator("expect", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return _expectation(value)

    @field_validator("settings", mode="before")
    @classmethod
    def _short_each(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {setting: _expectation(expectation) for setting, expectation in value.items()}

    @model_validator(mode="after")
    def _says_one_thing(self) -> "ControlChoice":
        if self.expect is not None and self.settings is not None:
            raise ValueError('give "expect" or "settings", not both.')
        return self


class BaselineFile(BaseModel):
    """The contents of a baseline file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: str
    title: str
    meaning: str = ""
    who: str = ""
    extends: str | None = None
    parameters: Mapping[str, JsonValue] = {}
    controls: Mapping[str, ControlChoice] = {}


@dataclass(frozen=True)
class ControlExpectation:
    """A control and the expectations of a baseline for it."""

    control: Control
    severity: Severity
    lock: bool
    expectations: Mapping[str, Expectation]
    """Setting to expectation, in the order of the control's checks; assessed ones only."""
    attest: str | None = None
    origin: str = ""
    """The id of the baseline that sets it: the baseline itself or one it extends."""


@dataclass(frozen=True)
class Baseline:
    """A baseline merged with all baselines it extends."""

    info: BaselineInfo
    meaning: str
    who: str
    parameters: Mapping[str, JsonValue]
    assessed: Mapping[str, ControlExpectation]

    def only(self, control_ids: frozenset[str]) -> "Baseline":
        """The baseline restricted to `control_ids`."""
        chosen = {cid: assessed for cid, assessed in self.assessed.items() if cid in control_ids}
        return Baseline(self.info, self.meaning, self.who, self.parameters, chosen)


def names() -> list[str]:
    """The names of the shipped baselines."""
    return sorted(path.stem for path in (files.folder() / "baselines").glob("*.yaml"))


def load(name: str, catalogue: Catalogue, folder: Path | None = None) -> Baseline:
    """Load the shipped baseline `name`, or the file at that path, with all it extends.

    `folder`: the base of a relative path; None for the working directory.

    Raises:
        BaselineNotFound: neither exists.
        PolicyError: the file is not a valid baseline.
    """
    choices: dict[str, tuple[ControlChoice, str]] = {}
    parameters: dict[str, JsonValue] = {}
    chain = _chain(name, catalogue, folder)
    for file in reversed(chain):
        parameters.update(file.parameters)
        choices.update({cid: (choice, file.id) for cid, choice in file.controls.items()})
    top = chain[0]
    assessed = {
        control.id: _assessed(control, *choices[control.id])
        for control in catalogue
        if control.id in choices and choices[control.id][0].assess
    }
    return Baseline(
        info=BaselineInfo(top.id, top.version, _digest(assessed, parameters), top.title),
        meaning=top.meaning,
        who=top.who,
        parameters=parameters,
        assessed={cid: assessed[cid] for cid in sorted(assessed)},
    )


def _chain(name: str, catalogue: Catalogue, folder: Path | None) -> list[BaselineFile]:
    chain: list[BaselineFile] = []
    paths: list[Path] = []
    following: str | None = name
    while following is not None:
        path = _path(following, paths[-1].parent if paths else folder)
        if path in paths or len(paths) >= MAX_EXTENDS:
            raise PolicyError([f"{path}: extends itself, directly or in a circle."])
        source, file = _parsed(yaml_source.content(path), str(path))
        _check(source, file, catalogue)
        chain.append(file)
        paths.append(path)
        following = file.extends
    return chain


@lru_cache(maxsize=8)
def _parsed(content: bytes, name: str) -> tuple[Source, BaselineFile]:
    """Parse a baseline once per content: a fleet judges many accounts by a few baselines."""
    source = yaml_source.parse(content, name)
    return source, yaml_source.load(source, BaselineFile)


def _path(name: str, folder: Path | None) -> Path:
    shipped = files.folder() / "baselines" / f"{name}.yaml"
    if "/" not in name and "\\" not in name and shipped.is_file():
        return shipped
    # A bare name means a shipped baseline only: the working directory is not trusted.
    where = "no file has that path"
    if is_baseline_path(name):
        candidate = folder / name if folder else Path(name)
        if candidate.is_file():
            return candidate
        if candidate.exists():
            raise BaselineNotFound([f"{candidate}: not a file."])
        where = f"there is no file {candidate}"
    known = names()
    raise BaselineNotFound(
        [
            f'No baseline is called "{name}", and {where}.{nearest(name, known)} '
            f"Baselines: {', '.join(known)}."
        ]
    )


def _check(source: Source, file: BaselineFile, catalogue: Catalogue) -> None:
    """Check that every control, setting and parameter named in the file exists.

    Raises:
        PolicyError: one does not; each problem with its line and the nearest name.
    """
    problems = [
        *fitting.parameter_problems(source, ("parameters",), file.parameters),
        *choice_problems(source, ("controls",), file.controls, catalogue),
    ]
    if problems:
        raise PolicyError(problems)


def choice_problems(
    source: Source,
    at: Location,
    choices: Mapping[str, ControlChoice],
    catalogue: Catalogue,
    *,
    complete: bool = True,
) -> Iterator[str]:
    """The problems of the choices at location `at` in `source`, one line each.

    `complete`: every choice must state an expectation of its own.
    """
    for control_id, choice in choices.items():
        here: Location = (*at, control_id)
        control = catalogue.controls.get(control_id)
        if control is None:
            hint = nearest(control_id, catalogue.controls)
            yield source.problem(here, f"no such control.{hint}")
            continue
        known = {check.setting for check in control.checks}
        for setting in choice.settings or ():
            if setting not in known:
                hint = nearest(setting, known)
                message = f"{control_id} does not check this setting.{hint}"
                yield source.problem((*here, "settings", setting), message)
        for parameter in sorted(_parameters(choice) - set(known_parameters())):
            hint = nearest(parameter, known_parameters())
            yield source.problem(here, f'no parameter is called "{parameter}".{hint}')
        yield from _misfits(source, here, control, choice)
        has_values = choice.expect is not None or choice.settings is not None
        if not control.by_person and choice.attest is not None:
            message = 'is observed by API; give "expect" instead of "attest".'
            yield source.problem((*here, "attest"), message)
        if not control.by_api and has_values:
            yield source.problem(here, 'no API shows it; give "attest" instead.')
        if complete and choice.assess:
            if not control.by_person and not has_values:
                yield source.problem(here, 'needs "expect" or "settings".')
            if not control.by_api and choice.attest is None:
                yield source.problem(here, 'needs "attest": no API shows it.')
            if control.observed_by == "both" and choice.attest is None and not has_values:
                yield source.problem(here, 'needs "attest", "expect" or "settings".')


def _misfits(
    source: Source, at: Location, control: Control, choice: ControlChoice
) -> Iterator[str]:
    """The expectations of a choice that no value of the setting can meet."""
    if choice.expect is not None:
        checks = [check for check in control.checks if not check.by_name]
        yield from fitting.problems(source, (*at, "expect"), checks, choice.expect)
    for setting, expectation in (choice.settings or {}).items():
        checks = [check for check in control.checks if check.setting == setting]
        yield from fitting.problems(source, (*at, "settings", setting), checks, expectation)


def _parameters(choice: ControlChoice) -> set[str]:
    """The organisation parameters that a choice depends on."""
    expectations = [choice.expect, *(choice.settings or {}).values()]
    return {
        name
        for expectation in expectations
        if expectation is not None
        for name in (expectation.param, expectation.group_exception_param)
        if name is not None
    }


def _assessed(control: Control, choice: ControlChoice, origin: str) -> ControlExpectation:
    severity = choice.severity or control.severity
    expectations = _expectations(control, choice)
    return ControlExpectation(control, severity, choice.lock, expectations, choice.attest, origin)


def _expectations(control: Control, choice: ControlChoice) -> dict[str, Expectation]:
    """Setting to the expectation of `choice`, in the order of the control's checks.

    A legacy key inherits the expectation of its replacement if the choice does not name the legacy
    key and both have the same type.
    """
    named = choice.settings or {}
    expectations: dict[str, Expectation] = {}
    for check in control.checks:
        expected = named.get(check.setting)
        if expected is None and not check.by_name:
            expected = choice.expect
        if expected is None and check.legacy_of is not None:
            newer = control.check(check.legacy_of)
            expected = named.get(newer.setting) if newer.type == check.type else None
        if expected is not None and OPERATORS[expected.op].judge is not None:
            expectations[check.setting] = expected
    return expectations


def merged(assessed: ControlExpectation, choice: ControlChoice) -> ControlExpectation:
    """`assessed` with the fields that `choice` sets; the other fields are unchanged."""
    fields_set = choice.model_fields_set
    expectations = assessed.expectations
    if choice.expect is not None:
        by_name = {check.setting for check in assessed.control.checks if check.by_name}
        stays = {name: expectation for name, expectation in expectations.items() if name in by_name}
        expectations = {**stays, **_expectations(assessed.control, choice)}
    elif choice.settings is not None:
        expectations = {**expectations, **_expectations(assessed.control, choice)}
    if not choice.assess:
        expectations = {}
    return replace(
        assessed,
        severity=choice.severity or assessed.severity,
        lock=choice.lock if "lock" in fields_set else assessed.lock,
        expectations=expectations,
        attest=None if not choice.assess else choice.attest or assessed.attest,
    )


def _digest(assessed: Mapping[str, ControlExpectation], parameters: Mapping[str, JsonValue]) -> str:
    """`sha256:` over all expectations: equal expectations give equal digests."""
    content = {
        "parameters": dict(parameters),
        "controls": {
            cid: {
                "severity": control.severity,
                "lock": control.lock,
                "attest": control.attest,
                "settings": {
                    setting: expected.model_dump(exclude_unset=True)
                    for setting, expected in control.expectations.items()
                },
            }
            for cid, control in assessed.items()
        },
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
