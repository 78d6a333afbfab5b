from collections import Counter
from dataclasses import replace

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind, Severity, Status
from auditor.findings.rollup import ControlRollup, Rollup, roll_up
from auditor.findings.verdict_store import VerdictStore
from tests.report import worlds
from tests.report.worlds import account, deviation, group, judged, run_of, unknown, user


def control(rollup: Rollup, id_: str) -> ControlRollup:
    return next(c for c in rollup.controls if c.info.id == id_)


def test_the_rollup_counts_exactly_what_the_findings_say() -> None:
    run = worlds.everything()
    rollup, findings = roll_up(run), list(run.findings())
    by_control = Counter((f.verdict.control, f.verdict.status) for f in findings)
    counted = {(c.info.id, s): n for c in rollup.controls for s, n in c.by_status.items()}
    assert counted == by_control
    assert sum(g.count for g in rollup.groups) == len(findings)
    failing = {
        (f.verdict.control, f.scope.level, f.scope.id)
        for f in findings
        if f.verdict.status == "fail"
    }
    levels = Counter((control, level) for control, level, _ in failing)
    assert {(c.info.id, at): n for c in rollup.controls for at, n in c.deviating.items()} == levels
    assert rollup.deviating == Counter(level for level, _ in {(at, i) for _, at, i in failing})
    assert sum(c.checks for c in rollup.causes) == run.summary.by_status[Status.UNKNOWN]


def test_a_scope_with_two_deviations_of_a_control_counts_once() -> None:
    twice = [deviation(), deviation(setting="another", severity=Severity.LOW)]
    rollup = roll_up(run_of([judged(user(1), twice)]))
    assert control(rollup, "AI-01").deviating == {Level.USER: 1}
    assert control(rollup, "AI-01").by_status == {Status.FAIL: 2}
    assert control(rollup, "AI-01").severity is Severity.CRITICAL


def test_a_scope_judged_in_two_parts_counts_once() -> None:
    parts = [judged(account(), [deviation()]), judged(account(), [deviation(setting="another")])]
    rollup = roll_up(run_of(parts))
    assert control(rollup, "AI-01").deviating_scopes == 1
    assert rollup.deviating_scopes == len(rollup.worst) == 1


def test_equal_verdicts_are_one_group_and_names_are_capped() -> None:
    rollup = roll_up(run_of([judged(user(at), [deviation()]) for at in range(7)]), names=3)
    (only,) = rollup.groups
    assert (only.count, len(only.scopes), only.unnamed) == (7, 3, 4)
    assert [scope.id for scope in only.scopes] == ["u00000", "u00001", "u00002"]
    assert only.by_level == {Level.USER: 7}


def test_values_that_only_look_equal_stay_apart() -> None:
    odd = [True, 1, 1.0, "true", None, [1], {"a": 1}]
    scopes = [judged(user(at), [deviation(observed=value)]) for at, value in enumerate(odd)]
    assert len(roll_up(run_of(scopes)).groups) == len(odd)


def test_a_group_tells_between_which_times_its_evidence_came() -> None:
    early, late = "2026-11-21T21:00:00Z", "2026-11-21T22:00:00Z"
    rollup = roll_up(
        run_of([judged(user(1), [deviation()], late), judged(user(2), [deviation()], early)])
    )
    assert (rollup.groups[0].observed_from, rollup.groups[0].observed_to) == (early, late)


def test_evidence_without_a_time_has_none() -> None:
    rollup = roll_up(run_of([replace(judged(user(1), [deviation()]), observed_at={})]))
    assert (rollup.groups[0].observed_from, rollup.groups[0].observed_to) == (None, None)


def test_one_critical_weighs_more_than_two_high() -> None:
    critical = judged(user(1), [deviation("AI-01")])
    high = judged(user(2), [deviation("RC-02"), deviation("AI-06")])
    rollup = roll_up(run_of([high, critical]), worst=1)
    assert [row.scope.id for row in rollup.worst] == ["u00001"]
    assert rollup.deviating_scopes == 2


def test_groups_come_before_people_who_only_have_what_their_group_has() -> None:
    of_person = judged(user(1), [deviation("AI-01")])
    of_group = judged(group(1), [deviation("RC-02", severity=Severity.LOW)])
    rollup = roll_up(run_of([of_person, of_group]))
    assert [row.scope.level for row in rollup.worst] == [Level.GROUP, Level.USER]


def test_controls_come_worst_first_and_those_without_deviations_last() -> None:
    rollup = roll_up(worlds.everything())
    ids = [c.info.id for c in rollup.controls]
    assert ids[:5] == ["AI-01", "CN-05", "RC-02", "RT-01", "IA-04"]
    assert set(ids) == set(worlds.CONTROLS)
    assert [c.info.id for c in rollup.deviating_controls] == ids[:5]


def test_a_control_nobody_described_is_named_by_its_id() -> None:
    run = replace(run_of([judged(user(1), [deviation()])]), controls={})
    assert control(roll_up(run), "AI-01").info.title == "AI-01"
    unknown_only = replace(run_of([judged(user(1), [unknown(Cause.ABSENT)])]), controls={})
    assert control(roll_up(unknown_only), "AI-06").severity is Severity.MEDIUM


def test_unknowns_are_counted_by_cause_the_most_frequent_first() -> None:
    rollup = roll_up(worlds.everything())
    assert [(c.cause, c.checks, c.scopes) for c in rollup.causes[:2]] == [
        (Cause.DENIED, 24, 12),
        (Cause.ABSENT, 20, 20),
    ]
    assert rollup.causes[0].controls == ("AI-01", "AI-06")


def test_an_unknown_without_a_cause_is_counted_too() -> None:
    rollup = roll_up(run_of([judged(user(1), [deviation(status=Status.UNKNOWN)])]))
    assert [(c.cause, c.checks) for c in rollup.causes] == [(None, 1)]


def test_locks_decisions_attestations_and_new_settings_are_distinguished() -> None:
    rollup = roll_up(worlds.everything())
    assert {g.verdict.kind for g in rollup.locks} == {FindingKind.LOCK}
    assert FindingKind.LOCK not in {g.verdict.kind for g in rollup.deviations}
    assert [g.verdict.control for g in rollup.decisions] == ["DR-01"]
    assert [g.verdict.control for g in rollup.attestations] == ["TP-01", "TR-01"]
    assert [g.verdict.setting for g in rollup.uncovered] == ["in_meeting.brand_new_ai_thing"]
    assert len(rollup.unknowns) == 8


def test_the_order_of_the_evidence_does_not_matter() -> None:
    run = worlds.everything()
    turned = replace(run, assessments=VerdictStore.of(reversed(list(run.assessments))))
    assert roll_up(turned) == roll_up(run)


def test_an_empty_run_rolls_up_to_nothing() -> None:
    rollup = roll_up(worlds.empty())
    assert (rollup.controls, rollup.groups, rollup.worst, rollup.causes) == ([], [], [], [])


def test_names_are_ordered_as_people_read_them() -> None:
    scopes = [
        judged(group(1, "beta"), [deviation(level=Level.GROUP)]),
        judged(group(2, "Alpha"), [deviation(level=Level.GROUP)]),
    ]
    (only,) = roll_up(run_of(scopes)).groups
    assert [scope.name for scope in only.scopes] == ["Alpha", "beta"]
