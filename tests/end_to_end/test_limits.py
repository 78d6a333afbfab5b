"""Rate limits: a day's quota that is used up stops a run that can go on; a low limit slows it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Conduct, Faults, Sandbox, World, serve
from tests.end_to_end.broken_off import USER_SETTINGS, timeless
from tests.end_to_end.conftest import Auditor, served, slow

WHOLE = ("--baseline", "strict")
USERS = 60


@pytest.fixture(scope="module")
def unlimited() -> Iterator[Sandbox]:
    with served("drifted", users=USERS) as account:
        yield account


@pytest.fixture(scope="module")
def undisturbed(unlimited: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return Auditor(tmp_path_factory.mktemp("calm"), unlimited).report(*WHOLE)


@pytest.mark.slow
@pytest.mark.parametrize("quota", [4, slow(35), slow(120)], ids=["account", "groups", "users"])
def test_a_used_up_day_stops_the_run_and_the_next_day_completes_it(
    tmp_path: Path, unlimited: Sandbox, undisturbed: dict[str, Any], quota: int
) -> None:
    with served("drifted", users=USERS, faults=Faults(daily_limit=quota)) as limited:
        auditor = Auditor(tmp_path, limited)
        stopped = auditor.audit(*WHOLE, "--format", "json")
        asked = limited.requests.total
        refused = limited.requests.status(429)
        read = auditor("report")
        again = auditor.audit("--resume", "--format", "json")
    assert stopped.code == 3
    assert "Stopped before everything was read. Zoom's daily limit" in stopped.err
    assert "00:00 UTC" in stopped.err
    assert "auditor audit --resume" in stopped.err
    assert read.code == 0
    assert "possible again at" in " ".join(read.out.split())
    assert refused <= 2 * 64
    assert asked <= 3 * quota + refused + 10
    unread = {f["cause"] for f in stopped.report["findings"] if f["scope"]["level"] == "user"}
    assert "not_collected" in unread
    assert all("possible again at" in error["message"] for error in stopped.report["errors"])
    assert again.code == 3
    assert "Resuming run" in again.err
    before = unlimited.requests.template(USER_SETTINGS)
    ran = auditor.at(unlimited).audit("--resume", "--format", "json")
    assert ran.code == undisturbed["run"]["exit_code"], ran.err
    assert ran.report["run"]["id"] == stopped.report["run"]["id"]
    assert ran.report["errors"] == []
    assert timeless(ran.report) == timeless(undisturbed)
    assert ran.report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]
    if quota > 100:
        needed = undisturbed["summary"]["api"]["requests"]
        assert unlimited.requests.template(USER_SETTINGS) - before < needed - quota // 2


@pytest.mark.slow
def test_a_limit_below_the_published_one_is_learned(tmp_path: Path) -> None:
    select = ("--baseline", "strict", "--only", "RC-02", "--verify-locks", "0")
    half = Conduct(plan="business", faults=Faults(limit_below=0.5))
    with served("drifted", users=100) as free:
        undisturbed = Auditor(tmp_path, free).report(*select)
    with serve(World(users=100, scenario="drifted"), conduct=half) as account:
        auditor = Auditor(tmp_path, account)
        pace = ("--plan", "business", "--rate-share", "1")
        ran = auditor("audit", *pace, *select, "--format", "json")
    assert ran.code == undisturbed["run"]["exit_code"], ran.err
    assert timeless(ran.report) == timeless(undisturbed)
    api = ran.report["summary"]["api"]
    assert 0 < api["rate_limited"] <= 0.2 * api["requests"]
    assert api["rate_limited"] == account.requests.status(429)
