"""Values in a few words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import ControlInfo, FindingKind, Severity, Status, Verdict
from auditor.findings.rollup import roll_up
from auditor.policy.catalogue import words
from auditor.report import facts, headline
from tests.report import worlds


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


COMPARED = "derived:compare({}_settings, account_settings)"
SPOKEN = "recording.recording_notification_for_zoom_client.play_voice_prompt"
BY_PHONE = "recording.recording_notifications_phone_users.require_press_one_consent_to_record"


def fact_of(
    *verdicts: Verdict, broken: str, settings: Sequence[str] = (), unlocked: str = ""
) -> str:
    """The fact of one control with these deviations of one group."""
    named = {setting: setting for setting in settings}
    control = ControlInfo(
        "X-1", "Rule", "X", Severity.HIGH, broken=broken, setting_names=named, unlocked=unlocked
    )
    scope = worlds.group(1, "Sales")
    of_control = [replace(verdict, control="X-1") for verdict in verdicts]
    run = worlds.run_of([worlds.judged(scope, of_control)], controls={"X-1": control})
    run = replace(run, summary=replace(run.summary, coverage={Level.GROUP: 6}))
    rollup = roll_up(run)
    return facts.ControlFacts(run, rollup).of(rollup.controls[0])


def deviation(setting: str, observed: JsonValue, **changes: Any) -> Verdict:
    return worlds.deviation("AI-01", Level.GROUP, setting=setting, observed=observed, **changes)


NOT_ALOUD = "Recording is not announced, or callers need not agree, for {whom}"


@pytest.mark.parametrize(
    ("verdicts", "fact"),
    [
        pytest.param(
            [deviation(SPOKEN, "Guest only")],
            "The spoken recording notice reaches guests only for 1 group",
            id="one of two",
        ),
        pytest.param(
            [deviation(SPOKEN, "Guest only"), deviation(SPOKEN, "none")],
            "“Spoken recording notice” is not as the rule asks for 1 group",
            id="one of two, with two values",
        ),
        pytest.param(
            [deviation(SPOKEN, "Guest only"), deviation(BY_PHONE, False)],
            "Recording is not announced, or callers need not agree, for 1 group",
            id="both",
        ),
    ],
)
def test_a_fact_with_alternatives_names_what_was_found(
    verdicts: Sequence[Verdict], fact: str
) -> None:
    assert fact_of(*verdicts, broken=NOT_ALOUD, settings=(SPOKEN, BY_PHONE)) == fact


def test_the_switches_of_an_object_are_named() -> None:
    found = deviation("ai", {"personal_notes": {"enable": True}})
    assert fact_of(found, broken="AI switches that nobody has approved are on for {whom}") == (
        "AI personal notes is on for 1 group"
    )


def test_one_missing_lock_of_several_is_named() -> None:
    lock = deviation(SPOKEN, False, kind=FindingKind.LOCK)
    fact = fact_of(
        lock, broken=NOT_ALOUD, settings=(SPOKEN, BY_PHONE), unlocked="The notices are not locked"
    )
    assert fact == "“Spoken recording notice” is not locked for 1 group"


def test_a_lock_is_said_of_one_switch_whatever_its_name() -> None:
    assert words.lock_fact("chat.ai_quick_reply", False) == (
        "“Suggested chat replies by AI” is not locked"
    )


def test_a_comparison_with_the_account_says_who_is_looser() -> None:
    looser = [
        deviation(
            COMPARED.format(level),
            ["ai"],
            kind=FindingKind.DERIVED,
            detail=f"{count} {verb} looser than the account.",
        )
        for level, count, verb in (("group", "1 group", "is"), ("user", "48 people", "are"))
    ]
    assert fact_of(*looser, broken="Settings of {whom} are looser than those of the account") == (
        "Settings of 1 group and 48 people are looser than those of the account"
    )


@pytest.mark.parametrize(
    ("settings", "fact"),
    [
        (
            ["in_meeting.voice_coach"],
            "1 setting that nobody has reviewed yet: In meeting voice coach",
        ),
        (["a.a", "a.b", "a.c", "a.d"], "4 settings that nobody has reviewed yet"),
    ],
)
def test_a_list_of_few_settings_names_them(settings: list[JsonValue], fact: str) -> None:
    keys = "derived:unknown_keys(account_settings, group_settings, user_settings, lock_settings)"
    listed = deviation(keys, settings, kind=FindingKind.DERIVED, detail="")
    new = deviation("in_meeting.voice_coach", None, kind=FindingKind.UNCOVERED)
    assert fact_of(listed, new, broken="Settings that nobody has reviewed were found") == fact


def test_the_note_of_a_rule_says_what_people_did_against_it() -> None:
    setting = deviation("in_meeting.allow_live_streaming", True)
    use = replace(setting, kind=FindingKind.USAGE, setting="answered_notices:live_stream")
    use = replace(use, observed={"agree (guests)": 3})
    run = worlds.run_of([worlds.judged(worlds.group(1, "Studio"), [setting, use])])
    rollup = roll_up(run)
    (control,) = rollup.deviating_controls
    assert facts.ControlFacts(run, rollup).note(control) == (
        "At least one call was streamed live in the last 30 days. Participants' answers to its "
        "notice: Agree (guests) 3 times."
    )


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (None, "Its value is as the rule asks today, but nothing keeps it so."),
        (Status.PASS, "Its value is as the rule asks today, but nothing keeps it so."),
        (Status.UNKNOWN, ""),
        (Status.WAIVED, ""),
    ],
)
def test_the_note_of_a_missing_lock_says_that_the_value_is_right(
    value: Status | None, note: str
) -> None:
    """Whether the report holds the passes themselves or not; never where one is not known."""
    prompt = "call_summary.call_summary_start_prompt.enable"
    found = [deviation(prompt, False, kind=FindingKind.LOCK)]
    found += [] if value is None else [deviation(prompt, True, status=value)]
    run = worlds.run_of([worlds.judged(worlds.group(1, "Main"), found)])
    run = replace(run, passed=frozenset({(found[0].control, prompt)}))
    rollup = roll_up(run)
    (control,) = rollup.deviating_controls
    assert facts.ControlFacts(run, rollup).note(control) == note


def test_a_list_of_missing_locks_says_how_many_more_are_not_known() -> None:
    locks = "derived:lock(all controls)"
    listed = deviation(locks, ["chat.e2e"], kind=FindingKind.DERIVED)
    unread = deviation("a.b", None, kind=FindingKind.LOCK, status=Status.UNKNOWN)
    by_hand = deviation("a.c", None, kind=FindingKind.ATTESTATION, status=Status.NEEDS_DECISION)
    question = replace(by_hand, setting="attestation")
    attested = replace(by_hand, setting="a.d", status=Status.ATTESTED)
    found = [listed, unread, by_hand, question, attested]
    run = worlds.run_of([worlds.judged(worlds.account(), found)])
    rollup = roll_up(run)
    (control,) = rollup.deviating_controls
    assert facts.ControlFacts(run, rollup).note(control) == (
        "Only settings whose rule asks for a lock count. Whether 2 more of them are locked is not "
        "known: a person has to look in Zoom."
    )


def no_setting_per_person(rules: Sequence[str], broken_groups: int, of: int = 2) -> str:
    """The headline for rules that are broken at the account and in some of its groups."""
    found = [replace(deviation("chat.ai_quick_reply", True), control=rule) for rule in rules]
    levels = frozenset({Level.ACCOUNT, Level.GROUP})
    info = {
        rule: ControlInfo(
            rule, "Rule", "AI", Severity.HIGH, levels=levels, broken="AI acts unasked for {whom}"
        )
        for rule in rules
    }
    groups = [
        worlds.judged(worlds.group(each), found if each < broken_groups else [])
        for each in range(of)
    ]
    people = [worlds.judged(worlds.user(1), []), worlds.judged(worlds.user(2), [])]
    account = worlds.judged(worlds.account(), found)
    return headline.of_run(worlds.run_of([account, *groups, *people], controls=info))


def test_the_headline_says_what_is_broken_for_everybody_without_a_setting_per_person() -> None:
    everywhere = "AI acts unasked for all 2 people, as Zoom has no setting per person (AI-08)."
    assert everywhere in no_setting_per_person(["AI-08"], broken_groups=2)
    two = no_setting_per_person(["AI-08", "AI-09"], broken_groups=2)
    assert "2 rules are broken for all 2 people, as Zoom has no setting per person: AI-08" in two
    in_part = no_setting_per_person(["AI-08"], broken_groups=1)
    assert "all 2 people" not in in_part
    assert "AI-08 has no setting per person: broken for everybody whose group or" in in_part


def test_the_headline_counts_people_apart_from_the_places_above_them() -> None:
    found = [deviation("chat.ai_quick_reply", True)]
    account, person = worlds.judged(worlds.account(), found), worlds.judged(worlds.user(1), found)
    others = [worlds.judged(worlds.user(each), []) for each in (2, 3)]
    said = headline.of_run(worlds.run_of([account, person, *others]))
    assert "at the account. 1 of 3 people has a broken value in their own settings." in said
    assert "setting per person" not in said
    alone = headline.of_run(worlds.run_of([person, *others]))
    assert "at 1 of 3 people." in alone
    assert "own settings" not in alone
