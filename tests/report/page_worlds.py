"""Synthetic runs for pages: with chains, groups, waivers and a history, and very large ones."""

from dataclasses import replace
from datetime import date

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.model import (
    Layer,
    Severity,
    Status,
    TrendPoint,
    Verdict,
    WaiverResult,
    WaiverState,
    WaiverTerms,
)
from auditor.findings.run import Run
from auditor.findings.verdict_store import Assessment, VerdictSet, VerdictStore
from auditor.policy.catalogue.questions import shipped
from tests.report import worlds

CHAIN = (
    Layer(Level.ACCOUNT, value=False, seen=True, locked=False),
    Layer(Level.GROUP, locked=None),
    Layer(Level.USER, value=True, seen=True, decides=True),
)
WAIVER = WaiverTerms("Trains surgeons", "dpo@example.com", "SEC-12", date(2026, 11, 27))
TREND = (
    TrendPoint("r1", parse_rfc3339("2026-11-19T22:00:00Z"), 80, 60, 1300),
    TrendPoint("r2", parse_rfc3339("2026-11-20T22:00:00Z"), 40, 70, 1340),
)


def chained(verdict: Verdict) -> Verdict:
    """The verdict with a chain where it deviates, and a waiver where it is waived."""
    if verdict.status is Status.FAIL:
        return replace(verdict, layers=CHAIN)
    if verdict.status is Status.WAIVED:
        return replace(verdict, waiver=WAIVER)
    return verdict


def expiring(state: str = "expiring", expires: str = "2026-11-27") -> WaiverResult:
    """A waiver that ends six days after the run."""
    return WaiverResult(
        control="RC-02",
        scope="group Clinical Ops",
        reason="Trains surgeons",
        owner="dpo@example.com",
        ticket="SEC-12",
        expires=date.fromisoformat(expires),
        state=WaiverState(state),
        matched=1,
    )


def rich() -> Run:
    """Everything, with chains, users in groups, a waiver that ends soon, questions and a trend."""
    base = worlds.everything()
    assessments = []
    for at, assessment in enumerate(base.assessments):
        scope = assessment.scope
        if scope.level is Level.USER:
            scope = replace(scope, group_ids=("g001",) if at % 2 else ("g001", "g002"))
        verdicts = VerdictSet.of(map(chained, assessment.verdicts))
        assessments.append(Assessment(scope, verdicts, assessment.observed_at))
    passes = sum(v.status is Status.PASS for assessment in assessments for v in assessment.verdicts)
    return replace(
        base,
        summary=replace(base.summary, by_status={**base.summary.by_status, Status.PASS: passes}),
        assessments=VerdictStore.of(assessments),
        trend=TREND,
        waivers=(expiring(),),
        questions=shipped().questions,
    )


def relaxed() -> Run:
    """A group that deviates where the account does not, and one where it does as well."""
    return worlds.run_of(
        [
            worlds.judged(worlds.account(), [worlds.deviation("AI-01", Level.ACCOUNT)]),
            worlds.judged(
                worlds.group(1, "Sales"),
                [
                    worlds.deviation("AI-01", Level.GROUP),
                    worlds.deviation("RC-02", Level.GROUP),
                ],
            ),
        ]
    )


def verdict_combinations(count: int) -> list[VerdictSet]:
    """Distinct sets of verdicts with eleven findings each."""
    combinations = []
    for at in range(count):
        failed = [
            worlds.deviation(
                control,
                setting=f"in_meeting.{control.lower()}.part_{part}",
                severity=list(Severity)[(at + part) % 4],
                observed=at % 7,
                expected={"op": "eq", "value": -1},
                layers=CHAIN,
            )
            for control in ("AI-01", "RC-02", "IA-04", "RT-01", "AI-06")
            for part in range(2)
        ]
        absent = worlds.unknown(Cause.ABSENT, "TP-01", setting=f"chat.way_{at % 5}")
        combinations.append(VerdictSet.of([*failed, absent]))
    return combinations


def huge(users: int = 100_000, kinds: int = 400, groups: int = 300) -> Run:
    """An account in which all of `users` users deviate in ten settings, in 300 groups."""
    combinations = verdict_combinations(kinds)
    assessments = [
        worlds.judged(worlds.account(), [worlds.deviation("AI-01", Level.ACCOUNT)]),
        *(
            worlds.judged(worlds.group(at), [worlds.deviation("RC-02", Level.GROUP)])
            for at in range(groups)
        ),
    ]
    for at in range(users):
        person = replace(
            worlds.user(at, f"Given-name{at} Family-name{at}"),
            group_ids=(f"g{at % groups:03}", f"g{(at * 7) % groups:03}"),
        )
        assessments.append(Assessment(person, combinations[at % kinds], SEEN))
    return worlds.run_of(assessments)


SEEN = {worlds.SOURCE[Level.USER]: worlds.SEEN_AT}


def scattered(users: int = 6_000) -> Run:
    """Users with distinct deviations, so that no rows can be merged."""
    return worlds.run_of(
        [
            worlds.judged(worlds.user(at), [worlds.deviation("RC-02", observed=f"value {at}")])
            for at in range(users)
        ]
    )
