"""The diagnosis of a fleet, for the terminal and as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from auditor.errors import ExitCode
from auditor.plain_text import pluralize, printable

if TYPE_CHECKING:
    from auditor.app.fleet_diagnosis import AccountDiagnosis

_VERDICTS = {
    ExitCode.OK: "complete",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.USAGE: "does not start",
}


def as_text(diagnoses: Sequence["AccountDiagnosis"], width: int) -> str:
    """A line for each account, and below what to do about those that are not complete."""
    longest = max(len(each.name) for each in diagnoses)
    lines = []
    for each in diagnoses:
        verdict = _VERDICTS.get(each.exit_code, "not readable")
        if each.sub_accounts:
            verdict += f", with {pluralize(each.sub_accounts, 'account')} below it"
        lines.append(f"{each.name:<{longest}}  {verdict}")
        lines += [
            textwrap.fill(
                printable(sentence), width, initial_indent="  - ", subsequent_indent="    "
            )
            for sentence in _problems(each)
        ]
    ready = sum(1 + each.sub_accounts for each in diagnoses if each.exit_code is ExitCode.OK)
    total = sum(1 + each.sub_accounts for each in diagnoses)
    lines.append("")
    lines.append(f"An audit would be complete for {ready} of {pluralize(total, 'account')}.")
    return "\n".join(lines)


def as_json(diagnoses: Sequence["AccountDiagnosis"], code: ExitCode) -> str:
    """The diagnoses, each account's as `auditor/doctor/v1`."""
    from auditor.doctor import as_json as doctor_json
    from auditor.report.display import readable

    accounts: list[Any] = [
        {
            "name": each.name,
            "exit_code": int(each.exit_code),
            "problem": each.problem or None,
            "doctor": None if each.report is None else doctor_json.document(each.report),
            "sub_accounts": each.sub_accounts,
            "scopes_for_sub_accounts": [*each.scopes_for_sub_accounts],
        }
        for each in diagnoses
    ]
    document: Any = {
        "schema": "auditor/fleet-doctor/v1",
        "exit_code": int(code),
        "accounts": accounts,
    }
    return json.dumps(readable(document), indent=2, ensure_ascii=False) + "\n"


def _problems(diagnosis: "AccountDiagnosis") -> Iterator[str]:
    """What keeps an audit from being complete, and what to do."""
    from auditor.doctor.model import CheckState

    if diagnosis.report is None:
        yield diagnosis.problem
        return
    for check in diagnosis.report.having(CheckState.FAILED):
        yield f"{check.title}: {check.sentence} {check.advice}".strip()
    scopes = diagnosis.report.scopes
    if scopes is not None and scopes.granted is not None and scopes.to_add:
        yield f"Scopes to add: {', '.join(scopes.to_add)}"
    if diagnosis.scopes_for_sub_accounts:
        below = pluralize(diagnosis.sub_accounts, "account")
        yield (
            f"Scopes to add for the {below} below it: "
            f"{', '.join(diagnosis.scopes_for_sub_accounts)}. Zoom offers no such scope for some "
            "reports; what they show stays unknown there."
        )
