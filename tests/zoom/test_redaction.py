import json
import logging
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.reading import JsonValue
from auditor.redaction.held_secrets import HeldSecrets
from auditor.redaction.text import (
    LONGEST_TEXT,
    REDACTED,
    RedactingFilter,
    is_secret_name,
    redact_text,
    register_secret,
)
from auditor.zoom.redaction import redact

from .conftest import real_input

JWT = "eyJzdiI6IjAwMDAwMSJ9.eyJhdWQiOm51bGx9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "pmi_password",
        "password_for_pmi",
        "default_password_for_scheduled_meetings",
        "h323_password",
        "encrypted_password",
        "encrypted_passcode",
        "pstn_password",
        "recording_play_passcode",
        "passcode",
        "host_key",
        "dynamic_host_key",
        "authorized_channel_token",
        "smtp_delivery_address",
        "zak",
        "token",
        "access_token",
        "client_secret",
        "clientSecret",
        "start_url",
        "join_url",
        "chat_join_url",
        "registration_url",
        "personal_meeting_url",
        "download_url",
        "stream_key",
        "api-key",
        "Authorization",
    ],
)
def test_texts_under_secret_names_are_dropped(name: str) -> None:
    assert redact({name: "hunter2"}) == {name: REDACTED}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("require_password_for_pmi_meetings", "all"),
        ("required_password_for_shared_cloud_recordings", "x"),
        ("embed_password_in_join_link", "all"),
        ("minimum_password_length", 8),
        ("password_expiration_days", 90),
        ("next_page_token", "8V8HigQkzm2O5r9RUn31D9ZyJHgrmFfbLa2"),
        ("token_type", "bearer"),
        ("scope", "user:read:admin"),
        ("expires_in", 3599),
        ("vanity_url", "acme"),
        ("code", 4711),
        ("key", "cb3674544gexq"),
        ("sign_in_with_two_factor_auth", "none"),
        ("user_invited_by_host_can_bypass_waiting_room", "x"),
    ],
)
def test_settings_about_secrets_and_paging_survive(name: str, value: int | str) -> None:
    assert redact({name: value}) == {name: value}


@pytest.mark.parametrize("value", [True, False, None, ""])
def test_booleans_nulls_and_empty_texts_under_secret_names_are_settings(
    value: bool | str | None,
) -> None:
    assert redact({"pmi_password": value}) == {"pmi_password": value}


def test_objects_under_secret_names_are_walked_not_replaced() -> None:
    document: JsonValue = {"password": {"length": 8, "have_number": True, "passcode": "1"}}
    assert redact(document) == {
        "password": {"length": 8, "have_number": True, "passcode": REDACTED}
    }


def test_numbers_and_lists_under_secret_names_are_dropped_too() -> None:
    assert redact({"host_key": 123456, "passcodes": ["a", 2, True, {"zak": "z", "on": True}]}) == {
        "host_key": REDACTED,
        "passcodes": [REDACTED, REDACTED, True, {"zak": REDACTED, "on": True}],
    }


def test_a_secret_is_found_at_any_depth() -> None:
    assert redact([{"a": [{"b": {"password": "x"}}]}]) == [{"a": [{"b": {"password": REDACTED}}]}]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"got {JWT} back", JWT),
        ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
        ("Authorization: Basic Y2xpZW50OnMzY3IzdA==", "Y2xpZW50OnMzY3IzdA=="),
        ("join https://acme.zoom.us/j/123?pwd=QWxhZGRpbg.1 now", "QWxhZGRpbg"),
        ("https://zoom.us/s/1?zak=eyJ0", "eyJ0"),
        ("https://zoom.us/w/1?tk=abc&uuid=2", "abc"),
        ("http://user:hunter2@proxy.local:3128 failed", "hunter2"),
        ("Passcode: 482913\nOne tap", "482913"),
        ('{"password": "hunter2"}', "hunter2"),
        ("client_secret=abcdef", "abcdef"),
        ("+16699009128,,85746065#,,,,*482913# US", "482913"),
    ],
)
def test_secrets_are_known_by_their_shape_in_any_text(text: str, secret: str) -> None:
    cleaned = redact_text(text)
    assert secret not in cleaned
    assert REDACTED in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "Security  - Require a passcode when scheduling new meetings: from On to Off",
        "Edit Group Legal  - Meeting Passcode: from Off to On",
        "Basic authentication",
        "Ring bearer wedding",
        "https://acme.zoom.us/j/123",
        "https://example.com/terms?lang=en",
        "meeting:read:meeting:admin",
        "10.1.2.3/24",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_a_token_as_value_of_an_ordinary_key_becomes_the_constant() -> None:
    assert redact({"note": JWT}) == {"note": REDACTED}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["pmi_password", "a", "join_url", "zak"]), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_redaction_twice_is_redaction_once(document: JsonValue) -> None:
    assert redact(redact(document)) == redact(document)


