"""What only a person can answer: the questions of a run, by rule, with the place to look."""

from dataclasses import dataclass

from auditor.findings.model import FindingKind
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import facts, wording
from auditor.report.display import printable
from auditor.report.json_report import title

HEADING = "To look up by hand"
WHY = "Zoom's API does not show these: a person looks in Zoom, and attests what they saw."
COMMAND = "auditor attest"
"""Asks them one by one; with `--list`, it only shows them."""

_NO_SETTING = ("", "attestation")
"""The setting of controls that only a person can answer."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question without a valid answer."""

    control: str
    title: str
    question: str
    place: str
    """Where to look; empty if it is not known."""


def of_run(run: Run, rollup: Rollup) -> list[OpenQuestion]:
    """The questions that wait for a person, the most severe first."""
    questions: dict[tuple[str, str], OpenQuestion] = {}
    for group in rollup.attestations:
        verdict = group.verdict
        control, setting = verdict.control, verdict.setting
        info = run.controls.get(control)
        is_lock = verdict.kind is FindingKind.ATTESTATION and setting not in _NO_SETTING
        place = facts.place(setting) or (printable(info.fix_portal) if info else "")
        name = printable(title(run, control))
        text = f"Is “{facts.name(setting)}” locked?" if is_lock else facts.detail(verdict)
        found = OpenQuestion(printable(control), name, text or f"{name}?", " ".join(place.split()))
        questions.setdefault((control, setting), found)
    return list(questions.values())


def counted(rollup: Rollup) -> str:
    """`42 questions of 38 rules`."""
    rules = wording.counted_rules(rollup.attestations)
    return f"{pluralize(rollup.attestations_due, 'question')} of {rules}"
