"""The words about waivers: what they cover, who answers for it, and which of them need care."""

from collections.abc import Mapping

from auditor.findings.model import Reference, Settlement, Verdict
from auditor.report import wording
from auditor.report.display import plain

_WAIVER: Mapping[str, str] = {
    "active": "covers {deviations}",
    "expiring": "covers {deviations}, and ends soon, on {expires}",
    "expired": "EXPIRED on {expires} and covers nothing any more; it met {deviations}",
    "unmatched": "MATCHES NOTHING: the deviation is gone or the scope is misspelt; take it out",
    "unknown": "met nothing that could be judged",
}


def accepted_by(verdict: Verdict) -> str:
    """Who accepted a deviation, until when, under which ticket and why; empty for none."""
    if not verdict.waiver:
        return ""
    waiver = verdict.waiver
    return _accepted(waiver["owner"], waiver["expires"], waiver["ticket"], waiver["reason"])


def waiver_told(settlement: Settlement) -> str:
    """What became of a waiver, who owns it and why."""
    told = _WAIVER[settlement.state].format(
        deviations=wording.counted(settlement.matched, "deviation"),
        expires=plain(settlement.expires),
    )
    accepted = _accepted(settlement.owner, settlement.expires, settlement.ticket, settlement.reason)
    detail = f" {plain(settlement.detail)}" if settlement.detail else ""
    return f"{plain(settlement.control)} for {plain(settlement.scope)}: {told}.{detail} {accepted}"


def reference_line(reference: Reference) -> str:
    """What does not fit the account, in which entry, and what was meant perhaps."""
    unknown = "could not be checked: " if reference.state == "unknown" else ""
    named = f', "{plain(reference.name)}"' if reference.name else ""
    return f"{plain(reference.entry)}{named}: {unknown}{plain(reference.detail)}"


def waiver_order(settlement: Settlement) -> tuple[bool, bool, str, str]:
    """Sort key: those that fail a gate first, then those that end soon."""
    return not settlement.is_stale, not settlement.needs_care, settlement.control, settlement.scope


def _accepted(owner: str, expires: str, ticket: str, reason: str) -> str:
    under = f", {plain(ticket)}" if ticket else ""
    return f"Accepted by {plain(owner)} until {plain(expires)}{under}: {plain(reason)}"
