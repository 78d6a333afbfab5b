"""The controls of the catalogue, and the documented settings that none of them reads."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditor.app import decisions
from auditor.app.selection import Selection
from auditor.config import settings as config
from auditor.errors import nearest
from auditor.evidence.scope import Level
from auditor.policy.baseline import attestations
from auditor.policy.baseline.attestations import Unanswered
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue import documented, files, frameworks, words
from auditor.policy.catalogue.controls import Check, Control
from auditor.policy.catalogue.errors import PolicyError
from auditor.report import wording


@dataclass(frozen=True, slots=True)
class ControlSummary:
    """A control in a list."""

    id: str
    severity: str
    needs_person: bool
    """True if no API shows all of it."""
    title: str


@dataclass(frozen=True, slots=True)
class ControlExplanation:
    """A control in full."""

    id: str
    title: str
    severity: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    """Headings, each with its paragraphs or facts."""


@dataclass(frozen=True, slots=True)
class UnreadSettings:
    """Documented settings that no control reads, for one reason."""

    reason: str
    """Empty if they are not yet reviewed."""
    settings: tuple[tuple[str, str, str], ...]
    """Path, topic and kind of document of each."""


def summaries(topics: Sequence[str]) -> list[ControlSummary]:
    """The controls of some topics; all of them without any.

    Raises:
        PolicyError: a topic does not exist.
    """
    catalogue = files.shipped_catalogue()
    selected = catalogue.select((), topics)
    return [
        ControlSummary(control.id, control.severity, control.observed_by != "api", control.title)
        for control in catalogue
        if control.id in selected
    ]


def explanation(control_id: str, org: Path | None = None) -> ControlExplanation:
    """What a control reads, why, how to fix deviations, and what it maps to.

    With the parameters and the attestation of the baseline in force: that of the organisation file
    `org`, whose own controls are explained, too, or the configured one.

    Raises:
        PolicyError: there is no such control, or a file is not valid.
    """
    settings = config.load()
    org = org or settings.org
    judgement = Selection(org=org).judgement(Level.ACCOUNT, settings.baseline)
    controls = judgement.catalogue.controls
    by_name = {name.casefold(): name for name in controls}
    found = by_name.get(control_id.casefold())
    if found is None:
        hint = nearest(control_id, controls)
        raise PolicyError(
            [f'No control is called "{control_id}".{hint} List them with: auditor control list']
        )
    control = controls[found]
    expectation = judgement.baseline.assessed.get(found)
    every = (
        *_decisions(judgement.baseline, judgement.organisation, expectation),
        *_sections(control, expectation, org),
    )
    sections = tuple((heading, facts) for heading, facts in every if any(facts))
    return ControlExplanation(control.id, control.title, control.severity, sections)


def unread_settings(topics: Iterable[str]) -> list[UnreadSettings]:
    """The documented settings that no control reads, by reason."""
    selected = set(topics)
    by_reason: dict[str, list[tuple[str, str, str]]] = {}
    for unread in documented.unread(files.shipped_catalogue()):
        if not selected or unread.topic in selected:
            row = unread.setting, unread.topic, unread.documents
            by_reason.setdefault(unread.reason, []).append(row)
    return [UnreadSettings(reason, tuple(rows)) for reason, rows in by_reason.items()]


def _decisions(
    baseline: Baseline, chosen: Organisation, expectation: ControlExpectation | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The parameters that a control depends on, each with its facts."""
    names: dict[str, None] = {}
    for expected in expectation.expectations.values() if expectation is not None else ():
        for name in (expected.param, expected.groups_param, expected.exceptions_param):
            if name is not None:
                names.setdefault(name)
    for row in decisions.described(names, baseline, chosen.parameters):
        command = f"Decide it with: auditor decide {row.name}"
        yield f"Your decision: {row.name}", (*row.facts, command)


def _sections(
    control: Control, expectation: ControlExpectation | None, org: Path | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "Why", (control.why,)
    for check in control.checks:
        yield "Reads", tuple(_facts(check))
    questions = attestations.questions([expectation]) if expectation is not None else ()
    if expectation is None and control.attestation is not None:
        renewal = f"Renew: every {control.attestation.renew_days} days"
        yield "To attest", (control.attestation.question, control.attestation.evidence, renewal)
    for item in questions:
        yield "To attest", tuple(_question(item, control, org))
    yield "How to fix it in the admin centre", (control.fix.portal,)
    if control.fix.api:
        api = (part for part in (control.fix.api, control.fix.note) if part)
        yield "How to fix it by API", (" ".join(api),)
    yield "Needs", (control.prerequisites,)
    yield "Good to know", (control.know,)
    yield "Maps to", tuple(_mapped(control))
    yield "Sources", (" · ".join(control.sources),)


def _mapped(control: Control) -> Iterator[str]:
    """The provisions that a control maps to, a line for each framework."""
    info = replace(control.info, provision_titles=frameworks.provision_titles(control))
    for key in control.mappings:
        yield f"{wording.framework(key)}: {', '.join(wording.provisions(info, key))}"


def _facts(check: Check) -> Iterator[str]:
    where = "" if check.surface == "settings" else f" in {check.surface}"
    key = f"{check.setting}{where}" + (f", view {check.view}" if check.view else "")
    yield f"{words.setting_name(check.setting)} ({key})"
    types = " or ".join(check.type)
    places = ", ".join(level.noun for level in check.levels)
    yield f"read at: {places}" + (f"; type: {types}" if types else "")
    if check.values is not None:
        known = ", ".join(
            f"{value} ({words.value_words(check.setting, value)})" for value in check.values
        )
        yield f"values: {known}"
    if check.lock is None:
        yield "lock: Zoom publishes none"
    else:
        inferred = ", pairing inferred" if check.lock_inferred else ""
        yield f"lock: {check.lock} ({', '.join(check.lock_levels)}{inferred})"


def _question(item: Unanswered, control: Control, org: Path | None) -> Iterator[str]:
    """A question that a person answers: where to look, what is expected, how to answer."""
    yield item.question
    yield f"Where: {control.fix.portal}"
    yield f"Expected: {item.expected}"
    yield f"Evidence: {item.evidence}"
    yield f"Renew: every {item.renew_days} days"
    setting = ("--setting", item.setting) if item.is_lock else ()
    file = ("--org", str(org)) if org is not None else ()
    words = ("auditor", "attest", *file, "--control", control.id, *setting)
    options = "--as-expected --statement … --evidence … --by … --expires …"
    yield f"Answer it with: {shlex.join(words)} {options}"
