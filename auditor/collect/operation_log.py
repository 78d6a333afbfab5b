"""The operation log since an earlier run: who changed which setting.

It is read last, so that it covers changes made while the settings were read. No control needs it,
so a refusal is recorded and has no other effect. Entries about a changed or locked setting are
stored; others, such as added users, are only counted. The document does not contain the date of
the request.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from auditor.collect.document_requests import CollectionContext
from auditor.evidence import read_plan
from auditor.evidence.json_values import as_text
from auditor.evidence.operation_log import entry, is_about_settings, moment
from auditor.evidence.reading import JsonValue
from auditor.evidence.timestamps import format_rfc3339
from auditor.surfaces.administration import without_secrets
from auditor.zoom import endpoints

EVERYTHING = "all"
"""The category to request. Zoom does not document which one contains changes of groups."""

DAYS_AT_ONCE = 30
"""Zoom returns at most one month per request."""

EARLIER = timedelta(hours=1)
"""Entries up to this long before the earlier run are included, because clocks differ."""

LONGEST_ENTRY = 2000
"""Characters of an entry that are stored. One entry may contain many changes."""


def record(context: CollectionContext) -> None:
    """Read the log since the time in the plan, and record the outcome."""
    since = moment(context.reads.changes_since)
    if since is None or context.is_up_to_date(context.account, read_plan.CHANGES):
        return
    source = f"{endpoints.OPERATION_LOGS.request}?category_type={EVERYTHING}"
    outcome = context.fetch(source, lambda: _read(context, since), essential=False)
    context.snapshot.record(context.account, read_plan.CHANGES, outcome)


def _read(context: CollectionContext, since: datetime) -> JsonValue:
    """Read the entries since a time, month by month."""
    first = since - EARLIER
    read = 0
    entries: list[dict[str, JsonValue]] = []
    for begin, end in _months(since.date(), context.today()):
        params = {"from": str(begin), "to": str(end), "category_type": EVERYTHING}
        for row in context.api.items(endpoints.OPERATION_LOGS, params=params):
            read += 1
            log_entry = entry(row)
            if log_entry.time and log_entry.time >= first and is_about_settings(log_entry):
                entries.append(
                    {
                        "time": format_rfc3339(log_entry.time),
                        "operator": as_text(row.get("operator")),
                        "category_type": as_text(row.get("category_type")),
                        "action": as_text(row.get("action")),
                        "operation_detail": _line(log_entry.detail),
                    }
                )
    entries.sort(key=lambda entry: [*map(str, entry.values())])
    return {"entries": [*entries], "read": read}


def _months(first: date, today: date) -> Iterator[tuple[date, date]]:
    """First and last day of each request. Starts one day early, because time zones may differ."""
    begin = max(first - timedelta(days=1), today - timedelta(days=read_plan.CHANGES_DAYS))
    while begin <= today:
        end = min(begin + timedelta(days=DAYS_AT_ONCE - 1), today)
        yield begin, end
        begin = end + timedelta(days=1)


def _line(detail: str) -> str:
    """An entry on one line. Double spaces are kept: they mark the end of a group name."""
    line = " ".join(without_secrets(detail).strip().splitlines())
    return line.encode("utf-8", "replace").decode("utf-8")[:LONGEST_ENTRY]
