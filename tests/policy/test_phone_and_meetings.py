"""Phone sites, groups and users, meetings and webinars: every scope judged, no level omitted."""

from typing import Any

import pytest

from auditor.evidence.read_plan import COVERAGE_VIEWS, MEETING, PHONE, PHONE_VIEWS
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import ReadFailure, View
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.overrides import Override, Overrides
from auditor.policy.evaluation.evaluate import Evaluation
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    LISTED,
    READ_AT,
    USER,
    Bodies,
    Json,
    ScopeBodies,
    baseline_of,
    check,
    evaluated,
    expected_control,
    only_verdict,
    scope_verdicts,
    snapshot_of,
)

FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN
NOT_APPLICABLE = Status.NOT_APPLICABLE
BELOW = (Level.PHONE_GROUP, Level.PHONE_SITE, Level.PHONE_USER)
ALL_PHONE = (Level.PHONE_ACCOUNT, *BELOW)
E2E = check(
    "e2e.enable",
    surface=PHONE.surface,
    levels=ALL_PHONE,
    lock="e2e.locked",
    lock_levels=ALL_PHONE,
)
SUMMARY = check(
    "call_summary.enable",
    surface="phone_site",
    levels=[Level.PHONE_SITE],
    lock="call_summary.locked",
    lock_levels=[Level.PHONE_SITE],
)
PHONE_ACCOUNT = Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone")
SCOPES = {
    Level.PHONE_SITE: Scope(Level.PHONE_SITE, "s1", "Main"),
    Level.PHONE_GROUP: Scope(Level.PHONE_GROUP, "g1", "Clinical"),
    Level.PHONE_USER: Scope(Level.PHONE_USER, "u1", "Ada", "ada@example.com", ("g1",)),
}
COUNTED = {level: COVERAGE_VIEWS[level, PHONE.surface] for level in BELOW}
MEETINGS, WEBINARS = (
    COVERAGE_VIEWS[level, MEETING.surface] for level in (Level.MEETING, Level.WEBINAR)
)


def item(enable: bool, locked: bool | str = True, by: object = "account") -> dict[str, Any]:
    return {"e2e": {"enable": enable, "locked": locked, "locked_by": by}}


def placed(level: Level, body: Json | Cause) -> Bodies:
    """The document of a phone level as Zoom shapes it."""
    under_policy = level in (Level.PHONE_SITE, Level.PHONE_USER)
    return {PHONE_VIEWS[level]: {"policy": body} if under_policy else body}


def account(
    **counts: Cause | tuple[int, int],
) -> ScopeBodies:
    """The account's record of how levels were gone through: `phone_sites=(listed, read)`."""
    bodies = {
        View(name): each if isinstance(each, Cause) else {"listed": each[0], "read": each[1]}
        for name, each in counts.items()
    }
    return ACCOUNT, bodies


def at(level: Level, evaluation: Evaluation, kind: str = "value") -> dict[str, Verdict]:
    """Scope id to verdict at one level."""
    return {s.id: v for s, v in scope_verdicts(evaluation) if s.level is level and v.kind == kind}


EVERY_LEVEL = account(phone_sites=(1, 1), phone_groups=(1, 1), phone_users=(1, 1))


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize(("value", "status"), [(False, PASS), (True, FAIL)])
def test_each_phone_level_is_judged_by_its_own_document(
    level: Level, value: bool, status: Status
) -> None:
    scopes = [(scope, placed(lv, item(False))) for lv, scope in SCOPES.items() if lv is not level]
    own = (SCOPES[level], placed(level, item(value)))
    top = (PHONE_ACCOUNT, {PHONE: item(False)})
    found = evaluated(
        snapshot_of(EVERY_LEVEL, top, own, *scopes), baseline_of(expected_control(E2E))
    )
    for each in BELOW:
        (verdict,) = at(each, found).values()
        assert verdict.status is (status if each is level else PASS)
    (verdict,) = at(level, found).values()
    assert (verdict.observed, verdict.source) == (value, f"GET /else/{PHONE_VIEWS[level]}")


