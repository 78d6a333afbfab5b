"""Four whole worlds, each audited once a baseline by the installed command over real HTTP."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import Auditor, served

WORLDS: Mapping[str, Mapping[str, Any]] = {
    "denied": {"scenario": "clean", "scopes": ()},
    "empty": {"scenario": "clean", "empty": True},
    "conforming": {"scenario": "clean"},
    "partial": {"scenario": "partial"},
}
"""Every scope withheld; nothing in any answer; all as it should be; much of it missing."""

BASELINES = ("strict", "consent-first")
SMALL: Mapping[str, Any] = {"users": 8, "groups": 2}
CASES = [(world, baseline) for world in WORLDS for baseline in BASELINES]

Serve = Callable[[str], Sandbox]
Audited = Callable[[str, str], Mapping[str, Any]]


@pytest.fixture(scope="session")
def serve_world() -> Iterator[Serve]:
    """The worlds by name, each served once."""
    with contextlib.ExitStack() as stack:
        known: dict[str, Sandbox] = {}

        def serve(world: str) -> Sandbox:
            if world not in known:
                known[world] = stack.enter_context(served(**SMALL, **WORLDS[world]))
            return known[world]

        yield serve


@pytest.fixture(scope="session")
def audited(serve_world: Serve, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The report of a world, passes included."""
    known: dict[tuple[str, str], Mapping[str, Any]] = {}

    def audit(world: str, baseline: str) -> Mapping[str, Any]:
        if (world, baseline) not in known:
            auditor = Auditor(tmp_path_factory.mktemp(world), serve_world(world))
            known[world, baseline] = auditor.report("--baseline", baseline, "--include-passes")
        return known[world, baseline]

    return audit
