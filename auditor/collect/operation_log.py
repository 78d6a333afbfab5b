"""The operation log since an earlier run: who changed which setting meanwhile.

It is read last, so that it has whatever changed while the settings were read. No control needs it:
that it was refused is recorded, and nothing else follows. Of all entries, those are kept that say
that something was set or locked; the others, such as added users, are counted. No day of asking is
in the document.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from auditor.collect.document_requests import CollectionContext
from auditor.collect.parsing import as_text
from auditor.evidence import read_plan
from auditor.evidence.operation_log import entry, is_about_settings, moment, parse_switch
from auditor.evidence.reading import JsonValue
from auditor.zoom import endpoints
from auditor.zoom.redaction import REDACTED, is_secret_name

EVERYTHING = "all"
"""The category to ask for: which of them has the changes of groups is not documented."""

DAYS_AT_ONCE = 30
"""Zoom gives at most a month a request."""

EARLIER = timedelta(hours=1)
"""How much before the earlier run entries are kept from: clocks differ."""

LONGEST_ENTRY = 2000
"""Characters of an entry that are kept: one may tell many changes."""

_PARTS = re.compile(r"(\s+-\s+)")
_CHANGE = re.compile(
    r"(?s)(?P<label>[^:]*)(?P<how>:\s*(?:from|set to)\s+)(?P<values>.*)", re.IGNORECASE
)
_TO = re.compile(r"(\s+to\s+)", re.IGNORECASE)


def record(context: CollectionContext) -> None:
    """Read the log since the time that the plan names, and record what came of it."""
    since = moment(context.reads.changes_since)
    if not since or context.is_up_to_date(context.account, read_plan.CHANGES):
        return
    source = f"{endpoints.OPERATION_LOGS.request}?category_type={EVERYTHING}"
    outcome = context.fetch(source, lambda: _read(context, since), essential=False)
    context.snapshot.record(context.account, read_plan.CHANGES, outcome)


def _read(context: CollectionContext, since: str) -> JsonValue:
    """Ask for the entries since a time (RFC 3339, UTC), month by month."""
    first = moment((datetime.fromisoformat(since) - EARLIER).isoformat())
    read = 0
    entries: list[dict[str, JsonValue]] = []
    for begin, end in _months(date.fromisoformat(since[:10]), context.today()):
        params = {"from": str(begin), "to": str(end), "category_type": EVERYTHING}
        for row in context.api.items(endpoints.OPERATION_LOGS, params=params):
            read += 1
            log_entry = entry(row)
            if log_entry.time >= first and is_about_settings(log_entry):
                entries.append(
                    {
                        "time": log_entry.time,
                        "operator": as_text(row.get("operator")),
                        "category_type": as_text(row.get("category_type")),
                        "action": as_text(row.get("action")),
                        "operation_detail": _line(log_entry.detail),
                    }
                )
    entries.sort(key=lambda entry: [*map(str, entry.values())])
    return {"entries": [*entries], "read": read}


def _months(first: date, today: date) -> Iterator[tuple[date, date]]:
    """First and last day of each request, from the day before on: time zones may differ."""
    begin = max(first - timedelta(days=1), today - timedelta(days=read_plan.CHANGES_DAYS))
    while begin <= today:
        end = min(begin + timedelta(days=DAYS_AT_ONCE - 1), today)
        yield begin, end
        begin = end + timedelta(days=1)


def without_secrets(detail: str) -> str:
    """The text of an entry without the values of what is secret: `Host Key: from 1 to 2`.

    That a passcode was switched on or off is no secret, nor is how long it has to be.
    """
    return "".join(map(_without_secret, _PARTS.split(detail)))


def _without_secret(part: str) -> str:
    match = _CHANGE.match(part)
    if match is None or not is_secret_name(match["label"].strip()):
        return part
    values = [
        value if number % 2 or parse_switch(value) is not None else REDACTED
        for number, value in enumerate(_TO.split(match["values"]))
    ]
    return match["label"] + match["how"] + "".join(values)


def _line(detail: str) -> str:
    """An entry on one line. Two spaces stay two: they tell where the name of a group ends."""
    line = " ".join(without_secrets(detail).strip().splitlines())
    return line.encode("utf-8", "replace").decode("utf-8")[:LONGEST_ENTRY]
