"""Settings of upcoming meetings and webinars."""

from auditor.evidence.read_plan import MEETING as MEETING_VIEW
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.surfaces.model import Fetch, People, Surface, SurfaceLevel
from auditor.zoom import endpoints


def _settings(fetch: Fetch) -> JsonValue:
    settings = fetch.api.get(fetch.endpoint, ids=fetch.ids).get("settings")
    if not isinstance(settings, dict):
        return {"settings": settings}
    selected = {key: settings[key] for key in fetch.selection if key in settings}
    return {"settings": selected, **_invitees(settings.get("meeting_invitees"))}


def _invitees(listed: JsonValue) -> dict[str, JsonValue]:
    """How many people are invited, and how many of them are external. Stores no names."""
    if not isinstance(listed, list) or not listed:
        return {}
    internal = [
        invitee.get("internal_user") if isinstance(invitee, dict) else None for invitee in listed
    ]
    return {"invitees": {"listed": len(internal), "outside": internal.count(False)}}


MEETINGS = Surface(
    name=MEETING_VIEW.surface,
    levels={
        Level.MEETING: SurfaceLevel(
            endpoints.MEETING,
            (endpoints.USERS, endpoints.USER_MEETINGS),
            id_name="meetingId",
            fetch=_settings,
        ),
        Level.WEBINAR: SurfaceLevel(
            endpoints.WEBINAR,
            (endpoints.USERS, endpoints.USER_WEBINARS),
            id_name="webinarId",
            fetch=_settings,
        ),
    },
    people=People(),
)
