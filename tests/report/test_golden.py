"""Every report of the golden run equals its reviewed file, byte for byte."""

import pytest

from auditor.report import FORMATS
from tests.report.golden_run import FILES, FOLDER, golden_bytes

BINARY = {"bundle", "pdf", "xlsx"}
"""Formats whose content other tests check."""


@pytest.mark.parametrize("name", FILES)
def test_the_report_is_the_one_that_was_reviewed(name: str) -> None:
    assert golden_bytes(name) == (FOLDER / FILES[name]).read_bytes()


def test_no_format_is_left_out() -> None:
    assert FILES.keys() == FORMATS.keys() - BINARY
