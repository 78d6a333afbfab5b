"""Readable scope names: the rights of an app, by area. Pure functions.

Granular scopes are `area:verb:what:level`, classic ones `area:verb:level`. Source: Zoom's lists
of granular and classic scopes, read 2026-11.
"""

from collections.abc import Iterable

AREAS = {
    "account": "Account",
    "aic": "AI Companion",
    "archiving": "Archived meetings",
    "cloud_recording": "Cloud recordings",
    "dashboard": "Dashboards",
    "dashboard_meetings": "Dashboards",
    "group": "Groups",
    "marketplace": "Apps",
    "meeting": "Meetings",
    "meeting_summary": "Meeting summaries",
    "phone": "Zoom Phone",
    "recording": "Cloud recordings",
    "report": "Reports",
    "role": "Roles",
    "user": "Users",
    "webinar": "Webinars",
    "zoom_rooms": "Zoom Rooms",
}
"""The name of an area by the first word of a scope."""

EVERYTHING = "everything"
_LEVELS = ("admin", "master")


def group_by_area(scopes: Iterable[str]) -> dict[str, list[str]]:
    """The rights of the scopes by area, both sorted: `Groups` to `list groups`, `settings`.

    A classic scope grants everything in its area.
    """
    areas: dict[str, set[str]] = {}
    for scope in scopes:
        area, *words = scope.split(":")
        name = AREAS.get(area) or area.replace("_", " ").capitalize()
        opened = words[1:-1] if words[1:] and words[-1] in _LEVELS else words[1:]
        what = " ".join(opened).replace("_", " ") or EVERYTHING
        areas.setdefault(name, set()).add(what)
    return {
        name: [EVERYTHING] if EVERYTHING in what else sorted(what)
        for name, what in sorted(areas.items())
    }
