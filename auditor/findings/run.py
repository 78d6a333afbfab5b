"""A finished run: its facts, its counts and its findings in the order of the contract."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.evidence.scope import Scope
from auditor.findings.model import (
    Api,
    ControlInfo,
    Finding,
    ReadError,
    RunInfo,
    Settlement,
    Summary,
    Verdict,
)
from auditor.findings.questions import Question

Key = tuple[int, str, int]
"""Severity rank, control, level rank: the first part of the order of findings."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts of one scope. Scopes with equal evidence share one tuple of verdicts."""

    scope: Scope
    verdicts: tuple[Verdict, ...]
    observed_at: Mapping[str, str] = field(default_factory=dict)
    """When each request of this scope was answered: source to RFC 3339 time."""


def fingerprint(account_id: str, verdict: Verdict, scope: Scope) -> str:
    """The identity of a finding, the same from run to run: `sha256:` and 64 hex digits."""
    parts = (account_id, verdict.control, verdict.kind, scope.level, scope.id, verdict.setting)
    return (
        "sha256:" + hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    )


@dataclass(frozen=True)
class Run:
    """One audit from start to end, ready to be reported."""

    info: RunInfo
    summary: Summary
    api: Api
    errors: Sequence[ReadError]
    controls: Mapping[str, ControlInfo]
    assessments: Sequence[Assessment]
    tool_version: str = ""
    waivers: Sequence[Settlement] = ()
    questions: Sequence[Question] = ()
    """What people ask; empty where the run did not keep its passes, without which no question can
    be answered."""

    def findings(self) -> Iterator[Finding]:
        """Every finding, sorted by severity, control, level, scope id, setting and kind.

        Streams: beside the assessments only one (severity, control, level) is in memory.
        """
        blocks = _blocks(self.assessments)
        for key in sorted({key for verdicts, _ in blocks for key in verdicts}):
            rows = [
                (assessment, verdict)
                for verdicts, assessments in blocks
                if key in verdicts
                for assessment in assessments
                for verdict in verdicts[key]
            ]
            rows.sort(key=lambda row: (row[0].scope.id, row[1].setting, row[1].kind))
            for assessment, verdict in rows:
                yield self._finding(assessment, verdict)

    def _finding(self, assessment: Assessment, verdict: Verdict) -> Finding:
        return Finding(
            verdict=verdict,
            scope=assessment.scope,
            observed_at=assessment.observed_at.get(verdict.source),
            fingerprint=fingerprint(self.info.account_id, verdict, assessment.scope),
        )


def _blocks(
    assessments: Iterable[Assessment],
) -> list[tuple[dict[Key, list[Verdict]], list[Assessment]]]:
    """Assessments that share level and verdicts, with the verdicts keyed in report order."""
    blocks: dict[tuple[int, int], tuple[dict[Key, list[Verdict]], list[Assessment]]] = {}
    for assessment in assessments:
        rank = assessment.scope.level.rank
        block = blocks.get((id(assessment.verdicts), rank))
        if block is None:
            keyed: dict[Key, list[Verdict]] = {}
            for verdict in sorted(assessment.verdicts, key=lambda v: (v.setting, v.kind)):
                key = (verdict.severity.rank, verdict.control, rank)
                keyed.setdefault(key, []).append(verdict)
            block = blocks[id(assessment.verdicts), rank] = (keyed, [])
        block[1].append(assessment)
    return list(blocks.values())
