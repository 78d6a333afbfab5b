"""Policy files made from an account's current state: a baseline, and the triage of settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.app.baselines import SCHEMA_LINE
from auditor.evidence.snapshot import Snapshot
from auditor.findings.model import FindingKind
from auditor.findings.run import Run
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Triaged
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.evaluation import capture


@dataclass(frozen=True)
class CapturedBaseline:
    """A baseline that an account meets."""

    content: bytes
    """The file."""
    controls: int
    """How many controls it expects as they are."""
    unseen: int
    """How many settings are left out, because they could not be read."""


def capture_baseline(snapshot: Snapshot, name: str) -> CapturedBaseline:
    """The baseline `name` that the account of a run meets."""
    evidence = snapshot.account()
    title = f"As account {evidence.scope.id} was on {datetime.now(UTC):%Y-%m-%d}"
    file, unseen = capture.capture_baseline(evidence, files.shipped_catalogue(), name, title)
    comment = f"{SCHEMA_LINE}\nCaptured from run {snapshot.meta('run_id')}."
    return CapturedBaseline(yaml_source.dumped(file, comment), len(file["controls"]), len(unseen))


@dataclass(frozen=True)
class Triage:
    """The decisions of a triage file on settings that no control covers."""

    entries: Sequence[Triaged]

    @classmethod
    def read(cls, path: Path) -> "Triage":
        """The decisions of a file; none if it does not exist.

        Raises:
            PolicyError: the file is invalid.
        """
        return cls(organisation.entries(path, "triage", files.shipped_catalogue()).triage)

    def undecided(self, run: Run) -> list[str]:
        """Settings of a run without a decision, those relevant to privacy first."""
        decided = {entry.setting for entry in self.entries}
        verdicts = (finding.verdict for finding in run.findings())
        uncovered = (each.setting for each in verdicts if each.kind is FindingKind.UNCOVERED)
        return [setting for setting in dict.fromkeys(uncovered) if setting not in decided]

    def accept(self, settings: Iterable[str], by: str, reason: str) -> bytes:
        """The file with the decisions so far and the acceptance of more settings, as of today."""
        today = datetime.now(UTC).date().isoformat()
        rows: list[dict[str, Any]] = [entry.model_dump(mode="json") for entry in self.entries]
        rows += [
            {"setting": setting, "by": by, "on": today, "reason": reason} for setting in settings
        ]
        comment = (
            "Settings no control covers, looked at and accepted. Include it in the organisation "
            "file."
        )
        return yaml_source.dumped({"triage": rows}, comment)
