"""`auditor fleet`: what is shown of the accounts of a fleet before any of them is read."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import ran

FLEET = """\
plan: business
accounts:
  - {name: emea, credentials: {environment: EMEA}, tags: [clinical]}
  - {name: us, credentials: {environment: US}, baseline: strict, org: us.yaml}
"""


@pytest.fixture
def fleet(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for word in ("ACCOUNT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"EMEA_ZOOM_{word}", f"CANARY-{word}")
    path = Path("fleet.yaml")
    path.write_text(FLEET)
    return path


def test_the_list_says_what_is_judged_how_and_what_is_missing(fleet: Path) -> None:
    result = ran("fleet", "list")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[2:4] == [
        "emea environment EMEA yes default business clinical",
        "us environment US no strict + us.yaml business",
    ]
    assert lines[-1].startswith("us: US_ZOOM_ACCOUNT_ID, US_ZOOM_CLIENT_ID and US_ZOOM_CLIENT_")
    assert max(map(len, result.stdout.splitlines()[:6])) <= 80
    assert "CANARY" not in result.output


def test_the_list_for_programs_has_the_selected_accounts(fleet: Path) -> None:
    (emea,) = json.loads(ran("fleet", "list", "--tag", "clinical", "--format", "json").stdout)
    assert emea == {
        "name": "emea",
        "account_id": None,
        "credentials": {"environment": "EMEA"},
        "problem": None,
        "baseline": None,
        "org": [],
        "plan": "business",
        "tags": ["clinical"],
    }


def test_an_env_file_is_refused_because_its_credentials_are_of_one_account(fleet: Path) -> None:
    result = ran("--env-file", "x.env", "fleet", "list")
    assert result.exit_code == 2
    assert "--env-file has no effect on a fleet" in result.stderr


def test_the_schema_is_printed(home: Path) -> None:
    assert "accounts" in json.loads(ran("fleet", "schema").stdout)["properties"]
