"""The organisation file: the baseline in use, and the organisation's own decisions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from auditor.errors import nearest
from auditor.evidence.names import normalised
from auditor.evidence.reading import JsonValue
from auditor.findings.model import FindingKind
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import own_controls
from auditor.policy.baseline.baselines import Baseline, choice_problems
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.fitting import parameter_problems
from auditor.policy.baseline.overrides import Override
from auditor.policy.baseline.own_controls import OwnControl
from auditor.policy.baseline.waivers import Attestation, Waiver
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.controls import ATTESTATION, Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.yaml_source import Location, Source

MAX_INCLUDED = 50
"""The maximum number of files that an organisation file may include."""


class Triaged(BaseModel):
    """A setting without a control that a person has reviewed and accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: str
    """A path, with `*` for any text."""
    by: str
    on: date
    reason: str = ""


class OrganisationFile(BaseModel):
    """The contents of an organisation file. All fields are optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[str, ...] = ()
    """Further organisation files, relative to this one; their entries are appended."""
    baseline: str | None = None
    parameters: Mapping[str, JsonValue] = {}
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()
    triage: tuple[Triaged, ...] = ()
    controls: tuple[OwnControl, ...] = ()
    require_approval: bool = False
    """Refuse waivers, blind spots and attestations that nobody but their owner approved."""

    @model_validator(mode="before")
    @classmethod
    def _may_be_empty(cls, data: Any) -> Any:
        """A key whose entries are all comments has no value."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None}


@dataclass(frozen=True)
class Organisation:
    """The decisions of an organisation, merged from all its files."""

    baseline: str | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()
    triage: tuple[Triaged, ...] = ()
    controls: tuple[OwnControl, ...] = ()
    require_approval: bool = False

    def extended(self, catalogue: Catalogue) -> Catalogue:
        """The shipped catalogue with the organisation's own controls."""
        return own_controls.extended(catalogue, self.controls)

    def assessed(self, chosen: Baseline) -> Baseline:
        """The baseline with the organisation's own controls."""
        return own_controls.assessed(chosen, self.controls)

    def overlaid(self, upper: "Organisation") -> "Organisation":
        """These decisions with those of `upper` laid over them.

        A parameter of `upper` replaces the one here, and so does a control in an override with the
        same `match`; everything else is added. The baseline of `upper` counts if it names one.
        """
        replaced = {each.match: each.controls.keys() for each in upper.overrides}
        lower = [
            each.model_copy(
                update={
                    "controls": {
                        control: choice
                        for control, choice in each.controls.items()
                        if control not in replaced.get(each.match, ())
                    }
                }
            )
            for each in self.overrides
        ]
        return Organisation(
            baseline=upper.baseline or self.baseline,
            parameters={**self.parameters, **upper.parameters},
            overrides=(*(each for each in lower if each.controls), *upper.overrides),
            waivers=self.waivers + upper.waivers,
            attestations=self.attestations + upper.attestations,
            blind_spots=self.blind_spots + upper.blind_spots,
            triage=self.triage + upper.triage,
            controls=self.controls + upper.controls,
            require_approval=self.require_approval or upper.require_approval,
        )


def load(
    path: Path,
    catalogue: Catalogue,
    text: str | None = None,
    lower: Organisation | None = None,
) -> Organisation:
    """Load the organisation file at `path`, with the files it includes.

    `text`: the content that the file would have; None to read it. `lower`: the organisation that it
    is laid over. Its own controls can be named here, and its requirement of approvals holds.

    Raises:
        PolicyError: a file cannot be read or is not valid; each problem with its line.
    """
    source = yaml_source.read(path) if text is None else yaml_source.parse(text.encode(), str(path))
    main = _parsed(source)
    merged = Organisation(
        main.baseline,
        dict(main.parameters),
        main.overrides,
        main.waivers,
        main.attestations,
        main.blind_spots,
        main.triage,
        main.controls,
        main.require_approval,
    )
    read = [(source, main)]
    if len(main.include) > MAX_INCLUDED:
        message = f"more than {MAX_INCLUDED} files are included."
        raise PolicyError([source.problem(("include",), message)])
    for position, name in enumerate(main.include):
        if name in main.include[:position]:
            message = f"{name} is included twice."
            raise PolicyError([source.problem(("include", position), message)])
        source_of_part = yaml_source.read(path.parent / name)
        part = _parsed(source_of_part)
        read.append((source_of_part, part))
        if part.include or part.baseline is not None:
            message = f'{name} may contain neither "include" nor "baseline".'
            raise PolicyError([source.problem(("include", position), message)])
        merged = replace(
            merged,
            parameters={**merged.parameters, **part.parameters},
            overrides=merged.overrides + part.overrides,
            waivers=merged.waivers + part.waivers,
            attestations=merged.attestations + part.attestations,
            blind_spots=merged.blind_spots + part.blind_spots,
            triage=merged.triage + part.triage,
            controls=merged.controls + part.controls,
            require_approval=merged.require_approval or part.require_approval,
        )
    lower = lower or Organisation()
    problems = [*_own_control_problems(read, catalogue, lower)]
    if not problems:
        whole = lower.overlaid(merged).extended(catalogue)
        problems = [problem for one, file in read for problem in _problems(one, file, whole)]
    if merged.require_approval or lower.require_approval:
        problems += [problem for one, file in read for problem in _approval_problems(one, file)]
    if problems:
        raise PolicyError(problems)
    return lower.overlaid(merged)


