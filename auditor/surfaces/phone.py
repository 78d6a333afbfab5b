"""Settings of Zoom Phone: of the account, sites, groups and phone users.

Their documents contain the locks next to the values. One document of a level answers for the checks
of both surfaces.
"""

from collections.abc import Iterable, Mapping

from auditor.evidence.read_plan import PHONE as PHONE_VIEW
from auditor.evidence.read_plan import SITE as SITE_VIEW
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.surfaces.model import Fetch, Surface, SurfaceLevel
from auditor.zoom import endpoints
from auditor.zoom.errors import Rejected

PROBED_ITEMS = ("call_summary",)
"""Items of Zoom Phone that are requested although the reference does not list them.

Source: `phone.group_settings_updated` carries it since 2026-10-19.
"""


def _settings(fetch: Fetch) -> dict[str, JsonValue]:
    """The settings of the selection; if Zoom rejects them, only the documented ones.

    Raises:
        ZoomError: the settings cannot be read.
    """
    documented = tuple(item for item in fetch.selection if item not in PROBED_ITEMS)
    try:
        return _of_types(fetch, fetch.selection)
    except Rejected:
        if documented in (fetch.selection, ()):
            raise
        return _of_types(fetch, documented)


def _of_types(fetch: Fetch, items: Iterable[str]) -> dict[str, JsonValue]:
    params = {"setting_types": ",".join(items)}
    return fetch.api.get(fetch.endpoint, ids=fetch.ids, params=params)


def _of_group(fetch: Fetch) -> JsonValue:
    return _select(_settings(fetch), fetch.selection)


def _policy(fetch: Fetch) -> JsonValue:
    policy = fetch.api.get(fetch.endpoint, ids=fetch.ids).get("policy")
    return {"policy": _select(policy, fetch.selection) if isinstance(policy, dict) else policy}


def _select(body: Mapping[str, JsonValue], items: Iterable[str]) -> dict[str, JsonValue]:
    return {item: body[item] for item in items if item in body}


LEVELS = {
    Level.PHONE_ACCOUNT: SurfaceLevel(endpoints.PHONE_ACCOUNT_SETTINGS, fetch=_settings),
    Level.PHONE_SITE: SurfaceLevel(
        endpoints.PHONE_SITE, (endpoints.PHONE_SITES,), id_name="siteId", fetch=_policy
    ),
    Level.PHONE_GROUP: SurfaceLevel(
        endpoints.PHONE_GROUP_SETTINGS, (endpoints.GROUPS,), id_name="groupId", fetch=_of_group
    ),
    Level.PHONE_USER: SurfaceLevel(
        endpoints.PHONE_USER, (endpoints.USERS,), id_name="userId", fetch=_policy
    ),
}

PHONE = Surface(name=PHONE_VIEW.surface, levels=LEVELS)
SITE = Surface(name=SITE_VIEW.surface, levels=LEVELS)
