"""Files that configure: profiles, credentials that are handed over, and who may read `.env`."""

import os
from pathlib import Path

import pytest

from auditor.config.settings import KEYS
from auditor.config.sources import (
    MAX_BYTES,
    ConfigFileError,
    Resolution,
    config_path,
    dotenv_warnings,
    open_to_others,
    profiles,
    read_dotenv,
    resolved,
    systemd_credentials,
)
from tests.every_case import every_case

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
    with pytest.raises(ConfigFileError, match=r"AUDITOR_CONFIG names .*does not exist"):
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
    ("text", "message"),
    [
        ('[profiles.default]\nbasline = "x"\n', 'Did you mean "baseline"'),
        ('[profiles.default]\nZOOM_API_URL = "x"\n', 'Did you mean "api_url"'),
        ('[profiles.default]\nprofile = "x"\n', '"profile" is not known'),
        ('[profile.default]\nbaseline = "x"\n', 'Did you mean "profiles"'),
        ('baseline = "x"\n', r"Move it to \[profiles.default\]"),
        ('client_secret = "hush"\n', r"outside a profile"),
        ('profiles = "x"\n', "must contain tables"),
        ('profiles.default = "x"\n', "is a table"),
        ('[profiles.default]\nhome = ["x"]\n', "must be a single value"),
        ("[profiles.default]\nhome = \n", r"not valid TOML: .*line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigFileError, match=message) as caught:
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
        '[profiles.c]\nhome = "/data"\nbaseline = "policies/ours"\norg = "org.yaml"\n'
        '[profiles.d]\nstore = "sqlite:///runs/history.sqlite"\n'
        '[profiles.e]\nstore = "sqlite:////runs/history.sqlite"\n',
    )
    here = path.parent
    assert found["a"] == {"home": str(here / "data"), "baseline": "strict"}
    assert found["b"] == {"home": str(Path.home() / "data"), "baseline": str(here / "ours.yaml")}
    assert found["c"] == {
        "home": "/data",
        "baseline": str(here / "policies/ours"),
        "org": str(here / "org.yaml"),
    }
    assert found["d"] == {"store": f"sqlite:///{here}/runs/history.sqlite"}
    assert found["e"] == {"store": "sqlite:////runs/history.sqlite"}


FILES = {
    "AUDITOR_HOME": "data",
    "AUDITOR_BASELINE": "ours.yaml",
    "AUDITOR_ORG": "org.yaml",
    "AUDITOR_CONFIG": "config.toml",
    "AUDITOR_STORE": "sqlite:///history.sqlite",
}
"""A relative path for each variable that can be one."""


def counted_from(folder: Path) -> dict[str, str]:
    found = {name: str(folder / value) for name, value in FILES.items()}
    return {**found, "AUDITOR_STORE": f"sqlite:///{folder}/history.sqlite"}


def test_relative_files_count_from_the_file_that_env_file_names(tmp_path: Path) -> None:
    path = tmp_path / "night.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in FILES.items()))
    path.chmod(0o600)
    assert read_dotenv(path).values == counted_from(tmp_path)
    path.write_text("AUDITOR_BASELINE=strict\nAUDITOR_HOME=~/data\nAUDITOR_PLAN=pro\n")
    assert list(read_dotenv(path).values.values()) == ["strict", "~/data", "pro"]


def test_relative_files_count_from_the_folder_of_systemd_credentials(tmp_path: Path) -> None:
    for name, value in FILES.items():
        (tmp_path / name.lower()).write_text(value)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert systemd_credentials(FILES, environment) == counted_from(tmp_path)


def test_the_config_file_is_the_named_one_or_the_platforms() -> None:
    assert config_path("~/mine.toml") == Path.home() / "mine.toml"
    platforms = config_path(None)
    assert platforms is not None
    assert platforms.parts[-2:] == ("auditor", "config.toml")


def test_systemd_credentials_are_read_from_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "zoom_client_secret").write_text("hush\n")
    (tmp_path / "something_else").write_text("x")
    assert systemd_credentials(VARIABLES) == {"ZOOM_CLIENT_SECRET": "hush"}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "nowhere"))
    assert systemd_credentials(VARIABLES) == {}
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert systemd_credentials(VARIABLES) == {}


@pytest.mark.parametrize("content", [b"\xffhush", b"h" * (MAX_BYTES + 1)])
def test_a_systemd_credential_that_is_no_text_is_refused_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "zoom_client_secret").write_bytes(content)
    with pytest.raises(ConfigFileError, match="zoom_client_secret") as caught:
        systemd_credentials(VARIABLES)
    assert "hush" not in str(caught.value)


@every_case(
    "mode, shown", [(0o600, ""), (0o400, ""), (0o640, "0640"), (0o604, "0604"), (0o620, "0620")]
)
def test_a_file_is_its_owners_alone_or_its_mode_is_told(path: Path, mode: int, shown: str) -> None:
    path.touch()
    path.chmod(mode)
    assert open_to_others(path) == shown


ACCOUNT = "ZOOM_ACCOUNT_ID=acc\nZOOM_CLIENT_ID=cid\n"


