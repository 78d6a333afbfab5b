"""The questions file: complete, consistent with the catalogue, and errors with line numbers."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.evidence.reading import JsonValue
from auditor.findings.questions import DEVIATES, DISABLED, ENABLED
from auditor.policy.baseline import baselines as baseline
from auditor.policy.catalogue import files, questions
from auditor.policy.catalogue.errors import PolicyError

CATALOGUE = files.shipped_catalogue()
SHIPPED = questions.shipped()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "claims.md"
BASELINES = ("strict", "consent-first", "regulated", "education")


def small(**changes: Any) -> dict[str, Any]:
    """One question about one setting, with all the claims under it."""
    entry: dict[str, Any] = {
        "id": "summary",
        "question": "Can a summary be made?",
        "asked_by": "employee",
        "shown_by": {"AI-01": "enabled"},
        "controls": ["TR-01"],
        "claims": list(range(1, 60)),
    }
    claims = [
        {"number": n, "claim": "C", "status_today": "S", "check": "K", "controls": ["TR-01"]}
        for n in range(1, 60)
    ]
    return {"questions": [{**entry, **changes}], "claims": claims}


def loaded(data: dict[str, Any], folder: Path) -> questions.Questions:
    path = folder / "questions.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return questions.load(path, CATALOGUE)


def problem(data: dict[str, Any], folder: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        loaded(data, folder)
    return str(caught.value)


def test_every_claim_is_answered_for_once_and_under_a_question() -> None:
    assert [claim.number for claim in SHIPPED.claims] == list(range(1, 60))
    assert {n for each in SHIPPED.questions for n in each.claims} == set(range(1, 60))


def test_every_question_says_what_nobody_can_know() -> None:
    assert all(each.nobody_can_know for each in SHIPPED.questions)


def test_training_on_calls_rests_on_people_alone() -> None:
    entry = SHIPPED.find("train-ai")
    assert not any(each.decides for each in entry.controls)
    assert {each.id for each in entry.controls if each.asks} >= {"TR-01", "TR-02"}


def polarity() -> list[tuple[str, str, str]]:
    return [
        (each.id, setting, when)
        for entry in SHIPPED.questions
        for each in entry.controls
        for setting, when in each.shows.items()
        if when in (ENABLED, DISABLED)
    ]


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_asks_for_what_would_make_an_answer_yes(name: str) -> None:
    assessed = baseline.load(name, CATALOGUE).assessed
    worrying: dict[str, JsonValue] = {ENABLED: True, DISABLED: False}
    for control, setting, when in polarity():
        expected = assessed[control].expectations.get(setting) if control in assessed else None
        if expected is not None and expected.op == "eq":
            assert expected.value != worrying[when], (control, setting)


def test_a_word_for_a_control_holds_for_each_of_its_settings(tmp_path: Path) -> None:
    entry = loaded(small(shown_by={"AI-02": "enabled"}), tmp_path).questions[0]
    assert set(entry.controls[0].shows.values()) == {ENABLED}
    assert len(entry.controls[0].shows) == len(CATALOGUE.controls["AI-02"].checks)


def test_single_settings_of_a_control_can_decide(tmp_path: Path) -> None:
    setting = "meeting_security.encryption_type"
    entry = loaded(small(shown_by={"EN-01": {setting: ["x"]}}), tmp_path).questions[0]
    assert entry.controls[0].shows == {setting: ("x",)}


def test_older_names_of_a_setting_count_as_the_same_look() -> None:
    (looked,) = [
        each
        for entry in SHIPPED.questions
        for related in entry.controls
        for each in related.looks_at
        if related.id == "CN-04" and entry.id == "host-consents"
        if each.settings[0].startswith("recording.")
    ]
    assert len(looked.settings) == 2


def test_settings_that_deviate_can_decide() -> None:
    shows = {w for q in SHIPPED.questions for b in q.controls for w in b.shows.values()}
    assert DEVIATES in shows


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown control": ({"controls": ["TR-1"]}, 'no control is called TR-1. Did you mean "TR-01"?'),
    "unknown deciding control": (
        {"shown_by": {"AI-1": "enabled"}},
        'no control is called AI-1. Did you mean "AI-',
    ),
    "unknown setting": (
        {"shown_by": {"EN-01": {"meeting_security.encryption": "enabled"}}},
        'EN-01 has no such check. Did you mean "meeting_security.encryption_type"?',
    ),
    "both roles": (
        {"controls": ["AI-01", "TR-01"]},
        'it is listed under "controls" as well; remove it there.',
    ),
    "no answer possible": ({"shown_by": {}, "controls": ["AI-01"]}, "nothing could answer it"),
    "claim that does not exist": ({"claims": [*range(1, 60), 60]}, "there is no claim 60."),
    "claim under no question": ({"claims": list(range(1, 59))}, "59 belongs to no question."),
    "control of a claim left out": (
        {"controls": ["TR-02"]},
        "TR-01 belongs to no question of claim 1.",
    ),
    "unknown key": ({"sure": True}, "unknown key"),
    "unknown asker": ({"asked_by": "emploee"}, "expected"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_told_with_its_line(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    message_text = problem(small(**changes), tmp_path)
    assert message in message_text
    assert "questions.yaml:" in message_text


def test_two_questions_cannot_share_a_name(tmp_path: Path) -> None:
    data = small()
    data["questions"] *= 2
    assert "another question is called summary." in problem(data, tmp_path)


def test_a_missing_or_doubled_claim_is_told(tmp_path: Path) -> None:
    data = small()
    data["claims"][0] = data["claims"][1]
    message_text = problem(data, tmp_path)
    assert "claim 1 stands there 0 times." in message_text
    assert "claim 2 stands there 2 times." in message_text


def test_an_unknown_control_of_a_claim_is_told(tmp_path: Path) -> None:
    data = small()
    data["claims"][0] = {**data["claims"][0], "controls": ["TR-99"]}
    assert "no control is called TR-99." in problem(data, tmp_path)


@pytest.mark.parametrize("entry", SHIPPED.questions, ids=lambda entry: entry.id)
def test_a_question_is_found_by_its_own_name_and_words(entry: Any) -> None:
    assert SHIPPED.find(entry.id.upper()) is entry
    assert SHIPPED.find(entry.question.rstrip("?").lower()) is entry


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("can they train AI on my calls", "train-ai"),
        ("facebook", "facebook"),
        ("is one host's consent enough for everyone", "host-consents"),
        ("notetaker bots", "notetaker-bots"),
        ("where are recordings stored and when do they vanish", "recordings-where"),
        ("does zoom listen", "zoom-listens"),
        ("recorded without being asked", "recorded-unasked"),
    ],
)
def test_people_find_a_question_in_their_own_words(words: str, found: str) -> None:
    assert SHIPPED.find(words).id == found


@pytest.mark.parametrize("words", ["price of bananas", "", "???"])
def test_words_that_are_near_nothing_are_refused_with_the_way_on(words: str) -> None:
    with pytest.raises(PolicyError, match="List them with: auditor ask"):
        SHIPPED.find(words)


def test_the_page_of_claims_is_what_the_generator_gives() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "auditor.policy.catalogue.questions"],
        capture_output=True,
        check=True,
    )
    assert PAGE.read_bytes() == made.stdout, (
        "Write it again: python -m auditor.policy.catalogue.questions > docs/claims.md"
    )
