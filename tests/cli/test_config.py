"""`auditor config show`: every setting, its origin, and what else is set and does not count."""

import json
import os
from pathlib import Path
from typing import Any

import keyring
import pytest

from auditor.config.settings import VARIABLES
from auditor.secrets import credentials as keyring_store
from tests.end_to_end.conftest import Auditor, Ran
from tests.keyrings import InMemory

SECRET = "S3cretWord-4711"
CREDENTIALS = ("ZOOM_ACCOUNT_ID=acc", "ZOOM_CLIENT_ID=cid-number", f"ZOOM_CLIENT_SECRET={SECRET}")


@pytest.fixture
def here(tmp_path: Path) -> Auditor:
    return Auditor(tmp_path)


def show(here: Auditor, *words: str, **env: str) -> Ran:
    return here("config", "show", *words, env={"COLUMNS": "80", "CI": "", **env})


def settings(here: Auditor, **env: str) -> dict[str, dict[str, Any]]:
    document = json.loads(show(here, "--format", "json", **env).out)
    return {each["variable"]: each for each in document["settings"]}


def dotenv(here: Auditor, *lines: str) -> None:
    path = here.folder / ".env"
    path.write_text("\n".join(lines))
    path.chmod(0o600)


def test_every_setting_is_shown_with_its_origin_in_80_columns(here: Auditor) -> None:
    ran = show(here, AUDITOR_BASELINE="strict", AUDITOR_HOME="/evidence")
    assert ran.code == 0
    assert set(settings(here)) == set(VARIABLES.values())
    assert "AUDITOR_BASELINE       strict (environment)" in ran.out
    assert "AUDITOR_PLAN           auto (default)" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_no_secret_is_shown_in_either_form(here: Auditor) -> None:
    env = {
        "ZOOM_CLIENT_SECRET": SECRET,
        "AUDITOR_PSEUDONYM_KEY": SECRET,
        "AUDITOR_NOTIFY": f"json://{SECRET}@127.0.0.1",
        "AUDITOR_HEARTBEAT": f"https://example.com/{SECRET}",
        "AUDITOR_STORE": f"postgresql://u:{SECRET}@db.example/audits",
    }
    for words in ((), ("--format", "json")):
        ran = show(here, *words, **env)
        assert SECRET not in ran.out + ran.err
    found = settings(here, **env)
    assert found["ZOOM_CLIENT_SECRET"]["value"] == "set"
    assert found["AUDITOR_STORE"]["value"] == "postgresql://u@db.example/audits"


def test_what_lost_is_shown_with_the_reason(here: Auditor) -> None:
    dotenv(here, "AUDITOR_BASELINE=strict", "ZOOM_API_URL=http://127.0.0.1:1/v2")
    found = settings(here, AUDITOR_ORG="")
    for variable in ("AUDITOR_BASELINE", "ZOOM_API_URL"):
        assert found[variable]["source"] == "default"
        assert found[variable]["ignored"] == [
            {"source": ".env", "reason": "it has no credentials of its own"}
        ]
    assert "set to nothing" in found["AUDITOR_ORG"]["ignored"][0]["reason"]


def test_a_dotenv_that_is_not_read_is_said_with_the_reason(here: Auditor) -> None:
    dotenv(here, *CREDENTIALS)
    ran = show(here, CI="true")
    assert ".env, not read: the variable CI is set" in ran.out
    assert SECRET not in ran.out


def test_a_dotenv_that_is_named_counts_in_a_pipeline(here: Auditor) -> None:
    dotenv(here, *CREDENTIALS, "AUDITOR_BASELINE=strict")
    ran = show(here, "--env-file", ".env", CI="true")
    assert "AUDITOR_BASELINE       strict (.env)" in ran.out


def test_credentials_of_the_keyring_are_set_and_what_they_lose_to_is_named(
    here: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        keyring_store.save(
            "default", {"account_id": "a-1", "client_id": "c-1", "client_secret": SECRET}
        )
        found = settings(here, ZOOM_CLIENT_ID="other")
    finally:
        keyring.set_keyring(before)
    assert (found["ZOOM_CLIENT_SECRET"]["value"], found["ZOOM_CLIENT_SECRET"]["source"]) == (
        "set",
        "keyring",
    )
    assert found["ZOOM_CLIENT_ID"]["ignored"] == [
        {"source": "keyring", "reason": "the environment goes before it"}
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ZOOM_API_URL", "https://zoom.us.evil.example/v2"),
        ("ZOOM_CLOUD", "mars"),
        ("AUDITOR_STORE", "nonsense"),
        ("AUDITOR_BASELINE", "strickt"),
        ("AUDITOR_ORG", "gone.yaml"),
        ("AUDITOR_SIGNING_KEY", "no key"),
        ("AUDITOR_PSEUDONYM_KEY", "short"),
        ("AUDITOR_HEARTBEAT", "http://example.com/x"),
        ("AUDITOR_PROFILE", "a b"),
        ("AUDITOR_CONFIG", "/gone/config.toml"),
        ("ZOOM_CLIENT_SECRET", ""),
        ("AUDITOR_HOME", "one\ntwo"),
    ],
)
def test_it_works_although_a_value_is_wrong_and_says_which(
    here: Auditor, variable: str, value: str
) -> None:
    ran = show(here, **{variable: value, "AUDITOR_PLAN": "pro"})
    assert ran.code == 2
    assert "Error" in ran.out
    assert "AUDITOR_PLAN           pro (environment)" in ran.out


def test_it_works_although_the_config_file_is_wrong(here: Auditor) -> None:
    path = here.folder / "config.toml"
    path.write_text("[profiles.default")
    ran = show(here, AUDITOR_CONFIG=str(path))
    assert ran.code == 2
    assert "not valid TOML" in " ".join(ran.out.split())
    assert os.sep in ran.out