def test_one_document_of_a_site_answers_the_checks_of_both_surfaces() -> None:
    body = {**item(True), "call_summary": {"enable": True, "locked": True}}
    site = (SCOPES[Level.PHONE_SITE], placed(Level.PHONE_SITE, body))
    found = evaluated(snapshot_of(EVERY_LEVEL, site), baseline_of(expected_control(E2E, SUMMARY)))
    assert {v.setting: v.status for s, v in scope_verdicts(found) if s.id == "s1"} == {
        "e2e.enable": FAIL,
        "call_summary.enable": FAIL,
    }


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize("body", [{}, {"e2e": {}}, None])
def test_a_setting_that_a_phone_document_lacks_is_absent(level: Level, body: Json) -> None:
    scope = (SCOPES[level], placed(level, body))
    verdict = at(
        level, evaluated(snapshot_of(EVERY_LEVEL, scope), baseline_of(expected_control(E2E)))
    )[scope[0].id]
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.ABSENT)


@pytest.mark.parametrize("level", BELOW)
def test_a_phone_scope_without_a_document_is_not_collected(level: Level) -> None:
    scope: ScopeBodies = (SCOPES[level], {})
    verdict = at(
        level, evaluated(snapshot_of(EVERY_LEVEL, scope), baseline_of(expected_control(E2E)))
    )[scope[0].id]
    assert (verdict.status, verdict.cause) == (UNKNOWN, Cause.NOT_COLLECTED)


@pytest.mark.parametrize("level", BELOW)
def test_a_level_nobody_went_through_is_not_collected(level: Level) -> None:
    found = at(level, evaluated(snapshot_of(), baseline_of(expected_control(E2E))))
    assert {key: (v.status, v.cause) for key, v in found.items()} == {
        "*": (UNKNOWN, Cause.NOT_COLLECTED)
    }


@pytest.mark.parametrize("level", BELOW)
@pytest.mark.parametrize("cause", [Cause.DENIED, Cause.ERROR, Cause.NOT_LICENSED])
def test_a_level_that_was_refused_is_one_row_with_its_cause(level: Level, cause: Cause) -> None:
    counts = {COUNTED[lv].surface: cause if lv is level else (0, 0) for lv in BELOW}
    found = evaluated(snapshot_of(account(**counts)), baseline_of(expected_control(E2E)))
    assert {key: (v.status, v.cause) for key, v in at(level, found).items()} == {
        "*": (UNKNOWN, cause)
    }


def test_a_missing_licence_settles_every_phone_level_where_the_catalogue_says_so() -> None:
    expectation = baseline_of(expected_control(E2E, SUMMARY, when_absent="not_applicable"))
    snapshot = snapshot_of((PHONE_ACCOUNT, {PHONE: Cause.NOT_LICENSED}))
    found = evaluated(snapshot, expectation)
    assert {s.level: v.status for s, v in scope_verdicts(found)} == dict.fromkeys(
        ALL_PHONE, NOT_APPLICABLE
    )
    assert found.complete


def test_a_check_may_be_settled_by_a_licence_of_its_own() -> None:
    own = check(
        "e2e.enable",
        surface=PHONE.surface,
        levels=[Level.PHONE_ACCOUNT],
        lock=None,
        lock_levels=[],
        when_absent="not_applicable",
    )
    snapshot = snapshot_of((PHONE_ACCOUNT, {PHONE: Cause.NOT_LICENSED}))
    assert (
        only_verdict(evaluated(snapshot, baseline_of(expected_control(own))), "value").status
        is NOT_APPLICABLE
    )


