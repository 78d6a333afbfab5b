"""Scopes: the account, a group, a user or a meeting whose settings are evaluated."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.plain_text import pluralize


class Level(StrEnum):
    """A level at which settings have values, ordered from the account down (`Level.rank`)."""

    ACCOUNT = "account"
    APP = "app"
    PHONE_ACCOUNT = "phone_account"
    PHONE_GROUP = "phone_group"
    PHONE_SITE = "phone_site"
    GROUP = "group"
    USER = "user"
    PHONE_USER = "phone_user"
    MEETING = "meeting"
    WEBINAR = "webinar"

    @property
    def rank(self) -> int:
        """Position in reports: the account first, meetings and webinars last."""
        return _RANK[self]

    @property
    def noun(self) -> str:
        """`group`, `person`, `phone user`."""
        return "person" if self is Level.USER else self.value.replace("_", " ")

    @property
    def plural(self) -> str:
        """`groups`, `people`, `phone users`."""
        return "people" if self is Level.USER else f"{self.noun}s"

    def counted(self, count: int) -> str:
        """`1 group`, `12,345 people`: how every text for people counts places."""
        return pluralize(count, self.noun, self.plural)


_RANK = {level: rank for rank, level in enumerate(Level)}

_PLACEHOLDER_PREFIX = "*"


def placeholder_id(represents: str = "") -> str:
    """The id of a scope that represents others, which could not be listed.

    It represents the whole level, or a part of it: a listing, a cause or the id of a host.
    """
    return f"{_PLACEHOLDER_PREFIX}{represents}"


class UserStatus(StrEnum):
    """The status of a user: the values of `status` of `GET /users`, in the order of precedence."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"
    """Invited: without settings of their own until the invitation is accepted."""


class Licence(StrEnum):
    """A user's licence for meetings: `type` of `GET /users`."""

    BASIC = "basic"
    LICENSED = "licensed"
    UNASSIGNED = "unassigned"
    NONE = "none"

    @classmethod
    def of(cls, number: int | None) -> "Licence | None":
        """The licence with Zoom's number; None for a number that Zoom does not document."""
        return _LICENCES.get(number)


_LICENCES: dict[int | None, Licence] = {
    1: Licence.BASIC,
    2: Licence.LICENSED,
    4: Licence.UNASSIGNED,
    99: Licence.NONE,
}
"""Source: `type` of GET /users, Zoom's API reference, 2026-11-21."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One account, group, user or meeting, as named by a listing.

    `group_ids` are the groups a user belongs to (`group_ids` of `GET /users`).
    `licence` is a user's `type`: 1 Basic, 2 Licensed, 4 Unassigned, 99 None.
    `status` is that of a user, or of the host of an event: a `UserStatus`, or another word of Zoom;
    empty for other scopes.
    """

    level: Level
    id: str
    name: str = ""
    email: str = ""
    group_ids: tuple[str, ...] = ()
    licence: int | None = None
    status: str = ""

    @property
    def is_invited(self) -> bool:
        """True for a pending user, who has no settings: listed and counted, but never judged."""
        return self.status == UserStatus.PENDING

    @property
    def is_placeholder(self) -> bool:
        """True if it represents scopes that could not be listed (`placeholder_id`)."""
        return self.id.startswith(_PLACEHOLDER_PREFIX)

    @property
    def is_level_placeholder(self) -> bool:
        """True if it represents all the scopes of its level that have none of their own."""
        return self.id == _PLACEHOLDER_PREFIX

    @property
    def represents(self) -> str:
        """The part of the level that a placeholder represents; empty for the whole level."""
        return self.id.removeprefix(_PLACEHOLDER_PREFIX)

    @property
    def label(self) -> str:
        """The name to show: name, else e-mail address, else id."""
        return self.name or self.email or self.id

    @property
    def order(self) -> tuple[int, str]:
        """Sort key of reports: level, then id."""
        return self.level.rank, self.id
