"""Orders of deviating values: is the one at the lower level more permissive?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from auditor.evidence.reading import JsonValue, is_number
from auditor.policy.catalogue.values import casefold_set, days, iter_leaves, strings


@dataclass(frozen=True, slots=True)
class Deviations:
    """Two values of a setting that deviate from one expectation, and differ."""

    below: JsonValue
    above: JsonValue
    expected: JsonValue
    setting: str


IsMorePermissive = Callable[[Deviations], bool | None]
"""Whether the value below is more permissive; None if that is unknown."""


def never(_: Deviations) -> bool:
    """There is one state that deviates, and both have it."""
    return False


def if_longer(values: Deviations) -> bool | None:
    """A larger number, or a longer duration, is more permissive."""
    below, above = _length(values.below), _length(values.above)
    return None if below is None or above is None else below > above


def if_shorter(values: Deviations) -> bool | None:
    """A smaller number, or a shorter duration, is more permissive."""
    return if_longer(replace(values, below=values.above, above=values.below))


def if_more_of(values: Deviations) -> bool:
    """A list with more of the expected items is more permissive."""
    return bool((_texts(values.below) - _texts(values.above)) & _texts(values.expected))


def if_less_of(values: Deviations) -> bool:
    """A list with fewer of the expected items is more permissive."""
    return if_more_of(replace(values, below=values.above, above=values.below))


def if_more_beyond(values: Deviations) -> bool:
    """A list with more items beyond the expected ones is more permissive."""
    return bool(_texts(values.below) - _texts(values.above) - _texts(values.expected))


def if_more_on(values: Deviations) -> bool:
    """An object with more switches on is more permissive, except for the expected ones."""
    expected = _texts(values.expected)
    more = _switches_on(values.below) - _switches_on(values.above) - expected
    return any(f"{values.setting}.{path}".casefold() not in expected for path in more)


def _length(value: JsonValue) -> float | None:
    """The value of a number, or the length of a duration in days."""
    if isinstance(value, str):
        return days(value)
    return value if is_number(value) else None


def _texts(value: JsonValue) -> set[str]:
    return casefold_set(strings(value) or [])


def _switches_on(value: JsonValue) -> set[str]:
    return {path.casefold() for path, leaf in iter_leaves(value) if leaf is True}
