"""Configuration: the order of its sources, and what is said when something is missing."""

from pathlib import Path

import pytest

from auditor import config, credentials
from auditor.config import API_URL, OAUTH_URL, ConfigError

NOTHING_STORED = {"account_id": None, "client_id": None, "client_secret": None}
GIVEN = {"ZOOM_ACCOUNT_ID": "acc", "ZOOM_CLIENT_ID": "cid", "ZOOM_CLIENT_SECRET": "sec"}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def no_keyring(profile: str, name: str) -> str | None:
    return None


def test_defaults_are_zooms_own_addresses_and_consent_first() -> None:
    settings = config.load()
    assert (settings.api_url, settings.oauth_url) == (API_URL, OAUTH_URL)
    assert settings.baseline == "consent-first"
    assert settings.data.name == "auditor"


def test_the_environment_beats_dotenv_and_dotenv_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("AUDITOR_BASELINE=strict\nAUDITOR_HOME=/from/dotenv\n")
    monkeypatch.setenv("AUDITOR_HOME", "/from/environment")
    settings = config.load()
    assert settings.baseline == "strict"
    assert settings.data == Path("/from/environment")


def test_a_variable_that_is_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_BASELINE", "")
    assert config.load().baseline == "consent-first"


def test_credentials_come_from_the_environment_before_the_keyring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "told")
    kept = {"account_id": "kept-a", "client_id": "kept-c", "client_secret": "kept-s"}
    asked = []

    def keyring(profile: str, name: str) -> str | None:
        asked.append((profile, name))
        return kept[name]

    monkeypatch.setenv("AUDITOR_PROFILE", "branch")
    found = config.load().credentials(keyring)
    assert (found.account_id, found.client_id, found.client_secret) == ("kept-a", "kept-c", "told")
    assert asked == [("branch", "account_id"), ("branch", "client_id")]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("ZOOM_CLIENT_SECRET",), "^ZOOM_CLIENT_SECRET is not set"),
        (
            ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_SECRET"),
            "^ZOOM_ACCOUNT_ID and ZOOM_CLIENT_SECRET are not set",
        ),
        (tuple(GIVEN), "^ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET are not set"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], said: str
) -> None:
    for name, value in GIVEN.items():
        if name not in missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        config.load().credentials(no_keyring)


def test_the_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "hush-hush")
    assert "hush-hush" not in repr(config.load()) + str(config.load())


def test_a_dotenv_that_is_not_utf8_is_said_so(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"AUDITOR_HOME=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        config.load()


def test_without_a_keyring_nothing_is_stored() -> None:
    assert credentials.stored("default", "client_id") is None


@pytest.mark.parametrize("error", [RuntimeError("no backend"), OSError("no bus")])
def test_a_keyring_that_does_not_work_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(service: str, name: str) -> str | None:
        raise error

    monkeypatch.setattr("keyring.get_password", broken)
    assert credentials.stored("default", "client_id") is None
