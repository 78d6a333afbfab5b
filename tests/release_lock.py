"""Writes the lock of a release: what is locked, and the wheel itself with its hash.

python tests/release_lock.py requirements.lock dist/release
"""

import hashlib
import sys
from pathlib import Path

NAME = "auditor.lock"
EXTRAS = "notify,pdf,postgresql,sandbox"
"""What `requirements.lock` holds, so that everything that is installed has a hash."""


def locked(requirements: str, wheel: Path) -> str:
    """The lock of the release of which this is the wheel."""
    name, version, *_ = wheel.name.split("-")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    own = f"{name.replace('_', '-')}[{EXTRAS}]=={version} \\\n    --hash=sha256:{digest}\n"
    return f"{requirements.rstrip()}\n{own}"


def main(requirements: str, folder: str) -> None:
    """Write the lock beside the wheel."""
    (wheel,) = Path(folder).glob("*.whl")
    text = locked(Path(requirements).read_text("utf-8"), wheel)
    (Path(folder) / NAME).write_text(text, "utf-8")
    sys.stdout.write(f"{wheel.name} and {NAME} are in {folder}.\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
