"""The location of the policy files: in the installed package or in a source checkout."""

from functools import cache
from pathlib import Path

from auditor.policy import catalogue
from auditor.policy.catalogue import Catalogue
from auditor.policy.errors import PolicyError

_PACKAGE = Path(__file__).resolve().parent.parent


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
    return catalogue.load(folder() / "controls")
