"""What is made of a verdict, once for the many scopes that share it."""

from collections.abc import Callable
from typing import Generic, TypeVar

from auditor.findings.model import Verdict

V = TypeVar("V")

_MAX_ENTRIES = 4_000
"""Verdicts of which something is kept."""


class PerVerdict(Generic[V]):
    """The values of a function of a verdict, as long as they keep coming up."""

    def __init__(self, make: Callable[[Verdict], V]) -> None:
        self._make = make
        self._values: dict[int, tuple[Verdict, V]] = {}

    def __call__(self, verdict: Verdict) -> V:
        """What `make` makes of `verdict`; the same object for the same verdict."""
        cached = self._values.get(id(verdict))
        if cached is not None and cached[0] is verdict:
            return cached[1]
        if len(self._values) >= _MAX_ENTRIES:
            self._values.clear()
        value = self._make(verdict)
        self._values[id(verdict)] = verdict, value
        return value
