"""The past of a finding: since when it stands, what its life was, and who made it so."""

from dataclasses import dataclass
from enum import StrEnum


class LifecycleState(StrEnum):
    """Where a finding stands in its history."""

    NEW = "new"
    """A deviation for the first time."""
    PERSISTING = "persisting"
    """A deviation when it was last known, too."""
    REGRESSED = "regressed"
    """A deviation again, after it had been put right."""
    RESOLVED = "resolved"
    """A deviation when it was last known, and now put right."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed a setting, as Zoom's operation log has it."""

    operator: str
    time: str
    """RFC 3339, UTC."""
    line: str
    """The entry as Zoom wrote it."""


@dataclass(frozen=True, slots=True)
class FindingHistory:
    """What the history knows of a finding up to a run. Times are RFC 3339, UTC."""

    first_seen: str
    """When it was first reported, whatever its status."""
    since: str
    """Since when it stands as it does."""
    life: LifecycleState | None
    """None where it never was a deviation, or nobody can tell."""
    changed_by: Actor | None = None
    """Who made it stand so, where the operation log told."""
