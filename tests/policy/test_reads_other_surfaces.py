"""The read plan outside settings: only documents that a judgeable check needs."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.evidence.read_plan import LOGS, ROLES, SUMMARIES, WORKFLOWS, ReadPlan, apps, history
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue import word_lists
from auditor.policy.judging.reads import SAMPLED_MEETINGS, needed, reached
from tests.policy.samples import BASELINES

APPS = {apps("account_added"): (), apps("account_created"): ()}
STRICT, CONSENT = BASELINES["strict"], BASELINES["consent-first"]
SETTINGS = {"account", "group", "user"}
ASK: dict[str, dict[str, JsonValue]] = {
    "AI-23": {"ai_allowed_groups": ["Sales"]},
    "TP-04": {"allowed_apps": ["x"]},
    "CC-03": {"max_ai_admins": 3},
    "CC-04": {"change_records": ["CHG"]},
}


def plan(
    control: str,
    parameters: Mapping[str, JsonValue] | None = None,
    depth: Level = Level.MEETING,
    base: Baseline = CONSENT,
) -> ReadPlan:
    return needed(base.only(frozenset({control})), depth, parameters)


def other_surfaces(reads: ReadPlan) -> dict[str, Any]:
    """The fields of a plan beside the settings that are not empty."""
    names = [name for name in ReadPlan.__slots__ if name not in SETTINGS]
    return {name: getattr(reads, name) for name in names if getattr(reads, name)}


@pytest.mark.parametrize("control", ASK)
def test_nothing_is_read_for_a_parameter_that_is_not_set(control: str) -> None:
    assert other_surfaces(plan(control)) == (
        {"token": True, "use": APPS} if control == "CC-03" else {}
    )


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (
            "AI-23",
            {
                "use": {
                    history("meeting_questions"): (),
                    history("meeting_summary"): (),
                    history("smart_recording"): (),
                    SUMMARIES: (),
                },
                "hosts": True,
            },
        ),
        ("TP-04", {"use": APPS}),
        (
            "CC-03",
            {
                "token": True,
                "use": {**APPS, ROLES: word_lists.name_patterns().privileges.patterns},
            },
        ),
        ("CC-04", {"use": {LOGS: ("account", "user_settings", "role", "recording")}}),
    ],
)
def test_what_a_set_parameter_decides_is_read(control: str, expected: dict[str, Any]) -> None:
    assert other_surfaces(plan(control, ASK[control])) == expected


def test_a_parameter_of_the_baseline_counts_as_set() -> None:
    base = CONSENT.only(frozenset({"CC-04"}))
    own = type(base)(base.info, base.meaning, base.who, ASK["CC-04"], base.assessed)
    assert LOGS in needed(own, Level.USER).use


def test_groups_are_not_requested_if_no_use_is_allowed() -> None:
    found = other_surfaces(plan("AI-23", base=STRICT))
    assert SUMMARIES in found["use"]
    assert "hosts" not in found


def test_notices_need_the_meetings_that_show_one() -> None:
    assert other_surfaces(plan("CN-03")) == {
        "use": {history("meeting_questions"): (), history("meeting_summary"): ()},
        "answered": ("ai",),
        "notices": SAMPLED_MEETINGS,
    }


@pytest.mark.parametrize(
    ("control", "kind"),
    [
        ("CN-02", "ai"),
        ("CN-04", "recording"),
        ("CN-05", "recording"),
        ("CN-10", "archive"),
        ("TP-01", "live_stream"),
    ],
)
def test_answers_are_counted_for_the_notices_of_selected_controls_alone(
    control: str, kind: str
) -> None:
    assert other_surfaces(plan(control, depth=Level.ACCOUNT)) == {"answered": (kind,)}


def test_no_answers_are_counted_where_no_selected_control_looks_at_them() -> None:
    assert "answered" not in other_surfaces(plan("CN-01"))
    assert "answered" not in other_surfaces(plan("AI-01"))


def test_workflows_are_asked_for_with_or_without_a_list_of_approved_ones() -> None:
    assert other_surfaces(plan("AI-21")) == {"use": {WORKFLOWS: ()}}


@pytest.mark.parametrize("depth", [Level.ACCOUNT, Level.GROUP, Level.USER])
@pytest.mark.parametrize("control", ["CC-06"])
def test_meetings_are_read_at_their_depth_alone(control: str, depth: Level) -> None:
    assert other_surfaces(plan(control, depth=depth)) == {}


def test_every_setting_of_the_control_is_kept_of_a_meeting() -> None:
    found = plan("CC-06")
    assert set(found.meeting) == {
        "alternative_host_manage_meeting_summary",
        "auto_recording",
        "auto_start_ai_companion_questions",
        "auto_start_meeting_summary",
        "allow_participants_to_transcribe_meetings_with_my_notes",
        "support_participants_receive_summary",
        "who_will_receive_summary",
    }
    assert found.webinar == ("auto_recording",)
    assert not found.meetings


@pytest.mark.parametrize(
    ("depth", "fields"),
    [
        (Level.ACCOUNT, {"phone"}),
        (Level.GROUP, {"phone", "phone_group"}),
        (Level.USER, {"phone", "phone_group", "phone_user"}),
    ],
)
def test_phone_levels_are_read_down_to_the_depth(depth: Level, fields: set[str]) -> None:
    assert set(other_surfaces(plan("EN-04", depth=depth))) == fields


def test_a_phone_document_is_asked_for_the_items_of_its_level() -> None:
    found = plan("AI-16", base=STRICT)
    assert found.phone == (
        "call_live_transcription",
        "call_summary",
        "voicemail_tasks",
        "voicemail_transcription",
    )
    assert found.phone_site == (
        "call_live_transcription",
        "call_summary",
        "voicemail_transcription",
    )
    assert found.phone_user == ("voicemail_tasks", "voicemail_transcription")


def test_a_phone_setting_nobody_can_judge_is_not_read() -> None:
    regulated = BASELINES["regulated"]
    assert set(other_surfaces(plan("RT-05", base=regulated))) == {"phone"}  # periods without an end
    decided = plan("RT-05", {"phone_retention": True}, base=regulated)
    assert set(other_surfaces(decided)) == {"phone", "phone_site"}


def test_every_level_is_reached_by_some_depth() -> None:
    assert set(reached(Level.MEETING)) == set(Level)


def test_the_patterns_have_their_sources() -> None:
    shipped = word_lists.name_patterns()
    for names in (shipped.privileges, shipped.app_scopes, shipped.log_categories):
        assert names.sources
        assert names.meaning
        assert len(set(names.patterns)) == len(names.patterns)
