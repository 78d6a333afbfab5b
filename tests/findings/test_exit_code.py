"""Exit codes: one meaning each, whatever the format."""

from typing import Any

import pytest

from auditor.errors import ExitCode
from auditor.findings.exit_code import of_run
from auditor.findings.model import Severity, Status, Summary

CRITICAL, HIGH, MEDIUM, LOW = Severity
OK, DEVIATIONS, INCOMPLETE = ExitCode.OK, ExitCode.DEVIATIONS, ExitCode.INCOMPLETE


def code(
    fails: tuple[()] | list[Severity] = (),
    unknowns: tuple[()] | list[Severity] = (),
    statuses: tuple[()] | list[Status] = (),
    *,
    undecided: int = 0,
    complete: bool = True,
    fail_on: Severity | None = HIGH,
    **options: Any,
) -> ExitCode:
    summary = Summary(
        by_status=dict.fromkeys(statuses, 1),
        by_severity={severity: int(severity in fails) for severity in Severity},
        by_level={},
        coverage={},
        unknown_by_severity={severity: int(severity in unknowns) for severity in Severity},
        undecided=undecided,
    )
    return of_run(summary, complete=complete, fail_on=fail_on, **options)


def test_the_numbers_are_those_of_the_contract() -> None:
    assert {each.name: each.value for each in ExitCode} == {
        "OK": 0,
        "DEVIATIONS": 1,
        "USAGE": 2,
        "INCOMPLETE": 3,
        "NOTHING_EVALUATED": 4,
        "INTERNAL": 5,
        "INTERRUPTED": 130,
    }


def test_nothing_wrong_is_zero() -> None:
    assert code() is OK


@pytest.mark.parametrize("fail_on", Severity)
@pytest.mark.parametrize("severity", Severity)
def test_a_deviation_at_or_above_the_threshold_fails(severity: Severity, fail_on: Severity) -> None:
    expected = DEVIATIONS if severity.rank <= fail_on.rank else OK
    assert code([severity], fail_on=fail_on) is expected


@pytest.mark.parametrize("fail_on", Severity)
@pytest.mark.parametrize("severity", Severity)
def test_an_unknown_at_or_above_the_threshold_is_incomplete(
    severity: Severity, fail_on: Severity
) -> None:
    expected = INCOMPLETE if severity.rank <= fail_on.rank else OK
    assert code(unknowns=[severity], fail_on=fail_on) is expected


def test_a_read_that_failed_is_incomplete_even_where_nothing_fails_a_run() -> None:
    assert code(complete=False, fail_on=None) is INCOMPLETE
    assert code([CRITICAL], complete=False, fail_on=None) is INCOMPLETE


def test_without_a_threshold_deviations_and_absent_fields_are_zero() -> None:
    assert code(list(Severity), list(Severity), fail_on=None) is OK


def test_a_deviation_wins_over_missing_evidence() -> None:
    assert code([HIGH], [HIGH], complete=False) is DEVIATIONS


def test_unknowns_can_be_allowed_and_deviations_cannot() -> None:
    assert code(unknowns=[CRITICAL], complete=False, allow_unknown=True) is OK
    assert code([CRITICAL], complete=False, allow_unknown=True) is DEVIATIONS


def test_what_is_undecided_counts_only_when_strict() -> None:
    assert code(undecided=1) is OK
    assert code(undecided=1, strict=True) is INCOMPLETE
    assert code(undecided=1, strict=True, allow_unknown=True) is INCOMPLETE
    assert code(undecided=1, strict=True, fail_on=None) is INCOMPLETE


def test_nothing_else_counts_when_strict() -> None:
    assert code(statuses=list(Status), strict=True) is OK


def test_a_stale_waiver_override_or_name_fails_wherever_a_deviation_would() -> None:
    assert code(stale=True) is DEVIATIONS
    assert code(stale=True, fail_on=LOW) is DEVIATIONS
    assert code(stale=True, fail_on=None) is OK
    assert code(stale=True, allow_unknown=True) is DEVIATIONS


def test_medium_is_between_high_and_low() -> None:
    assert code([MEDIUM], fail_on=HIGH) is OK
    assert code([MEDIUM], fail_on=LOW) is DEVIATIONS