def test_a_switch_nobody_could_read_for_want_of_a_licence_settles_what_depends_on_it() -> None:
    prompt = check(
        "rec.prompt",
        surface=PHONE.surface,
        levels=[Level.PHONE_ACCOUNT],
        lock=None,
        lock_levels=[],
        only_when={"setting": "rec.enable", "is": True},
    )
    expectation = baseline_of(expected_control(prompt, op=True, when_absent="not_applicable"))
    for cause, status in ((Cause.NOT_LICENSED, NOT_APPLICABLE), (Cause.DENIED, UNKNOWN)):
        snapshot = snapshot_of((PHONE_ACCOUNT, {PHONE: cause}))
        assert only_verdict(evaluated(snapshot, expectation), "value").status is status


def test_an_account_without_sites_does_not_show_what_only_sites_have() -> None:
    snapshot = snapshot_of(account(phone_sites=(0, 0)))
    ((scope, verdict),) = scope_verdicts(
        evaluated(snapshot, baseline_of(expected_control(SUMMARY)))
    )
    assert (scope.id, verdict.status, verdict.cause) == ("*", UNKNOWN, Cause.ABSENT)
    assert "no phone sites" in verdict.detail


@pytest.mark.parametrize(
    ("sites", "own", "status"),
    [
        ((1, 1), {"enable": True, "locked": False, "locked_by": "invalid"}, FAIL),
        ((1, 0), None, UNKNOWN),
        ((0, 0), None, UNKNOWN),
    ],
    ids=["on and unlocked", "not read", "none"],
)
def test_a_lock_of_the_phone_account_settles_no_site(
    sites: tuple[int, int], own: Json, status: Status
) -> None:
    """No source says that it binds sites: without a site's own document nothing is a pass."""
    locked: Json = {"call_summary": {"enable": False, "locked": True, "locked_by": "account"}}
    site = SCOPES[Level.PHONE_SITE], placed(Level.PHONE_SITE, {"call_summary": own})
    snapshot = snapshot_of(
        account(phone_sites=sites), (PHONE_ACCOUNT, {PHONE: locked}), *([site] if own else [])
    )
    found = evaluated(snapshot, baseline_of(expected_control(SUMMARY, lock=True)))
    for kind in ("value", "lock"):
        (verdict,) = at(Level.PHONE_SITE, found, kind).values()
        assert verdict.status is status, kind


@pytest.mark.parametrize(
    ("depth", "levels"),
    [
        (Level.ACCOUNT, {Level.PHONE_ACCOUNT, Level.PHONE_SITE}),
        (Level.GROUP, {Level.PHONE_ACCOUNT, Level.PHONE_SITE, Level.PHONE_GROUP}),
        (Level.USER, set(ALL_PHONE)),
    ],
)
def test_the_phone_is_looked_at_as_deep_as_the_rest(depth: Level, levels: set[Level]) -> None:
    assert {
        s.level
        for s, _ in scope_verdicts(
            evaluated(snapshot_of(), baseline_of(expected_control(E2E)), depth=depth)
        )
    } == levels


def test_a_control_of_phone_users_alone_is_not_reached_above_them() -> None:
    one = check("x", surface=PHONE.surface, levels=[Level.PHONE_USER], lock=None, lock_levels=[])
    found = evaluated(snapshot_of(), baseline_of(expected_control(one)), depth=Level.GROUP)
    assert found.summary.not_reached == ("AI-01",)


@pytest.mark.parametrize("has_others", [True, False])
def test_a_lock_that_stands_beside_the_value_is_due_at_the_phone_account(has_others: bool) -> None:
    """Whether the account has sites, groups and users of Zoom Phone or not."""
    below = SCOPES.items() if has_others else ()
    scopes = [(scope, placed(lv, item(False, locked=False))) for lv, scope in below]
    top = (PHONE_ACCOUNT, {PHONE: item(False, locked=False)})
    found = evaluated(
        snapshot_of(EVERY_LEVEL, top, *scopes), baseline_of(expected_control(E2E, lock=True))
    )
    locks = [(s.level, v.status) for s, v in scope_verdicts(found) if v.kind is FindingKind.LOCK]
    assert locks == [(Level.PHONE_ACCOUNT, FAIL)]


# Who decides, who can change


