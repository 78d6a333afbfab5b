"""Configuration: the order of its sources, and what is said when something is missing."""

import logging
import os
import re
from pathlib import Path

import pytest

from auditor.config import ConfigError, chosen_profile
from auditor.config import settings as config
from auditor.config.settings import API_URL, OAUTH_URL, SECRETS, VARIABLES
from auditor.config.sources import Origin
from auditor.redaction.held_secrets import HeldSecrets
from auditor.redaction.text import redact_text
from auditor.secrets.backends import KeyringUnavailable
from auditor.zoom.hosts import GOVERNMENT
from tests.every_case import every_case

CREDENTIALS = {"ZOOM_ACCOUNT_ID": "acc", "ZOOM_CLIENT_ID": "cid", "ZOOM_CLIENT_SECRET": "sec"}
IN_KEYRING = {"account_id": "kept-a", "client_id": "kept-c", "client_secret": "kept-s"}
TOP = Path(__file__).parents[2]
EXAMPLE = TOP / ".env.example"
DOCUMENTATION = TOP / "docs/operations/credentials.md"
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A place for a config file."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("AUDITOR_CONFIG", str(path))
    return path


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.touch(0o600)
    return path


def no_keyring(profile: str, name: str) -> str | None:
    return None


def full_keyring(profile: str, name: str) -> str | None:
    return IN_KEYRING[name]


def test_defaults_are_zooms_own_addresses_and_consent_first() -> None:
    settings = config.load()
    assert (settings.api_url, settings.oauth_url) == (API_URL, OAUTH_URL)
    assert settings.baseline == "consent-first"
    assert settings.data.name == "auditor"
    assert (settings.profile, settings.plan, settings.store) == ("default", "auto", None)


def test_each_source_beats_the_next(
    tmp_path: Path, monkeypatch: Patch, dotenv: Path, config_file: Path
) -> None:
    handed = tmp_path / "handed"
    handed.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    names = ["AUDITOR_HOME", "AUDITOR_BASELINE", "AUDITOR_PLAN", "ZOOM_ACCOUNT_ID"]
    config_file.write_text(
        '[profiles.default]\nhome="/config"\nbaseline="from-config"\nplan="free"\n'
        'account_id="from-config"\nclient_id="from-config"\n'
    )
    dotenv.write_text("\n".join(f"{name}=pro" for name in names))
    for name in names[:2] + names[3:]:
        (handed / name.lower()).write_text("handed\n")
    monkeypatch.setenv("AUDITOR_HOME", "/environment")
    settings = config.load()
    assert settings.home == Path("/environment")
    assert settings.baseline == "handed"
    assert settings.plan == "pro"
    assert settings.client_id == "from-config"
    where = config.origins()
    assert [where[name] for name in ("home", "baseline", "plan", "client_id")] == [
        Origin.ENVIRONMENT,
        Origin.HANDED_OVER,
        Origin.DOTENV,
        Origin.CONFIG_FILE,
    ]
    assert "api_url" not in where


def test_a_variable_that_is_empty_counts_as_not_set(monkeypatch: Patch) -> None:
    monkeypatch.setenv("AUDITOR_BASELINE", "")
    assert config.load().baseline == "consent-first"


SET_TO_NOTHING = ["", " ", "\t\n"]


@pytest.mark.parametrize("nothing", SET_TO_NOTHING)
def test_a_variable_set_to_nothing_has_nothing_else_take_its_place(
    monkeypatch: Patch, config_file: Path, dotenv: Path, nothing: str
) -> None:
    config_file.write_text('[profiles.default]\nbaseline = "strict"\ncloud = "gov"\nplan = "pro"\n')
    dotenv.write_text("AUDITOR_PLAN=business\n")
    for name in ("AUDITOR_BASELINE", "ZOOM_CLOUD", "AUDITOR_PLAN"):
        monkeypatch.setenv(name, nothing)
    settings = config.load()
    assert (settings.baseline, settings.cloud, settings.plan) == (
        "consent-first",
        "commercial",
        "auto",
    )
    assert config.origins().keys() == {"config"}


@pytest.mark.parametrize("nothing", SET_TO_NOTHING)
def test_a_credential_set_to_nothing_is_an_error_and_the_keyring_is_not_asked_for_it(
    monkeypatch: Patch, nothing: str
) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", nothing)
    requested = []

    def keyring(_profile: str, name: str) -> str | None:
        requested.append(name)
        return IN_KEYRING[name]

    with pytest.raises(ConfigError, match=r"^ZOOM_CLIENT_SECRET is not set\.") as caught:
        config.load().credentials(keyring)
    assert "ZOOM_CLIENT_SECRET is set to nothing in the environment" in str(caught.value)
    assert requested == ["account_id", "client_id"]


