"""Readings: a value that Zoom returned, or the reason why there is none, as separate types."""

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
    """Zoom returned a value that its reference does not list, so the meaning is unknown."""
    WRONG_TYPE = "wrong_type"
    """Zoom returned a value of another type than documented."""
    NOT_COLLECTED = "not_collected"
    """The document was not requested."""
    ERROR = "error"
    """The request failed after all retries: server errors, malformed responses, timeouts."""

    @property
    def is_failed_read(self) -> bool:
        """True if a selected document could not be read. The run is then incomplete."""
        return self in (Cause.DENIED, Cause.NOT_COLLECTED, Cause.ERROR)


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that Zoom returned for a setting, and its path in the document."""

    value: JsonValue
    path: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why a setting has no value here. Never a pass."""

    cause: Cause
    detail: str = ""
    """One sentence for people; empty if the cause is sufficient."""


Reading = Seen | Unseen

__all__ = ["Cause", "JsonValue", "Reading", "Seen", "Unseen"]
