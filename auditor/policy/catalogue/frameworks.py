"""Loads the frameworks of `policies/frameworks.yaml`, with the controls mapped to them."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from auditor.errors import nearest
from auditor.findings.frameworks import Framework, FrameworkPart, split_reference
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.controls import Catalogue, Control
from auditor.policy.catalogue.errors import PolicyError

FILE = "frameworks.yaml"

_RANGE = re.compile(r"(.*?)(?:(\d+)\.\.(\d+)|([A-Za-z])\.\.([A-Za-z]))(.*)")


class _FrameworkModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Section(_FrameworkModel):
    title: str
    references: tuple[str, ...] = Field(min_length=1)
    outside: str = ""


class _Framework(_FrameworkModel):
    id: str = Field(pattern=r"^[a-z0-9.-]+$")
    key: str
    title: str
    version: str
    source: str
    not_claimed: str
    titles: Mapping[str, str] = {}
    sections: tuple[_Section, ...]


class _FrameworkFile(_FrameworkModel):
    frameworks: tuple[_Framework, ...]


def load(path: Path, catalogue: Catalogue) -> dict[str, Framework]:
    """Load the frameworks in the file at `path`, by id.

    Raises:
        PolicyError: it cannot be read or is not valid.
    """
    file = yaml_source.load(yaml_source.read(path), _FrameworkFile)
    return {entry.id: _framework(entry, catalogue) for entry in file.frameworks}


@cache
def _titles() -> Mapping[str, Mapping[str, str]]:
    """The titles of the provisions of the shipped frameworks, by key and reference."""
    file = yaml_source.load(yaml_source.read(files.folder() / FILE), _FrameworkFile)
    return {entry.key: entry.titles for entry in file.frameworks}


def provision_titles(control: Control) -> Mapping[str, Mapping[str, str]]:
    """What the provisions that a control maps to are about, by key of the framework and reference.

    Own frameworks, and provisions without a title, are left out.
    """
    titles = {
        key: {each: _titles()[key][each] for each in mapped if each in _titles()[key]}
        for key, mapped in control.mappings.items()
        if key in _titles()
    }
    return {key: known for key, known in titles.items() if known}


@cache
def shipped() -> dict[str, Framework]:
    """The shipped frameworks, by id."""
    return load(files.folder() / FILE, files.shipped_catalogue())


def named(framework_id: str, catalogue: Catalogue | None = None) -> Framework:
    """The framework `framework_id`: a shipped one, or one of an organisation's own controls.

    `catalogue` has the organisation's own controls; None for the shipped catalogue.

    Raises:
        PolicyError: there is none.
    """
    if catalogue is None or catalogue is files.shipped_catalogue():
        known = shipped()
    else:
        known = {**_own(catalogue), **load(files.folder() / FILE, catalogue)}
    if framework_id not in known:
        hint = nearest(framework_id, known)
        listed = ", ".join(known)
        raise PolicyError([f'no framework is called "{framework_id}".{hint} There are {listed}.'])
    return known[framework_id]


def expanded(reference: str) -> Iterator[str]:
    """Expand a range such as `A.7.2.1..8` or `Art 5(1)(a..f)`; any other reference is unchanged."""
    match = _RANGE.fullmatch(reference)
    if match is None:
        yield reference
        return
    before, low, high, first, last, after = match.groups()
    if low is not None:
        yield from (f"{before}{number}{after}" for number in range(int(low), int(high) + 1))
    else:
        yield from (f"{before}{chr(n)}{after}" for n in range(ord(first), ord(last) + 1))


def _own(catalogue: Catalogue) -> dict[str, Framework]:
    """The frameworks that only controls of `catalogue` name, by id: their key."""
    shipped_keys = {key for each in files.shipped_catalogue() for key in each.mappings}
    references: dict[str, dict[str, list[str]]] = {}
    for control in catalogue:
        for key in control.mappings.keys() - shipped_keys:
            by_reference = references.setdefault(key, {})
            for mapped in control.mappings[key]:
                by_reference.setdefault(split_reference(mapped)[0], []).append(control.id)
    return {
        key: Framework(
            id=key,
            key=key,
            title=key,
            version="organisation file",
            not_claimed="The organisation file says which of its references a control covers.",
            parts=(FrameworkPart("References", tuple(by_reference)),),
            controls={reference: tuple(ids) for reference, ids in by_reference.items()},
        )
        for key, by_reference in references.items()
    }


def _framework(entry: _Framework, catalogue: Catalogue) -> Framework:
    controls: dict[str, list[str]] = {}
    for control in catalogue.controls.values():
        for mapped in control.mappings.get(entry.key, ()):
            controls.setdefault(split_reference(mapped)[0], []).append(control.id)
    return Framework(
        id=entry.id,
        key=entry.key,
        title=entry.title,
        version=entry.version,
        not_claimed=" ".join(entry.not_claimed.split()),
        parts=tuple(
            FrameworkPart(
                section.title,
                tuple(one for reference in section.references for one in expanded(reference)),
                section.outside,
            )
            for section in entry.sections
        ),
        controls={reference: tuple(sorted(set(ids))) for reference, ids in controls.items()},
        titles=entry.titles,
        source=entry.source,
    )
