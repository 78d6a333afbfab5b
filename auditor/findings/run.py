"""A finished run: its facts, its counts and its findings in the order of the contract."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from auditor.evidence.scope import Scope
from auditor.findings.closing_steps import ClosingSteps
from auditor.findings.drift import Drift
from auditor.findings.frameworks import Framework
from auditor.findings.inventory import Inventory
from auditor.findings.model import (
    ApiUsage,
    BlindSpotResult,
    ControlInfo,
    Finding,
    FindingHistory,
    ReadError,
    Reference,
    RunInfo,
    Summary,
    TrendPoint,
    Verdict,
    WaiverResult,
)
from auditor.findings.questions import Question
from auditor.findings.verdict_store import VerdictStore

_BATCH_SIZE = 500
"""Findings looked up in the history at once."""


def fingerprint(account_id: str, verdict: Verdict, scope: Scope) -> str:
    """The identity of a finding, the same in every run: `sha256:` and 64 hex digits."""
    parts = (account_id, verdict.control, verdict.kind, scope.level, scope.id, verdict.setting)
    return (
        "sha256:" + hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    )


@dataclass(frozen=True)
class Run:
    """A complete audit, ready to be reported."""

    info: RunInfo
    summary: Summary
    api: ApiUsage
    errors: Sequence[ReadError]
    controls: Mapping[str, ControlInfo]
    assessments: VerdictStore
    tool_version: str = ""
    allow_unknown: bool = False
    """Whether missing evidence was allowed, as `--allow-unknown` does."""
    waivers: Sequence[WaiverResult] = ()
    blind_spots: Sequence[BlindSpotResult] = ()
    references: Sequence[Reference] = ()
    """Names and entries of the organisation file that do not match the account."""
    questions: Sequence[Question] = ()
    """The questions people ask; empty if the run did not keep its passes, without which no question
    can be answered."""
    trend: Sequence[TrendPoint] = ()
    """Earlier runs of the same account and baseline, oldest first, without this one."""
    account_times: Mapping[str, str] = field(default_factory=dict)
    """Source to the time (RFC 3339) at which the account's document was read, for verdicts that
    rest on it."""
    framework: Framework | None = None
    """Reports for people group by its references; None to order by control."""
    pseudonymised: bool = False
    """True if keyed pseudonyms replace people and their meetings."""
    histories: Callable[[Sequence[str]], Mapping[str, FindingHistory]] | None = None
    """Looks up the history of findings by fingerprint; None without a history."""
    drift: Drift | None = None
    """Changes since the previous run; None without one."""
    passed: frozenset[tuple[str, str]] = frozenset()
    """Each control and setting that passed somewhere, also where passes are not stored."""
    inventory: Callable[[], Inventory] | None = None
    """Reads which AI features are on, and for whom; None if the evidence is not at hand."""
    other_inventory: Callable[[], Inventory] | None = None
    """The same for sharing and recording, for the annex of a report."""
    closing_steps: Callable[[], ClosingSteps] | None = None
    """Works out which steps close the deviations, in seconds for large accounts; None if the
    evidence is not at hand."""

    @property
    def stale(self) -> int:
        """Number of waivers, blind spots, overrides and names that have expired or match nothing:
        exit code 1."""
        waivers = sum(waiver.is_stale for waiver in self.waivers)
        blind_spots = sum(blind_spot.is_stale for blind_spot in self.blind_spots)
        return waivers + blind_spots + sum(reference.is_stale for reference in self.references)

    def findings(self) -> Iterator[Finding]:
        """Every finding, sorted by severity, control, level, scope id, setting and kind.

        A stream: it holds nothing in memory beyond the verdict store.
        """
        findings = self.without_history()
        if self.histories is None:
            yield from findings
            return
        while batch := list(islice(findings, _BATCH_SIZE)):
            histories = self.histories([finding.fingerprint for finding in batch])
            for finding in batch:
                yield replace(finding, history=histories.get(finding.fingerprint))

    def without_history(self) -> Iterator[Finding]:
        """Every finding in the order of `findings`; no history is looked up."""
        for assessment, position in self.assessments.in_order():
            scope, verdict = assessment.scope, assessment.verdicts[position]
            source = verdict.source
            yield Finding(
                verdict,
                scope,
                assessment.observed_at.get(source) or self.account_times.get(source),
                fingerprint(self.info.account_id, verdict, scope),
                (assessment.verdict_set.number, position),
            )
