"""The plan is the smallest that an exhaustive search finds, and predicts what an audit says."""

import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.model import Severity, Status
from auditor.fix.model import PlanStep
from auditor.fix.planner import Planner
from auditor.fix.recorded import FixPolicy
from auditor.policy.baseline.baselines import ControlExpectation
from auditor.policy.baseline.waivers import Waiver, WaiversAndAttestations
from auditor.policy.catalogue.portal import RulePlace
from tests.builders import (
    ACCOUNT,
    TODAY,
    Bodies,
    baseline_of,
    check,
    expected_control,
    group,
    nested,
    overrides_of,
    snapshot_of,
    user,
    waiver_entry,
)
from tests.fix.accounts import SmallAccount


@pytest.mark.parametrize(
    ("seeds", "most"),
    [
        pytest.param(range(25), 2, id="few"),
        pytest.param(range(400), 2, marks=pytest.mark.slow, id="many"),
        pytest.param(range(1000, 1100), 3, marks=pytest.mark.slow, id="larger"),
    ],
)
def test_no_plan_is_smaller_or_closes_more_and_the_prediction_is_the_verdict(
    seeds: range, most: int
) -> None:
    for seed in seeds:
        account = SmallAccount.generated(seed, most)
        snapshot = account.snapshot
        before = account.judged(snapshot).summary.by_status[Status.FAIL]
        steps = account.plan(snapshot)
        remaining = account.fails_after(snapshot, steps)
        assert (remaining, len(steps)) == account.fewest(), f"seed {seed}: {account}"
        assert before - remaining == sum(step.resolves for step in steps), f"seed {seed}"


SUMMARY = "in_meeting.meeting_summary_with_ai_companion"


@pytest.mark.parametrize(
    ("has_it_off", "depth", "steps"),
    [
        ("", Level.USER, [("lock", "account")]),
        ("group", Level.USER, [("value", "user")]),
        ("user", Level.USER, [("value", "user")]),
        ("unread group", Level.USER, [("value", "user")]),
        ("", Level.GROUP, []),
    ],
    ids=["nobody", "a group", "a person", "a group that was not read", "people were not read"],
)
def test_no_lock_switches_on_what_no_rule_judges(
    has_it_off: str, depth: Level, steps: list[tuple[str, str]]
) -> None:
    """The lock covers the summary itself, too, of which this baseline says nothing."""

    def values(name: str, auto: bool = False) -> Bodies:
        summary = {"enable": name != has_it_off, "auto_enable": auto}
        return {SETTINGS: nested(SUMMARY, summary), LOCKS: nested(SUMMARY, False)}

    unread: Bodies = {SETTINGS: Cause.ERROR} if has_it_off == "unread group" else {}
    snapshot = snapshot_of(
        (ACCOUNT, values("account")),
        (group(1, "Clinical"), values("group")),
        (group(2, "Legal"), {**values("legal"), **unread}),
        (user(1, "g1"), {SETTINGS: values("user")[SETTINGS]}),
        (user(2), {SETTINGS: values("another", auto=True)[SETTINGS]}),
    )
    start = check(f"{SUMMARY}.auto_enable", lock=SUMMARY)
    baseline = baseline_of(expected_control(start, lock=True))
    policy = FixPolicy(
        baseline, {}, depth, overrides_of(baseline), WaiversAndAttestations([], [], TODAY)
    )
    found = Planner.of(snapshot, policy, {}, None).plan()
    assert [(step.kind, str(step.scope.level)) for step in found] == steps


