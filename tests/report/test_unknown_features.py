"""Features whose state is not known are listed with the reason, in every format for people."""

import re
from dataclasses import replace

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.inventory import (
    CauseCount,
    EvidenceInfo,
    Feature,
    GroupState,
    Inventory,
    PeopleStates,
    SettingState,
    ValueCount,
)
from auditor.findings.run import Run
from auditor.report import inventory_wording, unknown_features
from tests.report import worlds
from tests.report.conftest import Render

PHONE = (Level.PHONE_ACCOUNT,)
VOICEMAIL = Feature(
    "voicemail_intent_based_prioritization.enable",
    "Sorting of voicemail by AI",
    "ai",
    PHONE,
    SettingState(cause=Cause.NOT_COLLECTED),
    people=PeopleStates((), (CauseCount(Cause.NOT_COLLECTED, 5),)),
)
OF_A_RULE = replace(
    VOICEMAIL, setting="voicemail_transcription.enable", title="Transcription", controls=("AI-01",)
)
NOT_RETURNED = Feature(
    "ai.assistant", "Assistant", "ai", (Level.ACCOUNT,), SettingState(cause=Cause.ABSENT)
)
IN_PART = Feature(
    "ai.coach",
    "Coach",
    "ai",
    (Level.ACCOUNT, Level.GROUP, Level.USER),
    SettingState(False),
    (GroupState(Scope(Level.GROUP, "g1", "Sales"), SettingState(cause=Cause.ABSENT)),),
    PeopleStates((ValueCount(False, 4),), (CauseCount(Cause.ABSENT, 62),)),
)
INFO = EvidenceInfo("r", "acc", "2026-11-21T22:04:00.000Z", "sha256:" + "0" * 64, "user")


def with_features(*features: Feature) -> Run:
    return replace(worlds.everything(), inventory=lambda: Inventory(INFO, features))


def found(*features: Feature) -> list[unknown_features.UnknownFeatures]:
    run = with_features(*features)
    return unknown_features.of_sections(run, inventory_wording.of_run(run))


def test_what_no_rule_asks_for_says_that_it_was_not_requested_and_where_it_is() -> None:
    (each,) = found(VOICEMAIL)
    assert each.heading == "1 AI feature not known: not read in this run"
    assert each.what_to_do.startswith("No rule of this run asks for them")
    assert each.features == (
        "Sorting of voicemail by AI: Phone System Management > Company Info > Account Settings",
    )


def test_a_rule_that_could_ask_for_it_is_named() -> None:
    (each,) = found(OF_A_RULE)
    assert each.features[0].endswith("(AI-01 does not ask for it in this baseline)")


def test_each_reason_has_its_own_advice_and_what_is_known_in_part_comes_last() -> None:
    by_heading = {each.heading: each for each in found(IN_PART, VOICEMAIL, NOT_RETURNED)}
    assert [*by_heading] == [
        "1 AI feature not known: not read in this run",
        "1 AI feature not known: not returned by Zoom",
        "1 AI feature not known for everybody",
    ]
    absent = by_heading["1 AI feature not known: not returned by Zoom"]
    assert absent.what_to_do.startswith("Zoom answered without")
    (in_part,) = by_heading["1 AI feature not known for everybody"].features
    assert in_part == "Coach: 1 group: not returned by Zoom; 62 people: not returned by Zoom"
    assert unknown_features.counted(by_heading.values()) == "2 AI features"
    assert unknown_features.counted(found(IN_PART)) == ""


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_every_report_for_people_lists_them_under_no_answer(render: Render, format_: str) -> None:
    text = render(with_features(VOICEMAIL, NOT_RETURNED), format_)
    section = text[re.search(r"(?m)^(?:## )?No answer: |id=\"unknown\"", text).start() :]  # type: ignore[union-attr]
    for words in ("Sorting of voicemail by AI:", "Assistant", "not read in this run"):
        assert words in section, words


def test_without_an_unknown_rule_the_section_is_there_for_features(render: Render) -> None:
    run = replace(worlds.clean(), inventory=lambda: Inventory(INFO, (VOICEMAIL,)))
    assert "\nNo answer\n? 1 AI feature not known" in render(run, "text")
    assert "## No answer\n\n### 1 AI feature not known" in render(run, "markdown")


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ((), ""),
        ((IN_PART,), "1 AI feature is not known for everybody."),
        ((VOICEMAIL, NOT_RETURNED), "2 AI features are not known at all."),
        ((VOICEMAIL, IN_PART), "1 AI feature is not known at all, and 1 not for everybody."),
    ],
)
def test_the_opening_of_every_format_counts_them(
    features: tuple[Feature, ...], sentence: str, render: Render
) -> None:
    run = with_features(*features)
    assert unknown_features.sentence(run) == sentence
    for format_ in ("text", "markdown", "html"):
        assert sentence in " ".join(render(run, format_, width=100).split())
