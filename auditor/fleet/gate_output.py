"""The decision of a fleet's gate, as lines and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.plain_text import pluralize
from auditor.report.display import json_text, shorten

_RESULTS: Mapping[int, str] = {0: "PASS", 1: "FAIL", 3: "UNKNOWN", 4: "NOT JUDGED"}
_WIDTH = 400
"""Columns of a line; pipeline logs do not wrap."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """The decision about one account."""

    name: str
    account_id: str
    code: int
    reason: str
    advice: str
    run: str
    """Empty if no run was judged."""
    deviations: int
    unknown: int


def as_lines(code: int, rows: Sequence[GateRow]) -> list[str]:
    """The decision, then a line for each account that shuts the gate."""
    shut = [row for row in rows if row.code]
    names = ", ".join(row.name for row in shut)
    of_all = pluralize(len(rows), "account")
    verb = "shuts" if len(shut) == 1 else "shut"
    first = f"{len(shut)} of {of_all} {verb} it: {names}." if shut else f"{of_all}, all passed."
    return [
        shorten(f"auditor fleet gate: {_RESULTS[code]}: {first}", _WIDTH),
        *(shorten(f"{row.name}: {_RESULTS[row.code]}: {row.reason}", _WIDTH) for row in shut),
        _next_step(shut),
    ]


def as_json(code: int, rows: Sequence[GateRow]) -> str:
    """The decision for programs."""
    accounts: list[Any] = [
        {
            "name": row.name,
            "account_id": row.account_id or None,
            "result": _RESULTS[row.code].lower(),
            "exit_code": row.code,
            "reason": row.reason,
            "advice": row.advice,
            "run": row.run or None,
            "deviations": row.deviations,
            "unknown": row.unknown,
        }
        for row in rows
    ]
    document: Any = {
        "schema": "auditor/fleet-gate/v1",
        "result": _RESULTS[code].lower(),
        "exit_code": code,
        "shut_by": [row.name for row in rows if row.code],
        "accounts": accounts,
    }
    return json.dumps(json.loads(json_text(document)), indent=2, ensure_ascii=False) + "\n"


def _next_step(shut: Sequence[GateRow]) -> str:
    if not shut:
        return "Nothing to do."
    if not shut[0].run:
        return f"Next: {shut[0].advice}" if shut[0].advice else "Run: auditor fleet audit"
    return f"Next: auditor fleet report --account {shut[0].name}"
