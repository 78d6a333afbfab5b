"""Fuzz one target with atheris: `python -m tests.fuzz.fuzz TARGET -max_total_time=120`.

Needs `pip install atheris`, which has no wheel for every Python; the tests do without. What is
found goes to a file in the working directory: add it to `tests/fuzz/corpus/TARGET`, and
`test_corpus.py` keeps it from coming back.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

CORPUS = Path(__file__).parent / "corpus"
WORDS = Path(__file__).parent / "words.dict"

with atheris.instrument_imports(include=["auditor", "yaml"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target that is named first; the rest is for libFuzzer."""
    name, *options = sys.argv[1:]
    with TemporaryDirectory() as new:  # libFuzzer keeps what it learns in the first folder
        arguments = [sys.argv[0], f"-dict={WORDS}", *options, new, str(CORPUS / name)]
        atheris.Setup(arguments, TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
