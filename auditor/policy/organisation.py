"""The organisation file: which baseline is in force, and what only the organisation can decide."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from auditor.evidence.reading import JsonValue
from auditor.policy import files, yaml_source
from auditor.policy.duration import days
from auditor.policy.errors import PolicyError, nearest
from auditor.policy.operators import is_number

LATER = ("overrides", "waivers", "attestations")
"""Parts of the organisation file that this version does not read, and so refuses."""


class Parameter(BaseModel):
    """One thing that only the organisation can decide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    meaning: str
    type: Literal["list", "boolean", "string", "integer", "duration"]
    example: Any = None

    def accepts(self, value: JsonValue) -> bool:
        """True if `value` is of the parameter's type."""
        match self.type:
            case "list":
                return isinstance(value, list) and not any(
                    isinstance(item, list | dict) for item in value
                )
            case "boolean":
                return isinstance(value, bool)
            case "integer":
                return is_number(value) and isinstance(value, int)
            case "duration":
                return isinstance(value, str) and days(value) is not None
        return isinstance(value, str)


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: tuple[Parameter, ...]


class Organisation(BaseModel):
    """An organisation file. All of it is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baseline: str | None = None
    parameters: Mapping[str, JsonValue] = {}


def known_parameters() -> Mapping[str, Parameter]:
    """The parameters that the shipped baselines ask for, by name."""
    source = yaml_source.read(files.folder() / "parameters.yaml")
    return {each.name: each for each in yaml_source.load(source, _Parameters).parameters}


def load(path: Path) -> Organisation:
    """The organisation file at `path`.

    Raises:
        PolicyError: it cannot be read or is not valid; each problem with its line.
    """
    source = yaml_source.read(path)
    if isinstance(source.data, dict):
        later = [key for key in LATER if key in source.data]
        if later:
            raise PolicyError(
                source.problem((key,), "this version does not read it yet; take it out.")
                for key in later
            )
    organisation = yaml_source.load(source, Organisation)
    known = known_parameters()
    problems: list[str] = []
    for name, value in organisation.parameters.items():
        at = ("parameters", name)
        parameter = known.get(name)
        if parameter is None:
            problems.append(source.problem(at, f"no such parameter.{nearest(name, known)}"))
        elif value is not None and not parameter.accepts(value):
            example = f"for example {parameter.example!r}"
            problems.append(source.problem(at, f"expected a {parameter.type}, {example}."))
    if problems:
        raise PolicyError(problems)
    return organisation
