"""Matching scopes: which account, groups, users or meetings an override or a waiver is about."""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from auditor.evidence.scope import Level, Scope


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("may not be empty.")
    return text


Text = Annotated[str, AfterValidator(_said)]
"""Text that says something."""


class Match(BaseModel):
    """A scope by level, group, user or meeting: name, id or pattern. All that are named must hold.

    A `group` matches the group itself and its members. A `user` is matched by id, e-mail address
    or name. In patterns `*` and `?` stand for any text and any character; case does not matter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level | None = None
    group: Text | None = None
    user: Text | None = None
    meeting: Text | None = None

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
            scope.level is Level.USER and _is_any(self.user, scope.id, scope.email, scope.name)
        ):
            return False
        return self.meeting is None or (
            scope.level is Level.MEETING and _is_any(self.meeting, scope.id, scope.name)
        )

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
        return ", ".join(f"{key} {value}" for key, value in named.items())


def _is_any(pattern: str, *names: str) -> bool:
    return any(name and _is(pattern, name) for name in names)


def _is(pattern: str, name: str) -> bool:
    if _is_pattern(pattern):
        return fnmatchcase(name.casefold(), pattern.casefold().replace("[", "[[]"))
    return name.casefold() == pattern.casefold()


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def _weight(text: str | None) -> int:
    return 0 if text is None else 1 if _is_pattern(text) else 2
