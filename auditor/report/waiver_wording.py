"""Text about waivers, blind spots and names in the organisation file."""

from collections import Counter
from collections.abc import Mapping

from auditor.evidence.scope import Level
from auditor.findings.model import (
    GOES_BEYOND,
    BlindSpotResult,
    BlindSpotState,
    FindingKind,
    Reference,
    ReferenceState,
    Status,
    Verdict,
    WaiverResult,
    WaiverState,
    WaiverTerms,
)
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import wording
from auditor.report.display import printable

WARNING = "Warning: "

_MOST_LINES = 10
"""Entries of the organisation file listed in short outputs."""

_WAIVER: Mapping[WaiverState, str] = {
    WaiverState.ACTIVE: "covers {deviations}",
    WaiverState.EXPIRING: "covers {deviations}, and ends soon, on {expires}",
    WaiverState.EXPIRED: (
        "EXPIRED on {expires} and no longer covers anything; it matches {deviations}"
    ),
    WaiverState.UNMATCHED: (
        "MATCHES NOTHING: the deviation is gone or the scope is misspelt; remove it"
    ),
    WaiverState.UNKNOWN: "matched nothing that could be judged",
}


_BLIND_SPOT: Mapping[BlindSpotState, str] = {
    BlindSpotState.ACTIVE: "covers {checks} that cannot be judged",
    BlindSpotState.EXPIRING: ("covers {checks} that cannot be judged, and ends soon, on {expires}"),
    BlindSpotState.EXPIRED: "EXPIRED on {expires}; {checks} cannot be judged",
    BlindSpotState.UNMATCHED: "COVERS NOTHING: nothing there is unknown for this cause",
    BlindSpotState.SEEN_AGAIN: "CAN BE SEEN AGAIN: remove it",
    BlindSpotState.UNKNOWN: "could not be checked, because other reads failed",
}


def accepted_by(verdict: Verdict) -> str:
    """Owner, approver, expiry, ticket and reason of a waiver or blind spot; empty without one."""
    terms = verdict.waiver or verdict.blind_spot
    return _accepted(terms) if terms else ""


def blind_spot_text(blind_spot: BlindSpotResult) -> str:
    """The result of a blind spot, with its owner and reason."""
    state_text = _BLIND_SPOT[blind_spot.state].format(
        checks=pluralize(blind_spot.matched, "check"), expires=blind_spot.expires
    )
    detail = f" {printable(blind_spot.detail)}" if blind_spot.detail else ""
    subject = f"Blind spot {printable(blind_spot.label)} ({blind_spot.cause})"
    return f"{subject}: {state_text}.{detail} {_accepted(blind_spot)}"


def entry_lines(run: Run) -> list[tuple[str, bool]]:
    """The waivers and blind spots in words, each with whether somebody has to act on it.

    What fails a gate comes first.
    """
    waivers = [
        (waiver_text(each), each.needs_care) for each in sorted(run.waivers, key=waiver_order)
    ]
    blind_spots = [
        (blind_spot_text(each), each.needs_care)
        for each in sorted(run.blind_spots, key=_blind_spot_order)
    ]
    return waivers + blind_spots


def allowed_lines(run: Run, rollup: Rollup) -> list[str]:
    """What is on because a parameter allows it, one line per setting; locks that may be off last.

    At most `_MOST_LINES` settings; others are counted.
    """
    values: dict[tuple[str, str, str], Counter[Level]] = {}
    locks: dict[str, set[str]] = {}
    for group in rollup.of_status(Status.NOT_APPLICABLE):
        verdict = group.verdict
        if not verdict.allowed_by:
            continue
        if verdict.kind is FindingKind.LOCK:
            locks.setdefault(verdict.allowed_by, set()).add(verdict.control)
        else:
            key = verdict.allowed_by, verdict.control, verdict.setting
            values.setdefault(key, Counter()).update(group.by_level)
    lines = []
    for (parameter, control, setting), by_level in sorted(values.items()):
        info = run.controls.get(control)
        name = info.setting_names.get(setting, setting) if info is not None else setting
        lines.append(
            f"On, allowed by {printable(parameter)}: {printable(name)} ({control}), "
            f"{wording.levels(by_level)}"
        )
    if (more := len(lines) - _MOST_LINES) > 0:
        lines[_MOST_LINES:] = [f"And {pluralize(more, 'more setting')}"]
    for parameter, controls in sorted(locks.items()):
        lines.append(
            f"Not locked at the account, allowed by {printable(parameter)}: "
            f"{', '.join(sorted(controls))}"
        )
    return lines


