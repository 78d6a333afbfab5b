"""The way to a broken setting ends at that setting, not at another one of its rule."""

from dataclasses import replace

from auditor.evidence.scope import Level
from auditor.findings.exposure import exposure
from auditor.findings.model import FindingKind, Verdict
from auditor.findings.rollup import roll_up
from auditor.policy.catalogue import files
from auditor.policy.catalogue.words import setting_names
from auditor.report import fix_wording
from tests.builders import ACCOUNT
from tests.report import worlds

AI = "Settings > Zoom AI (classic portal: Account Management > Account Settings > AI Companion tab)"
QUESTIONS = "Meeting > Allow users to ask questions during meetings"
INFOS = {
    control.id: replace(control.info, setting_names=setting_names(control))
    for control in files.shipped_catalogue()
}


def _way(control: str, *verdicts: Verdict, level: Level = Level.ACCOUNT) -> str:
    scope = worlds.group(1, "Sales") if level is Level.GROUP else ACCOUNT
    run = worlds.run_of([worlds.judged(scope, list(verdicts))], controls=INFOS)
    rollup = roll_up(run)
    (found,) = [each for each in rollup.deviating_controls if each.info.id == control]
    return fix_wording.in_admin_centre(found, rollup, exposure(run))


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
    assert chat.endswith("Team Chat, there “Suggested chat replies by AI”")


def test_of_an_object_the_switches_that_are_on_are_named() -> None:
    notes = replace(_broken("AI-11", "ai"), observed={"personal_notes": {"enable": True}})
    assert _way("AI-11", notes, level=Level.GROUP).startswith("Change “AI personal notes” in group")
