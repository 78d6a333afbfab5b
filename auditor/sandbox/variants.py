"""The documents as served: the clean ones with a scenario's changes, shared by equal scopes."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Literal, NamedTuple

from auditor.sandbox.documents import Departure, Documents, Json, Name, changed, clean, differences
from auditor.sandbox.scenarios import SCENARIOS, Profile

Surface = Literal["settings", "lock_settings"]
Kind = Literal["value", "lock", "added", "absent", "lock_absent", "lock_added", "unreadable"]
"""The kinds of planted departures; see `World.planted`."""
USER_MARK = b"%USER%"
"""Placeholder for a secret of the user in a user's document; replaced when served."""


class Holder(NamedTuple):
    """Key of a document. Scopes with equal holders are served equal documents."""

    scenario: str
    level: Literal["account", "group", "user"]
    profile: int | None = None
    """The group's place in the scenario's list of profiles, or that of a user's first group."""
    held_by: tuple[int, ...] = ()
    """Profiles of further groups of a user whose locks bind."""
    personal: int | None = None
    """A user's place in the scenario's personal departures."""
    basic: bool = False


@cache
def documents(holder: Holder, surface: Surface) -> Documents:
    """The documents of a holder, by option. Shared: callers must not change them."""
    return changed(clean(_clean_name(holder, surface)), _changes(holder, surface))


@cache
def bodies(holder: Holder, surface: Surface) -> dict[str, bytes]:
    """The documents of a holder as JSON, by option; `default` is the view without one."""
    return {
        option: json.dumps(body, separators=(",", ":")).encode()
        for option, body in documents(holder, surface).items()
    }


@cache
def departures(holder: Holder, surface: Surface) -> tuple[tuple[str, Kind, Json], ...]:
    """Leaf path, kind and served value of everything that differs from the clean document."""
    differing = differences(clean(_clean_name(holder, surface)), documents(holder, surface))
    names: dict[str, Kind] = {"changed": "value", "added": "added", "absent": "absent"}
    if surface == "lock_settings":
        names = {"changed": "lock", "added": "lock_added", "absent": "lock_absent"}
    return tuple((path, names[how], value) for path, (how, value) in differing.items())


def _clean_name(holder: Holder, surface: Surface) -> Name:
    if holder.level == "account":
        return "account_settings" if surface == "settings" else "account_lock_settings"
    if holder.level == "group":
        return "group_settings" if surface == "settings" else "group_lock_settings"
    return "basic_settings" if holder.basic else "user_settings"


def _changes(holder: Holder, surface: Surface) -> list[Departure]:
    scenario = SCENARIOS[holder.scenario]
    own = Profile() if holder.profile is None else scenario.groups[holder.profile]
    if surface == "lock_settings":
        if holder.level == "account":
            return list(scenario.account_locks)
        own_locks = (Departure(path, True) for path in own.locks)
        return [*scenario.account_locks, *scenario.group_locks, *own_locks]
    inherited = [change for change in scenario.account if not change.added]
    if holder.level == "account":
        return list(scenario.account)
    if holder.level == "group":
        return [*inherited, *own.changes, *scenario.every_group]
    profiles = [own, *(scenario.groups[place] for place in holder.held_by)]
    held = tuple(path for profile in profiles for path in profile.locks)
    personal = () if holder.personal is None else scenario.personal[holder.personal]
    return [
        *_free((*inherited, *own.changes, *personal), held),
        *(c for p in profiles if p.locks for c in _held(p.changes, p.locks)),
        *scenario.every_user,
    ]


def _free(changes: Iterable[Departure], held: tuple[str, ...]) -> list[Departure]:
    """The changes that no group lock overrides."""
    return [change for change in changes if not _under(change.path, held)]


def _held(changes: Iterable[Departure], held: tuple[str, ...]) -> list[Departure]:
    return [change for change in changes if _under(change.path, held)]


def _under(path: str, sections: tuple[str, ...]) -> bool:
    return any(path == section or path.startswith(f"{section}.") for section in sections)
