"""Answers to notices: the requests, the counts, and that no person is named."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from auditor.collect.disclaimers import months
from auditor.evidence.read_plan import DISCLAIMERS, WORKFLOWS, ReadPlan, history
from auditor.zoom.errors import Denied, Malformed, ScopeMissing, ZoomError
from tests.collect.surfaces import Zoom, account, cause, collected, read

REPORT = "/report/disclaimer"
PAST = "/report/history_meetings"
AI = ReadPlan(answered=("ai",))
RECORDING = ReadPlan(answered=("recording",))
REFUSED = Denied("GET /report/history_meetings", "No permission.", code=200)


def answer(status: object, kind: str | None = "summary", **fields: Any) -> dict[str, Any]:
    return {
        "disclaimer_status": status,
        "disclaimer_type": kind,
        "is_guest": False,
        "user_email": "SECRET@example.com",
        "display_name": "SECRET Person",
        "meeting_id": "SECRET-uuid==",
        "meeting_number": 99900011122,
        "time": "2026-11-20T09:10:00Z",
        "client_type": "SECRET client",
        "group_ids": ["SECRET-group"],
        **fields,
    }


def call(
    uuid: str,
    number: int = 1,
    start: str | None = "2026-11-20T09:00:00Z",
    end: str | None = "2026-11-20T09:45:00Z",
    used: bool = True,
) -> dict[str, Any]:
    return {
        "meeting_uuid": uuid,
        "meeting_id": number,
        "start_time": start,
        "end_time": end,
        "host_email": "SECRET-host@example.com",
        "feature_used": {"meeting_summary": used, "meeting_questions": False},
    }


def counted(
    *rows: dict[str, Any], calls: Sequence[dict[str, Any]] = (), reads: ReadPlan = AI
) -> Any:
    return account(read({REPORT: [*rows], PAST: [*calls]}, reads), DISCLAIMERS)


def test_answers_are_counted_by_notice_answer_and_guest() -> None:
    result = counted(
        answer("Agree"),
        answer("Agree"),
        answer("Passive Agree", is_guest=True),
        answer("Decline Attend", kind="query"),
        answer("Cancel", kind="AICompanion", is_guest=None),
    )
    assert result["answers"] == [
        {"notice": "AICompanion", "answer": "cancel", "guest": "unknown", "count": 1},
        {"notice": "query", "answer": "decline attend", "guest": "no", "count": 1},
        {"notice": "summary", "answer": "agree", "guest": "no", "count": 2},
        {"notice": "summary", "answer": "passive agree", "guest": "yes", "count": 1},
    ]


def test_nothing_personal_and_no_meeting_is_in_the_document() -> None:
    strange = answer("SECRET status", is_guest="SECRET", meeting_id=["SECRET"], user_email=None)
    snapshot = read({REPORT: [answer("Agree"), strange], PAST: [call("SECRET-uuid==")]}, AI)
    result = snapshot.evidence_of(next(iter(snapshot.scopes(snapshot.account().scope.level))))
    assert "SECRET" not in json.dumps(account(snapshot, DISCLAIMERS))
    assert history("meeting_summary") not in result.outcomes
    assert "SECRET" not in str(snapshot.meta("use"))


def test_equal_answers_are_equal_evidence_whoever_gave_them_and_when() -> None:
    one = counted(answer("Agree"), answer("Cancel"))
    other = counted(
        answer("Cancel", user_email="other@example.com", meeting_id="x", time="2026-11-01"),
        answer("agree", display_name="Other", meeting_number=5),
    )
    assert one == other


@pytest.mark.parametrize("status", ["", None, "Maybe", 7, ["Agree"], "ada@example.com"])
def test_an_answer_that_zoom_does_not_document_is_counted_as_such(status: object) -> None:
    assert counted(answer(status))["answers"] == [
        {"notice": "summary", "answer": "undocumented", "guest": "no", "count": 1}
    ]


def test_a_row_counts_once_even_if_the_filter_is_not_known() -> None:
    """An older API lists all rows for every requested type."""
    rows = [answer("Agree"), answer("Agree", kind="query"), answer("Agree", kind="joinMeeting")]
    rows += [answer("Agree", kind=None), {}]
    assert [row["count"] for row in counted(*rows)["answers"]] == [1, 1]


def test_each_type_is_asked_for_with_a_month_and_no_other() -> None:
    zoom = Zoom({REPORT: []})
    collected(zoom, ReadPlan(answered=("archive", "live_stream")))
    window = "from=2026-10-23&to=2026-11-21"
    assert sorted(zoom.requests) == [
        f"{REPORT}?{window}&disclaimer_type=archive",
        f"{REPORT}?{window}&disclaimer_type=liveStream",
    ]


def test_without_a_control_that_looks_at_them_answers_are_not_asked_for() -> None:
    zoom = Zoom({})
    collected(zoom, ReadPlan())
    assert zoom.times(REPORT) == 0


@pytest.mark.parametrize(
    ("first", "last", "stretches"),
    [
        ("2026-10-23", "2026-11-21", [("2026-10-23", "2026-11-21")]),
        ("2026-01-31", "2026-03-01", [("2026-01-31", "2026-02-28"), ("2026-03-01", "2026-03-01")]),
        ("2026-12-15", "2027-01-15", [("2026-12-15", "2027-01-15")]),
        ("2026-12-15", "2027-01-16", [("2026-12-15", "2027-01-15"), ("2027-01-16", "2027-01-16")]),
        ("2026-05-01", "2026-05-01", [("2026-05-01", "2026-05-01")]),
    ],
)
def test_no_request_is_about_more_than_a_month(
    first: str, last: str, stretches: list[tuple[str, str]]
) -> None:
    result = list(months(date.fromisoformat(first), date.fromisoformat(last)))
    assert [(str(start), str(end)) for start, end in result] == stretches


@pytest.mark.parametrize(
    "error",
    [
        ScopeMissing("GET /report/disclaimer", "does not contain scopes:[x]", code=4711),
        Denied("GET /report/disclaimer", "No permission.", code=200),
    ],
)
def test_a_refused_report_is_denied(error: ZoomError) -> None:
    assert cause(account(read({REPORT: error, PAST: []}, AI), DISCLAIMERS)) == "denied"


def test_pages_that_go_round_are_an_error_and_no_numbers() -> None:
    error = Malformed("GET /report/disclaimer", "its pages repeat: a page token came twice")
    assert cause(account(read({REPORT: error, PAST: []}, AI), DISCLAIMERS)) == "error"


# Meetings in which nobody answered


def test_a_meeting_with_ai_and_no_answer_is_counted() -> None:
    calls = [call("a=="), call("b==", number=2), call("c==", number=3, used=False)]
    result = counted(answer("Agree", meeting_id="a=="), calls=calls)
    assert result["ai_meetings"] == {"held": 2, "unanswered": 1, "unclear": 0}


@pytest.mark.parametrize("fields", [{"meeting_id": "", "meeting_number": 7}, {"meeting_id": "7"}])
def test_a_meeting_is_known_by_its_number_where_the_row_names_no_other(
    fields: dict[str, Any],
) -> None:
    row = {**answer("Agree"), "meeting_number": None, **fields}
    assert counted(row, calls=[call("a==", number=7)])["ai_meetings"]["unanswered"] == 0


def test_of_a_series_only_the_meeting_of_that_time_counts_as_answered() -> None:
    calls = [
        call("a==", 7),
        call("b==", 7, "2026-11-13T09:00:00Z", "2026-11-13T09:45:00Z"),
        call("c==", 7, "2026-11-06T09:00:00Z", "2026-11-06T09:45:00Z"),
    ]
    row = answer("Agree", meeting_id="", meeting_number=7, time="2026-11-13T08:50:00Z")
    assert counted(row, calls=calls)["ai_meetings"] == {"held": 3, "unanswered": 2, "unclear": 0}


def test_a_meeting_that_does_not_say_whether_it_used_ai_is_unclear() -> None:
    silent = {**call("a=="), "feature_used": None}
    assert counted(calls=[silent])["ai_meetings"] == {"held": 0, "unanswered": 0, "unclear": 2}


def test_if_past_meetings_are_refused_the_cause_is_kept() -> None:
    result = account(read({REPORT: [answer("Agree")], PAST: REFUSED}, AI), DISCLAIMERS)
    assert result["ai_meetings_missing"]["cause"] == "denied"
    assert "ai_meetings" not in result


def test_past_meetings_that_another_control_reads_are_asked_for_once() -> None:
    reads = ReadPlan(
        answered=("ai",), use={history("meeting_summary"): (), history("meeting_questions"): ()}
    )
    zoom = Zoom({REPORT: [answer("Agree", meeting_id="a==")], PAST: [call("a=="), call("b==")]})
    snapshot = collected(zoom, reads)
    assert zoom.times(PAST) == 2
    numbers = account(snapshot, DISCLAIMERS)["ai_meetings"]
    assert numbers == {"held": 2, "unanswered": 1, "unclear": 0}
    assert "calls" not in json.loads(snapshot.meta("use") or "{}")


def test_whether_meetings_were_recorded_is_asked_only_where_nobody_answered() -> None:
    zoom = Zoom({REPORT: [answer("Agree", kind="recording")]})
    collected(zoom, RECORDING)
    assert zoom.times(PAST) == 0
    recorded = {**call("a=="), "feature_used": {"record_to_cloud": True}}
    assert counted(calls=[recorded], reads=RECORDING)["recordings"] == 2
    none = {**call("a=="), "feature_used": {"record_to_cloud": False, "record_to_computer": False}}
    assert counted(calls=[none], reads=RECORDING)["recordings"] == 0
    result = account(read({REPORT: [], PAST: REFUSED}, RECORDING), DISCLAIMERS)
    assert result["recordings_missing"]["cause"] == "denied"


# Workflows


class Granted(Zoom):
    """An account whose app has the scope for workflows."""

    def authenticate(self) -> frozenset[str]:
        return frozenset({"workflow:read:list_definitions:admin"})


FLOWS = {"/ai/workflows/flows": [{"id": "f1", "name": "Escalations", "owner": "SECRET"}, {}]}


def test_workflows_are_read_where_the_app_was_given_the_scope() -> None:
    result = account(collected(Granted(FLOWS), ReadPlan(use={WORKFLOWS: ()})), WORKFLOWS)
    assert result == {"workflows": [{"id": "", "name": ""}, {"id": "f1", "name": "Escalations"}]}


def test_without_the_scope_workflows_are_not_asked_for() -> None:
    zoom = Zoom(FLOWS)
    snapshot = collected(zoom, ReadPlan(use={WORKFLOWS: ()}))
    assert zoom.times("/ai/workflows/flows") == 0
    assert WORKFLOWS not in snapshot.account().outcomes
