"""Values and locks after writing through the API: what is inherited, and what a lock forces.

A group that has no value of its own follows the account, a user the first group. A lock at the
account forces the account's value on every group and user, a group's lock its value on the members.
Own values return when a lock is lifted; Zoom documents neither that nor the contrary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from auditor.sandbox import variants, write_rules
from auditor.sandbox.documents import Json, leaves
from auditor.sandbox.scenarios import SCENARIOS
from auditor.sandbox.variants import Holder, Surface
from auditor.sandbox.world import World

Level = Literal["account", "group", "user"]

NOTHING: Final = object()
"""The document has no such leaf."""
_INHERITS: Final = object()


@dataclass(frozen=True, slots=True)
class Made:
    """One change."""

    level: Level
    index: int
    """Index of the group or user; 0 for the account."""
    surface: Surface
    path: str
    value: Json
    by_request: bool = False
    """Made by a PATCH. Others are made in the portal, and reach everything below at once."""


@dataclass(frozen=True, slots=True)
class SettingsOwner:
    """The account, a group or a user."""

    level: Level
    index: int


_ACCOUNT: Final = SettingsOwner("account", 0)


@dataclass
class Inheritance:
    """The values of leaves that the changes touched."""

    world: World
    made: Sequence[Made]
    _flat: dict[tuple[Holder, Surface], dict[str, Json]] = field(default_factory=dict)

    def touched(self, surface: Surface) -> set[str]:
        """The leaves whose value may depend on a PATCH."""
        by_request = [each for each in self.made if each.by_request]
        paths = {each.path for each in by_request if each.surface == surface}
        if surface == "settings":
            locks = {each.path for each in by_request if each.surface == "lock_settings"}
            if locks:
                paths |= {path for path, lock in self._locks.items() if lock in locks}
        return paths

    def value(self, place: SettingsOwner, surface: Surface, path: str) -> Json:
        """The value of a leaf as served; `NOTHING` if the document lacks it."""
        if surface == "lock_settings":
            return self._flag(place, path)
        base = self._base(place, "settings", path)
        if place.level == "account" or base is NOTHING:
            return base if base is NOTHING else self._own_or(place, "settings", path, base)
        if self.is_locked(_ACCOUNT, path):
            value = self.value(_ACCOUNT, "settings", path)
            return base if value is NOTHING else value
        if place.level == "user":
            for group in self.world.groups_of(place.index):
                if self.is_locked(SettingsOwner("group", group), path):
                    value = self.value(SettingsOwner("group", group), "settings", path)
                    return base if value is NOTHING else value
        own = self._own(place, "settings", path)
        if own is not _INHERITS:
            return own
        inherited = self.value(self._parent(place), "settings", path)
        return base if inherited is NOTHING else inherited

    def is_locked(self, place: SettingsOwner, path: str) -> bool:
        """True if a lock at this place covers the setting."""
        lock = self._locks.get(path)
        return lock is not None and self._flag(place, lock) is True

    def is_held(self, place: SettingsOwner, path: str) -> bool:
        """True if a lock above this place covers the setting."""
        if place.level == "account":
            return False
        groups = self.world.groups_of(place.index) if place.level == "user" else ()
        above = [_ACCOUNT, *(SettingsOwner("group", group) for group in groups)]
        return any(self.is_locked(each, path) for each in above)

    def _flag(self, place: SettingsOwner, lock: str) -> Json:
        base = self._base(place, "lock_settings", lock)
        if place.level == "account":
            return self._own_or(place, "lock_settings", lock, base)
        above = self._flag(_ACCOUNT, lock)
        if above is True or base is NOTHING:
            return base if base is NOTHING else True
        own = self._own(place, "lock_settings", lock)
        if own is not _INHERITS:
            return own
        return base if above is NOTHING else above

    def _own_or(self, place: SettingsOwner, surface: Surface, path: str, otherwise: Json) -> Json:
        own = self._latest(place, surface, path)
        return otherwise if own is None or own is _INHERITS else own

    def _own(self, place: SettingsOwner, surface: Surface, path: str) -> Json:
        """The place's own value, or `_INHERITS`."""
        latest = self._latest(place, surface, path)
        if latest is not None:
            return latest
        base = self._base(place, surface, path)
        if surface == "lock_settings" and path in self._profile_locks(place):
            return True
        return _INHERITS if base == self._base(self._parent(place), surface, path) else base

    def _latest(self, place: SettingsOwner, surface: Surface, path: str) -> Json:
        """The newest change that decides; None without one."""
        for each in reversed(self.made):
            if each.surface != surface or each.path != path:
                continue
            if SettingsOwner(each.level, each.index) == place:
                return each.value
            if not each.by_request and self._is_above(each, place):
                return _INHERITS
        return None

    def _is_above(self, made: Made, place: SettingsOwner) -> bool:
        if made.level == "account":
            return place.level != "account"
        is_member = place.level == "user" and made.index in self.world.groups_of(place.index)
        return made.level == "group" and is_member

    def _parent(self, place: SettingsOwner) -> SettingsOwner:
        groups = self.world.groups_of(place.index) if place.level == "user" else ()
        return SettingsOwner("group", groups[0]) if groups else _ACCOUNT

    def _profile_locks(self, place: SettingsOwner) -> tuple[str, ...]:
        profile = self.holder(place).profile
        if place.level != "group" or profile is None:
            return ()
        return SCENARIOS[self.world.scenario].groups[profile].locks

    @cached_property
    def _locks(self) -> dict[str, str | None]:
        """The lock of every setting."""
        account, group = self.world.account_holder, Holder(self.world.scenario, "group", 0)
        user = Holder(self.world.scenario, "user")
        flags = {
            lock for holder in (account, group) for lock in self._leaves(holder, "lock_settings")
        }
        return {
            path: write_rules.lock_of(path, flags)
            for holder in (account, group, user)
            for path in self._leaves(holder, "settings")
        }

    def _base(self, place: SettingsOwner, surface: Surface, path: str) -> Json:
        if place.level == "user" and surface == "lock_settings":
            return NOTHING
        return self._leaves(self.holder(place), surface).get(path, NOTHING)

    def _leaves(self, holder: Holder, surface: Surface) -> dict[str, Json]:
        key = holder, surface
        if key not in self._flat:
            documents = variants.documents(holder, surface)
            self._flat[key] = {
                path: value for body in documents.values() for path, value in leaves(body)
            }
        return self._flat[key]

    def holder(self, place: SettingsOwner) -> Holder:
        """The key of the documents of a place."""
        if place.level == "account":
            return self.world.account_holder
        if place.level == "group":
            return self.world.group_holder(place.index)
        return self.world.user_holder(place.index)
