"""Names of settings in the operation log: existing settings, unique names."""

from collections import defaultdict
from itertools import combinations
from pathlib import Path

from auditor.evidence.operation_log import normalize_label
from auditor.policy.catalogue import documented, word_lists
from auditor.policy.catalogue.controls import SETTINGS_SURFACE
from auditor.policy.catalogue.files import shipped_catalogue

LABELS = word_lists.portal_labels()
CHECKED = {
    check.setting
    for control in shipped_catalogue()
    for check in control.checks
    if check.surface == SETTINGS_SURFACE
}
NAMELESS = {"ai"}
"""The umbrella object has no single switch in the portal."""

TWINS = (
    {"in_meeting.record_play_own_voice", "in_meeting.record_play_voice"},
    {"schedule_meeting.participant_video", "schedule_meeting.participants_video"},
    {"in_meeting.closed_caption", "in_meeting.closed_captioning.enable"},
    {"in_meeting.closed_captioning.save_caption", "in_meeting.manual_captioning.save_captions"},
    {
        "in_meeting.closed_captioning.view_full_transcript",
        "in_meeting.manual_captioning.full_transcript",
    },
    {
        "in_meeting.closed_captioning.third_party_captioning_service",
        "in_meeting.manual_captioning.third_party_captioning_service",
    },
    {"feature.zoom_iq_for_sales", "feature.zoom_revenue_accelerator"},
    {
        "recording.recording_highlight",
        "recording.smart_recording.create_recording_highlights",
    },
    {
        "schedule_meeting.use_pmi_for_schedule_meetings",
        "schedule_meeting.use_pmi_for_scheduled_meetings",
    },
    {
        "schedule_meeting.always_display_zoom_meeting_as_topic.enable",
        "schedule_meeting.not_store_meeting_topic",
    },
    {
        "recording.ask_host_to_confirm_disclaimer",
        "recording.recording_notification_for_zoom_client.ask_host_to_confirm",
    },
    {
        "recording.recording_disclaimer",
        "recording.recording_notification_for_zoom_client.disclaimer_to_participants",
    },
    {"meeting_security.pmi_password", "schedule_meeting.require_password_for_pmi_meetings"},
    {
        "meeting_security.meeting_password",
        "schedule_meeting.require_password_for_scheduling_new_meetings",
    },
    *(
        {f"{section}.meeting_password_requirement.{rule}" for section in sections}
        for sections in [("meeting_security", "schedule_meeting")]
        for rule in (
            "have_letter",
            "have_number",
            "have_special_character",
            "have_upper_and_lower_characters",
            "length",
        )
    ),
)
"""Settings that are one in the portal: Zoom returns it by another path at another level or age."""


def test_every_setting_that_a_control_judges_has_a_name() -> None:
    unnamed = CHECKED - NAMELESS - set(LABELS.settings)
    assert unnamed == set(), "add what the portal calls them to policies/operation_log.yaml"


def test_every_name_is_of_a_setting_that_a_control_judges_or_zoom_documents() -> None:
    known = CHECKED | set(documented.settings())
    assert set(LABELS.settings) - known == set()


def test_settings_are_sorted_and_each_has_a_name() -> None:
    assert list(LABELS.settings) == sorted(LABELS.settings)
    assert all(LABELS.names.values())


def test_no_setting_has_an_empty_name_or_one_twice() -> None:
    for setting in LABELS.settings:
        names = [normalize_label(name) for name in LABELS.names[setting]]
        assert all(names), setting
        assert len(names) == len(set(names)), setting


def test_no_name_is_that_of_two_settings_unless_they_are_one_in_the_portal() -> None:
    holders = defaultdict(set)
    for setting, names in LABELS.names.items():
        for name in names:
            holders[normalize_label(name)].add(setting)
    shared = [pair for found in holders.values() for pair in combinations(sorted(found), 2)]
    assert [pair for pair in shared if set(pair) not in TWINS] == []


def test_only_what_recorded_entries_hold_is_called_seen() -> None:
    seen = {name for each in LABELS.settings.values() for name in each.seen}
    assert seen == {
        "Personal Meeting ID (PMI) Passcode",
        "Require a passcode when scheduling new meetings",
        "Require that all meetings are secured with one security option",
        "Sign in with Two-Factor Authentication",
        "Sign-In Password Requirement - Have at least specified length of characters",
    }


def test_the_document_says_how_many_settings_have_a_name() -> None:
    text = (Path(__file__).parents[2] / "docs" / "who-changed-it.md").read_text(encoding="utf-8")
    prose = " ".join(text.split())
    seen = sum(bool(LABELS.settings[path].seen) for path in CHECKED & set(LABELS.settings))
    for numbers in (
        f"Of the {len(CHECKED)} settings that a shipped control judges",
        f"{len(CHECKED & set(LABELS.settings))} have a name in the list",
        f"{seen} of these names occur in a recorded entry",
    ):
        assert numbers in prose, f"docs/who-changed-it.md is to say: {numbers}"
