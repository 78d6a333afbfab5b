"""The history in the terminal: the stored runs as a table, and their trend."""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tabulate import tabulate

from auditor.evidence.timestamps import format_or_none, format_rfc3339
from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.model import FindingHistory
from auditor.report import wording
from auditor.report.display import display_width, printable, shorten

_BAR = 24
"""Columns of the longest bar, if the terminal is wide enough."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def tables(rows: Sequence[tuple[RunFacts, str]], width: int, *, several: bool) -> str:
    """The runs, oldest first; with `several` accounts, one table per account."""
    if not several:
        return table(rows, width)
    by_account: dict[str, list[tuple[RunFacts, str]]] = {}
    for facts, remark in rows:
        by_account.setdefault(facts.account_id, []).append((facts, remark))
    return "\n\n".join(
        f"{shorten(f'Account {account_id}', width)}\n\n{table(account_rows, width)}"
        for account_id, account_rows in by_account.items()
    )


def table(rows: Sequence[tuple[RunFacts, str]], width: int) -> str:
    """The runs, oldest first. `rows` are runs with a remark each, such as `accepted`.

    A narrow terminal gets fewer columns; when a run ended and the remark are always there.
    """
    show_baseline, show_depth = width >= 96, width >= 110
    show_known, show_account = width >= 124, width >= 150
    head = ["run", "ended (UTC)", *["depth"] * show_depth, "deviations", "unknown"]
    head += [*["known"] * show_known, *["account"] * show_account, "note"]
    body = [
        [
            facts.id,
            wording.when(facts.finished_at).removesuffix(" UTC"),
            *([facts.depth] * show_depth),
            wording.number(facts.deviations),
            wording.number(facts.unknown),
            *([known_share(facts)] * show_known),
            *([shorten(facts.account_id, 24)] * show_account),
            remark if show_account else remark.replace(", ", ",\n"),
        ]
        for facts, remark in rows
    ]
    if show_baseline:  # it takes the remaining width, and wraps if that is not enough
        spare = width - sum(_widths([head, *body])) - 2 * len(head)
        head.insert(2, "baseline")
        for cells, (facts, _) in zip(body, rows, strict=True):
            name = shorten(facts.baseline.id, 16)
            cells.insert(2, textwrap.fill(name, max(len("baseline"), min(spare, 16))))
    align = (
        ("left",) * (2 + show_baseline + show_depth)
        + ("right",) * (2 + show_known)
        + ("left",) * (1 + show_account)
    )
    rule = ["-" * column_width for column_width in _widths([head, *body])]
    # The header of tabulate is two columns wider than its text, so the header is a row.
    return str(
        tabulate([head, rule, *body], tablefmt="plain", colalign=align, disable_numparse=True)
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The display width of each column of a table."""
    return [
        max(display_width(line) for cell in cells for line in cell.split("\n"))
        for cells in zip(*rows, strict=True)
    ]


def known_share(facts: RunFacts) -> str:
    """The share of checks that could be judged, rounded down: never 100 % with an unknown."""
    if not facts.judged:
        return "none"
    share = 1000 * (facts.judged - facts.unknown) // facts.judged
    return f"{share / 10:.1f} %"


def facts_object(facts: RunFacts) -> dict[str, Any]:
    """The facts of a run, as `run` in the JSON of a drift and of the history."""
    baseline = facts.baseline
    return {
        "id": facts.id,
        "account_id": facts.account_id,
        "api_url": facts.api_url,
        "started_at": format_rfc3339(facts.started_at),
        "finished_at": format_rfc3339(facts.finished_at),
        "depth": facts.depth,
        "baseline_id": baseline.id,
        "baseline_version": baseline.version,
        "baseline_digest": baseline.digest,
        "evidence_digest": facts.evidence_digest,
        "tool_version": facts.tool_version,
        "complete": facts.complete,
        "exit_code": facts.exit_code,
        "fail_on": facts.fail_on,
        "by_status": facts.by_status,
        "by_severity": facts.by_severity,
        "coverage": facts.coverage,
        "simulated": facts.simulated,
        "organisation_digest": facts.organisation_digest,
        "oldest_evidence_at": format_or_none(facts.oldest_evidence_at) or "",
    }


def findings(rows: Sequence[tuple[FindingState, FindingHistory]], width: int) -> str:
    """Findings and their histories, one per line."""
    show_first_seen, show_setting = width >= 112, width >= 160
    head = ["control", *["setting"] * show_setting, "scope", "stands as", "life", "since"]
    head += [*["first seen"] * show_first_seen, "changed by"]
    name_width = max(12, (width - 56 - 12 * show_first_seen - 50 * show_setting) // 2)
    body = [
        [
            printable(state.control),
            *([shorten(state.setting, 48)] * show_setting),
            shorten(f"{wording.level_name(state.scope.level)} {state.scope.label}", name_width),
            wording.status_name(state.status),
            history.lifecycle or "",
            _day(state.since),
            *([_day(state.first_seen)] * show_first_seen),
            shorten(history.changed_by.operator, name_width) if history.changed_by else "",
        ]
        for state, history in rows
    ]
    return str(tabulate(body, headers=head, disable_numparse=True))


def _day(moment: datetime | None) -> str:
    return "" if moment is None else str(moment.date())


def plot(runs: Sequence[RunFacts], width: int) -> str:
    """Deviations, unknowns and coverage over time, one run per line, oldest first."""
    most = max(1, *(max(facts.deviations, facts.unknown) for facts in runs))
    other_columns = 66 if any(not facts.complete for facts in runs) else 54
    bar = max(4, min(_BAR, (width - other_columns) // 2))
    body = [
        [
            wording.when(facts.finished_at),
            wording.number(facts.deviations),
            _bar(facts.deviations, most, bar),
            wording.number(facts.unknown),
            _bar(facts.unknown, most, bar),
            known_share(facts) + ("" if facts.complete else ", incomplete"),
        ]
        for facts in runs
    ]
    head = ["ended", "deviations", "", "unknown", "", "known"]
    align = ("left", "right", "left", "right", "left", "left")
    title = (
        f"Account {printable(runs[-1].account_id)}, baseline {runs[-1].baseline.id}, "
        f"depth {runs[-1].depth}"
    )
    return (
        shorten(title, width)
        + "\n"
        + str(tabulate(body, headers=head, colalign=align, disable_numparse=True))
    )


def _bar(count: int, most: int, longest: int) -> str:
    """A bar, to an eighth of a column; a positive count is at least one eighth long."""
    eighths = max(int(count > 0), round(count * longest * 8 / most))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
