"""Evaluation: every scope once, no level omitted, the same result in any order."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.read_plan import PENDING, PHONE, TOKEN
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import (
    ApiUsage,
    FindingKind,
    ReadError,
    Severity,
    Status,
    Verdict,
)
from auditor.findings.run import Run
from auditor.policy.catalogue.controls import Check
from auditor.policy.evaluation import evaluate as evaluation_module
from auditor.policy.evaluation.evaluate import Evaluation, judged_levels, not_reached
from auditor.policy.judging import judge
from auditor.policy.judging.groups import EPOCH
from auditor.policy.judging.judge import CheckContext
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    LISTED,
    READ_AT,
    Json,
    ScopeBodies,
    baseline_of,
    check,
    document,
    evaluated,
    expected_control,
    expected_derived,
    locks_body,
    only_verdict,
    outcome,
    run_info,
    scope_verdicts,
    settings_body,
    snapshot_of,
    statuses,
)
from tests.policy.samples import BASELINES, PARAMETERS

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
BASELINE = baseline_of(expected_control(check()))


def user(
    n: int, value: JsonValue = None, groups: tuple[str, ...] = ("g1",), **fields: Any
) -> ScopeBodies:
    fields = {"licence": 2, "status": "active", **fields}
    scope = Scope(Level.USER, f"u{n}", f"User {n}", f"u{n}@example.com", groups, **fields)
    return scope, settings_body(value) if value is not None else {}


# Scopes


def test_the_levels_of_a_control_are_those_of_its_expectations() -> None:
    both = expected_control(check(), check("in_meeting.deep", levels=[Level.USER, Level.MEETING]))
    assert judged_levels(both) == {Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING}
    shallow = replace(
        both, expectations={"in_meeting.thing": both.expectations["in_meeting.thing"]}
    )
    assert judged_levels(shallow) == {Level.ACCOUNT, Level.GROUP, Level.USER}
    assert judged_levels(expected_derived("CC-02")) == {Level.ACCOUNT}
    assert judged_levels(replace(both, expectations={})) == {Level.ACCOUNT}


def test_every_scope_down_to_the_depth_is_judged() -> None:
    snapshot = snapshot_of(
        (ACCOUNT, settings_body(False)), (GROUP, settings_body(True)), user(1, False)
    )
    for depth, expected in (
        (Level.ACCOUNT, {"acc": PASS}),
        (Level.GROUP, {"acc": PASS, "g1": FAIL}),
        (Level.USER, {"acc": PASS, "g1": FAIL, "u1": PASS}),
        (Level.MEETING, {"acc": PASS, "g1": FAIL, "u1": PASS}),
    ):
        assert statuses(evaluated(snapshot, BASELINE, depth=depth)) == expected


def test_a_scope_without_any_document_is_unknown() -> None:
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), (GROUP, {}), user(1))
    found = evaluated(snapshot, BASELINE)
    assert statuses(found) == {"acc": PASS, "g1": UNKNOWN, "u1": UNKNOWN}
    assert only_verdict(found, "value", "u1").cause is Cause.NOT_COLLECTED


def test_invited_users_are_counted_and_not_judged() -> None:
    invited, _ = user(2, status="pending")
    found = evaluated(
        snapshot_of((ACCOUNT, settings_body(False)), (invited, {}), user(1, False)), BASELINE
    )
    assert statuses(found) == {"acc": PASS, "u1": PASS}
    assert found.summary.pending_users == 1
    assert found.summary.coverage == {Level.ACCOUNT: 1, Level.GROUP: 0, Level.USER: 1}
    assert found.complete


def test_inactive_users_are_judged() -> None:
    found = evaluated(
        snapshot_of((ACCOUNT, settings_body(False)), user(1, True, status="inactive")), BASELINE
    )
    assert statuses(found)["u1"] is FAIL


@pytest.mark.parametrize(
    ("listing", "scope_id", "name", "level"),
    [
        (View("groups"), "*", "groups that could not be listed", Level.GROUP),
        (View("users", "active"), "*active", "active people that could not be listed", Level.USER),
        (
            View("users", "inactive"),
            "*inactive",
            "inactive people that could not be listed",
            Level.USER,
        ),
    ],
)
@pytest.mark.parametrize("cause", [Cause.DENIED, Cause.ERROR, None])
def test_a_level_that_could_not_be_listed_is_unknown_as_a_whole(
    listing: View, scope_id: str, name: str, level: Level, cause: Cause | None
) -> None:
    listings = {**LISTED, listing: cause}
    if cause is None:
        del listings[listing]
    found = evaluated(snapshot_of((ACCOUNT, settings_body(False)), listings=listings), BASELINE)
    (row,) = [(s, v) for s, v in scope_verdicts(found) if s.id == scope_id]
    assert (row[0].level, row[0].name) == (level, name)
    assert (row[1].status, row[1].cause) == (UNKNOWN, cause or Cause.NOT_COLLECTED)
    assert not found.complete


def test_users_listed_before_the_list_broke_off_are_judged_beside_the_rest() -> None:
    listings = {**LISTED, View("users", "active"): Cause.ERROR}
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), user(1, True), listings=listings)
    assert statuses(evaluated(snapshot, BASELINE)) == {"acc": PASS, "u1": FAIL, "*active": UNKNOWN}


def test_a_listing_that_nobody_needs_is_not_missed() -> None:
    account_only = baseline_of(expected_control(check(levels=[Level.ACCOUNT])))
    found = evaluated(snapshot_of((ACCOUNT, settings_body(False)), listings=None), account_only)
    assert statuses(found) == {"acc": PASS}
    assert found.complete


def test_a_refused_list_of_invited_users_does_no_harm() -> None:
    listings = {**LISTED, PENDING: Cause.DENIED}
    found = evaluated(snapshot_of((ACCOUNT, settings_body(False)), listings=listings), BASELINE)
    assert found.complete
    assert found.errors == ()


# Zoom Phone, the app's token, meetings

PHONE_LEVELS = (Level.PHONE_ACCOUNT, Level.PHONE_GROUP, Level.PHONE_SITE, Level.PHONE_USER)
PHONE_CHECK = check(
    "call.enable", surface="phone_account_settings", levels=PHONE_LEVELS, lock=None, lock_levels=()
)
PHONE_WANTED = baseline_of(expected_control(PHONE_CHECK, when_absent="not_applicable"))
PHONE_SCOPE = Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone")


def phone(
    body: Json | Cause,
) -> tuple[dict[Level, tuple[Status, Cause | None]], Evaluation]:
    found = evaluated(snapshot_of((PHONE_SCOPE, {PHONE: body})), PHONE_WANTED)
    assert {s.level for s, _ in scope_verdicts(found)} == set(PHONE_LEVELS)
    return {s.level: (v.status, v.cause) for s, v in scope_verdicts(found)}, found


def test_without_a_licence_zoom_phone_does_not_apply_at_any_level() -> None:
    found, evaluation = phone(Cause.NOT_LICENSED)
    assert set(found.values()) == {(Status.NOT_APPLICABLE, None)}
    assert evaluation.complete


@pytest.mark.parametrize("cause", [Cause.DENIED, Cause.ERROR])
def test_a_refused_phone_document_leaves_every_level_unknown(cause: Cause) -> None:
    found, evaluation = phone(cause)
    assert set(found.values()) == {(UNKNOWN, cause)}
    assert not evaluation.complete


def test_below_the_phone_account_nothing_is_read_and_nothing_passes() -> None:
    found, evaluation = phone({"call": {"enable": False}})
    assert found.pop(Level.PHONE_ACCOUNT) == (PASS, None)
    assert set(found.values()) == {(UNKNOWN, Cause.NOT_COLLECTED)}
    assert not evaluation.complete


@pytest.mark.parametrize("snapshot", [snapshot_of(), snapshot_of((PHONE_SCOPE, {}))])
def test_a_phone_document_nobody_asked_for_is_never_silent(snapshot: Snapshot) -> None:
    found = scope_verdicts(evaluated(snapshot, PHONE_WANTED))
    assert {s.level for s, _ in found} == set(PHONE_LEVELS)
    assert {(v.status, v.cause) for _, v in found} == {(UNKNOWN, Cause.NOT_COLLECTED)}


def test_sites_are_not_silent_where_only_they_are_asked_about() -> None:
    one = check("summary.auto", surface="phone_site", levels=[Level.PHONE_SITE], lock=None)
    ((scope, verdict),) = scope_verdicts(
        evaluated(snapshot_of(), baseline_of(expected_control(one)))
    )
    assert (scope.level, scope.id) == (Level.PHONE_SITE, "*")
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.NOT_COLLECTED)


TOKEN_WANTED = baseline_of(
    expected_control(
        check("token.scopes", surface="token", levels=[Level.APP], type=[], lock=None),
        op={"op": "no_write_scopes"},
    )
)


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        ({"token": {"scopes": ["user:read:admin"]}}, PASS, None),
        ({"token": {"scopes": ["user:write:admin"]}}, FAIL, None),
        ({"token": {"scopes": []}}, UNKNOWN, Cause.ABSENT),
        (Cause.ERROR, UNKNOWN, Cause.ERROR),
        (None, UNKNOWN, Cause.NOT_COLLECTED),
    ],
)
def test_the_apps_own_token_is_judged_or_unknown(
    body: Json | Cause,
    status: Status,
    cause: Cause | None,
) -> None:
    app = Scope(Level.APP, "acc", "the auditor's own app")
    snapshot = snapshot_of(*([] if body is None else [(app, {TOKEN: body})]))
    ((scope, verdict),) = scope_verdicts(evaluated(snapshot, TOKEN_WANTED))
    assert (scope.level, verdict.status, verdict.cause) == (Level.APP, status, cause)


def test_meetings_are_unknown_at_their_depth_and_named_as_not_reached_above_it() -> None:
    one = check("auto", surface="meeting", levels=[Level.MEETING, Level.WEBINAR], lock=None)
    expectation = baseline_of(expected_control(one))
    for depth in (Level.ACCOUNT, Level.GROUP, Level.USER):
        found = evaluated(snapshot_of(), expectation, depth=depth)
        assert (scope_verdicts(found), found.summary.not_reached) == ([], ("AI-01",))
    found = evaluated(snapshot_of(), expectation, depth=Level.MEETING)
    assert {(s.level, v.cause) for s, v in scope_verdicts(found)} == {
        (Level.MEETING, Cause.NOT_COLLECTED),
        (Level.WEBINAR, Cause.NOT_COLLECTED),
    }
    assert found.summary.not_reached == ()


def test_controls_that_say_nothing_at_the_depth_are_named() -> None:
    below = expected_control(
        check(levels=[Level.GROUP, Level.USER], lock=None, lock_levels=()), id="AI-02"
    )
    expectation = baseline_of(
        expected_control(check()), below, expected_derived("CC-01"), expected_derived("CC-02")
    )
    assert not_reached(expectation, Level.ACCOUNT) == ("AI-02", "CC-02")
    assert not_reached(expectation, Level.GROUP) == ()
    assert not_reached(expectation, Level.USER) == ()


# Counts


def test_counts_add_up_with_the_findings() -> None:
    listings = {**LISTED, View("groups"): Cause.DENIED}
    expectation = baseline_of(
        expected_control(check(), lock=True),
        expected_control(check("in_meeting.other"), id="AI-02", severity=Severity.LOW),
        expected_derived("CC-01"),
        expected_derived("CC-02"),
        expected_derived("CC-07"),
    )
    snapshot = snapshot_of(
        (
            ACCOUNT,
            {
                SETTINGS: {"in_meeting": {"thing": False, "other": True, "brand_new": 1}},
                **locks_body(False),
            },
        ),
        (GROUP, settings_body(False)),
        *[user(n, n % 2 == 0) for n in range(5)],
        listings=listings,
    )
    for depth in (Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING):
        found = evaluated(snapshot, expectation, depth=depth)
        summary = found.summary
        verdicts = [v for _, v in scope_verdicts(found)]
        assert Counter(v.status for v in verdicts) == Counter(summary.by_status)
        assert set(summary.by_status) == set(Status)
        assert sum(summary.by_severity.values()) == summary.by_status[FAIL]
        assert sum(summary.by_level.values()) == summary.by_status[FAIL]
        assert sum(summary.unknown_by_severity.values()) == summary.by_status[UNKNOWN]
        assert set(summary.by_severity) == set(summary.unknown_by_severity) == set(Severity)
        unread = [v for v in verdicts if v.cause is not None and v.cause.is_failed_read]
        assert summary.unread == len(unread)
        slim = evaluation_module.evaluate(snapshot, CATALOGUE, expectation, {}, depth)
        assert slim.summary == summary
        listed = list(run_of(slim, snapshot).findings())
        assert len(listed) == sum(summary.by_status.values()) - summary.by_status[PASS]
        assert [f.order for f in listed] == sorted(f.order for f in listed)
        everything = list(run_of(found, snapshot).findings())
        assert len(everything) == sum(summary.by_status.values())
        assert [f.order for f in everything] == sorted(f.order for f in everything)
        assert len({f.fingerprint for f in everything}) == len(everything)


def test_settings_returned_and_judged_are_counted_by_path() -> None:
    body: Json = {"in_meeting": {"thing": False, "chat": True}, "a": {"b": 1}}
    expectation = baseline_of(expected_control(check()), expected_derived("CC-07"))
    snapshot = snapshot_of(
        (ACCOUNT, {SETTINGS: body}), (GROUP, {SETTINGS: body, LOCKS: {"x": {"y": 1}}})
    )
    summary = evaluated(snapshot, expectation).summary
    assert (summary.settings_returned, summary.settings_judged) == (3, 1)


# Read errors


def test_equal_refusals_are_one_row_with_the_controls_they_blind() -> None:
    expectation = baseline_of(
        expected_control(check()),
        expected_control(
            check("in_meeting.b", levels=[Level.USER], lock=None, lock_levels=()), id="AI-02"
        ),
        expected_control(
            check("in_meeting.c", levels=[Level.ACCOUNT], lock=None, lock_levels=()), id="AI-03"
        ),
        expected_control(
            check("in_meeting.d", view="security", levels=[Level.USER], lock=None), id="AI-04"
        ),
    )
    refused = [(user(n)[0], {SETTINGS: Cause.DENIED}) for n in range(3)]
    found = evaluated(snapshot_of((ACCOUNT, settings_body(False)), *refused), expectation)
    assert found.errors == (
        ReadError(
            "GET /users/{userId}/settings", Cause.DENIED, "Zoom said so", ("AI-01", "AI-02"), 3
        ),
    )


def test_a_refused_lock_document_and_a_refused_list_blind_their_controls() -> None:
    listings = {**LISTED, View("users", "active"): Cause.ERROR}
    snapshot = snapshot_of(
        (ACCOUNT, {**settings_body(False), LOCKS: Cause.DENIED}), listings=listings
    )
    errors = evaluated(snapshot, BASELINE).errors
    assert [(e.source, e.cause, e.controls, e.scopes) for e in errors] == [
        ("GET /accounts/me/lock_settings", Cause.DENIED, ("AI-01",), 1),
        ("GET /accounts/me/users?option=active", Cause.ERROR, ("AI-01",), 1),
    ]


@pytest.mark.parametrize("cause", [Cause.ABSENT, Cause.NOT_LICENSED, Cause.UNDOCUMENTED_VALUE])
def test_what_zoom_does_not_have_is_no_read_error(cause: Cause) -> None:
    found = evaluated(snapshot_of((ACCOUNT, {SETTINGS: cause})), BASELINE, depth=Level.ACCOUNT)
    assert found.errors == ()
    assert found.complete


def test_a_refusal_that_blinds_no_control_is_no_error() -> None:
    view = View("settings", "meeting_authentication")
    found = evaluated(
        snapshot_of((ACCOUNT, {**settings_body(False), view: Cause.DENIED})), BASELINE
    )
    assert found.errors == ()


def test_a_read_that_was_never_made_is_incomplete_without_an_error_row() -> None:
    found = evaluated(snapshot_of((ACCOUNT, {})), BASELINE, depth=Level.ACCOUNT)
    assert found.errors == ()
    assert (found.summary.unread, found.complete) == (1, False)


def test_errors_of_the_token_and_zoom_phone_are_told() -> None:
    app = Scope(Level.APP, "acc", "app")
    expectation = baseline_of(*TOKEN_WANTED.assessed.values())
    errors = evaluated(
        snapshot_of((app, {TOKEN: Cause.ERROR})), expectation, depth=Level.ACCOUNT
    ).errors
    assert [(e.source, e.controls) for e in errors] == [("GET /else/token", ("AI-01",))]
    errors = evaluated(snapshot_of((PHONE_SCOPE, {PHONE: Cause.DENIED})), PHONE_WANTED).errors
    assert [e.controls for e in errors] == [("AI-01",)]


# The same result every time


def run_of(evaluation: Evaluation, snapshot: Snapshot) -> Run:
    info = run_info(evidence_digest=snapshot.digest(), complete=evaluation.complete)
    return Run(info, evaluation.summary, ApiUsage(), evaluation.errors, {}, evaluation.assessments)


def shuffled(
    rows_: list[ScopeBodies],
    seed: int,
) -> Snapshot:
    """The same evidence, recorded in another order and at other times."""
    dice = random.Random(seed)
    snapshot = Snapshot.create()
    order = list(rows_)
    dice.shuffle(order)
    for scope, _ in order:
        snapshot.add_scope(scope)
    reads = [(scope, view, body) for scope, bodies in order for view, body in bodies.items()]
    dice.shuffle(reads)
    for scope, view, body in reads:
        snapshot.record(scope, view, outcome(scope, view, body))
    return snapshot


def mixed_world() -> list[ScopeBodies]:
    groups = [
        (
            Scope(Level.GROUP, f"g{n}", f"Group {n}"),
            {
                SETTINGS: {"in_meeting": {"thing": n % 2 == 0, "brand_new_ai": n}},
                **locks_body(n == 1),
            },
        )
        for n in range(4)
    ]
    values: list[JsonValue] = [True, False, "maybe"]
    users = [user(n, values[n % 3], (f"g{n % 4}",)) for n in range(12)]
    users += [(Scope(Level.USER, "u99", licence=1), {SETTINGS: Cause.DENIED})]
    return [(ACCOUNT, {**settings_body(False), **locks_body(False), **LISTED}), *groups, *users]


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_recording_changes_nothing(seed: int) -> None:
    expectation = baseline_of(
        expected_control(check(), lock=True),
        expected_derived("CC-01"),
        expected_derived("CC-02"),
        expected_derived("CC-07"),
    )
    first, other = shuffled(mixed_world(), 99), shuffled(mixed_world(), seed)
    assert first.digest() == other.digest()
    one, two = evaluated(first, expectation), evaluated(other, expectation)
    assert one.summary == two.summary
    assert one.errors == two.errors
    listed = [list(run_of(each, first).findings()) for each in (one, two)]
    assert listed[0] == listed[1]
    assert len(listed[0]) > 30


@pytest.mark.parametrize("name", BASELINES)
def test_evaluating_twice_gives_the_same(name: str) -> None:
    snapshot = shuffled(mixed_world(), 1)
    once, again = (evaluated(snapshot, BASELINES[name], PARAMETERS) for _ in range(2))
    for first, second in zip(once.assessments, again.assessments, strict=True):
        assert (first.scope, first.verdicts) == (second.scope, second.verdicts)
        assert first.observed_at == second.observed_at
    assert (once.summary, once.errors) == (again.summary, again.errors)


def test_equal_documents_of_users_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[Level] = Counter()
    value = judge.value

    def counted(case: CheckContext, check: Check) -> Verdict | None:
        calls[case.scope.level] += 1
        return value(case, check)

    monkeypatch.setattr(judge, "value", counted)
    users = [user(n, n % 2 == 0) for n in range(40)]
    users += [user(100 + n, True, groups=()) for n in range(3)]
    users += [user(200 + n, True, licence=1) for n in range(3)]
    users += [(user(300 + n)[0], {SETTINGS: Cause.DENIED}) for n in range(3)]
    found = evaluated(snapshot_of((ACCOUNT, settings_body(False)), *users), BASELINE)
    assert calls[Level.USER] == 5
    assert Counter(statuses(found).values()) == {PASS: 21, FAIL: 26, UNKNOWN: 3}
    shared = {a.verdict_set.number for a in found.assessments if a.scope.level is Level.USER}
    assert len(shared) == 5


def test_a_finding_says_when_its_document_was_read() -> None:
    snapshot = Snapshot.create()
    times = {ACCOUNT: "2026-11-21T20:00:01.000Z", GROUP: "2026-11-21T20:00:02.000Z"}
    for scope, when in times.items():
        snapshot.add_scope(scope)
        snapshot.record(scope, SETTINGS, document({"in_meeting": {"thing": True}}, when, when))
    snapshot.record(ACCOUNT, View("groups"), document({}, "GET /groups", READ_AT))
    found = evaluated(snapshot, BASELINE, depth=Level.GROUP)
    listed = run_of(found, snapshot).findings()
    assert {f.scope: f.observed_at for f in listed} == times


def test_an_unlisted_level_has_the_time_of_the_accounts_first_read() -> None:
    found = evaluated(snapshot_of((ACCOUNT, settings_body(False)), listings=None), BASELINE)
    (unlisted,) = [a for a in found.assessments if a.scope.id == "*"]
    assert set(unlisted.observed_at.values()) == {READ_AT}
    found = evaluated(snapshot_of(listings=None), BASELINE)
    (unlisted,) = [a for a in found.assessments if a.scope.id == "*"]
    assert set(unlisted.observed_at.values()) == {EPOCH}


def test_passes_are_counted_and_kept_only_when_asked_for() -> None:
    snapshot = snapshot_of((ACCOUNT, settings_body(False)), user(1, False))
    slim = evaluation_module.evaluate(snapshot, CATALOGUE, BASELINE, {}, Level.USER)
    assert list(slim.assessments) == []
    assert slim.summary.by_status[PASS] == 2
    assert [v.kind for _, v in scope_verdicts(evaluated(snapshot, BASELINE))] == [
        FindingKind.VALUE
    ] * 2
