"""Input that nobody here wrote: recorded and documented responses, and Zoom's API descriptions.

It is not part of the project. Tests look for it in the folder that AUDITOR_REAL_INPUT names, else
in the folder `shared` beside the repository, and are skipped by name where it is not there.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BESIDE = Path(__file__).parents[3] / "shared"

Read = Callable[[str], Any]


def folder(name: str) -> Path:
    return Path(os.environ.get("AUDITOR_REAL_INPUT") or BESIDE) / name


def _reader(name: str) -> Read:
    place = folder(name)
    if not place.is_dir():
        pytest.skip(f"{place} is not there; AUDITOR_REAL_INPUT can name another place")

    def read(file: str) -> Any:
        return json.loads((place / f"{file}.json").read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def payload() -> Read:
    """Reads a response by its name."""
    return _reader("payloads")


@pytest.fixture(scope="session")
def description() -> Read:
    """Reads an API description by its name."""
    return _reader("specs")
