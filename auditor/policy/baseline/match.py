"""Matches scopes: the account, groups, users or meetings of an override or a waiver."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import cached_property
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from auditor.evidence.names import is_pattern, named_group, normalised, plain_group
from auditor.evidence.scope import Level, Licence, Scope


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("may not be empty.")
    return text


NonBlank = Annotated[str, AfterValidator(_not_blank)]
"""A string that is not blank."""


class DisplayName(BaseModel):
    """An explicit display name: users choose their own, and hosts the topics of their meetings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: NonBlank

    def __str__(self) -> str:
        return f"named {self.name}"


Name = NonBlank | DisplayName
"""An address, an id or a pattern; a display name if explicit, or for groups."""

Names = Name | Annotated[tuple[Name, ...], Field(min_length=1)]
"""One name, or several of which one must match."""

Licences = Annotated[
    tuple[Licence, ...],
    Field(min_length=1),
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value,
        json_schema_input_type=Licence | tuple[Licence, ...],
    ),
]
"""Licences of which a user has one; a file may name a single one without a list."""

SHOWN = 3
"""The number of names that a label shows."""


class Match(BaseModel):
    """Selects scopes by level, group, user, meeting or licence. All given criteria must match.

    A `group` matches the group itself and its members. A plain string matches a group's id or name,
    a user's address or id, or a meeting's id; names of users and topics of meetings are compared
    only with `{name: …}`. In a list, one name must match. In patterns `*` stands for any string and
    `?` for any character; they match names of groups, addresses of users and ids of meetings, and
    names with `{name: …}`. Names and addresses are compared after Unicode NFC, without case, and
    trimmed; ids are compared exactly. A `licence` matches users who have it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level | None = None
    group: Names | None = None
    user: Names | None = None
    meeting: Names | None = None
    licence: Licences | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "Match":
        is_of_people = self.user is not None or self.licence is not None
        if (self.level, self.group, self.meeting) == (None,) * 3 and not is_of_people:
            raise ValueError("name a level, group, user, meeting or licence.")
        levels = {Level.USER} if is_of_people else set()
        if self.meeting is not None:
            levels.add(Level.MEETING)
        if self.level is not None:
            levels.add(self.level)
        if len(levels) > 1 or (self.group is not None and levels & _WITHOUT_GROUPS):
            raise ValueError("no scope can match all of this.")
        return self

    def matches(self, scope: Scope, groups: frozenset[str]) -> bool:
        """True if it matches `scope`.

        `groups` are the keys of the scope's groups: see `names.of_group`.
        """
        return self.fits_groups(groups) and self._fits_but_for_groups(scope)

    def fits_groups(self, groups: frozenset[str]) -> bool:
        """True if its group criterion matches one of `groups`; other criteria are ignored."""
        return self.group is None or self._groups.fit_group(groups)

    def might_match(self, scope: Scope) -> bool:
        """True if it would match `scope` if one of its groups, whose names are unknown, matched."""
        return self.group is not None and self._fits_but_for_groups(scope)

    def _fits_but_for_groups(self, scope: Scope) -> bool:
        if self.level is not None and scope.level is not self.level:
            return False
        if self.licence is not None and not (
            scope.level is Level.USER and Licence.of(scope.licence) in self.licence
        ):
            return False
        if self.user is not None and not (
            scope.level is Level.USER and self._users.fit(scope.id, scope.email, scope.name)
        ):
            return False
        return self.meeting is None or (
            scope.level is Level.MEETING and self._meetings.fit(scope.id, scope.id, scope.name)
        )

    @cached_property
    def _groups(self) -> "_NameSet":
        return _NameSet(self.group)

    @cached_property
    def _users(self) -> "_NameSet":
        return _NameSet(self.user)

    @cached_property
    def _meetings(self) -> "_NameSet":
        return _NameSet(self.meeting)

    @property
    def levels(self) -> frozenset[Level]:
        """The levels at which it can match a scope."""
        if self.level is not None:
            return frozenset({self.level})
        if self.meeting is not None:
            return frozenset({Level.MEETING})
        is_of_people = self.user is not None or self.licence is not None
        return frozenset({Level.USER} if is_of_people else {Level.GROUP, Level.USER})

    @property
    def specificity(self) -> tuple[int, int, int, int, int]:
        """Greater is more specific: meeting, then user, group, licence, level; a name beats a
        pattern."""
        return (
            _weight(self.meeting),
            _weight(self.user),
            _weight(self.group),
            int(self.licence is not None),
            int(self.level is not None),
        )

    @property
    def label(self) -> str:
        """`group Legal*, level user`."""
        named = {
            "level": self.level,
            "group": self.group,
            "user": self.user,
            "meeting": self.meeting,
        }
        shown = [f"{key} {_shown(value)}" for key, value in named.items() if value is not None]
        licences = [f"licence {' or '.join(self.licence)}"] if self.licence else []
        return ", ".join([*shown, *licences])


_WITHOUT_GROUPS = {Level.ACCOUNT, Level.APP, Level.PHONE_ACCOUNT, Level.PHONE_SITE}
"""Levels whose scopes neither are groups nor belong to groups."""


class _NameSet:
    """Names and patterns, compiled for comparison with very many names."""

    def __init__(self, names: Names | None) -> None:
        keys = [key for name in listed(names) for key in keys_of(name)]
        self._exact = {key for key in keys if not key.startswith(_PATTERNS)}
        patterns = [key.split(":", 1) for key in keys if key.startswith(_PATTERNS)]
        self._any_group = "like:*" in keys
        self._like = {
            kind: [re.compile(translate(text)) for prefix, text in patterns if prefix == kind]
            for kind in ("like", "likename")
        }

    def fit(self, zoom_id: str, text: str, name: str) -> bool:
        """True if one of them matches this id, this text (an address or an id) or this name."""
        return any(key in self._exact for key in scope_keys(zoom_id, text, name)) or (
            self._matches_pattern("like", text or zoom_id)
            or self._matches_pattern("likename", name)
        )

    def fit_group(self, groups: frozenset[str]) -> bool:
        """True if one of them matches one of these groups."""
        if not self._exact.isdisjoint(groups):
            return True
        patterns = (*self._like["like"], *self._like["likename"])
        if not patterns or not groups:
            return False
        return self._any_group or any(
            pattern.match(name) for name in named_group(groups) for pattern in patterns
        )

    def _matches_pattern(self, kind: str, text: str) -> bool:
        patterns = self._like[kind]
        if not patterns or not text:
            return False
        same = normalised(text)
        return any(pattern.match(same) for pattern in patterns)


_PATTERNS = ("like:", "likename:")


def keys_of(name: Name) -> tuple[str, ...]:
    """The keys of a name in a match: what kind of identifier it is compared with, and the text.

    A plain string gives `id:` and `name:` (of groups) or `address:` (of users); `named:` is an
    explicit display name; `like:` and `likename:` are the corresponding patterns.
    """
    if isinstance(name, DisplayName):
        same = normalised(name.name)
        return (f"likename:{_pattern(same)}",) if is_pattern(same) else (f"named:{same}",)
    if is_pattern(name):
        return (f"like:{_pattern(normalised(name))}",)
    number = "".join(name.split())  # Zoom displays meeting numbers in blocks of digits
    id_key, name_key = plain_group(number if number.isdecimal() else name)
    return id_key, name_key, f"address:{normalised(name)}"


def scope_keys(zoom_id: str, address: str, name: str) -> Iterator[str]:
    """The keys under which a user or a meeting may be named."""
    yield f"id:{zoom_id}"
    if address and "@" in address:
        yield f"address:{normalised(address)}"
    if name:
        yield f"named:{normalised(name)}"


def _pattern(text: str) -> str:
    return text.replace("[", "[[]")


def listed(names: Names | None) -> Sequence[Name]:
    """One name or several, as a sequence."""
    if names is None:
        return ()
    return names if isinstance(names, tuple) else (names,)


def _shown(names: Names) -> str:
    labels = [str(name) for name in listed(names)]
    rest = len(labels) - SHOWN
    return ", ".join(labels[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _text(name: Name) -> str:
    return name.name if isinstance(name, DisplayName) else name


def _weight(names: Names | None) -> int:
    return min((1 if is_pattern(_text(name)) else 2 for name in listed(names)), default=0)
