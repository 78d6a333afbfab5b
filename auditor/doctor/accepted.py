"""Check of what the organisation file accepts for a time: waivers and blind spots."""

from collections.abc import Iterable
from datetime import date, timedelta

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.doctor.scopes import ScopeComparison, ScopeRequirement
from auditor.evidence.reading import Cause, JsonValue
from auditor.plain_text import join_and, pluralize, printable
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.references import Entries
from auditor.policy.baseline.waivers import WARN_DAYS, Waiver

_MOST = 10
"""The maximum number of entries in a sentence."""


def check(entries: Entries, scopes: ScopeComparison | None) -> DoctorCheck:
    """Check for entries that have ended or end soon, and for blind spots that can be seen again.

    `scopes`: None if the baseline cannot be used.
    """
    exceptions = entries.exceptions
    if exceptions is None or not (exceptions.waivers or exceptions.blind_spots):
        sentence = "No organisation file accepts a deviation or a blind spot."
        return DoctorCheck("accepted", "Accepted", CheckState.OK, sentence)
    waivers, blind_spots = exceptions.waivers, exceptions.blind_spots
    accepted: list[Waiver | BlindSpot] = [*waivers, *blind_spots]
    rows = sorted((entry.expires, _label(entry), entry.owner) for entry in accepted)
    facts: dict[str, JsonValue] = {
        "waivers": len(waivers),
        "blind_spots": len(blind_spots),
        "first_to_end": rows[0][0].isoformat(),
    }
    due = [
        f"{label} {_when(expires, exceptions.today)} ({printable(owner)})"
        for expires, label, owner in rows
        if expires - exceptions.today <= timedelta(days=WARN_DAYS)
    ]
    granted = _granted_requests(scopes)
    due += [
        f"{_label(entry)} can be seen again: the app has the scope"
        for entry in blind_spots
        if entry.expires >= exceptions.today
        and entry.cause is Cause.DENIED
        and (entry.request or "").partition("?")[0] in granted
    ]
    kinds = (len(waivers), "waiver"), (len(blind_spots), "blind spot")
    counted = join_and([pluralize(count, noun) for count, noun in kinds if count])
    sentence = f"{counted} in the organisation file; the first ends on {rows[0][0]}."
    if not due:
        return DoctorCheck("accepted", "Accepted", CheckState.OK, sentence, facts=facts)
    more = f"; and {len(due) - _MOST} more" if len(due) > _MOST else ""
    return DoctorCheck(
        "accepted",
        "Accepted",
        CheckState.WARNING,
        f"{sentence} {'; '.join(due[:_MOST])}{more}.",
        "Renew or remove them: one that has ended or can be seen again fails the gate.",
        facts=facts,
    )


def are_accepted(missing: Iterable[ScopeRequirement], entries: Entries) -> bool:
    """True if accepted blind spots name every request that the app may not make."""
    requests = {
        (entry.request or "").partition("?")[0]
        for _, entry in entries.blind_spots()
        if entry.cause is Cause.DENIED
    }
    return all(each.endpoint.request in requests for each in missing)


def _granted_requests(scopes: ScopeComparison | None) -> set[str]:
    required = scopes.required if scopes is not None else ()
    return {each.endpoint.request for each in required if each.granted}


def _label(entry: Waiver | BlindSpot) -> str:
    kind = "blind spot" if isinstance(entry, BlindSpot) else "waiver of"
    return printable(f"{kind} {entry.label}")


def _when(expires: date, today: date) -> str:
    return f"ended on {expires}" if expires < today else f"ends on {expires}"
