"""Endpoints: every request this program makes, with its scopes and its rate label.

Sources: Zoom's OpenAPI descriptions of Users (2025-03) and Meetings (2025-06, 2026-05), the API
reference and Zoom's list of granular scopes, as of 2026-11.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from auditor.zoom.limits import RateLabel


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A GET request. The account in a path is always `me`: the account that owns the app.

    Any one of `scopes` (granular) and `classic_scopes` suffices. A listing has its rows under
    `items`, up to `page_size` per page (0: it has no pages), identified by `row_id` (empty: rows
    have no unique id). If it is `counted`, Zoom documents a `total_records`, which is needed to
    prove that all rows arrived. If it is `recurring`, several rows may have the same id (the
    occurrences of a meeting), and the count may be that of rows or of ids. `options` are the
    values of the `option` query parameter.
    """

    name: str
    path: str
    label: RateLabel
    scopes: tuple[str, ...]
    classic_scopes: tuple[str, ...] = ()
    items: str = ""
    page_size: int = 0
    row_id: str = "id"
    counted: bool = False
    recurring: bool = False
    options: tuple[str, ...] = ()

    @property
    def request(self) -> str:
        """The name in reports: `GET /users/{userId}/settings`."""
        return f"GET {self.path}"

    @property
    def master_scopes(self) -> tuple[str, ...]:
        """The granular scopes, any of which allows it on an account below the app's own."""
        stems = (scope.removesuffix(":admin").removesuffix(":master") for scope in self.scopes)
        return tuple(dict.fromkeys(f"{stem}:master" for stem in stems))

    def is_allowed_by(self, granted: Iterable[str]) -> bool:
        """True if one of the `granted` scopes suffices."""
        return not {*self.scopes, *self.classic_scopes}.isdisjoint(granted)


_AUTHENTICATION = ("meeting_authentication", "recording_authentication")

