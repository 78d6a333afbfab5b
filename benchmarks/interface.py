"""What a case is, and the figures it comes to."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from benchmarks.bench import Bench


class Bound(StrEnum):
    """Which side of a target is good."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should come to."""

    bound: Bound
    value: float

    def is_met(self, measured: float) -> bool:
        """True if `measured` is on the good side, or just there."""
        return measured >= self.value if self.bound is Bound.AT_LEAST else measured <= self.value


def at_least(value: float) -> Target:
    """The more the better."""
    return Target(Bound.AT_LEAST, value)


def at_most(value: float) -> Target:
    """The less the better."""
    return Target(Bound.AT_MOST, value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number and its target, in `unit`."""

    what: str
    measured: float
    unit: str
    target: Target
    note: str = ""
    """What else the run showed, to judge the number by."""

    @property
    def ratio(self) -> float:
        """Measured divided by target."""
        return self.measured / self.target.value

    @property
    def is_met(self) -> bool:
        """True if the target is met."""
        return self.target.is_met(self.measured)


class Case(Protocol):
    """One thing that is measured. Cases are stateless."""

    name: ClassVar[str]
    """The value of `--case`."""

    def run(self, bench: Bench) -> Iterator[Figure]:
        """Measure, and yield the figures as they are known.

        Raises:
            BenchmarkError: a process failed or took too long.
        """
