"""Scenarios: how an account departs from the conforming one, as tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from auditor.sandbox.documents import REMOVED, Departure, Documents, clean, leaves

CYCLE: Final = 20
"""Each block of 20 users has each personal departure of a scenario once."""

_SUMMARY = "in_meeting.meeting_summary_with_ai_companion"
_QUESTIONS = "in_meeting.ai_companion_questions"
_NOTICE = "recording.recording_notification_for_zoom_client"


@dataclass(frozen=True)
class Profile:
    """The settings of a group that differ from the account, and its own locks."""

    changes: tuple[Departure, ...] = ()
    locks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One kind of account. Groups inherit values from the account, users from their groups.

    `groups` is dealt out to the groups in turn; `personal` and `meetings` are keyed by a user's
    place in the cycle of `CYCLE`.
    """

    name: str
    account: tuple[Departure, ...] = ()
    account_locks: tuple[Departure, ...] = ()
    group_locks: tuple[Departure, ...] = ()
    every_group: tuple[Departure, ...] = ()
    every_user: tuple[Departure, ...] = ()
    groups: tuple[Profile, ...] = (Profile(),)
    personal: Mapping[int, tuple[Departure, ...]] = field(default_factory=dict)
    meetings: Mapping[int, tuple[Departure, ...]] = field(default_factory=dict)
    phone_account: tuple[Departure, ...] = ()
    phone_site: tuple[Departure, ...] = ()
    withheld: frozenset[str] = frozenset()
    """Scopes the app does not have."""
    has_phone: bool = True
    has_dashboards: bool = True
    ai_was_used: bool = False
    """Reports, summaries and dashboards show meetings with AI, and apps that take media."""
    has_unreadable_users: bool = False
    """The settings of one user always return 500; another user is deleted after the listing."""
    pending_have_ids: bool = True


def _set(**values: object) -> tuple[Departure, ...]:
    return tuple(Departure(path.replace("__", "."), value) for path, value in values.items())


def _off(*locks: str) -> tuple[Departure, ...]:
    return tuple(Departure(lock, False) for lock in locks)


def _gone(*paths: str) -> tuple[Departure, ...]:
    return tuple(Departure(path, REMOVED) for path in paths)


def _all_off(documents: Documents) -> tuple[Departure, ...]:
    """Turn off every lock. Text entries stay, because they are not locks."""
    flat = (leaf for body in documents.values() for leaf in leaves(body))
    return tuple(Departure(path, False) for path, value in flat if value is True)


def _phone_unlocked(option: str) -> tuple[Departure, ...]:
    names = clean("phone")[option]
    return tuple(
        change
        for name in names
        for change in (
            Departure(f"{name}.locked", False),
            Departure(f"{name}.locked_by", "invalid"),
        )
    )


