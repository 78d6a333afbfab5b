"""Whatever goes wrong on the way, what is found in the end is the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Faults, Sandbox
from tests.end_to_end.conftest import Auditor, served

ALONE = {
    "5xx": (Faults(seed=4, errors_5xx=0.06), lambda account: account.requests.status(503)),
    "429": (Faults(seed=4, rate_429=0.012), lambda account: account.requests.status(429)),
    "html": (Faults(seed=4, html_200=0.06), None),
    "truncated": (Faults(seed=4, truncated_json=0.06), None),
    "reset": (Faults(seed=4, reset=0.06), lambda account: account.requests.status(0)),
    "short tokens": (
        Faults(token_life=1),
        lambda account: account.requests.template("/oauth/token") - 1,
    ),
    "nested view": (Faults(nested_auth_view=True), None),
}
Count = Callable[[Sandbox], int]


def findings(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**finding, "observed_at": None} for finding in report["findings"]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with served("drifted") as account:
        return Auditor(tmp_path_factory.mktemp("calm"), account).report("--baseline", "strict")


@pytest.mark.parametrize("fault", ALONE)
def test_a_fault_changes_nothing_that_is_found(
    tmp_path: Path, undisturbed: dict[str, Any], fault: str
) -> None:
    faults, count = ALONE[fault]
    latency = 90.0 if faults.token_life else 0.0
    with served("drifted", faults=faults, latency_ms=latency) as account:
        report = Auditor(tmp_path, account).report("--baseline", "strict")
        happened = count(account) if count is not None else account.requests.total
    assert happened > 0
    assert findings(report) == findings(undisturbed)
    if not faults.nested_auth_view:
        assert report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]
    api = report["summary"]["api"]
    calm = undisturbed["summary"]["api"]["requests"]
    if faults.token_life is None and not faults.nested_auth_view:
        assert api["retries"] > 0
        assert api["requests"] > calm
    assert bool(api["rate_limited"]) is bool(faults.rate_429)


def test_users_that_are_listed_twice_are_judged_once(tmp_path: Path) -> None:
    with served("drifted", users=2110, faults=Faults(duplicate_users=True), groups=1) as account:
        report = Auditor(tmp_path, account).report("--only", "RC-02")
        planted = {
            row.scope_id
            for row in account.world.planted()
            if row.level == "user" and row.setting == "recording.local_recording"
        }
        assert report["summary"]["coverage"]["user"] == account.world.present
        assert account.requests.template("/users") >= 4
    failed = [f["scope"]["id"] for f in report["findings"] if f["scope"]["level"] == "user"]
    assert len(failed) == len(set(failed))
    assert set(failed) == planted


def test_an_expired_page_token_restarts_the_listing(tmp_path: Path) -> None:
    select = ("--only", "RC-02", "--depth", "group")
    faults = Faults(expire_page_token=True)
    reports = []
    for fault in (None, faults):
        with served("drifted", groups=310, faults=fault) as account:
            reports.append(Auditor(tmp_path, account).report(*select))
            assert account.requests.status(400) == (fault is faults)
    assert findings(reports[0]) == findings(reports[1])
    assert reports[1]["summary"]["coverage"]["group"] == 310


def test_a_days_limit_that_is_used_up_leaves_the_rest_unknown(tmp_path: Path) -> None:
    with served("drifted", faults=Faults(daily_limit=20)) as account:
        ran = Auditor(tmp_path, account).audit("--format", "json")
    assert ran.code == 3
    unread = {f["cause"] for f in ran.report["findings"] if f["scope"]["level"] == "user"}
    assert "not_collected" in unread
    assert any("daily" in error["message"] for error in ran.report["errors"])
