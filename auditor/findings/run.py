"""A finished run: its facts, its counts and its findings in the order of the contract."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from auditor.evidence.scope import Scope
from auditor.findings.drift import Drift
from auditor.findings.frameworks import Framework
from auditor.findings.ledger import Assessment, Ledger
from auditor.findings.model import (
    Api,
    ControlInfo,
    Finding,
    Point,
    ReadError,
    RunInfo,
    Settlement,
    Summary,
    Verdict,
)
from auditor.findings.past import Past
from auditor.findings.questions import Question

_PORTION = 500
"""How many findings the history is asked about at once."""


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
    assessments: Ledger
    tool_version: str = ""
    waivers: Sequence[Settlement] = ()
    questions: Sequence[Question] = ()
    """What people ask; empty where the run did not keep its passes, without which no question can
    be answered."""
    trend: Sequence[Point] = ()
    """Earlier runs of the same account and baseline, oldest first; this one is not in it."""
    account_times: Mapping[str, str] = field(default_factory=dict)
    """When the account's documents came, for verdicts that rest on them: source to RFC 3339."""
    framework: Framework | None = None
    """By whose references reports for people are regrouped; None for the order of the controls."""
    pseudonymised: bool = False
    """True where keyed pseudonyms stand for people and their meetings."""
    pasts: Callable[[Sequence[str]], Mapping[str, Past]] | None = None
    """Looks up what the history knows of findings, by fingerprint; None without a history."""
    drift: Drift | None = None
    """What changed since the run before; None where there is none to compare with."""

    def findings(self) -> Iterator[Finding]:
        """Every finding, sorted by severity, control, level, scope id, setting and kind.

        Streams: nothing is in memory but what the ledger holds.
        """
        found = (self._finding(*each) for each in self.assessments.in_order())
        if self.pasts is None:
            yield from found
            return
        while portion := list(islice(found, _PORTION)):
            pasts = self.pasts([each.fingerprint for each in portion])
            for each in portion:
                yield replace(each, past=pasts.get(each.fingerprint))

    def _finding(self, assessment: Assessment, verdict: Verdict) -> Finding:
        return Finding(
            verdict=verdict,
            scope=assessment.scope,
            observed_at=assessment.observed_at.get(verdict.source)
            or self.account_times.get(verdict.source),
            fingerprint=fingerprint(self.info.account_id, verdict, assessment.scope),
        )