_DRIFTED = Scenario(
    name="drifted",
    account=(
        Departure(f"{_SUMMARY}.enable", True),
        Departure("in_meeting.ai_voice_coach", True, added=True),
        *_set(
            in_meeting__support_participants_receive_summary=True,
            other_options__enforce_fips_mode=False,
        ),
        *_set(chat__ai_compose__enable=True, chat__ai_quick_reply=True, integration__dropbox=True),
    ),
    account_locks=_off(
        _SUMMARY,
        _QUESTIONS,
        "ai",
        "chat.ai_compose",
        "chat.ai_quick_schedule",
        "chat.ai_reply",
        "in_meeting.allow_live_streaming",
        "recording.auto_recording",
        "recording.cloud_recording",
        "recording.local_recording",
    ),
    groups=(
        Profile(changes=(Departure(f"{_SUMMARY}.enable", False),), locks=(_SUMMARY, _QUESTIONS)),
        Profile(
            changes=(
                Departure(f"{_SUMMARY}.auto_enable", True),
                Departure(f"{_SUMMARY}.who_will_receive_summary", 4),
                Departure(f"{_QUESTIONS}.enable", True),
                Departure(f"{_QUESTIONS}.auto_enable", True),
                Departure(f"{_QUESTIONS}.who_can_ask_questions", 1),
                Departure("recording.smart_recording.create_next_steps", True),
                *_set(in_meeting__allow_participants_to_transcribe_meetings_with_my_notes=True),
            )
        ),
        Profile(),
        Profile(
            changes=_set(
                recording__local_recording=True,
                recording__cloud_recording=True,
                recording__auto_recording="cloud",
                in_meeting__allow_live_streaming=True,
                in_meeting__live_streaming_youtube=True,
            )
        ),
        Profile(
            changes=_set(
                recording__allow_cmr_3rd_party_bot=True,
                chat__ai_quick_schedule=True,
                ai__personal_notes__enable=True,
                ai__ai_model_type="federated",
            )
        ),
        Profile(
            changes=(
                Departure(f"{_NOTICE}.disclaimer_to_participants", "Guest only"),
                Departure(f"{_NOTICE}.play_voice_prompt", "Guest only"),
            )
        ),
    ),
    personal={
        2: (Departure(f"{_SUMMARY}.enable", True), Departure(f"{_SUMMARY}.auto_enable", True)),
        5: _set(recording__local_recording=True),
        8: _set(recording__ask_participants_to_consent_disclaimer=False),
        11: (Departure(f"{_QUESTIONS}.enable", True), Departure(f"{_QUESTIONS}.auto_enable", True)),
        14: _set(recording__allow_cmr_3rd_party_bot=True),
        17: _set(
            in_meeting__allow_live_streaming=True, in_meeting__custom_live_streaming_service=True
        ),
    },
    meetings={
        3: _set(
            settings__auto_start_meeting_summary=True,
            settings__who_will_receive_summary=4,
            settings__support_participants_receive_summary=True,
            settings__meeting_invitees=[
                {"email": "CANARY-invitee@partner.example", "internal_user": False},
                {"email": "CANARY-colleague@example.com", "internal_user": True},
            ],
        ),
        9: _set(settings__auto_recording="cloud"),
        15: _set(settings__auto_start_ai_companion_questions=True),
    },
    phone_account=_set(
        voicemail_transcription__enable=True,
        voicemail_transcription__locked=False,
        voicemail_transcription__locked_by="invalid",
        # Whether an account lock binds sites is undocumented: none is on where a site differs.
        call_summary__locked=False,
        call_summary__locked_by="invalid",
    ),
    phone_site=_set(call_summary__enable=True, call_summary__auto_call_summary=True),
    ai_was_used=True,
)

_PARTIAL = Scenario(
    name="partial",
    account=(
        *_gone("in_meeting.support_participants_receive_summary"),
        *_gone("in_meeting.allow_participants_to_transcribe_meetings_with_my_notes"),
        *_gone("ai", "in_meeting.webinar_ai_companion_questions", "recording.viewer_see_chat"),
        *_set(smart_recognition={}, mail_calendar={}, general_setting={}),
    ),
    account_locks=_gone(_SUMMARY, _QUESTIONS, "ai"),
    every_group=(
        *_gone(_SUMMARY, _QUESTIONS, "recording.smart_recording", "ai"),
        *_gone(
            "chat.ai_summary",
            "chat.ai_compose",
            "chat.ai_recommend",
            "chat.ai_quick_reply",
            "chat.ai_sentence_completion",
            "chat.ai_quick_schedule",
        ),
        *_set(other_options={}),
    ),
    every_user=_set(tsp={}, whiteboard={}),
    has_phone=False,
    has_dashboards=False,
    has_unreadable_users=True,
    pending_have_ids=False,
)

_UNLOCKED = Scenario(
    name="unlocked",
    account_locks=_all_off(clean("account_lock_settings")),
    group_locks=_all_off(clean("group_lock_settings")),
    phone_account=_phone_unlocked("phone_account"),
    phone_site=_phone_unlocked("phone_site"),
)

_DENIED = Scenario(
    name="denied",
    withheld=frozenset(
        {
            "account:read:lock_settings:admin",
            "account:read:lock_settings:master",
            "group:read:settings:admin",
            "group:read:lock_settings:admin",
            "user:read:settings:admin",
        }
    ),
    has_phone=False,
    has_dashboards=False,
)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (Scenario(name="clean"), _DRIFTED, _UNLOCKED, _DENIED, _PARTIAL)
}
"""Every scenario by its name."""
