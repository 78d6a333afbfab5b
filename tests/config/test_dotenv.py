"""What of a `.env` counts, and whose it has to be: a working directory may belong to others."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.config import ConfigError, chosen_env_file
from auditor.config import settings as config
from auditor.config.settings import VARIABLES
from auditor.config.sources import DOTENV_RULES, DotenvRule, Origin

STRANGER = 12_345
"""The number of a user who is not this one."""
CREDENTIALS = {"ZOOM_ACCOUNT_ID": "mine-a", "ZOOM_CLIENT_ID": "mine-c", "ZOOM_CLIENT_SECRET": "s-1"}
ADDRESSES = {
    "ZOOM_API_URL": "http://127.0.0.1:1/v2",
    "ZOOM_OAUTH_URL": "http://127.0.0.1:1/oauth/token",
    "ZOOM_CLOUD": "gov",
}
GUARDED = {
    "ZOOM_WRITE_CLIENT_ID": "writer-of-the-attacker",
    "ZOOM_WRITE_CLIENT_SECRET": "its-secret",
    "AUDITOR_HOME": "/elsewhere",
    "AUDITOR_STORE": "postgresql://elsewhere.example/audits",
    "AUDITOR_BASELINE": "lenient.yaml",
    "AUDITOR_ORG": "everything-off.yaml",
    "AUDITOR_FLEET": "others.yaml",
    "AUDITOR_CONFIG": os.devnull,
    "AUDITOR_PROFILE": "other",
    "AUDITOR_PSEUDONYM_KEY": "known-to-the-attacker",
    "ZOOM_WEBHOOK_SECRET": "known-to-the-attacker",
    "AUDITOR_SIGNING_KEY": "00" * 32,
    "AUDITOR_VERIFY_KEY": "00" * 32,
    "AUDITOR_NOTIFY": "json://elsewhere.example",
    "AUDITOR_HEARTBEAT": "https://elsewhere.example",
}
EVERYTHING = {**CREDENTIALS, **ADDRESSES, **GUARDED, "AUDITOR_PLAN": "business"}
IN_KEYRING = {"account_id": "kept-a", "client_id": "kept-c", "client_secret": "kept-s"}
Patch = pytest.MonkeyPatch
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: Patch) -> Path:
    """The working directory, in no pipeline, of a user without a config file."""
    folder = tmp_path / "here"
    folder.mkdir(mode=0o700)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("AUDITOR_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return folder


def written(values: Mapping[str, str], path: Path | None = None) -> Path:
    """A `.env` of one's own."""
    path = path or Path(".env")
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    path.chmod(0o600)
    return path


def variables_from_dotenv() -> set[str]:
    """The variables whose values come from `.env`."""
    return set(config.load().resolution.from_dotenv)


def without(*names: str) -> dict[str, str]:
    """Everything a `.env` could hold, but these."""
    return {name: value for name, value in EVERYTHING.items() if name not in names}


def keyring(_profile: str, name: str) -> str | None:
    return IN_KEYRING[name]


def test_every_variable_has_a_rule_and_every_rule_is_one_of_a_variable() -> None:
    assert set(DOTENV_RULES) == set(VARIABLES.values()) == set(EVERYTHING)
    assert {n for n, rule in DOTENV_RULES.items() if rule is DotenvRule.FREE} == {"AUDITOR_PLAN"}


def test_a_dotenv_with_its_own_credentials_counts_as_a_whole() -> None:
    written(EVERYTHING)
    assert variables_from_dotenv() == set(EVERYTHING)


@pytest.mark.parametrize("missing", sorted(CREDENTIALS))
@pytest.mark.parametrize("empty", [True, False])
def test_with_part_of_the_credentials_nothing_of_it_counts(missing: str, empty: bool) -> None:
    written({**without(missing), **({missing: " "} if empty else {})})
    assert variables_from_dotenv() == {"AUDITOR_PLAN"}
    assert config.load().credentials(keyring).client_secret == "kept-s"