@given(JSON)
def test_redaction_keeps_keys_lengths_and_booleans(document: JsonValue) -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shape(item) for item in value]
        return value if value is None or isinstance(value, bool) else "scalar"

    assert shape(redact(document)) == shape(document)


def test_a_log_record_loses_secrets_in_message_arguments_and_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("test.redaction")
    caplog.handler.addFilter(RedactingFilter())
    try:
        try:
            raise ValueError(f"Bearer {JWT}")
        except ValueError:
            log.exception("sent %s", f"https://zoom.us/j/1?pwd={JWT}")
    finally:
        caplog.handler.filters.clear()
    assert JWT not in caplog.text
    assert "ValueError" in caplog.text


def test_a_traceback_is_clean_whichever_handler_writes_it_first() -> None:
    try:
        raise ValueError(f"Bearer {JWT}")
    except ValueError as error:
        failure = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", 10, "f", 1, "failed", (), failure)
    assert RedactingFilter().filter(record)
    assert JWT not in logging.Formatter().format(record)


def test_many_unfinished_tokens_take_no_time() -> None:
    text = "eyJ-" * 25_000 + "a." * 40_000
    began = time.process_time()
    assert redact_text(text + "=") == text + "="
    assert time.process_time() - began < 5


REPETITIONS = [
    "a:",
    "pass",
    "password_",
    "a?",
    "password is ",
    "\\",
    "'",
    "a1.",
    "?a=%",
    "a://",
    "http://a?",
    "http://a:",
    "eyJa.",
    "basic a",
    "a-----BEGIN PRIVATE KEY-----",
    "password: '",
    "password: ''",
    'password: "',
    "pwd ",
    'password "',
]


@pytest.mark.parametrize(
    ("length", "seconds"), [(20_000, 0.5), pytest.param(1_000_000, 5, marks=pytest.mark.slow)]
)
def test_no_text_takes_long_however_it_repeats(length: int, seconds: float) -> None:
    for piece in REPETITIONS:
        text = f"https://{piece * (length // len(piece))}:=*"
        started = time.process_time()
        redact_text(text)
        assert time.process_time() - started < seconds, piece


def test_of_a_text_longer_than_any_setting_the_rest_is_dropped() -> None:
    clean = redact_text("word " * LONGEST_TEXT + "password: hunter2")
    assert len(clean) <= LONGEST_TEXT + 1
    assert clean.endswith("word…")


@pytest.mark.parametrize("before", ["word " * LONGEST_TEXT, "x" * LONGEST_TEXT])
@pytest.mark.parametrize("rooms", [[9, 20], pytest.param(range(40), marks=pytest.mark.slow)])
def test_if_a_long_text_is_cut_no_piece_of_a_secret_stays(
    rooms: Sequence[int], before: str
) -> None:
    for room in rooms:
        text = before[: LONGEST_TEXT - room] + " Bearer abcDEF123456ghiJKL " + "x" * 100
        assert "abcD" not in redact_text(text)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Kenncode: hunter2", "hunter2"),
        ("Kenncode：hunter2", "hunter2"),
        ("Passcode﹕ hunter2", "hunter2"),
        ("Ｐａｓｓｃｏｄｅ： hunter2", "hunter2"),
        ("Pass\u200bcode: hunter2", "hunter2"),
        ("password＝hunter2", "hunter2"),
        ("Code secret : hunter2", "hunter2"),
        ("Mot de passe\u00a0: hunter2", "hunter2"),
        ("Código de acceso: hunter2", "hunter2"),
        ("パスコード: hunter2", "hunter2"),
        ("密码：hunter2", "hunter2"),
        ("Код доступа: hunter2", "hunter2"),
        ('{"Kenncode": "hunter2"}', "hunter2"),
        ('"mot de passe": "hunter 2"', "hunter"),
        ("ingest_key=hunter2", "hunter2"),
        ("creds: hunter2", "hunter2"),
        ("Bear\u200ber abcDEF123456", "abcDEF"),
    ],
)
def test_labels_of_other_languages_and_odd_characters_hide_nothing(text: str, secret: str) -> None:
    assert secret not in redact_text(f"Join here. {text}\nSee you")


