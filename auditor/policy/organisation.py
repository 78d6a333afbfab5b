"""The organisation file: which baseline is in force, and what only the organisation can decide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from auditor.evidence.reading import JsonValue
from auditor.policy import baseline, yaml_source
from auditor.policy.baseline import Baseline, choice_problems
from auditor.policy.catalogue import ATTESTATION, Catalogue
from auditor.policy.errors import PolicyError, nearest
from auditor.policy.fitting import parameter_problems
from auditor.policy.overrides import Override
from auditor.policy.waivers import Attestation, Waiver
from auditor.policy.yaml_source import Location, Source

MAX_INCLUDED = 50
"""Files that one organisation file may include."""


class Triaged(BaseModel):
    """A setting no control covers, that somebody has looked at and accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: str
    """A path; `*` stands for any text."""
    by: str
    on: date
    reason: str = ""


class OrganisationFile(BaseModel):
    """An organisation file. All of it is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[str, ...] = ()
    """More files of this kind, beside this one: their overrides, waivers and so on are added."""
    baseline: str | None = None
    parameters: Mapping[str, JsonValue] = {}
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    triage: tuple[Triaged, ...] = ()


@dataclass(frozen=True)
class Organisation:
    """What an organisation said, in all its files."""

    baseline: str | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    triage: tuple[Triaged, ...] = ()


def load(path: Path, catalogue: Catalogue) -> Organisation:
    """The organisation file at `path`, with the files it includes.

    Raises:
        PolicyError: a file cannot be read or is not valid; each problem with its line.
    """
    source = yaml_source.read(path)
    main = _checked(source, catalogue)
    merged = Organisation(
        main.baseline,
        dict(main.parameters),
        main.overrides,
        main.waivers,
        main.attestations,
        main.triage,
    )
    if len(main.include) > MAX_INCLUDED:
        message = f"more than {MAX_INCLUDED} files are included."
        raise PolicyError([source.problem(("include",), message)])
    for position, name in enumerate(main.include):
        if name in main.include[:position]:
            message = f"{name} is included twice."
            raise PolicyError([source.problem(("include", position), message)])
        part = _checked(yaml_source.read(path.parent / name), catalogue)
        if part.include or part.baseline is not None:
            message = f'{name} may name neither "include" nor "baseline".'
            raise PolicyError([source.problem(("include", position), message)])
        merged = replace(
            merged,
            parameters={**merged.parameters, **part.parameters},
            overrides=merged.overrides + part.overrides,
            waivers=merged.waivers + part.waivers,
            attestations=merged.attestations + part.attestations,
            triage=merged.triage + part.triage,
        )
    return merged


def baseline_of(path: Path, chosen: Organisation, catalogue: Catalogue) -> Baseline | None:
    """The baseline that `chosen`, the organisation file at `path`, names; None for no name.

    A file is looked up beside that organisation file: the working folder may be anybody's.

    Raises:
        PolicyError: it does not exist or is not valid.
    """
    if chosen.baseline is None:
        return None
    return baseline.load(chosen.baseline, catalogue, path.parent)


def is_one(path: Path) -> bool:
    """Whether the file at `path` is meant as an organisation file, rather than as a baseline.

    Raises:
        PolicyError: it cannot be read, or is not YAML.
    """
    keys = set(contents(path))
    return bool(keys & set(OrganisationFile.model_fields)) and not keys & {
        "id",
        "extends",
        "controls",
    }


def check_text(text: str, name: str, catalogue: Catalogue) -> None:
    """Whether `text` is an organisation file; `name` is what errors call it.

    Raises:
        PolicyError: it is not; each problem with its line.
    """
    _checked(yaml_source.parse(text.encode(), name), catalogue)


def contents(path: Path) -> Mapping[str, JsonValue]:
    """What stands in the file at `path` itself, without the files that it includes.

    Raises:
        PolicyError: it cannot be read, or is not YAML.
    """
    data = yaml_source.read(path).data
    return data if isinstance(data, dict) else {}


def entries(path: Path, key: str, catalogue: Catalogue) -> Organisation:
    """The file at `path` if it holds `key` and nothing else; nothing where there is no file.

    Raises:
        PolicyError: it is not valid, or writing it anew would lose something else that it holds.
    """
    try:
        source = yaml_source.read(path)
    except PolicyError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return Organisation()
        raise
    organisation = load(path, catalogue)
    others = [other for other in source.data or () if other != key]
    message = f'this file is written anew with nothing but "{key}" in it; name another one.'
    if others:
        raise PolicyError([source.problem((other,), message) for other in others])
    return organisation


def _checked(source: Source, catalogue: Catalogue) -> OrganisationFile:
    empty = Source(source.name, {}, source.lines)
    file = yaml_source.load(empty if source.data is None else source, OrganisationFile)
    problems = [
        *parameter_problems(source, ("parameters",), file.parameters),
        *_override_problems(source, file, catalogue),
        *_exception_problems(source, file, catalogue),
    ]
    if problems:
        raise PolicyError(problems)
    return file


def _override_problems(
    source: Source, file: OrganisationFile, catalogue: Catalogue
) -> Iterator[str]:
    for position, override in enumerate(file.overrides):
        at: Location = ("overrides", position, "controls")
        yield from choice_problems(source, at, override.controls, catalogue, complete=False)


def _exception_problems(
    source: Source, file: OrganisationFile, catalogue: Catalogue
) -> Iterator[str]:
    rows: list[tuple[str, int, Waiver | Attestation]] = [
        *(("waivers", i, entry) for i, entry in enumerate(file.waivers)),
        *(("attestations", i, entry) for i, entry in enumerate(file.attestations)),
    ]
    for kind, position, entry in rows:
        at: Location = (kind, position)
        control = catalogue.controls.get(entry.control)
        if control is None:
            hint = nearest(entry.control, catalogue.controls)
            message = f'no control is called "{entry.control}".{hint}'
            yield source.problem((*at, "control"), message)
            continue
        settings = [check.setting for check in control.checks] or [ATTESTATION]
        if entry.setting is not None and entry.setting not in settings:
            hint = nearest(entry.setting, settings)
            message = f"{control.id} does not check this setting.{hint}"
            yield source.problem((*at, "setting"), message)
