"""The history for people: the stored runs as a table, and the trend drawn in the terminal."""

from collections.abc import Sequence

from tabulate import tabulate

from auditor.findings.drift import RunFacts, Standing
from auditor.findings.past import Past
from auditor.report import wording
from auditor.report.display import plain, shorten

_BAR = 24
"""Columns of the longest bar where there is room."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def table(rows: Sequence[tuple[RunFacts, str]], width: int) -> str:
    """The runs, the oldest first. `rows` are runs with a remark each, such as `accepted`."""
    room, wide, widest = width >= 96, width >= 124, width >= 150
    head = ["run", *["ended"] * wide, "baseline", *["depth"] * wide]
    head += ["deviations", "unknown", *["known"] * room, *["account"] * widest, ""]
    body = [
        [
            facts.id,
            *([wording.when(facts.finished_at)] * wide),
            shorten(facts.baseline_id, 16),
            *([facts.depth] * wide),
            wording.number(facts.deviations),
            wording.number(facts.unknown),
            *([known(facts)] * room),
            *([shorten(facts.account_id, 24)] * widest),
            remark if widest else remark.replace(", ", ",\n"),
        ]
        for facts, remark in rows
    ]
    align = ("left",) * (2 + 2 * wide) + ("right",) * (2 + room) + ("left",) * (1 + widest)
    return str(tabulate(body, headers=head, colalign=align, disable_numparse=True))


def known(facts: RunFacts) -> str:
    """The part of the checks that could be judged, rounded down: never 100 % with an unknown."""
    if not facts.judged:
        return "none"
    share = 1000 * (facts.judged - facts.unknown) // facts.judged
    return f"{share / 10:.1f} %"


def findings(rows: Sequence[tuple[Standing, Past]], width: int) -> str:
    """Findings and their pasts, one a line."""
    wide, widest = width >= 112, width >= 160
    head = ["control", *["setting"] * widest, "scope", "stands as", "life", "since"]
    head += [*["first seen"] * wide, "changed by"]
    room = max(12, (width - 56 - 12 * wide - 50 * widest) // 2)
    body = [
        [
            plain(each.control),
            *([shorten(each.setting, 48)] * widest),
            shorten(f"{wording.level_name(each.scope.level)} {each.scope.label}", room),
            wording.status_name(each.status),
            past.life or "",
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
        f"Account {plain(runs[-1].account_id)}, baseline {runs[-1].baseline_id}, "
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
