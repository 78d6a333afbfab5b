"""What can be written: read-only leaves, and the lock that covers a setting.

Source: the types of Zoom's own SDK (2025-12) and the changelogs to 2026-11. Whether a leaf of a
later changelog can be written is assumed where no page says otherwise.
"""

from collections.abc import Iterable, Mapping
from typing import Final

_AI = (
    "in_meeting.ai_companion_questions",
    "in_meeting.meeting_summary_with_ai_companion",
    "in_meeting.webinar_ai_companion_questions",
    "in_meeting.webinar_summary_with_ai_companion",
)
_EVERYWHERE = (
    *_AI,
    "ai.ai_model_type",
    "ai_model_type",
    "in_meeting.meeting_waiting_room_branding",
    "in_meeting.unchecked_data_center_regions",
    "in_meeting.webinar_waiting_room_branding",
    "smart_recognition",
    "telephony.telephony_regions.allowed_values",
)
READ_ONLY: Final[Mapping[str, tuple[str, ...]]] = {
    "account": (*_EVERYWHERE, "meeting_security.chat_etiquette_tool.policy_max_count"),
    "group": (
        *_EVERYWHERE,
        "allow_authentication_exception",
        "chat",
        "recording.archive.settings.action_when_archive_failed",
        "recording.archive.settings.archive_retention",
        "recording.archive.settings.chat_with_direct_message",
        "recording.archive.settings.notification_when_archiving_starts",
        "recording.archive.settings.play_voice_prompt_when_archiving_starts",
        "schedule_meeting.personal_meeting",
        "telephony.telephony_regions.selection_values",
    ),
    "user": (
        *_EVERYWHERE,
        "allow_authentication_exception",
        "in_meeting.allow_participants_to_rename",
        "recording.host_delete_cloud_recording",
        "recording.record_audio_file_each_participant",
        "recording.required_password_for_shared_cloud_recordings",
        "schedule_meeting.continuous_meeting_chat",
        "whiteboard",
    ),
}
"""By level, settings that a PATCH does not change, with everything below them."""

READ_ONLY_LOCKS: Final = (*_AI, "in_meeting.manual_captions", "in_meeting.meeting_reactions")

_OTHER_FORM: Final = (
    "authentication_options",
    "meeting_authentication.authentication_options",
    "security.signin_with_sso.sso_bypass_users",
)
"""Leaves that a PATCH takes in another form than the GET returns."""

_LOCKS: Final[Mapping[str, str]] = {
    "allow_authentication_exception": "schedule_meeting.meeting_authentication",
    "authentication_options": "schedule_meeting.meeting_authentication",
    "chat.ai_quick_reply": "chat.ai_reply",
    "chat.create_group_chat": "chat.allow_create_channels_and_group_chats",
    "chat.create_private_channels": "chat.allow_create_channels_and_group_chats",
    "chat.create_public_channels": "chat.allow_create_channels_and_group_chats",
    "in_meeting.allow_participants_chat_with": "in_meeting.chat",
    "in_meeting.allow_users_save_chats": "in_meeting.chat",
    "in_meeting.closed_captioning.auto_transcribing": "in_meeting.auto_generated_captions",
    "in_meeting.closed_captioning.save_caption": "in_meeting.save_caption",
    "in_meeting.closed_captioning.view_full_transcript": "in_meeting.full_transcript",
    "in_meeting.closed_captioning": "in_meeting.closed_caption",
    "in_meeting.custom_live_streaming_service": "in_meeting.allow_live_streaming",
    "in_meeting.custom_service_instructions": "in_meeting.allow_live_streaming",
    "in_meeting.data_center_regions": "in_meeting.custom_data_center_regions",
    "in_meeting.live_streaming_facebook": "in_meeting.allow_live_streaming",
    "in_meeting.live_streaming_youtube": "in_meeting.allow_live_streaming",
    "in_meeting.manual_captioning.auto_generated_captions": "in_meeting.auto_generated_captions",
    "in_meeting.manual_captioning.full_transcript": "in_meeting.full_transcript",
    "in_meeting.manual_captioning.save_captions": "in_meeting.save_captions",
    "in_meeting.manual_captioning": "in_meeting.manual_captions",
    "in_meeting.unchecked_data_center_regions": "in_meeting.custom_data_center_regions",
    "in_meeting.who_can_share_screen": "in_meeting.screen_sharing",
    "in_meeting.who_can_share_screen_when_someone_is_sharing": "in_meeting.screen_sharing",
    "in_meeting.workplace_by_facebook": "in_meeting.allow_live_streaming",
    "meeting_authentication": "schedule_meeting.meeting_authentication",
    "recording.auto_delete_cmr_days": "recording.auto_delete_cmr",
    "recording.cloud_recording_download_host": "recording.cloud_recording_download",
    "recording_authentication": "recording.recording_authentication",
}
"""Locks whose names differ from the settings that they cover."""


def is_read_only(level: str, path: str, *, lock: bool) -> bool:
    """True if a PATCH leaves this setting, or this lock, as it is."""
    return any(
        _is_below(path, root)
        for root in (READ_ONLY_LOCKS if lock else (*READ_ONLY[level], *_OTHER_FORM))
    )


def lock_of(path: str, known: Iterable[str]) -> str | None:
    """The lock that covers a setting: one of the `known` flags, or None."""
    flags = set(known)
    for root, lock in _LOCKS.items():
        if _is_below(path, root) and lock in flags:
            return lock
    parts = path.split(".")
    candidates = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((candidate for candidate in candidates if candidate in flags), None)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}.")
