"""Values in a few words."""

import pytest

from auditor.evidence.reading import JsonValue
from auditor.report import facts


@pytest.mark.parametrize(
    ("setting", "observed", "words"),
    [
        ("recording.cloud_recording", True, "on"),
        ("derived:lock(all controls)", ["recording.cloud_recording", "chat.e2e"], "2 settings"),
        ("ai.meeting_assistant", {"enable": True, "live": False}, "AI meeting assistant is on"),
        ("ai.meeting_assistant", {"enable": False}, "off"),
    ],
)
def test_a_value_is_said_in_a_few_words(setting: str, observed: JsonValue, words: str) -> None:
    assert facts.short_value(setting, observed) == words


@pytest.mark.parametrize(
    ("setting", "key"), [("chat.e2e", "chat.e2e"), ("derived:lock(x)", ""), ("attestation", "")]
)
def test_only_what_zoom_returns_has_a_key_in_small_print(setting: str, key: str) -> None:
    assert facts.key(setting) == key
