"""The controls of the catalogue, and the documented settings that none of them reads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditor.errors import nearest
from auditor.policy.catalogue import documented, files, words
from auditor.policy.catalogue.controls import Check, Control
from auditor.policy.catalogue.errors import PolicyError


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


def explanation(control_id: str) -> ControlExplanation:
    """What a control reads, why, how to fix deviations, and what it maps to.

    Raises:
        PolicyError: there is no such control.
    """
    controls = files.shipped_catalogue().controls
    by_name = {name.casefold(): name for name in controls}
    found = by_name.get(control_id.casefold())
    if found is None:
        hint = nearest(control_id, controls)
        raise PolicyError(
            [f'No control is called "{control_id}".{hint} List them with: auditor control list']
        )
    control = controls[found]
    sections = tuple((heading, facts) for heading, facts in _sections(control) if any(facts))
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


def _sections(control: Control) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "Why", (control.why,)
    for check in control.checks:
        yield "Reads", tuple(_facts(check))
    if control.attestation is not None:
        yield "Question", (control.attestation.question,)
        yield "Evidence", (control.attestation.evidence,)
        yield "Renew", (f"every {control.attestation.renew_days} days",)
    yield "Fix in the portal", (control.fix.portal,)
    yield "Fix by API", (" ".join(part for part in (control.fix.api, control.fix.note) if part),)
    yield "Needs", (control.prerequisites,)
    yield "Good to know", (control.know,)
    mapped = "; ".join(f"{name}: {', '.join(refs)}" for name, refs in control.mappings.items())
    yield "Maps to", (mapped,)
    yield "Sources", (" · ".join(control.sources),)


def _facts(check: Check) -> Iterator[str]:
    where = "" if check.surface == "settings" else f" in {check.surface}"
    key = f"{check.setting}{where}" + (f", view {check.view}" if check.view else "")
    yield f"{words.setting_name(check.setting)} ({key})"
    types = " or ".join(check.type)
    yield f"levels: {', '.join(check.levels)}" + (f"; type: {types}" if types else "")
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
