"""Accounts of a fleet as their stored runs would show them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.evidence.scope import Level, Scope
from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.model import BaselineInfo, FindingKind, Severity, Status, TrendPoint
from auditor.fleet.attempts import Attempt
from auditor.fleet.rollup import AccountSummary, FindingCounts, FleetSummary

NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)
TITLES = {"AI-01": "Meeting summary is off", "RC-02": "Local recording is off"}


def state(number: int, control: str = "AI-01", status: Status = Status.FAIL) -> FindingState:
    severity = Severity.CRITICAL if control == "AI-01" else Severity.MEDIUM
    scope = Scope(Level.USER, f"u{number}", f"User {number}")
    return FindingState(
        f"sha256:{number:064}", control, FindingKind.VALUE, scope, "a.b", status, severity
    )


def facts(name: str, hours: float = 2, **more: Any) -> RunFacts:
    ended = NOW - timedelta(hours=hours)
    values: dict[str, Any] = {
        "id": f"20261129T0400-{name}",
        "account_id": f"id-{name}",
        "api_url": "https://api.zoom.us/v2",
        "started_at": ended - timedelta(minutes=5),
        "finished_at": ended,
        "depth": "user",
        "baseline": BaselineInfo("strict", "1.0", "sha256:b"),
        "evidence_digest": "sha256:e",
        "complete": True,
        "exit_code": 0,
        "tool_version": "0.1.0",
        "by_status": {"pass": 10},
    }
    return RunFacts(**{**values, **more})


def account(
    name: str, critical: int = 0, medium: int = 0, unknown: int = 0, **more: Any
) -> AccountSummary:
    ai = [state(number) for number in range(critical)]
    rc = [state(1000 + number, "RC-02") for number in range(medium)]
    counts = FindingCounts.of([*ai, *rc], ai[1:], policy_changed=False)
    summed: Mapping[str, Any] = {
        "by_status": {"pass": 10, "fail": critical + medium, "unknown": unknown},
        "by_severity": {"critical": critical, "high": 0, "medium": medium, "low": 0},
    }
    run = facts(name, **summed)
    values: dict[str, Any] = {
        "tags": (),
        "account_id": run.account_id,
        "facts": run,
        "counts": counts,
        "has_earlier": True,
        "trend": (
            TrendPoint("before", NOW - timedelta(hours=26), critical, 0, 10),
            TrendPoint(run.id, run.finished_at, critical + medium, unknown, 10),
        ),
    }
    return AccountSummary(name, **{**values, **more})


def failed(name: str, why: str = "Zoom refused the credentials.", **more: Any) -> AccountSummary:
    attempt = Attempt("2026-11-29T05:00:00Z", 4, failure=why)
    values: dict[str, Any] = {"tags": (), "account_id": "", "facts": None, "attempt": attempt}
    return AccountSummary(name, **{**values, **more})


def fleet(*accounts: AccountSummary) -> FleetSummary:
    return FleetSummary.of("The <group>", NOW, accounts, TITLES)


def sample() -> FleetSummary:
    """One of each kind."""
    return fleet(
        account("clean"),
        account("emea", critical=3, medium=1, unknown=2, tags=("clinical", "eu")),
        account("us-east-with-a-rather-long-name", medium=1200),
        failed("apac"),
        AccountSummary("new", (), "", None),
        account("partial", facts=facts("partial", hours=50, complete=False), trend=()),
        account("older", medium=1, is_current=False),
    )
