"""Parsing entries of the operation log: every observed form, and arbitrary text."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.operation_log import (
    entries,
    entry,
    is_change,
    merge_entries,
    moment,
    normalize_label,
    parse_changes,
    parse_switch,
)
from auditor.evidence.timestamps import parse_rfc3339

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PASSWORD = (
    "Sign-In Password Requirement  - Have at least specified length of characters: from 8 to 14"
    " - Include at least 1 letter: from On to Off - Include at least 1 number: from On to Off"
)


def labels(detail: str, *, is_lock: bool = False) -> set[str]:
    return {change.label for change in parse_changes(detail) if change.is_lock is is_lock}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2022-12-16 18:15:38", "2022-12-16T18:15:38.000Z"),
        ("2021-11-17 00:37:24Z", "2021-11-17T00:37:24.000Z"),
        ("2022-08-23T14:46:17Z", "2022-08-23T14:46:17.000Z"),
        ("2022-01-25T17:52:16.0000000+00:00", "2022-01-25T17:52:16.000Z"),
        ("2022-01-25T17:52:16+05:30", "2022-01-25T12:22:16.000Z"),
        (" 2022-01-25 17:52 ", "2022-01-25T17:52:00.000Z"),
        (1671214538, "2022-12-16T18:15:38.000Z"),
        (1671214538000, "2022-12-16T18:15:38.000Z"),
    ],
)
def test_a_time_is_understood_in_every_form(written: Any, expected: str) -> None:
    assert moment(written) == parse_rfc3339(expected)


@pytest.mark.parametrize(
    "value", ["", "yesterday", None, True, [], {}, "2022-13-01", 1e300, float("nan"), -1e300]
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert moment(value) is None


@given(JSON, st.text())
def test_nothing_that_a_log_may_hold_makes_reading_it_fail(value: Any, text: str) -> None:
    list(entries(value))
    list(entries({"entries": value}))
    entry({"time": value, "operator": value, "operation_detail": text})
    list(parse_changes(text))
    is_change(text)


@given(st.text("ab -:toflckfrmn\n", max_size=60))
def test_no_text_that_looks_like_an_entry_makes_reading_it_fail(text: str) -> None:
    for change in parse_changes(f"Edit Group X - {text}: from On to Off - {text}"):
        assert change.label == normalize_label(change.label)


def test_a_change_has_its_section_label_and_values() -> None:
    (change,) = parse_changes(
        "Security  - Require a passcode when scheduling new meetings: from On to Off"
    )
    assert change.subjects == ("Security",)
    assert change.label == "require a passcode when scheduling new meetings"
    assert change.values == (("On", "Off"),)
    assert not change.is_lock


def test_one_entry_may_tell_many_changes() -> None:
    changes = {change.label: change.values for change in parse_changes(PASSWORD)}
    assert changes == {
        "have at least specified length of characters": (("8", "14"),),
        "include at least 1 letter": (("On", "Off"),),
        "include at least 1 number": (("On", "Off"),),
    }
    assert {change.subjects for change in parse_changes(PASSWORD)} == {
        ("Sign-In Password Requirement",)
    }


def test_two_spaces_tell_where_the_name_of_a_group_ends() -> None:
    (change, *_) = parse_changes("Edit Group Sales - EMEA  - Local recording: from Off to On")
    assert change.subjects == ("Edit Group Sales - EMEA",)


def test_without_them_every_reading_is_given() -> None:
    changes = list(parse_changes("Edit Group Sales - EMEA - Local recording: from Off to On"))
    assert {change.label for change in changes} == {
        "local recording",
        "emea local recording",
        "edit group sales emea local recording",
    }
    (short,) = [change for change in changes if change.label == "local recording"]
    assert short.subjects == ("Edit Group Sales", "Edit Group Sales - EMEA")


def test_a_label_may_hold_a_dash_and_a_section_may_stand_between() -> None:
    detail = "Account Settings  - In Meeting (Basic) - Meeting chat - Save: from Off to On"
    assert {"save", "meeting chat save", "in meeting basic meeting chat save"} == labels(detail)


def test_a_value_may_hold_the_word_to() -> None:
    (change,) = parse_changes("Settings  - Who can ask: from Open to guests to Limited to hosts")
    assert ("Open to guests", "Limited to hosts") in change.values


@pytest.mark.parametrize(
    "detail",
    [
        "Settings  - Meeting summary locked: from On to Off",
        "Settings  - Lock Meeting summary: from On to Off",
        "Settings  - Meeting summary - Lock: from On to Off",
        "Settings  - Meeting summary: from Locked to Unlocked",
        "Settings  - Meeting summary - Lock: from Locked to Unlocked",
        "Settings  - Unlock Meeting summary",
        "Settings  - Meeting summary: Unlocked",
        "Settings  - Meeting summary: Unlock",
        "Unlock Meeting summary",
        "Edit Group Sales  - Meeting summary unlocked",
        "Settings  - Meeting summary lock: set to Off",
    ],
)
def test_a_lock_is_understood_in_every_plausible_wording(detail: str) -> None:
    assert "meeting summary" in labels(detail, is_lock=True)
    changes = [e for e in parse_changes(detail) if e.is_lock and e.label == "meeting summary"]
    assert all(parse_switch(after) is False for change in changes for _, after in change.values)
    assert is_change(detail)


def test_a_group_that_is_called_lock_is_still_a_group() -> None:
    (change, *_) = parse_changes("Edit Group Lock - Local recording: from Off to On")
    assert not (change.is_lock and change.label == "edit group")
    assert "local recording" in labels("Edit Group Lock - Local recording: from Off to On")


@pytest.mark.parametrize(
    "detail",
    [
        "",
        " - ",
        "Add Group Engineers",
        "delete user - ann@example.com",
        "Update User ann@example.com  - Job Title: set to Contractor",
        "Assign admin for channel X  - ann@example.com",
        "test",
    ],
)
def test_what_sets_nothing_is_no_change(detail: str) -> None:
    assert not is_change(detail)


@pytest.mark.parametrize("detail", ["A: from On to Off", "A - B: set to On", PASSWORD])
def test_what_sets_something_is_a_change(detail: str) -> None:
    assert is_change(detail)


def test_labels_are_compared_without_case_and_punctuation() -> None:
    assert normalize_label("Personal Meeting ID (PMI)  Passcode") == normalize_label(
        "personal meeting-id PMI passcode"
    )
    assert normalize_label("Ｍeeting\u00a0chat") == normalize_label("meeting chat")


def test_a_stored_entry_is_read_under_either_name_of_its_keys() -> None:
    new = {"time": "2022-12-16 18:15:38", "category_type": "Account", "operation_detail": "A"}
    old = {"time": "2022-12-16T18:15:38Z", "category": "Account", "detail": "A"}
    assert entry(new) == entry(old)


def test_entries_of_two_runs_are_put_in_order_each_once() -> None:
    one = entry({"time": "2022-12-16 18:15:38", "operation_detail": "A"})
    other = entry({"time": "2022-12-16 18:15:37", "operation_detail": "B"})
    assert merge_entries([one, other], [one]) == [other, one]


@pytest.mark.parametrize("filling", [" - ", "x - ", " ", ": from ", " to ", "- x: from a to b "])
def test_a_long_text_takes_no_long_time(filling: str) -> None:
    began = time.process_time()
    list(parse_changes(filling * 4000 + ": from On to Off"))
    list(parse_changes("Edit Group X - " + filling * 4000))
    assert time.process_time() - began < 5