def test_an_empty_file_that_systemd_hands_over_counts_as_set_to_nothing(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    (tmp_path / "zoom_client_secret").write_text("\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match="set to nothing in the systemd credentials"):
        config.load().credentials(full_keyring)


def test_an_empty_key_of_the_config_file_counts_as_set_to_nothing(config_file: Path) -> None:
    config_file.write_text('[profiles.default]\naccount_id = ""\nhome = ""\n')
    settings = config.load()
    assert settings.home is None
    with pytest.raises(ConfigError, match="ZOOM_ACCOUNT_ID is set to nothing in the config file"):
        settings.credentials(full_keyring)


@every_case("around", ["\n", "\r\n", " ", "\t", "\ufeff", "\u00a0"])
def test_what_stands_around_a_value_is_no_part_of_it(monkeypatch: Patch, around: str) -> None:
    monkeypatch.setenv("AUDITOR_HOME", f"/evidence{around}")
    monkeypatch.setenv("AUDITOR_STORE", f"{around}sqlite:////history.sqlite{around}")
    settings = config.load()
    assert settings.data == Path("/evidence")
    assert settings.store == "sqlite:////history.sqlite"


@pytest.mark.parametrize("name", ["AUDITOR_HOME", "AUDITOR_STORE", "ZOOM_API_URL", "ZOOM_CLOUD"])
@every_case("inside", ["\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028"])
def test_a_control_character_inside_a_value_is_refused(
    monkeypatch: Patch, name: str, inside: str
) -> None:
    monkeypatch.setenv(name, f"one{inside}two")
    with pytest.raises(
        ConfigError, match=rf"^{name} \(environment\) contains a line break"
    ) as caught:
        config.load()
    assert "two" not in str(caught.value)


def test_several_addresses_may_stand_on_lines_of_their_own(monkeypatch: Patch) -> None:
    monkeypatch.setenv("AUDITOR_NOTIFY", "json://a\njson://b\r\n")
    notify = config.load().notify
    assert notify is not None
    assert notify.get_secret_value() == "json://a json://b"


def test_only_the_name_in_capitals_counts(monkeypatch: Patch) -> None:
    monkeypatch.setenv("auditor_baseline", "strict")
    assert config.load().baseline == "consent-first"


@pytest.mark.parametrize("name", ["AUDITOR_HOME", "AUDITOR_ORG", "AUDITOR_CONFIG"])
def test_a_path_below_home_needs_a_home_directory(monkeypatch: Patch, name: str) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", _nobody)
    monkeypatch.setenv(name, "~/mine")
    with pytest.raises(ConfigError, match=f"{name} begins with ~, but there is no home directory"):
        config.load()


def test_without_a_home_directory_what_is_set_is_enough(monkeypatch: Patch) -> None:
    for name in ("HOME", "AUDITOR_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody)
    monkeypatch.setenv("AUDITOR_HOME", "/evidence")
    settings = config.load()
    assert settings.data == Path("/evidence")
    assert config.profiles(settings) == []
    monkeypatch.delenv("AUDITOR_HOME")
    with pytest.raises(ConfigError, match="Set AUDITOR_HOME to a directory of your own"):
        _ = config.load().data


def _nobody(number: int) -> object:
    raise KeyError(number)


def test_a_home_folder_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setenv("AUDITOR_HOME", "~/evidence")
    assert config.load().data == Path.home() / "evidence"


def test_credentials_come_from_the_environment_before_the_keyring(monkeypatch: Patch) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "told")
    requested = []

    def keyring(profile: str, name: str) -> str | None:
        requested.append((profile, name))
        return IN_KEYRING[name]

    monkeypatch.setenv("AUDITOR_PROFILE", "branch")
    found = config.load().credentials(keyring)
    assert (found.account_id, found.client_id, found.client_secret) == ("kept-a", "kept-c", "told")
    assert requested == [("branch", "account_id"), ("branch", "client_id")]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (("ZOOM_CLIENT_SECRET",), "^ZOOM_CLIENT_SECRET is not set"),
        (
            ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_SECRET"),
            "^ZOOM_ACCOUNT_ID and ZOOM_CLIENT_SECRET are not set",
        ),
        (tuple(CREDENTIALS), "^ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET are not set"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: Patch, missing: tuple[str, ...], message: str
) -> None:
    for name, value in CREDENTIALS.items():
        if name not in missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message):
        config.load().credentials(no_keyring)


def test_a_profile_without_credentials_is_named_with_the_way_to_store_them(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setenv("AUDITOR_PROFILE", "branch")
    with pytest.raises(ConfigError, match=r'for profile "branch".*auth login --profile branch'):
        config.load().credentials(no_keyring)


def test_a_keyring_that_does_not_work_is_asked_once_and_its_reason_told() -> None:
    requested = []

    def locked(profile: str, name: str) -> str | None:
        requested.append(name)
        raise KeyringUnavailable("The keyring is locked.")

    with pytest.raises(ConfigError, match=r"are not set\. The keyring is locked\. Set them"):
        config.load().credentials(locked)
    assert requested == ["account_id"]


def test_a_keyring_that_does_not_work_is_no_matter_where_all_is_told(monkeypatch: Patch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)

    def locked(profile: str, name: str) -> str | None:
        raise KeyringUnavailable("The keyring is locked.")

    assert config.load().credentials(locked).client_secret == "sec"


def test_a_value_that_cannot_be_right_is_refused_with_its_origin(
    monkeypatch: Patch, dotenv: Path
) -> None:
    dotenv.write_text("ZOOM_ACCOUNT_ID=a\nZOOM_CLIENT_ID=c\nZOOM_CLIENT_SECRET='hush hush'\n")
    with pytest.raises(ConfigError, match=r"ZOOM_CLIENT_SECRET.*space.*from: \.env") as caught:
        config.load().credentials(full_keyring)
    assert "hush" not in str(caught.value)


def test_the_profile_of_the_command_line_is_told_what_goes_before_it(
    monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("auditor"), "propagate", True)
    monkeypatch.setenv("ZOOM_CLIENT_ID", "cid")
    config.load().credentials(full_keyring)
    assert caplog.text == ""
    chosen_profile.set("branch")
    try:
        config.load().credentials(full_keyring)
    finally:
        chosen_profile.set(None)
    assert "--profile branch" in caplog.text
    assert "ZOOM_CLIENT_ID (environment)" in caplog.text
    assert "ZOOM_ACCOUNT_ID" not in caplog.text


def test_the_secret_is_never_shown(monkeypatch: Patch) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "hush-hush")
    monkeypatch.setenv("AUDITOR_STORE", "postgresql://auditor:hush-hush@db/auditor")
    assert "hush-hush" not in repr(config.load()) + str(config.load())


@pytest.mark.parametrize("name", ["ZOOM_CLOUD", "AUDITOR_PLAN"])
def test_a_value_that_is_refused_is_not_repeated(monkeypatch: Patch, name: str) -> None:
    monkeypatch.setenv(name, "hush-hush")
    with pytest.raises(ConfigError, match=rf"^{name} \(environment\): ") as caught:
        config.load()
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_value_of_the_config_file_is_refused_by_its_name_there(config_file: Path) -> None:
    config_file.write_text("[profiles.default]\naccount_id = 5\n")
    with pytest.raises(ConfigError, match=r"^account_id \(config file\): .*string"):
        config.load()


def test_a_fault_in_the_config_file_is_a_fault_of_the_configuration(config_file: Path) -> None:
    config_file.write_text("[profiles.default")
    with pytest.raises(ConfigError, match=r"config\.toml is not valid TOML"):
        config.load()


def test_the_government_cloud_is_one_word(monkeypatch: Patch, config_file: Path) -> None:
    config_file.write_text('[profiles.default]\ncloud = "gov"\n')
    settings = config.load()
    assert (settings.api_url, settings.oauth_url) == (GOVERNMENT.api_url, GOVERNMENT.token_url)
    monkeypatch.setenv("ZOOM_API_URL", "http://127.0.0.1:1/v2")
    settings = config.load()
    assert (settings.api_url, settings.oauth_url) == ("http://127.0.0.1:1/v2", GOVERNMENT.token_url)


def test_a_region_is_one_word_and_an_unknown_one_is_answered_with_those_there_are(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setenv("ZOOM_CLOUD", "eu")
    settings = config.load()
    assert settings.api_url == "https://api-eu.zoom.us/v2"
    assert settings.oauth_url == "https://zoom.us/oauth/token"
    monkeypatch.setenv("ZOOM_CLOUD", "mars")
    with pytest.raises(ConfigError, match=r"^ZOOM_CLOUD \(environment\): .*'gov'.*'uk'"):
        config.load()


def test_the_profile_decides_which_table_counts(monkeypatch: Patch, config_file: Path) -> None:
    config_file.write_text(
        '[profiles.default]\nbaseline = "strict"\n[profiles.branch]\naccount_id = "branch-id"\n'
    )
    monkeypatch.setenv("AUDITOR_PROFILE", "branch")
    settings = config.load()
    assert (settings.baseline, settings.account_id) == ("consent-first", "branch-id")
    assert config.profiles(settings) == ["branch", "default"]


@every_case("name", ["", "a b", "../x", "a:b", "x" * 65, "-q", "a\nb"])
def test_a_profile_has_a_plain_name(name: str) -> None:
    with pytest.raises(ConfigError, match="letters"):
        config.check_profile_name(name)


def test_a_dotenv_that_is_not_utf8_is_said_so(dotenv: Path) -> None:
    dotenv.write_bytes(b"AUDITOR_HOME=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        config.load()


def test_a_dotenv_that_others_can_read_is_warned_of_once(
    monkeypatch: Patch, dotenv: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("auditor"), "propagate", True)
    dotenv.write_text("ZOOM_ACCOUNT_ID=a\nZOOM_CLIENT_ID=c\nZOOM_CLIENT_SECRET=hush-hush\n")
    dotenv.chmod(0o640)
    config.load()
    assert len(caplog.records) == 1
    assert "ZOOM_CLIENT_SECRET" in caplog.text
    assert "0640" in caplog.text
    assert "hush" not in caplog.text


def test_the_example_names_every_variable_and_no_other() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(VARIABLES.values())


def test_the_example_sets_nothing(dotenv: Path) -> None:
    dotenv.write_bytes(EXAMPLE.read_bytes())
    before = {name: os.environ.get(name) for name in VARIABLES.values()}
    assert {name for name, origin in config.origins().items() if origin is Origin.DOTENV} == set()
    assert before == {name: os.environ.get(name) for name in VARIABLES.values()}


def test_the_documentation_has_a_config_file_that_works_and_names_every_key(
    config_file: Path,
) -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    config_file.write_text(example)
    assert config.profiles(config.load()) == ["agency", "default"]
    table = text.partition("| key | variable |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) >= set(config.KEYS.open)


def test_secrets_are_known_by_their_type() -> None:
    assert {"client_secret", "pseudonym_key", "signing_key"} <= SECRETS
    assert not SECRETS & {"account_id", "client_id", "store"}


def test_a_line_of_dotenv_that_cannot_be_read_is_named_with_what_to_do(
    monkeypatch: Patch,
    dotenv: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    dotenv.write_text(
        "ZOOM_ACCOUNT_ID=acc\n\nthis is S3cret = no line\nZOOM_CLIENT_ID=cid\n"
        "ZOOM_CLIENT_SECRET=s\n"
    )
    monkeypatch.setattr(logging.getLogger("auditor"), "propagate", True)
    settings = config.load()
    assert (settings.account_id, settings.client_id) == ("acc", "cid")
    (message,) = caplog.messages
    assert message.startswith(".env, line 3, cannot be read and is ignored. Write it as NAME=value")
    assert "S3cret" not in message
    assert "python-dotenv" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("store", "password"),
    [
        ("postgresql://auditor-user@db.example.com/audits", ""),
        ("postgresql://db.example.com:5432/audits", ""),
        ("sqlite:////var/lib/auditor/history.sqlite", ""),
        ("postgresql://auditor-user:S3cretWord@db.example.com/audits", "S3cretWord"),
        ("postgresql://auditor-user:S3/cr@tWord@db.example.com/audits", "S3/cr@tWord"),
        ("postgresql://db.example.com/audits?password=S3cretWord", "S3cretWord"),
    ],
)
def test_of_the_address_of_a_history_only_the_password_is_a_secret(
    monkeypatch: Patch, store: str, password: str
) -> None:
    monkeypatch.setattr("auditor.redaction.text._registry", HeldSecrets())
    monkeypatch.setenv("AUDITOR_STORE", store)
    config.load()
    address = f"The history {store} cannot be reached"
    assert ("[redacted]" in redact_text(address)) is bool(password)
    if password:
        assert password not in redact_text(f"{address}: {password}")
    shown = "postgresql://auditor-user@db.example.com/audits"
    assert redact_text(shown) == shown
