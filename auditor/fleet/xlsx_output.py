"""The roll-up of a fleet as a workbook: sheets to filter and sort."""

import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from auditor.files.data_folder import TEMPORARY
from auditor.findings.model import Severity
from auditor.fleet import wording
from auditor.fleet.rollup import FleetSummary
from auditor.report.workbook import Book, create_workbook

_ACCOUNTS = {
    "Account": 20,
    "Verdict": 14,
    **{severity.value.capitalize(): 10 for severity in Severity},
    "Unknown": 10,
    "Age": 8,
    "New": 8,
    "Gone": 8,
    "Newly unknown": 14,
    "Worst controls": 30,
    "Tags": 20,
    "Account id": 26,
    "Run": 32,
    "Baseline": 20,
    "Why not audited": 80,
}
_CONTROLS = {"Severity": 10, "Control": 10, "Account": 20, "Deviations": 12, "What should be": 80}
_NIGHTS = {"Day": 12, "Accounts": 10, "Audited": 10, "Deviations": 12, "Unknown": 10}


def write_xlsx(fleet: FleetSummary, out: BinaryIO) -> None:
    """Write the workbook.

    Raises:
        OSError: it cannot be written.
    """
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        path = Path(folder) / "fleet.xlsx"
        with create_workbook(path, f"Fleet {fleet.name}", fleet.at) as book:
            book.page("Summary", [100], list(wording.head(fleet)), [])
            _accounts(book, fleet)
            _controls(book, fleet)
            nights = book.table("Nights", _NIGHTS, len(fleet.nights))
            for night in fleet.nights:
                nights.add(
                    [
                        str(night.day),
                        night.accounts,
                        night.audited,
                        night.deviations,
                        night.unknown,
                    ]
                )
        with path.open("rb") as made:
            shutil.copyfileobj(made, out)


def _accounts(book: Book, fleet: FleetSummary) -> None:
    table = book.table("Accounts", _ACCOUNTS, len(fleet.accounts))
    for account in fleet.accounts:
        facts, counts = account.facts, account.counts if account.has_earlier else None
        table.add(
            [
                account.name,
                wording.verdict(account),
                *(account.deviations(severity) if facts else "" for severity in Severity),
                facts.unknown if facts else "",
                wording.age(account.age(fleet.at) or timedelta()) if facts else "",
                *((counts.new, counts.gone, counts.newly_unknown) if counts else ("", "", "")),
                ", ".join(each.control for each in account.worst[:5]),
                ", ".join(account.tags),
                account.account_id,
                facts.id if facts else "",
                f"{facts.baseline.id} {facts.baseline.version}" if facts else "",
                account.failure,
            ]
        )


def _controls(book: Book, fleet: FleetSummary) -> None:
    rows = [(each, name, count) for each in fleet.controls for name, count in each.accounts.items()]
    table = book.table("Controls", _CONTROLS, len(rows))
    for each, name, count in rows:
        table.add([each.severity, each.control, name, count, each.title])
