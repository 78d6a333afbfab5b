"""What is made of a verdict, once for the many scopes that share it."""

from collections.abc import Callable
from typing import Generic, TypeVar

from auditor.findings.model import Verdict

V = TypeVar("V")

_MOST = 4_000
"""Verdicts of which something is kept."""


class PerVerdict(Generic[V]):
    """The values of a function of a verdict, as long as they keep coming up."""

    def __init__(self, make: Callable[[Verdict], V]) -> None:
        self._make = make
        self._made: dict[int, tuple[Verdict, V]] = {}

    def __call__(self, verdict: Verdict) -> V:
        """What `make` makes of `verdict`; the same object for the same verdict."""
        known = self._made.get(id(verdict))
        if known is not None and known[0] is verdict:
            return known[1]
        if len(self._made) >= _MOST:
            self._made.clear()
        made = self._make(verdict)
        self._made[id(verdict)] = verdict, made
        return made
