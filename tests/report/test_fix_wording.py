"""The way to a broken setting ends at that setting, not at another one of its rule."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest

from auditor.evidence.scope import Level
from auditor.findings.closing_steps import ClosingStep, ClosingSteps, RemainingDeviations
from auditor.findings.exposure import exposure
from auditor.findings.model import FindingKind, Severity, Verdict
from auditor.findings.rollup import roll_up
from auditor.policy.catalogue import files
from auditor.policy.catalogue.words import setting_names
from auditor.report import closing_wording, fix_wording
from tests.builders import ACCOUNT
from tests.report import worlds

AI = "Settings > Zoom AI (classic portal: Account Management > Account Settings > AI Companion tab)"
QUESTIONS = "Meeting > Allow users to ask questions during meetings"
INFOS = {
    control.id: replace(control.info, setting_names=setting_names(control))
    for control in files.shipped_catalogue()
}


def _way(
    control: str,
    *verdicts: Verdict,
    level: Level = Level.ACCOUNT,
    steps: Sequence[ClosingStep] = (),
    refused: Mapping[str, str] | None = None,
) -> str:
    scope = worlds.group(1, "Sales") if level is Level.GROUP else ACCOUNT
    run = worlds.run_of([worlds.judged(scope, list(verdicts))], controls=INFOS)
    run = replace(run, closing_steps=lambda: ClosingSteps(steps, len(steps), "", refused or {}))
    rollup = roll_up(run)
    (found,) = [each for each in rollup.deviating_controls if each.info.id == control]
    ways = fix_wording.in_admin_centre(found, rollup, exposure(run), closing_wording.outline(run))
    return " ".join(ways)


def _broken(control: str, setting: str, kind: FindingKind = FindingKind.VALUE) -> Verdict:
    found = worlds.deviation("AI-01", Level.ACCOUNT, setting=setting, kind=kind)
    return replace(found, control=control)


def test_the_way_ends_at_the_setting_that_is_broken() -> None:
    auto = _broken("AI-02", "in_meeting.ai_companion_questions.auto_enable")
    assert _way("AI-02", auto) == f"Admin Center > {AI} > {QUESTIONS} > automatic-start check box"
    asking = _broken("AI-04", "in_meeting.ai_companion_questions.who_can_ask_questions")
    assert _way("AI-04", asking).endswith("> Meeting > questions > who can ask")


def test_the_way_in_a_group_goes_on_to_the_setting() -> None:
    asking = _broken("AI-04", "in_meeting.ai_companion_questions.who_can_ask_questions")
    assert _way("AI-04", asking, level=Level.GROUP).endswith(
        "Groups > Sales > Settings > AI Companion tab > Meeting > questions > who can ask."
    )


def test_several_settings_of_a_rule_share_the_way_and_are_each_named() -> None:
    summary = _broken("AI-02", "in_meeting.meeting_summary_with_ai_companion.auto_enable")
    questions = _broken("AI-02", "in_meeting.ai_companion_questions.auto_enable")
    way = _way("AI-02", summary, questions)
    assert way.count("Admin Center") == 1
    assert way.endswith(
        f" > Meeting, there {QUESTIONS.removeprefix('Meeting > ')} > automatic-start check box; "
        "and Meeting summary > automatic-start check box"
    )
    chat = _way("AI-08", _broken("AI-08", "chat.ai_quick_reply"))
    assert chat.endswith("Team Chat, there the setting “Suggested chat replies by AI”")


def test_of_an_object_the_switches_that_are_on_are_named() -> None:
    notes = replace(_broken("AI-11", "ai"), observed={"personal_notes": {"enable": True}})
    assert _way("AI-11", notes, level=Level.GROUP).startswith("Change “AI personal notes” in group")


RECORDING = "recording.local_recording"
LOCK_STEP = ClosingStep(
    *("3", "Lock Local recording for the account", 57, Severity.HIGH, "Recording, and press"),
    *(False, (), ["RC-02"], RECORDING),
)


def test_a_rule_gives_the_advice_of_the_plan_and_no_other() -> None:
    value, lock = _broken("RC-02", RECORDING), _broken("RC-02", RECORDING, FindingKind.LOCK)
    way = _way("RC-02", value, lock, steps=[LOCK_STEP])
    assert way.startswith("Step 3 (automatic): Lock Local recording for the account: Recording,")
    assert way.endswith(closing_wording.LOCKING)
    assert "Change" not in way


START = "in_meeting.meeting_summary_with_ai_companion.auto_enable"
REFUSED = {START.rpartition(".")[0]: "It would switch the summary on for 50 people."}
NO_LOCK = (
    "Do not lock “Automatic start of the AI meeting summary” for the account. It would switch the "
    "summary on for 50 people."
)


def test_a_lock_that_the_plan_leaves_out_is_named_with_the_reason() -> None:
    value, lock = _broken("AI-02", START), _broken("AI-02", START, FindingKind.LOCK)
    step = replace(LOCK_STEP, controls=["AI-02"], account_lock="")
    assert _way("AI-02", value, lock, steps=[step], refused=REFUSED).endswith(NO_LOCK)


@pytest.mark.parametrize("has_value", [True, False])
def test_no_advice_presses_a_lock_that_the_plan_leaves_out(has_value: bool) -> None:
    lock = _broken("AI-02", START, FindingKind.LOCK)
    verdicts = [_broken("AI-02", START), lock] if has_value else [lock]
    way = _way("AI-02", *verdicts, refused=REFUSED)
    assert way.endswith(NO_LOCK)
    assert "press the lock" not in way


def test_the_list_of_missing_locks_names_those_not_to_press() -> None:
    listed = replace(
        _broken("CC-01", "derived:lock(all)", FindingKind.DERIVED), observed=[RECORDING, START]
    )
    locks = [
        _broken("RC-02", RECORDING, FindingKind.LOCK),
        _broken("AI-02", START, FindingKind.LOCK),
    ]
    way = _way("CC-01", listed, *locks, steps=[LOCK_STEP], refused=REFUSED)
    assert way == (
        "Lock these for the account, as the steps of the plan say: “Local recording”: see rule "
        f"RC-02. {NO_LOCK}"
    )


def test_the_way_in_a_group_names_settings_without_a_place_of_their_own() -> None:
    streaming = _broken("TP-01", "in_meeting.allow_live_streaming")
    assert _way("TP-01", streaming, level=Level.GROUP).endswith(
        "Allow livestreaming, there the setting “Live streaming of meetings”."
    )


def test_the_way_to_a_lock_ends_at_the_lock() -> None:
    lock = _broken("RC-02", RECORDING, FindingKind.LOCK)
    assert _way("RC-02", lock).endswith("Record to computer files, and press the lock beside it")


def test_a_rule_that_compares_others_names_the_rule_of_each_setting() -> None:
    listed = replace(
        _broken("CC-01", "derived:lock(all)", FindingKind.DERIVED), observed=[RECORDING]
    )
    lock = _broken("RC-02", RECORDING, FindingKind.LOCK)
    assert _way("CC-01", listed, lock).endswith("“Local recording”: see rule RC-02.")


def test_a_listed_setting_without_a_rule_and_a_place_says_so() -> None:
    """New settings have neither; the advice before them ends with one full stop."""
    new = "derived:unknown_keys(account_settings)"
    listed = replace(_broken("CC-07", new, FindingKind.DERIVED), observed=["in_meeting.new_coach"])
    way = _way("CC-07", listed)
    assert way.endswith("”: its place in the portal is not known.")
    assert ".." not in way


def test_the_worst_rule_names_all_the_steps_that_it_needs() -> None:
    lock = _broken("AI-02", START, FindingKind.LOCK)
    run = worlds.run_of([worlds.judged(ACCOUNT, [lock])], controls=INFOS)
    steps = [replace(LOCK_STEP, numbers=number, controls=["AI-02"]) for number in ("1", "2-3")]
    open_row = RemainingDeviations("A lock would do harm", {"AI-02": 1})
    for rows, end in (([], "."), ([open_row], ", and is still broken after them.")):
        found = ClosingSteps(steps, 3, remaining=rows)
        outline = closing_wording.outline(replace(run, closing_steps=partial(replace, found)))
        assert outline is not None
        sentence = "No single step puts AI-02 right: it needs steps 1 and 2-3 of the plan"
        assert f"{sentence}{end}" in outline.sentence


def test_every_broken_value_that_no_step_puts_right_has_its_reason() -> None:
    run = worlds.run_of([worlds.judged(ACCOUNT, [_broken("AI-02", START, FindingKind.VALUE)])])
    rows = [
        RemainingDeviations("A lock would do harm. It shows more", {"AI-02": 1, "CN-08": 1}),
        RemainingDeviations("A new setting", {"CC-07": 2}),
    ]
    for may_stay, least in ((0, "After the whole plan, 4 "), (7, "at least 4 ")):
        found = ClosingSteps([LOCK_STEP], 1, remaining=rows, may_stay=may_stay, keep_on=["1"])
        outline = closing_wording.outline(replace(run, closing_steps=partial(replace, found)))
        assert outline is not None
        assert f"{least}broken values remain." in outline.remaining
        assert ("Up to 7 more may" in outline.remaining) is (may_stay == 7)
        assert "Step 1 locks such a setting while it is on" in outline.whole
        assert outline.reasons == [
            "AI-02 and CN-08: a lock would do harm. It shows more.",
            "CC-07 (2): a new setting.",
        ]


def test_an_automatic_step_names_its_place_as_well() -> None:
    assert closing_wording.how(LOCK_STEP) == (
        "Step 3 of the plan, automatic; in the portal: Recording, and press."
    )
