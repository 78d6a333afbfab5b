"""Locks: whether the account or a group locks a setting.

Lock documents return flags, not values. A flag is a boolean; in a few places Zoom's types declare
a string or an object. Source: lock settings of @zoom/rivet 0.4.0, 2025-12-04.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.evidence.reading import Cause, JsonValue, LookupResult, Reading, Seen, Unseen, at_path
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import Document, Outcome, View
from auditor.findings.model import Role
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.values import iter_leaves, json_type

STRING_FLAGS = frozenset(
    {
        "in_meeting.entry_exit_chime",
        "schedule_meeting.enforce_login_domains",
        "meeting_security.encryption_type",
    }
)
"""Lock paths whose flag is documented as a string."""

ENABLING = frozenset({"recording.ip_address_access_control"})
"""Lock paths documented as an object with `enable`, for groups."""

UMBRELLAS = frozenset({"ai"})
"""Lock paths that hold one flag per setting. Source: Zoom's changelog for accounts, 2026-09-21."""

_WORDS = {"true": True, "locked": True, "false": False, "unlocked": False}


@dataclass(frozen=True, slots=True)
class LockDocuments:
    """The lock documents that apply to a scope: the account's and those of its groups."""

    account: Mapping[View, Outcome]
    groups: Mapping[str, Mapping[View, Outcome]]
    """Group id to its lock documents."""


def find(check: Check, outcomes: Mapping[View, Outcome]) -> LookupResult:
    """The reading of the lock flag of `check`: `Seen(True)`, `Seen(False)` or `Unseen`."""
    assert check.lock is not None
    view = check.lock_document
    outcome = outcomes.get(view)
    if outcome is None:
        return LookupResult(Unseen(Cause.NOT_COLLECTED, "the locks were not requested"), "")
    if not isinstance(outcome, Document):
        return LookupResult(outcome.unseen, outcome.source)
    value = at_path(outcome.body, check.lock)
    if (
        isinstance(value, Unseen) and view.option
    ):  # flattened view, or the lock is in the default view
        value = at_path(outcome.body, check.lock.removeprefix(f"{view.option}."))
    default = outcomes.get(View(view.surface))
    if isinstance(value, Unseen) and view.option and isinstance(default, Document):
        value = at_path(default.body, check.lock)
    if isinstance(value, Unseen):
        return LookupResult(
            Unseen(Cause.ABSENT, f"Zoom did not return the lock {check.lock}"), outcome.source
        )
    return LookupResult(flag(check.lock, value), outcome.source)


def flag(path: str, value: JsonValue) -> Reading:
    """Interpret `value` at lock path `path` as a lock flag."""
    match value:
        case bool():
            return Seen(value, path)
        case str() if path in STRING_FLAGS and value.casefold() in _WORDS:
            return Seen(_WORDS[value.casefold()], path)
        case str() if path in STRING_FLAGS:
            detail = f"{value[:80]!r} is not a lock flag that Zoom documents"
            return Unseen(Cause.UNDOCUMENTED_VALUE, detail)
        case dict():
            return _object_flag(path, value)
    return Unseen(Cause.WRONG_TYPE, f"a lock flag is a boolean, Zoom returned {json_type(value)}")


def _object_flag(path: str, value: dict[str, JsonValue]) -> Reading:
    """Interpret an object as a lock flag, in documented shapes only.

    The shapes are a `locked` key, as in Zoom Phone; the switch of an object in `ENABLING`; and, in
    `UMBRELLAS`, one flag per setting, which all have to be on.
    """
    locked = value.get("locked")
    if isinstance(locked, bool):
        return Seen(locked, path)
    if path in ENABLING and isinstance(value.get("enable"), bool):
        return Seen(value["enable"], path)
    if path in UMBRELLAS:
        flags = list(iter_leaves(value))
        if flags and all(_is_lock_flag(name, flag) for name, flag in flags):
            return Seen(all(flag for _, flag in flags), path)
    detail = "the lock is an object of no documented shape, so it is unknown whether it is on"
    return Unseen(Cause.WRONG_TYPE, detail)


