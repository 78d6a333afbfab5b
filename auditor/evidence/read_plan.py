"""What to read: views of the account, of every group and of every user, and what lies beside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from auditor.evidence.scope import Level
from auditor.evidence.view import View

LISTINGS: Mapping[Level, tuple[View, ...]] = {
    Level.GROUP: (View("groups"),),
    Level.USER: (View("users", "active"), View("users", "inactive")),
}
"""The listings that name the scopes of a level. What came of them is recorded with the account."""

PENDING = View("users", "pending")
"""Invited users: counted, not read."""

MEMBERS = View("group_members")
"""Who is in which group, asked for where the lists of users name no group at all."""


LEFT = View("left")
"""Who and what was deleted between a listing and its turn, and is no part of the evidence."""


def lock_sample_view(view: View) -> View:
    """What came of checking with a sample that the account's locks prove a document of users.

    Recorded with the account: of `users` there are, `sampled` were read, and `confirmed` so many.
    """
    return View("proved_by_lock", str(view))


TOKEN = View("token")
PHONE = View("phone_account_settings")
SITE = View("phone_site")
PHONE_VIEWS: Mapping[Level, View] = {
    Level.PHONE_ACCOUNT: PHONE,
    Level.PHONE_GROUP: View("phone_group_settings"),
    Level.PHONE_SITE: SITE,
    Level.PHONE_USER: View("phone_user"),
}
"""The one document that each level of Zoom Phone has; locks stand in it, beside the values."""

PROBED_ITEMS = ("call_summary",)
"""Items of Zoom Phone that account and groups are asked for although no reference promises them.

Source: `phone.group_settings_updated` carries it since 2026-10-19.
"""

ROLES = View("roles")
LOGS = View("report_operationlogs")
CHANGES = View("report_operationlogs", "since")
"""The entries of the operation log since an earlier run. No control reads it; drift does."""
CHANGES_DAYS = 180
"""How far back it is read: Zoom keeps six months. Source: Meetings API, 2024-01."""
SUMMARIES = View("meeting_summaries")
NOTICES = View("dashboard_meeting_participants")
MEETING = View("meeting")
HOSTS = View("hosts")
"""The groups of the people who hosted what reports name; recorded with the account."""


def history(feature: str) -> View:
    """The past meetings that used a feature, by host."""
    return View("report_history_meetings", feature)


def apps(kind: str) -> View:
    """The Marketplace apps of a kind: `type` of `GET /marketplace/apps`."""
    return View("marketplace_apps", kind)


COVERAGE_VIEWS: Mapping[tuple[Level, str], View] = {
    (Level.PHONE_GROUP, "phone_account_settings"): View("phone_groups"),
    (Level.PHONE_SITE, "phone_account_settings"): View("phone_sites"),
    (Level.PHONE_SITE, "phone_site"): View("phone_sites"),
    (Level.PHONE_USER, "phone_account_settings"): View("phone_users"),
    (Level.MEETING, "meeting"): View("upcoming_meetings"),
    (Level.WEBINAR, "meeting"): View("upcoming_webinars"),
    (Level.MEETING, "dashboard_meeting_participants"): View("meetings_with_ai"),
}
"""Level and surface of a check, to what came of going through the scopes of that level.

Recorded with the account. A document counts: `listed` scopes were there, `read` of them were asked
for. A refusal holds for every scope that has no record of its own.
"""

BUILT_IN_ADMIN_ROLES = ("0", "1")
"""The ids of the roles that may always change settings: owner and admin. Source: `GET /roles`."""

DISCLAIMERS = View("report_disclaimer")
"""How people answered notices in the last 30 days, as numbers."""
WORKFLOWS = View("ai_workflows")
"""The workflows of Zoom's AI that there are."""


AI_FEATURES = ("meeting_summary", "meeting_questions")
"""Features that show participants the AI notice. Source: `meeting_feature`, @zoom/rivet 0.4.0."""


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """Notices that ask for the same thing, and the use of Zoom in which they have to be shown."""

    types: tuple[str, ...]
    """`disclaimer_type` of a row. Source: `GET /report/disclaimer`, Meetings API, 2026-05."""
    features: tuple[str, ...] = ()
    """`meeting_feature` of the past meetings that show it; empty where no report tells."""


NOTICE_KINDS: Mapping[str, NoticeKind] = {
    "ai": NoticeKind(("summary", "query", "AICompanion"), AI_FEATURES),
    "recording": NoticeKind(("recording",), ("record_to_cloud", "record_to_computer")),
    "archive": NoticeKind(("archive",)),
    "live_stream": NoticeKind(("liveStream",)),
}
"""The kinds of notices that controls look at."""

ANSWERS_PREFIX = "answered_notices:"
"""How the settings of their checks begin; the kind follows."""


def is_any(name: str, patterns: Iterable[str]) -> bool:
    """True where one of `patterns` (`*` for any text) matches; case does not matter."""
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class MeetingSelection:
    """Which of the upcoming meetings and webinars are read."""

    per_host: int | None = None
    """Of each host the next so many; None for all."""
    within_days: int | None = None
    """Those that begin within so many days, and those that have no fixed time; None for all."""
    users: tuple[str, ...] = ()
    """Only of hosts whose id, address or name fits one of these (`*` for any text)."""
    groups: tuple[str, ...] = ()
    """Or who belong to a group whose id or name fits one of these."""

    def __bool__(self) -> bool:
        return self != MeetingSelection()


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """The views to read, sorted. A level with none is not listed either."""

    account: tuple[View, ...] = ()
    group: tuple[View, ...] = ()
    user: tuple[View, ...] = ()
    token: bool = False
    """The scopes of the app's own token."""
    phone: tuple[str, ...] = ()
    """The `setting_types` of Zoom Phone to ask for; empty for none."""
    phone_group: tuple[str, ...] = ()
    """The same for each phone group."""
    phone_site: tuple[str, ...] = ()
    """The items of each site's `policy` to keep."""
    phone_user: tuple[str, ...] = ()
    """The items of each phone user's `policy` to keep."""
    apps: tuple[str, ...] = ()
    """The kinds of Marketplace apps to list: `account_added`, `account_created`."""
    privileges: tuple[str, ...] = ()
    """Patterns of role privileges: the members of roles that have one are listed."""
    logs: tuple[str, ...] = ()
    """The categories of the operation log to read, for the last 30 days."""
    changes_since: str | None = None
    """Since when (RFC 3339) the operation log is read for who changed what; None for not at all."""
    features: tuple[str, ...] = ()
    """The features whose use in the last 30 days is read from the report of past meetings."""
    summaries: bool = False
    """The AI summaries that were made in the last 30 days."""
    hosts: bool = False
    """Who belongs to which group, also where no settings of groups and users are read."""
    notices: int = 0
    """Of how many past meetings with AI, the newest first, participants' answers are read."""
    answered: tuple[str, ...] = ()
    """The kinds of notices whose answers of the last 30 days are counted: `NOTICE_KINDS`."""
    workflows: bool = False
    """The workflows of Zoom's AI, where the app was given the scope."""
    meeting: tuple[str, ...] = ()
    """The settings of each upcoming meeting to keep."""
    webinar: tuple[str, ...] = ()
    """The settings of each upcoming webinar to keep."""
    meetings: MeetingSelection = field(default_factory=MeetingSelection)
    """Which upcoming meetings and webinars are read."""
