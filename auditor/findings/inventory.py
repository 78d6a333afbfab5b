"""The inventory: what every feature is set to, for whom, and who can change it. No baseline.

A value that was not read is never shown as a value: it has the cause instead.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Role, Verdict

_OFF: tuple[JsonValue, ...] = (None, False, 0, "", "none", "off")


def is_on(value: JsonValue) -> bool:
    """True if a value switches a feature on: of an object, its switch, or any of its flags."""
    if isinstance(value, dict):
        switches = [value[key] for key in ("enable", "enabled") if key in value]
        return any(is_on(child) for child in switches or value.values())
    if isinstance(value, list):
        return bool(value)
    return (value.casefold() if isinstance(value, str) else value) not in _OFF


def _is_set(value: JsonValue) -> bool:
    """True if a choice, a number or a text is set; a number may be zero."""
    return is_on(value) or (isinstance(value, int | float) and not isinstance(value, bool))


_TOP_LEVELS = (Level.ACCOUNT, Level.PHONE_ACCOUNT)

ValueKey = str
"""The JSON of a value: unlike in Python, true is not 1."""


def key_of(value: JsonValue) -> ValueKey:
    """Equal for equal JSON values only."""
    return json.dumps(value, sort_keys=True)


@dataclass(frozen=True, slots=True)
class SettingState:
    """A setting at the account, a group or a user: its value, or why it is unknown."""

    value: JsonValue = None
    cause: Cause | None = None
    """Why the value is unknown; None if it was read."""
    locked: bool | None = None
    """Whether this level locks the setting for the levels below; None if unknown or impossible."""
    source: str = ""
    """The request that returned it; empty if none was made."""
    observed_at: str | None = None
    """RFC 3339, UTC."""

    @property
    def is_seen(self) -> bool:
        """True if Zoom returned a value."""
        return self.cause is None


@dataclass(frozen=True, slots=True)
class GroupState:
    """A setting in one group."""

    group: Scope
    """A placeholder if the groups could not be listed."""
    state: SettingState
    members: int | None = None
    """Number of people in the group; None if they were not listed."""
    members_alike: int = 0
    """Number of them who have the group's value."""
    members_differing: "tuple[ValueCount, ...]" = ()
    """The values of the others, as far as they are known."""
    members_not_known: int = 0


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value, and the number of people who have it."""

    value: JsonValue
    count: int


@dataclass(frozen=True, slots=True)
class CauseCount:
    """Why a value is unknown, and for how many people; None if they could not be counted."""

    cause: Cause
    count: int | None


@dataclass(frozen=True, slots=True)
class PeopleStates:
    """A setting of all people, counted."""

    values: tuple[ValueCount, ...] = ()
    """The most frequent value first."""
    unknown: tuple[CauseCount, ...] = ()
    proved_by_lock: int = 0
    """Number of people whose value was not read, because the account's lock proves it."""
    differing: int = 0
    """Number of people whose value is neither a group's of theirs nor, without one, the
    account's."""

    @property
    def known(self) -> int:
        """Number of people whose value is known."""
        return sum(each.count for each in self.values)

    @property
    def not_known(self) -> int:
        """Number of people whose value is not known, as far as they could be counted."""
        return sum(each.count or 0 for each in self.unknown)

    @property
    def on(self) -> int:
        """Number of people for whom it is on."""
        return sum(each.count for each in self.values if is_on(each.value))


