"""Settings documents of a conforming account, as data, and how to change and compare them.

Shapes follow Zoom's reference examples of 2026-02 and its changelogs to 2026-11; the values are
invented, and so are the places of keys whose parent object is not published. A `Documents` maps
the `option` of a view (`default` for none) to its body.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

Json = Any
"""A value as `json.loads` gives it."""
Documents = dict[str, dict[str, Json]]
Name = Literal[
    "account_settings",
    "account_lock_settings",
    "group_settings",
    "group_lock_settings",
    "user_settings",
    "basic_settings",
    "meeting",
    "phone",
]

BASIC_LACKS: Final = (
    "email_notification.alternative_host_reminder",
    "email_notification.cloud_recording_available_reminder",
    "email_notification.recording_available_reminder_alternative_hosts",
    "email_notification.recording_available_reminder_schedulers",
    "email_notification.schedule_for_reminder",
    "feature.concurrent_meeting",
    "in_meeting.meeting_survey",
    "in_meeting.polling",
    "recording.allow_add_cloud_recordings_to_zoom_clips",
    "recording.allow_cmr_3rd_party_bot",
    "recording.auto_delete_cmr_days",
    "recording.cloud_recording",
    "recording.host_delete_cloud_recording",
    "recording.record_audio_file",
    "recording.record_audio_file_each_participant",
    "recording.record_files_separately",
    "recording.record_gallery_view",
    "recording.record_speaker_view",
    "recording.recording_audio_transcript",
    "recording.recording_highlight",
    "recording.recording_thumbnails",
    "recording.required_password_for_shared_cloud_recordings",
    "recording.save_chat_text",
    "recording.save_poll_results",
    "recording.show_timestamp",
    "recording.smart_recording",
    "schedule_meeting.pmi_password",
)
"""Keys that a Basic user's document lacks, compared with a Licensed user's (seen live in 2023)."""


class Removed:
    """The value of a change that removes a field."""


REMOVED: Final = Removed()


@dataclass(frozen=True)
class Departure:
    """One departure from the clean document. Applies only where `path` exists, unless `added`.

    A plain value never replaces an object: a few locks are objects for groups alone.
    """

    path: str
    value: Json
    added: bool = False


@cache
def clean(name: Name) -> Documents:
    """The conforming document. Shared: callers must not change it."""
    if name == "basic_settings":
        return changed(clean("user_settings"), [Departure(path, REMOVED) for path in BASIC_LACKS])
    loaded: Documents = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return loaded


def changed(documents: Documents, changes: Iterable[Departure]) -> Documents:
    """A copy of the documents with the changes in every view that has the path."""
    result = copy.deepcopy(documents)
    for change in changes:
        for option, body in result.items():
            _change(body, change, allow_new=change.added and option == "default")
    return result


def leaves(body: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every leaf with its dotted path. Lists are leaves; an empty object has none."""
    if not isinstance(body, dict):
        yield path, body
        return
    for key, value in body.items():
        yield from leaves(value, f"{path}.{key}" if path else key)


def differences(before: Documents, after: Documents) -> dict[str, tuple[str, Json]]:
    """Leaf paths that differ, each with `changed`, `added` or `absent` and the new value."""
    old, new = _flat(before), _flat(after)
    result: dict[str, tuple[str, Json]] = {}
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            result[path] = ("absent", None)
        elif path not in old:
            result[path] = ("added", new[path])
        elif old[path] != new[path]:
            result[path] = ("changed", new[path])
    return result


def _flat(documents: Mapping[str, Json]) -> dict[str, Json]:
    return {path: value for body in documents.values() for path, value in leaves(body)}


def _change(body: dict[str, Json], change: Departure, *, allow_new: bool) -> None:
    *sections, key = change.path.split(".")
    for section in sections:
        inner = body.get(section)
        if not isinstance(inner, dict):
            return
        body = inner
    if key not in body and not allow_new:
        return
    if isinstance(change.value, Removed):
        del body[key]
    elif isinstance(change.value, dict) or not isinstance(body.get(key), dict):
        body[key] = copy.deepcopy(change.value)
