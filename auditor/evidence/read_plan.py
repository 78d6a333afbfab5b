"""The read plan: which documents to read of the account, groups, users, phones and meetings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from auditor.evidence.scope import Level, UserStatus
from auditor.evidence.view import View

LISTINGS: Mapping[Level, tuple[View, ...]] = {
    Level.GROUP: (View("groups"),),
    Level.USER: (
        View("users", UserStatus.ACTIVE),
        View("users", UserStatus.INACTIVE),
    ),
}
"""The listings of the scopes of a level. Their outcomes are recorded with the account."""

PENDING = View("users", UserStatus.PENDING)
"""Invited users: counted, not read."""

MEMBERS = View("group_members")
"""The members of groups, requested if the lists of users name no group at all."""


LEFT = View("left")
"""Scopes that were deleted after they were listed, and are not part of the evidence."""


def lock_sample_view(view: View) -> View:
    """The result of verifying with a sample that the account's locks prove a document of users.

    Recorded with the account: the number of `users`, `sampled` and `confirmed` ones.
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
"""The document of each level of Zoom Phone. It contains the locks next to the values."""

ROLES = View("roles")
LOGS = View("report_operationlogs")
CHANGES = View("report_operationlogs", "since")
"""The entries of the operation log since an earlier run. Used by drift, not by controls."""
RECEIVED = View("report_operationlogs", "events")
"""Changes that webhooks reported since an earlier run, in the form of log entries."""
CHANGES_DAYS = 180
"""How many days back the log is read. Zoom keeps six months. Source: Meetings API, 2024-01."""
SUMMARIES = View("meeting_summaries")
NOTICES = View("dashboard_meeting_participants")
MEETING = View("meeting")
HOSTS = View("hosts")
"""The groups of the hosts that reports name; recorded with the account."""


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
"""Level and surface of a check, to the view with the coverage of that level.

Recorded with the account. A document holds two numbers: scopes `listed` and scopes `read`. A
failure applies to every scope of the level without a record of its own.
"""

DISCLAIMERS = View("report_disclaimer")
"""The number of answers to notices in the last 30 days."""
WORKFLOWS = View("ai_workflows")
"""The workflows of Zoom's AI."""


def is_any(name: str, patterns: Iterable[str]) -> bool:
    """True if one of `patterns` matches (`*` for any text), ignoring case."""
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class MeetingSelection:
    """Which upcoming meetings and webinars to read."""

    per_host: int | None = None
    """The number of events to read for each host, the next ones first; None for all."""
    within_days: int | None = None
    """Events that begin within this many days, or have no fixed time; None for all."""
    users: tuple[str, ...] = ()
    """Only hosts whose id, address or name matches one of these (`*` for any text)."""
    groups: tuple[str, ...] = ()
    """Also hosts in a group whose id or name matches one of these."""

    def __bool__(self) -> bool:
        return self != MeetingSelection()


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """The views to read, sorted. A level without views is not listed."""

    account: tuple[View, ...] = ()
    group: tuple[View, ...] = ()
    user: tuple[View, ...] = ()
    token: bool = False
    """Whether to read the scopes of the app's own token."""
    use: Mapping[View, tuple[str, ...]] = field(default_factory=dict)
    """The reports, lists and logs of the account to read, each with the names that select rows."""
    phone: tuple[str, ...] = ()
    """The `setting_types` of Zoom Phone to request; empty for none."""
    phone_group: tuple[str, ...] = ()
    """The same for each phone group."""
    phone_site: tuple[str, ...] = ()
    """The items of each site's `policy` to store."""
    phone_user: tuple[str, ...] = ()
    """The items of each phone user's `policy` to store."""
    changes_since: str | None = None
    """Start (RFC 3339) of the operation log to read for changes; None to not read it."""
    hosts: bool = False
    """Whether to read the groups of hosts, even if no settings of groups and users are read."""
    notices: int = 0
    """How many past meetings with AI, the newest first, to read participants' answers of."""
    answered: tuple[str, ...] = ()
    """The kinds of notices whose answers of the last 30 days are counted: `NOTICE_KINDS`."""
    meeting: tuple[str, ...] = ()
    """The settings of each upcoming meeting to store."""
    webinar: tuple[str, ...] = ()
    """The settings of each upcoming webinar to store."""
    meetings: MeetingSelection = field(default_factory=MeetingSelection)
    """Which upcoming meetings and webinars are read."""

    def phone_items(self, level: Level) -> tuple[str, ...]:
        """The items of Zoom Phone that are requested at `level`."""
        return {
            Level.PHONE_ACCOUNT: self.phone,
            Level.PHONE_GROUP: self.phone_group,
            Level.PHONE_SITE: self.phone_site,
            Level.PHONE_USER: self.phone_user,
        }[level]
