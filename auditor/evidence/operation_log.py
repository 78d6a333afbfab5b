"""The operation log: parses the changes of settings in Zoom's log entries.

Entries are free text of the web portal, such as `Security  - Require a passcode: from On to Off`,
with several changes in a row, or `Edit Group NAME  - LABEL: from On to Off`. The wording of locks
is not published, so every plausible wording is accepted. No function raises, whatever an entry
contains. Source: anonymised entries of 2021 and 2022, and `GET
/report/operationlogs` of Zoom's Meetings API, 2024-01.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from auditor.evidence.reading import JsonValue, is_number
from auditor.evidence.timestamps import from_milliseconds

ON = frozenset({"on", "enabled", "enable", "true", "yes", "checked", "locked", "lock"})
OFF = frozenset({"off", "disabled", "disable", "false", "no", "unchecked", "unlocked", "unlock"})

_ELSEWHERE = frozenset(
    {"billing", "channel", "channels", "chat", "im", "phone contacts", "recording", "zoom rooms"}
)
"""Categories without settings of accounts, groups or users, as they appear in entries."""

_PEOPLE = frozenset({"user", "users"})
"""Categories that also contain free texts: `Job Title: set to Contractor`."""

_LOCK_WORDS = {"lock": "locked", "locked": "locked", "unlock": "unlocked", "unlocked": "unlocked"}
_BETWEEN = re.compile(r"\s+-\s+")
_AFTER_SUBJECT = re.compile(r"\s{2,}-\s+")
_CHANGE = re.compile(
    r"(?s)(.*?)\s*:\s*(?:from\b(?P<values>.*)|set to\b(?P<set>.*))$", re.IGNORECASE
)
_TO = re.compile(r"\s+to(?:\s+|$)", re.IGNORECASE)
_COLON = re.compile(r"\s*:\s*")
_DASHES = re.compile(r"[\W_]+")
_RUN = re.compile(r"\s{3,}")
_LONGEST = 4000
"""Characters of a detail that are parsed."""
_MOST_PARTS = 6
"""The most parts, separated by dashes, of a label or a group name."""
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_MILLISECONDS = 100_000_000_000
"""A number from here on is milliseconds since 1970, a smaller one seconds."""


Values = tuple[tuple[str | None, str], ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log."""

    time: datetime | None
    """None if the entry has no valid time."""
    operator: str
    category: str
    """As in the log: `Account`, `User Group`."""
    detail: str


@dataclass(frozen=True, slots=True)
class ParsedChange:
    """One possible reading of a change. An ambiguous text has one for each reading."""

    subjects: tuple[str, ...]
    """The possible texts before the label: a section of the portal, `Edit Group NAME`."""
    label: str
    """The name of the setting in the portal, normalized by `normalize_label`."""
    values: Values
    """Before and after; several pairs if a value may contain the word "to"."""
    is_lock: bool = False
    """True if the lock of the setting was changed, not its value."""


