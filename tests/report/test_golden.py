"""Every report of the golden run equals its reviewed file, byte for byte."""

import pytest

from tests.report.golden_run import FILES, FOLDER, golden_bytes


@pytest.mark.parametrize("name", FILES)
def test_the_report_is_the_one_that_was_reviewed(name: str) -> None:
    is_equal = golden_bytes(name) == (FOLDER / FILES[name]).read_bytes()
    assert is_equal, "if that is intended: python -m tests.report.golden_run, then git diff"
