"""Outcomes of a comparison, and the context of the compared value."""

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.evidence.names import plain_group
from auditor.evidence.reading import Cause, JsonValue
from auditor.policy.catalogue.values import casefold_set, json_type


@dataclass(frozen=True, slots=True)
class Meets:
    """The value is as expected."""

    allowed_by: str = ""
    """The organisation parameter that allows it; empty if it needs none."""


@dataclass(frozen=True, slots=True)
class Deviates:
    """The value is not as expected. `detail` may say which part is wrong."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Undecided:
    """The organisation has not set the parameter that decides."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The value cannot be compared with the expectation."""

    cause: Cause
    detail: str


Outcome = Meets | Deviates | Undecided | Unclear


def wrong_type(expected: str, observed: JsonValue) -> Unclear:
    """The outcome for a value of a type that cannot be compared."""
    return Unclear(Cause.WRONG_TYPE, f"expected {expected}, Zoom returned {json_type(observed)}")


@dataclass(frozen=True, slots=True)
class Context:
    """What an operator may use besides the value."""

    parameters: Mapping[str, JsonValue]
    setting: str = ""
    groups: frozenset[str] = frozenset()
    """The keys of the groups that the scope is or belongs to: see `names.of_group`."""

    def parameter(self, name: str | None) -> JsonValue | Undecided:
        """The value of an organisation parameter."""
        assert name is not None
        value = self.parameters.get(name)
        return Undecided(name) if value is None else value

    def texts(self, name: str | None) -> set[str] | Undecided:
        """The value of a parameter, or the items of its list, as case-folded texts."""
        value = self.parameter(name)
        if isinstance(value, Undecided):
            return value
        return casefold_set([str(item) for item in (value if isinstance(value, list) else [value])])

    def exceptions(self, name: str | None) -> set[str]:
        """The texts of a parameter that lists exceptions; none while it is not set."""
        listed = self.texts(name)
        return set() if isinstance(listed, Undecided) else listed

    def in_any(self, names: JsonValue) -> bool:
        """True if the scope is, or belongs to, one of the groups named by id or name."""
        listed = names if isinstance(names, list) else [names]
        return any(
            isinstance(name, str) and not self.groups.isdisjoint(plain_group(name))
            for name in listed
        )
