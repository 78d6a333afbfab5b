"""Text about waivers and names in the organisation file."""

from collections.abc import Mapping
from datetime import date

from auditor.findings.model import Reference, ReferenceState, Verdict, WaiverResult, WaiverState
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


def accepted_by(verdict: Verdict) -> str:
    """Owner, expiry, ticket and reason of a waiver; empty without one."""
    if not verdict.waiver:
        return ""
    waiver = verdict.waiver
    return _accepted(waiver.owner, waiver.expires, waiver.ticket, waiver.reason)


def waiver_text(waiver: WaiverResult) -> str:
    """The result of a waiver, with its owner and reason."""
    state_text = _WAIVER[waiver.state].format(
        deviations=pluralize(waiver.matched, "deviation"),
        expires=waiver.expires,
    )
    accepted = _accepted(waiver.owner, waiver.expires, waiver.ticket, waiver.reason)
    detail = f" {printable(waiver.detail)}" if waiver.detail else ""
    subject = f"{printable(waiver.control)} for {printable(waiver.scope)}"
    return f"{subject}: {state_text}.{detail} {accepted}"


def reference_line(reference: Reference) -> str:
    """The entry, the name in it that does not match the account, and a suggestion."""
    unknown = "could not be checked: " if reference.state is ReferenceState.UNKNOWN else ""
    named = f', "{printable(reference.name)}"' if reference.name else ""
    return f"{printable(reference.entry)}{named}: {unknown}{printable(reference.detail)}"


def stale_lines(run: Run) -> list[str]:
    """A line for each waiver, name or entry of the organisation file that fails a gate."""
    waivers = sorted((item for item in run.waivers if item.is_stale), key=waiver_order)
    return [
        *(f"waiver of {waiver_text(item)}" for item in waivers),
        *(reference_line(item) for item in run.references if item.is_stale),
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


def _accepted(owner: str, expires: date, ticket: str, reason: str) -> str:
    under = f", {printable(ticket)}" if ticket else ""
    return f"Accepted by {printable(owner)} until {expires}{under}: {printable(reason)}"
