"""The settings of one account of several: no place is searched in another one's stead."""

from pathlib import Path

import pytest

from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.accounts import AccountPlace
from auditor.config.sources import Origin
from auditor.secrets.backends import KeyringUnavailable
from auditor.zoom.hosts import GOVERNMENT

Patch = pytest.MonkeyPatch
EMEA = AccountPlace(Origin.ENVIRONMENT, "EMEA")
WORDS = ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET")


@pytest.fixture(autouse=True)
def _another_account(tmp_path: Path, monkeypatch: Patch) -> None:
    """An empty folder, and the credentials of another account in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_HOME", str(tmp_path / "data"))
    for word in WORDS:
        monkeypatch.setenv(word, f"other-{word[-6:].lower()}")


def keyring(profile: str, name: str) -> str | None:
    return f"{profile}-{name}"


def test_the_environment_is_read_by_prefix_with_its_own_addresses(monkeypatch: Patch) -> None:
    for word in WORDS:
        monkeypatch.setenv(f"EMEA_{word}", f"emea-{word}")
    monkeypatch.setenv("EMEA_ZOOM_CLOUD", "gov")
    monkeypatch.setenv("ZOOM_API_URL", "https://api-eu.zoom.us/v2")
    base = config.load(reads_dotenv=False)
    settings = EMEA.settings(base, "emea", keyring)
    found = settings.credentials(keyring)
    assert [found.account_id, found.client_id, found.client_secret] == [
        f"emea-{word}" for word in WORDS
    ]
    assert (settings.api_url, settings.oauth_url) == (GOVERNMENT.api_url, GOVERNMENT.token_url)
    assert (settings.data, settings.profile) == (base.data, "emea")


@pytest.mark.parametrize("missing", WORDS)
def test_a_missing_variable_is_named_and_taken_from_nowhere_else(
    monkeypatch: Patch, missing: str
) -> None:
    for word in WORDS:
        monkeypatch.setenv(f"EMEA_{word}", "" if word == missing else f"emea-{word}")
    with pytest.raises(ConfigError) as error:
        EMEA.settings(config.load(reads_dotenv=False), "emea", keyring)
    assert str(error.value) == f"EMEA_{missing} is not set in the environment."


SYSTEMD = AccountPlace(Origin.HANDED_OVER, "emea")
STORED = AccountPlace(Origin.KEYRING, "emea")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ZOOM_CLIENT_ID": "a\x07b"}, "EMEA_ZOOM_CLIENT_ID contains a control character."),
        ({"ZOOM_CLIENT_ID": "a b"}, "It comes from: the environment, with the prefix EMEA."),
        ({"ZOOM_CLOUD": "moon"}, "ZOOM_CLOUD"),
    ],
    ids=["control character", "blank", "cloud"],
)
def test_a_value_that_cannot_be_right_is_named_with_its_place(
    monkeypatch: Patch, variables: dict[str, str], says: str
) -> None:
    for word, value in ({word: f"emea-{word}" for word in WORDS} | variables).items():
        monkeypatch.setenv(f"EMEA_{word}", value)
    with pytest.raises(ConfigError) as error:
        EMEA.settings(config.load(reads_dotenv=False), "emea", keyring)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("place", "says"),
    [(SYSTEMD, "systemd credentials (CREDENTIALS_DIRECTORY)"), (STORED, "auditor auth login")],
    ids=["systemd", "keyring"],
)
def test_where_nothing_is_stored_it_says_where_it_looked(
    place: AccountPlace, says: str, monkeypatch: Patch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigError) as error:
        place.settings(config.load(reads_dotenv=False), "emea", lambda *_: None)
    assert says in str(error.value)


def test_systemd_credentials_are_files_with_the_prefix(monkeypatch: Patch, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir(0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    place = AccountPlace(Origin.HANDED_OVER, "apac")
    with pytest.raises(ConfigError, match="apac_zoom_account_id, apac_zoom_client_id and"):
        place.settings(config.load(reads_dotenv=False), "apac", keyring)
    for word in WORDS:
        (folder / f"apac_{word}".lower()).write_text(f"apac-{word}\n")
    settings = place.settings(config.load(reads_dotenv=False), "apac", keyring)
    assert settings.credentials(keyring).client_secret == "apac-ZOOM_CLIENT_SECRET"


def test_a_profile_is_its_table_and_its_keyring_whatever_the_environment_says(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[profiles.us]\naccount_id = "us-id"\nplan = "business"\n')
    file.chmod(0o600)
    monkeypatch.setenv("AUDITOR_CONFIG", str(file))
    settings = AccountPlace(Origin.KEYRING, "us").settings(
        config.load(reads_dotenv=False), "us-east", keyring
    )
    credentials = settings.credentials(keyring)
    assert (credentials.account_id, credentials.client_id) == ("us-id", "us-client_id")
    assert settings.plan == "business"


def test_a_broken_keyring_matters_only_where_a_secret_is_needed(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    def broken(profile: str, name: str) -> str | None:
        raise KeyringUnavailable("It is locked.")

    file = tmp_path / "config.toml"
    file.write_text('[profiles.us]\naccount_id = "us-id"\n')
    file.chmod(0o600)
    monkeypatch.setenv("AUDITOR_CONFIG", str(file))
    place, base = AccountPlace(Origin.KEYRING, "us"), config.load(reads_dotenv=False)
    assert place.settings(base, "us", broken, needs_secret=False).account_id == "us-id"
    with pytest.raises(ConfigError, match="It is locked"):
        place.settings(base, "us", broken)


def test_the_dotenv_of_a_folder_is_not_read(tmp_path: Path, monkeypatch: Patch) -> None:
    for word in WORDS:
        monkeypatch.delenv(word)
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"{word}=x{word}\n" for word in WORDS) + "AUDITOR_PLAN=free\n")
    dotenv.chmod(0o600)
    assert config.load().plan == "free"
    settings = config.load(reads_dotenv=False)
    assert (settings.plan, settings.account_id) == ("auto", None)