@pytest.mark.parametrize("name", sorted({**ADDRESSES, **GUARDED}))
def test_nothing_that_decides_counts_for_credentials_of_the_keyring(name: str) -> None:
    written({name: EVERYTHING[name]})
    settings = config.load()
    assert settings.resolution.from_dotenv == []
    assert settings.credentials(keyring).client_id == "kept-c"
    assert settings.api_url == config.API_URL
    assert settings.baseline == config.DEFAULT_BASELINE


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
@pytest.mark.parametrize("value", ["from-environment", ""])
def test_one_credential_in_the_environment_and_none_of_the_dotenv_counts(
    monkeypatch: Patch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    written(EVERYTHING)
    assert variables_from_dotenv() == {"AUDITOR_PLAN"}


def test_credentials_that_systemd_hands_over_keep_those_of_the_dotenv_out(
    folder: Path, monkeypatch: Patch
) -> None:
    handed = folder / "handed"
    handed.mkdir()
    (handed / "zoom_client_secret").write_text("handed")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    written(EVERYTHING)
    assert variables_from_dotenv() == {"AUDITOR_PLAN"}


def test_credentials_of_the_config_file_never_complete_those_of_the_dotenv(
    folder: Path, monkeypatch: Patch
) -> None:
    (folder / "config.toml").write_text('[profiles.default]\naccount_id="a"\nclient_id="c"\n')
    monkeypatch.setenv("AUDITOR_CONFIG", str(folder / "config.toml"))
    written({"ZOOM_CLIENT_SECRET": "s", **ADDRESSES})
    assert variables_from_dotenv() == set()


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_one_address_in_the_environment_and_no_address_of_the_dotenv_counts(
    monkeypatch: Patch, name: str
) -> None:
    monkeypatch.setenv(name, "gov" if name == "ZOOM_CLOUD" else "http://127.0.0.1:2/x")
    written(EVERYTHING)
    assert variables_from_dotenv() == set(EVERYTHING) - set(ADDRESSES)


def test_the_environment_goes_before_a_dotenv_that_counts(monkeypatch: Patch) -> None:
    monkeypatch.setenv("AUDITOR_BASELINE", "strict")
    monkeypatch.setenv("AUDITOR_HOME", "")
    written(EVERYTHING)
    settings = config.load()
    assert settings.baseline == "strict"
    assert settings.home is None
    assert variables_from_dotenv() == set(EVERYTHING) - {"AUDITOR_BASELINE", "AUDITOR_HOME"}


# Whose it has to be.


def unread(caplog: pytest.LogCaptureFixture) -> str:
    """Why the `.env` of the working directory is not read, as it is said once."""
    caplog.set_level(logging.WARNING, "auditor.config.settings")
    assert variables_from_dotenv() == set()
    (sentence,) = caplog.messages
    assert sentence.startswith(".env is not read: ")
    return sentence


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o660, 0o666, 0o664])
def test_a_dotenv_that_others_may_write_to_is_not_read(
    caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    written(EVERYTHING).chmod(mode)
    assert f"mode {mode:04o}" in (sentence := unread(caplog))
    assert "chmod 600 .env" in sentence


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o733, 0o770])
def test_a_dotenv_in_a_folder_that_others_may_write_to_is_not_read(
    folder: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    written(EVERYTHING)
    folder.chmod(mode)
    assert f"others may write to its folder (mode {mode:04o})" in unread(caplog)


def test_a_link_in_the_place_of_a_dotenv_is_not_followed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "repository").mkdir()
    Path(".env").symlink_to(written(EVERYTHING, folder / "repository" / "example.env"))
    assert "symbolic link" in unread(caplog)


def test_a_pipe_in_the_place_of_a_dotenv_is_not_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    os.mkfifo(".env", 0o600)
    assert "not a regular file" in unread(caplog)


def test_a_dotenv_that_is_too_large_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    written({**EVERYTHING, "OTHER": "x" * 65_536})
    assert "larger than 65,536 bytes" in unread(caplog)


def test_a_folder_called_dotenv_is_none(caplog: pytest.LogCaptureFixture) -> None:
    Path(".env").mkdir()
    assert variables_from_dotenv() == set()
    assert caplog.messages == []


@as_root
def test_the_dotenv_of_another_user_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    os.chown(written(EVERYTHING), STRANGER, STRANGER)
    assert f"it belongs to another user (number {STRANGER})" in unread(caplog)


