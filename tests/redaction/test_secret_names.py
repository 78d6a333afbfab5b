"""The names of secrets: each hides a value, and none is the name of a setting."""

import json

import pytest

from auditor.evidence.reading import JsonValue
from auditor.policy.catalogue import files
from auditor.redaction.secret_names import CODES, ENDINGS, LABELS, OPEN_KEYS, WORDS
from auditor.redaction.text import REDACTED, redact_text
from auditor.zoom.redaction import redact

SHIPPED = json.loads((files.folder() / "settings.json").read_text("utf-8"))["settings"]


def test_every_name_hides_its_value_in_every_spelling() -> None:
    names = [*WORDS, *ENDINGS, *(f"{code}_code" for code in CODES)]
    shown = [
        spelling
        for name in names
        for spelling in (name, name.upper(), name.title(), name.replace("_", "-"), f"my_{name}")
        if redact({spelling: "hunter2"}) != {spelling: REDACTED}
    ]
    assert not shown, shown


@pytest.mark.parametrize(
    "name",
    [
        *("ingest_key", "creds", "pw", "passkey", "wifi_psk", "code_verifier", "ingestKey"),
        *("license_key", "smtp_pw", "dbCreds", "wpa_psk", "backup_keys", "rtmp_key"),
    ],
)
def test_keys_that_only_their_words_give_away_hide_their_values(name: str) -> None:
    assert redact({name: "hunter2", "a": [{name: 482913}]}) == {
        name: REDACTED,
        "a": [{name: REDACTED}],
    }


@pytest.mark.parametrize("colon", [":", " : ", "：", "＝"])
def test_every_label_hides_its_value(colon: str) -> None:
    shown = [
        label
        for label in LABELS
        if "hunter2" in redact_text(f"Zoom. {label.capitalize()}{colon}hunter2\nBye")
    ]
    assert not shown, shown


def test_keys_that_open_nothing_stay() -> None:
    document: JsonValue = {f"{kind}_key": "x" for kind in OPEN_KEYS}
    assert redact(document) == document


def test_no_value_that_zoom_documents_for_a_setting_is_taken_for_a_secret() -> None:
    """A verdict depends on it: a redacted value would always be unknown."""
    for path, facts in SHIPPED.items():
        documented = [True, False, None, *facts.get("values", ())]
        for value in documented:
            document = value
            for key in reversed(path.split(".")):
                document = {key: document}
            assert redact(document) == document, path


@pytest.mark.parametrize(
    "document",
    [
        {"require_password_for_pmi_meetings": "jbh_only"},
        {"meeting_password_requirement": {"length": 8, "have_special_character": True}},
        {"password_requirement": "all"},
        {"require_password_for_all_meetings": True},
        {"passcode_requirement": {"minimum_length": 6, "only_allow_numeric": False}},
        {"embed_password_in_join_link": "none"},
        {"zoom_customer_managed_key": True},
        {"embed_passcode_in_shareable_link": "x"},
    ],
    ids=str,
)
def test_settings_about_secrets_are_none(document: JsonValue) -> None:
    assert redact(document) == document
