"""What `init`, `decide` and `attest` ask a person is in plain words, like the reports."""

import re
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from auditor.cli.terminal import Terminal
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import SETTINGS, View
from auditor.policy.baseline import baselines
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, Bodies, group, user
from tests.cli.commands import ran, store
from tests.end_to_end.test_plain_language import (
    KEY,
    MEDIAN,
    MOST_WORDS,
    OF_OTHERS,
    REPLACED_WORD,
    SCOPE,
    sentences_of,
)

BASELINE = "consent-first"
OF_FILES = re.compile(
    r"^[-+@].*\n|^Where to look: [^:]*(?=\nExpected:)|\buser opt-in\b", re.MULTILINE
)
"""The change of the organisation file, which is YAML, places in Zoom's portal, and an answer that a
baseline expects in the words of its reference."""
NOTICES: list[JsonValue] = [
    {"notice": "recording", "answer": "passive agree", "guest": "yes", "count": 4},
]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run in which every question is open, and somebody who can be asked."""
    monkeypatch.setattr(Terminal, "is_interactive", property(lambda _: True))
    meeting: dict[str, JsonValue] = {
        "meeting_summary_with_ai_companion": {"enable": True},
        "data_center_regions": ["US", "CA"],
    }
    bodies: Bodies = {SETTINGS: {"in_meeting": meeting}}
    answers: Bodies = {View("report_disclaimer"): {"answers": NOTICES, "recordings": 1}}
    everything = [*baselines.load(BASELINE, CATALOGUE).assessed]
    return store(
        home,
        judgement(*everything, name=BASELINE, depth=Level.USER),
        (ACCOUNT, {**bodies, **answers}),
        (group(1, "Studio"), {SETTINGS: Cause.DENIED}),
        (user(1, group(1, "Studio").id), bodies),
    )


def init(_: str) -> str:
    return ran("init", stdin="\n" * 30).output


def decide(_: str) -> str:
    return ran("decide", stdin="\n" * 60).output


def attest(_: str) -> str:
    return ran("attest", stdin="dpo@example.com\n" + "\n" * 80).output


@pytest.mark.parametrize("ask", [init, decide, attest])
def test_no_question_has_the_words_of_the_machine(run: str, ask: Callable[[str], str]) -> None:
    shown = OF_FILES.sub("", ask(run))
    text = OF_OTHERS.sub("", shown)
    assert len(text) > 1000
    assert KEY.findall(text) == []
    assert SCOPE.findall(text) == []
    assert REPLACED_WORD.findall(text) == []
    for words in ("derived:", "`", '{"', '["'):
        assert words not in text, words
    lengths = {sentence: len(sentence.split()) for sentence in sentences_of(text)}
    assert [each for each, words in lengths.items() if words > MOST_WORDS] == []
    assert median(lengths.values()) <= MEDIAN
