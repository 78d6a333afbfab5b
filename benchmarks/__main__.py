"""The command: runs cases, prints their table, and keeps it where asked to."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.bench import Bench, BenchmarkError
from benchmarks.fleet import FleetOfAccounts
from benchmarks.incremental import Incremental
from benchmarks.interface import Case
from benchmarks.offline import Offline
from benchmarks.pace import Rate, Sequential
from benchmarks.results import Result
from benchmarks.size import Locked, Memory
from benchmarks.start import Start

CASES: Sequence[Case] = (
    Start(),
    Rate(),
    Sequential(),
    Memory(),
    Locked(),
    Incremental(),
    Offline(),
    FleetOfAccounts(),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases that `arguments` name; 0 if every target is met, else 1."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what an audit costs."
    )
    parser.add_argument(
        "--case", action="append", choices=names, help="Only this case; may be repeated."
    )
    parser.add_argument(
        "--scale", type=scale, default=1.0, metavar="0..1", help="Shrink the sizes. [1]"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="Keep the results as Markdown.")
    options = parser.parse_args(arguments)
    chosen = [case for case in CASES if case.name in (options.case or names)]
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as folder:
        bench = Bench(Path(folder), options.scale, _say)
        found = [result for case in chosen for result in _results(case, bench)]
    sys.stdout.write(results.table(found, "simple") + "\n")
    if options.write is not None:
        options.write.write_text(results.page(found, options.scale), encoding="utf-8")
    return 0 if all(result.is_met for result in found) else 1


def _results(case: Case, bench: Bench) -> Iterator[Result]:
    """The figures of a case, or what kept it from coming to any."""
    _say(f"{case.name} …")
    try:
        for figure in case.run(bench):
            _say(f"  {figure.what}: {figure.measured:,.2f} {figure.unit} ({figure.note})")
            yield Result(case.name, figure)
    except BenchmarkError as error:
        _say(f"  {error}")
        yield Result(case.name, None, str(error))


def scale(text: str) -> float:
    """A part of the full size, over 0 and at most 1. Raises ValueError for anything else."""
    part = float(text)
    if not 0 < part <= 1:
        raise ValueError
    return part


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
