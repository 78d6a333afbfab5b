"""The policy to judge with: what the command line names counts before what is configured."""

from pathlib import Path

import pytest

from auditor.app.selection import Selection
from auditor.config import ConfigError
from auditor.evidence.scope import Level
from auditor.policy.catalogue.errors import PolicyError


def test_the_configured_organisation_counts_unless_the_command_line_names_another(
    tmp_path: Path,
) -> None:
    configured, named = tmp_path / "configured.yaml", tmp_path / "named.yaml"
    configured.write_text("parameters: {recording_retention_days: 30}\n")
    named.write_text("parameters: {recording_retention_days: 60}\n")

    def days(org: Path | None) -> object:
        judgement = Selection(org=org).judgement(Level.ACCOUNT, "strict", configured)
        return judgement.organisation.parameters["recording_retention_days"]

    assert days(None) == 30
    assert days(named) == 60


def test_a_configured_organisation_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.yaml"):
        Selection().judgement(Level.ACCOUNT, "strict", tmp_path / "gone.yaml")


def test_an_empty_baseline_on_the_command_line_is_no_wish_for_the_default() -> None:
    with pytest.raises(ConfigError, match="--baseline is empty"):
        Selection(baseline=" ")


COMMON = """\
baseline: strict
parameters: {recording_retention_days: 30, allowed_regions: [US]}
overrides:
  - match: {group: Legal}
    controls: {AI-01: {expect: false}, RC-01: {expect: false}}
controls:
  - {id: ORG-01, title: t, why: w, severity: low, topic: sharing, setting: in_meeting.file_transfer,
     levels: [account], expect: false, fix: f}
"""
OWN = """\
parameters: {recording_retention_days: 60}
overrides:
  - match: {group: Legal}
    controls: {AI-01: {expect: true}}
  - match: {group: Sales}
    controls: {ORG-01: {expect: true}}
"""


def test_the_file_of_an_account_is_laid_over_that_of_its_fleet(tmp_path: Path) -> None:
    common, own = tmp_path / "common.yaml", tmp_path / "own.yaml"
    common.write_text(COMMON)
    own.write_text(OWN)
    judgement = Selection(org=own, common_org=common).judgement(Level.ACCOUNT, "consent-first")
    decided = judgement.organisation
    assert judgement.baseline.info.id == "strict"
    assert decided.parameters == {"recording_retention_days": 60, "allowed_regions": ["US"]}
    assert [
        {control: choice.expect.value for control, choice in each.controls.items() if choice.expect}
        for each in decided.overrides
    ] == [{"RC-01": False}, {"AI-01": True}, {"ORG-01": True}]
    assert "ORG-01" in judgement.baseline.assessed


@pytest.mark.parametrize(
    ("own", "common", "option", "chosen"),
    [
        ("", "", None, "consent-first"),
        ("", "baseline: strict", None, "strict"),
        ("baseline: regulated", "baseline: strict", None, "regulated"),
        ("", "baseline: strict", "education", "education"),
        ("baseline: regulated", "baseline: strict", "education", "regulated"),
    ],
)
def test_the_nearest_baseline_counts(
    tmp_path: Path, own: str, common: str, option: str | None, chosen: str
) -> None:
    files = {"own.yaml": own, "common.yaml": common}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    selection = Selection(
        org=tmp_path / "own.yaml", common_org=tmp_path / "common.yaml", common_baseline=option
    )
    assert selection.judgement(Level.ACCOUNT, "consent-first").baseline.info.id == chosen


@pytest.mark.parametrize(
    ("common", "own", "problem"),
    [
        (COMMON, COMMON, "ORG-01 is defined twice"),
        (
            "require_approval: true",
            "waivers: [{control: AI-01, scope: {level: account}, reason: r, owner: o, "
            "expires: 2099-01-01}]",
            "require_approval is set",
        ),
    ],
    ids=["own control", "approval"],
)
def test_what_the_fleet_requires_holds_for_the_file_of_an_account(
    tmp_path: Path, common: str, own: str, problem: str
) -> None:
    (tmp_path / "common.yaml").write_text(common)
    (tmp_path / "own.yaml").write_text(own)
    selection = Selection(org=tmp_path / "own.yaml", common_org=tmp_path / "common.yaml")
    with pytest.raises(PolicyError, match=problem):
        selection.judgement(Level.ACCOUNT, "strict")
