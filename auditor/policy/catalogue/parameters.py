"""Organisation parameters: values that a baseline leaves to the organisation."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from auditor.evidence.reading import JsonValue, is_number
from auditor.policy.catalogue import files
from auditor.policy.catalogue.values import days


class Parameter(BaseModel):
    """One value that only the organisation can decide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    question: str
    """What a person answers to decide it."""
    meaning: str
    type: Literal["list", "boolean", "string", "integer", "duration"]
    example: Any = None
    names: Literal["group"] | None = None
    """What its strings name; None if they are not names."""
    values: tuple[JsonValue, ...] | None = None
    """The values that it, or each item of its list, can have, if Zoom documents them."""

    def accepts(self, value: JsonValue) -> bool:
        """True if `value` is of the parameter's type."""
        match self.type:
            case "list":
                return isinstance(value, list) and not any(
                    item is None or isinstance(item, bool | list | dict) for item in value
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


@cache
def known_parameters() -> Mapping[str, Parameter]:
    """The parameters that the shipped baselines use, by name."""
    shipped = files.load("parameters.yaml", _Parameters).parameters
    return {parameter.name: parameter for parameter in shipped}
