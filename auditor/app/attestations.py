"""Attestations: the questions that no API answers, and the file that answers are added to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from auditor.app.forecast import JudgedEvidence
from auditor.app.inventory import AI_FEATURES, inventory_of
from auditor.app.organisation_files import Edit, EditableFile
from auditor.app.selection import Selection
from auditor.config.settings import Settings
from auditor.errors import nearest
from auditor.evidence.scope import Level
from auditor.policy.baseline import attestations, organisation, yaml_edit
from auditor.policy.baseline.waivers import Attestation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.controls import ATTESTATION
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.words import setting_place
from auditor.report import inventory_wording, open_questions

KEY = "attestations"
COMMENT = "# What no API shows, and who looked. Include it in the organisation file.\n"


@dataclass(frozen=True, slots=True)
class DueQuestion:
    """A question without a valid answer."""

    control: str
    setting: str | None
    """The setting whose lock is in question, or `attestation` if the control has several questions;
    None for the control as a whole."""
    lock: str
    """The key of the setting whose lock is in question; empty for other questions."""
    label: str
    state: str
    """missing, not compared, expired DATE or expires DATE."""
    title: str
    severity: str
    question: str
    place: str
    """Where to look; empty if it is not known."""
    expected: str
    evidence: str
    renew_days: int


@dataclass(frozen=True, slots=True)
class OlderEntry:
    """An answer that does not say whether things are as expected."""

    position: int
    """In the file."""
    label: str
    statement: str


class AttestationFile(EditableFile):
    """A file with attestations: an organisation file, or one that it includes."""

    def __init__(self, path: Path) -> None:
        """Read the file; it is empty if it does not exist.

        Raises:
            PolicyError: it cannot be read, or is not valid.
        """
        super().__init__(path, COMMENT)

    @property
    def answers(self) -> tuple[Attestation, ...]:
        """Its own answers, then those of the files that it includes."""
        return self.organisation.attestations

    @property
    def holds_only_attestations(self) -> bool:
        """True if it contains nothing else, so that an organisation file must include it."""
        return set(organisation.contents(self.path)) <= {KEY}

    @property
    def _own(self) -> tuple[Attestation, ...]:
        return self.answers[: self.own_entries(KEY)]

    @property
    def older_entries(self) -> list[OlderEntry]:
        """Its own answers that do not say whether things are as expected."""
        return [
            OlderEntry(
                position,
                f"{answer.control} ({answer.scope.label}), {answer.by} on {answer.on}",
                answer.statement,
            )
            for position, answer in enumerate(self._own)
            if answer.as_expected is None
        ]

    def with_answer(self, entry: Mapping[str, Any]) -> Edit:
        """The file with one more answer.

        An answer of the same day to the same question is replaced: it was a mistake.

        Raises:
            PolicyError: the answer is not valid.
        """
        text = self.text or COMMENT
        slot = _slot(Attestation.model_validate(entry))
        for position, answer in reversed([*enumerate(self._own)]):
            if _slot(answer) == slot:
                text = yaml_edit.remove_entry(text, KEY, position, str(self.path))
        return self._edit(yaml_edit.append_entry(text, KEY, dict(entry), str(self.path)), context=1)

    def with_as_expected(self, answers: Mapping[int, bool]) -> Edit:
        """The file with `as_expected` in some entries, by position.

        Raises:
            PolicyError: it would not be valid.
        """
        text, name = self.text, str(self.path)
        for position, is_expected in answers.items():
            text = yaml_edit.set_in_entry(
                text, KEY, position, "as_expected", is_expected, after="control", name=name
            )
        return self._edit(text, context=0)


class Questionnaire:
    """The questions of a baseline that only a person can answer."""

    def __init__(self, selection: Selection, settings: Settings) -> None:
        """Load the baseline and the organisation file.

        Raises:
            PolicyError: a name does not exist or a file is not valid.
        """
        judgement = selection.judgement(Level.ACCOUNT, settings.baseline, settings.org)
        self._expectations = list(judgement.overrides.union().assessed.values())
        self._answers = judgement.organisation.attestations
        questions = list(attestations.questions(self._expectations))
        counts = Counter(item.control.id for item in questions)
        self._named = {
            item.control.id
            for item in questions
            if not item.is_lock and counts[item.control.id] > 1
        }

    @property
    def has_answers(self) -> bool:
        """True if the organisation file has or includes some."""
        return bool(self._answers)

    def setting_of(self, control: str) -> str | None:
        """The setting of an answer to the control's own question.

        It is named if the control has questions about locks, too: the answer is not about these.
        """
        return ATTESTATION if control in self._named else None

    def check_control(self, control: str) -> None:
        """Check that there is such a control.

        Raises:
            PolicyError: there is not.
        """
        known = {item.control.id for item in attestations.questions(self._expectations)}
        known |= set(files.shipped_catalogue().controls)
        if control not in known:
            raise PolicyError([f'No control is called "{control}".{nearest(control, known)}'])

    def due(self, file: AttestationFile, today: date) -> list[DueQuestion]:
        """The questions without a valid answer in the organisation file or `file`."""
        answers = dict.fromkeys((*self._answers, *file.answers))
        return [
            DueQuestion(
                item.control.id,
                item.setting if item.is_lock else self.setting_of(item.control.id),
                item.setting if item.is_lock else "",
                item.label,
                f"{item.state} {item.until or ''}".rstrip(),
                item.control.title,
                item.severity,
                item.question,
                " ".join((setting_place(item.setting) or item.control.fix.portal).split()),
                item.expected,
                item.evidence,
                item.renew_days,
            )
            for item in attestations.due(self._expectations, answers, today)
        ]


def seen_in(evidence: JudgedEvidence) -> Mapping[str, str]:
    """Control to what the newest run saw of its settings, in a sentence.

    Raises:
        PolicyError: another version recorded the policy of the run.
    """
    found = inventory_of(evidence.snapshot, AI_FEATURES)
    return open_questions.seen(inventory_wording.sections(found))


def _slot(attestation: Attestation) -> tuple[object, ...]:
    return attestation.control, attestation.setting, attestation.scope, attestation.on
