"""The credentials that write: where they come from, and that they are never those that read."""

from collections.abc import Callable

import pytest

from auditor.config import ConfigError, settings
from auditor.config.writing_credentials import writing_credentials
from auditor.redaction.text import redact_text
from auditor.secrets.backends import KeyringUnavailable
from auditor.zoom.auth import Credentials

READING = {"account_id": "AbcAccount", "client_id": "reading-id", "client_secret": "reading-secret"}
WRITING = {"account_id": "AbcAccount", "client_id": "writing-id", "client_secret": "writing-secret"}
Ask = Callable[[str, str], str | None]


def ring(**profiles: dict[str, str]) -> Ask:
    def ask(profile: str, name: str) -> str | None:
        return profiles.get(profile.replace("-", "_"), {}).get(name)

    return ask


def locked(_profile: str, _name: str) -> str | None:
    raise KeyringUnavailable("The keyring is locked.")


def set_variables(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("profile", ["default", "emea"])
def test_they_are_the_profile_of_the_same_name_for_writing(
    monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    monkeypatch.setenv("AUDITOR_PROFILE", profile)
    ask = ring(**{profile: READING, f"{profile}_write": WRITING})
    assert writing_credentials(settings.load(), ask) == Credentials(**WRITING)


def test_two_variables_win_and_the_account_is_the_one_that_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_variables(monkeypatch, ZOOM_WRITE_CLIENT_ID="w", ZOOM_WRITE_CLIENT_SECRET="from-variable-1")
    found = writing_credentials(settings.load(), ring(default=READING, default_write=WRITING))
    assert found == Credentials("AbcAccount", "w", "from-variable-1")
    assert "from-variable-1" not in redact_text("it is from-variable-1.")


@pytest.mark.parametrize(
    ("variables", "ask", "words"),
    [
        ({}, ring(default=READING), "ZOOM_WRITE_CLIENT_ID and ZOOM_WRITE_CLIENT_SECRET are not"),
        ({"ZOOM_WRITE_CLIENT_ID": "w"}, ring(default_write=WRITING), "_CLIENT_SECRET is not set"),
        ({"ZOOM_WRITE_CLIENT_ID": ""}, ring(default_write=WRITING), "are not set"),
        ({}, locked, "The keyring is locked."),
        ({}, ring(default=READING, default_write=READING), "never writes"),
        (
            {"ZOOM_WRITE_CLIENT_ID": "other", "ZOOM_WRITE_CLIENT_SECRET": "reading-secret"},
            ring(default=READING),
            "never writes",
        ),
        (
            {},
            ring(default=READING, default_write={**WRITING, "account_id": "Other"}),
            "another account",
        ),
        (
            {"ZOOM_WRITE_CLIENT_ID": "a b", "ZOOM_WRITE_CLIENT_SECRET": "s3"},
            ring(default=READING),
            "ZOOM_WRITE_CLIENT_ID",
        ),
        ({"ZOOM_WRITE_CLIENT_ID": "w", "ZOOM_WRITE_CLIENT_SECRET": "s3"}, ring(), "ACCOUNT_ID"),
    ],
)
def test_what_is_missing_or_wrong_is_an_error(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], ask: Ask, words: str
) -> None:
    set_variables(monkeypatch, **variables)
    with pytest.raises(ConfigError, match=words):
        writing_credentials(settings.load(), ask)
