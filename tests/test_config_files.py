"""Files that configure: profiles, credentials that are handed over, and who may read `.env`."""

from pathlib import Path

import pytest

from auditor.config import KEYS
from auditor.config_files import (
    LARGEST,
    ConfigFileError,
    dotenv_warnings,
    handed_over,
    open_to_others,
    place,
    profiles,
)

VARIABLES = ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_SECRET")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, text: str) -> dict[str, dict[str, object]]:
    path.write_text(text)
    return profiles(path, KEYS)


def test_profiles_are_tables_of_keys_and_values(path: Path) -> None:
    found = read(path, '[profiles.default]\nplan = "pro"\n[profiles."branch-2"]\ncloud = "gov"\n')
    assert found == {"default": {"plan": "pro"}, "branch-2": {"cloud": "gov"}}


def test_a_file_that_is_not_there_holds_nothing_unless_it_was_named(path: Path) -> None:
    assert profiles(path, KEYS) == {}
    with pytest.raises(ConfigFileError, match=r"AUDITOR_CONFIG names .*not there"):
        profiles(path, KEYS, must_exist=True)


@pytest.mark.parametrize("key", ["client_secret", "Client-Secret", "ZOOM_CLIENT_SECRET"])
def test_a_secret_in_the_config_file_is_refused_with_the_place_it_belongs(
    path: Path, key: str
) -> None:
    text = f'[profiles.default]\n[profiles.branch]\n{key} = "hush-hush"\n'
    with pytest.raises(ConfigFileError, match=r"keyring \(auditor auth login\), or in") as caught:
        read(path, text)
    assert "[profiles.branch]" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_database_address_with_a_password_is_refused_too(path: Path) -> None:
    with pytest.raises(ConfigFileError, match="AUDITOR_STORE") as caught:
        read(path, '[profiles.default]\nstore = "postgresql://me:hush-hush@db/auditor"\n')
    assert "hush" not in str(caught.value)
    read(path, '[profiles.default]\nstore = "postgresql://me@db/auditor"\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[profiles.default]\nbasline = "x"\n', 'Did you mean "baseline"'),
        ('[profiles.default]\nZOOM_API_URL = "x"\n', 'Did you mean "api_url"'),
        ('[profiles.default]\nprofile = "x"\n', '"profile" is not known'),
        ('[profile.default]\nbaseline = "x"\n', 'Did you mean "profiles"'),
        ('baseline = "x"\n', r"Put it under \[profiles.default\]"),
        ('client_secret = "hush"\n', r"outside of a profile"),
        ('profiles = "x"\n', "has to be tables"),
        ('profiles.default = "x"\n', "is a table"),
        ('[profiles.default]\nhome = ["x"]\n', "has to be one value"),
        ("[profiles.default]\nhome = \n", r"not valid TOML: .*line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigFileError, match=said) as caught:
        read(path, text)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigFileError, match="not UTF-8"):
        profiles(path, KEYS)
    with pytest.raises(ConfigFileError, match="cannot be read"):
        profiles(path.parent, KEYS)


def test_relative_files_count_from_the_config_file(path: Path) -> None:
    found = read(
        path,
        '[profiles.a]\nhome = "data"\nbaseline = "strict"\n'
        '[profiles.b]\nhome = "~/data"\nbaseline = "ours.yaml"\n'
        '[profiles.c]\nhome = "/data"\nbaseline = "policies/ours"\norg = "org.yaml"\n',
    )
    here = path.parent
    assert found["a"] == {"home": str(here / "data"), "baseline": "strict"}
    assert found["b"] == {"home": str(Path.home() / "data"), "baseline": str(here / "ours.yaml")}
    assert found["c"] == {
        "home": "/data",
        "baseline": str(here / "policies/ours"),
        "org": str(here / "org.yaml"),
    }


def test_the_config_file_is_the_named_one_or_the_platforms() -> None:
    assert place("~/mine.toml") == Path.home() / "mine.toml"
    assert place(None).parts[-2:] == ("auditor", "config.toml")


def test_systemd_credentials_are_read_from_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "zoom_client_secret").write_text("hush\n")
    (tmp_path / "something_else").write_text("x")
    assert handed_over(VARIABLES) == {"ZOOM_CLIENT_SECRET": "hush"}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nowhere"))
    assert handed_over(VARIABLES) == {}
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert handed_over(VARIABLES) == {}


@pytest.mark.parametrize("content", [b"\xffhush", b"h" * (LARGEST + 1)])
def test_a_systemd_credential_that_is_no_text_is_refused_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "zoom_client_secret").write_bytes(content)
    with pytest.raises(ConfigFileError, match="zoom_client_secret") as caught:
        handed_over(VARIABLES)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "shown"), [(0o600, ""), (0o400, ""), (0o640, "0640"), (0o604, "0604"), (0o620, "0620")]
)
def test_a_file_is_its_owners_alone_or_its_mode_is_told(path: Path, mode: int, shown: str) -> None:
    path.touch()
    path.chmod(mode)
    assert open_to_others(path) == shown


@pytest.mark.parametrize(
    ("told", "warns"),
    [
        ({"zoom_client_secret": "hush"}, ["ZOOM_CLIENT_SECRET"]),
        ({"zoom_client_secret": ""}, []),
        ({"zoom_account_id": "acc"}, []),
        ({"auditor_store": "postgresql://me:hush@db/a"}, ["AUDITOR_STORE"]),
        ({"auditor_store": "postgresql://db/a"}, []),
        ({"zoom_client_secret": "h", "auditor_signing_key": "k"}, ["AUDITOR_SIGNING_KEY and ZOOM"]),
    ],
)
def test_only_a_dotenv_with_secrets_has_to_be_closed(
    path: Path, told: dict[str, str | None], warns: list[str]
) -> None:
    path.touch()
    path.chmod(0o644)
    found = list(dotenv_warnings(path, told, KEYS))
    assert len(found) == len(warns)
    assert all(words in each for words, each in zip(warns, found, strict=True))
    path.chmod(0o600)
    assert list(dotenv_warnings(path, told, KEYS)) == []


def test_a_misspelt_variable_in_dotenv_is_told_and_others_are_left_alone(path: Path) -> None:
    told = {"auditor_basline": "strict", "zoom_clientid": "x", "zoom_webhook": "x", "path": "x"}
    found = list(dotenv_warnings(path, told, KEYS))
    assert [each.split()[2] for each in found] == ["AUDITOR_BASLINE,", "ZOOM_CLIENTID,"]
    assert 'Did you mean "ZOOM_CLIENT_ID"?' in found[1]
