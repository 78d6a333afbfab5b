"""The roll-up of a fleet in the terminal: fits 80 columns, and uses more if there are more."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import timedelta

from tabulate import tabulate

from auditor.findings.model import Severity
from auditor.fleet import wording
from auditor.fleet.rollup import AccountSummary, FleetControl, FleetSummary, FleetVerdict
from auditor.plain_text import pluralize, printable
from auditor.report.display import shorten

NARROWEST = 60
_LONGEST_NAME = 18
"""Columns of the name of an account at 80 columns; a third of what there is more is added."""
_MOST_CONTROLS = 20
"""Controls that are listed; the other formats have all of them."""
_MOST_CHANGES = 20
"""Accounts whose changes are listed."""
_AFTER_NAME = 49
"""Columns of the table between the name of an account and its worst controls."""


def as_text(fleet: FleetSummary, width: int) -> str:
    """The roll-up, worst accounts first, at most `width` columns wide."""
    width = max(width, NARROWEST)
    parts = [
        "\n".join(_wrapped(line, width) for line in wording.head(fleet)),
        _accounts(fleet, width),
        *_failures(fleet, width),
        *_changes(fleet, width),
        *_controls(fleet, width),
        _nights(fleet),
        "The report of an account: auditor fleet report --account NAME",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _accounts(fleet: FleetSummary, width: int) -> str:
    head = ("account", *(str(severity) for severity in Severity), "unknown", "age", "worst")
    longest = _LONGEST_NAME + max(0, width - 80) // 3
    longest = min(longest, max(len(account.name) for account in fleet.accounts))
    longest = max(longest, _LONGEST_NAME)
    room = width - longest - _AFTER_NAME
    rows = [_row(account, fleet, longest, room) for account in fleet.accounts]
    return _table(head, rows, ("left", *("right",) * 6, "left"))


def _row(account: AccountSummary, fleet: FleetSummary, longest: int, room: int) -> Sequence[str]:
    name = shorten(account.name, longest)
    if account.facts is None:
        return name, *("-",) * 6, shorten(wording.verdict(account), room)
    worst = [each.control for each in account.worst]
    if account.verdict in (FleetVerdict.FAILED, FleetVerdict.INCOMPLETE):
        worst = [wording.verdict(account)]
    return (
        name,
        *(f"{account.deviations(severity):,}" for severity in Severity),
        f"{account.facts.unknown:,}",
        wording.age(account.age(fleet.at) or timedelta()),
        _fitting(worst, room),
    )


def _fitting(words: Sequence[str], room: int) -> str:
    """As many of these as fit."""
    text = ""
    for word in words:
        longer = f"{text}, {word}" if text else word
        if len(longer) > room:
            break
        text = longer
    return text


def _failures(fleet: FleetSummary, width: int) -> Iterator[str]:
    failed = [account for account in fleet.accounts if account.failure]
    if failed:
        lines = [_item(f"{account.name}: {account.failure}", width) for account in failed]
        yield "\n".join(["Not audited", *lines])
    earlier = [account.name for account in fleet.accounts if not account.is_current]
    if earlier:
        named = ", ".join(earlier)
        yield _wrapped(f"Judged with an earlier state of their policy: {named}.", width)


def _changes(fleet: FleetSummary, width: int) -> Iterator[str]:
    changed = [(account, wording.changes(account)) for account in fleet.accounts]
    lines = [_item(f"{account.name}: {what}", width) for account, what in changed if what]
    hidden = len(lines) - _MOST_CHANGES
    if hidden > 0:
        more = f"{pluralize(hidden, 'more account')}: auditor fleet report --format json"
        lines = [*lines[:_MOST_CHANGES], more]
    if lines:
        yield "\n".join(["Since the run before", *lines])


def _controls(fleet: FleetSummary, width: int) -> Iterator[str]:
    if not fleet.controls:
        return
    shown = fleet.controls[:_MOST_CONTROLS]
    head = "severity", "control", "accounts", "title, and which accounts deviate"
    room = max(20, width - 32)
    rows = []
    for each in shown:
        names = textwrap.shorten(", ".join(each.accounts), room, placeholder="…")
        counted = f"{len(each.accounts)} of {_audited(fleet)}"
        rows += [
            (str(each.severity), each.control, counted, shorten(_title(each), room)),
            ("", "", "", names),
        ]
    yield "Controls by accounts\n" + _table(head, rows, ("left", "left", "right", "left"))
    if hidden := len(fleet.controls) - len(shown):
        yield f"{pluralize(hidden, 'more control')}: auditor fleet report --format json"


def _title(control: FleetControl) -> str:
    return control.title or control.control


def _audited(fleet: FleetSummary) -> int:
    return sum(account.facts is not None for account in fleet.accounts)


def _nights(fleet: FleetSummary) -> str:
    if len(fleet.nights) < 2:
        return ""
    rows = [
        (
            f"{night.day}",
            f"{night.audited} of {night.accounts}",
            f"{night.deviations:,}",
            f"{night.unknown:,}",
        )
        for night in fleet.nights[-7:]
    ]
    head = "day", "audited", "deviations", "unknown"
    return "Nights\n" + _table(head, rows, ("left", "right", "right", "right"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str]) -> str:
    """The header of tabulate is two columns wider than its text, so the header is a row."""
    widths = [max(map(len, cells)) for cells in zip(head, *rows, strict=True)]
    rule = ["-" * size for size in widths]
    body = [head, rule, *rows]
    return str(tabulate(body, tablefmt="plain", colalign=align, disable_numparse=True))


def _item(text: str, width: int) -> str:
    return textwrap.fill(
        printable(" ".join(text.split())), width, initial_indent="  ", subsequent_indent="    "
    )


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(printable(text), width)
