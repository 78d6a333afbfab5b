"""Settings and locks of the account, its groups and its users."""

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS as LOCKS_VIEW
from auditor.evidence.view import SETTINGS as SETTINGS_VIEW
from auditor.surfaces.model import Fetch, People, Surface, SurfaceLevel
from auditor.zoom import endpoints


def _whole_document(fetch: Fetch) -> JsonValue:
    params = {"option": fetch.option} if fetch.option else {}
    return fetch.api.get(fetch.endpoint, ids=fetch.ids, params=params)


SETTINGS = Surface(
    name=SETTINGS_VIEW.surface,
    levels={
        Level.ACCOUNT: SurfaceLevel(endpoints.ACCOUNT_SETTINGS, fetch=_whole_document),
        Level.GROUP: SurfaceLevel(
            endpoints.GROUP_SETTINGS, (endpoints.GROUPS,), id_name="groupId", fetch=_whole_document
        ),
        Level.USER: SurfaceLevel(
            endpoints.USER_SETTINGS, (endpoints.USERS,), id_name="userId", fetch=_whole_document
        ),
    },
    people=People(),
)
LOCKS = Surface(
    name=LOCKS_VIEW.surface,
    levels={
        Level.ACCOUNT: SurfaceLevel(endpoints.ACCOUNT_LOCK_SETTINGS, fetch=_whole_document),
        Level.GROUP: SurfaceLevel(
            endpoints.GROUP_LOCK_SETTINGS,
            (endpoints.GROUPS,),
            id_name="groupId",
            fetch=_whole_document,
        ),
    },
    people=People(),
)
