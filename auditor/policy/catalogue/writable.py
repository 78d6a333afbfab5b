"""The settings and locks that Zoom's API documents as writable, and at which levels.

Zoom returns more than it accepts: meeting summary and questions, for example, can be read at every
level and written at none.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.policy.catalogue import documented

_DIFFERS = "differs"


def levels(setting: str) -> tuple[Level, ...]:
    """The levels at which a request to change `setting` is documented; empty for none.

    `setting` is a path as in a document. A key whose parent is not documented counts at any place,
    and a leaf of an object with an unpublished shape is as writable as the object.
    """
    return tuple(Level(level) for level in _entry(setting).get("writable_levels", ()))


def lock_levels(lock: str) -> tuple[Level, ...]:
    """The levels at which the lock at the path `lock` can be set; empty if it is read-only."""
    return _locks().get(lock, ())


def has_other_form(setting: str) -> bool:
    """True if Zoom takes another form for writing than it returns: lists of domains, profiles."""
    return _entry(setting).get("write_form") == _DIFFERS or "[]" in setting


def view(setting: str) -> View:
    """The document that contains `setting`, which is also the `option` of the request to write."""
    return View(SETTINGS.surface, str(_entry(setting).get("view", "")))


def lock_view(lock: str) -> View:
    """The document that contains the lock. Requests to write account locks take no option."""
    section = lock.partition(".")[0]
    return View(LOCKS.surface, section if section == "meeting_security" else "")


def _entry(setting: str) -> Mapping[str, Any]:
    known = documented.settings()
    if setting in known:
        return known[setting]
    parts = setting.split(".")
    for key in parts:
        if known.get(key, {}).get("by_key"):
            return known[key]
    for length in range(len(parts) - 1, 0, -1):
        around = known.get(".".join(parts[:length]))
        if around is not None:
            return around if around["type"] == "object" else {}
    return {}


@cache
def _locks() -> Mapping[str, tuple[Level, ...]]:
    """Lock path to the levels at which it can be set."""
    return {
        str(entry["lock"]): tuple(Level(level) for level in entry["lock_writable_levels"])
        for entry in documented.settings().values()
        if "lock" in entry
    }