def test_a_lock_says_what_it_gives_to_whom_and_what_it_ends_besides() -> None:
    """Nobody asked to switch the summary off, which the group has on."""

    def values(enable: bool, auto: bool = False) -> Bodies:
        summary = {"enable": enable, "auto_enable": auto}
        return {SETTINGS: nested(SUMMARY, summary), LOCKS: nested(SUMMARY, False)}

    snapshot = snapshot_of(
        (ACCOUNT, values(enable=False)),
        (group(1, "Clinical"), values(enable=True)),
        (user(1, "g1"), {SETTINGS: values(enable=True)[SETTINGS]}),
        (user(2), {SETTINGS: values(enable=False, auto=True)[SETTINGS]}),
    )
    start = check(f"{SUMMARY}.auto_enable", lock=SUMMARY)
    (step,) = _planned(snapshot, expected_control(start, lock=True))
    assert step.kind == "lock"
    besides = "The lock also sets “Meeting summary with AI Companion”, which no rule judges, to off"
    assert f"{besides}: that changes it for group “Clinical” and 1 person." in step.loses
    value = "“Automatic start of the AI meeting summary” (off)"
    assert f"Every group and person gets the account's value: {value}." in step.notices
    reach = (
        "Changes the value for 1 group and 2 people; takes the choice from 1 group and 2 people."
    )
    assert step.notices[0] == reach


def test_a_lock_says_what_it_keeps_on_and_what_it_may_not_cover() -> None:
    """With the lock, nobody can switch the summary off any more."""

    def values(auto: bool = False) -> Bodies:
        summary = {"enable": True, "auto_enable": auto, "share_with": auto}
        return {SETTINGS: nested(SUMMARY, summary), LOCKS: nested(SUMMARY, False)}

    snapshot = snapshot_of(
        (ACCOUNT, values()), *((user(n), {SETTINGS: values(auto=True)[SETTINGS]}) for n in (1, 2))
    )
    start = check(f"{SUMMARY}.auto_enable", lock=SUMMARY)
    shared = check(f"{SUMMARY}.share_with", lock=SUMMARY, lock_inferred=True)
    (step,) = _planned(
        snapshot, expected_control(start, lock=True), expected_control(shared, id="AI-02")
    )
    kept = "“Meeting summary with AI Companion”, which no rule judges, stays on, and nobody below "
    assert f"{kept}can switch it off." in step.notices
    (unsure,) = [each for each in step.notices if "does not document" in each]
    assert "look there afterwards" in unsure
    assert "Automatic start" not in unsure


@pytest.mark.parametrize("is_decided", [False, True])
def test_a_lock_of_an_object_names_what_its_rule_leaves_out(is_decided: bool) -> None:
    """A lock gives everybody the whole object, also the part that another rule is about."""

    def values(notes: bool, models: str) -> Bodies:
        ai: JsonValue = {"personal_notes": {"enable": notes}, "ai_model_type": models}
        return {SETTINGS: {"ai": ai}, LOCKS: {"ai": False}}

    research = values(notes=True, models="federated")
    snapshot = snapshot_of(
        (ACCOUNT, values(notes=False, models="zoom_hosted")),
        (group(1, "Research"), research),
        (user(1, "g1"), {SETTINGS: research[SETTINGS]}),
        (user(2, "g1"), {SETTINGS: research[SETTINGS]}),
    )
    off = {"op": "no_true_leaf_except_param", "param": "listed"}
    allowed = {"op": "org_param", "param": "allowed"}
    whole = check("ai", type=("object",), find_key="ai", leave_out=("ai_model_type",), lock="ai")
    models = check("ai_model_type", type=("string",), find_key="ai_model_type")
    baseline = baseline_of(
        expected_control(whole, op=off, id="AI-11", lock=True),
        expected_control(models, op=allowed, id="AI-10"),
    )
    parameters: dict[str, JsonValue] = {"listed": []}
    if is_decided:
        parameters["allowed"] = ["zoom_hosted", "federated"]
    policy = FixPolicy(
        baseline,
        parameters,
        Level.USER,
        overrides_of(baseline),
        WaiversAndAttestations([], [], TODAY),
    )
    planner = Planner.of(snapshot, policy, {"AI-11": RulePlace("Settings > AI", True)})
    (step,) = planner.plan()
    assert planner.player().place(step.kind, step.scope, step.setting, step.controls) == (
        "Settings > AI, there “AI models that handle content” and “AI personal notes”: press the "
        "lock beside each, and no other lock"
    )
    (sentence,) = [each for each in step.loses if "AI models that handle content" in each]
    assert sentence.startswith(
        "The lock also sets “AI models that handle content” to those that Zoom itself hosts: that "
        "changes it for group “Research” and 2 people."
    )
    assert ("AI-10 still waits for your decision" in sentence) is not is_decided
    assert "Every group and person gets the account's value: “AI personal notes” (off)." in (
        step.notices
    )