class FeatureUse(StrEnum):
    """Whether a feature is on for anybody, in the order of a list."""

    ON = "on"
    """On at the account, in a group or for a person."""
    SET = "set"
    """Not a switch: a choice, a number or a text."""
    OFF = "off"
    """Off wherever it was read."""
    UNKNOWN = "unknown"
    """Read nowhere."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One setting: its state at every level."""

    setting: str
    title: str
    topic: str
    levels: tuple[Level, ...]
    """The levels at which Zoom documents it."""
    account: SettingState
    groups: tuple[GroupState, ...] = ()
    people: PeopleStates = field(default_factory=PeopleStates)
    changeable_by: tuple[Role, ...] = ()
    """Who can change it somewhere below the account's lock; empty if that is not known."""
    since: str | None = None
    """Time (RFC 3339) of the earliest stored run since which the account's value is unchanged."""
    controls: tuple[str, ...] = ()
    """The controls that look at it."""
    words: Mapping[ValueKey, str] = field(default_factory=dict)
    """Each of its values in words."""
    is_repeated: bool = False
    """True if other rows show the same values; texts for people leave it out."""
    is_documented: bool = True
    """False for a setting that Zoom returns and no reference documents."""

    @property
    def use(self) -> "FeatureUse":
        """Whether it is on for anybody."""
        values = list(self.known_values())
        if not values:
            return FeatureUse.UNKNOWN
        if all(isinstance(value, bool) for value in values):
            return FeatureUse.ON if any(values) else FeatureUse.OFF
        return FeatureUse.SET if any(map(_is_set, values)) else FeatureUse.OFF

    @property
    def groups_on(self) -> int:
        """Number of groups in which it is on."""
        return sum(each.state.is_seen and is_on(each.state.value) for each in self.groups)

    @property
    def has_unknowns(self) -> bool:
        """True if a value is unknown at a level that has the setting."""
        at_account = self.account.cause is not None and (
            not self.is_documented or any(level in self.levels for level in _TOP_LEVELS)
        )
        in_groups = any(group.state.cause is not None for group in self.groups)
        return at_account or in_groups or bool(self.people.unknown)

    def known_values(self) -> Iterator[JsonValue]:
        """The values at the account, in each group and of people."""
        if self.account.is_seen:
            yield self.account.value
        yield from (group.state.value for group in self.groups if group.state.is_seen)
        yield from (each.value for each in self.people.values)


@dataclass(frozen=True, slots=True)
class EvidenceInfo:
    """The stored run that facts come from. Times are RFC 3339, UTC."""

    run_id: str
    account_id: str
    finished_at: str
    evidence_digest: str
    depth: str
    simulated: bool = False
    pseudonymised: bool = False
    started_at: str = ""
    carried: int = 0
    """How many people's settings were taken over from earlier runs."""
    oldest_evidence_at: str | None = None
    """When the oldest document was read; None if it is not known."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The features of an account, as one run saw them."""

    info: EvidenceInfo
    features: tuple[Feature, ...]
    groups: tuple[str, ...] = ()
    """The names of the groups it is limited to; empty for the whole account."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """A setting at one scope of a chain: the account, a group, or the person."""

    scope: Scope
    state: SettingState
    lockable: bool = False
    """Whether this level can lock the setting."""
    decides: bool = False
    """True for the account, group or person whose value or lock is in effect."""


@dataclass(frozen=True, slots=True)
class SettingChain:
    """Why a setting has its value at a scope."""

    setting: str
    title: str
    topic: str
    value: SettingState
    """The value in effect at the scope."""
    links: tuple[ChainLink, ...]
    """From the account down to the scope itself."""
    locked: bool | None = None
    """Whether a lock that governs the scope is on; None if unknown or impossible."""
    decided_by: Level | None = None
    """The level that decides; None if unknown, or if Zoom has no such value at the scope."""
    follows: Scope | None = None
    """Without a lock: the group, or else the account, that has the same value; None if there is
    none, and the value is the scope's own."""
    changeable_by: tuple[Role, ...] = ()
    changeable: str = ""
    """`changeable_by` as a sentence."""
    verdicts: tuple[Verdict, ...] = ()
    """What the run found for this setting at this scope."""
    words: Mapping[ValueKey, str] = field(default_factory=dict)
    """Each value of the chain in words."""


@dataclass(frozen=True, slots=True)
class ScopeExplanation:
    """The settings of one person, group or account, each with its chain."""

    info: EvidenceInfo
    scope: Scope
    groups: tuple[Scope, ...]
    """The groups of a person."""
    chains: tuple[SettingChain, ...]
