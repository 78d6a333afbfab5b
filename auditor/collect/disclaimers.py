"""Counts how participants answered the notices of the last 30 days. Stores nothing else.

A row of the report names a person and a meeting. Neither is stored, only the number of answers by
notice, by answer, and by whether the participant was a guest.
"""

import calendar
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

from auditor.collect.document_requests import CollectionContext
from auditor.collect.usage import AccountUse
from auditor.evidence.json_values import as_text
from auditor.evidence.read_plan import DISCLAIMERS, history
from auditor.evidence.reading import JsonValue, Unseen
from auditor.evidence.view import Document, Outcome, ReadFailure
from auditor.surfaces.model import DAYS
from auditor.surfaces.notices import NOTICE_KINDS, PASSIVE, UNDOCUMENTED_ANSWER
from auditor.surfaces.reports import AI_FEATURES
from auditor.zoom import endpoints

ANSWERS = ("agree", "cancel", PASSIVE, "decline attend")
"""Documented values of `disclaimer_status`, in lower case. Source: Meetings API, 2026-05."""

MARGIN = timedelta(minutes=15)
"""How long before the start or after the end of a meeting its notice may be answered."""

Row = Mapping[str, JsonValue]
Call = tuple[str, str, str]
"""Number, start and end of a past meeting."""


def record(context: CollectionContext, use: AccountUse) -> None:
    """Count and record the answers to the notices of the plan."""
    account, kinds = context.account, context.reads.answered
    if not kinds or context.is_up_to_date(account, DISCLAIMERS):
        return
    calls = _calls_with_ai(context, use) if "ai" in kinds else _Calls()
    outcome: Outcome = context.fetch(
        endpoints.DISCLAIMERS.request, lambda: _count_answers(context, calls)
    )
    if isinstance(outcome, Document) and isinstance(outcome.body, dict):
        outcome = replace(
            outcome, body={**outcome.body, **_count_recordings(context, outcome.body)}
        )
    if isinstance(outcome, Document):  # evidence is plain JSON, without counters and enums
        outcome = replace(outcome, body=json.loads(json.dumps(outcome.body)))
    context.snapshot.record(account, DISCLAIMERS, outcome)
    if isinstance(outcome, Document) and use.reported.calls_with_ai:
        use.reported.calls_with_ai.clear()
        use.save()


@dataclass
class _Calls:
    """The past meetings with AI by UUID, or the reason why they are unknown."""

    by_uuid: dict[str, Call] = field(default_factory=dict)
    unclear: int = 0
    """Listed meetings that do not say whether they used AI."""
    missing: Unseen | None = None


def _calls_with_ai(context: CollectionContext, use: AccountUse) -> _Calls:
    """The meetings that other reports named, or that are requested now."""
    calls = _Calls(dict(use.reported.calls_with_ai))
    known = context.snapshot.evidence_of(context.account).outcomes
    for feature in AI_FEATURES:
        outcome = known.get(history(feature))
        if outcome is None:
            outcome = context.fetch(
                _history(feature), partial(_find_calls, context, feature, calls)
            )
        elif isinstance(outcome, Document) and isinstance(outcome.body, dict):
            hosts = outcome.body.get("hosts")
            counts = (
                [host.get("unclear") for host in hosts if isinstance(host, dict)]
                if isinstance(hosts, list)
                else []
            )
            calls.unclear += sum(count for count in counts if isinstance(count, int))
        if isinstance(outcome, ReadFailure):
            calls.missing = calls.missing or outcome.unseen
    return calls


def _find_calls(context: CollectionContext, feature: str, calls: _Calls) -> None:
    for row in _past_meetings(context, feature):
        if _used(row, feature):
            number, start, end = map(
                as_text, map(row.get, ("meeting_id", "start_time", "end_time"))
            )
            calls.by_uuid[as_text(row.get("meeting_uuid"))] = (number, start, end)
        else:
            calls.unclear += 1


def _count_answers(context: CollectionContext, calls: _Calls) -> JsonValue:
    """Request the answers to each type of notice, one month per request."""
    answers: Counter[tuple[str, str, str]] = Counter()
    answered = _Answered(calls.by_uuid)
    for kind in context.reads.answered:
        for notice in NOTICE_KINDS[kind].types:
            for days in _windows(context):
                params = {**days, "disclaimer_type": notice}
                for row in context.api.items(endpoints.DISCLAIMERS, params=params):
                    # An API version without this filter lists all types every time.
                    if _key(row.get("disclaimer_type")) != _key(notice):
                        continue
                    answers[notice, _answer(row), _guest(row)] += 1
                    if kind == "ai":
                        answered.note(row)
    rows: list[JsonValue] = [
        {"notice": notice, "answer": answer, "guest": guest, "count": count}
        for (notice, answer, guest), count in sorted(answers.items())
    ]
    if "ai" not in context.reads.answered:
        return {"answers": rows}
    if calls.missing is not None:
        return {"answers": rows, "ai_meetings_missing": _failure_json(calls.missing)}
    held = len(calls.by_uuid)
    unanswered = held - len(answered.uuids)
    numbers: JsonValue = {"held": held, "unanswered": unanswered, "unclear": calls.unclear}
    return {"answers": rows, "ai_meetings": numbers}


