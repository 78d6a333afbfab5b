"""The location of the policy files: in the installed package or in a source checkout."""

from functools import cache
from pathlib import Path

from auditor.policy.catalogue import controls
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError

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
