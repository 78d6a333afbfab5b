"""A gate with accepted blind spots: open while they hold, shut when they lapse or can be seen."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.accounts import Account, lines
from tests.cli.test_gate import at

TEMPLATE = """\
blind_spots:
  - request: GET /groups/{{groupId}}/settings
    scope: {{level: group}}
    cause: denied
    reason: The works agreement forbids it.
    owner: dpo@example.com
    expires: "{until}"
  - control: CC-02
    cause: denied
    reason: The works agreement forbids it.
    owner: dpo@example.com
    expires: "{until}"
  - control: CC-07
    cause: denied
    reason: The works agreement forbids it.
    owner: dpo@example.com
    expires: "{until}"
"""
ONLY = ("--baseline", "cis-zoom-1.0")


@pytest.fixture(autouse=True)
def _without_a_scope(account: Account) -> None:
    account.withhold("group:read:settings")


@pytest.fixture
def org(tmp_path: Path) -> Path:
    path = tmp_path / "org.yaml"
    path.write_text(TEMPLATE.format(until="2099-12-31"), encoding="utf-8")
    return path


def test_the_only_gaps_are_accepted(account: Account, org: Path) -> None:
    account.night(*ONLY, code=3)
    assert account.gate(*ONLY).code == 4
    run = account.night(*ONLY, "--org", org)
    opened = account.gate(*ONLY, "--org", org)
    assert opened.code == 0, opened.out
    assert "in accepted blind spots" in lines(opened)[0]
    assert account("gate", "accept", run, *ONLY, "--org", org).code == 0


def test_one_that_lapsed_shuts_the_gate(
    account: Account, org: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = account.night(*ONLY, "--org", org)
    at(monkeypatch, timedelta(days=365 * 80))
    shut = account.gate(*ONLY, "--org", org, "--max-age", "99999d")
    assert shut.code == 1, shut.out
    assert account("gate", "accept", run, *ONLY, "--org", org).code == 2


def test_one_through_which_something_is_seen_again_shuts_the_gate(
    account: Account, org: Path
) -> None:
    account.sandbox.service.scopes |= {"group:read:settings:admin"}
    account.night(*ONLY, "--org", org)
    shut = account.gate(*ONLY, "--org", org)
    assert shut.code == 1
    assert "CAN BE SEEN AGAIN" in shut.out


def test_what_turned_blind_and_is_accepted_is_newly_blind(account: Account, org: Path) -> None:
    account.sandbox.service.scopes |= {"group:read:settings:admin"}
    account.night(*ONLY)
    account.withhold("group:read:settings")
    own = """\
controls:
  - id: ORG-01
    title: File transfer is off
    why: Files leave our retention rules.
    severity: low
    topic: sharing
    setting: in_meeting.file_transfer
    levels: [group]
    expect: false
    fix: There
"""
    org.write_text(TEMPLATE.format(until="2099-12-31") + own, encoding="utf-8")
    account.night(*ONLY, "--org", org)
    compared = account("diff", "--format", "json")
    drift = json.loads(compared.out)
    groups = [each for each in drift["changes"] if each["scope"]["level"] == "group"]
    assert {each["move"] for each in groups} == {"newly_blind"}
    own_titles = {each["title"] for each in groups if each["control"] == "ORG-01"}
    assert own_titles == {"File transfer is off"}
    assert "newly blind" in account("diff").out
