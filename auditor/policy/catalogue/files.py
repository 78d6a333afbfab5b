"""The location of the policy files: in the installed package or in a source checkout."""

from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from auditor.policy.catalogue import controls, yaml_source
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError

Model = TypeVar("Model", bound=BaseModel)

_PACKAGE = Path(__file__).resolve().parents[2]


@cache
def folder() -> Path:
    """The folder with `controls/` and `baselines/`.

    Raises:
        PolicyError: the installation is incomplete.
    """
    for candidate in (_PACKAGE / "policies", _PACKAGE.parent / "policies"):
        if (candidate / "controls").is_dir():
            return candidate
    raise PolicyError([f"{_PACKAGE}: the policies are missing. Install the auditor again."])


@cache
def shipped_catalogue() -> Catalogue:
    """The shipped catalogue."""
    return controls.load(folder() / "controls")


def load(name: str, model: type[Model]) -> Model:
    """The content of a shipped policy file.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(folder() / name), model)