ACCOUNT_SETTINGS = Endpoint(
    "account_settings",
    "/accounts/me/settings",
    RateLabel.MEDIUM,
    ("account:read:settings:admin", "account:read:settings:master"),
    ("account:read:admin", "account:master"),
    options=(*_AUTHENTICATION, "security", "meeting_security"),
)
ACCOUNT_LOCK_SETTINGS = Endpoint(
    "account_lock_settings",
    "/accounts/me/lock_settings",
    RateLabel.MEDIUM,
    # The reference names only the second; ordinary accounts were also offered the first.
    ("account:read:lock_settings:admin", "account:read:lock_settings:master"),
    ("account:read:admin", "account:master"),
    options=("meeting_security",),
)
GROUPS = Endpoint(
    "groups",
    "/groups",
    RateLabel.MEDIUM,
    ("group:read:list_groups:admin",),
    ("group:read:admin",),
    items="groups",
    page_size=300,
    counted=True,
)
GROUP_SETTINGS = Endpoint(
    "group_settings",
    "/groups/{groupId}/settings",
    RateLabel.MEDIUM,
    ("group:read:settings:admin",),
    ("group:read:admin",),
    options=(*_AUTHENTICATION, "meeting_security"),
)
GROUP_LOCK_SETTINGS = Endpoint(
    "group_lock_settings",
    "/groups/{groupId}/lock_settings",
    RateLabel.MEDIUM,
    ("group:read:lock_settings:admin",),
    ("group:read:admin",),
    options=("meeting_security",),
)
GROUP_MEMBERS = Endpoint(
    "group_members",
    "/groups/{groupId}/members",
    RateLabel.MEDIUM,
    ("group:read:list_members:admin",),
    ("group:read:admin",),
    items="members",
    page_size=2000,
    counted=True,
)
USERS = Endpoint(
    "users",
    "/users",
    RateLabel.MEDIUM,
    ("user:read:list_users:admin",),
    ("user:read:admin",),
    items="users",
    page_size=2000,
    counted=True,
)
USER_SETTINGS = Endpoint(
    "user_settings",
    "/users/{userId}/settings",
    RateLabel.MEDIUM,
    ("user:read:settings:admin",),
    ("user:read:admin",),
    options=(*_AUTHENTICATION, "meeting_security"),
)
USER_MEETINGS = Endpoint(
    "user_meetings",
    "/users/{userId}/meetings",
    RateLabel.MEDIUM,
    ("meeting:read:list_meetings:admin",),
    ("meeting:read:admin",),
    items="meetings",
    page_size=300,
    counted=True,
    recurring=True,
)
MEETING = Endpoint(
    "meeting",
    "/meetings/{meetingId}",
    RateLabel.LIGHT,
    ("meeting:read:meeting:admin",),
    ("meeting:read:admin",),
)
USER_WEBINARS = Endpoint(
    "user_webinars",
    "/users/{userId}/webinars",
    RateLabel.MEDIUM,
    ("webinar:read:list_webinars:admin",),
    ("webinar:read:admin",),
    items="webinars",
    page_size=300,
    counted=True,
    recurring=True,
)
WEBINAR = Endpoint(
    "webinar",
    "/webinars/{webinarId}",
    RateLabel.LIGHT,
    ("webinar:read:webinar:admin",),
    ("webinar:read:admin",),
)
MEETING_SUMMARIES = Endpoint(
    "meeting_summaries",
    "/meetings/meeting_summaries",
    RateLabel.MEDIUM,
    ("meeting:read:list_summaries:admin",),
    ("meeting_summary:read:admin",),
    items="summaries",
    page_size=300,
    row_id="",
)
PHONE_ACCOUNT_SETTINGS = Endpoint(
    "phone_account_settings",
    "/phone/account_settings",
    RateLabel.PHONE_LIGHT,
    ("phone:read:list_account_settings:admin",),
    ("phone:read:admin",),
)
PHONE_SITES = Endpoint(
    "phone_sites",
    "/phone/sites",
    RateLabel.PHONE_MEDIUM,
    ("phone:read:list_sites:admin",),
    ("phone:read:admin",),
    items="sites",
    page_size=300,
)
PHONE_SITE = Endpoint(
    "phone_site",
    "/phone/sites/{siteId}",
    RateLabel.PHONE_LIGHT,
    ("phone:read:site:admin",),
    ("phone:read:admin",),
)
PHONE_GROUP_SETTINGS = Endpoint(
    "phone_group_settings",
    "/phone/groups/{groupId}/settings",
    RateLabel.PHONE_LIGHT,
    ("phone:read:group_setting:admin",),
    ("phone:read:admin",),
)
PHONE_USER = Endpoint(
    "phone_user",
    "/phone/users/{userId}",
    RateLabel.PHONE_LIGHT,
    ("phone:read:user:admin",),
    ("phone:read:admin",),
)
ROLES = Endpoint(
    "roles",
    "/roles",
    RateLabel.MEDIUM,
    ("role:read:list_roles:admin",),
    ("role:read:admin",),
    items="roles",
    counted=True,
)
ROLE = Endpoint(
    "role",
    "/roles/{roleId}",
    RateLabel.LIGHT,
    ("role:read:role:admin",),
    ("role:read:admin",),
)
ROLE_MEMBERS = Endpoint(
    "role_members",
    "/roles/{roleId}/members",
    RateLabel.MEDIUM,
    ("role:read:list_members:admin",),
    ("role:read:admin",),
    items="members",
    page_size=300,
)
MARKETPLACE_APPS = Endpoint(
    "marketplace_apps",
    "/marketplace/apps",
    RateLabel.MEDIUM,
    ("marketplace:read:list_apps:admin",),
    items="apps",
    page_size=300,
    row_id="app_id",
)
OPERATION_LOGS = Endpoint(
    "operation_logs",
    "/report/operationlogs",
    RateLabel.HEAVY,
    ("report:read:operation_logs:admin",),
    ("report:read:admin",),
    items="operation_logs",
    page_size=300,
    row_id="",
)
HISTORY_MEETINGS = Endpoint(
    "history_meetings",
    "/report/history_meetings",
    RateLabel.HEAVY,
    ("report:read:list_history_meetings:admin",),
    ("report:read:admin",),
    items="history_meetings",
    page_size=300,
    row_id="",
)
DASHBOARD_PARTICIPANTS = Endpoint(
    "dashboard_participants",
    "/metrics/meetings/{meetingId}/participants",
    RateLabel.HEAVY,
    ("dashboard:read:list_meeting_participants:admin",),
    ("dashboard_meetings:read:admin",),
    items="participants",
    page_size=300,
    # A participant who leaves and rejoins has two rows with one id.
    row_id="",
)
DISCLAIMERS = Endpoint(
    "disclaimers",
    "/report/disclaimer",
    RateLabel.HEAVY,
    ("report:read:disclaimer:admin",),
    ("report:read:admin",),
    items="disclaimer_records",
    page_size=300,
    row_id="",
)
REMOTE_SUPPORT = Endpoint(
    "remote_support",
    "/report/remote_support",
    RateLabel.HEAVY,
    ("report:read:remote_support:admin",),
    ("report:read:admin",),
    items="remote_support_logs",
    page_size=300,
    row_id="",
)
AI_WORKFLOWS = Endpoint(
    "ai_workflows",
    "/ai/workflows/flows",
    # Neither its label nor its fields are published: assume the slowest label of a listing.
    RateLabel.HEAVY,
    ("workflow:read:list_definitions:admin",),
    items="flows",
    page_size=300,
)

ENDPOINTS = MappingProxyType(
    {each.name: each for each in [*globals().values()] if isinstance(each, Endpoint)}
)
"""The endpoints by name, in the order of this module."""