def _own_control_problems(
    read: list[tuple[Source, OrganisationFile]], catalogue: Catalogue, lower: Organisation
) -> Iterator[str]:
    """The problems of the own controls of a file and of those that it includes."""
    ids = {own.id.casefold() for own in lower.controls}
    for source, file in read:
        yield from own_controls.problems(source, file.controls, catalogue)
        for position, own in enumerate(file.controls):
            if own.id.casefold() in ids:
                yield source.problem(("controls", position, "id"), f"{own.id} is defined twice.")
            ids.add(own.id.casefold())


def _approval_problems(source: Source, file: OrganisationFile) -> Iterator[str]:
    """The entries that nobody approved but the person who is responsible for them."""
    entries: list[tuple[str, int, Waiver | Attestation | BlindSpot, str, str]] = [
        *(("waivers", i, entry, entry.owner, "owner") for i, entry in enumerate(file.waivers)),
        *(("blind_spots", i, e, e.owner, "owner") for i, e in enumerate(file.blind_spots)),
        *(("attestations", i, e, e.by, "by") for i, e in enumerate(file.attestations)),
    ]
    for kind, position, entry, person, key in entries:
        approver = entry.approved_by
        if approver is None:
            message = 'require_approval is set: name who approved it as "approved_by".'
            yield source.problem((kind, position), message)
        elif normalised(approver) == normalised(person):
            message = f'{approver} may not approve their own entry: "{key}" is the same person.'
            yield source.problem((kind, position, "approved_by"), message)


def baseline_of(path: Path, chosen: Organisation, catalogue: Catalogue) -> Baseline | None:
    """Load the baseline named in `chosen`, the organisation file at `path`; None if there is none.

    A relative path starts at the organisation file: the working directory is not trusted.

    Raises:
        PolicyError: it does not exist or is not valid.
    """
    if chosen.baseline is None:
        return None
    return baseline.load(chosen.baseline, catalogue, path.parent)


def is_one(path: Path) -> bool:
    """True if the file at `path` looks like an organisation file rather than a baseline.

    Raises:
        PolicyError: it cannot be read, or is not YAML.
    """
    data = contents(path)
    if isinstance(data.get("controls"), dict) or data.keys() & {"id", "extends"}:
        return False  # own controls are a list, a baseline's controls a mapping
    return bool(data.keys() & set(OrganisationFile.model_fields))


def contents(path: Path, text: str | None = None) -> Mapping[str, JsonValue]:
    """The contents of the file at `path`, or of `text`, without included files.

    Raises:
        PolicyError: it cannot be read, or is not YAML.
    """
    source = yaml_source.read(path) if text is None else yaml_source.parse(text.encode(), str(path))
    return source.data if isinstance(source.data, dict) else {}


def entries(path: Path, key: str, catalogue: Catalogue) -> Organisation:
    """Load the file at `path`, which may contain only `key`; empty if there is no file.

    Raises:
        PolicyError: it is not valid, or contains other keys, which rewriting it would lose.
    """
    try:
        source = yaml_source.read(path)
    except PolicyError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return Organisation()
        raise
    organisation = load(path, catalogue)
    others = [other for other in source.data or () if other != key]
    message = f'this file is rewritten with nothing but "{key}" in it; name another one.'
    if others:
        raise PolicyError([source.problem((other,), message) for other in others])
    return organisation


def _parsed(source: Source) -> OrganisationFile:
    empty = Source(source.name, {}, source.lines)
    return yaml_source.load(empty if source.data is None else source, OrganisationFile)


def _problems(source: Source, file: OrganisationFile, catalogue: Catalogue) -> Iterator[str]:
    """What is wrong in a file besides its own controls. `catalogue` has these, too."""
    yield from parameter_problems(source, ("parameters",), file.parameters)
    yield from _override_problems(source, file, catalogue)
    yield from _exception_problems(source, file, catalogue)


def _override_problems(
    source: Source, file: OrganisationFile, catalogue: Catalogue
) -> Iterator[str]:
    for position, override in enumerate(file.overrides):
        at: Location = ("overrides", position, "controls")
        yield from choice_problems(source, at, override.controls, catalogue, complete=False)


def _exception_problems(
    source: Source, file: OrganisationFile, catalogue: Catalogue
) -> Iterator[str]:
    rows: list[tuple[str, int, Waiver | Attestation | BlindSpot]] = [
        *(("waivers", i, entry) for i, entry in enumerate(file.waivers)),
        *(("attestations", i, entry) for i, entry in enumerate(file.attestations)),
        *(("blind_spots", i, entry) for i, entry in enumerate(file.blind_spots)),
    ]
    for kind, position, entry in rows:
        at: Location = (kind, position)
        if entry.control is None:
            continue
        control = catalogue.controls.get(entry.control)
        if control is None:
            hint = nearest(entry.control, catalogue.controls)
            message = f'no control is called "{entry.control}".{hint}'
            yield source.problem((*at, "control"), message)
            continue
        if isinstance(entry, Waiver | BlindSpot) and entry.kind is FindingKind.UNCOVERED:
            continue  # its settings are those that no control checks
        settings = [check.setting for check in control.checks]
        settings += [ATTESTATION] * (control.attestation is not None or not settings)
        if entry.setting is not None and entry.setting not in settings:
            hint = nearest(entry.setting, settings)
            message = f"{control.id} does not check this setting.{hint}"
            yield source.problem((*at, "setting"), message)