def resolution(text: str, mode: int = 0o600) -> Resolution:
    """What is set by a `.env` in the working directory alone."""
    dotenv = Path(".env")
    dotenv.write_text(text)
    dotenv.chmod(mode)
    return resolved({}, {"AUDITOR_CONFIG": os.devnull}, KEYS)


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        (f"{ACCOUNT}ZOOM_CLIENT_SECRET=hush", ["ZOOM_CLIENT_SECRET"]),
        ("ZOOM_CLIENT_SECRET=", []),
        ("AUDITOR_PLAN=pro", []),
        (
            f"{ACCOUNT}ZOOM_CLIENT_SECRET=h\nAUDITOR_SIGNING_KEY=k",
            ["AUDITOR_SIGNING_KEY and ZOOM"],
        ),
        (
            f"{ACCOUNT}ZOOM_CLIENT_SECRET=h\nAUDITOR_STORE=postgresql://me:hush@db/a",
            ["AUDITOR_STORE and ZOOM"],
        ),
    ],
)
def test_only_a_dotenv_with_secrets_has_to_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, warns: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = list(dotenv_warnings(resolution(text, 0o644), KEYS))
    assert len(found) == len(warns)
    assert all(words in each for words, each in zip(warns, found, strict=True))
    assert list(dotenv_warnings(resolution(text), KEYS)) == []


def test_a_misspelt_variable_in_dotenv_is_told_and_others_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "AUDITOR_BASLINE=strict\nZOOM_CLIENTID=x\nOTHER_WEBHOOK=x\nPATH=x\nauditor_home=x\n"
    found = list(dotenv_warnings(resolution(text), KEYS))
    assert [each.split()[2] for each in found] == [
        "AUDITOR_BASLINE,",
        "ZOOM_CLIENTID,",
        "auditor_home,",
    ]
    assert 'Did you mean "ZOOM_CLIENT_ID"?' in found[1]
    assert 'Did you mean "AUDITOR_HOME"?' in found[2]


STRANGER = 12_345
"""The number of a user who is not this one."""
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away"
)


@every_case("mode", [0o620, 0o602, 0o666])
def test_a_config_file_that_others_may_write_to_is_refused(path: Path, mode: int) -> None:
    path.touch()
    path.chmod(mode)
    with pytest.raises(ConfigFileError, match=rf"others may write to it \(mode {mode:04o}\)"):
        profiles(path, KEYS)


@pytest.mark.parametrize("above", [True, False])
def test_a_config_file_below_a_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, above: bool
) -> None:
    folder = tmp_path / "shared" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    (folder.parent if above else folder).chmod(0o777)
    with pytest.raises(ConfigFileError, match="others may write to the folder"):
        profiles(folder / "config.toml", KEYS)


def test_a_link_to_a_config_file_is_followed_and_every_folder_on_its_way_looked_at(
    tmp_path: Path,
) -> None:
    named, real = tmp_path / "named", tmp_path / "real"
    for folder in (named, real):
        folder.mkdir()
    (real / "config.toml").write_text('[profiles.default]\nplan = "pro"\n')
    (named / "config.toml").symlink_to("../real/config.toml")
    assert profiles(named / "config.toml", KEYS) == {"default": {"plan": "pro"}}
    real.chmod(0o777)
    with pytest.raises(ConfigFileError, match=f"folder {real}"):
        profiles(named / "config.toml", KEYS)


def test_in_a_folder_with_the_sticky_bit_ones_own_config_file_is_safe(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[profiles.default]\nplan = "pro"\n')
    tmp_path.chmod(0o1777)
    assert profiles(tmp_path / "config.toml", KEYS) == {"default": {"plan": "pro"}}


@as_root
def test_the_config_file_of_another_user_is_refused(path: Path) -> None:
    path.touch()
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(ConfigFileError, match=rf"it belongs to another user \(number {STRANGER}\)"):
        profiles(path, KEYS)


@as_root
def test_the_link_of_another_user_to_a_config_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.toml").touch()
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "config.toml").symlink_to(tmp_path / "real.toml")
    os.chown(shared / "config.toml", STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(ConfigFileError, match="a link to it belongs to another user"):
        profiles(shared / "config.toml", KEYS)


def test_a_credential_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "zoom_client_secret").write_text("hush")
    (tmp_path / "zoom_client_secret").chmod(0o666)
    with pytest.raises(ConfigFileError, match=r"zoom_client_secret is not used: others may write"):
        systemd_credentials(VARIABLES)


def test_credentials_are_found_as_kubernetes_mounts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind two links, in a folder with the sticky bit to which everybody may write."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "zoom_client_secret").write_text("hush\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "zoom_client_secret").symlink_to("..data/zoom_client_secret")
    tmp_path.chmod(0o1777)
    assert systemd_credentials(VARIABLES) == {"ZOOM_CLIENT_SECRET": "hush"}


def test_without_a_home_directory_there_is_no_config_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody)
    assert config_path(None) is None
    with pytest.raises(ConfigFileError, match="AUDITOR_CONFIG begins with ~"):
        config_path("~/config.toml")


def _nobody(number: int) -> object:
    raise KeyError(number)
