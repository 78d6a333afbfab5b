"""Notices: how participants answered them, in the last 30 days and in single past meetings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.evidence.json_values import as_text
from auditor.evidence.read_plan import (
    DISCLAIMERS,
    NOTICES,
    history,
)
from auditor.evidence.reading import Cause, JsonValue, LookupResult, Seen, Unseen, at_path
from auditor.evidence.scope import Level
from auditor.evidence.view import SETTINGS, Document, View
from auditor.plain_text import pluralize
from auditor.surfaces.model import (
    NOT_REQUESTED,
    Body,
    Fetch,
    StoredRows,
    Surface,
    SurfaceLevel,
    UseQuestion,
    missing,
    number,
)
from auditor.surfaces.reports import AI_FEATURES
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint

AI_ANSWERS = ("no disclaimer", "agree", "leave meeting")
"""The documented answers to the AI notice. Source: `aic_disclaimer`, @zoom/rivet 0.4.0."""

PASSIVE = "passive agree"
"""An implicit answer to a notice: the person stayed. Source: `GET /report/disclaimer`."""
UNDOCUMENTED_ANSWER = "undocumented"
"""Replaces an answer that Zoom does not document, because its text may be personal."""
_ANSWER_WORDS = {
    "agree": "“Agree”",
    PASSIVE: "“Passive Agree”, without taking any action",
    "decline attend": "“Decline Attend”",
    "cancel": "“Cancel”",
    UNDOCUMENTED_ANSWER: "another answer",
}
"""The documented answers to any notice, as Zoom calls them: it does not say what each led to.
Source: `GET /report/disclaimer`, Meetings API, 2026-05."""
_OF_GUESTS = {"yes": " (guests)", "unknown": " (guest or not: unknown)"}


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """Notices that ask for the same consent, and the features that have to show them."""

    name: str
    """What people call the notice."""
    types: tuple[str, ...]
    """`disclaimer_type` of a row. Source: `GET /report/disclaimer`, Meetings API, 2026-05."""
    features: tuple[str, ...] = ()
    """`meeting_feature` of the past meetings that show the notice; empty if no report has it."""


NOTICE_KINDS: Mapping[str, NoticeKind] = {
    "ai": NoticeKind("the AI notice", ("summary", "query", "AICompanion"), AI_FEATURES),
    "recording": NoticeKind(
        "the recording notice", ("recording",), ("record_to_cloud", "record_to_computer")
    ),
    "archive": NoticeKind("the notice of archiving", ("archive",)),
    "live_stream": NoticeKind("the notice of live streaming", ("liveStream",)),
}
"""The kinds of notices that controls check."""

_PREFIX = "answered_notices:"
"""Prefix of the settings of their checks, followed by the kind."""


def notice_kind(setting: str) -> str:
    """The kind of notices, one of `NOTICE_KINDS`, whose answers a check reads."""
    return setting.removeprefix(_PREFIX)


def _participants(fetch: Fetch) -> JsonValue:
    """How the participants of a past meeting answered the AI notice."""
    answers: Counter[str] = Counter()
    silent = 0
    for row in fetch.rows({"type": "past"}):
        answer = as_text(row.get("aic_disclaimer"))
        if answer:
            answers[answer] += 1
        else:
            silent += 1
    rows: list[JsonValue] = [
        {"answer": answer, "people": answers[answer]} for answer in sorted(answers)
    ]
    return {"answers": rows, "silent": silent}


def _notice_answers(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The number of people per answer to one kind of notice, and whether notices are missing."""
    kind = notice_kind(question.setting)
    totals, shown = Counter[str](), Counter[str]()
    for row in stored.rows:
        if str(row.get("notice")) in NOTICE_KINDS[kind].types:
            answer, count = str(row.get("answer")), number(row, "count")
            totals[answer] += count
            shown[answer + _OF_GUESTS.get(str(row.get("guest")), "")] += count
    due = _due(kind, question, stored.body)
    if not totals:
        if isinstance(due, Unseen):
            return LookupResult(due, stored.source)
        if due.not_applicable_reason:
            return LookupResult(
                Unseen(Cause.ABSENT, "nobody answered"),
                stored.source,
                not_applicable_reason=due.not_applicable_reason,
            )
        detail = f"{due.what}, and Zoom lists no answer to a notice: look whether one was shown"
        return LookupResult(Unseen(Cause.ABSENT, detail), stored.source)
    incomplete = due.incomplete if isinstance(due, _Due) else due if kind == "ai" else None
    if totals[UNDOCUMENTED_ANSWER]:
        detail = f"{totals[UNDOCUMENTED_ANSWER]} answers are not ones that Zoom documents"
        incomplete = Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    parts = [
        f"{pluralize(totals[answer], 'time')} {words}"
        for answer, words in _ANSWER_WORDS.items()
        if totals[answer]
    ]
    return LookupResult(
        Seen(dict(totals), question.setting),
        stored.source,
        note=f"Participants' answers to {NOTICE_KINDS[kind].name} in 30 days: {'; '.join(parts)}.",
        shown=dict(sorted(shown.items())),
        incomplete=incomplete,
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """Whether notices were due: `not_applicable_reason` says why not, `what` why."""

    not_applicable_reason: str = ""
    what: str = ""
    incomplete: Unseen | None = None
    """Why some notices may not have been shown."""


def _due(kind: str, question: UseQuestion, body: Body) -> _Due | Unseen:
    """Whether notices of a kind were due in the last 30 days, according to the evidence."""
    match kind:
        case "ai":
            return missing(body, "ai_meetings") or _due_for_ai(body)
        case "recording":
            return missing(body, "recordings") or _due_for_recordings(body)
        case "archive":
            return _due_for_archives(question)
    return _Due(
        not_applicable_reason="Nobody answered a notice of live streaming in the last 30 days."
    )


def _due_for_ai(body: Body) -> _Due | Unseen:
    meetings = body.get("ai_meetings")
    if not isinstance(meetings, dict):
        return Unseen(Cause.ABSENT, "the stored evidence has no ai_meetings")
    meeting_count, unanswered = number(meetings, "held"), number(meetings, "unanswered")
    unclear = number(meetings, "unclear")
    incomplete = None
    if unanswered:
        detail = (
            f"{unanswered} of {meeting_count} meetings with AI show no answer to an AI notice: "
            "look at one of them whether a notice was shown"
        )
        incomplete = Unseen(Cause.ABSENT, detail)
    elif unclear:
        detail = f"{unclear} meetings were listed that do not say whether they used AI"
        incomplete = Unseen(Cause.ABSENT, detail)
    if not meeting_count and incomplete is not None:
        return incomplete
    if not meeting_count:
        return _Due(
            not_applicable_reason="No meeting used AI in the last 30 days, "
            "and nobody answered a notice of it."
        )
    return _Due(what=f"{meeting_count} meetings used AI in the last 30 days", incomplete=incomplete)


def _due_for_recordings(body: Body) -> _Due:
    # If there are answers, the collector does not read whether meetings were recorded.
    recorded = number(body, "recordings") if "recordings" in body else 0
    if recorded:
        return _Due(what=f"{recorded} meetings were recorded in the last 30 days")
    return _Due(
        not_applicable_reason="No meeting was recorded in the last 30 days, "
        "and nobody answered a notice of it."
    )


def _due_for_archives(question: UseQuestion) -> _Due | Unseen:
    settings = question.outcomes.get(SETTINGS)
    if not isinstance(settings, Document):
        return settings.unseen if settings is not None else NOT_REQUESTED
    switch = at_path(settings.body, "recording.archive.enable")
    if switch is False:
        return _Due(
            not_applicable_reason="Archiving is off, "
            "and nobody answered a notice of it in the last 30 days."
        )
    if switch is True:
        return _Due(what="archiving is on")
    return Unseen(Cause.ABSENT, "Zoom did not return whether archiving is on")


def _answers_in_meeting(question: UseQuestion, stored: StoredRows) -> LookupResult:
    """The answers of the participants of a past meeting to the AI notice, one string each."""
    if "idle" in stored.body:
        unseen = Unseen(Cause.ABSENT, "there was no meeting with AI")
        return LookupResult(
            unseen, stored.source, not_applicable_reason="No meeting used AI in the last 30 days."
        )
    counted: dict[str, JsonValue] = {
        str(row.get("answer")): number(row, "people") for row in stored.rows
    }
    silent = number(stored.body, "silent")
    texts = [
        text for row in stored.rows for text in [str(row.get("answer"))] * number(row, "people")
    ]
    incomplete: Unseen | None = None
    strange = sorted(set(counted) - set(AI_ANSWERS))
    if strange:
        detail = f"{strange[0][:80]!r} is not an answer that Zoom documents"
        incomplete = Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    elif silent:
        detail = f"Zoom did not return the answer of {silent} of {silent + len(texts)} participants"
        incomplete = Unseen(Cause.ABSENT, detail)
    if not texts:
        return LookupResult(
            incomplete or Unseen(Cause.ABSENT, "Zoom lists no participants"), stored.source
        )
    return LookupResult(
        Seen([*texts], question.setting),
        stored.source,
        shown=counted,
        incomplete=incomplete,
    )


def _archive_settings(setting: str) -> tuple[View, ...]:
    """The settings say whether notices of archiving were due."""
    return (SETTINGS,) if notice_kind(setting) == "archive" else ()


def _past_meetings(setting: str) -> tuple[Endpoint, ...]:
    """The report says whether notices of other kinds were due."""
    return (endpoints.HISTORY_MEETINGS,) if NOTICE_KINDS[notice_kind(setting)].features else ()


ANSWERED_NOTICES = Surface(
    name=DISCLAIMERS.surface,
    levels={Level.ACCOUNT: SurfaceLevel(endpoints.DISCLAIMERS)},
    read=_notice_answers,
    rows="answers",
    shape="answers",
    is_use=True,
    requires=_archive_settings,
    also=_past_meetings,
)
PARTICIPANTS = Surface(
    name=NOTICES.surface,
    levels={
        Level.MEETING: SurfaceLevel(
            endpoints.DASHBOARD_PARTICIPANTS,
            (endpoints.HISTORY_MEETINGS,),
            id_name="meetingId",
            fetch=_participants,
        )
    },
    read=_answers_in_meeting,
    rows="answers",
    shape="array",
    values=AI_ANSWERS,
    is_use=True,
    requires=lambda _: tuple(map(history, AI_FEATURES)),
)
