"""Retention: which runs may be deleted."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from auditor.store.history import StoredRun


def expired(
    entries: Sequence[StoredRun],
    now: datetime,
    keep: timedelta,
    monthly: int,
    accepted: Iterable[str] = (),
) -> list[StoredRun]:
    """The runs that need not be kept, oldest first.

    Kept are the runs younger than `keep`, the last run of each of the last `monthly` months (the
    current one included), the newest run of each series, and the accepted runs. A run that was set
    aside or ends in the future does not count as the last or newest.
    """
    protected = set(accepted)
    newest: dict[int, StoredRun] = {}
    of_month: dict[tuple[int, str], StoredRun] = {}
    for entry in (stored for stored in entries if stored.counts(now)):
        newest[entry.series] = max(newest.get(entry.series, entry), entry, key=_number)
        month = entry.series, f"{entry.facts.finished_at:%Y-%m}"
        of_month[month] = max(of_month.get(month, entry), entry, key=_number)
    protected |= {entry.facts.id for entry in newest.values()}
    since = _month_before(now, monthly - 1)
    protected |= {
        entry.facts.id for (_, month), entry in of_month.items() if monthly > 0 and month >= since
    }
    oldest = now - keep
    return [
        entry
        for entry in entries
        if entry.facts.id not in protected and entry.facts.finished_at < oldest
    ]


def _number(entry: StoredRun) -> int:
    return entry.number


def _month_before(now: datetime, months: int) -> str:
    """The month `months` before the current one, as `2026-11`."""
    count = now.year * 12 + now.month - 1 - months
    return f"{count // 12:04d}-{count % 12 + 1:02d}"
