"""Nightly audits with chosen findings, stored as the command stores them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.evidence.read_plan import LISTINGS
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import format_rfc3339, parse_rfc3339
from auditor.evidence.view import SETTINGS, Document, Outcome, ReadFailure
from auditor.findings.drift import FindingState
from auditor.findings.model import FindingHistory, Status, Verdict
from auditor.findings.run import Run, fingerprint
from auditor.findings.verdict_store import Assessment
from auditor.store.history import History, StoredRun
from auditor.store.runs import SNAPSHOT, Runs
from tests.report.worlds import deviation, judged, run_of

ACCOUNT = Scope(Level.ACCOUNT, "acc-1", "Example Health")
EVENING = datetime(2026, 11, 1, 22, tzinfo=UTC)
ZOOM = "https://api.zoom.us/v2"

Results = Mapping[str, Status | Verdict]
"""User id to the result of AI-01, instead of a pass."""


def user(zoom_id: str, name: str = "") -> Scope:
    return Scope(Level.USER, zoom_id, name, f"{zoom_id}@example.com", status="active")


def verdict_of(result: Status | Verdict) -> Verdict:
    if isinstance(result, Verdict):
        return result
    unknown = result is Status.UNKNOWN
    cause, observed = (Cause.DENIED, None) if unknown else (None, result is Status.FAIL)
    return deviation("AI-01", status=result, cause=cause, observed=observed)


def listed(at: str, *, refused: bool) -> Outcome:
    if refused:
        return ReadFailure(Unseen(Cause.DENIED, "the app lacks a scope"), "GET /users", at)
    return Document({"listed": 1}, "GET /users", at)


class Nights:
    """Nightly audits of one account in a history."""

    def __init__(self, runs: Runs, begun: int = 0) -> None:
        self.runs, self._count = runs, begun

    @property
    def history(self) -> History:
        return self.runs.history

    def close(self) -> None:
        self.history.database.close()

    def at(self, count: int) -> datetime:
        """When the audit of a night was finished."""
        return (EVENING + timedelta(days=count)).replace(microsecond=0)

    @property
    def now(self) -> str:
        """When the last one was: RFC 3339."""
        return format_rfc3339(self.at(self._count))

    def read(
        self,
        results: Results | None = None,
        *,
        users: Iterable[str] = ("u1", "u2", "u3"),
        refused: bool = False,
        more: Sequence[Assessment] = (),
        names: Mapping[str, str] | None = None,
        stopped: str = "",
        run_id: str | None = None,
        **info: Any,
    ) -> tuple[Snapshot, Run]:
        """An audit that was read and judged, but is not stored yet."""
        self._count += 1
        run_id = run_id or self.runs.new_id(EVENING + timedelta(days=self._count))
        there = [user(each, (names or {}).get(each, "")) for each in users]
        verdicts = {each: verdict_of(status) for each, status in (results or {}).items()}
        assessed = [
            judged(scope, [verdicts[scope.id]] if scope.id in verdicts else [])
            for scope in [*map(user, verdicts.keys() - {each.id for each in there}), *there]
        ]
        snapshot = self._snapshot(run_id)
        self._fill(snapshot, [] if refused else there, refused=refused)
        snapshot.set_metadata("stopped", stopped)
        facts = {
            "id": run_id,
            "started_at": parse_rfc3339(f"{self.now[:11]}21:00:00.000Z"),
            "finished_at": parse_rfc3339(self.now),
            "evidence_digest": snapshot.digest(),
            **info,
        }
        run = run_of([*assessed, *more], **facts)
        snapshot.set_metadata("run_id", run_id)
        for key in ("account_id", "api_url"):
            snapshot.set_metadata(key, getattr(run.info, key))
        for key in ("started_at", "finished_at"):
            snapshot.set_metadata(key, format_rfc3339(getattr(run.info, key)))
        snapshot.set_metadata("run_id", run_id)
        if snapshot.meta("judgement") is None:
            policy = {"baseline": {"info": {"digest": run.info.baseline.digest}}}
            snapshot.set_metadata("judgement", json.dumps({"policy": json.dumps(policy)}))
        snapshot.finish()
        return snapshot, run

    def night(
        self, results: Results | None = None, *, selected: Any = None, **how: Any
    ) -> StoredRun:
        """An audit that was read, judged and stored; its folder is gone unless it was stopped."""
        snapshot, run = self.read(results, **how)
        return self.keep(snapshot, run, selected)

    def keep(self, snapshot: Snapshot, run: Run, selected: Any = None) -> StoredRun:
        """Store an audit; its folder is gone unless it was stopped."""
        with snapshot:
            self.runs.archive(snapshot, run, selected)
            stopped = snapshot.meta("stopped")
        if not stopped:
            self.runs.discard(run.info.id)
        return self.history.get(run.info.id)

    def statuses(self, entry: StoredRun) -> dict[str, Status]:
        """User id to how AI-01 stood there."""
        return {state.scope.id: state.status for state in self.finding_states(entry)}

    def finding_states(self, entry: StoredRun) -> list[FindingState]:
        with self.history.finding_states(entry) as found:
            return list(found)

    def past(self, entry: StoredRun, zoom_id: str = "u1") -> FindingHistory | None:
        """What is known of AI-01 of a user."""
        finding_id = fingerprint_of(zoom_id, entry.facts.account_id)
        return self.history.histories(entry, [finding_id]).get(finding_id)

    def folder(self, run_id: str) -> Path:
        return self.runs.home / "runs" / run_id

    def _snapshot(self, run_id: str) -> Snapshot:
        file = self.folder(run_id) / SNAPSHOT
        return Snapshot.open(file, write=True) if file.exists() else self.runs.create(run_id)

    def _fill(self, snapshot: Snapshot, users: Iterable[Scope], *, refused: bool) -> None:
        at = self.now
        with snapshot.transaction():
            snapshot.add_scope(ACCOUNT)
            outcome = Document({"night": self._count}, "GET /accounts/me/settings", at)
            snapshot.record(ACCOUNT, SETTINGS, outcome)
            for view in LISTINGS[Level.USER]:
                snapshot.record(ACCOUNT, view, listed(at, refused=refused))
            for view in LISTINGS[Level.GROUP]:
                snapshot.record(ACCOUNT, view, listed(at, refused=False))
            for each in users:
                snapshot.add_scope(each)


def fingerprint_of(zoom_id: str, account_id: str = "acc-1") -> str:
    """The fingerprint of AI-01 of a user."""
    return fingerprint(account_id, deviation("AI-01"), user(zoom_id))


def renamed(run: Run, run_id: str) -> Run:
    return replace(run, info=replace(run.info, id=run_id))
