"""Whether a locked dependency has a known vulnerability: what `make vulnerabilities` runs.

pip-audit asks a service on the network. Where the service cannot be asked, or does not know the
packages, pip-audit finds nothing, which is no proof of anything: here that is said in words. A
release with a published vulnerability is asked for first, so that silence is told from a clean
answer.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "requirements.lock"
KNOWN_BAD = "jinja2==2.10"
"""CVE-2019-10906, fixed in 2.10.1."""
PATIENCE = 300
SERVICES: Mapping[str, Sequence[str]] = {
    "PyPI": ("--vulnerability-service", "pypi"),
    "OSV": ("--vulnerability-service", "osv"),
}


class NotAsked(Exception):
    """The service gave no answer that proves anything. The message says why."""


@dataclass(frozen=True)
class Answer:
    """What a service knows of each package."""

    bad: Mapping[str, Sequence[str]]
    """By package and version: what is known, with the versions that fix it."""
    clean: Sequence[str]
    unknown: Sequence[str]
    """Packages the service does not know."""


def ask(requirements: Path, options: Sequence[str]) -> Answer:
    """What pip-audit says of pinned requirements.

    Raises:
        NotAsked: it says nothing.
    """
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(requirements)),
        *("--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"),
        *("--timeout", "15", *options),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        raise NotAsked(f"no answer within {PATIENCE} seconds") from None
    except (ValueError, KeyError):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise NotAsked(lines[-1][:200] if lines else "no answer") from None
    return Answer(
        bad={
            f"{each['name']} {each['version']}": [_report(vuln) for vuln in each["vulns"]]
            for each in found
            if each.get("vulns")
        },
        clean=[each["name"] for each in found if "vulns" in each and not each["vulns"]],
        unknown=[each["name"] for each in found if "vulns" not in each],
    )


def checked(lock: Path, options: Sequence[str]) -> Answer:
    """What a service says of the lock, once it has shown that it knows what it talks about.

    Raises:
        NotAsked: it has not.
    """
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder, "known-bad.txt")
        sample.write_text(f"{KNOWN_BAD}\n")
        if not ask(sample, options).bad:
            raise NotAsked(f"it knows nothing of {KNOWN_BAD}, which is vulnerable")
    return ask(lock, options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is known. 0: nothing, or nobody could be asked, and that is said; 1: something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, default=LOCK)
    parser.add_argument("--osv-url", help="a mirror of OSV, the only service that is asked then")
    options = parser.parse_args(arguments)
    services = SERVICES
    if options.osv_url:
        mirror = ("--osv-url", options.osv_url)
        services = {options.osv_url: ("--vulnerability-service", "osv", *mirror)}
    reasons = []
    for name, service in services.items():
        try:
            answer = checked(options.lock, service)
        except NotAsked as reason:
            reasons.append(f"  {name}: {reason}")
            continue
        return _say(name, options.lock, answer)
    print(f"NOT CHECKED for vulnerabilities: {options.lock.name}. No service could be asked:")
    print("\n".join(reasons))
    return 0


def _say(service: str, lock: Path, answer: Answer) -> int:
    if answer.unknown:
        print(f"NOT CHECKED, unknown to {service}: {', '.join(sorted(answer.unknown))}")
    if answer.bad:
        print(f"Vulnerable packages in {lock.name}, as {service} knows them:")
        for package, known in answer.bad.items():
            print(f"  {package}: {'; '.join(known)}")
        return 1
    print(f"{len(answer.clean)} packages of {lock.name}: {service} knows of no vulnerability.")
    return 0


def _report(vulnerability: Mapping[str, Any]) -> str:
    fixes = vulnerability.get("fix_versions") or ["no version yet"]
    return f"{vulnerability['id']} (fixed in {', '.join(fixes)})"


if __name__ == "__main__":
    sys.exit(main())