def _blind_spot_order(blind_spot: BlindSpotResult) -> tuple[bool, bool, str]:
    return not blind_spot.is_stale, not blind_spot.needs_care, blind_spot.label


def waiver_text(waiver: WaiverResult) -> str:
    """The result of a waiver, with its owner and reason."""
    state_text = _WAIVER[waiver.state].format(
        deviations=pluralize(waiver.matched, "deviation"),
        expires=waiver.expires,
    )
    accepted = _accepted(waiver)
    detail = f" {printable(waiver.detail)}" if waiver.detail else ""
    if waiver.detail == GOES_BEYOND and waiver.state is WaiverState.UNMATCHED:
        state_text, detail = "COVERS NOTHING", f"{detail} Put that right, or waive it as it is now."
    return f"{printable(waiver.label)}: {state_text}.{detail} {accepted}"


def reference_line(reference: Reference) -> str:
    """The entry, the name in it that does not match the account, and a suggestion."""
    unknown = "could not be checked: " if reference.state is ReferenceState.UNKNOWN else ""
    named = f', "{printable(reference.name)}"' if reference.name else ""
    return f"{printable(reference.entry)}{named}: {unknown}{printable(reference.detail)}"


def stale_lines(run: Run) -> list[str]:
    """A line for each entry of the organisation file, or name in it, that fails a gate."""
    return [
        *stale_entry_lines(run),
        *(reference_line(item) for item in run.references if item.is_stale),
    ]


def stale_entry_lines(run: Run) -> list[str]:
    """A line for each waiver or blind spot that fails a gate."""
    waivers = sorted((item for item in run.waivers if item.is_stale), key=waiver_order)
    return [
        *(f"waiver of {waiver_text(item)}" for item in waivers),
        *(blind_spot_text(item) for item in run.blind_spots if item.is_stale),
    ]


def lookalike_lines(run: Run) -> list[str]:
    """A line for each name of the organisation file with a lookalike in the account."""
    return [
        reference_line(reference)
        for reference in run.references
        if reference.state is ReferenceState.LOOK_ALIKE
    ]


def problem_lines(run: Run) -> list[str]:
    """Problems in the organisation file: gate failures, then lookalikes prefixed with WARNING.

    At most `_MOST_LINES` of each; other gate failures are counted.
    """
    stale = [wording.sentence_case(line) for line in stale_lines(run)]
    lines = stale[:_MOST_LINES]
    if more := len(stale) - len(lines):
        lines.append(f"And {wording.number(more)} more: auditor report {run.info.id}.")
    lookalikes = lookalike_lines(run)[:_MOST_LINES]
    return [*lines, *(f"{WARNING}{line}" for line in lookalikes)]


def waiver_order(waiver: WaiverResult) -> tuple[bool, bool, str, str]:
    """Sort key: waivers that fail a gate first, then those that expire soon."""
    return not waiver.is_stale, not waiver.needs_care, waiver.control, waiver.scope


def _accepted(terms: WaiverTerms | WaiverResult | BlindSpotResult) -> str:
    under = f", {printable(terms.ticket)}" if terms.ticket else ""
    approved = f", approved by {printable(terms.approved_by)}" if terms.approved_by else ""
    return (
        f"Accepted by {printable(terms.owner)}{approved} until {terms.expires}{under}: "
        f"{printable(terms.reason)}"
    )
