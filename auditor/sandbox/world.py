"""The simulated account: its users, groups and meetings, computed from the seed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from auditor.sandbox.documents import Departure, Documents, Json, changed, clean, differences
from auditor.sandbox.identity import email, group_name, index_of, index_of_email, opaque_id
from auditor.sandbox.scenarios import CYCLE, SCENARIOS, Scenario
from auditor.sandbox.variants import Holder, Kind, departures

Status = Literal["active", "inactive", "pending"]
PhoneLevel = Literal["phone_account", "phone_group", "phone_site", "phone_user"]
BASIC, LICENSED, UNASSIGNED = 1, 2, 4
MEETINGS_PER_HOST: Final = 2
_FIRST_MEETING: Final = 80_000_000_000


@dataclass(frozen=True, slots=True)
class Planted:
    """One departure from the clean account. See `World.planted`."""

    level: Literal["account", "group", "user", "meeting"] | PhoneLevel
    scope_id: str
    setting: str
    kind: Kind
    value: Json


@dataclass(frozen=True)
class World:
    """One simulated account.

    `users` counts active, inactive and pending ones. `groups` is about one per 50 users unless
    given, and at least 6 from 60 users on. The last `deleted_users` of the active ones are listed
    but no longer there, the owner excepted. Equal arguments give an equal account.

    Raises:
        ValueError: no user, a negative number, or a scenario that does not exist.
    """

    users: int = 60
    groups: int | None = None
    seed: int = 1
    scenario: str = "clean"
    deleted_users: int = 0

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ValueError(f"An account has at least one user, its owner; got {self.users}.")
        if self.groups is not None and self.groups < 0:
            raise ValueError(f"The number of groups cannot be negative; got {self.groups}.")
        if self.deleted_users < 0:
            raise ValueError(f"Deleted users cannot be fewer than none; got {self.deleted_users}.")
        if self.scenario not in SCENARIOS:
            known = ", ".join(SCENARIOS)
            raise ValueError(f"There is no scenario {self.scenario!r}; there are {known}.")

    @cached_property
    def rules(self) -> Scenario:
        """The scenario's tables."""
        return SCENARIOS[self.scenario]

    @cached_property
    def account_id(self) -> str:
        """The account's id, as the credentials name it."""
        return opaque_id(self.seed, "account", 0)

    @cached_property
    def group_count(self) -> int:
        """How many groups there are."""
        if self.groups is not None:
            return self.groups
        return self.users // 10 if self.users < 60 else max(6, self.users // 50)

    def count(self, status: Status) -> int:
        """How many users have the status."""
        few = 0 if self.users < 20 else max(1, self.users // 40)
        return {"active": self.users - 2 * few, "inactive": few, "pending": few}[status]

    def indices(self, status: Status) -> range:
        """The users of a status: active ones come first, pending ones last."""
        start = {
            "active": 0,
            "inactive": self.count("active"),
            "pending": self.users - self.count("pending"),
        }[status]
        return range(start, start + self.count(status))

    @cached_property
    def present(self) -> int:
        """How many users have settings: the active and the inactive ones."""
        return self.users - self.count("pending")

    def status(self, index: int) -> Status:
        """Status of a user."""
        if index >= self.present:
            return "pending"
        return "active" if index < self.count("active") else "inactive"

    def licence(self, index: int) -> int:
        """Type of a user: 1 Basic, 2 Licensed, 4 Unassigned. The owner is always licensed."""
        if index and index % 100 == 57:
            return UNASSIGNED
        return BASIC if index and (index * 3 + self.seed) % 10 in (3, 7) else LICENSED

    def role(self, index: int) -> str:
        """Role of a user: `0` owner, `1` admin (the next two users), `2` member."""
        return "0" if index == 0 else "1" if index <= 2 else "2"

    def user_id(self, index: int) -> str:
        """Id of a user."""
        return opaque_id(self.seed, "user", index)

    def user_email(self, index: int) -> str:
        """Address of a user."""
        return email(self.seed, index)

    def user_index(self, text: str) -> int | None:
        """The user with this id or address, `me` being the owner; None where there is none."""
        if text == "me":
            return 0
        index = index_of(self.seed, "user", text)
        if index is None:
            index = index_of_email(self.seed, text)
        if index is None or index >= self.users:
            return None
        return index

    def group_id(self, group: int) -> str:
        """Id of a group."""
        return opaque_id(self.seed, "group", group)

    def group_name(self, group: int) -> str:
        """Name of a group."""
        return group_name(group)

    def group_index(self, text: str) -> int | None:
        """The group with this id, or None."""
        group = index_of(self.seed, "group", text)
        return group if group is not None and group < self.group_count else None

    def groups_of(self, index: int) -> tuple[int, ...]:
        """The groups of a user, the primary one first. Some users have none, some two."""
        first = (index + self.seed) % (self.group_count + 1)
        if first == self.group_count or index >= self.present:
            return ()
        if self.group_count > 1 and index // (self.group_count + 1) % 5 == 0:
            return first, (first + 1) % self.group_count
        return (first,)

    def members(self, group: int) -> tuple[range, range]:
        """Users whose primary group this is, and users who belong to it besides."""
        step = self.group_count + 1
        primary = range((group - self.seed) % step, self.present, step)
        if self.group_count < 2:
            return primary, range(0)
        neighbour = (group - 1) % self.group_count
        return primary, range((neighbour - self.seed) % step, self.present, step * 5)

    def meeting_ids(self, index: int) -> Sequence[int]:
        """Scheduled meetings of a user: every third active user hosts two."""
        if index % 3 or self.status(index) != "active" or self.is_deleted(index):
            return range(0)
        first = _FIRST_MEETING + index * MEETINGS_PER_HOST
        return range(first, first + MEETINGS_PER_HOST)

    def meeting_host(self, meeting: int) -> int | None:
        """The host of a meeting, or None where there is no such meeting."""
        index = (meeting - _FIRST_MEETING) // MEETINGS_PER_HOST
        if not 0 <= index < self.present or meeting not in self.meeting_ids(index):
            return None
        return index

    def meeting_changes(self, meeting: int) -> tuple[Departure, ...]:
        """Departures of a meeting from the clean one: only a host's first meeting has any."""
        index, number = divmod(meeting - _FIRST_MEETING, MEETINGS_PER_HOST)
        return () if number else self.rules.meetings.get(self._place(index), ())

    @cached_property
    def site_id(self) -> str:
        """The account's only phone site."""
        return opaque_id(self.seed, "site", 0)

    @cached_property
    def broken_user(self) -> int | None:
        """The user whose settings always answer 500, if the scenario has one."""
        return self.count("active") - 1 if self._has_unreadable else None

    @cached_property
    def deleted_user(self) -> int | None:
        """The user who is listed but deleted, if the scenario has one."""
        return self.count("active") - 2 if self._has_unreadable else None

    def is_deleted(self, index: int) -> bool:
        """True for a user who is listed but deleted."""
        return index in self._deleted or index == self.deleted_user

    @cached_property
    def _deleted(self) -> range:
        active = self.count("active")
        return range(max(1, active - self.deleted_users), active)

    @property
    def _has_unreadable(self) -> bool:
        return self.rules.has_unreadable_users and self.count("active") > 2

    @cached_property
    def account_holder(self) -> Holder:
        """Key of the account's documents."""
        return Holder(self.scenario, "account")

    def group_holder(self, group: int) -> Holder:
        """Key of a group's documents."""
        return Holder(self.scenario, "group", self._profile(group))

    def user_holder(self, index: int) -> Holder:
        """Key of a user's documents. Few users differ, so few keys exist."""
        groups = [self._profile(group) for group in self.groups_of(index)]
        place = self._place(index)
        return Holder(
            self.scenario,
            "user",
            groups[0] if groups else None,
            tuple(place for place in groups[1:] if self.rules.groups[place].locks),
            place if place in self.rules.personal else None,
            self.licence(index) != LICENSED,
        )

    def planted(self) -> Iterator[Planted]:
        """Every departure from the clean account of the same size and seed, lazily.

        Account and groups: each leaf of settings (all options) and lock documents that differs.
        Users: each leaf of the settings (all options) of active and inactive users, inherited
        departures included, against the clean document of the same licence. Meetings: each leaf
        of `GET /meetings/{meetingId}`. Phone: each leaf of the settings of the account, the site,
        every group and every active user where the scenario has Phone; their `.locked` leaves
        count as locks.

        Kinds: `value` and `lock` differ; `added` and `lock_added` stand only here; `absent` and
        `lock_absent` stand only in the clean account (value None); `unreadable` is a user whose
        settings cannot be read (value: the HTTP status, setting empty), and nothing else is
        planted for that user, meetings and phone included. A list is one leaf. A path that stands
        in two views counts once.

        Not included: refused scopes, pending users, apps, roles, logs, reports and dashboards.
        """
        account = self.account_holder
        yield from self._of("account", self.account_id, account)
        for group in range(self.group_count):
            yield from self._of("group", self.group_id(group), self.group_holder(group))
        for index in range(self.present):
            yield from self._of_user(index)
        for index in range(self.count("active")):
            for meeting in self.meeting_ids(index):
                before = clean("meeting")
                differing = differences(before, changed(before, self.meeting_changes(meeting)))
                for path, (_, value) in differing.items():
                    yield Planted("meeting", str(meeting), path, "value", value)
        if self.rules.has_phone:
            yield from self._of_phone()

    def _of(
        self, level: Literal["account", "group"], scope_id: str, holder: Holder
    ) -> Iterator[Planted]:
        for path, kind, value in departures(holder, "settings"):
            yield Planted(level, scope_id, path, kind, value)
        for path, kind, value in departures(holder, "lock_settings"):
            yield Planted(level, scope_id, path, kind, value)

    def _of_user(self, index: int) -> Iterator[Planted]:
        if self.is_deleted(index):
            yield Planted("user", self.user_id(index), "", "unreadable", 404)
        elif index == self.broken_user:
            yield Planted("user", self.user_id(index), "", "unreadable", 500)
        else:
            for path, kind, value in departures(self.user_holder(index), "settings"):
                yield Planted("user", self.user_id(index), path, kind, value)

    def phone(self, level: PhoneLevel) -> dict[str, Json]:
        """The settings of Zoom Phone as served at a level, inherited from the account."""
        own = self.rules.phone_site if level == "phone_site" else ()
        return changed(clean("phone"), (*self.rules.phone_account, *own))[level]

    def _of_phone(self) -> Iterator[Planted]:
        having = (index for index in self.indices("active") if not self.is_deleted(index))
        scopes: dict[PhoneLevel, Iterable[str]] = {
            "phone_account": [self.account_id],
            "phone_site": [self.site_id],
            "phone_group": map(self.group_id, range(self.group_count)),
            "phone_user": map(self.user_id, having),
        }
        for level, scope_ids in scopes.items():
            before: Documents = {level: clean("phone")[level]}
            differing = differences(before, {level: self.phone(level)})
            for scope_id in scope_ids:
                for path, (_, value) in differing.items():
                    kind: Kind = "lock" if path.endswith(".locked") else "value"
                    yield Planted(level, scope_id, path, kind, value)

    def _profile(self, group: int) -> int:
        return group % len(self.rules.groups)

    def _place(self, index: int) -> int:
        return (index * 7 + self.seed) % CYCLE


def page(rows: tuple[range, range], start: int, size: int) -> Iterator[int]:
    """`size` of the numbers in the two ranges put end to end, from place `start` on."""
    first, second = rows
    yield from first[start : start + size]
    start -= len(first)
    yield from second[max(0, start) : max(0, start + size)]
