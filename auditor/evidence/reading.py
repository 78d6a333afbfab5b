"""Readings: a value Zoom returned, or the reason there is none: a type of its own, not a flag."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue


class Cause(StrEnum):
    """Why a value is unknown. None of them is ever a pass."""

    ABSENT = "absent"
    """The document was read; Zoom did not return the field."""
    DENIED = "denied"
    """Zoom refused the document: a scope or a role is missing."""
    NOT_LICENSED = "not_licensed"
    """Zoom refused the document: the plan or licence does not include it."""
    UNDOCUMENTED_VALUE = "undocumented_value"
    """A value came that Zoom's reference does not list, so its meaning is not known."""
    WRONG_TYPE = "wrong_type"
    """A value of another type than documented came."""
    NOT_COLLECTED = "not_collected"
    """Nobody asked Zoom for the document."""
    ERROR = "error"
    """The request failed for good: server errors, malformed answers, time-outs."""

    @property
    def is_failed_read(self) -> bool:
        """True where something selected could not be read: the run is then incomplete."""
        return self in (Cause.DENIED, Cause.NOT_COLLECTED, Cause.ERROR)


@dataclass(frozen=True, slots=True)
class Seen:
    """A value Zoom returned for a setting, and the path at which it stood."""

    value: JsonValue
    path: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why a setting has no value here. Never a pass."""

    cause: Cause
    detail: str = ""
    """One sentence for people; empty where the cause says it all."""


Reading = Seen | Unseen

__all__ = ["Cause", "JsonValue", "Reading", "Seen", "Unseen"]