@pytest.mark.parametrize(
    "text",
    [
        "Ｆｕｌｌ width：names stay",
        "zero\u200bwidth",
        "密码 from Off to On",
        "Kenncode: from Off to On",
        "unknown key: in_meeting.x",
        "Décision : oui",
        "👩\u200d💻 Team: Köln",
    ],
)
def test_odd_characters_stay_where_there_is_no_secret(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "meetingPassword",
        "STREAM_KEY",
        "X-Api-Key",
        "Host key",
        "aws_access_key_id",
        "session_cookie",
        "one_time_code",
        "presigned_url",
        "webhook_url",
        "leader_pin",
        "sip_password",
        "secret_token",
        "CookIe",
        "encryptedToken",
        "x" * 200 + "_password",
    ],
)
def test_names_nobody_documents_are_known_for_what_they_are(name: str) -> None:
    assert redact({name: "hunter2"}) == {name: REDACTED}


def test_an_object_under_a_secret_name_keeps_lengths_and_switches_alone() -> None:
    document: JsonValue = {
        "credentials": {"login": "a", "key": 482913, "length": 8, "on": True, "at": [["b"]]}
    }
    clean = {"login": REDACTED, "key": REDACTED, "length": 8, "on": True, "at": [[REDACTED]]}
    assert redact(document) == {"credentials": clean}


def test_a_value_that_another_one_calls_a_secret_is_dropped() -> None:
    rows: JsonValue = [{"name": "Host key", "value": "1"}, {"field": "password", "new_value": "2"}]
    assert redact(rows) == [
        {"name": "Host key", "value": REDACTED},
        {"field": "password", "new_value": REDACTED},
    ]
    assert redact({"name": "Anna", "value": "1"}) == {"name": "Anna", "value": "1"}


def test_a_key_that_is_a_secret_is_replaced_and_no_value_lost() -> None:
    document: JsonValue = {
        "https://zoom.us/j/1?pwd=x": True,
        "https://zoom.us/j/2?pwd=y": 1,
        "a": 2,
    }
    assert redact(document) == {REDACTED: True, f"{REDACTED} 1": 1, "a": 2}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_json_in_a_text_is_redacted_by_name(times: int) -> None:
    text = json.dumps({"h323_password": "hunter2", "zak": "abc", "on": True})
    for _ in range(times - 1):
        text = json.dumps([text])
    clean = redact({"blob": text, "log": f"sent {json.dumps(text)}"})
    assert "hunter2" not in str(clean)
    assert "abc" not in str(clean)
    assert isinstance(clean, dict)
    assert "on" in str(clean["blob"])


@pytest.mark.parametrize("times", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "secret",
    ["Zq8" + "abC" * 300, "it's hunter2", 'say "hunter2"', "hunter2\\", '"hunter2', 'hunter2\\"\\'],
    ids=["long", "apostrophe", "quoted word", "backslash", "quotation mark", "all of them"],
)
def test_a_secret_in_quotation_marks_ends_where_they_do(times: int, secret: str) -> None:
    text = json.dumps({"h323_password": secret, "theme": "dark"})
    for _ in range(times):
        text = json.dumps(text)
    clean = redact_text(f"sent {text}")
    assert "hunter2" not in clean
    assert "abC" not in clean
    for _ in range(times):
        clean = json.loads(clean.removeprefix("sent "))
    assert json.loads(clean.removeprefix("sent ")) == {"h323_password": REDACTED, "theme": "dark"}


def test_quotation_marks_that_are_not_closed_hide_the_rest() -> None:
    assert redact_text('Passcode: "hunter2 Passcode: ' + "x" * 5000) == f'Passcode: "{REDACTED}'