def _is_lock_flag(name: str, flag: JsonValue) -> bool:
    """False for values other than booleans, and for inverted flags such as `unlocked`."""
    return isinstance(flag, bool) and not name.rpartition(".")[2].casefold().startswith("unlock")


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """The layer that decides a value, and the roles that can still change it."""

    locked: bool | None = None
    decided_by: Level | None = None
    changeable_by: tuple[Role, ...] = ()
    locked_by: Level | None = None
    """The level whose lock is on."""


def resolve(check: Check, scope: Scope, locks: LockDocuments) -> EffectiveValue:
    """Resolve the layer that decides the value of `check` at `scope`.

    An account lock takes precedence; a group's lock binds its members; otherwise the scope's own
    value applies. Source: Zoom support KB0065579. If a lock could not be read, the layer is
    unknown.
    """
    if scope.level not in (Level.ACCOUNT, Level.GROUP, Level.USER):
        return EffectiveValue()
    by_account = _locked_at(check, Level.ACCOUNT, locks.account)
    below = tuple(
        who
        for level, who in ((Level.USER, Role.USER), (Level.GROUP, Role.GROUP_ADMIN))
        if level in check.levels
    )
    if scope.level is Level.ACCOUNT:
        changeable = (Role.ACCOUNT_ADMIN,) if by_account else (*below, Role.ACCOUNT_ADMIN)
        locked_by = Level.ACCOUNT if by_account else None
        return EffectiveValue(by_account, Level.ACCOUNT, changeable, locked_by)
    if by_account:
        return EffectiveValue(True, Level.ACCOUNT, (Role.ACCOUNT_ADMIN,), Level.ACCOUNT)
    if scope.level is Level.GROUP:
        own = _locked_at(check, Level.GROUP, locks.groups.get(scope.id, {}))
        members = () if own else tuple(who for who in below if who is Role.USER)
        decided = None if by_account is None and _lockable(check, Level.ACCOUNT) else Level.GROUP
        changeable = (*members, Role.GROUP_ADMIN, Role.ACCOUNT_ADMIN)
        return EffectiveValue(own, decided, changeable, Level.GROUP if own else None)
    flags = [_locked_at(check, Level.GROUP, locks.groups.get(g, {})) for g in scope.group_ids]
    if any(flags):
        decided = None if by_account is None and _lockable(check, Level.ACCOUNT) else Level.GROUP
        admins = (Role.GROUP_ADMIN, Role.ACCOUNT_ADMIN)
        return EffectiveValue(True, decided, admins, Level.GROUP)
    open_question = (by_account is None and _lockable(check, Level.ACCOUNT)) or (
        None in flags and _lockable(check, Level.GROUP)
    )
    if open_question:
        return EffectiveValue(None, None, tuple(Role))
    lockable = _lockable(check, Level.ACCOUNT) or _lockable(check, Level.GROUP)
    return EffectiveValue(False if lockable else None, Level.USER, tuple(Role))


def lock_state_by_level(
    check: Check, scope: Scope, locks: LockDocuments
) -> dict[Level, bool | None]:
    """Whether the account, and the groups of `scope`, lock the value of `check`.

    Levels that cannot lock it are omitted, and the group level for a scope without groups.
    """
    states = {}
    if _lockable(check, Level.ACCOUNT):
        states[Level.ACCOUNT] = _locked_at(check, Level.ACCOUNT, locks.account)
    groups = (scope.id,) if scope.level is Level.GROUP else scope.group_ids
    if groups and scope.level is not Level.ACCOUNT and _lockable(check, Level.GROUP):
        flags = [_locked_at(check, Level.GROUP, locks.groups.get(g, {})) for g in groups]
        states[Level.GROUP] = True if any(flags) else None if None in flags else False
    return states


def _lockable(check: Check, level: Level) -> bool:
    return check.lock is not None and level in check.lock_levels


def _locked_at(check: Check, level: Level, outcomes: Mapping[View, Outcome]) -> bool | None:
    """The flag if it was read; None if there is no flag or it is unseen."""
    if not _lockable(check, level):
        return None
    reading = find(check, outcomes).reading
    return bool(reading.value) if isinstance(reading, Seen) else None
