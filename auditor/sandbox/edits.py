"""Changes while the sandbox serves: a setting is changed or locked, and the log gets an entry.

A change in the portal (`make`) applies to everything below: at the account to every group and
user, at a group to its members; the last change wins. A change by request (`write`) is inherited
as `inheritance` says. Like Zoom's own log, the log omits changes that people make to their own
settings. The scenario is not affected: `World.planted` does not include changes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, get_args

from auditor.sandbox import variants
from auditor.sandbox.documents import Departure, Documents, Json, changed, leaves
from auditor.sandbox.inheritance import NOTHING, Inheritance, Level, Made, SettingsOwner
from auditor.sandbox.variants import Holder, Surface
from auditor.sandbox.world import World

LABELS: Final[Mapping[str, str]] = {
    "chat.ai_summary": "Chat summary",
    "in_meeting.ai_companion_questions": "Meeting questions",
    "in_meeting.ai_companion_questions.auto_enable": "Automatically start meeting questions",
    "in_meeting.allow_live_streaming": "Allow live streaming of meetings",
    "in_meeting.chat": "Meeting chat",
    "in_meeting.meeting_summary_with_ai_companion": "Meeting summary",
    "meeting_security.meeting_password": "Require a passcode when scheduling new meetings",
    "recording.auto_delete_cmr": "Delete cloud recordings after a specified number of days",
    "recording.recording_audio_transcript": "Create audio transcript",
    "schedule_meeting.join_before_host": "Allow participants to join before host",
}
"""The web portal's labels of settings; other labels are derived from the setting's name."""

_SWITCH = ("enable",)
"""The last part of a path that is the switch of the whole feature."""


@dataclass(frozen=True, slots=True)
class ServedLogEntry:
    """An entry of the operation log."""

    at: datetime
    operator: str
    category: str
    """The category as shown in the log."""
    query_category: str
    """The category as a query parameter."""
    detail: str

    def row(self) -> dict[str, Json]:
        """The entry as a row of the API's response."""
        return {
            "time": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "operator": self.operator,
            "category_type": self.category,
            "action": "Update",
            "operation_detail": self.detail,
        }