def test_json_in_a_text_that_hides_a_secret_behind_a_second_one_is_redacted() -> None:
    assert "hunter2" not in str(redact({"blob": '{"password": "hunter2", "password": ""}'}))


def test_json_in_a_text_as_deep_as_it_likes_is_redacted() -> None:
    text = "[" * 5000 + '"Passcode: 482913"' + "]" * 5000
    assert "482913" not in str(redact({"blob": text}))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Wrong passcode 482913", "482913"),
        ('The password "hunter" is wrong', "hunter"),
        ("password is hunter2", "hunter2"),
        ("/signin?next=https%3A%2F%2Fzoom.us%2Fj%2F1%3Fpwd%3DQWxh%26a%3Db", "QWxh"),
        ("/cb?code=abc123&state=1", "abc123"),
        (r"{\"password\":\"hunter2\"}", "hunter2"),
        ("{'leader_pin': 1234, 'one_time_code': 'abcd'}", "1234"),
        ("{'leader_pin': 1234, 'one_time_code': 'abcd'}", "abcd"),
        ("'credentials': {'login': 'anna', 'more': ['hunter2']}, 'a': 1", "hunter2"),
        ("85746065.482913@zoomcrc.com", "482913"),
        ("https://zoom.us/rec/share/Ab_cD-ef", "Ab_cD-ef"),
        (f'The password "{"x" * 300}hunter" is wrong', "hunter"),
        ("Authorization: \nPasscode: hunter", "hunter"),
        ('require_password_for:"a\nPasscode: hunter"', "hunter"),
        (f"token: {'x' * 5000}", "xxx"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----", "MIIEvQ"),
        ("Your access token is abc123def456", "abc123def456"),
        ("the API key is 9a8b7c", "9a8b7c"),
    ],
)
def test_secrets_are_found_where_texts_are_odd(text: str, secret: str) -> None:
    assert secret not in redact_text(text)


@pytest.fixture
def _forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.redaction.text._registry", HeldSecrets())


@pytest.mark.usefixtures("_forgetting")
def test_a_secret_this_process_holds_is_never_shown() -> None:
    register_secret('pa"ss/wörter')
    for shape in ('pa"ss/wörter', "pa%22ss%2Fw%C3%B6rter", r"pa\"ss/w\u00f6rter"):
        assert redact_text(f"x{shape}x") == f"x{REDACTED}x"
    assert redact({"a": ['pa"ss/wörter']}) == {"a": [REDACTED]}


@pytest.mark.usefixtures("_forgetting")
def test_a_key_that_turns_out_to_be_a_secret_is_not_shown_from_then_on() -> None:
    assert redact({"xyzzy-plugh-42": True}) == {"xyzzy-plugh-42": True}
    register_secret("xyzzy-plugh-42")
    assert redact({"xyzzy-plugh-42": True}) == {REDACTED: True}


@pytest.mark.usefixtures("_forgetting")
def test_a_secret_too_short_to_be_one_leaves_words_alone() -> None:
    register_secret("", "a", "secret")
    assert redact_text("a secret") == "a secret"


def test_a_log_record_with_wrong_arguments_is_still_logged_clean() -> None:
    record = logging.LogRecord("x", 10, "f", 1, "a %d", ("Bearer abcdef123",), None)
    assert RedactingFilter().filter(record)
    assert "abcdef123" not in record.getMessage()
    assert record.getMessage().startswith("a %d")


RECORDED = real_input("payloads", "*.json")


@pytest.mark.real_input
@pytest.mark.skipif(not RECORDED, reason="the recorded responses are not here")
def test_every_scrubbed_value_of_the_recorded_responses_would_have_been_dropped() -> None:
    left = set()

    def walk(value: JsonValue, key: str) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                walk(item, name)
        elif isinstance(value, list):
            for item in value:
                walk(item, key)
        elif value == "SCRUBBED":
            left.add(key)

    for file in RECORDED:
        walk(redact(json.loads(file.read_text("utf-8"))), "")
    assert left <= {"pic_url"}


def test_camel_case_names_are_read_like_snake_case() -> None:
    assert is_secret_name("hostKey")
    assert not is_secret_name("nextPageToken")
