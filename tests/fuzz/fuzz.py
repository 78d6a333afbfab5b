"""Fuzz one target with atheris: `python -m tests.fuzz.fuzz TARGET -max_total_time=120 [LEARNED]`.

Needs `pip install atheris`, which has no wheel for every Python; the tests do without. What is
found goes to a file in the working directory: add it to `tests/fuzz/corpus/TARGET`, and
`test_corpus.py` keeps it from coming back. What reached new code goes to the folder LEARNED;
`python -m tests.fuzz.learned TARGET LEARNED` keeps it in `tests/fuzz/learned_corpus/TARGET.zip`.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

from tests.fuzz.learned import CORPUS, unpack

WORDS = Path(__file__).parent / "words.dict"

with atheris.instrument_imports(include=["auditor", "yaml"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target that is named first; the rest is for libFuzzer."""
    name, *options = sys.argv[1:]
    flags = [option for option in options if option.startswith("-")]
    folders = [option for option in options if not option.startswith("-")]
    with TemporaryDirectory() as new, TemporaryDirectory() as before:
        unpack(name, Path(before))
        # libFuzzer keeps what it learns in the first folder
        folders = [*(folders or [new]), before, str(CORPUS / name)]
        arguments = [sys.argv[0], f"-dict={WORDS}", *flags, *folders]
        atheris.Setup(arguments, TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
