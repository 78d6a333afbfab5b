"""A synthetic run with a history: every lifecycle state, authors, and changes.

After an intended change, `python -m tests.report.past_worlds` rewrites its golden files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

from auditor.evidence.diff import SettingChange
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.drift import (
    ChangeKind,
    Drift,
    FindingChange,
    FindingState,
    RunFacts,
)
from auditor.findings.model import (
    Actor,
    BaselineInfo,
    FindingHistory,
    FindingKind,
    LifecycleState,
    Status,
    TrendPoint,
    Verdict,
)
from auditor.findings.run import Run, fingerprint
from auditor.findings.verdict_store import VerdictStore
from tests.builders import run_facts
from tests.report import worlds

FIRST = parse_rfc3339("2026-11-02T22:00:00Z")
AGAIN = parse_rfc3339("2026-11-20T22:00:00Z")
NOW = parse_rfc3339("2026-11-21T22:04:30.250Z")
EVE = Actor(
    "eve@example.com",
    parse_rfc3339("2026-11-21T09:14:00Z"),
    "Settings - Local recording: from Off to On",
)
ADA = Actor(
    "ada@example.com",
    parse_rfc3339("2026-11-02T08:00:00Z"),
    "Settings - Meeting summary: from Off to On",
)
BACK = Actor(
    "ada@example.com",
    parse_rfc3339("2026-11-21T10:02:00Z"),
    "Settings - Live stream: from On to Off",
)
PERSISTING = FindingHistory(FIRST, FIRST, LifecycleState.PERSISTING)
NEW = FindingHistory(NOW, NOW, LifecycleState.NEW, EVE)
REGRESSED = FindingHistory(FIRST, NOW, LifecycleState.REGRESSED, EVE)
TREND = (
    TrendPoint("r1", parse_rfc3339("2026-11-18T22:00:00Z"), 12, 3, 180),
    TrendPoint("r2", parse_rfc3339("2026-11-19T22:00:00Z"), 11, 90, 180, complete=False),
    TrendPoint("20261120T215800Z-6e2b", AGAIN, 11, 4, 200),
)
LOCAL = worlds.deviation("RC-02")
SUMMARY = worlds.deviation("AI-01", Level.ACCOUNT)
LOCK = worlds.deviation(
    "CN-05",
    Level.ACCOUNT,
    kind=FindingKind.LOCK,
    setting="recording.recording_disclaimer",
    observed=False,
    expected={"op": "eq", "value": True},
)
LOST = worlds.unknown(Cause.DENIED)
STREAM = worlds.passed("TP-01", Level.ACCOUNT, setting="in_meeting.allow_live_streaming")

Findings = Sequence[tuple[Scope, Verdict, FindingHistory | None]]


def findings() -> Findings:
    """Deviations with their histories; the users in RC-02 have every lifecycle state."""
    people = [worlds.user(at, f"User {at:02}") for at in range(14)]
    pasts = [REGRESSED] * 2 + [NEW] * 3 + [PERSISTING] * 9
    return [
        (worlds.account(), SUMMARY, replace(PERSISTING, changed_by=ADA)),
        (worlds.account(), LOCK, replace(REGRESSED, changed_by=None)),
        (worlds.account(), STREAM, None),
        (worlds.group(1, "Studio"), worlds.deviation("RC-02", Level.GROUP), NEW),
        *((person, LOCAL, past) for person, past in zip(people, pasts, strict=True)),
        (worlds.user(20, "Grace"), LOST, FindingHistory(NOW, NOW, None)),
    ]


def by_fingerprint(rows: Findings, account: str = "acc-1") -> Mapping[str, FindingHistory]:
    """Fingerprint to history."""
    return {fingerprint(account, v, scope): past for scope, v, past in rows if past is not None}


def looked_up(run: Run, rows: Findings, request_counts: list[int] | None = None) -> Run:
    """The run with a history of these findings; `request_counts` records the size of each query."""
    pasts = by_fingerprint(rows)

    def look_up(fingerprints: Sequence[str]) -> Mapping[str, FindingHistory]:
        if request_counts is not None:
            request_counts.append(len(fingerprints))
        return {key: pasts[key] for key in fingerprints if key in pasts}

    return replace(run, trend=TREND, histories=look_up)


def changed(
    move: ChangeKind,
    scope: Scope,
    verdict: Verdict,
    before: Status | None,
    actor: Actor | None = None,
) -> FindingChange:
    """A finding that changed to `verdict`, or disappeared if that is a pass."""
    key = fingerprint("acc-1", verdict, scope)
    at = (key, verdict.control, verdict.kind, scope, verdict.setting)
    earlier = FindingState(*at, before, verdict.severity, observed=False) if before else None
    later = FindingState(*at, verdict.status, verdict.severity, verdict.cause, verdict.observed)
    after = None if verdict.status is Status.PASS else later
    return FindingChange(move, earlier, after, changed_by=actor)


def drift() -> Drift:
    """Changes since the previous run: deviations, a lock, an unknown, an improvement."""
    rows = findings()
    locals_ = [(scope, v) for scope, v, past in rows if past in (NEW, REGRESSED)]
    changes = [
        changed(ChangeKind.REGRESSED, worlds.account(), LOCK, None),
        *(changed(ChangeKind.REGRESSED, scope, v, None, EVE) for scope, v in locals_),
        changed(ChangeKind.NEWLY_UNKNOWN, worlds.user(20, "Grace"), LOST, Status.FAIL),
        changed(ChangeKind.IMPROVED, worlds.account(), STREAM, Status.FAIL, BACK),
    ]
    return Drift(
        earlier=facts(TREND[-1].run, AGAIN),
        later=facts("20261121T215800Z-7f3a", NOW),
        changes=changes,
        settings=[
            SettingChange(worlds.user(1), worlds.SOURCE[Level.USER], LOCAL.setting, False, True),
            SettingChange(
                worlds.account(),
                "GET /accounts/me/lock_settings",
                "recording.recording_disclaimer",
                True,
                False,
            ),
            SettingChange(
                worlds.group(1, "Studio"),
                "GET /groups/{groupId}/settings",
                "in_meeting.whiteboard",
                False,
                True,
                scopes=4,
            ),
            SettingChange(
                worlds.account(), "GET /accounts/me/lock_settings", "in_meeting.chat", True, False
            ),
        ],
        scopes_added={Level.USER: 2},
        notes=("The earlier run is incomplete: what it did not see is unknown.",),
        log="Zoom's operation log was read from 2026-11-20 21:58 UTC on: 1 entry.",
    )


def facts(run_id: str, finished_at: datetime) -> RunFacts:
    return run_facts(
        id=run_id,
        account_id="acc-1",
        started_at=finished_at,
        finished_at=finished_at,
        baseline=BaselineInfo("strict", "1.0.0", "sha256:" + "ab" * 32),
        exit_code=1,
    )


def run() -> Run:
    """The run with its history and drift."""
    rows = findings()
    assessments = [worlds.judged(scope, [worlds.chained(verdict)]) for scope, verdict, _ in rows]
    run_ = worlds.run_of(assessments, passes=180, exit_code=1, fail_on="high")
    return replace(looked_up(run_, rows), assessments=VerdictStore.of(assessments), drift=drift())


def lasting(run_: Run) -> Run:
    """The run with a history in which every other deviation is new."""
    histories = [replace(NEW, changed_by=None), PERSISTING]

    def look_up(fingerprints: Sequence[str]) -> Mapping[str, FindingHistory]:
        return {key: histories[int(key[-1], 16) % 2] for key in fingerprints}

    return replace(run_, trend=TREND, histories=look_up)


FOLDER = Path(__file__).parent / "golden"
FILES = {"html": "history.html.txt", "markdown": "history.md", "text": "history.txt"}


def rendered(name: str) -> str:
    """The run in a format, passes included; of the HTML page only its texts, one per line."""
    text = worlds.report_of(run(), name, include_passes=True).decode("utf-8")
    return _PageText(text).text if name == "html" else text


class _PageText(HTMLParser):
    """The texts of a page, one per line."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._lines: list[str] = []
        self.feed(re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL))
        self.close()

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def handle_data(self, data: str) -> None:
        if words := " ".join(data.split()):
            self._lines.append(words)


if __name__ == "__main__":
    for name, file in FILES.items():
        (FOLDER / file).write_text(rendered(name), encoding="utf-8")
