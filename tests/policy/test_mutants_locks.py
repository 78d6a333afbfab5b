"""What is said of a lock flag that does not say whether it holds."""

from typing import Any

import pytest

from auditor.evidence.reading import Unseen
from auditor.policy.locks import STRING_FLAGS, flag

TEXT = min(STRING_FLAGS)
SAYS_NOTHING = "the lock is an object that does not say if it holds"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("a.b", 1, "a lock flag is a boolean, Zoom returned a number"),
        ("a.b", "true", "a lock flag is a boolean, Zoom returned a string"),
        ("a.b", None, "a lock flag is a boolean, Zoom returned null"),
        ("a.b", {}, SAYS_NOTHING),
        ("a.b", {"who": "everyone", "enable": True}, SAYS_NOTHING),
        ("a.b", {"locked": "yes"}, SAYS_NOTHING),
        (TEXT, "perhaps", "'perhaps' is not a lock flag that Zoom documents"),
        (TEXT, "x" * 99, f"'{'x' * 80}' is not a lock flag that Zoom documents"),
    ],
)
def test_the_sentence_says_what_came(path: str, value: Any, sentence: str) -> None:
    found = flag(path, value)
    assert isinstance(found, Unseen)
    assert found.detail == sentence
