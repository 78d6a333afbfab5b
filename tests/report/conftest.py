"""Fixtures: runs, and functions that render them."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from auditor.app.audit import AccountConnection, EvaluationConfig, collect, judge
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.run import Run
from auditor.policy.baseline import baselines as baseline
from auditor.policy.catalogue import files
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud
from auditor.zoom.limits import RateLimiter, RatePlan
from tests.end_to_end.conftest import served
from tests.report import worlds
from tests.worlds.conftest import SMALL, WORLDS

collect_ignore = [] if find_spec("playwright") else ["test_html_browser.py"]
"""The browser comes with the `ci` extra; all of its tests are slow."""

Render = Callable[..., str]
Report = Callable[..., dict[str, Any]]
Spoil = Callable[[dict[str, Any]], object]
"""Spoils a parsed report in place."""


WHOLE_WORLDS = (*WORLDS, "drifted")
"""The four whole worlds and a drifted one: every format handles them like the synthetic runs."""

_OPEN_SNAPSHOTS: list[Snapshot] = []
"""A run reads from its snapshot while it is rendered."""

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
def whole_world(name: str) -> Run:
    """The run of a world, judged by `strict`, with passes."""
    catalogue = files.shipped_catalogue()
    evaluation = EvaluationConfig(
        catalogue, baseline.load("strict", catalogue), depth=Level.USER, keep_passes=True
    )
    snapshot = Snapshot.create()
    _OPEN_SNAPSHOTS.append(snapshot)
    with served(**{**SMALL, **WORLDS.get(name, {"scenario": name})}) as account:
        secret = Credentials(account.account_id, account.client_id, account.client_secret)
        limiter = RateLimiter(RatePlan.BUSINESS.limits, max_rate=5000)
        cloud = Cloud(account.api_url, account.oauth_url)
        with connect(secret, limiter, cloud=cloud) as client:
            target = AccountConnection(client, account.account_id)
            collect(target, snapshot, evaluation, "20261122T010000-000Z-aaaaaa")
    return judge(snapshot, evaluation)


@cache
def every_run() -> Mapping[str, Run]:
    """Every synthetic run and every whole world, by name."""
    return {
        "everything": worlds.everything(),
        "clean": worlds.clean(),
        "empty": worlds.empty(),
        "all unknown": worlds.all_unknown(),
        "hostile": worlds.hostile(),
        "large": worlds.large(users=200),
        **{f"whole {name}": whole_world(name) for name in WHOLE_WORLDS},
    }


@cache
def every_assessed_run() -> Mapping[str, Run]:
    """Each run that assessed something: OSCAL cannot say that nothing was."""
    return {name: run for name, run in every_run().items() if name != "empty"}
