"""What the gate says of runs: every reason to stay shut, and what is counted where it judges."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.app.gate import (
    MAX_EXAMPLES,
    GatePolicy,
    GateResult,
    KnownFindings,
    age_rejection,
    judged,
    rejection,
)
from auditor.errors import ExitCode
from auditor.evidence.reading import Cause
from auditor.findings.model import Severity, Status, Verdict, WaiverResult, WaiverState
from auditor.findings.run import Run
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from tests.builders import Json
from tests.every_case import every_case
from tests.report.worlds import deviation
from tests.store.nights import Nights

OPEN = GatePolicy()
NEW = GatePolicy(new_only=True)


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with closing(Nights(Runs(tmp_path / "data"))) as nights:
        yield nights


@pytest.fixture
def entry(nights: Nights) -> StoredRun:
    """A stored run that is complete and found nothing."""
    return nights.night()


def ended(entry: StoredRun, ago: timedelta = timedelta()) -> datetime:
    """The moment at which the run of `entry` is so old."""
    return entry.facts.finished_at + ago


def rejection_of(
    entry: StoredRun, now: datetime, demand: GatePolicy = OPEN, digest: str = ""
) -> GateResult | None:
    return rejection(entry, demand, digest or entry.facts.baseline.digest, now) or age_rejection(
        entry.facts.id, entry.facts.finished_at, demand, now
    )


def unknown(severity: Severity = Severity.CRITICAL) -> Verdict:
    return deviation(
        "AI-01",
        status=Status.UNKNOWN,
        cause=Cause.ABSENT,
        observed=None,
        severity=severity,
    )


def verdict_with(status: Status) -> Verdict:
    """A check that stands so, in a run that is complete."""
    return unknown() if status is Status.UNKNOWN else deviation("AI-01", status=status)


def answered(
    nights: Nights, verdicts: dict[str, Verdict | Status], demand: GatePolicy = OPEN, **how: Any
) -> GateResult:
    return judged(read(nights, verdicts, **how), demand)


def read(nights: Nights, verdicts: dict[str, Verdict | Status], **how: Any) -> Run:
    snapshot, run = nights.read(verdicts, **how)
    snapshot.close()
    return run


def waiver(*, stale: bool) -> WaiverResult:
    return WaiverResult(
        control="AI-01",
        scope="account",
        reason="a trial",
        owner="ann@example.com",
        ticket="",
        expires=date(2026, 11, 30),
        state=WaiverState.EXPIRED if stale else WaiverState.ACTIVE,
        matched=1,
    )


def test_a_fresh_complete_run_of_the_asked_baseline_is_judged(entry: StoredRun) -> None:
    assert rejection_of(entry, ended(entry)) is None


@pytest.mark.parametrize(
    ("ago", "fits"),
    [
        (timedelta(hours=26), True),
        (timedelta(hours=26, seconds=1), False),
        (timedelta(minutes=-5), True),
        (timedelta(minutes=-5, seconds=-1), False),
        (timedelta(days=400), False),
    ],
)
def test_a_run_may_be_26_hours_old_and_a_clock_5_minutes_ahead(
    entry: StoredRun, ago: timedelta, fits: bool
) -> None:
    assert (rejection_of(entry, ended(entry, ago)) is None) is fits


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(hours=27), "is 27 hours old; at most 26 hours are allowed."),
        (timedelta(days=9), "is 9 days old; at most 26 hours are allowed."),
    ],
)
def test_an_old_run_is_shut_with_its_age(entry: StoredRun, ago: timedelta, words: str) -> None:
    answer = rejection_of(entry, ended(entry, ago))
    assert answer is not None
    assert answer.code is ExitCode.NOTHING_EVALUATED
    assert words in answer.reason
    assert entry.facts.id in answer.reason
    assert answer.basis is None


def test_a_run_just_over_the_limit_is_not_told_to_be_as_old_as_is_allowed(entry: StoredRun) -> None:
    answer = rejection_of(entry, ended(entry, timedelta(hours=26, minutes=20)))
    assert answer is not None
    assert "is 26 hours old; at most 26 hours" not in answer.reason


def test_a_run_of_the_future_is_shut_and_the_clocks_are_named(entry: StoredRun) -> None:
    answer = rejection_of(entry, ended(entry, -timedelta(hours=3)))
    assert answer is not None
    assert answer.code is ExitCode.NOTHING_EVALUATED
    assert "ended 3 hours from now: one of the clocks is wrong." in answer.reason


def test_another_state_of_the_baseline_is_shut(entry: StoredRun) -> None:
    answer = rejection_of(entry, ended(entry), digest="sha256:other")
    assert answer is not None
    assert answer.code is ExitCode.NOTHING_EVALUATED
    assert "another state of baseline" in answer.reason


def test_an_incomplete_run_is_shut_with_why_unless_that_is_allowed(nights: Nights) -> None:
    entry = nights.night(complete=False, stopped="The deadline of the run passed.")
    answer = rejection_of(entry, ended(entry))
    assert answer is not None
    assert answer.code is ExitCode.NOTHING_EVALUATED
    assert "is incomplete" in answer.reason
    assert "The deadline of the run passed" in answer.reason
    assert ".)." not in answer.reason
    assert rejection_of(entry, ended(entry), GatePolicy(allow_unknown=True)) is None


def test_nothing_found_opens_it(nights: Nights) -> None:
    answer = answered(nights, {})
    assert (answer.code, answer.advice) == (ExitCode.OK, "")
    assert answer.reason == "0 deviations at high or above, 0 unknown."


@every_case(
    "threshold, severity, status",
    itertools.product(Severity, Severity, [Status.FAIL, Status.UNKNOWN]),
)
def test_what_is_as_severe_as_the_threshold_or_worse_shuts_it(
    nights: Nights, threshold: Severity, severity: Severity, status: Status
) -> None:
    verdict = replace(unknown(severity), status=status)
    answer = answered(nights, {"u1": verdict}, GatePolicy(fail_on=threshold))
    shut = ExitCode.DEVIATIONS if status is Status.FAIL else ExitCode.INCOMPLETE
    assert answer.code == (shut if severity.rank <= threshold.rank else ExitCode.OK)


@every_case("status", [s for s in Status if s not in (Status.FAIL, Status.UNKNOWN)])
def test_no_other_status_is_counted(nights: Nights, status: Status) -> None:
    answer = answered(nights, {"u1": deviation("AI-01", status=status)}, GatePolicy(Severity.LOW))
    assert (answer.code, answer.deviations, answer.unknown) == (ExitCode.OK, 0, 0)


def test_deviations_win_over_unknowns_and_both_are_told(nights: Nights) -> None:
    answer = answered(nights, {"u1": Status.FAIL, "u2": unknown()})
    assert answer.code is ExitCode.DEVIATIONS
    assert answer.reason == "1 deviation at high or above, 1 unknown."
    named = [each.verdict.status for each in answer.examples]
    assert named == [Status.FAIL, Status.UNKNOWN]


def test_what_was_allowed_to_be_unknown_is_still_told(nights: Nights) -> None:
    answer = answered(nights, {"u1": unknown()}, GatePolicy(allow_unknown=True), complete=False)
    assert answer.code is ExitCode.OK
    assert "1 unknown" in answer.reason
    assert "the evidence is incomplete" in answer.reason
    assert "--allow-unknown" in answer.reason


def test_an_incomplete_run_without_an_unknown_at_the_threshold_does_not_open_it(
    nights: Nights,
) -> None:
    assert answered(nights, {}, complete=False).code is ExitCode.INCOMPLETE
    never = answered(nights, {}, GatePolicy(fail_on=None), complete=False)
    assert never.code is ExitCode.INCOMPLETE


def test_fail_on_never_opens_and_still_tells_all_there_is(nights: Nights) -> None:
    verdicts: dict[str, Verdict | Status] = {
        "u1": Status.FAIL,
        "u2": deviation("AI-01", severity=Severity.LOW),
        "u3": unknown(),
    }
    run = replace(read(nights, verdicts), waivers=(waiver(stale=True),))
    answer = judged(run, GatePolicy(fail_on=None))
    assert answer.code is ExitCode.OK
    assert (answer.deviations, answer.unknown, answer.stale_waivers) == (2, 1, 1)
    assert answer.reason == (
        "2 deviations, 1 unknown, 1 waiver expired or covering nothing, none of which fails the "
        "gate (--fail-on never)."
    )
    assert answer.advice == f"See which: auditor report {run.info.id}."
    assert answer.examples


def test_fail_on_never_with_nothing_to_tell_says_no_more(nights: Nights) -> None:
    answer = answered(nights, {}, GatePolicy(fail_on=None))
    assert (answer.reason, answer.advice) == ("0 deviations, 0 unknown.", "")


def test_fail_on_never_says_of_incomplete_evidence_what_shuts_it(nights: Nights) -> None:
    answer = answered(nights, {"u1": Status.FAIL}, GatePolicy(fail_on=None), complete=False)
    assert answer.code is ExitCode.INCOMPLETE
    assert answer.reason == (
        "1 deviation, 0 unknown, none of which fails the gate (--fail-on never), the evidence is "
        "incomplete."
    )


@pytest.mark.parametrize(
    ("verdicts", "demand"),
    [
        (Status.FAIL, OPEN),
        (unknown(), OPEN),
        (unknown(), GatePolicy(allow_unknown=True)),
        (Status.FAIL, GatePolicy(fail_on=None)),
    ],
)
def test_the_advice_names_the_run_it_is_about(
    nights: Nights, verdicts: Verdict | Status, demand: GatePolicy
) -> None:
    run = read(nights, {"u1": verdicts})
    nights.night()  # a newer one, which `auditor report` alone would show
    advice = judged(run, demand).advice
    assert f"auditor report {run.info.id}." in advice
    assert ("auditor diff" in advice) is (f"auditor diff {run.info.id}." in advice)


def test_the_advice_for_an_incomplete_run_names_it(nights: Nights) -> None:
    entry = nights.night(complete=False)
    answer = rejection_of(entry, ended(entry))
    assert answer is not None
    assert f"auditor report {entry.facts.id} --format text" in answer.advice


@pytest.mark.parametrize("new_only", [False, True])
def test_a_stale_waiver_fails_and_is_told(nights: Nights, new_only: bool) -> None:
    run = replace(read(nights, {}), waivers=(waiver(stale=True), waiver(stale=False)))
    accepted = nights.night()
    answer = judged(run, GatePolicy(new_only=new_only), KnownFindings.of(nights.history, accepted))
    assert (answer.code, answer.stale_waivers) == (ExitCode.DEVIATIONS, 1)
    assert "1 waiver expired or covering nothing" in answer.reason


def test_a_stale_waiver_does_not_fail_where_nothing_does_but_is_told(nights: Nights) -> None:
    run = replace(read(nights, {}), waivers=(waiver(stale=True),))
    answer = judged(run, GatePolicy(fail_on=None))
    assert (answer.code, answer.stale_waivers) == (ExitCode.OK, 1)
    assert "1 waiver expired or covering nothing" in answer.reason


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (None, Status.FAIL, 1),
        (Status.FAIL, Status.FAIL, 0),
        (Status.UNKNOWN, Status.UNKNOWN, 0),
        (Status.FAIL, Status.UNKNOWN, 3),
        (Status.UNKNOWN, Status.FAIL, 1),
        (Status.WAIVED, Status.FAIL, 1),
        (Status.NEEDS_DECISION, Status.FAIL, 1),
        (Status.ATTESTED, Status.UNKNOWN, 3),
        (None, Status.UNKNOWN, 3),
        (Status.FAIL, Status.WAIVED, 0),
        (Status.FAIL, None, 0),
    ],
)
def test_new_is_what_stood_otherwise_in_the_accepted_run(
    nights: Nights, before: Status | None, after: Status | None, code: int
) -> None:
    accepted = nights.night({"u1": verdict_with(before)} if before else {})
    run = read(nights, {"u1": verdict_with(after)} if after else {})
    answer = judged(run, NEW, KnownFindings.of(nights.history, accepted))
    assert answer.code == code
    assert answer.reason.endswith(f"against accepted run {accepted.facts.id}.")


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (["US", "RU"], ["US", "RU"], 0),
        (["US", "RU", "CN"], ["US", "RU"], 0),
        (["US", "RU"], ["US", "RU", "CN"], 1),
        (["US"], ["US", "CN"], 1),
    ],
)
def test_a_known_deviation_that_goes_further_is_new(
    nights: Nights, before: list[Json], after: list[Json], code: int
) -> None:
    def found(observed: list[Json]) -> Verdict:
        expected = {"op": "disjoint_from", "value": ["RU", "CN"]}
        return deviation("AI-01", observed=observed, expected=expected)

    accepted = nights.night({"u1": found(before)})
    run = read(nights, {"u1": found(after)})
    assert judged(run, NEW, KnownFindings.of(nights.history, accepted)).code == code


def test_what_is_unknown_for_another_cause_is_new(nights: Nights) -> None:
    accepted = nights.night({"u1": unknown()})
    run = read(nights, {"u1": replace(unknown(), cause=Cause.UNDOCUMENTED_VALUE)})
    assert judged(run, NEW, KnownFindings.of(nights.history, accepted)).code == 3


def test_without_new_only_the_accepted_run_does_not_count(nights: Nights) -> None:
    accepted = nights.night({"u1": Status.FAIL})
    known = KnownFindings.of(nights.history, accepted)
    answer = judged(read(nights, {"u1": Status.FAIL}), OPEN, known)
    assert (answer.code, answer.deviations) == (ExitCode.DEVIATIONS, 1)
    assert "accepted" not in answer.reason


def test_it_names_one_example_of_each_kind_the_deviations_first(nights: Nights) -> None:
    verdicts: dict[str, Verdict | Status] = {f"u{n}": Status.FAIL for n in range(30)}
    verdicts |= {f"v{n}": unknown() for n in range(30)}
    verdicts |= {f"w{n:02}": deviation("AI-01", setting=f"other.{n:02}") for n in range(30)}
    answer = answered(nights, verdicts)
    assert (answer.deviations, answer.unknown) == (60, 30)
    assert len(answer.examples) == MAX_EXAMPLES
    found = answer.examples
    kinds = {(f.verdict.status, f.verdict.setting, f.level) for f in found}
    assert len(kinds) == MAX_EXAMPLES
    assert {f.verdict.status for f in found} == {Status.FAIL}


def test_an_example_tells_for_how_many_scopes_it_stands(nights: Nights) -> None:
    verdicts: dict[str, Verdict | Status] = {f"u{n:02}": Status.FAIL for n in range(18)}
    verdicts |= {f"v{n}": unknown() for n in range(3)}
    answer = answered(nights, verdicts)
    assert [each.count for each in answer.examples] == [18, 3]


def test_the_time_of_the_answer_is_any_time_zone(entry: StoredRun) -> None:
    elsewhere = ended(entry).astimezone(UTC).astimezone()
    assert rejection_of(entry, elsewhere) is None
