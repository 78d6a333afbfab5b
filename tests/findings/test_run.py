"""A finished run: every finding once, in the order of the contract, with a lasting identity."""

import random
from dataclasses import replace

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.findings.model import FindingKind, Severity, Status
from auditor.findings.run import fingerprint
from auditor.findings.verdict_store import Assessment, VerdictSet
from tests.builders import ACCOUNT, READ_AT, assessment, run_of, verdict


def mixed(seed: int) -> list[Assessment]:
    """Many scopes, some sharing their verdicts, some judged in two parts."""
    dice = random.Random(seed)
    shared = [
        VerdictSet.of(
            verdict(
                control=f"AI-0{dice.randrange(3)}",
                setting=f"s{dice.randrange(4)}",
                severity=dice.choice(list(Severity)),
                kind=dice.choice([FindingKind.VALUE, FindingKind.LOCK]),
            )
            for _ in range(6)
        )
        for _ in range(4)
    ]
    scopes = [
        Scope(level, f"{level[0]}{n}") for level in (Level.GROUP, Level.USER) for n in range(5)
    ]
    assessments = [Assessment(scope, dice.choice(shared)) for scope in scopes]
    assessments += [Assessment(scopes[0], shared[0]), Assessment(ACCOUNT, shared[1])]
    dice.shuffle(assessments)
    return assessments


@pytest.mark.parametrize("seed", range(5))
def test_findings_come_in_the_order_of_the_contract(seed: int) -> None:
    assessments = mixed(seed)
    findings = list(run_of(*assessments).findings())
    assert len(findings) == sum(len(each.verdicts) for each in assessments)
    assert [f.order for f in findings] == sorted(f.order for f in findings)


def test_a_scope_that_was_judged_in_two_parts_is_sorted_as_one() -> None:
    first = assessment(ACCOUNT, verdict(setting="b"), verdict(setting="d"))
    second = assessment(ACCOUNT, verdict(setting="a"), verdict(setting="c"))
    found = [f.verdict.setting for f in run_of(first, second).findings()]
    assert found == ["a", "b", "c", "d"]


def test_the_worst_comes_first_whatever_its_name() -> None:
    harmless = verdict(control="AA", severity=Severity.LOW)
    worst = verdict(control="ZZ", severity=Severity.CRITICAL)
    findings = run_of(assessment(ACCOUNT, harmless, worst)).findings()
    assert [f.verdict.control for f in findings] == ["ZZ", "AA"]


def test_equal_verdicts_of_two_levels_stay_with_their_scopes() -> None:
    shared = VerdictSet.of([verdict()])
    scopes = [Scope(Level.USER, "x"), Scope(Level.GROUP, "x"), ACCOUNT]
    findings = run_of(*(Assessment(scope, shared) for scope in scopes)).findings()
    assert [f.scope.level for f in findings] == [Level.ACCOUNT, Level.GROUP, Level.USER]


def test_a_finding_has_the_time_of_its_own_request() -> None:
    verdicts = VerdictSet.of(
        [verdict(setting="a", source="GET /a"), verdict(setting="b", source="GET /b")]
    )
    assessment = Assessment(ACCOUNT, verdicts, {"GET /a": READ_AT})
    assert [f.observed_at for f in run_of(assessment).findings()] == [READ_AT, None]


def test_a_run_without_assessments_has_no_findings() -> None:
    assert list(run_of().findings()) == []
    assert list(run_of(Assessment(ACCOUNT, VerdictSet.of([]))).findings()) == []


def test_findings_can_be_gone_through_again() -> None:
    run = run_of(*mixed(1))
    assert list(run.findings()) == list(run.findings())


def test_a_fingerprint_is_made_of_what_and_where_and_nothing_else() -> None:
    one = verdict()
    mark = fingerprint("acc", one, ACCOUNT)
    assert mark.startswith("sha256:")
    assert len(mark) == len("sha256:") + 64
    same = replace(one, status=Status.UNKNOWN, severity=Severity.LOW, observed=5, source="x")
    assert fingerprint("acc", same, replace(ACCOUNT, name="renamed", email="x")) == mark
    others = [
        fingerprint("other", one, ACCOUNT),
        fingerprint("acc", replace(one, control="AI-02"), ACCOUNT),
        fingerprint("acc", replace(one, kind=FindingKind.LOCK), ACCOUNT),
        fingerprint("acc", replace(one, setting="a.c"), ACCOUNT),
        fingerprint("acc", one, replace(ACCOUNT, id="b")),
        fingerprint("acc", one, replace(ACCOUNT, level=Level.USER)),
    ]
    assert len({mark, *others}) == 7


def test_parts_of_a_fingerprint_do_not_run_into_each_other() -> None:
    one = fingerprint("acc", verdict(setting="c"), Scope(Level.USER, "ab"))
    other = fingerprint("acc", verdict(setting="bc"), Scope(Level.USER, "a"))
    assert one != other


def test_half_characters_have_a_fingerprint() -> None:
    assert fingerprint("acc", verdict(setting="half \ud83d"), Scope(Level.USER, "\udc00"))


def test_severities_rank_from_critical_to_low() -> None:
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]
