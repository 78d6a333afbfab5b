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
