"""Matching scopes: which account, groups, users or meetings an override or a waiver is about."""

from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from auditor.evidence.scope import Level, Scope


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("may not be empty.")
    return text


Text = Annotated[str, AfterValidator(_said)]
"""Text that says something."""

Names = Text | Annotated[tuple[Text, ...], Field(min_length=1)]
"""A name, or several of which one has to fit."""

SHOWN = 3
"""How many of several names a label shows."""


class Match(BaseModel):
    """A scope by level, group, user or meeting: name, id or pattern. All that are named must hold.

    A `group` matches the group itself and its members. A `user` is matched by id, e-mail address
    or name. Several users or meetings can be listed, of which one has to fit. In patterns `*` and
    `?` stand for any text and any character; case does not matter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level | None = None
    group: Text | None = None
    user: Names | None = None
    meeting: Names | None = None

    @model_validator(mode="after")
    def _names_something(self) -> "Match":
        if (self.level, self.group, self.user, self.meeting) == (None,) * 4:
            raise ValueError("name a level, group, user or meeting.")
        return self

    def matches(self, scope: Scope, groups: frozenset[str]) -> bool:
        """True if it is about `scope`. `groups` are the case-folded ids and names of its groups."""
        if self.level is not None and scope.level is not self.level:
            return False
        if self.group is not None and not any(_is(self.group, name) for name in groups):
            return False
        if self.user is not None and not (
            scope.level is Level.USER and self._users.fit(scope.id, scope.email, scope.name)
        ):
            return False
        return self.meeting is None or (
            scope.level is Level.MEETING and self._meetings.fit(scope.id, scope.name)
        )

    @cached_property
    def _users(self) -> "_Patterns":
        return _Patterns(self.user)

    @cached_property
    def _meetings(self) -> "_Patterns":
        return _Patterns(self.meeting)

    def might_match(self, scope: Scope) -> bool:
        """True if it is about `scope` should one of its groups, whose names nobody knows, fit."""
        return self.group is not None and self.matches(scope, frozenset({self.group.casefold()}))

    @property
    def levels(self) -> frozenset[Level]:
        """The levels on which it can match anything."""
        if self.level is not None:
            return frozenset({self.level})
        if self.meeting is not None:
            return frozenset({Level.MEETING})
        return frozenset({Level.USER} if self.user is not None else {Level.GROUP, Level.USER})

    @property
    def specificity(self) -> tuple[int, int, int, int]:
        """Greater is more specific: meeting, then user, group, level; a name beats a pattern."""
        return (
            _weight(self.meeting),
            _weight(self.user),
            _weight(self.group),
            int(self.level is not None),
        )

    @property
    def label(self) -> str:
        """`group Legal*, level user`."""
        named = self.model_dump(exclude_none=True)
        return ", ".join(f"{key} {_shown(value)}" for key, value in named.items())


class _Patterns:
    """Names and patterns, ready to be compared with very many names."""

    def __init__(self, names: str | tuple[str, ...] | None) -> None:
        listed = _listed(names)
        self._exact = {name.casefold() for name in listed if not _is_pattern(name)}
        self._patterns = [name for name in listed if _is_pattern(name)]

    def fit(self, *names: str) -> bool:
        """True if one of `names` fits."""
        return any(
            name.casefold() in self._exact or any(_is(each, name) for each in self._patterns)
            for name in names
            if name
        )


def _listed(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names or ()


def _shown(names: str | tuple[str, ...]) -> str:
    listed = _listed(names)
    rest = len(listed) - SHOWN
    return ", ".join(listed[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _is(pattern: str, name: str) -> bool:
    if _is_pattern(pattern):
        return fnmatchcase(name.casefold(), pattern.casefold().replace("[", "[[]"))
    return name.casefold() == pattern.casefold()


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def _weight(names: str | tuple[str, ...] | None) -> int:
    return min((1 if _is_pattern(name) else 2 for name in _listed(names)), default=0)
