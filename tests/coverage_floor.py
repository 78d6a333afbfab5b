"""Fails where line or branch coverage is below a floor: `coverage_floor.py 95`."""

import json
import subprocess
import sys


def main() -> int:
    floor = float(sys.argv[1])
    report = subprocess.run(
        [sys.executable, "-m", "coverage", "json", "-q", "-o", "-"],
        check=True,
        capture_output=True,
        text=True,
    )
    totals = json.loads(report.stdout)["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(f"coverage: {lines:.1f} % of lines, {branches:.1f} % of branches; floor {floor:g} %")
    return 0 if min(lines, branches) >= floor else 1


if __name__ == "__main__":
    sys.exit(main())
