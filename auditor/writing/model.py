"""What is to be changed, what came of it, and who writes it down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from auditor.evidence.reading import JsonValue

ChangeKind = Literal["value", "lock"]
ChangeLevel = Literal["account", "group", "user"]


class StepOutcome(StrEnum):
    """What came of a step."""

    CHANGED = "changed"
    """The value was sent, and read again."""
    ALREADY_RIGHT = "already right"
    """Nothing was sent."""
    NOT_CHANGED = "not changed"
    """Zoom accepted the request, and the value is as before."""
    REFUSED = "refused"
    """Zoom refused the request, and the value is as before."""
    STALE = "stale"
    """The value is neither what the plan found nor what it wants: somebody else changed it."""
    SKIPPED = "skipped"
    """Nothing was sent."""
    UNVERIFIED = "unverified"
    """The request was sent, or may have been, and the value could not be read again."""

    @property
    def is_right(self) -> bool:
        """True if the value was read and is as planned."""
        return self in (StepOutcome.CHANGED, StepOutcome.ALREADY_RIGHT)


@dataclass(frozen=True, slots=True)
class Needed:
    """A value at the scope of a lock that must be right before the lock is set."""

    setting: str
    value: JsonValue
    read_option: str


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of one scope, its value now and the value it should have."""

    step: int
    kind: ChangeKind
    level: ChangeLevel
    scope_id: str
    scope_name: str
    setting: str
    before: JsonValue
    target: JsonValue
    read_option: str = ""
    """The view that contains it; empty for the default view."""
    write_option: str = ""
    after: tuple[int, ...] = ()
    """Steps that must be right before this one."""
    needs: tuple[Needed, ...] = ()
    siblings: Mapping[str, tuple[JsonValue, JsonValue]] = field(default_factory=dict)
    """Other leaves of the same object to restore, by path: the value that was left, and the one to
    restore. For a rollback."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """The outcome of one step."""

    change: Change
    outcome: StepOutcome
    detail: str = ""
    """A sentence, without a secret."""
    observed: JsonValue = None
    """The last value that was read; None if there was none."""
    is_unread: bool = False
    """Something that decides could not be read."""
    is_surprise: bool = False
    """Nobody who approved the plan expects this; the work stops."""
    side_effects: Mapping[str, JsonValue] = field(default_factory=dict)
    """Other leaves of the same object whose values changed, with the new ones."""


class Ledger(Protocol):
    """Keeps the journal. Each call returns when it is safe on disk."""

    def has_intention(self, step: int) -> bool:
        """True if an earlier request of the step may have changed the value."""

    def intend(self, change: Change, before: JsonValue, siblings: Mapping[str, JsonValue]) -> None:
        """Write down that a request is about to be sent."""

    def conclude(self, result: StepResult) -> None:
        """Write down an outcome."""


class Watcher(Protocol):
    """Is told of each step as it begins and ends."""

    def began(self, change: Change) -> None:
        """A step begins."""

    def ended(self, result: StepResult) -> None:
        """A step has its outcome."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How steps are made."""

    is_read_only: Callable[[ChangeKind, ChangeLevel, str], bool]
    """True for leaves that Zoom does not accept, or accepts in another form."""
    keep_going: bool = False
    """Continue after a surprise."""
    most_users: int = 0
    """The most people whose own settings are changed."""
    sleep: Callable[[float], object] = lambda _: None
    settling: Sequence[float] = (0.5, 1.5, 3.0)
    """Seconds to wait before reading a value again that an accepted request did not change yet."""
    attempts: int = 3
    """The most requests for one step, if Zoom answers none of them."""
