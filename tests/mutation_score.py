"""What a run of mutmut came to, by module; fails below a floor: `mutation_score.py 91`.

A mutant is killed where a test fails on it or never ends; it is alive where all tests pass, or
where no test runs it at all. Mutants that were not tried yet are told, not counted.
"""

import json
import sys
from collections import Counter
from pathlib import Path

KILLED = {1, 3}
TIMED_OUT = {-24, 24, 36, 152, 255}
"""Killed by the limit on processor time. Source: exit codes of mutmut 3.8."""


def main() -> int:
    floor = float(sys.argv[1])
    total: Counter[str] = Counter()
    lines = [f"{'module':<16}{'killed':>9}{'alive':>9}{'untried':>9}{'score':>8}"]
    for file in sorted(Path("mutants").rglob("*.py.meta")):
        codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        counts = Counter(map(outcome, codes))
        if counts["killed"] + counts["alive"]:
            lines.append(row(file.name.removesuffix(".py.meta"), counts))
        total += counts
    sys.stdout.write("\n".join([*lines, row("together", total)]) + "\n")
    return 0 if score(total) >= floor else 1


def outcome(code: int | None) -> str:
    if code is None:
        return "untried"
    return "killed" if code in KILLED | TIMED_OUT else "alive"


def score(counts: Counter[str]) -> float:
    tested = counts["killed"] + counts["alive"]
    return 100 * counts["killed"] / tested if tested else 0.0


def row(name: str, counts: Counter[str]) -> str:
    cells = "".join(f"{counts[each]:>9}" for each in ("killed", "alive", "untried"))
    return f"{name:<16}{cells}{score(counts):>7.1f}%"


if __name__ == "__main__":
    sys.exit(main())
