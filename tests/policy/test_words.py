"""The words for settings and values: whole, unlike each other, and for people."""

import re
from collections import Counter

import pytest

from auditor.evidence.reading import JsonValue
from auditor.policy.baseline.baselines import BaselineFile
from auditor.policy.catalogue import documented, files, glossary, yaml_source
from auditor.policy.catalogue.controls import Control, Facts
from auditor.policy.catalogue.words import setting_fact, setting_name, value_words, words
from auditor.sandbox import documents

FORBIDDEN = {word for term in glossary.terms() for word in term.instead_of}
KINDS = documented.DOCUMENTS
UNFIT = re.compile(r"_|`|derived:|\b(?:GET|PATCH|PUT|schema|scope|enable|id)\b")
"""What no text for people contains."""
CONTROLS = tuple(files.shipped_catalogue())

SUMMARY = "in_meeting.meeting_summary_with_ai_companion"


@pytest.mark.parametrize("kind", KINDS)
def test_every_documented_setting_has_a_name_of_its_own(kind: str) -> None:
    names = {setting: setting_name(setting) for setting in documented.entries(kind)}
    unnamed = [setting for setting in names if setting not in words() and "locked" not in setting]
    repeated = [name for name, count in Counter(names.values()).items() if count > 1]
    unfit = [name for name in names.values() if len(name) > 60 or UNFIT.search(name)]
    assert (unnamed, repeated, unfit) == ([], [], []), "see policies/words"


def test_everything_that_a_control_reads_or_finds_locked_has_a_name() -> None:
    checks = [check for control in files.shipped_catalogue() for check in control.checks]
    names = {setting_name(check.setting) for check in checks}
    names |= {setting_name(check.lock) for check in checks if check.lock}
    assert [name for name in names if UNFIT.search(name) or re.search(r"[\[\]:]", name)] == []
    unnamed = [check.setting for check in checks if check.setting not in words()]
    assert unnamed == [], "name them in policies/words; what is not a setting, in checks.yaml"


def test_every_documented_value_has_words() -> None:
    entries = [(key, entry) for kind in KINDS for key, entry in documented.entries(kind).items()]
    values = [(key, value) for key, entry in entries for value in entry.get("values", [])]
    for control in files.shipped_catalogue():
        values += [
            (check.setting, value) for check in control.checks for value in check.values or ()
        ]
    wordless = [pair for pair in values if value_words(*pair).startswith('"')]
    assert wordless == [], "give them words in policies/words"


AMOUNTS = re.compile(
    r"\.(?:time|policy_max_count|file_size_restrictions(?:_for_external)?|dscp_(?:audio|video)|size"
    r"|play_beep_(?:time_interval|volume)|expiration_period|extension_number|sequence"
    r"|m(?:ax|in)(?:_port)?)$"
)
"""Settings whose number is an amount without a documented unit, or a number that people use."""


def test_every_documented_number_is_an_amount_or_a_choice_in_words() -> None:
    entries = [pair for kind in KINDS for pair in documented.entries(kind).items()]
    numbers = [key for key, entry in entries if entry["type"] == "integer"]
    bare = [key for key in numbers if re.fullmatch(r"[\d,]+", value_words(key, 1))]
    assert [key for key in bare if not AMOUNTS.search(key)] == [], "give them words or `choice`"


NAMES = re.compile(
    r"(?:domains?|domain_list|ranges|user_name|template_id|languages|concurrent_meeting|_name"
    r"|by_admin|telephony_regions\.\w+|email_address|\.content|url|\.path|\.id|masking_type"
    r"|require_press_1_for_call_me|file_restrictions_apply_to)$"
)
"""Settings that hold names and addresses, or whose texts no source explains."""


@pytest.mark.parametrize("name", ["account_settings", "group_settings", "user_settings"])
def test_every_value_of_a_simulated_account_has_words(name: documents.Name) -> None:
    bodies = [*documents.clean(name).values(), {"ai_model_type": "federated"}]
    leaves = [leaf for body in bodies for leaf in documents.leaves(body)]
    flat = [
        (key, item) for key, leaf in leaves for item in (leaf if isinstance(leaf, list) else [leaf])
    ]
    texts = [
        (key, item) for key, item in flat if isinstance(item, str) and item and "CANARY" not in item
    ]
    wordless = {key for key, text in texts if value_words(key, text).startswith('"')}
    assert sorted(key for key in wordless if not NAMES.search(key)) == []