@dataclass
class SettingEdits:
    """The changes since the sandbox started."""

    world: World
    made: tuple[Made, ...] = ()
    log: tuple[ServedLogEntry, ...] = ()
    """From the oldest entry to the newest."""
    _known: dict[tuple[Holder, Surface, tuple[int, ...], str], dict[str, bytes]] = field(
        default_factory=dict
    )
    _inheritance: Inheritance = field(init=False)

    def __post_init__(self) -> None:
        self._inheritance = Inheritance(self.world, self.made)

    def bodies(self, level: Level, index: int, surface: Surface) -> dict[str, bytes]:
        """The documents of a scope as JSON, by option, with the changes that reach it."""
        holder = self._inheritance.holder(SettingsOwner(level, index))
        numbers = tuple(n for n, each in enumerate(self.made) if self._reaches(each, level, index))
        written = self._written(SettingsOwner(level, index), surface)
        if not numbers and not written:
            return variants.bodies(holder, surface)
        key = holder, surface, numbers, json.dumps(written)
        if key not in self._known:
            self._known[key] = {
                option: json.dumps(body, separators=(",", ":")).encode()
                for option, body in self._documents(holder, surface, numbers, written).items()
            }
        return self._known[key]

    def write(
        self,
        place: SettingsOwner,
        surface: Surface,
        values: Mapping[str, Json],
        operator: str,
        now: float,
    ) -> None:
        """Make the changes of a PATCH: a value of the place's own for each leaf."""
        before = self._flat(place, surface)
        at = datetime.fromtimestamp(now, UTC)
        for path, value in values.items():
            self._add(Made(place.level, place.index, surface, path, value, by_request=True))
            text = _describe(_label(path), surface, before.get(path), value)
            self.log = (*self.log, self._entry(at, operator, place.level, place.index, text))

    def is_held(self, place: SettingsOwner, path: str) -> bool:
        """True if a lock above this place covers the setting."""
        return self._inheritance.is_held(place, path)

    def is_lock_held(self, lock: str) -> bool:
        """True if the account has set this lock itself: then no group lifts it."""
        return self._inheritance.value(SettingsOwner("account", 0), "lock_settings", lock) is True

    def _add(self, made: Made) -> None:
        self.made = (*self.made, made)
        self._inheritance.made = self.made

    def _written(self, place: SettingsOwner, surface: Surface) -> list[tuple[str, Json]]:
        """The leaves that depend on a PATCH, with their values."""
        found = self._inheritance
        values = {path: found.value(place, surface, path) for path in found.touched(surface)}
        return sorted((path, value) for path, value in values.items() if value is not NOTHING)

    def _flat(self, place: SettingsOwner, surface: Surface) -> dict[str, Json]:
        views = self.bodies(place.level, place.index, surface).values()
        return {path: value for body in views for path, value in leaves(json.loads(body))}

    def make(self, change: Mapping[str, Json], now: float) -> dict[str, Json] | None:
        """Make the change that `change` describes, and return its log entry, if it has one.

        `level` is account, group or user; `id` an id, the name of a group or the address of a
        user; `setting` a path; then either `value`, or `locked` true or false. `operator` and
        `label` may give the author, and the log's label of the setting.

        Raises:
            ValueError: something is missing, or there is no such scope or setting.
        """
        level, index = self._scope(change)
        path = change.get("setting")
        if not isinstance(path, str) or not path:
            raise ValueError("setting must be the path of a setting.")
        if ("value" in change) == ("locked" in change):
            raise ValueError("Give either value or locked.")
        surface: Surface = "settings" if "value" in change else "lock_settings"
        value = change["value"] if surface == "settings" else change["locked"]
        if surface == "lock_settings" and (level == "user" or not isinstance(value, bool)):
            raise ValueError("locked must be true or false, at the account or a group.")
        path, before = self._present(level, index, surface, path)
        self._add(Made(level, index, surface, path, value))
        by = change.get("operator") or self.world.user_email(min(1, self.world.present - 1))
        own = level == "user" and by in (self.world.user_email(index), self.world.user_id(index))
        if own or (type(before) is type(value) and before == value):
            return None
        at = datetime.fromtimestamp(now, UTC)
        name = str(change.get("label") or _label(path))
        entry = self._entry(at, str(by), level, index, _describe(name, surface, before, value))
        self.log = (*self.log, entry)
        return entry.row()

    def _scope(self, change: Mapping[str, Json]) -> tuple[Level, int]:
        world, name = self.world, str(change.get("id") or "")
        match change.get("level"):
            case "account":
                return "account", 0
            case "group":
                names = {world.group_name(n): n for n in range(world.group_count)}
                group = world.group_index(name)
                group = names.get(name) if group is None else group
                if group is None:
                    raise ValueError(f"There is no group {name!r}.")
                return "group", group
            case "user":
                user = world.user_index(name)
                if user is None or user >= world.present:
                    raise ValueError(f"There is no user {name!r} with settings.")
                return "user", user
        raise ValueError(f"level must be one of {', '.join(get_args(Level))}.")

    def _present(self, level: Level, index: int, surface: Surface, path: str) -> tuple[str, Json]:
        """The path of the setting, or of the lock that covers it, and its value."""
        views = {
            name: json.loads(body) for name, body in self.bodies(level, index, surface).items()
        }
        parts = path.split(".")
        shortest = 2 if surface == "lock_settings" else len(parts)
        for end in range(len(parts), min(shortest, len(parts)) - 1, -1):
            for body in views.values():
                value = _at(body, parts[:end])
                if value is not _NOTHING and not isinstance(value, dict):
                    return ".".join(parts[:end]), value
        kind = "lock" if surface == "lock_settings" else "setting"
        raise ValueError(f"The {level} has no {kind} {path!r}.")

    def _entry(self, at: datetime, by: str, level: Level, index: int, text: str) -> ServedLogEntry:
        if level == "account":
            return ServedLogEntry(at, by, "Account", "account", f"Settings  - {text}")
        if level == "group":
            name = self.world.group_name(index)
            return ServedLogEntry(at, by, "User Group", "user", f"Edit Group {name}  - {text}")
        email = self.world.user_email(index)
        return ServedLogEntry(at, by, "User", "user_settings", f"Update User {email}  - {text}")

    def _reaches(self, made: Made, level: Level, index: int) -> bool:
        if made.by_request:
            return False
        if made.level == "account":
            return True
        if made.level == "group" and level == "user":
            return made.index in self.world.groups_of(index)
        return made.level == level and made.index == index

    def _documents(
        self,
        holder: Holder,
        surface: Surface,
        numbers: tuple[int, ...],
        written: list[tuple[str, Json]],
    ) -> Documents:
        made = [self.made[n] for n in numbers if self.made[n].surface == surface]
        departures = [Departure(each.path, each.value) for each in made]
        departures += [Departure(path, value) for path, value in written]
        return changed(variants.documents(holder, surface), departures)


_NOTHING: Final = object()


def _at(body: Json, parts: list[str]) -> Json:
    for part in parts:
        if not isinstance(body, dict) or part not in body:
            return _NOTHING
        body = body[part]
    return body


def _label(path: str) -> str:
    parts = path.split(".")
    feature = parts[:-1] if parts[-1] in _SWITCH else parts
    known = LABELS.get(".".join(feature))
    return known or feature[-1].replace("_", " ").capitalize()


def _describe(label: str, surface: Surface, before: Json, after: Json) -> str:
    locked = " locked" if surface == "lock_settings" else ""
    return f"{label}{locked}: from {_word(before)} to {_word(after)}"


def _word(value: Json) -> str:
    if isinstance(value, bool):
        return "On" if value else "Off"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