def _count_recordings(context: CollectionContext, body: Row) -> dict[str, JsonValue]:
    """The number of recorded meetings, if no notice of a recording was answered."""
    kind = NOTICE_KINDS["recording"]
    rows = body["answers"] if isinstance(body["answers"], list) else []
    notices = {str(row.get("notice")) for row in rows if isinstance(row, dict)}
    if "recording" not in context.reads.answered or not notices.isdisjoint(kind.types):
        return {}
    recorded = 0
    for feature in kind.features:
        outcome = context.fetch(_history(feature), partial(_number_of_calls, context, feature))
        if isinstance(outcome, ReadFailure):
            return {"recordings_missing": _failure_json(outcome.unseen)}
        recorded += outcome.body if isinstance(outcome.body, int) else 0
    return {"recordings": recorded}


def _number_of_calls(context: CollectionContext, feature: str) -> int:
    return sum(1 for _ in _past_meetings(context, feature))


def _past_meetings(context: CollectionContext, feature: str) -> Iterator[Row]:
    """The past meetings that used a feature, or that do not say whether they did."""
    for days in _windows(context):
        params = {**days, "meeting_type": "all", "meeting_feature": feature}
        for row in context.api.items(endpoints.HISTORY_MEETINGS, params=params):
            features = row.get("feature_used")
            if not isinstance(features, dict) or features.get(feature) is not False:
                yield row


def _used(row: Row, feature: str) -> bool:
    """True if a row says that its meeting used a feature, and names the meeting."""
    features = row.get("feature_used")
    used = isinstance(features, dict) and features.get(feature) is True
    return used and bool(as_text(row.get("meeting_uuid")))


def _windows(context: CollectionContext) -> Iterator[dict[str, str]]:
    last = context.today()
    for start, end in months(last - timedelta(days=DAYS - 1), last):
        yield {"from": str(start), "to": str(end)}


def _history(feature: str) -> str:
    """The request by which reports name it."""
    return f"{endpoints.HISTORY_MEETINGS.request}?meeting_feature={feature}"


def _failure_json(unseen: Unseen) -> JsonValue:
    return {"cause": unseen.cause.value, "detail": unseen.detail}


@dataclass
class _Answered:
    """The past meetings with AI in which at least one notice was answered."""

    calls: Mapping[str, Call]
    uuids: set[str] = field(default_factory=set)
    _by_number: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_number = defaultdict(list)
        for uuid, (number, _, _) in self.calls.items():
            self._by_number[number].append(uuid)

    def note(self, row: Row) -> None:
        """Add the meeting of a row. All meetings of a series share one number."""
        named = as_text(row.get("meeting_id"))
        if named in self.calls:
            self.uuids.add(named)
            return
        number = as_text(row.get("meeting_number")) or named
        at = _moment(as_text(row.get("time")))
        digits = "".join(char for char in number if char.isdigit())
        for uuid in self._by_number.get(digits, ()) if digits else ():
            _, start, end = self.calls[uuid]
            if _is_within(at, _moment(start), _moment(end)):
                self.uuids.add(uuid)


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Split the days from `first` to `last` into ranges of at most one month, oldest first."""
    while first <= last:
        year, month = divmod(first.year * 12 + first.month, 12)
        month += 1
        day = min(first.day, calendar.monthrange(year, month)[1])
        end = min(last, date(year, month, day))
        yield first, end
        first = end + timedelta(days=1)


def _is_within(at: datetime | None, start: datetime | None, end: datetime | None) -> bool:
    """True unless a known time contradicts it; missing times are ignored."""
    if at is None or start is None:
        return True
    return start - MARGIN <= at and (end is None or at <= end + MARGIN)


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _answer(row: Row) -> str:
    known = {_key(answer): answer for answer in ANSWERS}
    return known.get(_key(row.get("disclaimer_status")), UNDOCUMENTED_ANSWER)


def _guest(row: Row) -> str:
    """Whether the participant was a guest: `yes`, `no` or `unknown`."""
    guest = row.get("is_guest")
    return ("yes" if guest else "no") if isinstance(guest, bool) else "unknown"


def _key(value: JsonValue) -> str:
    """A name without case and punctuation: Zoom writes `Passive Agree` and `passive_agree`."""
    return "".join(char for char in as_text(value).casefold() if char.isalnum())
