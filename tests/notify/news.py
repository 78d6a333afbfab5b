"""Run events and their changes, made by hand."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.drift import ChangeKind, Drift, FindingChange, FindingState, RunFacts
from auditor.findings.model import (
    Actor,
    BaselineInfo,
    FindingKind,
    Severity,
    Status,
    WaiverResult,
    WaiverState,
)
from auditor.notify.triggers import RunEvent
from tests.builders import run_facts

YESTERDAY = "2026-11-20T02:14:00Z"
TODAY = "2026-11-21T02:14:00Z"
SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
RECORDING = "recording.auto_recording"
TITLES = {"AI-01": "AI Companion summaries are off", "RC-02": "Recordings start by hand"}


def facts(
    run_id: str = "20261121-1", finished_at: str = TODAY, complete: bool = True, **more: Any
) -> RunFacts:
    fields: dict[str, Any] = {
        "by_status": {Status.FAIL: 14, Status.UNKNOWN: 3, Status.PASS: 2293},
        "by_severity": {Severity.CRITICAL: 2, Severity.HIGH: 12},
        **more,
    }
    return run_facts(
        id=run_id,
        account_id="q6gBJVO5TzexKYTb_I2rpg",
        started_at=finished_at,
        finished_at=finished_at,
        baseline=BaselineInfo("consent-first", "1", "sha256:0"),
        complete=complete,
        exit_code=0 if complete else 3,
        **fields,
    )


def change(
    move: ChangeKind = ChangeKind.REGRESSED,
    scope: Scope | None = None,
    control: str = "AI-01",
    setting: str = SUMMARY,
    severity: Severity = Severity.CRITICAL,
    status: Status | None = None,
    by: Actor | None = None,
    kind: FindingKind = FindingKind.VALUE,
) -> FindingChange:
    at = scope or user(1)
    stood = {ChangeKind.IMPROVED: Status.FAIL, ChangeKind.KNOWN_AGAIN: Status.UNKNOWN}
    is_now = {ChangeKind.NEWLY_UNKNOWN: Status.UNKNOWN, ChangeKind.WAIVED: Status.WAIVED}

    def state(what: Status) -> FindingState:
        fingerprint = f"sha256:{kind}{at.level}{at.id}{control}{setting}"
        return FindingState(fingerprint, control, kind, at, setting, what, severity)

    before = state(stood[move]) if move in stood else None
    after = None if before else state(status or is_now.get(move, Status.FAIL))
    return FindingChange(move, before, after, changed_by=by)


def user(number: int = 1, name: str = "Dana Levi") -> Scope:
    return Scope(Level.USER, f"u{number:04}", name, f"u{number}@example.com")


def group(name: str = "Clinical Ops") -> Scope:
    return Scope(Level.GROUP, "g1", name)


def waiver(expires: str, state: str = "expiring", **more: Any) -> WaiverResult:
    fields: dict[str, Any] = {
        "control": "RC-02",
        "scope": "group Studio",
        "owner": "kim@example.com",
        **more,
    }
    return WaiverResult(
        reason="They record lessons.",
        ticket="SEC-12",
        expires=date.fromisoformat(expires),
        state=WaiverState(state),
        matched=3,
        **fields,
    )


def news(
    *changes: FindingChange,
    later: RunFacts | None = None,
    earlier: RunFacts | None = None,
    waivers: Sequence[WaiverResult] = (),
    titles: Mapping[str, str] = TITLES,
    **more: Any,
) -> RunEvent:
    """A run and the one of the night before, which was complete."""
    now = later or facts()
    before = earlier or facts("20261120-1", YESTERDAY)
    return RunEvent(
        now,
        before,
        Drift(before, now, changes),
        waivers,
        titles=titles,
        report="/srv/audit/report.html",
        totals="2 of 85 rules are broken (1 critical, 1 high), at 3 people.",
        **more,
    )


OPERATOR = Actor("admin@example.com", parse_rfc3339("2026-11-20T09:31:00Z"), "Update Settings")
