"""Case `start`: what a person or a shell waits for before a command runs."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from benchmarks.bench import Bench, Workshop
from benchmarks.interface import Figure, at_most

_WITHIN = 60.0
"""Seconds for a process that should take a fraction of one."""
_COMPLETION = {"_AUDITOR_COMPLETE": "complete_bash", "COMP_WORDS": "auditor a", "COMP_CWORD": "1"}
_OF_OPTIONS = _COMPLETION | {"COMP_WORDS": "auditor audit --", "COMP_CWORD": "2"}
_PROGRAM = (sys.executable, "-m", "auditor")


class Start:
    """Processor time of `--version`, of help, and of the completion of commands and options."""

    name: ClassVar[str] = "start"
    repeats: ClassVar[int] = 9
    """The least of so many: what else the machine does only ever adds to it."""
    seconds: ClassVar[float] = 0.35
    times_bare: ClassVar[float] = 10

    def run(self, bench: Bench) -> Iterator[Figure]:
        """Six figures; on a slow machine each may be ten times a bare interpreter."""
        with bench.workshop() as shop:
            bare = self._least(shop, (sys.executable, "-c", "pass"))
            target = at_most(max(self.seconds, self.times_bare * bare))
            for what, words, variables in (
                ("--version", ("--version",), {}),
                ("--help", ("--help",), {}),
                ("completion of a command", (), _COMPLETION),
                ("audit --help", ("audit", "--help"), {}),
                ("gate accept --help", ("gate", "accept", "--help"), {}),
                ("completion of an option", (), _OF_OPTIONS),
            ):
                cpu = self._least(shop, (*_PROGRAM, *words), variables)
                note = f"{cpu / bare:.0f} times a bare interpreter ({1000 * bare:.0f} ms)"
                yield Figure(f"processor time, {what}", cpu, "s", target, note)

    def _least(
        self, shop: Workshop, command: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> float:
        return min(
            shop.finished(command, variables or {}, within=_WITHIN).cpu for _ in range(self.repeats)
        )
