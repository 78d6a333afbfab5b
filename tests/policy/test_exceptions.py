"""Every documented setting about AI, consent, recording, sharing or retention is accounted for."""

import pytest

from auditor.policy.catalogue import documented
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.word_lists import KeyWord
from auditor.policy.catalogue.word_lists import key_words as words
from tests.builders import CATALOGUE

LISTED = [
    (each.documents, setting) for each in documented.exceptions() for setting in each.settings
]


def test_every_setting_of_these_topics_is_in_a_control_or_an_exception_with_a_reason() -> None:
    unexplained = [
        (each.documents, each.setting, each.topic)
        for each in documented.unread(CATALOGUE)
        if not each.reason
    ]
    assert unexplained == [], "read them in a control, or say why not in policies/exceptions.yaml"


def test_an_exception_is_about_a_documented_setting_of_one_of_the_topics_and_stands_once() -> None:
    assert len(LISTED) == len(set(LISTED))
    for documents, setting in LISTED:
        assert documented.topics(documents)[setting] in documented.TOPICS, setting


def test_an_exception_that_a_control_reads_by_now_is_noticed() -> None:
    unread = {(each.documents, each.setting) for each in documented.unread(CATALOGUE)}
    assert set(LISTED) - unread == set(), "remove them from policies/exceptions.yaml"


def test_what_a_control_stops_reading_is_noticed() -> None:
    without = Catalogue(tuple(each for each in CATALOGUE.families if each.family != "AI"))
    missing = {each.setting for each in documented.unread(without) if not each.reason}
    assert "in_meeting.webinar_summary_with_ai_companion.auto_enable" in missing


# The words of new settings


@pytest.mark.parametrize("each", words().words, ids=lambda each: each.word)
def test_a_word_counts_in_its_example_and_has_a_source(each: KeyWord) -> None:
    assert words().topic(each.example) is not None
    alone = words().model_copy(update={"words": (each,)})
    assert alone.topic(each.example) == each.topic
    assert alone.topic("in_meeting.plain_thing") is None
    assert each.source


@pytest.mark.parametrize("each", words().words, ids=lambda each: each.word)
def test_a_whole_word_does_not_count_inside_another(each: KeyWord) -> None:
    alone = words().model_copy(update={"words": (each,)})
    inside = alone.topic(f"in_meeting.x{each.word}x")
    assert inside == (None if each.match == "whole" else each.topic)
