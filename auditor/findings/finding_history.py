"""The history of a finding: since when it has its state, its lifecycle, and who changed it."""

from dataclasses import dataclass
from enum import StrEnum


class LifecycleState(StrEnum):
    """The state of a finding in its lifecycle."""

    NEW = "new"
    """A deviation for the first time."""
    PERSISTING = "persisting"
    """A deviation that already was one when it was last judged."""
    REGRESSED = "regressed"
    """A deviation again, after it had been corrected."""
    RESOLVED = "resolved"
    """A deviation when it was last judged, and now corrected."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed a setting, according to Zoom's operation log."""

    operator: str
    time: str
    """RFC 3339, UTC."""
    line: str
    """The entry, verbatim."""


@dataclass(frozen=True, slots=True)
class FindingHistory:
    """The history of a finding up to a run. Times are RFC 3339, UTC."""

    first_seen: str
    """When it was first reported, whatever its status."""
    since: str
    """When the finding entered its present state."""
    lifecycle: LifecycleState | None
    """None if it never was a deviation, or if unknown."""
    changed_by: Actor | None = None
    """Who caused the present state, if the operation log shows it."""
