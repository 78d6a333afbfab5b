"""Memoizes a function of a `Verdict` by object identity."""

from collections.abc import Callable
from typing import Generic, TypeVar

from auditor.findings.model import Verdict

V = TypeVar("V")

_MAX_ENTRIES = 4_000
"""Maximum number of verdicts in the cache."""


class PerVerdict(Generic[V]):
    """A function of a verdict that is computed once for all scopes that share the verdict."""

    def __init__(self, make: Callable[[Verdict], V]) -> None:
        self._make = make
        self._values: dict[int, tuple[Verdict, V]] = {}

    def __call__(self, verdict: Verdict) -> V:
        """The value for `verdict`; the same object for the same verdict while it is cached."""
        cached = self._values.get(id(verdict))
        if cached is not None and cached[0] is verdict:
            return cached[1]
        if len(self._values) >= _MAX_ENTRIES:
            self._values.clear()
        value = self._make(verdict)
        self._values[id(verdict)] = verdict, value
        return value