@as_root
def test_a_dotenv_in_the_folder_of_another_user_is_not_read(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(EVERYTHING)
    os.chown(folder, STRANGER, STRANGER)
    assert "its folder belongs to another user" in unread(caplog)


@as_root
def test_the_link_of_another_user_leads_nowhere(folder: Path) -> None:
    """In a folder with the sticky bit everybody may put links, also to files of one's own."""
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link.env").symlink_to(written(EVERYTHING, folder / "mine.env"))
    os.chown(shared / "link.env", STRANGER, STRANGER, follow_symlinks=False)
    chosen_env_file.set(shared / "link.env")
    with pytest.raises(ConfigError, match="a link to it belongs to another user"):
        config.load()


# In a pipeline, and by name.


@pytest.fixture(autouse=True)
def _no_file_is_named() -> None:
    chosen_env_file.set(None)


@pytest.mark.parametrize("value", ["true", "1", "false"])
def test_in_a_pipeline_only_a_file_that_is_named_is_read(
    monkeypatch: Patch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    monkeypatch.setenv("CI", value)
    written(EVERYTHING)
    assert "CI is set" in (sentence := unread(caplog))
    assert "--env-file .env" in sentence
    chosen_env_file.set(Path(".env"))
    assert variables_from_dotenv() == set(EVERYTHING)


def test_an_empty_ci_is_no_pipeline(monkeypatch: Patch) -> None:
    monkeypatch.setenv("CI", "")
    written(EVERYTHING)
    assert variables_from_dotenv() == set(EVERYTHING)


def test_a_file_that_is_named_takes_the_place_of_dotenv(folder: Path) -> None:
    written({**CREDENTIALS, "AUDITOR_BASELINE": "strict"})
    chosen_env_file.set(written({"AUDITOR_PLAN": "pro"}, folder / "other.env"))
    settings = config.load()
    assert (settings.account_id, settings.baseline, settings.plan) == (None, "consent-first", "pro")


def test_a_file_that_is_named_has_to_be_there(folder: Path) -> None:
    chosen_env_file.set(folder / "gone.env")
    with pytest.raises(ConfigError, match=r"--env-file names .*gone\.env, which does not exist"):
        config.load()


def test_a_file_that_is_named_has_to_be_ones_own(folder: Path) -> None:
    path = written(EVERYTHING, folder / "other.env")
    path.chmod(0o606)
    chosen_env_file.set(path)
    with pytest.raises(ConfigError, match=r"others may write to it \(mode 0606\)"):
        config.load()


# What is said.


def test_what_does_not_count_is_said_once_with_the_reason_and_what_to_do(
    monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "auditor.config.settings")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    written({**CREDENTIALS, "AUDITOR_BASELINE": "strict", "ZOOM_CLOUD": "gov"})
    config.load()
    (sentence,) = caplog.messages
    assert "not used: AUDITOR_BASELINE, ZOOM_CLOUD, because" in sentence
    assert "ZOOM_ACCOUNT_ID is set in the environment" in sentence
    assert "auditor config show" in sentence


def test_missing_credentials_that_a_dotenv_has_in_part_are_explained() -> None:
    written({"ZOOM_ACCOUNT_ID": "a", "ZOOM_CLIENT_ID": "c", "ZOOM_CLIENT_SECRET": ""})
    with pytest.raises(ConfigError, match=r"not complete: ZOOM_CLIENT_SECRET missing") as caught:
        config.load().credentials(lambda _profile, _name: None)
    assert "ZOOM_CLIENT_SECRET are not set" in str(caught.value)


# What stands in it.


def test_values_stand_as_they_are(monkeypatch: Patch) -> None:
    monkeypatch.setenv("WORD", "expanded")
    written({**CREDENTIALS, "ZOOM_CLIENT_SECRET": "'a${WORD}$WORD${GONE}'"})
    assert config.load().credentials(keyring).client_secret == "a${WORD}$WORD${GONE}"


def test_the_end_of_a_line_as_windows_writes_it_is_no_part_of_a_value() -> None:
    path = written(CREDENTIALS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    settings = config.load()
    assert (settings.account_id, settings.client_id) == ("mine-a", "mine-c")
    assert settings.resolution.origins["ZOOM_CLIENT_SECRET"] is Origin.DOTENV