@pytest.mark.parametrize(
    ("locked", "by", "expected"),
    [
        (True, "account", (True, "phone_account", ("account_admin",))),
        (True, "user_group", (True, "phone_group", ("account_admin",))),
        (True, "site", (True, "phone_site", ("account_admin",))),
        (True, "invalid", (True, None, ("account_admin",))),
        (True, 7, (True, None, ("account_admin",))),
        (False, "invalid", (False, "phone_user", ("user", "account_admin"))),
        ("?", "account", (None, None, ("user", "account_admin"))),
    ],
)
def test_the_phone_says_who_locked_a_setting(
    locked: bool | str,
    by: int | str,
    expected: tuple[bool | None, str | None, tuple[str, ...]],
) -> None:
    user = (SCOPES[Level.PHONE_USER], placed(Level.PHONE_USER, item(True, locked, by)))
    found = evaluated(snapshot_of(EVERY_LEVEL, user), baseline_of(expected_control(E2E)))
    verdict = at(Level.PHONE_USER, found)["u1"]
    assert (verdict.locked, verdict.decided_by, verdict.changeable_by) == expected


@pytest.mark.parametrize(
    ("level", "sentence"),
    [
        (Level.PHONE_USER, "The person and account admins. No lock is on."),
        (
            Level.PHONE_SITE,
            "People at phone site “Main” for themselves and account admins. No lock is on.",
        ),
        (
            Level.PHONE_GROUP,
            "The one person in group “Clinical” for themselves and account admins. No lock is on.",
        ),
    ],
)
def test_who_can_change_a_phone_setting_is_a_sentence(level: Level, sentence: str) -> None:
    scope = (SCOPES[level], placed(level, item(True, locked=False)))
    found = evaluated(
        snapshot_of(EVERY_LEVEL, (USER, {}), scope), baseline_of(expected_control(E2E))
    )
    assert at(level, found)[scope[0].id].changeable == sentence


def test_the_lock_that_holds_a_phone_setting_is_named() -> None:
    user = (SCOPES[Level.PHONE_USER], placed(Level.PHONE_USER, item(True)))
    verdict = at(
        Level.PHONE_USER,
        evaluated(snapshot_of(EVERY_LEVEL, user), baseline_of(expected_control(E2E))),
    )["u1"]
    assert verdict.changeable == "Only an account admin. The phone account lock is on."


def test_a_phone_setting_without_a_lock_is_decided_where_it_stands() -> None:
    free = check("x", surface=PHONE.surface, levels=[Level.PHONE_SITE], lock=None, lock_levels=[])
    site = (SCOPES[Level.PHONE_SITE], placed(Level.PHONE_SITE, {"x": True}))
    verdict = at(
        Level.PHONE_SITE,
        evaluated(snapshot_of(EVERY_LEVEL, site), baseline_of(expected_control(free))),
    )["s1"]
    assert (verdict.decided_by, verdict.changeable_by) == ("phone_site", ("account_admin",))


def test_a_group_that_may_differ_may_differ_on_the_phone_too() -> None:
    wish = {"op": "eq", "value": False, "group_exception_param": "ai_allowed_groups"}
    scopes = [(scope, placed(lv, item(True))) for lv, scope in SCOPES.items()]
    snapshot = snapshot_of(EVERY_LEVEL, (GROUP, {}), *scopes)
    found = evaluated(
        snapshot, baseline_of(expected_control(E2E, op=wish)), {"ai_allowed_groups": ["clinical"]}
    )
    assert at(Level.PHONE_GROUP, found)["g1"].status is NOT_APPLICABLE
    assert at(Level.PHONE_USER, found)["u1"].status is NOT_APPLICABLE
    assert at(Level.PHONE_SITE, found)["s1"].status is FAIL


# Meetings

STARTS = check(
    "settings.auto_start",
    surface=MEETING.surface,
    levels=[Level.MEETING, Level.WEBINAR],
    lock=None,
    lock_levels=[],
)
BASELINE = baseline_of(expected_control(STARTS, id="CC-06"))
ROUND = Scope(Level.MEETING, "81", "Round", "ada@example.com", ("g1",))
NO_WEBINARS = {WEBINARS.surface: (0, 0)}


