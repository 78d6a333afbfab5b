"""Pasted credentials are parsed if possible, and never repeated in a message."""

import json

import pytest

from auditor.redaction.text import redact_text
from auditor.secrets.parsing import (
    LONGEST,
    NAMES,
    UnreadableCredentials,
    read,
    strip_quotes,
    validation_errors,
)
from tests.every_case import every_case

RIGHT = {
    "account_id": "ENtiMRCMAHuGE1mYVOGpSg",
    "client_id": "KxgC9LJOkzB2pH2tTAuwww",
    "client_secret": "hush4Tq0pQm2v8bKz6Yd1Lw3Rf5Ns7Uj",
}
LINES = "\n".join(RIGHT.values())
PAIRS = "\n".join(f"ZOOM_{name.upper()}={value}" for name, value in RIGHT.items())


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        LINES + "\n",
        "\ufeff" + LINES.replace("\n", "\r\n") + "\r\n\r\n",
        "\n".join(f'  "{value}" ' for value in RIGHT.values()),
        PAIRS,
        "# a comment\n" + "\n".join(f"export {line}" for line in reversed(PAIRS.splitlines())),
        PAIRS.replace("=", " = '").replace("\n", "'\n") + "'\nOTHER=x",
        PAIRS.replace("=", ": "),
        json.dumps(RIGHT),
        json.dumps({f"ZOOM_{name.upper()}": value for name, value in RIGHT.items()} | {"x": 1}),
        json.dumps(
            {
                "accountId": RIGHT["account_id"],
                "clientId": RIGHT["client_id"],
                "clientSecret": RIGHT["client_secret"] + "\n",
            }
        ),
    ],
)
def test_lines_pairs_and_json_are_read(text: str) -> None:
    assert read(text) == RIGHT
    assert validation_errors(read(text)) == {}


@every_case(
    "text, message",
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hush-1\nhush-2", "2 lines, not three"),
        ("hush-1\nhush-2\nhush-3\nhush-4", "4 lines"),
        ("ZOOM_CLIENT_SECRET=hush", "no ZOOM_ACCOUNT_ID and no ZOOM_CLIENT_ID"),
        ('{"account_id": "hush"', "looks like JSON"),
        ('{"account_id": ' * 9000, "too long"),
        ('{"a": ' * 5000, "looks like JSON"),
        ('{"client_secret": {"hush": 1}}', "ZOOM_CLIENT_SECRET in the JSON object is not a text"),
        ("hush" * LONGEST, "too long"),
    ],
)
def test_what_cannot_be_read_is_said_and_not_repeated(text: str, message: str) -> None:
    with pytest.raises(UnreadableCredentials, match=message) as caught:
        read(text)
    assert "hush" not in str(caught.value)
    assert redact_text(str(caught.value)) == str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("client_secret", "", "is empty"),
        ("client_secret", "hush hush", "space"),
        ("client_secret", "hush\nhush", "line break"),
        ("client_secret", "hüsh", "character"),
        ("client_id", "hush\u200bhush", "character"),
        ("client_id", "...", "placeholder"),
        ("client_id", "<hush>", "placeholder"),
        ("client_id", "your-client-id", "placeholder"),
        ("client_secret", "xxxxxxxx", "placeholder"),
        ("client_secret", "${HUSH}", "placeholder"),
        ("client_secret", "ZOOM_CLIENT_SECRET=hush", "its own name"),
        ("client_id", "Client ID: hush", "space"),
        ("client_id", "client_id:hush", "its own name"),
        ("client_id", "https://hush.zoom.us", "address"),
        ("account_id", "hush@example.com", "e-mail"),
        ("account_id", "1234567890", "account number"),
        ("account_id", "123-456-7890", "account number"),
    ],
)
def test_a_mistake_that_can_be_seen_is_pointed_out(name: str, value: str, message: str) -> None:
    errors = validation_errors({**RIGHT, name: value})
    assert list(errors) == [name]
    assert message in errors[name]
    assert f"ZOOM_{name.upper()}" in errors[name]
    assert "hush" not in errors[name].lower()
    assert redact_text(errors[name]) == errors[name]


@pytest.mark.parametrize(
    ("name", "other"),
    [("client_id", "account_id"), ("client_secret", "client_id"), ("client_secret", "account_id")],
)
def test_one_value_in_two_places_is_pointed_out(name: str, other: str) -> None:
    errors = validation_errors({**RIGHT, name: RIGHT[other]})
    assert list(errors) == [name]
    assert "the same as" in errors[name]


def test_all_that_is_empty_is_named_once_each() -> None:
    assert list(validation_errors(dict.fromkeys(NAMES, ""))) == list(NAMES)


def test_blanks_and_quotes_around_a_value_are_dropped() -> None:
    assert strip_quotes("\u201c hush\u201d \r\n") == "hush"
