"""What only a person can answer: the questions of a run, by rule, with the place to look."""

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.findings.model import ControlInfo, FindingKind, Verdict
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import facts, inventory_wording, wording
from auditor.report.display import printable
from auditor.report.inventory_wording import FeatureRow, TopicSection
from auditor.report.json_report import title

HEADING = "To look up by hand"
WHY = (
    "Zoom's API does not show these: a person looks in Zoom or in your own papers, and attests "
    "what they saw."
)
COMMAND = "auditor attest"
"""Asks them one by one; with `--list`, it only shows them."""

MOST_SEEN = 3
"""Settings that a question names as seen."""

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
    seen: str = ""
    """What the run saw of the settings of the rule, in a sentence; empty for nothing."""


def seen(sections: Iterable[TopicSection]) -> dict[str, str]:
    """Control to what the inventory of the run saw of its settings, in a sentence."""
    by_control: dict[str, list[str]] = {}
    for section in sections:
        for _, rows in section.parts:
            for row in rows:
                if any(True for _ in row.feature.known_values()):
                    for control in row.feature.controls:
                        by_control.setdefault(control, []).append(_state(row))
    return {
        control: f"Seen in this run: {'; '.join(states[:MOST_SEEN])}"
        + (f"; and {len(states) - MOST_SEEN} more settings." if len(states) > MOST_SEEN else ".")
        for control, states in by_control.items()
    }


def _state(row: FeatureRow) -> str:
    """`“Live streaming”: account off, groups 1 of 6 on: “Sales”, people 42 of 293 on`."""
    cells = zip(("account", "groups", "people"), row.full, strict=True)
    parts = [f"{level} {words}" for level, words in cells if words != inventory_wording.NOT_HERE]
    return f"“{printable(row.feature.title)}”: {', '.join(parts)}"


def of_run(run: Run, rollup: Rollup, sections: Iterable[TopicSection] = ()) -> list[OpenQuestion]:
    """The questions that wait for a person, the most severe first.

    `sections` are the inventory of the run.
    """
    seen_of = seen(sections)
    questions: dict[tuple[str, str], OpenQuestion] = {}
    for group in rollup.attestations:
        verdict = group.verdict
        control, setting = verdict.control, verdict.setting
        is_lock = verdict.kind is FindingKind.ATTESTATION and setting not in _NO_SETTING
        name = printable(title(run, control))
        text = f"Is “{facts.name(setting)}” locked?" if is_lock else facts.detail(verdict)
        found = OpenQuestion(
            printable(control),
            name,
            text or f"{name}?",
            place(verdict, run.controls.get(control)),
            "" if is_lock else seen_of.get(control, ""),
        )
        questions.setdefault((control, setting), found)
    return list(questions.values())


def place(verdict: Verdict, info: ControlInfo | None) -> str:
    """Where a person looks it up in Zoom's portal; empty if it is not known."""
    found = facts.place(verdict.setting) or (printable(info.fix_portal) if info else "")
    return " ".join(found.split())


def counted(rollup: Rollup) -> str:
    """`42 questions of 38 rules`."""
    rules = wording.counted_rules(rollup.attestations)
    return f"{pluralize(rollup.attestations_due, 'question')} of {rules}"
