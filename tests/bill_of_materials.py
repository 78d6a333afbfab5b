"""The bill of materials of a release: what `make sbom` writes, as CycloneDX 1.6 JSON.

It lists what an environment holds that was installed from the lock, with licences and who needs
whom. The document is validated against CycloneDX's own schema before it is written.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from auditor import __version__

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
NAME = "zoom-privacy-auditor"


def faults(document: str) -> str:
    """What CycloneDX's schema has against a document; empty: nothing."""
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document)
    return "" if found is None else str(found)


def bill(python: Path) -> str:
    """The bill of the environment that a Python belongs to.

    Raises:
        ValueError: there is none, or it is not valid.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(PROJECT)),
            *("--output-format", "JSON", "--spec-version", "1.6", "--output-reproducible"),
            "--no-validate",  # done below, with the version in it
            str(python),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"No bill of materials could be made: {done.stderr.strip()}")
    made: dict[str, Any] = json.loads(done.stdout)
    root = made["metadata"]["component"]
    # The version is computed when the package is built, so pyproject.toml does not tell it.
    root |= {"version": __version__, "purl": f"pkg:pypi/{NAME}@{__version__}"}
    text = json.dumps(made, indent=2, sort_keys=True) + "\n"
    wrong = faults(text)
    if wrong:
        raise ValueError(f"The bill of materials is not valid CycloneDX: {wrong}")
    return text


def main() -> None:
    """Write the bill of the environment of the Python named first to the file named second."""
    python, target = map(Path, sys.argv[1:3])
    text = bill(python)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(f"{target}: {len(json.loads(text)['components'])} packages, valid CycloneDX 1.6.")


if __name__ == "__main__":
    main()
