"""What a fuzzer learned: inputs that each reach code no other does, one archive for a target.

`python -m tests.fuzz.learned TARGET FOLDER` packs what is in FOLDER, in place of what was there.
"""

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
"""Inputs that people wrote down, a folder for a target."""
LEARNED = Path(__file__).parent / "learned_corpus"
_MOMENT = (2026, 1, 1, 0, 0, 0)
"""The same in every archive, so that the same inputs make the same bytes."""


def learned(target: str) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each input that was kept for a target."""
    with zipfile.ZipFile(LEARNED / f"{target}.zip") as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def unpack(target: str, folder: Path) -> None:
    """Put what was kept for a target into a folder, where something was."""
    if (LEARNED / f"{target}.zip").exists():
        for name, content in learned(target):
            (folder / name).write_bytes(content)


def pack(target: str, folder: Path) -> int:
    """Keep what is in a folder, each input once. Returns how many there are."""
    inputs = {hashlib.sha256(each).hexdigest()[:16]: each for each in _contents(folder)}
    LEARNED.mkdir(exist_ok=True)
    with zipfile.ZipFile(LEARNED / f"{target}.zip", "w") as archive:
        for name, content in sorted(inputs.items()):
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return len(inputs)


def _contents(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.iterdir() if path.is_file())


if __name__ == "__main__":
    print(pack(sys.argv[1], Path(sys.argv[2])))
