"""Looking up a setting by its key, at any place."""

from typing import Any

from auditor.evidence.reading import Cause, LookupResult, Seen, Unseen
from auditor.evidence.view import SETTINGS
from auditor.policy.reading.lookup import find
from tests.builders import check, document

NOTICE = check("recording.notice.who", type=("string",), find_key="notice")


def found(body: Any, expected: Any = NOTICE) -> Any:
    return find(expected, {SETTINGS: document(body)}).reading


def places(body: Any, expected: Any = NOTICE) -> list[tuple[str, Any]]:
    known = find(expected, {SETTINGS: document(body)}).places
    return [(place.path, getattr(place.reading, "value", place.reading)) for place in known]


def test_a_place_without_the_rest_of_the_path_hides_no_other_place() -> None:
    assert found({"a": {"notice": {"x": 1}}, "b": {"notice": {"who": "all"}}}) == Seen(
        "all", "recording.notice.who"
    )


def test_every_place_is_found_with_its_path() -> None:
    body = {"a": {"notice": {"who": "all"}}, "b": [{"notice": {"who": "none"}}]}
    assert places(body) == [("a.notice.who", "all"), ("b[].notice.who", "none")]


def test_equal_items_of_a_list_are_one_place() -> None:
    assert places({"b": [{"notice": {"who": "all"}}] * 3}) == [("b[].notice.who", "all")]


def test_a_key_that_is_the_whole_setting_has_no_rest() -> None:
    whole = check("recording.notice", find_key="notice")
    assert found({"x": {"notice": True}}, whole) == Seen(True, "recording.notice")


def test_the_rest_begins_after_the_first_of_two_equal_keys() -> None:
    twice = check("notice.x.notice.who", type=("string",), find_key="notice")
    body = {"deep": {"notice": {"x": {"notice": {"who": "all"}}}}}
    assert found(body, twice) == Seen("all", "notice.x.notice.who")


def test_a_value_is_quoted_up_to_eighty_characters() -> None:
    listed = check("a.b", type=("string",), values=("x",))
    long = found({"a": {"b": "y" * 81}}, listed)
    assert long.detail == f"'{'y' * 80}' is not a value that Zoom documents"


def test_an_empty_list_of_choices_is_told_as_such() -> None:
    listed = check("a.b", type=("array",), when_empty="unknown")
    sentence = "the list is empty: what that means is not known"
    assert found({"a": {"b": []}}, listed) == Unseen(Cause.UNDOCUMENTED_VALUE, sentence)


def test_an_absent_setting_names_the_request_that_did_not_return_it() -> None:
    absent = Unseen(Cause.ABSENT, "Zoom did not return in_meeting.thing")
    assert find(check(), {SETTINGS: document({}, "GET /it")}) == LookupResult(absent, "GET /it")
