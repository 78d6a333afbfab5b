"""Runs to render, and a way to render them."""

import io
import json
from collections.abc import Callable

import pytest

from auditor.findings.run import Run
from auditor.report import FORMATS, Options
from tests.report import worlds

Render = Callable[..., str]


@pytest.fixture
def render() -> Render:
    """Renders a run: `render(run, "text", width=80)`."""

    def rendered(run: Run, format_: str, **options: object) -> str:
        out = io.BytesIO()
        FORMATS[format_].render(run, out, Options(**options))
        return out.getvalue().decode("utf-8")

    return rendered


@pytest.fixture
def report(render: Render) -> Callable[..., dict]:
    """The JSON report of a run, parsed."""

    def parsed(run: Run, **options: object) -> dict:
        return json.loads(render(run, "json", **options))

    return parsed


@pytest.fixture(params=["everything", "clean", "empty", "all_unknown", "hostile", "large"])
def any_run(request: pytest.FixtureRequest) -> Run:
    """Each synthetic world in turn."""
    return getattr(worlds, request.param)()