def test_a_number_that_no_source_explains_says_so() -> None:
    key = "in_meeting.webinar_ai_companion_questions.who_can_ask_questions"
    assert value_words(key, 3) == "option 3, which Zoom does not explain"


def test_no_fact_is_long_or_contains_what_people_do_not_read() -> None:
    for key, entry in words().items():
        for text in (entry.when_on, entry.when_off, entry.fact, *entry.values.values()):
            assert not UNFIT.search(text), (key, text)
            assert len(text.split()) <= 25, (key, text)
            assert not text.endswith("."), (key, text)


@pytest.mark.parametrize(
    ("setting", "value", "fact"),
    [
        (f"{SUMMARY}.enable", True, "Meeting summary with AI Companion is on"),
        (f"{SUMMARY}.auto_enable", False, "The AI meeting summary does not start by itself"),
        (
            f"{SUMMARY}.who_will_receive_summary",
            4,
            "AI meeting summaries go to everyone invited, also from outside",
        ),
        (f"{SUMMARY}.who_will_receive_summary", 9, 'AI meeting summaries go to "9"'),
        ("in_meeting.breakout_room", True, "Breakout rooms are on"),
        (
            "in_meeting.data_center_regions",
            ["DE", "US", "ZZ"],
            'Meetings may use data centres in Germany, the United States and "ZZ"',
        ),
        (
            "in_meeting.data_center_regions",
            [],
            "List of data-centre regions for meetings is empty",
        ),
        ("recording.auto_delete_cmr_days", 45, "Cloud recordings are deleted after 45 days"),
        (
            "recording.durable_meeting_transcript",
            {"enable": True},
            "Hosts can keep lasting meeting transcripts",
        ),
        ("sms.locked", False, "Text messages (SMS) are not locked"),
        ("ai.meeting.live_notes.enable", True, "AI meeting live notes is on"),
    ],
)
def test_a_fact_says_what_is_the_case(setting: str, value: JsonValue, fact: str) -> None:
    assert setting_fact(setting, value) == fact


@pytest.mark.parametrize(
    ("value", "length"),
    [("1y6m15d", "1 year, 6 months and 15 days"), ("30d", "30 days"), ("soon", '"soon"')],
)
def test_a_duration_is_written_out(value: str, length: str) -> None:
    setting = "chat.set_retention_period_in_cloud.retention_period_of_channels"
    assert value_words(setting, value) == length


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_a_control_says_what_is_the_case(control: Control) -> None:
    assert control.facts is not None
    facts = [control.facts.broken, control.facts.obeyed, control.facts.unlocked]
    assert all(facts[:2])
    for text in filter(None, facts):
        assert "{whom}" in text
        assert text[0].isupper()
        assert text[-1] not in ".:"
    for text in (*facts, control.know):
        assert not UNFIT.search(text), text
        assert all(len(each.split()) <= 25 for each in re.split(r"(?<=[.?:]) ", text)), text
    assert control.know == "" or control.know.endswith(".")


def test_a_control_whose_lock_a_baseline_asks_for_says_that_it_is_not_locked() -> None:
    catalogue = files.shipped_catalogue()
    paths = (files.folder() / "baselines").glob("*.yaml")
    baselines = [yaml_source.load(yaml_source.read(path), BaselineFile) for path in paths]
    asked = {name for each in baselines for name, choice in each.controls.items() if choice.lock}
    unlocked = {name for name in asked if catalogue.controls[name].info.unlocked}
    assert asked == unlocked


@pytest.mark.parametrize("pattern", ["{who} may chat", "{whom} and {whom}", "{} may chat", "a } b"])
def test_a_fact_takes_nothing_but_whom(pattern: str) -> None:
    with pytest.raises(ValueError, match="may stand in it"):
        Facts(broken=pattern, obeyed="Chat is off for {whom}")
