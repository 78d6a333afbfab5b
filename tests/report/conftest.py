"""Fixtures: runs, and functions that render them."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from auditor.findings.run import Run
from tests.report import worlds
from tests.report.whole_worlds import NAMES, whole_world

collect_ignore = [] if find_spec("playwright") else ["test_html_browser.py"]
"""The browser comes with the `ci` extra; all of its tests are slow."""

Render = Callable[..., str]
Report = Callable[..., dict[str, Any]]
Spoil = Callable[[dict[str, Any]], object]
"""Spoils a parsed report in place."""


_RENDERED: dict[tuple[object, ...], bytes] = {}


def rendered(run: Run, format_: str, **options: Any) -> bytes:
    """The report of a run. Those of `every_run` are rendered once in a process."""
    key = (id(run), format_, *sorted(options.items()))
    if key in _RENDERED:
        return _RENDERED[key]
    report = worlds.report_of(run, format_, **options)
    if every_run.cache_info().currsize and any(run is each for each in every_run().values()):
        _RENDERED[key] = report
    return report


@pytest.fixture
def render() -> Render:
    """Renders a run: `render(run, "text", width=80)`."""

    def text(run: Run, format_: str, **options: Any) -> str:
        return rendered(run, format_, **options).decode("utf-8")

    return text


@pytest.fixture
def report(render: Render) -> Report:
    """The JSON report of a run, parsed."""

    def parsed(run: Run, **options: Any) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(render(run, "json", **options))
        return document

    return parsed


@cache
def every_run() -> Mapping[str, Run]:
    """Every synthetic run and every whole world, by name."""
    return {
        "everything": worlds.everything(),
        "clean": worlds.clean(),
        "empty": worlds.empty(),
        "all unknown": worlds.all_unknown(),
        "hostile": worlds.hostile(),
        "large": worlds.large(users=600),
        **{f"whole {name}": whole_world(name) for name in NAMES},
    }


@cache
def every_assessed_run() -> Mapping[str, Run]:
    """Each run that assessed something: OSCAL cannot say that nothing was."""
    return {name: run for name, run in every_run().items() if name != "empty"}