def starting(value: bool) -> Bodies:
    return {MEETING: {"settings": {"auto_start": value}}}


def meetings(
    *scopes: ScopeBodies,
    count: Cause | tuple[int, int] = (1, 1),
    expectation: Baseline = BASELINE,
    **counts: Cause | tuple[int, int],
) -> Evaluation:
    record = account(**{MEETINGS.surface: count, **NO_WEBINARS, **counts})
    return evaluated(snapshot_of(record, *scopes), expectation, depth=Level.MEETING)


@pytest.mark.parametrize(("value", "status"), [(True, FAIL), (False, PASS)])
def test_an_upcoming_meeting_is_judged_by_its_own_settings(value: bool, status: Status) -> None:
    verdict = only_verdict(meetings((ROUND, starting(value))), "value", "81")
    assert (verdict.status, verdict.observed, verdict.decided_by) == (status, value, "meeting")
    assert verdict.changeable_by == ("user", "account_admin")


def test_the_host_can_change_a_meeting() -> None:
    verdict = only_verdict(meetings((ROUND, starting(True))), "value", "81")
    assert verdict.changeable == (
        "The host and account admins. Zoom publishes no lock for it: look in the portal whether it "
        "is locked."
    )


def test_webinars_are_judged_like_meetings() -> None:
    webinar = Scope(Level.WEBINAR, "91", "Launch")
    found = meetings((webinar, starting(True)), count=(0, 0), upcoming_webinars=(1, 1))
    assert {key: v.status for key, v in at(Level.WEBINAR, found).items()} == {"91": FAIL}
    assert found.summary.coverage[Level.WEBINAR] == 1


def test_an_account_without_meetings_has_none_that_deviates() -> None:
    found = meetings(count=(0, 0))
    assert scope_verdicts(found) == []
    assert found.complete
    assert found.summary.coverage[Level.MEETING] == 0


def test_meetings_that_were_left_out_are_counted_and_unknown() -> None:
    found = meetings((ROUND, starting(False)), count=(9, 1))
    rest = at(Level.MEETING, found)["*"]
    assert (rest.status, rest.cause) == (UNKNOWN, Cause.NOT_COLLECTED)
    assert rest.detail == "8 of 9 meetings were left out"
    assert found.summary.coverage[Level.MEETING] == 1
    assert not found.complete


def test_meetings_that_were_refused_as_a_whole_are_one_row_and_one_error() -> None:
    found = meetings(count=Cause.DENIED)
    assert {key: v.cause for key, v in at(Level.MEETING, found).items()} == {"*": Cause.DENIED}
    assert [(e.cause, e.controls) for e in found.errors] == [(Cause.DENIED, ("CC-06",))]


def test_meetings_nobody_asked_for_are_not_collected() -> None:
    found = evaluated(snapshot_of(), BASELINE, depth=Level.MEETING)
    assert {(s.level, s.id): v.cause for s, v in scope_verdicts(found)} == {
        (Level.MEETING, "*"): Cause.NOT_COLLECTED,
        (Level.WEBINAR, "*"): Cause.NOT_COLLECTED,
    }


def test_hosts_whose_meetings_were_refused_for_one_cause_are_one_row() -> None:
    hosts = [
        (Scope(Level.MEETING, f"*u{n}", f"User {n}"), {MEETING: Cause.DENIED}) for n in range(5)
    ]
    alone = (Scope(Level.MEETING, "*u9", "Ada"), {MEETING: Cause.NOT_LICENSED})
    found = meetings(*hosts, alone, (ROUND, starting(False)))
    named = {s.id: s.name for s, _ in scope_verdicts(found)}
    assert named == {
        "81": "Round",
        "*denied": "meetings of 5 people",
        "*not_licensed": "meetings of Ada",
    }
    causes = {key: v.cause for key, v in at(Level.MEETING, found).items()}
    assert causes == {"81": None, "*denied": Cause.DENIED, "*not_licensed": Cause.NOT_LICENSED}
    assert [(e.cause, e.scopes) for e in found.errors] == [(Cause.DENIED, 5)]


