"""Attestations that are due: facts that no API shows and that a person has to confirm.

The questions match those in a report: controls that only a person can answer, and locks for which
Zoom publishes no flag, or only one whose pairing with the setting is inferred.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from auditor.evidence.scope import Level
from auditor.findings.model import Severity
from auditor.policy.baseline.baselines import ControlExpectation
from auditor.policy.baseline.match import Match
from auditor.policy.baseline.waivers import WARN_DAYS, Attestation
from auditor.policy.catalogue import words
from auditor.policy.catalogue.controls import ATTESTATION, LOCKED_SURFACES, Check, Control
from auditor.policy.catalogue.words import setting_name

WHOLE_ACCOUNT = Match(level=Level.ACCOUNT)
LOCK_RENEWAL_DAYS = 180
"""Days for which an answer about a lock is valid by default."""


class AttestationState(StrEnum):
    """Why a question needs an answer."""

    MISSING = "missing"
    NOT_COMPARED = "not compared"
    """The answer does not say whether the value is as expected."""
    EXPIRED = "expired"
    EXPIRING = "expires"
    """The answer is valid, but not for much longer."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that only a person can answer, and the state of its answer."""

    control: Control
    setting: str
    """The setting whose lock is in question; `attestation` for the control as a whole."""
    severity: Severity
    question: str
    expected: str
    evidence: str
    renew_days: int
    state: AttestationState = AttestationState.MISSING
    until: date | None = None
    """The last day of the answer that expires or has expired; None in other states."""

    @property
    def is_lock(self) -> bool:
        """True if the question is about a lock."""
        return self.setting != ATTESTATION

    @property
    def label(self) -> str:
        """`AI-19`, or `TP-07, lock of “Third-party bots” (recording.allow_cmr_3rd_party_bot)`."""
        if not self.is_lock:
            return self.control.id
        return f"{self.control.id}, lock of “{setting_name(self.setting)}” ({self.setting})"


def questions(expected: Iterable[ControlExpectation]) -> Iterator[Unanswered]:
    """All questions about the account that need a person, answered or not."""
    for assessed in expected:
        control = assessed.control
        if assessed.attest is not None and control.attestation is not None:
            attestation = control.attestation
            yield Unanswered(
                control,
                ATTESTATION,
                assessed.severity,
                attestation.question,
                assessed.attest,
                attestation.evidence,
                attestation.renew_days,
            )
        if assessed.lock:
            for check in control.checks:
                if check.setting in assessed.expectations and _lock_needs_look(check):
                    yield _of_lock(assessed, check)


def _lock_needs_look(check: Check) -> bool:
    """True if `judge.lock` leaves the account lock to a person."""
    if check.legacy_of is not None or check.surface not in LOCKED_SURFACES:
        return False
    if check.lock is not None and not check.lock_inferred:
        return False
    levels = check.lock_levels or check.levels
    return Level.ACCOUNT in levels or (check.lock is None and check.surface == "settings")


def _of_lock(assessed: ControlExpectation, check: Check) -> Unanswered:
    why = (
        "Zoom does not say whether it is locked"
        if check.lock is None
        else f"whether the lock of “{words.lock_name(check.lock)}” covers it is only inferred"
    )
    return Unanswered(
        assessed.control,
        check.setting,
        assessed.severity,
        f"Is “{words.setting_name(check.setting)}” set as the baseline requires, and locked for "
        f"the whole account? A person has to look: {why}.",
        "set as the baseline requires, and locked",
        "A screenshot of the setting with its lock, and its date.",
        LOCK_RENEWAL_DAYS,
    )


def due(
    expected: Iterable[ControlExpectation], answers: Iterable[Attestation], today: date
) -> Iterator[Unanswered]:
    """The questions without a valid answer that states whether the value is as expected."""
    of_account = [
        answer for answer in answers if answer.scope == WHOLE_ACCOUNT and answer.on <= today
    ]
    for question in questions(expected):
        related = [answer for answer in of_account if answers_it(answer, question)]
        state = _state(related, today)
        if state is not None:
            yield replace(question, state=state[0], until=state[1])


def answers_it(answer: Attestation, question: Unanswered) -> bool:
    """True if the attestation answers the question."""
    return answer.control == question.control.id and answer.setting in (None, question.setting)


def _state(answers: list[Attestation], today: date) -> tuple[AttestationState, date | None] | None:
    """The state with its date; None if the question has a valid answer."""
    if not answers:
        return AttestationState.MISSING, None
    valid = [answer for answer in answers if answer.expires >= today]
    if not valid:
        return AttestationState.EXPIRED, max(answer.expires for answer in answers)
    newest = max(answer.on for answer in valid)
    latest = [answer for answer in valid if answer.on == newest]
    if all(answer.as_expected is None for answer in latest):
        return AttestationState.NOT_COMPARED, None
    ends = max(answer.expires for answer in latest)
    return (AttestationState.EXPIRING, ends) if ends - today <= timedelta(days=WARN_DAYS) else None
