"""Results as a table, and as a page with the machine they were measured on."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tabulate import tabulate

from auditor import __version__
from benchmarks.interface import Figure

_HEADERS = ("case", "what", "measured", "target", "ratio", "met", "note")


@dataclass(frozen=True, slots=True)
class Result:
    """A figure of a case, or why there is none."""

    case: str
    figure: Figure | None
    failure: str = ""

    @property
    def is_met(self) -> bool:
        """True if there is a figure and it meets its target."""
        return self.figure is not None and self.figure.is_met


def table(results: Sequence[Result], style: str) -> str:
    """The results, one a line; `style` is a table format of tabulate's."""
    rows = [_row(result) for result in results]
    return tabulate(rows, _HEADERS, tablefmt=style, disable_numparse=True)


def page(results: Sequence[Result], scale: float) -> str:
    """The results as Markdown, with what is needed to judge or repeat them."""
    command = "make bench" if scale == 1 else f"python -m benchmarks --scale {scale:g}"
    facts = [
        ("date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("program", f"auditor {__version__}"),
        ("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{_memory() / 1e9:.0f} GB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("command", f"`{command}`"),
    ]
    return _PAGE.format(
        size=""
        if scale == 1
        else f"\n**At {scale:g} of the full size**: the targets do not apply.\n",
        results=table(results, "github"),
        machine=tabulate(facts, ("", ""), tablefmt="github", disable_numparse=True),
    )


def _row(result: Result) -> tuple[str, ...]:
    figure = result.figure
    if figure is None:
        return (result.case, "not measured", "", "", "", "no", result.failure)
    return (
        result.case,
        figure.what,
        _number(figure.measured, figure.unit),
        f"{figure.target.bound} {_number(figure.target.value, figure.unit)}",
        f"{figure.ratio:.2f}",
        "yes" if figure.is_met else "no",
        figure.note,
    )


def _number(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 or value == int(value) else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f} {unit}".strip()


def _processor() -> str:
    """The processor's model, as Linux names it."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def _memory() -> int:
    """Bytes of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


_PAGE = """\
# Benchmarks

What an audit of a whole account costs, measured against the simulated account of `auditor sandbox`
on the same machine, each in processes of its own. Run them again with `make bench`; what each case
does, and its sizes, stands in `benchmarks/__init__.py`. Ratio is measured divided by target.
{size}
{results}

Measured on:

{machine}
"""