def entries(body: JsonValue) -> Iterator[LogEntry]:
    """The entries of a stored log. Skips everything that is not an entry."""
    rows = body.get("entries") if isinstance(body, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield entry(row)


def entry(row: Mapping[str, JsonValue]) -> LogEntry:
    """Parse a row of the log, in Zoom's form or in the stored form."""
    return LogEntry(
        moment(row.get("time")),
        _words(row.get("operator")),
        _words(row.get("category_type") or row.get("category")),
        _words(row.get("operation_detail") or row.get("detail")),
    )


def moment(value: JsonValue) -> datetime | None:
    """A time in UTC, to the millisecond; None if it is invalid. A time without a zone is UTC."""
    try:
        if is_number(value):
            return from_milliseconds(round(value if abs(value) >= _MILLISECONDS else value * 1000))
        at = datetime.fromisoformat(str(value).strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return from_milliseconds(round(at.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return None


def is_about_settings(log_entry: LogEntry) -> bool:
    """True if an entry says that a setting of an account, a group or a user was changed."""
    category = normalize_label(log_entry.category)
    if category in _ELSEWHERE:
        return False
    return (
        is_change(log_entry.detail) if category in _PEOPLE else any(parse_changes(log_entry.detail))
    )


def is_change(detail: str) -> bool:
    """True if a text says that a setting was switched, changed or locked."""
    return any(_is_switch_or_lock(change) for change in parse_changes(detail))


def parse_changes(detail: str) -> Iterator[ParsedChange]:
    """Every possible reading of the changes in the text of an entry."""
    text = _RUN.sub("  ", detail[:_LONGEST].strip())
    head = _AFTER_SUBJECT.split(text, maxsplit=1)
    known = (head[0],) if len(head) == 2 else ()
    parts = _BETWEEN.split(head[-1])
    waiting: list[str] = []
    context: list[str] | None = None
    for number, part in enumerate(parts, 1):
        changes = list(_of_part(part, is_last=number == len(parts)))
        if not changes:
            waiting.append(part)
            continue
        first = context is None
        context = waiting if context is None else context
        for label, values, is_lock in changes:
            for at in range(max(0, len(waiting) - _MOST_PARTS), len(waiting) + 1):
                named = " - ".join([*waiting[at:], label])
                before = (context[:at] if first else context)[:_MOST_PARTS]
                subjects = known or tuple(" - ".join(before[: n + 1]) for n in range(len(before)))
                yield from _readings(subjects, named, values, is_lock)
        waiting = []


@lru_cache(maxsize=16_384)
def normalize_label(text: str) -> str:
    """A label for comparison, without case, punctuation and repeated spaces."""
    return _DASHES.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def parse_switch(word: str) -> bool | None:
    """True for a value that means on or locked, False for off or unlocked, None for others."""
    normalized = normalize_label(word)
    return True if normalized in ON else False if normalized in OFF else None


_NAMED = re.compile(
    r"^(?:[a-z]+\s+){0,4}?"
    r"(?:user group|group|user|member|admin|role|channel|contact|room|site|topic"
    r"|(?:meeting|webinar)(?=\s*(?:$|[:\d]|topic\b|id\b)))s?\b"
    r"(?!\s+(?:settings?|to|can|may|who|with)\b)(?P<name>.*)$",
    re.IGNORECASE | re.DOTALL,
)
"""The beginning of an entry that names the changed object: `Edit Group NAME`, `Change Role`."""

_NAMING = re.compile(
    r"\b(?:name|topic|title|description|agenda|text|message|department|label)s?$", re.IGNORECASE
)
"""Labels whose values are free texts."""

_QUOTED = re.compile(r"""\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)""")
_VALUE = re.compile(r"(?:[^\W\d_]+|\d+)(?P<rest>\W.*)?$", re.DOTALL)


def outside_names(detail: str) -> str:
    """The text of an entry without the names of groups, people, roles and meetings.

    Anyone can choose such a name, so its text is not evidence. An ambiguous text is treated as a
    name.
    """
    parts = [_QUOTED.sub(" ", part) for part in _BETWEEN.split(detail[:_LONGEST])]
    first = next((n for n, part in enumerate(parts) if _CHANGE.match(part)), len(parts))
    named = _NAMED.match(parts[0].strip()) if first else None
    head, changes = parts[:first], parts[first:]
    if named is not None:
        head = [parts[0].strip()[: named.start("name")]]
    by_name = named is not None and not named["name"].strip()  # `Change Role - NAME: from A to B`
    return " - ".join([*head, *(_without_values(part, by_name=by_name) for part in changes)])


def _without_values(part: str, *, by_name: bool) -> str:
    """A change without free texts; the text after a switch or a number stays."""
    match = _CHANGE.match(part)
    if match is None:
        return "" if by_name else part
    label = "" if by_name else match[1]
    value = match["set"] if match["set"] is not None else _TO.split(match["values"])[-1]
    first = _VALUE.match(value.strip())
    if first is None or _NAMING.search(match[1]) or by_name:
        return label
    word = value.strip()[: first.start("rest")] if first["rest"] else value.strip()
    is_plain = parse_switch(word) is not None or word.isdigit()
    return f"{label} {first['rest'] or ''}" if is_plain else label


def _of_part(part: str, *, is_last: bool) -> Iterator[tuple[str, Values, bool]]:
    """Label, values and whether a lock was changed, for a part of an entry with a change."""
    match = _CHANGE.match(part)
    if match:
        after = match["set"]
        values = ((None, after.strip()),) if after is not None else tuple(_pairs(match["values"]))
        words = {normalize_label(word) for pair in values for word in pair if word}
        yield match[1].strip(), values, bool(words) and words <= set(_LOCK_WORDS)
        return
    pieces = _COLON.split(part.strip(), maxsplit=1)
    if len(pieces) == 2 and normalize_label(pieces[1]) in _LOCK_WORDS:
        yield pieces[0], ((None, _LOCK_WORDS[normalize_label(pieces[1])]),), True
        return
    for word, rest in _around_a_lock(part) if is_last else ():
        yield rest, ((None, _LOCK_WORDS[word]),), True


def _pairs(text: str) -> Iterator[tuple[str | None, str]]:
    """Every reading of `A to B`, because a value may contain the word "to"."""
    for match in _TO.finditer(text):
        yield text[: match.start()].strip(), text[match.end() :].strip()


def _readings(
    subjects: tuple[str, ...], label: str, values: Values, is_lock: bool
) -> Iterator[ParsedChange]:
    """The literal reading, and readings as a change of a lock if the label has a word for it."""
    yield ParsedChange(subjects, normalize_label(label), values, is_lock)
    for _, rest in _around_a_lock(label):
        yield ParsedChange(subjects, rest, values, is_lock=True)


def _around_a_lock(text: str) -> Iterator[tuple[str, str]]:
    """The word for a lock at the beginning or the end of a text, and the rest of the text."""
    words = normalize_label(text).split()
    if len(words) > 1:
        for word, rest in ((words[0], words[1:]), (words[-1], words[:-1])):
            if word in _LOCK_WORDS:
                yield word, " ".join(rest)


def _is_switch_or_lock(change: ParsedChange) -> bool:
    """False for a change of a free text, such as a person's job title."""
    return change.is_lock or any(
        before is not None or parse_switch(after) is not None for before, after in change.values
    )


def _words(value: JsonValue) -> str:
    return value.strip() if isinstance(value, str) else ""


def merge_entries(*groups: Iterable[LogEntry]) -> list[LogEntry]:
    """The distinct entries of several readings, sorted by time; those without a time come first."""
    merged = {log_entry for group in groups for log_entry in group}
    return sorted(merged, key=lambda e: (e.time or _NO_TIME, e.operator, e.category, e.detail))
