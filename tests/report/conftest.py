"""Fixtures: runs, and functions that render them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from auditor.findings.run import Run
from tests.report import worlds
from tests.report.whole_worlds import NAMES, whole_world

Render = Callable[..., str]
Report = Callable[..., dict[str, Any]]
Spoil = Callable[[dict[str, Any]], object]
"""Spoils a parsed report in place."""


@pytest.fixture
def render() -> Render:
    """Renders a run: `render(run, "text", width=80)`."""

    def rendered(run: Run, format_: str, **options: Any) -> str:
        return worlds.report_of(run, format_, **options).decode("utf-8")

    return rendered


@pytest.fixture
def report(render: Render) -> Report:
    """The JSON report of a run, parsed."""

    def parsed(run: Run, **options: Any) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(render(run, "json", **options))
        return document

    return parsed


HAND_MADE = ("everything", "clean", "empty", "all_unknown", "hostile", "large")
"""Synthetic runs."""


@pytest.fixture(params=[*HAND_MADE, *(f"whole {name}" for name in NAMES)])
def any_run(request: pytest.FixtureRequest) -> Run:
    """Every synthetic run and every whole world."""
    kind, _, name = request.param.rpartition(" ")
    return whole_world(name) if kind else getattr(worlds, name)()
