"""The threat model claims nothing that no test proves."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "threat-model.md"
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT.read_text())


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    defined = {
        node.name
        for node in ast.walk(ast.parse((TESTS / file).read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert name in defined


def test_every_claim_names_a_test_or_what_ci_does() -> None:
    text = DOCUMENT.read_text().partition("## What is defended")[2]
    rows = re.findall(r"^\| (?!claim|---)(.+?) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > 25
    for claim, proof in rows:
        assert "::" in proof or proof.startswith("CI "), claim
