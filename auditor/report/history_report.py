"""The history for people: the stored runs as a table, and the trend drawn in the terminal."""

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.finding_history import FindingHistory
from auditor.report import wording
from auditor.report.display import display_width, printable, shorten

_BAR = 24
"""Columns of the longest bar where there is room."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def tables(rows: Sequence[tuple[RunFacts, str]], width: int, *, several: bool) -> str:
    """The runs, the oldest first: with `several` accounts a table each, under the account."""
    if not several:
        return table(rows, width)
    by_account: dict[str, list[tuple[RunFacts, str]]] = {}
    for facts, remark in rows:
        by_account.setdefault(facts.account_id, []).append((facts, remark))
    return "\n\n".join(
        f"{shorten(f'Account {account_id}', width)}\n\n{table(its, width)}"
        for account_id, its in by_account.items()
    )


def table(rows: Sequence[tuple[RunFacts, str]], width: int) -> str:
    """The runs, the oldest first. `rows` are runs with a remark each, such as `accepted`."""
    room, wide, widest = width >= 96, width >= 124, width >= 150
    head = ["run", *["ended"] * wide, "depth", "deviations", "unknown"]
    head += [*["known"] * room, *["account"] * widest, ""]
    body = [
        [
            facts.id,
            *([wording.when(facts.finished_at)] * wide),
            facts.depth,
            wording.number(facts.deviations),
            wording.number(facts.unknown),
            *([known(facts)] * room),
            *([shorten(facts.account_id, 24)] * widest),
            remark if widest else remark.replace(", ", ",\n"),
        ]
        for facts, remark in rows
    ]
    # The baseline has what the others leave, and goes on below where that is not enough.
    left = width - sum(_widths([head, *body])) - 2 * len(head)
    at = 1 + wide
    head.insert(at, "baseline")
    for cells, (facts, _) in zip(body, rows, strict=True):
        name = shorten(facts.baseline_id, 16)
        cells.insert(at, textwrap.fill(name, max(len("baseline"), min(left, 16))))
    align = ("left",) * (3 + wide) + ("right",) * (2 + room) + ("left",) * (1 + widest)
    rule = ["-" * each for each in _widths([head, *body])]
    # A head of tabulate's own is two columns wider than its text.
    return str(
        tabulate([head, rule, *body], tablefmt="plain", colalign=align, disable_numparse=True)
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns that each column of a table takes."""
    return [
        max(display_width(line) for cell in cells for line in cell.split("\n"))
        for cells in zip(*rows, strict=True)
    ]


def known(facts: RunFacts) -> str:
    """The part of the checks that could be judged, rounded down: never 100 % with an unknown."""
    if not facts.judged:
        return "none"
    share = 1000 * (facts.judged - facts.unknown) // facts.judged
    return f"{share / 10:.1f} %"


def findings(rows: Sequence[tuple[FindingState, FindingHistory]], width: int) -> str:
    """Findings and their pasts, one a line."""
    wide, widest = width >= 112, width >= 160
    head = ["control", *["setting"] * widest, "scope", "stands as", "life", "since"]
    head += [*["first seen"] * wide, "changed by"]
    room = max(12, (width - 56 - 12 * wide - 50 * widest) // 2)
    body = [
        [
            printable(each.control),
            *([shorten(each.setting, 48)] * widest),
            shorten(f"{wording.level_name(each.scope.level)} {each.scope.label}", room),
            wording.status_name(each.status),
            past.lifecycle or "",
            each.since[:10],
            *([each.first_seen[:10]] * wide),
            shorten(past.changed_by.operator, room) if past.changed_by else "",
        ]
        for each, past in rows
    ]
    return str(tabulate(body, headers=head, disable_numparse=True))


def plot(runs: Sequence[RunFacts], width: int) -> str:
    """Deviations, unknowns and coverage over time, one run a line, the oldest first."""
    most = max(1, *(max(facts.deviations, facts.unknown) for facts in runs))
    beside = 66 if any(not facts.complete for facts in runs) else 54
    bar = max(4, min(_BAR, (width - beside) // 2))
    body = [
        [
            wording.when(facts.finished_at),
            wording.number(facts.deviations),
            _bar(facts.deviations, most, bar),
            wording.number(facts.unknown),
            _bar(facts.unknown, most, bar),
            known(facts) + ("" if facts.complete else ", incomplete"),
        ]
        for facts in runs
    ]
    head = ["ended", "deviations", "", "unknown", "", "known"]
    align = ("left", "right", "left", "right", "left", "left")
    title = (
        f"Account {printable(runs[-1].account_id)}, baseline {runs[-1].baseline_id}, "
        f"depth {runs[-1].depth}"
    )
    return (
        shorten(title, width)
        + "\n"
        + str(tabulate(body, headers=head, colalign=align, disable_numparse=True))
    )


def _bar(count: int, most: int, longest: int) -> str:
    """A bar, to an eighth of a column; something is never drawn as nothing."""
    eighths = max(int(count > 0), round(count * longest * 8 / most))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