def test_a_check_is_about_the_meetings_that_have_its_document() -> None:
    other = check(
        "other",
        surface="dashboard_meeting_participants",
        levels=[Level.MEETING],
        type=[],
        lock=None,
        lock_levels=[],
    )
    expectation = baseline_of(
        expected_control(STARTS, id="CC-06"),
        expected_control(other, id="CN-03", op={"op": "none_equal", "value": "no disclaimer"}),
    )
    past = Scope(Level.MEETING, "uuid=", "past meeting")
    answers: Json = {"answers": [{"answer": "agree", "people": 1}], "silent": 0}
    found = meetings(
        (ROUND, starting(False)),
        (past, {View("dashboard_meeting_participants"): answers}),
        expectation=expectation,
        meetings_with_ai=(4, 1),
    )
    assert [(s.id, v.control) for s, v in scope_verdicts(found)] == [
        ("81", "CC-06"),
        ("uuid=", "CN-03"),
    ]
    assert found.summary.coverage[Level.MEETING] == 1
    assert found.complete


def test_an_override_for_a_group_reaches_the_meetings_of_its_members() -> None:
    wish = {"match": {"group": "Clinical"}, "controls": {"CC-06": {"expect": True}}}
    control = CATALOGUE.controls["CC-06"]
    setting = "settings.auto_start_meeting_summary"
    only_starts = expected_control(control.check(setting), id="CC-06")
    base = baseline_of(only_starts)
    overrides = Overrides(base, CATALOGUE, (Override.model_validate(wish),))
    assert overrides.matching(ROUND, frozenset({"id:g1", "name:clinical"})) == (0,)
    assert overrides.matching(ROUND, frozenset()) == ()


# Listings below the depth


def test_a_refused_list_is_an_error_only_where_its_level_is_looked_at() -> None:
    users = check("in_meeting.thing", levels=[Level.ACCOUNT, Level.USER])
    listings = {**LISTED, View("users", "active"): Cause.DENIED}
    snapshot = snapshot_of((ACCOUNT, {View("settings"): {}}), listings=listings)
    above = evaluated(snapshot, baseline_of(expected_control(users)), depth=Level.ACCOUNT)
    assert above.errors == ()
    below = evaluated(snapshot, baseline_of(expected_control(users)), depth=Level.USER)
    assert [error.cause for error in below.errors] == [Cause.DENIED]


def test_hosts_whose_meetings_could_not_be_listed_show_the_reason_that_most_have() -> None:
    hosts = [
        (Scope(Level.MEETING, f"*u{number}", f"Host {number}"), detail)
        for number, detail in enumerate(("aaa", "aaa", "zzz"))
    ]
    snapshot = snapshot_of()
    with snapshot.transaction():
        for scope, detail in hosts:
            failure = ReadFailure(Unseen(Cause.DENIED, detail), "GET /x", READ_AT)
            snapshot.add_scope(scope)
            snapshot.record(scope, MEETING, failure)
    found = evaluated(snapshot, baseline_of(expected_control(STARTS)), depth=Level.MEETING)
    (verdict,) = [v for s, v in scope_verdicts(found) if s.id == "*denied"]
    assert verdict.detail == "aaa"


@pytest.mark.parametrize("listed", [True, None, "3", [3], {}])
def test_a_count_that_is_none_is_no_count(listed: Json) -> None:
    counts = {view: {"listed": listed, "read": 0} for view in COVERAGE_VIEWS.values()}
    found = evaluated(
        snapshot_of((ACCOUNT, counts)), baseline_of(expected_control(STARTS)), depth=Level.MEETING
    )
    assert found.summary.coverage[Level.MEETING] == 0
    assert not [v for v in at(Level.MEETING, found).values() if "left out" in v.detail]