def test_people_may_keep_what_they_chose_when_the_value_of_their_group_changes() -> None:
    def values(on: bool) -> Bodies:
        return {SETTINGS: nested("in_meeting.chat", on)}

    sales = values(on=True)
    snapshot = snapshot_of(
        (ACCOUNT, values(on=False)), (group(1, "Sales"), sales), (user(1, "g1"), sales)
    )
    (step,) = _planned(snapshot, expected_control(check("in_meeting.chat")))
    assert step.notices == (
        "Changes the value for 1 group and up to 1 person; some keep the old value if they chose "
        "it themselves: Zoom does not show that. Audit again afterwards.",
    )


def test_a_step_for_a_worse_rule_comes_before_one_that_closes_more() -> None:
    many = expected_control(check("in_meeting.chat"), id="AI-01", severity=Severity.HIGH)
    worse = expected_control(check("in_meeting.polling"), id="AI-02", severity=Severity.CRITICAL)

    account: Bodies = {SETTINGS: {"in_meeting": {"chat": True, "polling": True}}}
    people: Bodies = {SETTINGS: {"in_meeting": {"chat": True, "polling": False}}}
    snapshot = snapshot_of((ACCOUNT, account), (user(1), people), (user(2), people))
    found = _planned(snapshot, many, worse)
    assert [step.setting for step in found] == ["in_meeting.polling", "in_meeting.chat"]
    assert found[0].resolves < found[1].resolves


@pytest.mark.parametrize(
    ("clinical", "waived", "reason"),
    [
        (
            {"enable": False, "auto_enable": False},
            False,
            "The lock also covers “Meeting summary with AI Companion”, which is on at the account: "
            "it would switch it on for group “Clinical” and 1 person, who have it off.",
        ),
        (
            {"enable": True, "auto_enable": True},
            True,
            "It would take a value away that is right or allowed, from group “Clinical” and 1 "
            "person.",
        ),
    ],
    ids=["switches on", "takes away what is allowed"],
)
def test_a_lock_that_is_left_out_has_the_one_reason_that_holds(
    clinical: dict[str, JsonValue], waived: bool, reason: str
) -> None:
    account: Bodies = {
        SETTINGS: nested(SUMMARY, {"enable": True, "auto_enable": False}),
        LOCKS: nested(SUMMARY, False),
    }
    below: Bodies = {SETTINGS: nested(SUMMARY, clinical), LOCKS: nested(SUMMARY, False)}
    person: Bodies = {SETTINGS: below[SETTINGS]}
    snapshot = snapshot_of(
        (ACCOUNT, account), (group(1, "Clinical"), below), (user(1, "g1"), person)
    )
    start = check(f"{SUMMARY}.auto_enable", lock=SUMMARY)
    baseline = baseline_of(expected_control(start, lock=True))
    waivers = [Waiver.model_validate(waiver_entry(scope={"group": "Clinical"}))] if waived else []
    policy = FixPolicy(
        baseline,
        {},
        Level.USER,
        overrides_of(baseline),
        WaiversAndAttestations(waivers, [], TODAY),
    )
    planner = Planner.of(snapshot, policy, {}, None)
    assert planner.plan() == []
    assert planner.refused_locks == {SUMMARY: reason}


def _planned(snapshot: Snapshot, *controls: ControlExpectation) -> list[PlanStep]:
    baseline = baseline_of(*controls)
    policy = FixPolicy(
        baseline, {}, Level.USER, overrides_of(baseline), WaiversAndAttestations([], [], TODAY)
    )
    return Planner.of(snapshot, policy, {}, None).plan()
