"""Readings: a value that Zoom returned, or the reason why there is none, as separate types."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

from pydantic import JsonValue


def is_integer(value: object) -> TypeGuard[int]:
    """True for integers; in Python, but not in JSON, a boolean is one."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """True for integers and floats, not for booleans."""
    return isinstance(value, float) or is_integer(value)


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


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The result of a lookup, and the request that returned the evidence.

    The other fields are for values computed from many rows. `note` adds information for people,
    `shown` replaces the value in reports. `incomplete` says why the evidence may be incomplete: the
    value can then deviate, but not meet an expectation. `not_applicable_reason` says why there was
    nothing to judge.
    """

    reading: Reading
    source: str
    note: str = ""
    shown: JsonValue = None
    incomplete: Unseen | None = None
    not_applicable_reason: str = ""
    places: tuple["Place", ...] = ()
    """All places of a key with an inferred parent; the first one is `reading`."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a key, with its reading."""

    path: str
    reading: Reading
    source: str


def at_path(body: JsonValue, path: str) -> JsonValue | Unseen:
    """The value at a dotted path; `Unseen` if a part of the path is missing."""
    value = body
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return Unseen(Cause.ABSENT)
        value = value[part]
    return value


__all__ = ["Cause", "JsonValue", "LookupResult", "Place", "Reading", "Seen", "Unseen", "at_path"]
