"""The readings of locks, and flags without a clear meaning."""

from typing import Any

import pytest

from auditor.evidence.reading import Cause, LookupResult, Seen, Unseen
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS
from auditor.policy.reading.locks import STRING_FLAGS, LockDocuments, find, flag, resolve
from tests.builders import USER, check, document, locks_body, nested, outcomes, read_failure

TEXT = min(STRING_FLAGS)
SAYS_NOTHING = "the lock is an object of no documented shape, which does not say if it holds"


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


def test_locks_nobody_asked_for_name_no_request() -> None:
    assert find(check(), {}) == LookupResult(
        Unseen(Cause.NOT_COLLECTED, "the locks were not requested"), ""
    )


@pytest.mark.parametrize(
    ("outcome", "reading"),
    [
        (document(nested("in_meeting.thing", True), "GET /locks"), Seen(True, "in_meeting.thing")),
        (
            document({}, "GET /locks"),
            Unseen(Cause.ABSENT, "Zoom did not return the lock in_meeting.thing"),
        ),
        (read_failure(Cause.DENIED, "GET /locks"), Unseen(Cause.DENIED, "Zoom said so")),
    ],
)
def test_what_is_said_of_a_lock_comes_with_its_request(outcome: Any, reading: Any) -> None:
    assert find(check(), {LOCKS: outcome}) == LookupResult(reading, "GET /locks")


@pytest.mark.parametrize("levels", [(Level.ACCOUNT,), (Level.GROUP,), ()])
def test_a_user_is_unlocked_where_any_level_could_lock_and_none_does(levels: Any) -> None:
    off = outcomes(locks_body(False))
    documents = LockDocuments(off, {"g1": off})
    one = check(lock_levels=levels)
    assert resolve(one, USER, documents).locked is (False if levels else None)
